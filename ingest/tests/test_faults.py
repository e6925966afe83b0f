"""Faults: each causes a message with file and line or table, a nonzero status, and no cells."""

import gzip
import os
import resource
import signal
import time

import psycopg
import pytest
from conftest import (
    INTERRUPTED, as_before, nothing_loaded, sessions, terminate, until, wait_for_end,
    wait_for_locks,
)
from experiment import MAP, Experiment, loaded, write, write_sqlite


@pytest.fixture
def objects():
    return Experiment(images=1).objects


@pytest.fixture
def refused(cbload, db, map):
    """Run cbload, check that it refuses the source and loads nothing, and return the message."""
    def run(source, *options):
        ended = cbload(source, *(options or ["--map", map]))
        assert ended.status == 1 and ended.out == "" and nothing_loaded(db)
        assert ended.err.startswith(f"cbload: {source}: ") and ended.err.count("\n") == 1
        return ended.err
    return run


def test_truncated_gz(refused, objects, tmp_path):
    """A file is truncated in various places, also where half of the lines are complete."""
    whole = gzip.compress(write(tmp_path / "s.csv", objects * 50).read_bytes())
    for length in len(whole) // 2, len(whole) - 9, len(whole) - 1, 30:
        (tmp_path / "s.csv.gz").write_bytes(whole[:length])
        message = refused(tmp_path / "s.csv.gz")
        assert "s.csv.gz: the file is damaged or incomplete: compressed file ended" in message


def test_damaged_gz(refused, objects, tmp_path):
    whole = gzip.compress(write(tmp_path / "s.csv", objects).read_bytes())
    for position in -5, -20, 200:
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        (tmp_path / "s.csv.gz").write_bytes(damaged)
        assert "s.csv.gz" in refused(tmp_path / "s.csv.gz")


def test_missing_compartment(refused, tmp_path):
    folder = Experiment().folder(tmp_path / "plate")
    (folder / "Nuclei.csv").unlink()
    message = refused(folder, "--preset", "cellprofiler_csv")
    assert "there is no file for table Nuclei: no Nuclei.csv" in message
    tables = {"Per_Image": [{"ImageNumber": 1}], "Per_Cells": [{"ImageNumber": 1}]}
    database = write_sqlite(tmp_path / "plate.sqlite", tables)
    message = refused(database, "--preset", "cellprofiler_sqlite")
    assert "there is no table Per_Nuclei; the tables are: Per_Cells, Per_Image" in message


def test_two_files_for_a_table(refused, tmp_path):
    folder = Experiment().folder(tmp_path / "plate", prefix="A_")
    write(folder / "B_Nuclei.csv", Experiment().nuclei)
    message = refused(folder, "--preset", "cellprofiler_csv")
    assert "several files match table Nuclei: A_Nuclei.csv, B_Nuclei.csv" in message


def test_missing_column(refused, objects, tmp_path):
    for row in objects:
        del row["Location_Center_Y"], row["CD8 Positive"]
    missing = "there is no column Location_Center_Y, CD8 Positive; similar columns: "
    for form, place in {"csv": "s.csv", "parquet": "s.parquet", "sqlite": "table objects"}.items():
        message = refused(write(tmp_path / f"s.{form}", objects))
        assert f"{place}: {missing}Location_Center_X" in message


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_invalid_cells(form, refused, cbload, db, objects, map, tmp_path):
    """Two cells with each kind of fault."""
    faults = [
        ("Location_Center_X", float("nan") if form == "parquet" else "nan"),
        ("Location_Center_Y", None),
        ("Location_Center_X", float("inf")),
        ("Location_Center_X", 3e9),
        ("Intensity_MeanIntensity_CD3", float("nan")),
        ("CD8 Positive", None),
    ]
    for number, (column, value) in enumerate(faults):
        objects[3 + number][column] = objects[17 + number][column] = value
    source = write(tmp_path / f"s.{form}", objects)
    expected = {
        "a centroid outside the range of integer": 6, "a feature that is NULL": 8, "no centroid": 4,
    }
    message = refused(source)
    for reason, first in expected.items():
        assert f'4 with {reason} (first: cell {first} of sample "s_1")' in message
    assert "--skip-invalid" in message
    ended = cbload(source, "--map", map, "--skip-invalid")
    assert ended.status == 0
    assert all(f"skipped: 4 cells with {reason}" in ended.out for reason in expected)
    faulty = {*range(4, 10), *range(18, 24)}
    assert [row[1] for row in loaded(db)] == sorted({*range(1, 41)} - faulty)
    skipped = dict.fromkeys(expected, 4)
    assert db.execute("SELECT cells, skipped FROM cells_source").fetchone() == (28, skipped)


