"""Sources: the cells and row counts of each preset and format, compared with the source itself."""

import csv
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
from experiment import MAP, Experiment, loaded, phenotypes, renamed, write, write_sqlite

COMPARTMENTS = ("image", "cells", "nuclei", "cytoplasm")


def tables_of(db) -> dict:
    return db.execute("SELECT tables FROM cells_source").fetchone()[0]


def account(rows: int, joined: int) -> dict:
    return {"rows": rows, "joined": joined, "left_out": rows - joined}


def forms(experiment: Experiment, folder: Path) -> dict[str, Path]:
    """Write the experiment in the format of each preset."""
    key = ("ImageNumber", "ObjectNumber")
    tables = experiment.tables
    prefixed = {
        f"Per_{name}": renamed(rows, f"{name}_", ("ImageNumber",)) for name, rows in tables.items()
    }
    cytominer = {
        name: renamed(rows, f"{name}_", key, {"TableNumber": "88ac13033d9b"})
        for name, rows in tables.items()
    }
    jump = {name: renamed(rows, f"{name}_", key) for name, rows in tables.items()}
    barcode = [
        {name.replace("Metadata_Plate", "Metadata_Barcode"): value for name, value in row.items()}
        for row in experiment.images
    ]
    health = experiment.folder(folder / "cell_health_csv")
    write(health / "Image.csv", barcode)
    return {
        "cellprofiler_csv": experiment.folder(folder / "cellprofiler_csv"),
        "cell_health_csv": health,
        "cellprofiler_sqlite": write_sqlite(folder / "cp.sqlite", prefixed),
        "cell_health_sqlite": write_sqlite(folder / "health.sqlite", cytominer),
        "cpg0016_sqlite": write_sqlite(folder / "jump.sqlite", jump),
    }


@pytest.mark.parametrize("preset", [
    "cellprofiler_csv", "cell_health_csv", "cellprofiler_sqlite", "cell_health_sqlite",
    "cpg0016_sqlite"])
def test_presets(preset, cbload, db, tmp_path):
    experiment = Experiment()
    source = forms(experiment, tmp_path)[preset]
    ended = cbload(source, "--preset", preset, "--study", "lab")
    assert (ended.status, ended.err) == (0, "")
    assert "study lab: table cells, features: none" in ended.out
    assert loaded(db) == [
        (f"P1_A{image:02}_1", number, x, y, 0) for image, number, x, y in experiment.joined()]
    assert {name.removeprefix("Per_"): counts for name, counts in tables_of(db).items()} == {
        "Image": account(3, 3), "Cells": account(120, 108), "Nuclei": account(135, 108),
        "Cytoplasm": account(108, 108)}
    assert db.execute("SELECT sum(cells) FROM cell_data_samples('lab')").fetchone() == (108,)
    assert f"{source}: 108 cells loaded" in ended.out
    assert re.search(r"Nuclei +135 rows, 108 joined, 27 left out", ended.out)


def test_in_carta(cbload, db, tmp_path):
    rows = [
        {"OBJECT ID": number, "WELL LABEL": "C - 3", "FOV": fov,
         "Primary Target cg X wv1": number * 1.5, "Primary Target cg Y wv1": 7, "Class Name": ""}
        for fov in (1, 2) for number in (1, 2)
    ]
    assert cbload(write(tmp_path / "day0.csv", rows), "--preset", "in_carta").status == 0
    assert loaded(db) == [
        (f"day0_C-3_{fov}", number, number * 1.5, 7.0, 0) for fov in (1, 2) for number in (1, 2)]


@pytest.mark.parametrize("name", [
    "objects.csv", "objects.csv.gz", "objects.tsv", "objects.parquet", "objects.sqlite",
    "MyExpt_objects.csv", "it's \"a\" file; --.csv"])
def test_formats_of_one_table(name, cbload, db, map, tmp_path):
    objects = Experiment(images=1).objects
    assert cbload(write(tmp_path / name, objects), "--map", map).status == 0
    stem = re.sub(r"\.(csv|tsv|parquet|sqlite)(\.gz)?$", "", name)
    assert loaded(db) == [
        (f"{stem}_1", row["ObjectNumber"], row["Location_Center_X"], row["Location_Center_Y"],
         phenotypes(row))
        for row in objects]


