"""Maps: what they may be, what features they give, and how rows of their tables are accounted for."""

import subprocess
import sys

import duckdb
import pytest
from conftest import INGEST
from experiment import loaded, write, write_sqlite

TABLE = "CREATE TABLE r (i BIGINT, x DOUBLE);\n"
PLACE = "SELECT 's' AS sample, i AS cell_id, x, x AS y"


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "r.csv", [{"i": number, "x": number * 1.5} for number in range(100)])


@pytest.mark.parametrize("text, message", [
    ("", "there is no SELECT"),
    (TABLE, "there is no SELECT"),
    (f"{PLACE} FROM r", "Table with name r does not exist"),
    ("SELECT 's' AS sample, 1 AS cell_id, 2 AS x, 3 AS y", "no CREATE TABLE"),
    (f"{TABLE}{PLACE} FROM r; {PLACE} FROM r", "then one SELECT, nothing else"),
    (f"{TABLE}INSERT INTO r VALUES (1, 2); {PLACE} FROM r", "nothing else"),
    (f"CREATE TABLE r (i BIGNUMBER, x DOUBLE); {PLACE} FROM r", "BIGNUMBER does not exist"),
    (f"CREATE TABLE r (i BIGINT x DOUBLE); {PLACE} FROM r", "syntax error"),
    (f"{TABLE}SELECT i AS cell_id, x, x AS y FROM r", "the SELECT has no column sample"),
    (f"{TABLE}SELECT 's' AS sample, x AS cell_id, x, x AS y FROM r", "cell_id is of type DOUBLE; it must be an integer"),
    (f"{TABLE}SELECT 's' AS sample, i AS cell_id, 'x' AS x, x AS y FROM r", "x is of type VARCHAR; it must be a number"),
    (f"{TABLE}{PLACE}, i AS \"CD3\" FROM r", 'feature "CD3" is of type BIGINT; it must be boolean'),
    (f"{TABLE}{PLACE}, {', '.join(f'i > {bit} AS f{bit}' for bit in range(65))} FROM r", "65 features, and a cell has room for 64"),
    (f"{TABLE}{PLACE} FROM r UNION ALL {PLACE} FROM r", "not a UNION of several"),
    (f"{TABLE}{PLACE} FROM (SELECT * FROM r)", "FROM has none of the tables"),
    (f"{TABLE}{PLACE} FROM r, read_csv('/etc/passwd')", "disabled"),
])
def test_refused(text, message, cbload, db, source, tmp_path):
    (tmp_path / "map.sql").write_text(text)
    ended = cbload(source, "--map", tmp_path / "map.sql")
    assert ended.status == 2 and message in ended.err and "map.sql: " in ended.err and "Traceback" not in ended.err, ended.err
    assert db.execute("SELECT to_regclass('cells')").fetchone() == (None,)


def test_all_64_bits(cbload, db, source, tmp_path):
    features = ", ".join(f"i % 64 >= {bit} AS \"feature, \"\"{bit}\"\"\"" for bit in range(64))
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE}, {features} FROM r")
    assert cbload(source, "--map", tmp_path / "map.sql", "--study", "s").status == 0
    assert [mask % (1 << 64) for *_, mask in loaded(db)] == [(2 << number % 64) - 1 for number in range(100)]
    assert db.execute("SELECT bit, feature FROM cell_feature_names('s') ORDER BY bit").fetchall() == [(bit, f'feature, "{bit}"') for bit in range(64)]
    assert db.execute("SELECT features FROM cells_source").fetchone()[0][63] == 'feature, "63"'


def test_names_need_no_case(cbload, db, source, tmp_path):
    (tmp_path / "map.sql").write_text("create table R (I BIGINT, X double); select 's' as Sample, i as CELL_ID, x as X, x as Y from r;   -- the end")
    assert cbload(source, "--map", tmp_path / "map.sql").status == 0
    assert len(loaded(db)) == 100


def test_account_of_where_and_of_tables_that_are_there_twice(cbload, db, tmp_path):
    """A long table, with a row for each cell and feature, is joined with itself."""
    rows = [{"cell": cell, "marker": marker, "x": cell * 2.5, "positive": (cell + shift) % 2} for cell in range(50) for shift, marker in enumerate(("CD3", "CD8", "DAPI"))]
    (tmp_path / "map.sql").write_text("""CREATE TABLE long (cell BIGINT, marker VARCHAR, x DOUBLE, positive BOOLEAN, PRIMARY KEY (cell, marker));
        SELECT getvariable('source') AS sample, a.cell AS cell_id, a.x AS x, a.x AS y, a.positive AS "CD3", b.positive AS "CD8"
        FROM long a JOIN long b ON b.cell = a.cell AND b.marker = 'CD8' WHERE a.marker = 'CD3' AND a.cell < 40""")
    ended = cbload(write_sqlite(tmp_path / "long.sqlite", {"long": rows}), "--map", tmp_path / "map.sql")
    assert ended.status == 0 and "150 rows, 40 joined, 110 left out" in ended.out
    assert [mask for *_, mask in loaded(db)] == [1 if cell % 2 else 2 for cell in range(40)]


