"""What can be wrong: each a message with file, and line or table; a status that is not 0; and nothing half loaded."""

import gzip
import os
import resource
import signal
import time

import psycopg
import pytest
from conftest import nothing_loaded
from experiment import MAP, Experiment, loaded, write, write_sqlite
from test_policies import waiting


@pytest.fixture
def map(tmp_path):
    path = tmp_path / "map.sql"
    path.write_text(MAP)
    return path


@pytest.fixture
def objects():
    return Experiment(images=1).objects


@pytest.fixture
def refused(cbload, db, map):
    """Load, and see that nothing is there; gives the message."""
    def run(source, *options, **more):
        ended = cbload(source, *(options or ["--map", map]), **more)
        assert ended.status == 1 and ended.out == "" and nothing_loaded(db)
        assert ended.err.startswith(f"cbload: {source}: ") and ended.err.count("\n") == 1
        return ended.err
    return run


def test_truncated_gz(refused, objects, tmp_path):
    """At whatever place; also where half of the lines are whole."""
    whole = gzip.compress(write(tmp_path / "s.csv", objects * 50).read_bytes())
    for length in len(whole) // 2, len(whole) - 9, len(whole) - 1, 30:
        (tmp_path / "s.csv.gz").write_bytes(whole[:length])
        assert "s.csv.gz: it is damaged or not complete: compressed file ended" in refused(tmp_path / "s.csv.gz")


def test_damaged_gz(refused, objects, tmp_path):
    for position in -5, -20, 200:
        whole = bytearray(gzip.compress(write(tmp_path / "s.csv", objects).read_bytes()))
        whole[position] ^= 0xFF
        (tmp_path / "s.csv.gz").write_bytes(whole)
        assert "s.csv.gz" in refused(tmp_path / "s.csv.gz")


def test_missing_compartment(refused, tmp_path):
    folder = Experiment().folder(tmp_path / "plate")
    (folder / "Nuclei.csv").unlink()
    assert "there is no file for table Nuclei: no Nuclei.csv" in refused(folder, "--preset", "cellprofiler_csv")
    database = write_sqlite(tmp_path / "plate.sqlite", {"Per_Image": [{"ImageNumber": 1}], "Per_Cells": [{"ImageNumber": 1}]})
    assert "there is no table Per_Nuclei; there are Per_Cells, Per_Image" in refused(database, "--preset", "cellprofiler_sqlite")


def test_two_files_for_a_table(refused, tmp_path):
    folder = Experiment().folder(tmp_path / "plate", prefix="A_")
    write(folder / "B_Nuclei.csv", Experiment().nuclei)
    assert "several files may be table Nuclei: A_Nuclei.csv, B_Nuclei.csv" in refused(folder, "--preset", "cellprofiler_csv")


def test_missing_column(refused, objects, tmp_path):
    for row in objects:
        del row["Location_Center_Y"], row["CD8 Positive"]
    for source in write(tmp_path / "s.csv", objects), write(tmp_path / "s.parquet", objects):
        assert f"{source.name}: there is no column Location_Center_Y, CD8 Positive" in refused(source)
    assert "table objects: there is no column Location_Center_Y, CD8 Positive" in refused(write_sqlite(tmp_path / "s.sqlite", {"objects": objects}))


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
@pytest.mark.parametrize("column, missing, reason", [
    ("Location_Center_X", "nan", "no centroid"), ("Location_Center_Y", None, "no centroid"), ("Location_Center_X", float("inf"), "a centroid outside the range of integer"),
    ("Location_Center_X", 3e9, "a centroid outside the range of integer"), ("Intensity_MeanIntensity_CD3", float("nan"), "a feature that is unknown"), ("CD8 Positive", None, "a feature that is unknown"),
])
def test_invalid_cells(form, column, missing, reason, refused, cbload, db, objects, map, tmp_path):
    objects[3][column] = objects[17][column] = float("nan") if missing == "nan" and form == "parquet" else missing
    source = write_sqlite(tmp_path / "s.sqlite", {"objects": objects}) if form == "sqlite" else write(tmp_path / f"s.{form}", objects)
    message = refused(source)
    assert f'2 with {reason} (first: cell 4 of sample "s_1")' in message and "--skip-invalid" in message
    ended = cbload(source, "--map", map, "--skip-invalid")
    assert ended.status == 0 and f"skipped: 2 cells with {reason}" in ended.out
    assert [row[1] for row in loaded(db)] == [number for number in range(1, 41) if number not in (4, 18)]
    assert db.execute("SELECT cells, skipped FROM cells_source").fetchone() == (38, {reason: 2})


