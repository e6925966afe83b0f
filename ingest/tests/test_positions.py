"""Positions: their unit, the size of a pixel, and cells that share a pixel."""

import pytest
from experiment import loaded, write


def mapped(map, unit="", settings=""):
    """Write a map whose columns have the unit in their names."""
    map.write_text(
        f'{settings}CREATE TABLE t (id BIGINT, "x{unit}" DOUBLE, "y{unit}" DOUBLE);'
        f"""SELECT 's' AS sample, id AS cell_id, "x{unit}" AS x, "y{unit}" AS y FROM t""")


def table(path, places, unit=""):
    return write(path, [{"id": number, f"x{unit}": x, f"y{unit}": y}
                        for number, (x, y) in enumerate(places)])


def places(db, name="cells"):
    return [row[2:4] for row in loaded(db, name)]


@pytest.mark.parametrize("settings, options, unit, factor, shown", [
    ("", [], "", 1, "in pixels of unknown size"),
    ("", ["--pixel-size", "0.5"], "", 1, "in pixels of 0.5 micrometres"),
    ("", ["--pixel-size", "0.5"], " µm", 2, "pixels of 0.5 micrometres, from micrometres times 2"),
    ("", ["--pixel-size", "0.5"], "_mm", 2000, "from millimetres times 2000"),
    ("", ["--pixel-size", "0.5"], "_px", 1, "in pixels of 0.5 micrometres"),
    ("", ["--pixel-size", "0.5", "--unit", "pixel"], "_mm", 1, "in pixels of 0.5 micrometres"),
    ("", ["--unit", "millimetre"], "", 1000, "in pixels of 1 micrometres, from millimetres"),
    ("", ["--unit", "micrometre"], "", 1, "in pixels of 1 micrometres, from micrometres"),
    ("", ["--scale", "10"], "", 10, "in pixels of unknown size times 10"),
    ("", ["--scale", "10", "--pixel-size", "0.5"], " micron", 20, "in pixels of 0.05 micrometres"),
    ("SET VARIABLE unit = 'millimetre'; SET VARIABLE micrometres_per_pixel = 0.25;", [], "", 4000,
     "in pixels of 0.25 micrometres, from millimetres times 4000"),
    ("SET VARIABLE unit = 'millimetre'; SET VARIABLE micrometres_per_pixel = 0.25;",
     ["--unit", "micrometre", "--pixel-size", "1"], "", 1, "in pixels of 1 micrometres"),
    ("-- a comment\nSET VARIABLE scale = 3;", [], "", 3, "times 3"),
])
def test_units(settings, options, unit, factor, shown, cbload, db, map, tmp_path):
    mapped(map, unit, settings)
    given = [(1.5, 2.5), (30.25, 4)]
    ended = cbload(table(tmp_path / "s.csv", given, unit), "--map", map, *options)
    assert ended.status == 0 and ended.err == ""
    assert shown in ended.out
    assert places(db) == [pytest.approx((x * factor, y * factor)) for x, y in given]


def test_cells_that_share_a_pixel(cbload, db, map, tmp_path):
    """Above 1 % a warning, above 20 % an error, each with the remedy."""
    mapped(map)
    for number, (shared, status, word) in enumerate([
        (2, 0, ""), (4, 0, "warning: 4 of 200 cells (2%) share a pixel"),
        (40, 0, "warning: 40 of 200 cells (20%) share a pixel"),
        (41, 1, "41 of 200 cells (20%) share a pixel"),
    ]):
        given = [(500.1, 3.9) if place < shared else (place + 0.5, 7.25) for place in range(200)]
        source = table(tmp_path / f"s{number}.csv", given)
        ended = cbload(source, "--map", map, "--table", f"t{number}")
        assert ended.status == status and word in ended.err
        assert ended.err.count("\n") == bool(word)
    assert "give their unit with --unit" in ended.err and "--scale 1 loads them" in ended.err
    ended = cbload(source, "--map", map, "--scale", "1", "--table", "t3", "--quiet")
    assert ended.status == 0 and ended.err.count("warning: 41 of 200 cells") == 1


def test_the_name_of_a_column_suggests_the_unit(cbload, map, tmp_path):
    given = [(0.1 * number, 0) for number in range(9)]
    for unit, suggested in {
        "_mm": "millimetre", " µm": "micrometre", " \N{GREEK SMALL LETTER MU}m": "micrometre",
        " (UM)": "micrometre", "_microns": "micrometre", " [mm]": "millimetre",
    }.items():
        mapped(map, unit)
        ended = cbload(table(tmp_path / f"{suggested}.csv", given, unit), "--map", map, "--check")
        assert ended.status == 1
        assert f"the name of column x{unit} suggests --unit {suggested}" in ended.err, unit
    for unit in "_comm", "_pxl", "um":
        mapped(map, unit)
        ended = cbload(table(tmp_path / "s.csv", given, unit), "--map", map, "--check")
        assert ended.status == 1 and "suggests" not in ended.err


