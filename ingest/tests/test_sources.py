"""Each preset and each form of a source: what is in the table, and the account of rows, against what is in the source."""

import re
import sqlite3
import threading
from pathlib import Path

import duckdb
import pytest
import starlette.applications
import starlette.staticfiles
import uvicorn
from conftest import shared
from engine import load_httpfs
from experiment import MAP, THRESHOLD, Experiment, loaded, renamed, write, write_sqlite


@pytest.fixture
def map(tmp_path):
    path = tmp_path / "map.sql"
    path.write_text(MAP)
    return path


def tables_of(db, table: str = "cells") -> dict:
    return db.execute(f"SELECT tables FROM {table}_source").fetchone()[0]


def account(rows: int, joined: int) -> dict:
    return {"rows": rows, "joined": joined, "left_out": rows - joined}


def forms(experiment: Experiment, tmp_path: Path) -> dict[str, tuple[str, Path]]:
    """Of each preset, the experiment in its form."""
    key = ("ImageNumber", "ObjectNumber")
    prefixed = {name: renamed(rows, f"{name}_", ("ImageNumber",)) for name, rows in experiment.tables.items()}
    cytominer = {name: renamed(rows, f"{name}_", key, {"TableNumber": "88ac13033d9b"}) for name, rows in experiment.tables.items()}
    barcode = [{("Metadata_Barcode" if name == "Metadata_Plate" else name): value for name, value in row.items()} for row in experiment.images]
    return {
        "cellprofiler_csv": experiment.folder(tmp_path / "cellprofiler_csv"),
        "cell_health_csv": write(experiment.folder(tmp_path / "cell_health_csv") / "Image.csv", barcode).parent,
        "cellprofiler_sqlite": write_sqlite(tmp_path / "cp.sqlite", {f"Per_{name}": rows for name, rows in prefixed.items()}),
        "cell_health_sqlite": write_sqlite(tmp_path / "health.sqlite", cytominer),
        "cpg0016_sqlite": write_sqlite(tmp_path / "jump.sqlite", {name: renamed(rows, f"{name}_", key) for name, rows in experiment.tables.items()}),
    }


@pytest.mark.parametrize("preset", ["cellprofiler_csv", "cell_health_csv", "cellprofiler_sqlite", "cell_health_sqlite", "cpg0016_sqlite"])
def test_presets(preset, cbload, db, tmp_path):
    experiment = Experiment()
    source = forms(experiment, tmp_path)[preset]
    ended = cbload(source, "--preset", preset, "--study", "lab")
    assert (ended.status, ended.err) == (0, "") and "study lab: table cells, features none" in ended.out
    assert loaded(db) == [(f"P1_A{image:02}_1", number, x, y, 0) for image, number, x, y in experiment.joined()]
    expected = {"Image": account(3, 3), "Cells": account(120, 108), "Nuclei": account(135, 108), "Cytoplasm": account(108, 108)}
    assert {name.removeprefix("Per_"): counts for name, counts in tables_of(db).items()} == expected
    assert db.execute("SELECT sum(cells) FROM cell_data_samples('lab')").fetchone() == (108,)
    assert re.search(r"Nuclei +135 rows, 108 joined, 27 left out", ended.out) and f"{source}: 108 cells loaded" in ended.out


def test_in_carta(cbload, db, tmp_path):
    rows = [{"OBJECT ID": number, "WELL LABEL": "C - 3", "FOV": fov, "Primary Target cg X wv1": number * 1.5, "Primary Target cg Y wv1": 7, "Class Name": ""} for fov in (1, 2) for number in (1, 2)]
    assert cbload(write(tmp_path / "day0.csv", rows), "--preset", "in_carta").status == 0
    assert loaded(db) == [(f"day0_C-3_{fov}", number, number * 1.5, 7.0, 0) for fov in (1, 2) for number in (1, 2)]


@pytest.mark.parametrize("name", ["objects.csv", "objects.csv.gz", "objects.tsv", "objects.parquet", "objects.sqlite", "MyExpt_objects.csv", "it's \"a\" file; --.csv"])
def test_forms_of_one_table(name, cbload, db, tmp_path):
    experiment = Experiment(images=1)
    source = write_sqlite(tmp_path / name, {"objects": experiment.objects}) if name.endswith("sqlite") else write(tmp_path / name, experiment.objects)
    (tmp_path / "map.sql").write_text(MAP)
    assert cbload(source, "--map", tmp_path / "map.sql").status == 0
    stem = re.sub(r"\.(csv|tsv|parquet|sqlite)(\.gz)?$", "", name)
    assert loaded(db) == [(f"{stem}_1", row["ObjectNumber"], row["Location_Center_X"], row["Location_Center_Y"], (row["Intensity_MeanIntensity_CD3"] > THRESHOLD) + 2 * row["CD8 Positive"]) for row in experiment.objects]


