"""Names of files, columns, tables and samples: none is taken for something else, and none gives orders to a terminal."""

import os

import pytest
from conftest import shared
from experiment import loaded, write, write_sqlite

TABLE = "CREATE TABLE objects (i BIGINT, x DOUBLE, flag BOOLEAN);"
CELLS = "SELECT getvariable('source') AS sample, i AS cell_id, x, x AS y, flag AS \"f\" FROM objects"
ROWS = [{"i": 1, "x": 2.5, "flag": 1}, {"i": 2, "x": 3.5, "flag": 0}]
ODD = ["plate [2].csv", "a*.csv", "what?.csv", "{a,b}.csv", "back\\slash.csv", "it's \"a\" file;--.csv", "-dash.csv", "new\nline.csv", "~.csv", "a%20b#c?.csv", "x.json", "c.parquet", "plain.zst"]


def made(path, rows=ROWS):
    """The same table in CSV, Parquet or SQLite, whatever the name of the file is."""
    form = path.parent.name
    plain = path.with_name(f"made.{form}")
    (write_sqlite(plain, {"objects": rows}) if form == "sqlite" else write(plain, rows)).rename(path)
    return path


@pytest.fixture
def map(tmp_path):
    path = tmp_path / "map.sql"
    path.write_text(TABLE + CELLS)
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "sqlite"])
def test_a_file_is_the_one_that_is_named(form, cbload, db, map, tmp_path):
    """Beside each one, those that its name would be a pattern of; and in a folder whose name could be that of a column."""
    folder = tmp_path / "i=7" / form
    folder.mkdir(parents=True)
    for name in "plate 2.csv", "ab.csv", "whatx.csv", "a.csv", "b.csv":
        made(folder / name, [{"i": 9, "x": 99, "flag": 1}])
    paths = {str(made(folder / name, [{"i": 1, "x": number, "flag": 1}])): number for number, name in enumerate(ODD)}
    ended = cbload("--map", map, "--", *paths)
    assert (ended.status, ended.err) == (0, "")
    assert dict(db.execute("SELECT path, x FROM cells JOIN cells_source USING (source) WHERE cell_id = 1").fetchall()) == paths


def test_files_in_a_folder_are_those_that_are_named(cbload, db, map, tmp_path):
    (folder := tmp_path / "plate [2] x=1").mkdir()
    (other := tmp_path / "plate 2 x=1").mkdir()
    write(folder / "a[b]_objects.csv", ROWS)
    write(other / "ab_objects.csv", [{"i": 9, "x": 9, "flag": 1}])
    os.close(os.open(os.fsencode(folder) + b"/\xff\n.csv", os.O_CREAT))
    assert cbload(folder, "--map", map).status == 0 and [row[:2] for row in loaded(db)] == [("plate [2] x=1", 1), ("plate [2] x=1", 2)]