def test_names_beyond_ascii(cbload, db, map, tmp_path, monkeypatch):
    """The encoding in libpq's variables does not matter."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    source = write(tmp_path / "Prüfung.csv", Experiment(images=1).objects)
    assert cbload(source, "--map", map).status == 0
    samples = db.execute(
        "SELECT c.sample, s.sample FROM cells c JOIN cells_sample s USING (sample) LIMIT 1")
    assert samples.fetchone() == ("Prüfung_1", "Prüfung_1")


def test_addresses_that_differ_in_their_query(cbload, db, map, web):
    folder, address = web
    write(folder / "a.csv", Experiment(images=1).objects)
    for query in "id=1&X-Amz-Signature=a", "id=2", "id=1&X-Amz-Signature=b":
        ended = cbload(f"{address}/a.csv?{query}", "--map", map, "--name", query[:4])
        assert ended.status == int(query.endswith("b"))
        assert "Signature" not in ended.out + ended.err
    paths = db.execute("SELECT array_agg(path ORDER BY source) FROM cells_source").fetchone()
    assert paths == ([f"{address}/a.csv?id=1", f"{address}/a.csv?id=2"],)


def test_standard_input(cbload, db, map, tmp_path):
    objects = Experiment().objects
    plain = write(tmp_path / "a.csv", objects[:40])
    packed = write(tmp_path / "b.csv.gz", objects[40:])
    assert cbload("-", "--map", map, stdin=plain).status == 0
    assert cbload("-", "--map", map, "--name", "more", stdin=packed).status == 0
    samples = db.execute("SELECT DISTINCT sample FROM cells ORDER BY 1").fetchall()
    assert [row[0] for row in samples] == ["more_2", "more_3", "stdin_1"]
    again = cbload(plain, "--map", map)
    assert again.status == 1 and "already loaded on" in again.err
    assert ', as "stdin" (standard input)' in again.err


def test_prefix_of_the_experiment_and_compressed_files(cbload, db, tmp_path):
    experiment = Experiment()
    folder = experiment.folder(tmp_path / "out", prefix="MyExpt_", ending=".csv.gz")
    write(folder / "MyExpt_Experiment.csv", [{"Key": "a", "Value": "b"}])
    assert cbload(folder, "--preset", "cellprofiler_csv").status == 0
    assert len(loaded(db)) == len(experiment.joined())


def test_without_wells_samples_are_named_after_the_source(cbload, db, tmp_path):
    experiment = Experiment(images=1)
    experiment.images = [{"ImageNumber": 1}]
    source = experiment.folder(tmp_path / "slide 7")
    assert cbload(source, "--preset", "cellprofiler_csv").status == 0
    assert {row[0] for row in loaded(db)} == {"slide 7_1"}


@pytest.mark.parametrize("form, columns", [("csv", 3000), ("sqlite", 1990)])
def test_more_columns_than_a_table_of_postgresql(form, columns, cbload, db, map, tmp_path):
    last = columns - 7
    more = {f"m{number}": number for number in range(last + 1)}
    rows = [row | more for row in Experiment(images=1).objects]
    map.write_text(
        MAP.replace('"CD8 Positive" BOOLEAN', f'"CD8 Positive" BOOLEAN, m{last} BIGINT')
        .replace("FROM objects", f"FROM objects WHERE m{last} = {last}"))
    assert cbload(write(tmp_path / f"objects.{form}", rows), "--map", map).status == 0
    assert len(loaded(db)) == 40


@pytest.fixture
def web(tmp_path):
    """A server of the files in a folder that, like those of clouds, answers range requests."""
    (tmp_path / "web").mkdir()
    application = starlette.applications.Starlette()
    files = starlette.staticfiles.StaticFiles(directory=tmp_path / "web")
    application.mount("/", files)
    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield tmp_path / "web", f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_addresses(cbload, db, map, web):
    folder, address = web
    experiment = Experiment()
    for name in "objects.csv", "more.parquet", "packed.csv.gz":
        write(folder / name, experiment.objects)
    experiment.folder(folder / "plate")
    for source in "objects.csv?token=secret", "more.parquet":
        assert cbload(f"{address}/{source}", "--map", map).status == 0
    assert db.execute(
        "SELECT path, name, fingerprint LIKE 'size and time of ' || path || ': %' "
        "FROM cells_source ORDER BY source").fetchall() == [
            (f"{address}/objects.csv", "objects", True), (f"{address}/more.parquet", "more", True)]
    plate = (f"{address}/plate/", "--preset", "cellprofiler_csv")
    assert cbload(*plate, "--table", "plates").status == 0
    assert len(loaded(db, "plates")) == len(experiment.joined())
    (folder / "plate/Nuclei.csv").unlink()
    for arguments, message in {
        (f"{address}/packed.csv.gz", "--map", map): "download it first",
        (f"{address}/none.csv", "--map", map): "404",
        plate: "there is no file for table",
    }.items():
        ended = cbload(*arguments, "--table", "refused")
        assert ended.status == 1 and message in ended.err, ended.err


def test_lines_at_an_address(cbload, db, map, web):
    """cbload reads all lines: DuckDB leaves out a last line that is longer than its buffer."""
    folder, address = web
    map.write_text(
        """CREATE TABLE r (i BIGINT, t VARCHAR);
        SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y FROM r""")
    text = 'i,t\n1,ü\n\n2,"a\nb"\n'
    dos = text.replace("\n", "\r\n")
    contents = [
        (text, "utf-8"), (text, "utf-8-sig"), (text[:-1], "utf-8"), (dos, "utf-8"),
        (dos[:-2], "latin-1"), (text, "utf-16"),
    ]
    for number, (content, encoding) in enumerate(contents):
        (folder / f"{number}.csv").write_bytes(content.encode(encoding))
        ended = cbload(
            f"{address}/{number}.csv", "--map", map, "--table", f"t{number}",
            "--encoding", encoding.removesuffix("-sig"))
        assert ended.status == 0 and "2 rows, 2 joined" in ended.out, (number, ended)
        assert "the first from line 4 to 5" in ended.out, (number, ended)
    for content, message in {
        'i,t\n1,"a\n2,b\n3,c"\n4,d\n':
            "line 2: a quotation mark opens a field that ends in line 4",
        f"i,t\n1,b\n2,{'u' * (33 << 20)}":
            "DuckDB cannot read all lines completely; download the file first",
    }.items():
        (folder / "wrong.csv").write_text(content)
        ended = cbload(f"{address}/wrong.csv", "--map", map)
        assert ended.status == 1 and message in ended.err and len(ended.err) < 400


def test_bucket(cbload, db, map, tmp_path, web, monkeypatch):
    """DuckDB's secret has the credentials, as in the manual. The server ignores signatures."""
    folder, address = web
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with duckdb.connect() as shell:
        load_httpfs(shell)
        shell.execute(
            "CREATE PERSISTENT SECRET (TYPE s3, KEY_ID 'key', SECRET 'secret', "
            f"ENDPOINT '{address.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)")
    (folder / "bucket").mkdir()
    write(folder / "bucket/objects.parquet", Experiment().objects)
    Experiment().folder(folder / "bucket/plate")
    assert cbload("s3://bucket/objects.parquet", "--map", map).status == 0
    plate = ("s3://bucket/plate/", "--preset", "cellprofiler_csv")
    assert cbload(*plate, "--table", "plates").status == 0
    assert (len(loaded(db)), len(loaded(db, "plates"))) == (120, 108)