def test_names_beyond_ascii(cbload, db, map, tmp_path, monkeypatch):
    """Whatever encoding libpq's variables ask for."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    assert cbload(write(tmp_path / "Prüfung.csv", Experiment(images=1).objects), "--map", map).status == 0
    assert db.execute("SELECT c.sample, s.sample FROM cells c JOIN cells_sample s USING (sample) LIMIT 1").fetchone() == ("Prüfung_1", "Prüfung_1")


def test_other_queries_are_other_addresses(cbload, db, map, tmp_path, web):
    folder, address = web
    write(folder / "a.csv", Experiment(images=1).objects)
    for query in "id=1&X-Amz-Signature=a", "id=2", "id=1&X-Amz-Signature=b":
        ended = cbload(f"{address}/a.csv?{query}", "--map", map, "--name", query[:4])
        assert ended.status == int(query.endswith("b")) and "Signature" not in ended.out + ended.err
    assert db.execute("SELECT array_agg(path ORDER BY source) FROM cells_source").fetchone() == ([f"{address}/a.csv?id=1", f"{address}/a.csv?id=2"],)


def test_standard_input(cbload, db, tmp_path):
    experiment = Experiment()
    (tmp_path / "map.sql").write_text(MAP)
    plain, packed = write(tmp_path / "a.csv", experiment.objects[:40]), write(tmp_path / "b.csv.gz", experiment.objects[40:])
    assert cbload("-", "--map", tmp_path / "map.sql", stdin=plain).status == 0
    assert cbload("-", "--map", tmp_path / "map.sql", "--name", "more", stdin=packed).status == 0
    assert [row[0] for row in db.execute("SELECT DISTINCT sample FROM cells ORDER BY 1").fetchall()] == ["more_2", "more_3", "stdin_1"]
    again = cbload(plain, "--map", tmp_path / "map.sql")
    assert again.status == 1 and "it was loaded on" in again.err and ', as "stdin" (standard input)' in again.err


def test_prefix_of_the_experiment_and_compressed_files(cbload, db, tmp_path):
    experiment = Experiment()
    folder = experiment.folder(tmp_path / "out", prefix="MyExpt_", ending=".csv.gz")
    write(folder / "MyExpt_Experiment.csv", [{"Key": "a", "Value": "b"}])
    assert cbload(folder, "--preset", "cellprofiler_csv").status == 0
    assert len(loaded(db)) == len(experiment.joined())


def test_samples_are_named_after_the_source_where_there_is_no_well(cbload, db, tmp_path):
    experiment = Experiment(images=1)
    experiment.images = [{"ImageNumber": 1}]
    assert cbload(experiment.folder(tmp_path / "slide 7"), "--preset", "cellprofiler_csv").status == 0
    assert {row[0] for row in loaded(db)} == {"slide 7_1"}


@pytest.mark.parametrize("form", ["csv", "sqlite"])
def test_wider_than_a_table_of_postgresql(form, cbload, db, tmp_path):
    columns = 1990 if form == "sqlite" else 3000
    rows = [row | {f"m{number}": number for number in range(columns - 6)} for row in Experiment(images=1).objects]
    source = write(tmp_path / "objects.csv", rows) if form == "csv" else write_sqlite(tmp_path / "objects.sqlite", {"objects": rows})
    (tmp_path / "map.sql").write_text(MAP.replace('"CD8 Positive" BOOLEAN', f'"CD8 Positive" BOOLEAN, m{columns - 7} BIGINT').replace("FROM objects", f"FROM objects WHERE m{columns - 7} = {columns - 7}"))
    assert cbload(source, "--map", tmp_path / "map.sql").status == 0
    assert len(loaded(db)) == 40


@pytest.fixture
def web(tmp_path):
    """A server of the files in a folder, which answers requests for ranges, as those of clouds do."""
    (tmp_path / "web").mkdir()
    application = starlette.applications.Starlette()
    application.mount("/", starlette.staticfiles.StaticFiles(directory=tmp_path / "web"))
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="warning", lifespan="off"))
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield tmp_path / "web", f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_addresses(cbload, db, tmp_path, web):
    folder, address = web
    experiment = Experiment()
    (tmp_path / "map.sql").write_text(MAP)
    for name in "objects.csv", "more.parquet", "packed.csv.gz":
        write(folder / name, experiment.objects)
    experiment.folder(folder / "plate")
    assert cbload(f"{address}/objects.csv?token=secret", "--map", tmp_path / "map.sql").status == 0
    assert cbload(f"{address}/more.parquet", "--map", tmp_path / "map.sql").status == 0
    assert db.execute("SELECT path, name, fingerprint LIKE 'size and time of ' || path || ': %' FROM cells_source ORDER BY source").fetchall() == [(f"{address}/objects.csv", "objects", True), (f"{address}/more.parquet", "more", True)]
    assert cbload(f"{address}/plate/", "--preset", "cellprofiler_csv", "--table", "plates").status == 0
    assert len(loaded(db, "plates")) == len(experiment.joined())
    for source, message in {"packed.csv.gz": "fetch it first", "none.csv": "404", "plate/": "there is no file for table"}.items():
        (folder / "plate/Nuclei.csv").unlink(missing_ok=True)
        ended = cbload(f"{address}/{source}", *(["--preset", "cellprofiler_csv"] if source == "plate/" else ["--map", tmp_path / "map.sql"]), "--table", "refused")
        assert ended.status == 1 and message in ended.err, ended.err


def test_lines_at_an_address(cbload, db, tmp_path, web):
    """They are the file's, and all of them: DuckDB leaves out a last line that is longer than its buffer."""
    folder, address = web
    (tmp_path / "map.sql").write_text("CREATE TABLE r (i BIGINT, t VARCHAR); SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y FROM r")
    text = 'i,t\n1,ü\n\n2,"a\nb"\n'
    for number, (content, encoding) in enumerate([(text, "utf-8"), (text, "utf-8-sig"), (text[:-1], "utf-8"), (text.replace("\n", "\r\n"), "utf-8"), (text[:-1].replace("\n", "\r\n"), "latin-1"), (text, "utf-16")]):
        (folder / f"{number}.csv").write_bytes(content.encode(encoding))
        ended = cbload(f"{address}/{number}.csv", "--map", tmp_path / "map.sql", "--encoding", encoding.removesuffix("-sig"), "--table", f"t{number}")
        assert ended.status == 0 and "2 rows, 2 joined" in ended.out and "the first from line 4 to 5" in ended.out, (number, ended)
    for content, message in ('i,t\n1,"a\n2,b\n3,c"\n4,d\n', "line 2: a quotation mark begins a field that ends in line 4"), (f"i,t\n1,b\n2,{'u' * (33 << 20)}", "its lines cannot be read whole; fetch it first"):
        (folder / "wrong.csv").write_text(content)
        ended = cbload(f"{address}/wrong.csv", "--map", tmp_path / "map.sql")
        assert ended.status == 1 and message in ended.err and len(ended.err) < 400