def test_names_that_are_not_in_utf_8(cbload, db, map, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    write(tmp_path / "a.csv", ROWS).rename(path)
    ended = cbload(path, "--map", map)
    assert ended.status == 2 and "\\udcff.csv: the name is not in UTF-8" in ended.err
    ended = cbload(tmp_path, "--map", map, "--name", os.fsdecode(b"\xff"))
    assert ended.status == 2 and "\\udcff: this is not in UTF-8" in ended.err
    (folder := tmp_path / "folder").mkdir()
    os.rename(path, os.fsencode(folder) + b"/\xff_objects.csv")
    assert cbload(folder, "--map", map).status == 0 and len(loaded(db)) == 2


def test_no_file_is_no_file(cbload, map):
    for given in "", "file:///etc/passwd", "~", "glob*":
        ended = cbload(given, "--map", map, "--check")
        assert ended.status == 2 and "there is no such file or folder" in ended.err


def test_an_address_is_no_pattern(cbload, map):
    for address in "s3://bucket/a*.csv", "s3://bucket/a[1].parquet", "gs://bucket/a\\*.csv":
        ended = cbload(address, "--map", map, "--check")
        assert ended.status == 1 and "cannot have *, [ or \\, which would be a pattern" in ended.err


INTERNAL = ["#0", "#1", "#2", "#row", "#batch", "#made", "#joined", "#ids", "c0", "c1", "number", "batch", "made", "joined", "ids", "source", "objects", "line", "temp", "memory", "cbload", "sample", "reason", "filename", "file_row_number"]


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_a_column_is_the_one_that_is_named(form, cbload, tmp_path):
    """Whatever cbload calls what it makes itself. And where it is missing, that is said."""
    (tmp_path / form).mkdir()
    names = [*INTERNAL, "#1 or 1"]
    columns = ", ".join(f'"{name}" DOUBLE' for name in names)
    features = ", ".join(f'"{name}" = {number} AS "{name} is {number}"' for number, name in enumerate(names))
    (tmp_path / "map.sql").write_text(f"CREATE TABLE t (i BIGINT, {columns}); SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y, {features} FROM t WHERE \"#1\" > 0")
    ended = cbload(made(tmp_path / form / "a.csv", [{"a": 8, "i": i, **{name: number for number, name in enumerate(names)}} for i in (1, 2)]), "--map", tmp_path / "map.sql", "--check")
    assert ended.status == 0 and [f"  {name} is {number}: positive 2 of 2 (100.0%)" for number, name in enumerate(names)] == ended.out.splitlines()[3:], ended
    ended = cbload(made(tmp_path / form / "b.csv", [{"a": 8, "i": i, "e": 8, "d": 9} for i in (1, 2)]), "--map", tmp_path / "map.sql", "--check")
    assert ended.status == 1 and f"there is no column {', '.join(names)}" in ended.err


@pytest.mark.parametrize("form", ["csv", "sqlite"])
def test_a_table_is_the_one_that_is_named(form, cbload, db, tmp_path):
    tables = {name: [{"i": 1, "#1": number}, {"i": 2, "#1": number}] for number, name in enumerate(INTERNAL)}
    if form == "csv":
        (source := tmp_path / "folder").mkdir()
        for name, rows in tables.items():
            write(source / f"{name}.csv", rows)
    else:
        source = write_sqlite(tmp_path / "all.sqlite", tables)
    declared = "; ".join(f'CREATE TABLE "{name}" (i BIGINT, "#1" DOUBLE)' for name in tables)
    features = ", ".join(f'"{name}"."#1" = {number} AS "{name} is {number}"' for number, name in enumerate(tables))
    joins = " JOIN ".join(f'"{name}"' + (' USING (i)' if number else "") for number, name in enumerate(tables))
    (tmp_path / "map.sql").write_text(f"{declared}; SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y, {features} FROM {joins}")
    ended = cbload(source, "--map", tmp_path / "map.sql")
    assert ended.status == 0 and [row[4] for row in loaded(db)] == [(1 << len(tables)) - 1] * 2, ended.err


def test_a_column_is_not_called_by_its_position(cbload, db, tmp_path):
    (tmp_path / "a.csv").write_text("x,#1\n10,1\n11,2\n")
    map = "CREATE TABLE t (x DOUBLE, \"#1\" BIGINT); SELECT '\"class\": \"POSITIONAL_REFERENCE\" #7' AS sample, {} AS cell_id, x, 1 AS y FROM t"
    (tmp_path / "map.sql").write_text(map.format("#1"))
    ended = cbload(tmp_path / "a.csv", "--map", tmp_path / "map.sql")
    assert ended.status == 2 and 'write "#1" for the column of that name' in ended.err
    (tmp_path / "map.sql").write_text(map.format('"#1"'))
    assert cbload(tmp_path / "a.csv", "--map", tmp_path / "map.sql").status == 0 and [row[1] for row in loaded(db)] == [1, 2]


def test_a_number_that_is_none_is_reported_by_its_column(cbload, db, tmp_path):
    (tmp_path / "a.csv").write_text("c1,c0\n1,2\n3,x\n")
    (tmp_path / "map.sql").write_text("CREATE TABLE t (c0 DOUBLE, c1 BIGINT); SELECT 's' AS sample, c1 AS cell_id, c0 AS x, 1 AS y FROM t")
    assert 'line 3: column c0: "x" is not a number' in cbload(tmp_path / "a.csv", "--map", tmp_path / "map.sql").err


def test_columns_of_names_that_differ_little(cbload, db, tmp_path):
    """In SQLite, and in Parquet, where DuckDB calls the second a_1."""
    (tmp_path / "map.sql").write_text("CREATE TABLE t (i BIGINT, \"ä\" DOUBLE); SELECT 's' AS sample, i AS cell_id, \"ä\" AS x, 1 AS y FROM t")
    assert "column ä is there twice" in cbload(write_sqlite(tmp_path / "a.sqlite", {"t": [{"i": 1, "Ä": 2, "ä": 3}]}), "--map", tmp_path / "map.sql").err
    (tmp_path / "map.sql").write_text("CREATE TABLE t (i BIGINT, a_1 DOUBLE); SELECT 's' AS sample, i AS cell_id, a_1 AS x, 1 AS y FROM t")
    assert "there is no column a_1" in cbload(write(tmp_path / "a.parquet", [{"i": 1, "a": 2, "A": 3}]), "--map", tmp_path / "map.sql").err


def test_maps_with_signs_of_numbers_of_labs(cbload, db, tmp_path):
    placeholder, column = shared("..", "tables", "hash_placeholder"), shared("..", "tables", "hash_column")
    ended = cbload(placeholder / "objects.csv", "--map", placeholder / "map.sql")
    assert ended.status == 1 and "there is no column #1" in ended.err
    assert cbload(column / "numeric.csv", "--map", column / "map.sql").status == 0 and [row[:3] for row in loaded(db)] == [("s", 7, 10.0)]
    assert cbload(column / "zero.csv", "--map", column / "map0.sql", "--table", "zero").status == 0 and [row[1] for row in loaded(db, "zero")] == [98, 99]


@pytest.mark.parametrize("statement", ["CREATE MACRO m(a) AS a", "CREATE TYPE t AS ENUM ('a')", "CREATE SCHEMA cbload", "CREATE SEQUENCE s", "CREATE TEMP TABLE batch (i BIGINT)", "CREATE OR REPLACE TABLE objects (i BIGINT)"])
def test_a_map_makes_tables_only(statement, cbload, tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    (tmp_path / "map.sql").write_text(f"{TABLE} {statement}; {CELLS}")
    ended = cbload(path, "--map", tmp_path / "map.sql", "--check")
    assert ended.status == 2 and "only CREATE TABLE statements" in ended.err


EVIL = "a\x1b]0;b\x07\x9b31m\r\n\u202ec"
SHOWN = "a\\x1b]0;b\\x07\\x9b31m\\r\\n\\u202ec"


def clean(ended, shown: str = SHOWN) -> bool:
    text = ended.out + ended.err
    return shown in text and all(char.isprintable() or char == "\n" for char in text)


def test_names_give_no_orders_to_a_terminal(cbload, db, map, tmp_path):
    """In file names, columns, samples, features, values, and in messages of the server, of DuckDB and of SQLite."""
    path = write(tmp_path / f"{EVIL}.csv", ROWS)
    assert clean(cbload(path, "--map", map)) and db.execute("SELECT name FROM cells_source").fetchone() == (EVIL,)
    assert clean(cbload(path, "--map", map)) and clean(cbload(path, "--map", map, "--replace")) and clean(cbload(path, "--map", map, "--skip-loaded"))
    assert clean(cbload(tmp_path / f"no {EVIL}", "--map", map)) and clean(cbload(path, "--map", tmp_path / EVIL)) and clean(cbload(path, "--preset", EVIL)) and clean(cbload("--memory", EVIL)) and clean(cbload(f"--{EVIL}"))
    assert clean(cbload(path, "--map", map, "--table", f'"{EVIL}"', "--study", EVIL))
    assert clean(cbload(path, "--map", map, "--server", f"host='/{EVIL}'"), "\\x1b]0;b\\x07\\x9b31m")
    map.write_text(TABLE.replace("flag", f'"{EVIL}"') + CELLS.replace("flag", "i > 0"))
    assert clean(cbload(path, "--map", map))
    value = tmp_path / "value.csv"
    quoted = EVIL.replace('"', '""')
    map.write_text(TABLE + CELLS)
    for row, shown in (f'1,"{quoted}",1', SHOWN), (f'1,2,"{quoted}"', SHOWN.replace("\\n", " ")):
        value.write_text(f"i,x,flag\n{row}\n", newline="")
        assert clean(cbload(value, "--map", map, "--check"), shown)
    assert clean(cbload(write_sqlite(tmp_path / "v.sqlite", {"objects": [{"i": 1, "x": EVIL, "flag": 1}]}), "--map", map, "--check"))
    map.write_text(TABLE + CELLS.replace('"f"', f'"{EVIL}"').replace("getvariable('source')", f"'{EVIL}'"))
    for rows in ROWS, [*ROWS, ROWS[0]], [{"i": 1, "x": "", "flag": 1}]:
        assert clean(cbload(write(tmp_path / "b.csv", rows), "--map", map, "--check"), SHOWN.replace("\\r", ""))
    map.write_text(TABLE + f'SELECT "{EVIL}" FROM objects')
    assert clean(cbload(path, "--map", map), "\\x9b31m")
    map.write_text(TABLE + CELLS)
    db.execute(f"""CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no %', $e${EVIL}$e$; END $$;
        CREATE TRIGGER shout BEFORE INSERT ON cells FOR EACH ROW EXECUTE FUNCTION shout()""")
    assert clean(cbload(write(tmp_path / "c.csv", [{"i": 7, "x": 1, "flag": 1}]), "--map", map))


def test_a_terminal_without_a_letter(process, db, map, tmp_path):
    started = process(write(tmp_path / "Zelle 細胞.csv", ROWS), "--map", map, "--check", env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    out, err = started.communicate()
    assert started.returncode == 0 and "Zelle \\u7d30\\u80de.csv: 2 cells" in out, err
