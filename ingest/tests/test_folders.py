"""Folders: plates of site folders, folders for each table, formats of one table, and names."""

import os
import re
import sqlite3

import pytest
from experiment import Experiment, loaded, write

SMALL = [{"i": 1, "x": 2.5}, {"i": 2, "x": 3.5}]
MAP = """CREATE TABLE objects (i BIGINT, x DOUBLE);
SELECT getvariable('source') AS sample, i AS cell_id, x, x AS y FROM objects"""
JOIN = """CREATE TABLE places (id BIGINT PRIMARY KEY, x DOUBLE);
CREATE TABLE marks (id BIGINT PRIMARY KEY, cd3 DOUBLE);
SELECT getvariable('source') AS sample, p.id AS cell_id, x, x AS y, cd3 > 1 AS cd3
FROM places p JOIN marks m ON m.id = p.id"""


def samples(db):
    return sorted({row[0] for row in loaded(db)})


def test_a_plate_of_site_folders(cbload, db, tmp_path):
    for site in "A01-1", "A02-01", "deep/er/A03-1", ".hidden":
        (tmp_path / "plate" / site).parent.mkdir(parents=True, exist_ok=True)
        Experiment(images=1, seed=len(site)).folder(tmp_path / "plate" / site)
    for name in "notes.txt", "deep/empty":
        (tmp_path / "plate" / name).mkdir(exist_ok=True)
    os.symlink(tmp_path / "plate", tmp_path / "plate" / "deep" / "loop")
    preset = cbload("--show-preset", "cellprofiler_csv").out
    (tmp_path / "map.sql").write_text(
        re.sub(r"CASE.*?END AS sample", "getvariable('source') AS sample", preset, flags=re.DOTALL))
    ended = cbload(tmp_path / "plate", "--map", tmp_path / "map.sql")
    assert ended.status == 0, ended.err
    assert samples(db) == ["A01-1", "A02-01", "A03-1"]
    assert f"{tmp_path}/plate/A01-1: 36 cells loaded" in ended.out
    ended = cbload(tmp_path / "plate", "--map", tmp_path / "map.sql", "--skip-loaded")
    assert ended.status == 0 and ended.out.count("unchanged") == 3


def test_a_site_that_lacks_a_table(cbload, db, tmp_path):
    """It fails, and the others are loaded."""
    (tmp_path / "plate").mkdir()
    for site in "a", "b":
        Experiment(images=1).folder(tmp_path / "plate" / site)
    (tmp_path / "plate" / "b" / "Nuclei.csv").unlink()
    ended = cbload(tmp_path / "plate", "--preset", "cellprofiler_csv")
    assert ended.status == 1 and "b: there is no file for table Nuclei" in ended.err
    assert len(loaded(db)) == 36


def test_a_site_that_cannot_be_read(cbload, db, tmp_path):
    (tmp_path / "plate").mkdir()
    for site in "a", "b":
        Experiment(images=1).folder(tmp_path / "plate" / site)
    (tmp_path / "plate" / "b").chmod(0)
    try:
        ended = cbload(tmp_path / "plate", "--preset", "cellprofiler_csv")
    finally:
        (tmp_path / "plate" / "b").chmod(0o700)
    assert ended.status == 1 and "b: Permission denied" in ended.err and len(loaded(db)) == 36


def test_folders_of_tables(cbload, db, map, tmp_path):
    """Files of one name in two folders belong together."""
    map.write_text(JOIN)
    for folder, column in ("places", "x"), ("Marks", "cd3"):
        (tmp_path / "run" / folder).mkdir(parents=True)
        for name in "s1.csv", "s2.csv.gz":
            write(tmp_path / "run" / folder / name,
                  [{"id": number, column: number} for number in range(1, 4)])
    ended = cbload(tmp_path / "run", "--map", map)
    assert ended.status == 0, ended.err
    assert samples(db) == ["s1", "s2"] and len(loaded(db)) == 6
    (tmp_path / "run" / "Marks" / "s1.csv").unlink()
    write(tmp_path / "run" / "Marks" / "s3.csv", [{"id": 1, "cd3": 1}])
    ended = cbload(tmp_path / "run", "--map", map, "--table", "other")
    assert ended.status == 1
    assert "run/s1: there is no file for table marks: no marks/s1.csv, though there is places/" in (
        ended.err)
    assert "run/s3: there is no file for table places" in ended.err
    assert {row[0] for row in loaded(db, "other")} == {"s2"}


