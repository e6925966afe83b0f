"""Maps: which ones cbload accepts, the features of the cells, and the counts of joined rows."""

import subprocess
import sys

import duckdb
import pytest
from conftest import INGEST
from experiment import loaded, write, write_sqlite

TABLE = "CREATE TABLE r (i BIGINT, x DOUBLE);\n"
PLACE = "SELECT 's' AS sample, i AS cell_id, x, x AS y"
STRUCTURE = "a map consists of CREATE TABLE statements followed by one SELECT"


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "r.csv", [{"i": number, "x": number * 1.5} for number in range(100)])


def masks(db) -> list[int]:
    """Return the phenotypes of all cells."""
    return [mask for *_, mask in loaded(db)]


@pytest.mark.parametrize("text, message", [
    ("", "there is no SELECT"),
    (TABLE, "there is no SELECT"),
    (f"{PLACE} FROM r", "Table with name r does not exist"),
    ("SELECT 's' AS sample, 1 AS cell_id, 2 AS x, 3 AS y", "there is no CREATE TABLE"),
    (f"{TABLE}{PLACE} FROM r; {PLACE} FROM r", f"{STRUCTURE}, and nothing else"),
    (f"{TABLE}INSERT INTO r VALUES (1, 2); {PLACE} FROM r", f"{STRUCTURE}, and nothing else"),
    (f"CREATE TABLE r (i BIGNUMBER, x DOUBLE); {PLACE} FROM r", "BIGNUMBER does not exist"),
    (f"CREATE TABLE r (i BIGINT x DOUBLE); {PLACE} FROM r", "syntax error"),
    (f"{TABLE}SELECT i AS cell_id, x, x AS y FROM r", "the SELECT has no column sample"),
    (f"{TABLE}SELECT 's' AS sample, x AS cell_id, x, x AS y FROM r",
     "cell_id is of type DOUBLE; it must be an integer"),
    (f"{TABLE}SELECT 's' AS sample, i AS cell_id, 'x' AS x, x AS y FROM r",
     "x is of type VARCHAR; it must be a number"),
    (f"{TABLE}{PLACE}, i AS \"CD3\" FROM r",
     'feature "CD3" is of type BIGINT; it must be boolean'),
    (f"{TABLE}{PLACE}, {', '.join(f'i > {bit} AS f{bit}' for bit in range(65))} FROM r",
     "the SELECT has 65 features, and a payload has 64: pick 64 of them"),
    (f"{TABLE}{PLACE} FROM r UNION ALL {PLACE} FROM r", "not a UNION of several"),
    (f"{TABLE}{PLACE} FROM (SELECT * FROM r)", "has none of the declared tables"),
    (f"{TABLE}{PLACE} FROM r, read_csv('/etc/passwd')", "disabled"),
    (f"{TABLE}CREATE VIEW v AS SELECT * FROM r; {PLACE} FROM v", "cannot create views"),
    (f"CREATE TABLE r (i BIGINT, x DOUBLE, rowid BIGINT); {PLACE} FROM r WHERE i > 0", "rowid"),
    (f"{TABLE}{PLACE}, x > 1 AS \"CD3\", x > 2 AS \"CD3\" FROM r", "twice"),
    (f"{TABLE}{PLACE}, x > 1 AS \"CD3\", x > 2 AS \"cd3\" FROM r", "twice"),
    (f"{TABLE}{PLACE}, x > 1 AS \"X\" FROM r", "twice"),
    (f"{TABLE}{PLACE} FROM r QUALIFY row_number() OVER () < 3", "the SELECT has QUALIFY, and"),
    (f"{TABLE}{PLACE} FROM r LIMIT 3", "the SELECT has LIMIT, and"),
    (f"{TABLE}{PLACE} FROM r USING SAMPLE 3 ROWS", "the SELECT has SAMPLE, and"),
    (f"{TABLE}{PLACE} FROM r GROUP BY i, x HAVING count(*) < 0", "the SELECT has HAVING, and"),
    (f"{TABLE}{PLACE.replace('SELECT', 'SELECT DISTINCT')} FROM r", "the SELECT has DISTINCT, and"),
])
def test_refused(text, message, cbload, db, map, source):
    map.write_text(text)
    ended = cbload(source, "--map", map)
    assert ended.status == 2 and message in ended.err and "map.sql: " in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert db.execute("SELECT to_regclass('cells')").fetchone() == (None,)


