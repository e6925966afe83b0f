"""Policies: sources that are loaded already, shared samples, other features, studies, and jobs."""

import contextlib
import sqlite3
import threading

import psycopg
import pytest
from conftest import delete_all, nothing_loaded, wait_for_locks
from experiment import MAP, Experiment, loaded, write

ONE_SAMPLE = MAP.replace("getvariable('source') || '_' || ImageNumber", "'whole slide'")
OTHER_FEATURES = MAP.replace('AS "CD8"', 'AS "CD4"')


@pytest.fixture
def slide(tmp_path):
    return write(tmp_path / "slide.csv", Experiment(images=2).objects)


@pytest.fixture
def more(tmp_path):
    return write(tmp_path / "more.csv", Experiment(images=1, seed=2).objects)


@pytest.fixture
def other_map(tmp_path):
    """A map with other features."""
    path = tmp_path / "other.sql"
    path.write_text(OTHER_FEATURES)
    return path


def tiles(folder, number: int, cells: int) -> list:
    return [
        write(folder / f"tile{seed}.csv", Experiment(images=1, cells=cells, seed=seed).objects)
        for seed in range(number)
    ]


def sources(db) -> list[tuple]:
    return db.execute("SELECT name, cells FROM cells_source ORDER BY source").fetchall()


def count(db, expression: str, table: str = "cells") -> tuple:
    return db.execute(f"SELECT {expression} FROM {table}").fetchone()


def test_the_same_source_again(cbload, db, map, slide, tmp_path):
    assert cbload(slide, "--map", map).status == 0
    before = loaded(db)
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "slide.csv: already loaded on 20" in refused.err
    assert "--replace replaces its cells" in refused.err
    copy = tmp_path / "copy.csv"
    copy.write_bytes(slide.read_bytes())
    refused = cbload(copy, "--map", map)
    assert refused.status == 1 and f', as "slide" ({slide})' in refused.err
    skipped = cbload(slide, "--map", map, "--skip-loaded")
    assert skipped.status == 0 and "slide.csv: unchanged, already loaded on 20" in skipped.out
    assert loaded(db) == before and sources(db) == [("slide", 80)]
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert loaded(db) == before and sources(db) == [("slide", 80)]


def test_other_content_at_the_same_path(cbload, db, map, slide, tmp_path):
    other = write(tmp_path / "other.csv", Experiment(images=1, seed=3).objects)
    assert cbload(slide, other, "--map", map).status == 0
    write(slide, Experiment(images=1, cells=25, seed=2).objects)
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "with other content" in refused.err
    kept = [row for row in loaded(db) if row[0] == "other_1"]
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert sources(db) == [("other", 40), ("slide", 25)]
    assert [row for row in loaded(db) if row[0] == "other_1"] == kept
    samples = db.execute("SELECT sample, cells FROM cells_sample ORDER BY 1").fetchall()
    assert samples == [("other_1", 40), ("slide_1", 25)]
    # The path of one source has the content of another one: both are replaced.
    write(slide, Experiment(images=1, seed=3).objects)
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert sources(db) == [("slide", 40)]


def test_object_numbers_of_several_sources_in_one_sample(cbload, db, map, tmp_path):
    map.write_text(ONE_SAMPLE)
    first, *others = tiles(tmp_path, 3, 30)
    assert cbload(first, "--map", map).status == 0
    refused = cbload(others[0], "--map", map)
    assert refused.status == 1 and "--merge-samples" in refused.err
    assert 'sample "whole slide" already has cells of source "tile0" (' in refused.err
    assert cbload(*others, "--map", map, "--merge-samples", "--jobs", 2).status == 0
    assert count(db, "count(*), count(DISTINCT cell_id)") == (90, 90)
    found = db.execute(
        "SELECT o.name, o.source, s.first_id "
        "FROM cells_sample s JOIN cells_source o USING (source)").fetchall()
    for name, number, first_id in found:
        objects = Experiment(images=1, cells=30, seed=int(name[-1])).objects
        rows = db.execute(
            "SELECT x FROM cells WHERE source = %s ORDER BY cell_id - %s",
            [number, first_id]).fetchall()
        assert [x for (x,) in rows] == [row["Location_Center_X"] for row in objects]
    refused = cbload(others[0], "--map", map, "--replace")
    assert refused.status == 1 and "already has cells of source" in refused.err
    # With more cells than before, a source does not fit between the ids of the others.
    for tile in tiles(tmp_path, 3, 50):
        assert cbload(tile, "--map", map, "--merge-samples", "--replace").status == 0
    numbers = "count(*), count(DISTINCT cell_id), count(DISTINCT source)"
    assert count(db, numbers) == (150, 150, 3)
    assert not db.execute(
        "SELECT FROM cells_sample a, cells_sample b WHERE a.source < b.source "
        "AND a.first_id <= b.last_id AND b.first_id <= a.last_id").fetchall()


