"""Classes: features that the source names, in a column with the classes of each cell."""

import pytest
from experiment import loaded, write

MAP = """CREATE TABLE t (id BIGINT, class VARCHAR DEFAULT NULL);
SELECT 's' || id // 100 AS sample, id AS cell_id, id AS x, id AS y,
    id % 2 = 0 AS even, string_split(class, ': ') AS classes FROM t"""
ROWS = [{"id": 1, "class": "CD8"}, {"id": 2, "class": "Tumor: CD8"}, {"id": 3, "class": ""},
        {"id": 4, "class": "even"}]


def masks(db, table="cells"):
    return [row[4] for row in loaded(db, table)]


def test_the_classes_of_a_source_become_features(cbload, db, map, tmp_path):
    """The features with a column of their own are first; then the classes, in order."""
    source = write(tmp_path / "a.csv", ROWS)
    ended = cbload(source, "--map", map, "--study", "s")
    assert ended.status == 0, ended.err
    assert "study s: table cells, features: even, CD8, Tumor" in ended.out
    assert masks(db) == [2, 1 | 2 | 4, 0, 1]
    query = "SELECT features FROM cell_studies WHERE study = 's'"
    assert db.execute(query).fetchone() == (["even", "CD8", "Tumor"],)

    # A source with fewer classes has the same bits; one with another class is refused.
    fewer = write(tmp_path / "b.csv", [{"id": 101, "class": "Tumor"}])
    assert cbload(fewer, "--map", map, "--study", "s").status == 0
    assert masks(db)[-1] == 4
    more = write(tmp_path / "c.csv", [{"id": 201, "class": "CD4"}])
    ended = cbload(more, "--map", map, "--study", "s")
    assert ended.status == 1 and 'the source has the class "CD4", but the table has' in ended.err
    assert len(loaded(db)) == 5


def test_a_map_names_the_classes(cbload, db, map, tmp_path):
    """A class that it does not name is left out; one that no cell has is a feature, too."""
    map.write_text("SET VARIABLE features = ['CD4', 'CD8', 'even'];" + MAP)
    assert cbload(write(tmp_path / "a.csv", ROWS), "--map", map).status == 0
    assert masks(db) == [2, 2 | 4, 0, 4]


def test_too_many_classes(cbload, map, tmp_path):
    rows = [{"id": number, "class": f"c{number}"} for number in range(70)]
    ended = cbload(write(tmp_path / "a.csv", rows), "--map", map)
    assert ended.status == 1 and "the source has 71 features, and a payload has 64" in ended.err


def test_a_boolean_column_named_classes(cbload, db, map, tmp_path):
    map.write_text(
        """CREATE TABLE t (id BIGINT);
        SELECT 's' AS sample, id AS cell_id, id AS x, id AS y, id > 1 AS classes FROM t""")
    assert cbload(write(tmp_path / "a.csv", ROWS), "--map", map).status == 0
    assert masks(db) == [0, 1, 1, 1]


def test_a_source_without_classes(cbload, db, map, tmp_path):
    assert cbload(write(tmp_path / "a.csv", [{"id": 1}, {"id": 2}]), "--map", map).status == 0
    assert masks(db) == [0, 1]
    assert db.execute("SELECT features FROM cells_source").fetchone() == (["even"],)


MANY = """CREATE TABLE t (
    id BIGINT, x DOUBLE,
    "* Positive" MAP(VARCHAR, BOOLEAN),
    "Mean *" MAP(VARCHAR, DOUBLE) DEFAULT MAP {}
);
SELECT 's' AS sample, id AS cell_id, x, x AS y,
    [each.key FOR each IN map_entries("* Positive") IF each.value] ||
    [each.key FOR each IN map_entries("Mean *") IF each.value > 0.5] AS classes FROM t"""


@pytest.mark.parametrize("form", ["csv", "parquet", "sqlite"])
def test_many_columns(form, cbload, db, map, tmp_path):
    """A column whose name has a * stands for all columns with such a name."""
    map.write_text(MANY)
    rows = [{"id": 1, "x": 1.5, "CD3 positive": 1, "Pan CK Positive ": 0, "mean Ki67": 0.7},
            {"id": 2, "x": 2.5, "CD3 positive": 0, "Pan CK Positive ": 1, "mean Ki67": None}]
    ended = cbload(write(tmp_path / f"a.{form}", rows), "--map", map)
    assert ended.status == 0, ended.err
    assert masks(db) == [1 | 2, 4]
    query = "SELECT features FROM cells_source"
    assert db.execute(query).fetchone() == (["CD3", "Ki67", "Pan CK"],)
    rows = [{"id": 1, "x": 1.5, "CD3 positive": 7}]
    ended = cbload(write(tmp_path / f"b.{form}", rows), "--map", map)
    assert ended.status == 1 and 'column CD3 positive: "7" is not true or false' in ended.err
    ended = cbload(write(tmp_path / f"c.{form}", [{"id": 1, "x": 1.5}]), "--map", map)
    assert ended.status == 1 and "there is no column * Positive" in ended.err