def test_duplicate_object(refused, objects, tmp_path):
    objects[9] = objects[4]
    for source in write(tmp_path / "s.csv", objects), write_sqlite(tmp_path / "s.sqlite", {"objects": objects}):
        assert "ImageNumber 1, ObjectNumber 5 is there twice" in refused(source)


def test_duplicate_cell_of_a_join(refused, tmp_path):
    experiment = Experiment(images=1)
    experiment.cytoplasm.append(experiment.cytoplasm[0] | {"ObjectNumber": 999})
    assert 'cell 1 of sample "P1_A01_1" comes out twice' in refused(experiment.folder(tmp_path / "plate"), "--preset", "cellprofiler_csv")


def test_not_numeric(refused, objects, tmp_path):
    objects[6]["Location_Center_X"] = "12,5"
    assert 's.csv: line 8: column Location_Center_X: "12,5" is not a number' in refused(write(tmp_path / "s.csv", objects))
    assert 'table objects: row 7, column Location_Center_X: "12,5" is not a number' in refused(write_sqlite(tmp_path / "s.sqlite", {"objects": objects}))
    for row in objects:
        row["Location_Center_X"] = str(row["Location_Center_X"])
    assert 's.parquet: column Location_Center_X: "12,5" is not a number' in refused(write(tmp_path / "s.parquet", objects))


def test_text_that_is_a_number_in_sqlite(cbload, db, objects, map, tmp_path):
    expected = [row["Location_Center_X"] for row in objects]
    for row in objects[::2]:
        row["Location_Center_X"] = str(row["Location_Center_X"])
    assert cbload(write_sqlite(tmp_path / "s.sqlite", {"objects": objects}), "--map", map).status == 0
    assert [row[2] for row in loaded(db)] == expected


def test_forms_agree(cbload, db, map, tmp_path):
    """Numbers and nothing as text, and whether one is positive, as CSV, SQLite and Parquet write them."""
    map.write_text("""CREATE TABLE r (i BIGINT, site VARCHAR, flag BOOLEAN, big BIGINT);
        SELECT coalesce(site, 'none') AS sample, i AS cell_id, i AS x, i AS y, coalesce(flag, false) AS "f" FROM r""")
    rows = [{"i": 1.0, "site": 7.0, "flag": 1.0, "big": 9007199254740991}, {"i": 2.0, "site": None, "flag": None, "big": None}, {"i": 3.0, "site": 2.5, "flag": 0.0, "big": 1}]
    text = [{name: "" if value is None else f"{value:g}" if name == "site" else value for name, value in row.items()} for row in rows]
    for number, path in enumerate([write(tmp_path / "r.csv", text), write(tmp_path / "r.parquet", rows), write_sqlite(tmp_path / "r.sqlite", {"r": rows}), write_sqlite(tmp_path / "t.sqlite", {"r": text})]):
        ended = cbload(path, "--map", map, "--table", f"t{number}")
        assert ended.status == 0, ended.err
        assert loaded(db, f"t{number}") == [("2.5", 3, 3.0, 3.0, 0), ("7", 1, 1.0, 1.0, 1), ("none", 2, 2.0, 2.0, 0)]
    rows[0]["big"] = 9007199254740993
    for path in write(tmp_path / "b.csv", [{name: "" if value is None else value for name, value in row.items()} for row in rows]), write_sqlite(tmp_path / "b.sqlite", {"r": rows}):
        ended = cbload(path, "--map", map, "--table", "big")
        assert ended.status == 1 and "is not an integer" in ended.err


def test_numbers_that_only_python_takes(refused, objects, tmp_path):
    for value in "1_000", b"12.5":
        objects[6]["Location_Center_X"] = value
        assert "row 7, column Location_Center_X" in refused(write_sqlite(tmp_path / f"{type(value).__name__}.sqlite", {"objects": objects}))