def test_all_64_bits(cbload, db, map, source):
    features = ", ".join(f"i % 64 >= {bit} AS \"feature, \"\"{bit}\"\"\"" for bit in range(64))
    map.write_text(f"{TABLE}{PLACE}, {features} FROM r")
    assert cbload(source, "--map", map, "--study", "s").status == 0
    expected = [(2 << number % 64) - 1 for number in range(100)]
    assert [mask % (1 << 64) for mask in masks(db)] == expected
    names = db.execute("SELECT bit, feature FROM cell_feature_names('s') ORDER BY bit").fetchall()
    assert names == [(bit, f'feature, "{bit}"') for bit in range(64)]
    assert db.execute("SELECT features FROM cells_source").fetchone()[0][63] == 'feature, "63"'


def test_names_in_any_case(cbload, db, map, source):
    map.write_text(
        "create table R (I BIGINT, X double); "
        "select 's' as Sample, i as CELL_ID, x as X, x as Y from r;   -- the end")
    assert cbload(source, "--map", map).status == 0
    assert len(loaded(db)) == 100


def long_table(markers: tuple[str, ...]) -> list[dict]:
    """Return the rows of a table with a row for each cell and marker."""
    return [
        {"cell": cell, "marker": marker, "x": cell * 2.5, "positive": (cell + shift) % 2}
        for cell in range(50) for shift, marker in enumerate(markers)
    ]


def test_counts_of_where_and_of_a_self_join(cbload, db, map, tmp_path):
    """A long table, with a row for each cell and feature, is joined with itself."""
    rows = long_table(("CD3", "CD8", "DAPI"))
    map.write_text(
        """CREATE TABLE long (cell BIGINT, marker VARCHAR, x DOUBLE, positive BOOLEAN,
            PRIMARY KEY (cell, marker));
        SELECT getvariable('source') AS sample, a.cell AS cell_id, a.x AS x, a.x AS y,
            a.positive AS "CD3", b.positive AS "CD8"
        FROM long a JOIN long b ON b.cell = a.cell AND b.marker = 'CD8'
        WHERE a.marker = 'CD3' AND a.cell < 40""")
    ended = cbload(write_sqlite(tmp_path / "long.sqlite", {"long": rows}), "--map", map)
    assert ended.status == 0 and "150 rows, 40 joined, 110 left out" in ended.out
    assert masks(db) == [1 if cell % 2 else 2 for cell in range(40)]


def test_group_by(cbload, db, map, tmp_path):
    """GROUP BY makes cells of all rows of a long table."""
    map.write_text(
        """CREATE TABLE long (cell BIGINT, marker VARCHAR, x DOUBLE, positive BOOLEAN);
        SELECT 's' AS sample, cell AS cell_id, any_value(x) AS x, any_value(x) AS y,
            bool_or(positive) FILTER (marker = 'CD3') AS "CD3",
            bool_or(positive) FILTER (marker = 'CD8') AS "CD8"
        FROM long WHERE marker IN ('CD3', 'CD8') GROUP BY cell""")
    ended = cbload(write(tmp_path / "long.csv", long_table(("CD3", "CD8"))), "--map", map)
    assert ended.status == 0 and "100 rows, 100 joined, 0 left out" in ended.out
    assert masks(db) == [1 if cell % 2 else 2 for cell in range(50)]


def test_a_default_replaces_a_missing_column(cbload, db, map, tmp_path):
    map.write_text(
        """CREATE TABLE r (i BIGINT, x DOUBLE, plate VARCHAR DEFAULT 'P' || 7,
            level DOUBLE DEFAULT 0.25);
        SELECT plate AS sample, i AS cell_id, x, x AS y, level > 0.2 AS "high" FROM r""")
    row = {"i": 1, "x": 2}
    for name, more in {"a.csv": {}, "b.csv": {"plate": "Q", "level": 0.1}}.items():
        assert cbload(write(tmp_path / name, [row | more]), "--map", map).status == 0
    assert loaded(db) == [("P7", 1, 2.0, 2.0, 1), ("Q", 1, 2.0, 2.0, 0)]