def test_grouped(cbload, db, tmp_path):
    """Or it is grouped, which makes cells of all rows."""
    rows = [{"cell": cell, "marker": marker, "x": cell * 2.5, "positive": (cell + shift) % 2} for cell in range(50) for shift, marker in enumerate(("CD3", "CD8"))]
    (tmp_path / "map.sql").write_text("""CREATE TABLE long (cell BIGINT, marker VARCHAR, x DOUBLE, positive BOOLEAN);
        SELECT 's' AS sample, cell AS cell_id, any_value(x) AS x, any_value(x) AS y,
            bool_or(positive) FILTER (marker = 'CD3') AS "CD3", bool_or(positive) FILTER (marker = 'CD8') AS "CD8"
        FROM long WHERE marker IN ('CD3', 'CD8') GROUP BY cell""")
    ended = cbload(write(tmp_path / "long.csv", rows), "--map", tmp_path / "map.sql")
    assert ended.status == 0 and "100 rows, 100 joined, 0 left out" in ended.out
    assert [mask for *_, mask in loaded(db)] == [1 if cell % 2 else 2 for cell in range(50)]


def test_a_default_stands_for_a_column_that_is_not_there(cbload, db, tmp_path):
    (tmp_path / "map.sql").write_text("""CREATE TABLE r (i BIGINT, x DOUBLE, plate VARCHAR DEFAULT 'P' || 7, level DOUBLE DEFAULT 0.25);
        SELECT plate AS sample, i AS cell_id, x, x AS y, level > 0.2 AS "high" FROM r""")
    assert cbload(write(tmp_path / "a.csv", [{"i": 1, "x": 2}]), "--map", tmp_path / "map.sql").status == 0
    assert cbload(write(tmp_path / "b.csv", [{"i": 1, "x": 2, "plate": "Q", "level": 0.1}]), "--map", tmp_path / "map.sql").status == 0
    assert loaded(db) == [("P7", 1, 2.0, 2.0, 1), ("Q", 1, 2.0, 2.0, 0)]


def test_nothing_of_csv_has_other_spellings(cbload, db, tmp_path):
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE} FROM r WHERE x IS NOT NULL")
    source = write(tmp_path / "r.csv", [{"i": number, "x": x} for number, x in enumerate(["", "nan", "NaN", "NA", "-", 1.5])])
    assert cbload(source, "--map", tmp_path / "map.sql").status == 1
    ended = cbload(source, "--map", tmp_path / "map.sql", "--null", "NA", "--null", "-")
    assert ended.status == 0 and "6 rows, 6 joined" not in ended.out and [row[1] for row in loaded(db)] == [5]


def test_presets_are_printed_whole(cbload):
    names = cbload("--presets").out.split()
    assert names == ["cell_health_csv", "cell_health_sqlite", "cellprofiler_csv", "cellprofiler_sqlite", "cpg0016_sqlite", "in_carta"]
    for name in names:
        assert "SELECT" in cbload("--show-preset", name).out


def test_memory_is_what_is_allowed(tmp_path):
    """And some 200 MB for Python and its packages, though the columns that are needed take 120 MB."""
    columns = [f"c{number}" for number in range(24)]
    (tmp_path / "map.sql").write_text(f"""CREATE TABLE r (i BIGINT, {", ".join(f"{column} DOUBLE" for column in columns)});
        SELECT i // 400000 || '' AS sample, i AS cell_id, c0 AS x, c1 AS y, {", ".join(f"{column} > 5" for column in columns)} FROM r""")
    duckdb.execute(f"COPY (SELECT i, {', '.join(f'(i % {number + 7})::DOUBLE AS {column}' for number, column in enumerate(columns))} FROM range(600_000) t(i)) TO '{tmp_path}/r.parquet'")
    ended = subprocess.run(["time", "--format", "%M", "--output", tmp_path / "peak", sys.executable, "-P", INGEST / "loader", tmp_path / "r.parquet", "--map", tmp_path / "map.sql", "--memory", "64MB", "--check"])
    assert ended.returncode == 0 and int((tmp_path / "peak").read_text()) < (64 + 230) << 10