def test_bucket(cbload, db, tmp_path, web, monkeypatch):
    """By a secret of DuckDB's, as the manual says; the server here does not look at signatures."""
    folder, address = web
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with duckdb.connect() as shell:
        load_httpfs(shell)
        shell.execute(f"CREATE PERSISTENT SECRET (TYPE s3, KEY_ID 'key', SECRET 'secret', ENDPOINT '{address.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)")
    (tmp_path / "map.sql").write_text(MAP)
    (folder / "bucket").mkdir()
    write(folder / "bucket/objects.parquet", Experiment().objects)
    Experiment().folder(folder / "bucket/plate")
    assert cbload("s3://bucket/objects.parquet", "--map", tmp_path / "map.sql").status == 0
    assert cbload("s3://bucket/plate/", "--preset", "cellprofiler_csv", "--table", "plates").status == 0
    assert (len(loaded(db)), len(loaded(db, "plates"))) == (120, 108)


def test_through_to_the_payload_and_back(cbload, db, tmp_path):
    experiment = Experiment()
    (tmp_path / "map.sql").write_text(MAP)
    ended = cbload(write(tmp_path / "slide.csv", experiment.objects), "--map", tmp_path / "map.sql", "--study", "lab")
    assert ended.status == 0 and "study lab: table cells, features CD3, CD8" in ended.out
    for image in 1, 2, 3:
        rows = db.execute("SELECT cell_id, x, y, phenotypes FROM cell_unpack(cell_data('lab', %s, 'arrow'), 'arrow')", [f"slide_{image}"]).fetchall()
        assert rows == [(row["ObjectNumber"], int(row["Location_Center_X"]), int(row["Location_Center_Y"]), (row["Intensity_MeanIntensity_CD3"] > THRESHOLD) + 2 * row["CD8 Positive"])
                        for row in experiment.objects if row["ImageNumber"] == image]
    assert [name for _, name in db.execute("SELECT * FROM cell_feature_names('lab') ORDER BY bit").fetchall()] == ["CD3", "CD8"]


# Real data: counts against plain SQL on the source, centroids against what is packed and unpacked.

JOINED = """SELECT count(DISTINCT i.rowid), count(DISTINCT c.rowid), count(DISTINCT n.rowid), count(DISTINCT y.rowid)
    FROM {cytoplasm} y JOIN {cells} c ON {cell} JOIN {nuclei} n ON {nucleus} JOIN {image} i ON {photo}"""