def test_a_sample_without_ids_left(cbload, db, map, tmp_path):
    map.write_text(ONE_SAMPLE.replace("ObjectNumber AS", "ObjectNumber + 4294967255 AS"))
    first, second = tiles(tmp_path, 2, 40)
    assert cbload(first, "--map", map).status == 0
    refused = cbload(second, "--map", map, "--merge-samples")
    assert refused.status == 1 and "a sample has no ids left" in refused.err
    assert len(sources(db)) == 1


def test_other_features_in_one_table(cbload, db, map, other_map, slide, tmp_path):
    assert cbload(slide, "--map", map).status == 0
    other = write(tmp_path / "other.csv", Experiment(images=1).objects)
    refused = cbload(other, "--map", other_map)
    assert refused.status == 1 and "use another table" in refused.err
    assert "CD3, CD8" in refused.err and "CD3, CD4" in refused.err
    assert cbload(other, "--map", other_map, "--table", 'made."Other cells"').status == 0
    assert len(loaded(db, '"Other cells"')) == 40


def test_a_table_that_is_not_from_cbload(cbload, db, map, slide):
    db.execute("CREATE TABLE cells (a integer)")
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "--table" in refused.err
    assert 'table "made"."cells" exists, but "made"."cells_s' in refused.err
    assert count(db, "count(*)", "pg_class WHERE relnamespace = 'made'::regnamespace") == (1,)


def test_check_changes_nothing(cbload, db, map, slide):
    ended = cbload(slide, "--map", map, "--check", "--server", "host=/nowhere")
    assert ended.status == 0 and "80 cells can be loaded" in ended.out
    assert db.execute("SELECT to_regclass('cells')").fetchone() == (None,)


def test_study(cbload, db, map, other_map, slide, more):
    assert cbload(slide, "--map", map, "--study", "lab").status == 0
    first = db.execute("SELECT cell_data('lab', 'slide_1')").fetchone()
    assert cbload(more, "--map", map, "--study", "lab").status == 0
    samples = count(db, "array_agg(s ORDER BY s)", "cell_samples('lab') s")
    assert samples == (["more_1", "slide_1", "slide_2"],)
    assert db.execute("SELECT cell_data('lab', 'slide_1')").fetchone() == first
    write(slide, Experiment(images=1, cells=7, seed=5).objects)
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert count(db, "cells", "cell_data_head('lab', 'slide_1')") == (7,)
    refused = cbload(more, "--map", map, "--study", "lab", "--table", "t2")
    assert refused.status == 1 and "registered with a table other than t2" in refused.err
    assert nothing_loaded(db, "t2")
    delete_all(db)
    refused = cbload(more, "--map", other_map, "--study", "lab")
    features = 'study "lab" has the features CD3, CD8, but the map has CD3, CD4'
    assert refused.status == 1 and features in refused.err and nothing_loaded(db)


def test_two_sets_of_features_at_once(cbload, process, db, map, other_map, slide, more):
    """Two loaders find empty tables: the second one waits, and then sees the features."""
    assert cbload(slide, "--map", map).status == 0
    delete_all(db)
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")
        first = process(slide, "--map", map)
        wait_for_locks(db, 1)
        second = process(more, "--map", other_map)
        wait_for_locks(db, 2)
    assert first.wait() == 0 and second.wait() == 1
    assert "use another table" in second.stderr.read()