def test_duplicate_object(refused, objects, tmp_path):
    objects[9] = objects[4]
    for name in "s.csv", "s.sqlite":
        message = refused(write(tmp_path / name, objects))
        assert "ImageNumber 1, ObjectNumber 5 is there twice" in message


def test_duplicate_cell_of_a_join(refused, tmp_path):
    experiment = Experiment(images=1)
    experiment.cytoplasm.append(experiment.cytoplasm[0] | {"ObjectNumber": 999})
    message = refused(experiment.folder(tmp_path / "plate"), "--preset", "cellprofiler_csv")
    assert 'the map makes cell 1 of sample "P1_A01_1" twice' in message


def test_not_numeric(refused, objects, tmp_path):
    objects[6]["Location_Center_X"] = "12,5"
    reason = 'column Location_Center_X: "12,5" is not a number'
    assert f"s.csv: line 8: {reason}" in refused(write(tmp_path / "s.csv", objects))
    assert f"table objects: row 7, {reason}" in refused(write(tmp_path / "s.sqlite", objects))
    for row in objects:
        row["Location_Center_X"] = str(row["Location_Center_X"])
    assert f"s.parquet: row 7, {reason}" in refused(write(tmp_path / "s.parquet", objects))


def test_text_that_is_a_number_in_sqlite(cbload, db, objects, map, tmp_path):
    expected = [row["Location_Center_X"] for row in objects]
    for row in objects[::2]:
        row["Location_Center_X"] = str(row["Location_Center_X"])
    assert cbload(write(tmp_path / "s.sqlite", objects), "--map", map).status == 0
    assert [row[2] for row in loaded(db)] == expected


def test_forms_agree(cbload, db, map, tmp_path):
    """CSV, SQLite and Parquet give the same cells for numbers, NULL as text, and booleans."""
    map.write_text(
        """CREATE TABLE objects (i BIGINT, site VARCHAR, flag BOOLEAN, big BIGINT);
        SELECT coalesce(site, 'none') AS sample, i AS cell_id, i AS x, i AS y,
            coalesce(flag, false) AS "f" FROM objects""")
    rows = [
        {"i": 1.0, "site": 7.0, "flag": 1.0, "big": 9007199254740991},
        {"i": 2.0, "site": None, "flag": None, "big": None},
        {"i": 3.0, "site": 2.5, "flag": 0.0, "big": 1},
    ]

    def empty_for_none(rows):
        return [{name: "" if value is None else value for name, value in row.items()}
                for row in rows]

    text = empty_for_none(rows)
    for row in text:
        row["site"] = f"{row['site']:g}" if row["site"] else ""
    contents = {"r.csv": text, "r.parquet": rows, "r.sqlite": rows, "t.sqlite": text}
    for number, (name, content) in enumerate(contents.items()):
        ended = cbload(write(tmp_path / name, content), "--map", map, "--table", f"t{number}")
        assert ended.status == 0, ended.err
        assert loaded(db, f"t{number}") == [
            ("2.5", 3, 3.0, 3.0, 0), ("7", 1, 1.0, 1.0, 1), ("none", 2, 2.0, 2.0, 0)]


@pytest.mark.parametrize("type", ["BIGINT", "UBIGINT", "HUGEINT", "VARCHAR"])
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "sqlite"])
def test_large_integers_are_exact(form, type, cbload, db, map, tmp_path):
    """None goes through a DOUBLE, which has 53 bits."""
    numbers = [2317032900000100001, 9007199254740993, 9223372036854775807, 5]
    map.write_text(
        f"""CREATE TABLE t (i BIGINT, id {type} PRIMARY KEY);
        SELECT id::VARCHAR AS sample, i AS cell_id, 1 AS x, 1 AS y FROM t""")
    rows = [{"i": i, "id": number} for i, number in enumerate(numbers)]
    assert cbload(write(tmp_path / f"s.{form}", rows), "--map", map).status == 0
    assert sorted(row[0] for row in loaded(db)) == sorted(str(number) for number in numbers)