def test_other_spellings_of_null_in_csv(cbload, db, map, tmp_path):
    map.write_text(f"{TABLE}{PLACE} FROM r WHERE x IS NOT NULL")
    values = ["", "nan", "NaN", "NA", "-", 1.5]
    source = write(tmp_path / "r.csv", [{"i": number, "x": x} for number, x in enumerate(values)])
    assert cbload(source, "--map", map).status == 1
    ended = cbload(source, "--map", map, "--null", "NA", "--null", "-")
    assert ended.status == 0 and "6 rows, 6 joined" not in ended.out
    assert [row[1] for row in loaded(db)] == [5]


def test_presets_are_listed_and_printed(cbload):
    names = cbload("--presets").out.split()
    assert {"cellprofiler_csv", "qupath", "xenium"} < {*names} and names == sorted(names)
    for name in names:
        assert "SELECT" in cbload("--show-preset", name).out


def test_memory_stays_within_the_limit(map, tmp_path):
    """Python and its packages take about 200 MB in addition; the needed columns take 120 MB."""
    columns = [f"c{number}" for number in range(24)]
    declared = ", ".join(f"{column} DOUBLE" for column in columns)
    features = ", ".join(f"{column} > 5" for column in columns)
    map.write_text(
        f"""CREATE TABLE r (i BIGINT, {declared});
        SELECT i // 400000 || '' AS sample, i AS cell_id, c0 AS x, c1 AS y, {features} FROM r""")
    values = ", ".join(
        f"(i % {number + 7})::DOUBLE AS {column}" for number, column in enumerate(columns))
    source, peak = tmp_path / "r.parquet", tmp_path / "peak"
    duckdb.execute(f"COPY (SELECT i, {values} FROM range(600_000) t(i)) TO '{source}'")
    loader = [sys.executable, "-P", INGEST / "loader"]
    ended = subprocess.run(
        ["time", "--format", "%M", "--output", peak, *loader, source, "--map", map,
         "--memory", "64MB", "--check", "--scale", "1"])
    assert ended.returncode == 0 and int(peak.read_text()) < (64 + 230) << 10


def test_joins_use_the_disk(cbload, db, tmp_path):
    """The joins of a preset, and the counts of their rows, need more memory than allowed."""
    objects = "FROM (SELECT k, k // 1000 AS i, k % 1000 AS j FROM range(600_000) t(k))"
    key = "i AS ImageNumber, j AS ObjectNumber"
    place = "k % 1000 AS Location_Center_X, 1 AS Location_Center_Y"
    tables = {
        "Image": f"SELECT DISTINCT i AS ImageNumber {objects}",
        "Cells": f"SELECT {key}, {place} {objects}",
        "Nuclei": f"SELECT {key} {objects}",
        "Cytoplasm": f"SELECT {key}, j AS Parent_Cells, j AS Parent_Nuclei {objects}",
    }
    for name, select in tables.items():
        duckdb.execute(f"COPY ({select}) TO '{tmp_path}/{name}.parquet'")
    ended = cbload(tmp_path, "--preset", "cellprofiler_csv", "--memory", "96MB", "--check")
    assert ended.status == 0 and "Cytoplasm  600,000 rows, 600,000 joined" in ended.out, ended.err


def test_a_division_by_zero_is_above_no_threshold(cbload, db, map, tmp_path):
    rows = [{"i": 1, "x": 4, "y": 2}, {"i": 2, "x": 0, "y": 0}, {"i": 3, "x": 1, "y": 0}]
    map.write_text(
        """CREATE TABLE r (i BIGINT, x DOUBLE, y DOUBLE);
        SELECT 's' AS sample, i AS cell_id, x, y, coalesce(x / y > 1, false) AS "f" FROM r""")
    assert cbload(write(tmp_path / "r.csv", rows), "--map", map).status == 0
    assert masks(db) == [1, 0, 0]


def test_a_join_without_cells_is_an_error(cbload, db, map, source):
    map.write_text(f"{TABLE}{PLACE} FROM r WHERE i > 1000")
    ended = cbload(source, "--map", map)
    assert ended.status == 1 and "the map makes no cells: r has 100 rows, 0 joined" in ended.err


def test_the_report_has_samples_and_positive_cells(cbload, db, map, source):
    map.write_text(f"{TABLE}{PLACE}, i < 25 AS \"CD3\", i > 1000 AS \"CD8\" FROM r")
    ended = cbload(source, "--map", map, "--check")
    assert "in 1 sample\n" in ended.out
    assert "CD3: 25 of 100 positive (25.0%)" in ended.out
    assert "CD8: 0 of 100 positive (0.0%)" in ended.out