def test_one_source_that_cannot_be_opened(cbload, db, map, slide, more, tmp_path):
    """A system error of one source does not affect the others."""
    shut = write(tmp_path / "shut.csv", Experiment(images=1, seed=4).objects)
    shut.chmod(0)
    ended = cbload(slide, shut, more, "--map", map)
    assert ended.status == 1 and "shut.csv: " in ended.err and "Permission denied" in ended.err
    assert sources(db) == [("slide", 80), ("more", 40)]


def test_sqlite_with_a_write_ahead_log(cbload, db, map, tmp_path):
    path = write(tmp_path / "objects.sqlite", Experiment(images=1).objects)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        assert cbload(path, "--map", map).status == 0
        database.execute("UPDATE objects SET Location_Center_X = 1")
        database.commit()
        ended = cbload(path, "--map", map)
        assert ended.status == 1 and "with other content" in ended.err
        assert cbload(path, "--map", map, "--replace").status == 0
    assert {row[2] for row in loaded(db)} == {1.0}


def test_new_features_for_the_only_source(cbload, db, map, slide):
    assert cbload(slide, "--map", map).status == 0
    map.write_text(OTHER_FEATURES)
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "use another table" in refused.err
    ended = cbload(slide, "--map", map, "--replace")
    assert ended.status == 0 and "replaced: the source loaded on 20" in ended.out
    assert "with another map" in ended.out
    assert db.execute("SELECT features FROM cells_source").fetchall() == [(["CD3", "CD4"],)]


def test_a_table_is_one_study(cbload, db, map, slide, more):
    assert cbload(slide, "--map", map, "--study", "one").status == 0
    refused = cbload(more, "--map", map, "--study", "two")
    assert refused.status == 1 and 'table cells is the study "one"' in refused.err
    assert len(sources(db)) == 1


def test_several_jobs(cbload, db, map, tmp_path):
    slides = [
        write(tmp_path / f"s{seed}.csv", Experiment(images=3, seed=seed).objects)
        for seed in range(6)
    ]
    broken = tmp_path / "s6.csv"
    broken.write_text(slides[0].read_text().replace("ObjectNumber", "Object"))
    ended = cbload(*slides, broken, "--map", map, "--jobs", 3, "--study", "lab")
    assert ended.status == 1 and "s6.csv: there is no column ObjectNumber" in ended.err
    assert "1 of 7 sources failed: " in ended.err
    assert sorted(sources(db)) == [(f"s{seed}", 120) for seed in range(6)]
    assert len(loaded(db)) == 720 and count(db, "count(*)", "cell_samples('lab')") == (18,)
    keys = db.execute("SELECT indisprimary FROM pg_index WHERE indrelid = 'cells'::regclass")
    assert keys.fetchall() == [(True,)]


def test_two_loaders_of_one_source(cbload, process, db, map, slide):
    """The second one waits for the other's transaction, and then finds the source loaded."""
    assert cbload(slide, "--map", map, "--table", "cells").status == 0
    delete_all(db)
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")      # stops COPY
        both = [process(slide, "--map", map) for _ in range(2)]
        wait_for_locks(db, 2)
    ended = [(each.wait(), each.stderr.read()) for each in both]
    assert sorted(status for status, _ in ended) == [0, 1]
    assert "already loaded" in max(ended)[1]
    assert sources(db) == [("slide", 80)] and len(loaded(db)) == 80


def test_readers_see_all_of_a_source_or_nothing(cbload, db, map, tmp_path):
    first, *others = tiles(tmp_path, 4, 40)
    assert cbload(first, "--map", map).status == 0
    seen, stop = set(), threading.Event()

    def look():
        with psycopg.connect(autocommit=True) as reader:
            while not stop.is_set():
                seen.add(reader.execute("SELECT count(*) FROM made.cells").fetchone()[0])

    thread = threading.Thread(target=look)
    thread.start()
    assert cbload(*others, "--map", map).status == 0
    stop.set()
    thread.join()
    assert seen and seen <= {40, 80, 120, 160}