def test_large_numbers_that_are_no_integers(refused, map, tmp_path):
    map.write_text(
        """CREATE TABLE t (i BIGINT, id BIGINT);
        SELECT id::VARCHAR AS sample, i AS cell_id, 1 AS x, 1 AS y FROM t""")
    for value in "9223372036854775808", "12345678901234567.5", "1e17":
        rows = [{"i": 1, "id": "9007199254740993"}, {"i": 2, "id": value}]
        message = f'column id: "{value}" is not an integer'
        assert f"s.csv: line 3: {message}" in refused(write(tmp_path / "s.csv", rows))
        assert f"row 2, {message}" in refused(write(tmp_path / "s.sqlite", rows))
        (tmp_path / "s.sqlite").unlink()


def test_numbers_that_only_python_accepts(refused, objects, tmp_path):
    for number, value in enumerate(["1_000", b"12.5"]):
        objects[6]["Location_Center_X"] = value
        message = refused(write(tmp_path / f"s{number}.sqlite", objects))
        assert "row 7, column Location_Center_X" in message


def test_columns_of_one_name_in_parquet(refused, cbload, objects, map, tmp_path):
    """An exactly equal name is taken; otherwise, the values must be equal."""
    source = write(tmp_path / "s.parquet", [row | {"objectnumber": 1} for row in objects])
    assert cbload(source, "--map", map, "--check").status == 0
    rows = [{"OBJECTNUMBER" if name == "ObjectNumber" else name: value
             for name, value in row.items()} | {"objectnumber": 1} for row in objects]
    source = write(tmp_path / "t.parquet", rows)
    assert 'row 2, columns OBJECTNUMBER and objectnumber: "2" and "1" differ' in refused(source)


def test_an_interrupt_while_a_large_file_is_hashed(process, db, map, tmp_path):
    with (tmp_path / "zeros.csv").open("wb") as file:
        file.write(b"ImageNumber,ObjectNumber\n")
        file.truncate(8 << 30)       # a hole, which takes no space on the disk
    started = process(tmp_path / "zeros.csv", "--map", map)
    until(lambda: db.execute("SELECT to_regclass('cells_source')").fetchone()[0])
    time.sleep(0.3)
    started.send_signal(signal.SIGTERM)
    assert started.wait(10) in (130, 1)


def test_not_an_integer(refused, objects, tmp_path):
    objects[6]["ObjectNumber"] = 1.5
    for row in objects:
        row["ObjectNumber"] = float(row["ObjectNumber"])
    for name in "s.csv", "s.sqlite", "s.parquet":
        message = refused(write(tmp_path / name, objects))
        assert 'column ObjectNumber: "1.5" is not an integer' in message


@pytest.mark.parametrize("form", ["csv", "sqlite", "parquet"])
def test_a_boolean_that_is_neither_0_nor_1(form, refused, objects, tmp_path):
    objects[6]["CD8 Positive"] = 2
    message = refused(write(tmp_path / f"s.{form}", objects))
    assert 'CD8 Positive: "2" is not true or false, 1 or 0' in message


def test_no_object_number(refused, objects, tmp_path):
    objects[6]["ObjectNumber"] = ""
    assert "s.csv: line 8 has no ObjectNumber" in refused(write(tmp_path / "s.csv", objects))


def test_wrong_encoding(refused, cbload, db, objects, map, tmp_path):
    map.write_text(
        MAP.replace("ImageNumber BIGINT,", "ImageNumber BIGINT, Well VARCHAR,", 1)
        .replace("|| ImageNumber", "|| Well"))
    objects = [row | {"Well": "Prüfung"} for row in objects]
    source = write(tmp_path / "s.csv", objects, encoding="latin-1")
    message = 's.csv: line 2: column Well: "Prüfung" is not in UTF-8: give the encoding'
    assert message in refused(source)
    assert cbload(source, "--map", map, "--encoding", "latin-1").status == 0
    for name, encoding, options in (
        ("u.csv", "utf-16", ["--encoding", "utf-16"]), ("b.csv", "utf-8-sig", []),
    ):
        source = write(tmp_path / name, objects, encoding=encoding)
        assert cbload(source, "--map", map, *options).status == 0
    assert {row[0] for row in loaded(db)} == {"s_Prüfung", "u_Prüfung", "b_Prüfung"}


def test_empty_files(refused, cbload, db, objects, map, tmp_path):
    (tmp_path / "s.csv").touch()
    assert "s.csv is empty" in refused(tmp_path / "s.csv")
    (tmp_path / "blank.csv").write_text("\n\n")
    assert "blank.csv" in refused(tmp_path / "blank.csv")
    source = write(tmp_path / "header.csv", objects)
    source.write_text(source.read_text().splitlines()[0] + "\n")
    ended = cbload(source, "--map", map)
    assert ended.status == 0 and "header.csv: 0 cells loaded" in ended.out


