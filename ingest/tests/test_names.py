"""Names of files, columns, tables and samples: none is misread, and none controls a terminal."""

import os

import pytest
from conftest import shared
from experiment import loaded, write, write_sqlite

TABLE = "CREATE TABLE objects (i BIGINT, x DOUBLE, flag BOOLEAN);"
CELLS = ("SELECT getvariable('source') AS sample, i AS cell_id, x, x AS y, flag AS \"f\" "
         "FROM objects")
MAP = TABLE + CELLS
ROWS = [{"i": 1, "x": 2.5, "flag": 1}, {"i": 2, "x": 3.5, "flag": 0}]
WRONG = [{"i": 9, "x": 99, "flag": 1}]
ODD = [
    "plate [2].csv", "a*.csv", "what?.csv", "{a,b}.csv", "back\\slash.csv",
    "it's \"a\" file;--.csv", "-dash.csv", "new\nline.csv", "~.csv", "a%20b#c?.csv", "x.json",
    "c.parquet", "plain.zst",
]


def made(path, rows=ROWS):
    """Write a table in the format that the folder is named after, whatever the file's name is."""
    write(path.with_name(f"made.{path.parent.name}"), rows).rename(path)
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "sqlite"])
def test_odd_file_names(form, cbload, db, map, tmp_path):
    """Beside each file are files that its name matches as a pattern.

    The name of the folder could be that of a column.
    """
    folder = tmp_path / "i=7" / form
    folder.mkdir(parents=True)
    for name in "plate 2.csv", "ab.csv", "whatx.csv", "a.csv", "b.csv":
        made(folder / name, WRONG)
    paths = {
        str(made(folder / name, [{"i": 1, "x": number, "flag": 1}])): number
        for number, name in enumerate(ODD)
    }
    ended = cbload("--map", map, "--", *paths)
    assert (ended.status, ended.err) == (0, "")
    found = db.execute(
        "SELECT path, x FROM cells JOIN cells_source USING (source) WHERE cell_id = 1").fetchall()
    assert dict(found) == paths


def test_odd_names_in_a_folder(cbload, db, map, tmp_path):
    (folder := tmp_path / "plate [2] x=1").mkdir()
    (other := tmp_path / "plate 2 x=1").mkdir()
    write(folder / "a[b]_objects.csv", ROWS)
    write(other / "ab_objects.csv", WRONG)
    os.close(os.open(os.fsencode(folder) + b"/\xff\n.csv", os.O_CREAT))
    assert cbload(folder, "--map", map).status == 0
    assert [row[:2] for row in loaded(db)] == [("plate [2] x=1", 1), ("plate [2] x=1", 2)]


