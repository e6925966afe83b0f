"""Lines of CSV files: each line becomes a row, or causes an error that names it."""

import gzip

import cells
import pytest
from conftest import nothing_loaded, shared
from experiment import loaded

MAP = (
    "CREATE TABLE objects (id BIGINT PRIMARY KEY, x DOUBLE, y DOUBLE, name VARCHAR, m DOUBLE); "
    "SELECT 's' AS sample, id AS cell_id, x, y, m > 1 AS spots FROM objects"
)
THREE = (
    "CREATE TABLE objects (id BIGINT, x DOUBLE, y DOUBLE); "
    "SELECT 's' AS sample, id AS cell_id, x, y FROM objects"
)
HEADER = "id,x,y,name,m"
SWALLOWED = ["id\tx\ty\tname\tm", '1\t10\t20\t"ROI 1\t2', "2\t11\t21\tb\t0",
             '3\t12\t22\tROI 3"\t0', "4\t13\t23\tc\t0"]


@pytest.fixture
def read(cbload, map, tmp_path):
    """Run cbload with a file of this content."""
    def run(content: str | bytes, *options, name: str = "objects.csv"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return cbload(path, "--map", map, *options)
    return run


def assert_refused(ended, db, *messages: str) -> None:
    assert ended.status == 1 and nothing_loaded(db), ended
    assert all(message in ended.err for message in messages), ended


@pytest.mark.parametrize("name, ending, delimiter", [
    ("objects.csv", "\n", "\t"), ("objects.csv", "\r", ","), ("objects.csv.gz", "\r\n", ";"),
    ("objects.csv", "\r\n", "|")])
def test_a_quotation_mark_swallows_no_rows(name, ending, delimiter, read, db):
    content = ending.join([*SWALLOWED, ""]).replace("\t", delimiter)
    ended = read(content, name=name)
    message = "line 2: a quotation mark opens a field that ends in line 4"
    assert_refused(ended, db, message, "--quotes text")
    ended = read(content, "--quotes", "text", name=name)
    assert ended.status == 0 and "4 rows, 4 joined, 0 left out" in ended.out
    assert [row[:3] for row in loaded(db)] == [
        ("s", number, number + 9.0) for number in range(1, 5)]
    ended = read(content, "--quotes", "fields", "--table", "fields", name=name)
    assert ended.status == 0 and "2 rows, 2 joined" in ended.out
    assert "rows that span several lines: 1, the first from line 2 to 4" in ended.out


def test_rows_swallowed_in_a_shared_file(cbload, db, map):
    path = shared("..", "tables", "tsv_swallow", "objects.tsv")
    assert_refused(cbload(path, "--map", map), db, "objects.tsv: line 2: a quotation mark")
    assert cbload(path, "--map", map, "--quotes", "text").status == 0 and len(loaded(db)) == 4


def test_thousands_of_lines_are_not_swallowed(read, db):
    """Other rows have fields in correct quotation marks."""
    lines = [f'{number},{number},1,"a, ""b""",0' for number in range(1, 20)]
    lines += [f"{number},{number},1,b,0" for number in range(20, 5000)]
    lines[30] = '31,31,1,"stray,0'
    lines[4000] = '4001,1,1,end",0'
    ended = read("\n".join([HEADER, *lines]))
    assert_refused(ended, db, "line 32: a quotation mark opens a field that ends in line 4002")


@pytest.mark.parametrize("line, place", [
    ('2,11,21,"b,0', "line 3: a quotation mark opens a field that does not end"),
    ('2,11,21,"b"c,0', "line 3: ")])
def test_a_mark_that_does_not_end_a_field(line, place, read, db):
    content = f"{HEADER}\n1,10,20,a,2\n{line}\n3,12,22,c,0\n"
    assert_refused(read(content), db, place)
    assert read(content, "--quotes", "text").status == 0 and len(loaded(db)) == 3


def test_correct_quotation_marks(read, db):
    """Line breaks in fields, marks inside fields, blank lines, and a last line without an end.

    One field has as many delimiters as a row.
    """
    ended = read(
        'id,x,y,"na\nme",name,m\n1,10,20,,"two\nlines",2\n\n'
        '2,11,21,,"a,b,c,d,e,f\nand more\n",0\n3,12,22,,5" wide,0\n4,13,23,, "spaces" ,0')
    assert ended.status == 0 and "4 rows, 4 joined, 0 left out" in ended.out, ended
    assert "rows that span several lines: 2, the first from line 3 to 4" in ended.out
    assert len(loaded(db)) == 4


def test_a_header_with_a_line_break(cbload, db, map, tmp_path):
    (tmp_path / "objects.csv").write_text('id,"x\n(px)",y\n1,10,20\n2,11,21\n')
    map.write_text(
        'CREATE TABLE objects (id BIGINT, "x\n(px)" DOUBLE, y DOUBLE); '
        "SELECT 's' AS sample, id AS cell_id, \"x\n(px)\" AS x, y FROM objects")
    ended = cbload(tmp_path / "objects.csv", "--map", map)
    assert ended.status == 0, ended.err
    assert loaded(db) == [("s", 1, 10.0, 20.0, 0), ("s", 2, 11.0, 21.0, 0)]


def test_a_header_with_a_line_break_in_a_shared_file(cbload, db):
    path = shared("..", "tables", "header_newline", "objects.csv")
    ended = cbload(path, "--map", path.with_name("map.sql"))
    assert ended.status == 0, ended.err
    assert loaded(db) == [("objects", 1, 10.0, 20.0, 1), ("objects", 2, 11.0, 21.0, 0)]


@pytest.mark.parametrize("name, ending", [
    ("objects.csv", "\n"), ("objects.csv", "\r"), ("objects.csv.gz", "\r\n")])
@pytest.mark.parametrize("lines, last", [
    (['id,x,y,"name', "1,10,20,a", '2,11,21,b"', "3,12,22,c"], 3),
    (['id,x,y,"name', '1,10,20,a"', "2,11,21,b", "3,12,22,c"], 2),
    # all rows, which have more fields than the header that is left
    (['id,x,y,"name,m', "1,10,20,a,2", "2,11,21,b,0", '3,12,22,c,0"'], 4),
])
def test_a_quotation_mark_in_the_header_swallows_no_rows(
    lines, last, name, ending, read, map, db,
):
    map.write_text(THREE)
    content = ending.join([*lines, ""])
    message = f"line 1: a quotation mark opens a field that ends in line {last}"
    for options in ["--check"], []:
        assert_refused(read(content, *options, name=name), db, message, "--quotes text")
    assert read(content, "--quotes", "text", name=name).status == 0 and len(loaded(db)) == 3
    ended = read(content, "--quotes", "fields", "--table", "fields", name=name)
    assert ended.status == 0 and f"{4 - last} rows, {4 - last} joined" in ended.out


@pytest.mark.parametrize("rows", [3, 200_000])
def test_a_quotation_mark_in_the_header_that_nothing_ends(rows, read, db):
    lines = "".join(f"{number},10,20,aaaaaaaaaa,2\n" for number in range(rows))
    ended = read('id,x,y,name,"m\n' + lines)
    assert_refused(ended, db, "with --quotes text, quotation marks are plain text")
    unclosed = "line 1: a quotation mark opens a field that does not end"
    assert (unclosed in ended.err) == (rows == 3)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_lines_in_other_encodings(encoding, read, db):
    """In UTF-16, the byte of a line feed may be half of a letter: Ċ."""
    name = "Ċ" if encoding == "utf-16" else "ü"
    content = f'{HEADER}\n1,10,20,{name},2\n2,11,21,"{name}\n",0\n'
    ended = read(content.encode(encoding), "--encoding", encoding)
    assert ended.status == 0 and "2 rows, 2 joined" in ended.out
    assert "rows that span several lines: 1" in ended.out
    content = "\n".join(SWALLOWED).replace("ROI", name)
    ended = read(content.encode(encoding), "--encoding", encoding, "--table", "other")
    assert ended.status == 1 and "line 2: a quotation mark" in ended.err


@pytest.mark.parametrize("length, end", [
    (3 << 20, "\n"), (33 << 20, ""), (33 << 20, "\n2,11,21,b,0\n")])
def test_a_line_that_is_too_long(length, end, read, db):
    ended = read(f"{HEADER}\n1,10,20,a,2\n3,12,22,{'u' * length},0{end}")
    assert_refused(ended, db, "line 3 has more than 2,000,000 characters")
    assert len(ended.err) < 300


@pytest.mark.parametrize("length", [200_000, 40 << 20])
def test_a_long_name_in_the_header(length, cbload, db, map, tmp_path):
    """A name that is too long is an error of its own source only."""
    (tmp_path / "long.csv").write_text(f"{HEADER},{'n' * length}\n1,10,20,a,2,\n")
    (tmp_path / "short.csv").write_text(f"{HEADER}\n1,10,20,a,2\n")
    map.write_text(MAP.replace("'s' AS", "getvariable('source') AS"))
    ended = cbload(tmp_path / "long.csv", tmp_path / "short.csv", "--map", map)
    fits = length < 2_000_000
    assert ended.status == (0 if fits else 1) and len(ended.err) < 400
    assert ("long.csv: the header has more than" in ended.err) != fits
    assert {row[0] for row in loaded(db)} == ({"long", "short"} if fits else {"short"})


def test_line_endings_of_two_kinds(read, db):
    ended = read(f"{HEADER}\r\n1,10,20,a,2\r\n2,11,21,b,0\n3,12,22,c,0\r\n")
    assert_refused(ended, db, "line 3 ends differently from the lines before")


def test_an_unexpected_error(cbload, db, map, tmp_path, monkeypatch):
    """A bug affects only its own source, and the message has no traceback."""
    make = cells.make
    (tmp_path / "one.csv").write_text(f"{HEADER}\n1,10,20,a,2\n")
    (tmp_path / "two.csv").write_text(f"{HEADER}\n1,10,20,a,2\n2,1,1,a,1\n")

    def fails_once(engine, map, account, *others):
        if account.rows == {"objects": 1}:
            raise RuntimeError("a\x1b[31m mistake")
        make(engine, map, account, *others)
    monkeypatch.setattr(cells, "make", fails_once)
    ended = cbload(tmp_path / "one.csv", tmp_path / "two.csv", "--map", map)
    assert ended.status == 1
    assert ("one.csv: unexpected error, please report it with this line: "
            "RuntimeError: a\\x1b[31m mistake (test_lines.py:") in ended.err
    assert "Traceback" not in ended.err and len(loaded(db)) == 2


def test_a_value_is_named_by_its_line(cbload, map, tmp_path):
    """Also below rows that span several lines, and below lines before the header."""
    map.write_text(
        """CREATE TABLE t (id BIGINT, x DOUBLE, flag BOOLEAN, note VARCHAR);
        SELECT 's' AS sample, id AS cell_id, x, x AS y, flag AS f FROM t""")
    for number, (values, message) in enumerate([
        ("3,1,2,a", 'line 8: column flag: "2" is not true or false'),
        ("1.5,1,0,a", 'line 8: column id: "1.5" is not an integer'),
        ("3,z,0,a", 'line 8: column x: "z" is not a number'),
    ]):
        text = f'id,x,flag,note\n1,1,0,"two\nlines"\n2,1,1,b\n\n2,1,1,"and\n\nthree"\n{values}\n'
        source = tmp_path / f"s{number}.csv"
        source.write_text(text.replace("\n\n2", "\n4", 1))
        assert message in cbload(source, "--map", map, "--check").err
        source.write_text("made by\n\n" + source.read_text())
        ended = cbload(source, "--map", map, "--check", "--skip-lines", "2")
        assert message.replace("line 8", "line 10") in ended.err


def test_lines_before_the_header(cbload, db, map, tmp_path):
    source = tmp_path / "s.txt"
    source.write_text('Database\tdb "x\n\n[Data]\nid\tx\ty\n1\t10\t20\n')
    map.write_text(
        """CREATE TABLE t (id BIGINT, x DOUBLE, y DOUBLE);
        SELECT 's' AS sample, id AS cell_id, x, y FROM t""")
    message = "line 4 looks like the header: --skip-lines 3 leaves out the lines before it"
    assert message in cbload(source, "--map", map).err
    assert cbload(source, "--map", map, "--skip-lines", "3").status == 0
    assert loaded(db) == [("s", 1, 10.0, 20.0, 0)]


def test_a_decimal_comma(cbload, db, map, tmp_path):
    map.write_text(
        """CREATE TABLE t (id BIGINT, x DOUBLE, big BIGINT, flag BOOLEAN);
        SELECT 's' AS sample, id AS cell_id, x, x AS y, flag AS f FROM t""")
    source = tmp_path / "s.csv"
    source.write_text("id;x;big;flag\n1,0;10,25;9007199254740993;1\n2;-,5;1,0;0\n")
    assert "use --decimal ," in cbload(source, "--map", map).err
    ended = cbload(source, "--map", map, "--decimal", ",")
    assert ended.status == 0, ended.err
    assert loaded(db) == [("s", 1, 10.25, 10.25, 1), ("s", 2, -0.5, -0.5, 0)]
    source = tmp_path / "thousands.csv"
    source.write_text("id;x;big;flag\n1;1.234;1;1\n")
    assert '"1.234" is not a number' in cbload(source, "--map", map, "--decimal", ",").err


@pytest.mark.parametrize("form", ["csv", "csv.gz"])
def test_encodings(form, cbload, db, map, tmp_path):
    """The encoding of the names alone is guessed; text that depends on it is an error."""
    map.write_text(
        """CREATE TABLE t (id BIGINT, "x µm" DOUBLE, name VARCHAR);
        SELECT name AS sample, id AS cell_id, "x µm" AS x, 1 AS y FROM t""")

    def made(name, text, encoding):
        data = text.encode(encoding)
        (tmp_path / name).write_bytes(gzip.compress(data) if form == "csv.gz" else data)
        return tmp_path / name

    for number, encoding in enumerate(["cp1252", "latin-1", "utf-16", "utf-8"]):
        source = made(encoding, "id,x µm,name,other\n1,10,plain,\n", encoding)
        ended = cbload(source, "--map", map, "--table", f"t{number}")
        assert ended.status == 0, (encoding, ended.err)
    text = "id,x µm,name\n1,10,plain\n2,11,größe – €\n"
    source = made("s", text, "cp1252")
    message = 'line 3: column name: "größe – €" is not in UTF-8: give the encoding'
    assert message in cbload(source, "--map", map).err
    assert cbload(source, "--map", map, "--encoding", "windows-1252").status == 0
    assert [row[0] for row in loaded(db)] == ["größe – €", "plain"]
    source = made("j", "id,x µm,name\n1,10,腫瘍\n".replace("µ", "μ"), "euc_jp")
    assert cbload(source, "--map", map, "--encoding", "euc-jp").status == 0
    assert loaded(db)[-1][0] == "腫瘍"
    assert cbload(source, "--map", map, "--encoding", "ascii", "--replace").status == 1
    assert cbload(source, "--map", map, "--encoding", "base64").status == 2