def test_files_that_are_no_tables(refused, tmp_path):
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
    for content in png, b"PAR1 is not all of it", b"SQLite format 3\0" + b"x" * 5000:
        (tmp_path / "s.csv").write_bytes(content)
        assert "s.csv" in refused(tmp_path / "s.csv")


def test_a_repeated_column(refused, cbload, db, objects, map, tmp_path):
    source = write(tmp_path / "s.csv", [row | {"a": 1, "b": 2} for row in objects])
    source.write_text(source.read_text().replace(",a,b\n", ",a,A\n", 1))
    assert cbload(source, "--map", map, "--check").status == 0      # the map does not need it
    source.write_text(source.read_text().replace(",a,A\n", ",a,ObjectNumber\n", 1))
    message = 's.csv: line 2: columns ObjectNumber and ObjectNumber: "1" and "2" differ'
    assert message in refused(source)
    equal = [row | {"a": row["ObjectNumber"]} for row in objects]
    source = write(tmp_path / "equal.csv", equal)
    source.write_text(source.read_text().replace(",a\n", ",ObjectNumber\n", 1))
    assert cbload(source, "--map", map).status == 0 and len(loaded(db)) == len(objects)


def test_a_line_of_another_length(refused, objects, tmp_path):
    source = write(tmp_path / "s.csv", objects)
    lines = source.read_text().splitlines()
    source.write_text("\n".join([*lines[:10], "1,2,3", *lines[10:]]) + "\n")
    assert "s.csv: line 11: 3 columns, but the header has 6" in refused(source)
    source.write_text("\n".join(lines)[:-20])       # truncated
    assert "s.csv: line 41" in refused(source)


def test_samples_and_ids(refused, objects, map, tmp_path):
    source = write(tmp_path / "s.csv", objects)
    for expression in "CASE WHEN ObjectNumber > 1 THEN 'a' END", "''":
        map.write_text(MAP.replace("getvariable('source') || '_' || ImageNumber", expression))
        assert "with no sample" in refused(source)
    map.write_text(MAP.replace("ObjectNumber AS", "ObjectNumber - 2 AS"))
    reason = "1 with a cell_id outside 0 to 4294967295 (first: cell -1 of sample"
    assert reason in refused(source)


@pytest.fixture
def gate(db, loaded_before):
    """Tables with a gate that stops COPY at cell 30, and the transaction that holds the gate."""
    db.execute("""CREATE TABLE gate ();
        CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN LOCK TABLE made.gate IN SHARE MODE; RETURN NEW; END';
        CREATE TRIGGER gate BEFORE INSERT ON cells
            FOR EACH ROW WHEN (NEW.cell_id = 30) EXECUTE FUNCTION wait_at_gate()""")
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE made.gate IN ACCESS EXCLUSIVE MODE")
        yield holder