def real(path: Path, preset: str, joined: str, tables: dict[str, str], centroids: str, cbload, db) -> None:
    assert cbload(path, "--preset", preset, "--table", "cells").status == 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) if path.is_file() else sqlite_of(path) as source:
        rows = {name: source.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables.values()}
        parts = dict(zip(tables.values(), source.execute(joined.format(**tables)).fetchone()))
        expected = sorted((int(x), int(y)) for x, y in source.execute(centroids).fetchall())
    source.close()
    assert tables_of(db) == {name: account(rows[name], parts[name]) for name in rows}
    unpacked = db.execute("SELECT x, y FROM (SELECT cell_pack(cell_id, x, y, phenotypes) AS payload FROM cells GROUP BY sample) p, cell_unpack(payload) u").fetchall()
    assert sorted(unpacked) == expected and len(expected) == db.execute("SELECT cells FROM cells_source").fetchone()[0]


def sqlite_of(folder: Path) -> sqlite3.Connection:
    """The CSV files of a folder in SQLite, by Python alone."""
    import csv
    database = sqlite3.connect(":memory:")
    for path in folder.glob("*.csv"):
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
            columns = ", ".join('"' + name + '" NUMERIC' for name in header)
            database.execute(f"CREATE TABLE {path.stem} ({columns})")
            database.executemany(f"INSERT INTO {path.stem} VALUES ({', '.join('?' * len(header))})", rows)
    return database


def test_real_cellprofiler_sqlite(cbload, db):
    image = "{0}.ImageNumber = y.ImageNumber"
    joined = JOINED.replace("{cell}", image.format("c") + " AND c.Cells_Number_Object_Number = y.Cytoplasm_Parent_Cells").replace("{nucleus}", image.format("n") + " AND n.Nuclei_Number_Object_Number = y.Cytoplasm_Parent_Nuclei").replace("{photo}", image.format("i"))
    real(shared("nf1", "all_cellprofiler.sqlite"), "cellprofiler_sqlite", joined, {"image": "Per_Image", "cells": "Per_Cells", "nuclei": "Per_Nuclei", "cytoplasm": "Per_Cytoplasm"},
         "SELECT Cells_Location_Center_X, Cells_Location_Center_Y FROM Per_Cells", cbload, db)


def test_real_cellprofiler_csv(cbload, db):
    image = "{0}.ImageNumber = y.ImageNumber"
    joined = JOINED.replace("{cell}", image.format("c") + " AND c.ObjectNumber = y.Parent_Cells").replace("{nucleus}", image.format("n") + " AND n.ObjectNumber = y.Parent_Nuclei").replace("{photo}", image.format("i"))
    real(shared("example_human"), "cellprofiler_csv", joined, {"image": "Image", "cells": "Cells", "nuclei": "Nuclei", "cytoplasm": "Cytoplasm"},
         "SELECT Location_Center_X, Location_Center_Y FROM Cells", cbload, db)


def test_real_cytominer_sqlite(cbload, db):
    image = "{0}.TableNumber = y.TableNumber AND {0}.ImageNumber = y.ImageNumber"
    joined = JOINED.replace("{cell}", image.format("c") + " AND c.ObjectNumber = y.Cytoplasm_Parent_Cells").replace("{nucleus}", image.format("n") + " AND n.ObjectNumber = y.Cytoplasm_Parent_Nuclei").replace("{photo}", image.format("i"))
    real(shared("cytominer", "data_a.sqlite"), "cell_health_sqlite", joined, {"image": "Image", "cells": "Cells", "nuclei": "Nuclei", "cytoplasm": "Cytoplasm"},
         "SELECT Cells_Location_Center_X, Cells_Location_Center_Y FROM Cells", cbload, db)


def test_real_cells_with_thresholds_of_a_copied_preset(cbload, db, tmp_path):
    """The way that the manual shows: print a preset, declare a column, write a condition."""
    source = shared("nf1", "all_cellprofiler.sqlite")
    text = cbload("--show-preset", "cellprofiler_sqlite").out
    text = text.replace("-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE", "Nuclei_Intensity_MeanIntensity_GFP DOUBLE").replace('-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"', ', Nuclei_Intensity_MeanIntensity_GFP > 0.18 AS "GFP"')
    (tmp_path / "my.sql").write_text(text)
    assert cbload(source, "--map", tmp_path / "my.sql", "--study", "nf1").status == 0
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database:
        expected = database.execute("""SELECT count(*) FROM Per_Cytoplasm y JOIN Per_Nuclei n ON n.ImageNumber = y.ImageNumber AND Nuclei_Number_Object_Number = Cytoplasm_Parent_Nuclei
            WHERE Nuclei_Intensity_MeanIntensity_GFP > 0.18""").fetchone()[0]
    database.close()
    assert 0 < expected < 242
    assert db.execute("SELECT sum(cell_count(payload, all_of => 1)) FROM cell_data_samples('nf1')").fetchone()[0] == expected