def test_privileges_of_a_role_that_loads(cbload, db, map, slide, more):
    """A role that does not own the tables needs only SELECT, INSERT and DELETE."""
    assert cbload(slide, "--map", map).status == 0
    arguments = (more, "--map", map, "--server", "user=loader")
    db.execute("CREATE ROLE loader LOGIN; GRANT USAGE ON SCHEMA made TO loader")
    try:
        refused = cbload(*arguments)
        assert refused.status == 1 and "permission denied" in refused.err
        db.execute(
            "GRANT SELECT, INSERT, DELETE ON cells, cells_source, cells_sample TO loader")
        ended = cbload(*arguments)
        assert ended.status == 0, ended.err
        assert cbload(*arguments, "--replace").status == 0
        assert sources(db) == [("slide", 80), ("more", 40)]
    finally:
        db.execute("DROP OWNED BY loader; DROP ROLE loader")


def test_objects_that_others_have_planted(cbload, db, map, slide, tmp_path, monkeypatch):
    """Functions, operators, types and tables that the search path finds before PostgreSQL's.

    Some would fit a call better than PostgreSQL's own.
    """
    functions = [
        "hashtextextended(text, integer)", "hashtextextended(text, bigint)", "to_regclass(text)",
        "pg_advisory_lock(bigint)", "pg_advisory_xact_lock(bigint)", "parse_ident(text, boolean)",
        "to_char(timestamptz, text)", "now()", "current_schemas(boolean)",
        "set_config(text, text, boolean)", "unnest(text[])", "int8(integer)",
    ]
    operators = [
        ("||", "text", "oid"), ("||", "text", "text"), ("=", "text", "text"),
        ("=", "text[]", "text[]"), ("<>", "text[]", "text[]"), ("=", "integer", "integer"),
        ("=", "oid", "regclass"), ("=", "regclass", "regclass"),
    ]
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$"
    for function in functions:
        db.execute(f"CREATE FUNCTION made.{function} RETURNS integer {body}")
    for number, (name, left, right) in enumerate(operators):
        db.execute(
            f"""CREATE FUNCTION made.planted{number}({left}, {right}) RETURNS boolean {body};
            CREATE OPERATOR made.{name}
                (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = made.planted{number})""")
    for name in "pg_index", "pg_extension", "pg_namespace":
        db.execute(f"CREATE TABLE made.{name} (wrong integer)")
    for name in "text", "jsonb", "name", "timestamptz":
        db.execute(
            f"CREATE DOMAIN made.{name} AS pg_catalog.{name} CHECK (made.now() IS NULL)")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=made,pg_catalog,packed")
    ended = cbload(slide, "--map", map, "--study", "lab")
    assert (ended.status, ended.err) == (0, "")
    more = write(tmp_path / "more.csv", Experiment(images=2, seed=2).objects)
    assert cbload(more, "--map", map, "--study", "lab", "--merge-samples").status == 0
    assert cbload(more, "--map", map, "--replace", "--table", "cells").status == 0
    assert "already loaded on" in cbload(more, "--map", map).err
    assert count(db, "count(*)", "made.cells") == (160,)


def test_the_search_path_determines_the_table(cbload, db, map, slide, more, monkeypatch):
    """cbload takes the first schema that has the table, or else the first one that exists."""
    db.execute("CREATE SCHEMA elsewhere")
    try:
        monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere,made,elsewhere")
        assert cbload(slide, "--map", map, "--table", "elsewhere.cells").status == 0
        assert cbload(more, "--map", map).status == 0
        assert len(loaded(db, "elsewhere.cells")) == 120
        assert cbload(more, "--map", map, "--table", "other").status == 0
        assert len(loaded(db, "made.other")) == 40
        monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
        ended = cbload(more, "--map", map)
        assert ended.status == 1 and "no schema of the search path exists" in ended.err
    finally:
        db.execute("DROP SCHEMA elsewhere CASCADE")