def test_columns_of_one_name_in_parquet(refused, objects, tmp_path):
    assert "column objectnumber is there twice" in refused(write(tmp_path / "s.parquet", [row | {"objectnumber": 1} for row in objects]))


def test_an_interrupt_while_a_large_file_is_hashed(process, db, map, tmp_path):
    with (tmp_path / "zeros.csv").open("wb") as file:
        file.write(b"ImageNumber,ObjectNumber\n")
        file.truncate(8 << 30)       # of which the disk has nothing
    started = process(tmp_path / "zeros.csv", "--map", map)
    for _ in range(200):
        if db.execute("SELECT to_regclass('cells_source')").fetchone()[0]:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    started.send_signal(signal.SIGTERM)
    assert started.wait(10) in (130, 1)


def test_not_an_integer(refused, objects, tmp_path):
    objects[6]["ObjectNumber"] = 1.5
    for name in "s.csv", "s.sqlite", "s.parquet":
        for row in objects:
            row["ObjectNumber"] = float(row["ObjectNumber"])
        source = write_sqlite(tmp_path / name, {"objects": objects}) if name.endswith("sqlite") else write(tmp_path / name, objects)
        assert 'column ObjectNumber: "1.5" is not an integer' in refused(source)


@pytest.mark.parametrize("form", ["csv", "sqlite", "parquet"])
def test_a_positive_that_is_neither_0_nor_1(form, refused, objects, tmp_path):
    objects[6]["CD8 Positive"] = 2
    source = write_sqlite(tmp_path / "s.sqlite", {"objects": objects}) if form == "sqlite" else write(tmp_path / f"s.{form}", objects)
    assert 'CD8 Positive: "2" is not true or false, 1 or 0' in refused(source)


def test_no_object_number(refused, objects, tmp_path):
    objects[6]["ObjectNumber"] = ""
    assert "s.csv: row 7 has no ObjectNumber" in refused(write(tmp_path / "s.csv", objects))


def test_wrong_encoding(refused, cbload, db, objects, tmp_path):
    map = tmp_path / "well.sql"
    map.write_text(MAP.replace("ImageNumber BIGINT,", "ImageNumber BIGINT, Well VARCHAR,", 1).replace("|| ImageNumber", "|| Well"))
    objects = [row | {"Well": "Prüfung"} for row in objects]
    source = write(tmp_path / "s.csv", objects, encoding="latin-1")
    assert "s.csv: it is not in UTF-8" in refused(source, "--map", map)
    assert cbload(source, "--map", map, "--encoding", "latin-1").status == 0
    assert cbload(write(tmp_path / "u.csv", objects, encoding="utf-16"), "--map", map, "--encoding", "utf-16").status == 0
    assert cbload(write(tmp_path / "b.csv", objects, encoding="utf-8-sig"), "--map", map).status == 0
    assert {row[0] for row in loaded(db)} == {"s_Prüfung", "u_Prüfung", "b_Prüfung"}


def test_empty_files(refused, cbload, db, objects, map, tmp_path):
    (tmp_path / "s.csv").touch()
    assert "s.csv is empty" in refused(tmp_path / "s.csv")
    (tmp_path / "blank.csv").write_text("\n\n")
    assert "blank.csv" in refused(tmp_path / "blank.csv")
    write(tmp_path / "header.csv", objects)
    (tmp_path / "header.csv").write_text((tmp_path / "header.csv").read_text().splitlines()[0] + "\n")
    ended = cbload(tmp_path / "header.csv", "--map", map)
    assert ended.status == 0 and "header.csv: 0 cells loaded" in ended.out


def test_no_table_at_all(refused, tmp_path):
    for content in b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, b"PAR1 is not all of it", b"SQLite format 3\0" + b"x" * 5000:
        (tmp_path / "s.csv").write_bytes(content)
        assert "s.csv" in refused(tmp_path / "s.csv")


def test_a_column_that_is_there_twice(refused, cbload, db, objects, map, tmp_path):
    source = write(tmp_path / "s.csv", [row | {"a": 1, "b": 2} for row in objects])
    source.write_text(source.read_text().replace(",a,b\n", ",a,A\n", 1))
    assert cbload(source, "--map", map, "--check").status == 0      # not one that is needed
    source.write_text(source.read_text().replace(",a,A\n", ",a,Objectnumber\n", 1))
    assert "s.csv: column Objectnumber is there twice" in refused(source)