def test_joins_go_to_disk(cbload, db, tmp_path):
    """Of what a preset joins, and of the account of it."""
    for name, columns in {"Image": "i", "Cells": "i, j, k % 1000 AS x", "Nuclei": "i, j", "Cytoplasm": "i, j, j AS c, j AS n"}.items():
        names = {"Image": "ImageNumber", "Cells": "ImageNumber, ObjectNumber, Location_Center_X", "Nuclei": "ImageNumber, ObjectNumber", "Cytoplasm": "ImageNumber, ObjectNumber, Parent_Cells, Parent_Nuclei"}[name]
        rows = "SELECT DISTINCT k // 1000 AS i" if name == "Image" else f"SELECT {columns} FROM (SELECT k, k // 1000 AS i, k % 1000 AS j"
        rows += " FROM range(400_000) t(k)" + (")" if name != "Image" else "")
        duckdb.execute(f"COPY (WITH r({names}) AS ({rows}) SELECT *{', 1 AS Location_Center_Y' if name == 'Cells' else ''} FROM r) TO '{tmp_path}/{name}.parquet'")
    ended = cbload(tmp_path, "--preset", "cellprofiler_csv", "--memory", "64MB", "--check")
    assert ended.status == 0 and "Cytoplasm  400,000 rows, 400,000 joined" in ended.out, ended.err


@pytest.mark.parametrize("clause", ["QUALIFY row_number() OVER () < 3", "LIMIT 3", "USING SAMPLE 3 ROWS", "GROUP BY i, x HAVING count(*) < 0"])
def test_no_rows_go_unaccounted(clause, cbload, source, tmp_path):
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE} FROM r {clause}")
    ended = cbload(source, "--map", tmp_path / "map.sql", "--check")
    assert ended.status == 2 and "cannot be accounted for" in ended.err
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE.replace('SELECT', 'SELECT DISTINCT')} FROM r")
    assert "DISTINCT" in cbload(source, "--map", tmp_path / "map.sql", "--check").err


@pytest.mark.parametrize("features", ['x > 1 AS "CD3", x > 2 AS "CD3"', 'x > 1 AS "CD3", x > 2 AS "cd3"', 'x > 1 AS "X"'])
def test_names_are_there_once(features, cbload, source, tmp_path):
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE}, {features} FROM r")
    ended = cbload(source, "--map", tmp_path / "map.sql", "--check")
    assert ended.status == 2 and "twice" in ended.err


def test_other_statements_and_names(cbload, source, tmp_path):
    for text, message in ((f"{TABLE}CREATE VIEW v AS SELECT * FROM r; {PLACE} FROM v", "no views"), ("CREATE TABLE r (i BIGINT, x DOUBLE, rowid BIGINT);" + f"{PLACE} FROM r WHERE i > 0", "rowid")):
        (tmp_path / "map.sql").write_text(text)
        ended = cbload(source, "--map", tmp_path / "map.sql", "--check")
        assert ended.status == 2 and message in ended.err, ended.err


def test_a_quotient_by_nothing_is_above_no_threshold(cbload, db, tmp_path):
    rows = [{"i": 1, "x": 4, "y": 2}, {"i": 2, "x": 0, "y": 0}, {"i": 3, "x": 1, "y": 0}]
    (tmp_path / "map.sql").write_text("CREATE TABLE r (i BIGINT, x DOUBLE, y DOUBLE); SELECT 's' AS sample, i AS cell_id, x, y, coalesce(x / y > 1, false) AS \"f\" FROM r")
    assert cbload(write(tmp_path / "r.csv", rows), "--map", tmp_path / "map.sql").status == 0
    assert [mask for *_, mask in loaded(db)] == [1, 0, 0]


def test_a_join_of_nothing_is_no_success(cbload, db, source, tmp_path):
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE} FROM r WHERE i > 1000")
    ended = cbload(source, "--map", tmp_path / "map.sql")
    assert ended.status == 1 and "no cell comes out: r has 100 rows, 0 joined" in ended.err


def test_what_cells_are_is_said(cbload, db, source, tmp_path):
    (tmp_path / "map.sql").write_text(f"{TABLE}{PLACE}, i < 25 AS \"CD3\", i > 1000 AS \"CD8\" FROM r")
    ended = cbload(source, "--map", tmp_path / "map.sql", "--check")
    assert "in 1 sample\n" in ended.out and "CD3: positive 25 of 100 (25.0%)" in ended.out and "CD8: positive 0 of 100 (0.0%)" in ended.out