def test_killed_loader(gate, process, db, map, objects, tmp_path):
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    wait_for_locks(db, 1)
    started.kill()
    started.wait()
    gate.rollback()
    wait_for_end(db)
    assert as_before(db)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(number, gate, process, db, map, objects, tmp_path):
    started = process(
        write(tmp_path / "s.csv", objects), "--map", map,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    wait_for_locks(db, 1)
    started.send_signal(number)
    assert started.wait(20) == 130
    assert started.stderr.read() == INTERRUPTED
    wait_for_end(db)
    assert as_before(db) and not list(tmp_path.glob("cbload.*"))


def test_a_hangup_under_nohup(gate, process, db, map, objects, tmp_path):
    """nohup ignores SIGHUP, and no other signal."""
    started = process(
        write(tmp_path / "s.csv", objects), "--map", map,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for_locks(db, 1)
    started.send_signal(signal.SIGHUP)
    gate.rollback()
    assert started.wait(30) == 0 and started.stderr.read() == "" and not as_before(db)


ASLEEP = "wait_event = 'PgSleep'"
UNSURE = "s.csv: the server did not confirm the commit: the source may be loaded"


@pytest.fixture
def committing(loaded_before, process, db, map, objects, tmp_path):
    """A cbload whose COMMIT does not end, even if it is cancelled."""
    db.execute("""CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN LOOP
            BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN END;
        END LOOP; END';
        CREATE CONSTRAINT TRIGGER sleep AFTER INSERT ON cells_source
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleep()""")
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    until(lambda: sessions(db, ASLEEP))
    yield started
    terminate(db, timeout=30000)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_connection_that_ends_in_commit(interrupted, committing, db):
    """cbload cannot know whether the server has committed."""
    if interrupted:
        committing.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    terminate(db, ASLEEP)
    assert committing.wait(30) == (130 if interrupted else 1)
    message, *more = committing.stderr.read().splitlines(keepends=True)
    assert f"{UNSURE} (terminating connection" in message
    assert more == ([INTERRUPTED] if interrupted else [])


def test_a_commit_without_an_answer(committing):
    committing.send_signal(signal.SIGTERM)
    assert committing.wait(30) == 130
    first, *more = committing.stderr.read().splitlines(keepends=True)
    assert UNSURE in first and more == [INTERRUPTED]


def test_a_session_that_is_terminated(gate, process, db, map, objects, tmp_path):
    started = process(write(tmp_path / "s.csv", objects), "--map", map)
    wait_for_locks(db, 1)
    terminate(db)
    assert started.wait(20) == 1
    message = started.stderr.read()
    assert "s.csv: " in message and "Traceback" not in message and as_before(db)


def test_full_disk_of_the_server(cbload, db, map, objects, loaded_before, tmp_path):
    full = 'could not extend file "base/5/16384": No space left on device'
    db.execute(f"""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE '{full}' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON cells
            FOR EACH ROW WHEN (NEW.cell_id = 30) EXECUTE FUNCTION full_disk()""")
    ended = cbload(write(tmp_path / "s.csv", objects), "--map", map)
    assert ended.status == 1 and f"s.csv: {full}" in ended.err and as_before(db)


def test_full_disk_of_the_loader(process, db, map, tmp_path):
    """DuckDB cannot write its temporary files, here because the size of a file is limited."""
    map.write_text(
        """CREATE TABLE r (i BIGINT, t VARCHAR);
        SELECT 's' AS sample, i AS cell_id, i AS x, length(t) AS y FROM r ORDER BY t DESC""")
    with (tmp_path / "r.csv").open("w") as file:
        file.write("i,t\n")
        file.writelines(
            f"{number},{number * 7919 % 1000003:060}\n" for number in range(1_000_000))

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

    started = process(
        tmp_path / "r.csv", "--map", map, "--memory", "64MB", preexec_fn=limit,
        env=os.environ | {"TMPDIR": str(tmp_path)})
    out, err = started.communicate()
    assert started.returncode == 1 and "r.csv: " in err and "Traceback" not in err
    assert "File too large" in err or "memory" in err, err
    assert nothing_loaded(db) and not list(tmp_path.glob("cbload.*"))


def test_a_server_out_of_reach(cbload, map, objects, tmp_path):
    source = write(tmp_path / "s.csv", objects)
    ended = cbload(source, "--map", map, "--server", "host=/nowhere")
    assert ended.status == 1 and "/nowhere" in ended.err and "Traceback" not in ended.err


def test_folders_of_killed_loaders_are_removed(cbload, objects, map, tmp_path, monkeypatch):
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


def test_wrong_usage(cbload, map, tmp_path):
    for arguments, message in {
        (): "a map is required: --preset NAME",
        ("x.csv", "--preset", "none"):
            "there is no preset none; the presets are anndata",
        ("x.csv", "--map", "none.sql"): "none.sql: No such file",
        ("--map", map): "a source is required",
        ("none.csv", "--map", map): "none.csv: there is no such file or folder",
        (map, map, "--map", map): "is given twice",
        (map, "--map", map, "--jobs", "40"): "--memory must be at least 64MB for each job",
        (map, tmp_path, "--map", map, "--name", "x"): "--name requires exactly one source",
    }.items():
        ended = cbload(*arguments)
        assert ended.status == 2 and message in ended.err and ended.out == "", ended


def test_a_value_with_the_text_of_a_message(refused, map, tmp_path):
    """It does not let cbload read the file again and again."""
    rows = [{"i": 1, "x": "an integer is too large for DOUBLE"}]
    map.write_text(
        """CREATE TABLE t (i BIGINT, x DOUBLE);
        SELECT 's' AS sample, i AS cell_id, x, x AS y FROM t""")
    for name in "s.csv", "s.parquet", "s.sqlite":
        assert "is not a number" in refused(write(tmp_path / name, rows))