def test_names_not_in_utf_8(cbload, db, map, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    write(tmp_path / "a.csv", ROWS).rename(path)
    ended = cbload(path, "--map", map)
    assert ended.status == 2 and "\\udcff.csv: the name is not in UTF-8" in ended.err
    ended = cbload(tmp_path, "--map", map, "--name", os.fsdecode(b"\xff"))
    assert ended.status == 2 and "\\udcff: the argument is not in UTF-8" in ended.err
    (folder := tmp_path / "folder").mkdir()
    os.rename(path, os.fsencode(folder) + b"/\xff_objects.csv")
    assert cbload(folder, "--map", map).status == 0 and len(loaded(db)) == 2


def test_missing_files(cbload, map):
    for given in "", "file:///etc/passwd", "~", "glob*":
        ended = cbload(given, "--map", map, "--check")
        assert ended.status == 2 and "there is no such file or folder" in ended.err


def test_an_address_is_no_pattern(cbload, map):
    for address in "s3://bucket/a*.csv", "s3://bucket/a[1].parquet", "gs://bucket/a\\*.csv":
        ended = cbload(address, "--map", map, "--check")
        assert ended.status == 1
        assert "cannot contain *, [ or \\, which DuckDB takes as a pattern" in ended.err


INTERNAL = [
    "#0", "#1", "#2", "#row", "#batch", "#made", "#joined", "#ids", "c0", "c1", "number", "batch",
    "made", "joined", "ids", "source", "objects", "line", "temp", "memory", "cbload", "sample",
    "reason", "filename", "file_row_number",
]


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_internal_names_as_columns(form, cbload, map, tmp_path):
    """A column may have a name that cbload uses internally. If it is missing, that is an error.

    The only table of a map and of a source may have different names.
    """
    names = [*INTERNAL, "#1 or 1"]
    columns = ", ".join(f'"{name}" DOUBLE' for name in names)
    features = ", ".join(
        f'"{name}" = {number} AS "{name} is {number}"' for number, name in enumerate(names))
    map.write_text(
        f"""CREATE TABLE t (i BIGINT, {columns});
        SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y, {features}
        FROM t WHERE "#1" > 0""")
    values = {name: number for number, name in enumerate(names)}
    source = write(tmp_path / f"a.{form}", [{"a": 8, "i": i} | values for i in (1, 2)])
    ended = cbload(source, "--map", map, "--check")
    assert ended.status == 0, ended
    assert ended.out.splitlines()[4:] == [
        f"  {name} is {number}: 2 of 2 positive (100.0%)" for number, name in enumerate(names)]
    rows = [{"a": 8, "i": i, "e": 8, "d": 9} for i in (1, 2)]
    ended = cbload(write(tmp_path / f"b.{form}", rows), "--map", map, "--check")
    assert ended.status == 1 and f"there is no column {', '.join(names)}" in ended.err


@pytest.mark.parametrize("form", ["csv", "sqlite"])
def test_internal_names_as_tables(form, cbload, db, map, tmp_path):
    tables = {
        name: [{"i": 1, "#1": number}, {"i": 2, "#1": number}]
        for number, name in enumerate(INTERNAL)
    }
    if form == "csv":
        (source := tmp_path / "folder").mkdir()
        for name, rows in tables.items():
            write(source / f"{name}.csv", rows)
    else:
        source = write_sqlite(tmp_path / "all.sqlite", tables)
    declared = "; ".join(f'CREATE TABLE "{name}" (i BIGINT, "#1" DOUBLE)' for name in tables)
    features = ", ".join(
        f'"{name}"."#1" = {number} AS "{name} is {number}"' for number, name in enumerate(tables))
    first, *others = [f'"{name}"' for name in tables]
    joins = " ".join([first, *(f"JOIN {name} USING (i)" for name in others)])
    map.write_text(
        f"{declared}; SELECT 's' AS sample, i AS cell_id, i AS x, 1 AS y, {features} FROM {joins}")
    ended = cbload(source, "--map", map)
    assert ended.status == 0, ended.err
    assert [row[4] for row in loaded(db)] == [(1 << len(tables)) - 1] * 2


def test_a_column_name_is_no_position(cbload, db, map, tmp_path):
    (tmp_path / "a.csv").write_text("x,#1\n10,1\n11,2\n")
    text = (
        "CREATE TABLE t (x DOUBLE, \"#1\" BIGINT); "
        "SELECT '\"class\": \"POSITIONAL_REFERENCE\" #7' AS sample, {} AS cell_id, x, 1 AS y FROM t"
    )
    map.write_text(text.format("#1"))
    ended = cbload(tmp_path / "a.csv", "--map", map)
    assert ended.status == 2 and 'write "#1" for the column of that name' in ended.err
    map.write_text(text.format('"#1"'))
    assert cbload(tmp_path / "a.csv", "--map", map).status == 0
    assert [row[1] for row in loaded(db)] == [1, 2]


def test_an_error_names_the_column_of_the_file(cbload, db, map, tmp_path):
    (tmp_path / "a.csv").write_text("c1,c0\n1,2\n3,x\n")
    map.write_text(
        """CREATE TABLE t (c0 DOUBLE, c1 BIGINT);
        SELECT 's' AS sample, c1 AS cell_id, c0 AS x, 1 AS y FROM t""")
    ended = cbload(tmp_path / "a.csv", "--map", map)
    assert 'line 3: column c0: "x" is not a number' in ended.err


def test_columns_that_differ_in_case(cbload, db, map, tmp_path):
    """In SQLite, and in Parquet, where DuckDB calls the second column a_1."""
    map.write_text(
        """CREATE TABLE objects (i BIGINT, "ä" DOUBLE);
        SELECT 's' AS sample, i AS cell_id, "ä" AS x, 1 AS y FROM objects""")
    source = write(tmp_path / "a.sqlite", [{"i": 1, "Ä": 2, "ä": 3}])
    assert cbload(source, "--map", map).status == 0 and loaded(db)[0][2] == 3
    db.execute("TRUNCATE cells, cells_sample, cells_source")
    map.write_text(
        """CREATE TABLE t (i BIGINT, a_1 DOUBLE);
        SELECT 's' AS sample, i AS cell_id, a_1 AS x, 1 AS y FROM t""")
    source = write(tmp_path / "a.parquet", [{"i": 1, "a": 2, "A": 3}])
    assert "there is no column a_1" in cbload(source, "--map", map).err


def test_number_signs_in_shared_maps(cbload, db, tmp_path):
    placeholder = shared("..", "tables", "hash_placeholder")
    column = shared("..", "tables", "hash_column")
    ended = cbload(placeholder / "objects.csv", "--map", placeholder / "map.sql")
    assert ended.status == 1 and "there is no column #1" in ended.err
    assert cbload(column / "numeric.csv", "--map", column / "map.sql").status == 0
    assert [row[:3] for row in loaded(db)] == [("s", 7, 10.0)]
    ended = cbload(column / "zero.csv", "--map", column / "map0.sql", "--table", "zero")
    assert ended.status == 0 and [row[1] for row in loaded(db, "zero")] == [98, 99]


@pytest.mark.parametrize("statement", [
    "CREATE MACRO m(a) AS a", "CREATE TYPE t AS ENUM ('a')", "CREATE SCHEMA cbload",
    "CREATE SEQUENCE s", "CREATE TEMP TABLE batch (i BIGINT)",
    "CREATE OR REPLACE TABLE objects (i BIGINT)"])
def test_a_map_creates_only_tables(statement, cbload, map, tmp_path):
    map.write_text(f"{TABLE} {statement}; {CELLS}")
    ended = cbload(write(tmp_path / "a.csv", ROWS), "--map", map, "--check")
    assert ended.status == 2 and "a map consists of CREATE TABLE statements" in ended.err


EVIL = "a\x1b]0;b\x07\x9b31m\r\n\u202ec"
SHOWN = "a\\x1b]0;b\\x07\\x9b31m\\r\\n\\u202ec"


def test_names_do_not_control_a_terminal(cbload, db, map, tmp_path):
    """Evil names in all places: files, columns, samples, features, values, and options.

    Messages of the server, of DuckDB and of SQLite contain them, too.
    """
    def assert_harmless(*arguments, shown: str = SHOWN) -> None:
        ended = cbload(*arguments)
        text = ended.out + ended.err
        assert shown in text, ended
        assert all(char.isprintable() or char == "\n" for char in text), ended

    path = write(tmp_path / f"{EVIL}.csv", ROWS)
    assert_harmless(path, "--map", map)
    assert db.execute("SELECT name FROM cells_source").fetchone() == (EVIL,)
    for options in [], ["--replace"], ["--skip-loaded"]:
        assert_harmless(path, "--map", map, *options)
    assert_harmless(tmp_path / f"no {EVIL}", "--map", map)
    assert_harmless(path, "--map", tmp_path / EVIL)
    assert_harmless(path, "--preset", EVIL)
    assert_harmless("--memory", EVIL)
    assert_harmless(f"--{EVIL}")
    assert_harmless(path, "--map", map, "--table", f'"{EVIL}"', "--study", EVIL)
    server = f"host='/{EVIL}'"
    assert_harmless(path, "--map", map, "--server", server, shown="\\x1b]0;b\\x07\\x9b31m")
    map.write_text(TABLE.replace("flag", f'"{EVIL}"') + CELLS.replace("flag", "i > 0"))
    assert_harmless(path, "--map", map)

    map.write_text(MAP)
    value = tmp_path / "value.csv"
    quoted = EVIL.replace('"', '""')
    rows = [f'1,"{quoted}",1', f'1,2,"{quoted}"']
    for row in rows:
        value.write_text(f"i,x,flag\n{row}\n", newline="")
        assert_harmless(value, "--map", map, "--check")
    database = write(tmp_path / "v.sqlite", [{"i": 1, "x": EVIL, "flag": 1}])
    assert_harmless(database, "--map", map, "--check")

    cells = CELLS.replace('"f"', f'"{EVIL}"').replace("getvariable('source')", f"'{EVIL}'")
    map.write_text(TABLE + cells)
    for rows in ROWS, [*ROWS, ROWS[0]], [{"i": 1, "x": "", "flag": 1}]:
        source = write(tmp_path / "b.csv", rows)
        assert_harmless(source, "--map", map, "--check", shown=SHOWN.replace("\\r", ""))
    map.write_text(f'{TABLE} SELECT "{EVIL}" FROM objects')
    assert_harmless(path, "--map", map, shown="\\x9b31m")

    map.write_text(MAP)
    db.execute(f"""CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'no %', $e${EVIL}$e$; END $$;
        CREATE TRIGGER shout BEFORE INSERT ON cells FOR EACH ROW EXECUTE FUNCTION shout()""")
    source = write(tmp_path / "c.csv", [{"i": 7, "x": 1, "flag": 1}])
    assert_harmless(source, "--map", map)


def test_a_terminal_that_lacks_a_letter(process, db, map, tmp_path):
    source = write(tmp_path / "Zelle 細胞.csv", ROWS)
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    started = process(source, "--map", map, "--check", env=environment)
    out, err = started.communicate()
    assert started.returncode == 0 and "Zelle \\u7d30\\u80de.csv: 2 cells" in out, err


NUMBERS_MAP = """CREATE TABLE t (id BIGINT, "Centroid X µm" DOUBLE, y DOUBLE);
    SELECT 's' AS sample, id AS cell_id, "Centroid X µm" AS x, y FROM t"""


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_spellings_of_a_column(form, cbload, db, map, tmp_path):
    """Case, spaces at the ends and the character for micro may differ, but the exact name is
    preferred."""
    map.write_text(NUMBERS_MAP)
    exact, greek = "Centroid X µm", "Centroid X μm"
    cases = [{exact: 1}, {greek: 1}, {f" {greek} ": 1}, {exact.lower(): 1}, {greek.upper(): 1},
             {exact.upper(): 2, exact: 1}, {exact.lower(): 2, f"{greek}  ": 1}]
    for number, names in enumerate(cases):
        source = write(tmp_path / f"s{number}.{form}", [{"ID": 5} | names | {" y": 3}])
        ended = cbload(source, "--map", map, "--table", f"t{number}")
        assert ended.status == 0, (names, ended.err)
        assert loaded(db, f"t{number}") == [("s", 5, 1.0, 3.0, 0)], names


def test_columns_without_a_name(cbload, db, map, tmp_path):
    """They have the names that pandas gives them, unless a column has such a name."""
    map.write_text(
        """CREATE TABLE t ("Unnamed: 0" BIGINT, x DOUBLE, "Unnamed: 2" DOUBLE);
        SELECT 's' AS sample, "Unnamed: 0" AS cell_id, x, "Unnamed: 2" AS y FROM t""")
    (tmp_path / "a.csv").write_text(",x, \n7,10,20\n")
    assert cbload(tmp_path / "a.csv", "--map", map).status == 0
    assert loaded(db) == [("s", 7, 10.0, 20.0, 0)]
    (tmp_path / "b.csv").write_text(",Unnamed: 0,x,Unnamed: 2\n7,8,10,20\n")
    assert cbload(tmp_path / "b.csv", "--map", map, "--table", "other").status == 0
    assert loaded(db, "other") == [("s", 8, 10.0, 20.0, 0)]


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_similar_columns(form, cbload, map, tmp_path):
    map.write_text(NUMBERS_MAP)
    names = {f"c{number}": 1 for number in range(200)} | {"centroid x [px]": 1, "y": 1, "id": 1}
    ended = cbload(write(tmp_path / f"a.{form}", [names]), "--map", map)
    assert "similar columns: centroid x [px]" in ended.err
    ended = cbload(write(tmp_path / f"b.{form}", [{"p": 1, "q": 2}]), "--map", map)
    assert "there is no column id, Centroid X µm, y; the columns are: p, q" in ended.err