def test_a_line_of_other_length(refused, objects, tmp_path):
    source = write(tmp_path / "s.csv", objects)
    lines = source.read_text().splitlines()
    source.write_text("\n".join([*lines[:10], "1,2,3", *lines[10:]]) + "\n")
    assert "s.csv: line 11: 3 columns where the header has 6" in refused(source)
    source.write_text("\n".join(lines)[:-20])       # broken off
    assert "s.csv: line 41" in refused(source)


def test_samples_and_ids(refused, objects, tmp_path):
    map = tmp_path / "other.sql"
    for expression, reason in ("CASE WHEN ObjectNumber > 1 THEN 'a' END", "no sample"), ("''", "no sample"):
        map.write_text(MAP.replace("getvariable('source') || '_' || ImageNumber", expression))
        assert f"with {reason}" in refused(write(tmp_path / "s.csv", objects), "--map", map)
    map.write_text(MAP.replace("ObjectNumber AS", "ObjectNumber - 2 AS"))
    assert "1 with a cell_id outside 0 ... 4294967295 (first: cell -1 of sample" in refused(write(tmp_path / "s.csv", objects), "--map", map)


@pytest.fixture
def gate(db, cbload, map, tmp_path):
    """The tables, with a gate at cell 30 that is shut; COPY is in the midst of its rows when it waits there."""
    assert cbload(write(tmp_path / "before.csv", Experiment(images=1, cells=20, seed=9).objects), "--map", map).status == 0
    db.execute("""CREATE TABLE gate ();
        CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN LOCK TABLE made.gate IN SHARE MODE; RETURN NEW; END';
        CREATE TRIGGER gate BEFORE INSERT ON cells FOR EACH ROW WHEN (NEW.cell_id = 30) EXECUTE FUNCTION wait_at_gate()""")
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE made.gate IN ACCESS EXCLUSIVE MODE")
        yield holder


def as_before(db) -> bool:
    return db.execute("SELECT (SELECT count(*) FROM cells), (SELECT count(*) FROM cells_source), (SELECT count(*) FROM cells_sample)").fetchone() == (20, 1, 1)


def no_sessions(db) -> bool:
    for _ in range(200):
        if not db.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cbload'").fetchone()[0]:
            return True
        time.sleep(0.05)
    return False