def test_from_the_source_to_the_payload_and_back(cbload, db, map, tmp_path):
    objects = Experiment().objects
    ended = cbload(write(tmp_path / "slide.csv", objects), "--map", map, "--study", "lab")
    assert ended.status == 0 and "study lab: table cells, features: CD3, CD8" in ended.out
    for image in 1, 2, 3:
        rows = db.execute(
            "SELECT cell_id, x, y, phenotypes "
            "FROM cell_unpack(cell_data('lab', %s, 'arrow'), 'arrow')",
            [f"slide_{image}"]).fetchall()
        assert rows == [
            (row["ObjectNumber"], int(row["Location_Center_X"]), int(row["Location_Center_Y"]),
             phenotypes(row))
            for row in objects if row["ImageNumber"] == image]
    names = db.execute("SELECT feature FROM cell_feature_names('lab') ORDER BY bit").fetchall()
    assert names == [("CD3",), ("CD8",)]


# Real data: row counts are compared with plain SQL on the source, and centroids with the cells of
# the unpacked payloads.

IMAGE = "{0}.ImageNumber = y.ImageNumber"
TABLE_AND_IMAGE = "{0}.TableNumber = y.TableNumber AND {0}.ImageNumber = y.ImageNumber"


def assert_loaded(
    path: Path, preset: str, key: str, conditions: tuple[str, str], prefix: str, place: str,
    cbload, db,
) -> None:
    """Load a source with a preset, and compare the result with the source.

    `key` is the condition that joins rows of one image; `conditions` are those that join a
    cytoplasm with its cell and its nucleus; `prefix` and `place` begin the names of the tables and
    of the columns with the centroid.
    """
    assert cbload(path, "--preset", preset).status == 0
    image, cells, nuclei, cytoplasm = (f"{prefix}{name.title()}" for name in COMPARTMENTS)
    cell, nucleus = conditions
    joined = f"""SELECT count(DISTINCT i.rowid), count(DISTINCT c.rowid), count(DISTINCT n.rowid),
            count(DISTINCT y.rowid)
        FROM {cytoplasm} y
        JOIN {cells} c ON {key.format("c")} AND {cell}
        JOIN {nuclei} n ON {key.format("n")} AND {nucleus}
        JOIN {image} i ON {key.format("i")}"""
    names = (image, cells, nuclei, cytoplasm)
    source = sqlite_of(path)
    rows = {name: source.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    parts = dict(zip(names, source.execute(joined).fetchone()))
    centroids = source.execute(f"SELECT {place}X, {place}Y FROM {cells}").fetchall()
    source.close()
    assert tables_of(db) == {name: account(rows[name], parts[name]) for name in rows}
    unpacked = db.execute(
        """SELECT x, y FROM (
            SELECT cell_pack(cell_id, x, y, phenotypes) AS payload FROM cells GROUP BY sample
        ) packed, cell_unpack(payload)""").fetchall()
    assert sorted(unpacked) == sorted((int(x), int(y)) for x, y in centroids)
    assert db.execute("SELECT cells FROM cells_source").fetchone() == (len(centroids),)


def sqlite_of(source: Path) -> sqlite3.Connection:
    """Open a database, or copy the CSV files of a folder to one, with Python's modules only."""
    if source.is_file():
        return sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    database = sqlite3.connect(":memory:")
    for path in source.glob("*.csv"):
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
            columns = ", ".join(f'"{name}" NUMERIC' for name in header)
            database.execute(f"CREATE TABLE {path.stem} ({columns})")
            marks = ", ".join("?" * len(header))
            database.executemany(f"INSERT INTO {path.stem} VALUES ({marks})", rows)
    return database


def test_real_cellprofiler_sqlite(cbload, db):
    conditions = ("c.Cells_Number_Object_Number = y.Cytoplasm_Parent_Cells",
                  "n.Nuclei_Number_Object_Number = y.Cytoplasm_Parent_Nuclei")
    assert_loaded(shared("nf1", "all_cellprofiler.sqlite"), "cellprofiler_sqlite", IMAGE,
                  conditions, "Per_", "Cells_Location_Center_", cbload, db)


def test_real_cellprofiler_csv(cbload, db):
    conditions = ("c.ObjectNumber = y.Parent_Cells", "n.ObjectNumber = y.Parent_Nuclei")
    assert_loaded(shared("example_human"), "cellprofiler_csv", IMAGE,
                  conditions, "", "Location_Center_", cbload, db)


def test_real_cytominer_sqlite(cbload, db):
    conditions = ("c.ObjectNumber = y.Cytoplasm_Parent_Cells",
                  "n.ObjectNumber = y.Cytoplasm_Parent_Nuclei")
    assert_loaded(shared("cytominer", "data_a.sqlite"), "cell_health_sqlite", TABLE_AND_IMAGE,
                  conditions, "", "Cells_Location_Center_", cbload, db)


def test_real_cells_with_a_threshold_in_a_copied_preset(cbload, db, map):
    """The steps of the manual: print a preset, declare a column, and write a condition."""
    source = shared("nf1", "all_cellprofiler.sqlite")
    changes = {
        "-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE":
            "Nuclei_Intensity_MeanIntensity_GFP DOUBLE",
        '-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"':
            ', Nuclei_Intensity_MeanIntensity_GFP > 0.18 AS "GFP"',
    }
    text = cbload("--show-preset", "cellprofiler_sqlite").out
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    map.write_text(text)
    assert cbload(source, "--map", map, "--study", "nf1").status == 0
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database:
        expected = database.execute(
            """SELECT count(*) FROM Per_Cytoplasm y
            JOIN Per_Nuclei n ON n.ImageNumber = y.ImageNumber
                AND Nuclei_Number_Object_Number = Cytoplasm_Parent_Nuclei
            WHERE Nuclei_Intensity_MeanIntensity_GFP > 0.18""").fetchone()[0]
    database.close()
    assert 0 < expected < 242
    found = db.execute(
        "SELECT sum(cell_count(payload, all_of => 1)) FROM cell_data_samples('nf1')").fetchone()
    assert found == (expected,)