def test_samples_do_not_share_pixels(cbload, db, map, tmp_path):
    map.write_text(
        """CREATE TABLE t (s VARCHAR, id BIGINT, x DOUBLE);
        SELECT s AS sample, id AS cell_id, x, x AS y FROM t""")
    rows = [{"s": f"s{number}", "id": 1, "x": 5} for number in range(50)]
    assert cbload(write(tmp_path / "s.csv", rows), "--map", map).err == ""


@pytest.mark.parametrize("setting, message", [
    ("SET VARIABLE pixel = 1;", "there is no setting pixel; the settings are features, name,"),
    ("SET VARIABLE unit = 'inch';", 'unit is "inch"; it must be one of pixel, micrometre,'),
    ("SET VARIABLE scale = 0;", "scale is 0.0; it must be a positive number"),
    ("SET VARIABLE scale = 'x';", "the setting scale must be of type DOUBLE"),
    ("SET VARIABLE micrometres_per_pixel = 'nan'::DOUBLE;", "it must be a positive number"),
    ("SET VARIABLE source = 'x';", "a map cannot set source"),
    ("SET VARIABLE encoding = 'base64';", 'Python knows no encoding "base64"'),
    ("SET memory_limit = '1GB';", "a map consists of"),
])
def test_settings_that_mean_nothing(setting, message, cbload, map, tmp_path):
    mapped(map, "", setting)
    ended = cbload(table(tmp_path / "s.csv", [(1, 2)]), "--map", map)
    assert ended.status == 2 and message in ended.err


def test_options_that_mean_nothing(cbload, map, tmp_path):
    mapped(map)
    source = table(tmp_path / "s.csv", [(1, 2)])
    for options in ["--scale", "-1"], ["--pixel-size", "0"], ["--pixel-size", "nan"], [
            "--unit", "inch"], ["--skip-lines", "-1"], ["--encoding", "none"]:
        assert cbload(source, "--map", map, *options).status == 2, options


def test_picked_features(cbload, db, map, tmp_path):
    """A map with more than 64 features picks those that become bits."""
    many = [f"m{number}" for number in range(70)]
    declared = ", ".join(f"{name} DOUBLE" for name in many)
    select = ", ".join(f"{name} > 0.5 AS {name}" for name in many)
    text = (f"CREATE TABLE t (id BIGINT, {declared}); "
            f"SELECT 's' AS sample, id AS cell_id, id AS x, id AS y, {select} FROM t")
    rows = [{"id": row} | {name: float(number % (row + 2) == 0)
                           for number, name in enumerate(many)} for row in range(3)]
    source = write(tmp_path / "s.csv", rows)
    map.write_text(text)
    ended = cbload(source, "--map", map)
    assert ended.status == 2 and "the SELECT has 70 features, and a payload has 64" in ended.err
    map.write_text("SET VARIABLE features = ['m69', 'm4'];" + text)
    assert cbload(source, "--map", map).status == 0
    assert [row[4] for row in loaded(db)] == [2, 1, 2]
    assert db.execute("SELECT features FROM cells_source").fetchone() == (["m69", "m4"],)
    for features, message in {
        "['m4', 'm_69']": 'there is no feature "m_69" in the SELECT; similar features: m69',
        "['m4', 'm4']": 'features has "m4" twice',
        "range(65)::VARCHAR[]": "features has 65 names",
    }.items():
        map.write_text(f"SET VARIABLE features = {features};" + text)
        ended = cbload(source, "--map", map)
        assert ended.status == 2 and message in ended.err


def test_sources_of_a_table_have_one_size_of_pixels(cbload, db, map, tmp_path):
    mapped(map)
    sources = [table(tmp_path / f"s{number}.csv", [(number, 1)]) for number in range(4)]
    map.write_text(map.read_text().replace("'s' AS", "getvariable('source') AS"))
    assert cbload(sources[0], "--map", map, "--pixel-size", "0.5").status == 0
    assert cbload(sources[1], "--map", map, "--pixel-size", "0.5").status == 0
    for options, size in (["--pixel-size", "0.25"], "of 0.25 micrometres"), ([], "of unknown size"):
        ended = cbload(sources[2], "--map", map, *options)
        assert ended.status == 1 and len(loaded(db)) == 2
        assert f"are of 0.5 micrometres, but those of this source {size}" in ended.err
    query = "SELECT DISTINCT micrometres_per_pixel FROM cells_source"
    assert db.execute(query).fetchall() == [(0.5,)]

    # a table of an earlier version
    db.execute("ALTER TABLE cells_source DROP COLUMN micrometres_per_pixel")
    assert cbload(sources[2], "--map", map).status == 0
    assert db.execute(query).fetchall() == [(None,)]