def test_formats_of_one_table(cbload, db, map, tmp_path):
    (folder := tmp_path / "outs").mkdir()
    write(folder / "objects.csv.gz", SMALL)
    write(folder / "objects.parquet", SMALL)
    write(folder / "Objects.csv", [{"i": 9, "x": 9}])
    ended = cbload(folder, "--map", map)
    assert "from objects.parquet, not Objects.csv, objects.csv.gz" in ended.out
    assert [row[1] for row in loaded(db)] == [1, 2]
    write(folder / "my_objects.csv", SMALL)
    assert cbload(folder, "--map", map, "--check").status == 0
    for name in "objects.parquet", "Objects.csv", "objects.csv.gz":
        (folder / name).unlink()
    write(folder / "other_objects.csv", SMALL)
    message = "several files match table objects: my_objects.csv, other_objects.csv"
    assert message in cbload(folder, "--map", map, "--check").err


def test_files_of_macos(cbload, map, tmp_path):
    write(tmp_path / "objects.csv", SMALL)
    (tmp_path / "._objects.csv").write_bytes(b"\0\5\x16\7Mac OS X")
    (tmp_path / ".objects.parquet").write_bytes(b"PAR1")
    assert cbload(tmp_path, "--map", map, "--check").status == 0


def test_patterns_of_names(cbload, db, map, tmp_path):
    for run in "r1", "r2":
        (tmp_path / "set" / run / "outs").mkdir(parents=True)
        rows = [*SMALL, {"i": int(run[1]) + 5, "x": 1}]
        write(tmp_path / "set" / run / "outs" / "objects.csv", rows)
    ended = cbload(tmp_path / "set", "--map", map, "--name", "{grandparent}-{parent}-{stem}")
    assert ended.status == 0, ended.err
    assert samples(db) == ["set-r1-outs", "set-r2-outs"]
    for pattern, message in {
        "one": "--name requires exactly one source, and there are 2",
        "{sample}": "--name has {sample}; it can have {stem}, {parent}, {grandparent}",
    }.items():
        ended = cbload(tmp_path / "set", "--map", map, "--name", pattern)
        assert ended.status == 2 and message in ended.err
    map.write_text("SET VARIABLE name = '{parent}';" + MAP)
    ended = cbload(tmp_path / "set", "--map", map, "--table", "other")
    assert ended.status == 0 and {row[0] for row in loaded(db, "other")} == {"r1", "r2"}


def test_an_image_without_cells(cbload, db, tmp_path):
    """It is a success: 0 cells, which are counted."""
    source = Experiment(images=1).folder(tmp_path / "plate")
    for name, columns in {
        "Cells": "ImageNumber,ObjectNumber,Location_Center_X,Location_Center_Y",
        "Nuclei": "ImageNumber,ObjectNumber",
        "Cytoplasm": "ImageNumber,ObjectNumber,Parent_Cells,Parent_Nuclei",
    }.items():
        (source / f"{name}.csv").write_text(columns + "\n")
    ended = cbload(source, "--preset", "cellprofiler_csv")
    assert ended.status == 0 and "0 cells loaded" in ended.out
    assert db.execute("SELECT cells FROM cells_source").fetchall() == [(0,)]
    (source / "Nuclei.csv").write_text("ImageNumber,ObjectNumber\n1,1\n")
    ended = cbload(source, "--preset", "cellprofiler_csv", "--check")
    assert ended.status == 1 and "the map makes no cells" in ended.err
    (source / "Nuclei.csv").write_text("ImageNumber,ObjectNumber\n")
    source.rename(tmp_path / "other")       # another image may have the same bytes
    assert cbload(tmp_path / "other", "--preset", "cellprofiler_csv").status == 0


@pytest.mark.parametrize("start, message", [
    (b"PK\3\4", "a ZIP archive or an Excel workbook"), (b"BZh9", "bunzip2 -c FILE | cbload -"),
    (b"\xfd7zXZ\0", "xz -dc FILE"), (b"\x28\xb5\x2f\xfd", "zstd -dc FILE"),
    (b"ARROW1\0\0", "an Arrow (Feather) file"),
    (b"FCS3.1", "a file of a flow cytometer"), (b"II*\0", "a TIFF image"),
    (b'[{"a": 1}]', "JSON"), (b'{"type": "FeatureCollection"', "JSON"),
])
def test_containers_that_are_not_read(start, message, cbload, map, tmp_path):
    (tmp_path / "s.csv").write_bytes(start + bytes(100))
    ended = cbload(tmp_path / "s.csv", "--map", map, "--check")
    assert ended.status == 1 and message in ended.err and ended.err.count("\n") == 1


def test_tables_with_a_prefix_in_sqlite(cbload, db, map, tmp_path):
    source = write(tmp_path / "a.sqlite", SMALL)
    with sqlite3.connect(source) as database:
        database.execute("ALTER TABLE objects RENAME TO MyExpt_Objects")
        database.execute("CREATE TABLE other (a)")
    assert cbload(source, "--map", map).status == 0 and len(loaded(db)) == 2
    with sqlite3.connect(source) as database:
        database.execute("CREATE TABLE Second_Objects (i, x)")
    message = "several tables match objects: MyExpt_Objects, Second_Objects"
    assert message in cbload(source, "--map", map, "--check").err