def test_killed_loader(gate, process, db, map, objects, tmp_path):
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    waiting(db, 1)
    started.kill()
    started.wait()
    gate.rollback()
    assert no_sessions(db) and as_before(db)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(number, gate, process, db, map, objects, tmp_path):
    started = process(write(tmp_path / "s.csv", objects), "--map", map, env=os.environ | {"TMPDIR": str(tmp_path)}, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    waiting(db, 1)
    started.send_signal(number)
    assert started.wait(20) == 130
    assert started.stderr.read() == "cbload: interrupted; what is not reported above is not loaded\n"
    assert no_sessions(db) and as_before(db) and not list(tmp_path.glob("cbload.*"))


def test_a_hangup_under_nohup(gate, process, db, map, objects, tmp_path):
    """Whose SIGHUP is ignored; other signals are not."""
    started = process(write(tmp_path / "s.csv", objects), "--map", map, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    waiting(db, 1)
    started.send_signal(signal.SIGHUP)
    gate.rollback()
    assert started.wait(30) == 0 and started.stderr.read() == "" and not as_before(db)


@pytest.fixture
def committing(cbload, process, db, map, objects, tmp_path):
    """cbload, while its COMMIT takes for ever, whether it is cancelled or not."""
    assert cbload(write(tmp_path / "before.csv", Experiment(images=1, cells=20, seed=9).objects), "--map", map).status == 0
    db.execute("""CREATE FUNCTION for_ever() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN END; END LOOP; END';
        CREATE CONSTRAINT TRIGGER for_ever AFTER INSERT ON cells_source DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION for_ever()""")
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    for _ in range(300):
        if db.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cbload' AND wait_event = 'PgSleep'").fetchone()[0]:
            break
        time.sleep(0.05)
    yield started
    db.execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name = 'cbload'")


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_connection_that_dies_in_commit(interrupted, committing, db):
    """Nobody knows whether the server has committed."""
    if interrupted:
        committing.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cbload' AND wait_event = 'PgSleep'")
    assert committing.wait(30) == (130 if interrupted else 1)
    message, *more = committing.stderr.read().splitlines()
    assert "s.csv: its transaction was being committed: it may be loaded (terminating connection" in message
    assert more == (["cbload: interrupted; what is not reported above is not loaded"] if interrupted else [])


def test_a_commit_without_an_answer(committing):
    committing.send_signal(signal.SIGTERM)
    assert committing.wait(30) == 130
    first, *more = committing.stderr.read().splitlines()
    assert "s.csv: its transaction was being committed: it may be loaded" in first
    assert more == ["cbload: interrupted; what is not reported above is not loaded"]


def test_session_that_is_ended(gate, process, db, map, objects, tmp_path):
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    waiting(db, 1)
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cbload'")
    assert started.wait(20) == 1 and "s.csv: " in (message := started.stderr.read()) and "Traceback" not in message
    assert as_before(db)


def test_full_disk_of_the_server(cbload, db, map, objects, tmp_path):
    source = write(tmp_path / "s.csv", objects)
    assert cbload(write(tmp_path / "before.csv", Experiment(images=1, cells=20, seed=9).objects), "--map", map).status == 0
    db.execute("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON cells FOR EACH ROW WHEN (NEW.cell_id = 30) EXECUTE FUNCTION full_disk()""")
    ended = cbload(source, "--map", map)
    assert ended.status == 1 and 's.csv: could not extend file "base/5/16384": No space left on device' in ended.err and as_before(db)


def test_full_disk_of_the_loader(process, db, tmp_path):
    """Where DuckDB puts what does not fit into its memory; here the size of a file is limited instead."""
    map = tmp_path / "big.sql"
    map.write_text("CREATE TABLE r (i BIGINT, t VARCHAR); SELECT 's' AS sample, i AS cell_id, i AS x, length(t) AS y FROM r ORDER BY t DESC")
    with (tmp_path / "r.csv").open("w") as file:
        file.write("i,t\n")
        file.writelines(f"{number},{number * 7919 % 1000003:060}\n" for number in range(1_000_000))
    limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)))
    started = process(tmp_path / "r.csv", "--map", map, "--memory", "64MB", preexec_fn=limit, env=os.environ | {"TMPDIR": str(tmp_path)})
    out, err = started.communicate()
    assert started.returncode == 1 and "r.csv: " in err and "Traceback" not in err and ("File too large" in err or "memory" in err), err
    assert nothing_loaded(db) and not list(tmp_path.glob("cbload.*"))


def test_server_out_of_reach(cbload, map, objects, tmp_path):
    ended = cbload(write(tmp_path / "s.csv", objects), "--map", map, "--server", "host=/nowhere")
    assert ended.status == 1 and "/nowhere" in ended.err and "Traceback" not in ended.err


def test_what_a_killed_loader_left_is_removed(cbload, objects, map, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, young, other = (tmp_path / f"cbload.{name}" for name in ("left", "young", "backup"))
    for folder in left, young, other:
        (folder / "spill").mkdir(parents=True)
    for folder in left, young:
        (folder / ".made by cbload").touch()
    for folder in left, other:
        os.utime(folder, (0, 0))
    assert cbload(write(tmp_path / "s.csv", objects), "--map", map, "--check").status == 0
    assert not left.exists() and young.exists() and other.exists()


def test_wrong_use(cbload, map, tmp_path):
    for arguments, message in {
        (): "give --preset NAME", ("x.csv", "--preset", "none"): "there is no preset none; there are cell_health_csv", ("x.csv", "--map", "none.sql"): "none.sql: No such file",
        ("--map", map): "give a source", ("none.csv", "--map", map): "none.csv: there is no such file or folder", (map, map, "--map", map): "is given twice",
        (map, "--map", map, "--jobs", "40"): "--memory must be at least 64MB for each job", (map, tmp_path, "--map", map, "--name", "x"): "--name is for one source",
    }.items():
        ended = cbload(*arguments)
        assert ended.status == 2 and message in ended.err and ended.out == "", ended
