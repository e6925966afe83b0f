"""That every line of a CSV file comes out as a row, or is an error that names it."""

import gzip

import pytest
from conftest import nothing_loaded, shared
from experiment import loaded

MAP = "CREATE TABLE objects (id BIGINT PRIMARY KEY, x DOUBLE, y DOUBLE, name VARCHAR, m DOUBLE); SELECT 's' AS sample, id AS cell_id, x, y, m > 1 AS spots FROM objects"
SWALLOWED = ["id\tx\ty\tname\tm", '1\t10\t20\t"ROI 1\t2', "2\t11\t21\tb\t0", '3\t12\t22\tROI 3"\t0', "4\t13\t23\tc\t0"]


@pytest.fixture
def read(cbload, tmp_path):
    (tmp_path / "map.sql").write_text(MAP)

    def run(content: str | bytes, *options, name: str = "objects.csv", table: str = "cells"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return cbload(path, "--map", tmp_path / "map.sql", "--table", table, *options)
    return run


@pytest.mark.parametrize("name, ending, delimiter", [("objects.csv", "\n", "\t"), ("objects.csv", "\r", ","), ("objects.csv.gz", "\r\n", ";"), ("objects.csv", "\r\n", "|")])
def test_a_quotation_mark_swallows_no_rows(name, ending, delimiter, read, db):
    content = ending.join([*SWALLOWED, ""]).replace("\t", delimiter)
    ended = read(content, name=name)
    assert ended.status == 1 and "line 2: a quotation mark begins a field that ends in line 4" in ended.err and "--quotes text" in ended.err and nothing_loaded(db)
    ended = read(content, "--quotes", "text", name=name)
    assert ended.status == 0 and "4 rows, 4 joined, 0 left out" in ended.out
    assert [row[:3] for row in loaded(db)] == [("s", number, number + 9.0) for number in range(1, 5)]
    ended = read(content, "--quotes", "fields", "--table", "fields", name=name)
    assert ended.status == 0 and "2 rows, 2 joined" in ended.out and "1 of them over several lines, the first from line 2 to 4" in ended.out


def test_rows_swallowed_in_the_file_of_a_lab(cbload, db, tmp_path):
    path = shared("..", "tables", "tsv_swallow", "objects.tsv")
    (tmp_path / "map.sql").write_text(MAP)
    assert "objects.tsv: line 2: a quotation mark" in cbload(path, "--map", tmp_path / "map.sql").err and nothing_loaded(db)
    assert cbload(path, "--map", tmp_path / "map.sql", "--quotes", "text").status == 0 and len(loaded(db)) == 4


def test_thousands_of_lines_are_not_swallowed(read, db):
    """Among rows with fields that are rightly in marks."""
    lines = [f'{number},{number},1,"a, ""b""",0' for number in range(1, 20)] + [f"{number},{number},1,b,0" for number in range(20, 5000)]
    lines[30] = '31,31,1,"stray,0'
    lines[4000] = '4001,1,1,end",0'
    ended = read("\n".join(["id,x,y,name,m", *lines]))
    assert ended.status == 1 and "line 32: a quotation mark begins a field that ends in line 4002" in ended.err and nothing_loaded(db)


@pytest.mark.parametrize("line, place", [('2,11,21,"b,0', "line 3: a field begins with a quotation mark, and none ends it"), ('2,11,21,"b"c,0', "line 3: ")])
def test_a_mark_that_does_not_end_a_field(line, place, read, db):
    ended = read(f"id,x,y,name,m\n1,10,20,a,2\n{line}\n3,12,22,c,0\n")
    assert ended.status == 1 and place in ended.err and nothing_loaded(db)
    assert read(f"id,x,y,name,m\n1,10,20,a,2\n{line}\n3,12,22,c,0\n", "--quotes", "text").status == 0 and len(loaded(db)) == 3


def test_marks_that_are_right(read, db):
    """Newlines in fields, also with as many delimiters as a row has; a mark within a field; blank lines; no end of the last line."""
    content = 'id,x,y,"na\nme",name,m\n1,10,20,,"two\nlines",2\n\n2,11,21,,"a,b,c,d,e,f\nand more\n",0\n3,12,22,,5" wide,0\n4,13,23,, "spaces" ,0'
    ended = read(content)
    assert ended.status == 0 and "4 rows, 4 joined, 0 left out" in ended.out and "2 of them over several lines, the first from line 3 to 4" in ended.out, ended
    assert len(loaded(db)) == 4


def test_a_header_with_a_newline(cbload, db, tmp_path):
    (tmp_path / "objects.csv").write_text('id,"x\n(px)",y\n1,10,20\n2,11,21\n')
    (tmp_path / "map.sql").write_text("CREATE TABLE objects (id BIGINT, \"x\n(px)\" DOUBLE, y DOUBLE); SELECT 's' AS sample, id AS cell_id, \"x\n(px)\" AS x, y FROM objects")
    ended = cbload(tmp_path / "objects.csv", "--map", tmp_path / "map.sql")
    assert ended.status == 0 and loaded(db) == [("s", 1, 10.0, 20.0, 0), ("s", 2, 11.0, 21.0, 0)], ended.err


def test_a_header_with_a_newline_of_a_lab(cbload, db):
    path = shared("..", "tables", "header_newline", "objects.csv")
    ended = cbload(path, "--map", path.with_name("map.sql"))
    assert ended.status == 0 and loaded(db) == [("objects", 1, 10.0, 20.0, 1), ("objects", 2, 11.0, 21.0, 0)], ended.err


@pytest.mark.parametrize("name, ending", [("objects.csv", "\n"), ("objects.csv", "\r"), ("objects.csv.gz", "\r\n")])
@pytest.mark.parametrize("lines, last", [
    (['id,x,y,"name', "1,10,20,a", '2,11,21,b"', "3,12,22,c"], 3),
    (['id,x,y,"name', '1,10,20,a"', "2,11,21,b", "3,12,22,c"], 2),
    (['id,x,y,"name,m', "1,10,20,a,2", "2,11,21,b,0", '3,12,22,c,0"'], 4),     # all rows, with more fields than the header is left with
])
def test_a_quotation_mark_in_the_header_swallows_no_rows(lines, last, name, ending, read, cbload, db, tmp_path):
    content = ending.join([*lines, ""])
    (tmp_path / "three.sql").write_text("CREATE TABLE objects (id BIGINT, x DOUBLE, y DOUBLE); SELECT 's' AS sample, id AS cell_id, x, y FROM objects")
    read(content, name=name)
    for option in ["--check"], []:
        ended = cbload(tmp_path / name, "--map", tmp_path / "three.sql", *option)
        assert ended.status == 1 and f"line 1: a quotation mark begins a field that ends in line {last}" in ended.err and "--quotes text" in ended.err and nothing_loaded(db), ended
    assert cbload(tmp_path / name, "--map", tmp_path / "three.sql", "--quotes", "text").status == 0 and len(loaded(db)) == 3
    ended = cbload(tmp_path / name, "--map", tmp_path / "three.sql", "--quotes", "fields", "--table", "fields")
    assert ended.status == 0 and f"{4 - last} rows, {4 - last} joined" in ended.out


@pytest.mark.parametrize("rows", [3, 200_000])
def test_a_quotation_mark_in_the_header_that_nothing_ends(rows, read, db):
    ended = read('id,x,y,name,"m\n' + "".join(f"{number},10,20,aaaaaaaaaa,2\n" for number in range(rows)))
    assert ended.status == 1 and "--quotes text takes quotation marks as text" in ended.err and nothing_loaded(db), ended
    assert ("line 1: a field begins with a quotation mark, and none ends it" in ended.err) == (rows == 3)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_lines_of_other_encodings(encoding, read, db):
    """Of which a line feed may be half of a letter: Ċ."""
    name = "Ċ" if encoding == "utf-16" else "ü"
    ended = read(f'id,x,y,name,m\n1,10,20,{name},2\n2,11,21,"{name}\n",0\n'.encode(encoding), "--encoding", encoding)
    assert ended.status == 0 and "2 rows, 2 joined" in ended.out and "1 of them over several lines" in ended.out
    ended = read("\n".join(SWALLOWED).replace("ROI", name).encode(encoding), "--encoding", encoding, "--table", "other")
    assert ended.status == 1 and "line 2: a quotation mark" in ended.err


@pytest.mark.parametrize("length, end", [(3 << 20, "\n"), (33 << 20, ""), (33 << 20, "\n2,11,21,b,0\n")])
def test_a_line_that_is_too_long(length, end, read, db):
    ended = read(f"id,x,y,name,m\n1,10,20,a,2\n3,12,22,{'u' * length},0{end}")
    assert ended.status == 1 and "line 3: it has more than 2,000,000 characters" in ended.err and len(ended.err) < 300 and nothing_loaded(db)


@pytest.mark.parametrize("length", [200_000, 40 << 20])
def test_a_long_name_in_the_header(length, cbload, db, tmp_path):
    """It is an error of its own source, at most."""
    (tmp_path / "map.sql").write_text(MAP)
    (tmp_path / "long.csv").write_text(f"id,x,y,name,m,{'n' * length}\n1,10,20,a,2,\n")
    (tmp_path / "short.csv").write_text("id,x,y,name,m\n1,10,20,a,2\n")
    (tmp_path / "map.sql").write_text(MAP.replace("'s' AS", "getvariable('source') AS"))
    ended = cbload(tmp_path / "long.csv", tmp_path / "short.csv", "--map", tmp_path / "map.sql")
    long = length < 2_000_000
    assert ended.status == (0 if long else 1) and ("long.csv: its header has more than" in ended.err) != long and len(ended.err) < 400
    assert {row[0] for row in loaded(db)} == ({"long", "short"} if long else {"short"})


def test_ends_of_lines_of_two_kinds(read, db):
    ended = read("id,x,y,name,m\r\n1,10,20,a,2\r\n2,11,21,b,0\n3,12,22,c,0\r\n")
    assert ended.status == 1 and "line 3: it ends otherwise than the lines before" in ended.err and nothing_loaded(db)


def test_an_error_that_nobody_expects(cbload, db, tmp_path, monkeypatch):
    """It is one of its source, without a traceback; the others are loaded."""
    import cells
    make = cells.make
    (tmp_path / "map.sql").write_text(MAP)
    for name in "one", "two":
        (tmp_path / f"{name}.csv").write_text("id,x,y,name,m\n1,10,20,a,2\n" + ("" if name == "one" else "2,1,1,a,1\n"))

    def fails_once(engine, map, account, skip_invalid):
        if account.rows == {"objects": 1}:
            raise RuntimeError("a\x1b[31m mistake")
        make(engine, map, account, skip_invalid)
    monkeypatch.setattr(cells, "make", fails_once)
    ended = cbload(tmp_path / "one.csv", tmp_path / "two.csv", "--map", tmp_path / "map.sql")
    assert ended.status == 1 and "one.csv: an error that cbload does not know; please report it with this line: RuntimeError: a\\x1b[31m mistake (test_lines.py:" in ended.err
    assert "Traceback" not in ended.err and len(loaded(db)) == 2
