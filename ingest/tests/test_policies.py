"""What is done with a source that is there already, with samples of two sources, other features, studies, several jobs."""

import contextlib
import sqlite3
import threading
import time

import psycopg
import pytest
from conftest import nothing_loaded
from experiment import MAP, Experiment, loaded, write, write_sqlite


@pytest.fixture
def map(tmp_path):
    path = tmp_path / "map.sql"
    path.write_text(MAP)
    return path


@pytest.fixture
def slide(tmp_path):
    return write(tmp_path / "slide.csv", Experiment(images=2).objects)


def sources(db) -> list[tuple]:
    return db.execute("SELECT name, cells FROM cells_source ORDER BY source").fetchall()


def test_the_same_source_again(cbload, db, map, slide, tmp_path):
    assert cbload(slide, "--map", map).status == 0
    before = loaded(db)
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "slide.csv: it was loaded on 20" in refused.err and "--replace replaces it" in refused.err
    copy = tmp_path / "copy.csv"
    copy.write_bytes(slide.read_bytes())
    refused = cbload(copy, "--map", map)
    assert refused.status == 1 and f', as "slide" ({slide})' in refused.err
    skipped = cbload(slide, "--map", map, "--skip-loaded")
    assert skipped.status == 0 and "left as it is" in skipped.out
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
    assert sources(db) == [("other", 40), ("slide", 25)] and [row for row in loaded(db) if row[0] == "other_1"] == kept
    assert db.execute("SELECT sample, cells FROM cells_sample ORDER BY 1").fetchall() == [("other_1", 40), ("slide_1", 25)]
    write(slide, Experiment(images=1, seed=3).objects)      # at the path of one source the content of another: both are replaced
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert sources(db) == [("slide", 40)]


def test_object_numbers_of_two_sources_in_one_sample(cbload, db, tmp_path):
    (tmp_path / "map.sql").write_text(MAP.replace("getvariable('source') || '_' || ImageNumber", "'whole slide'"))
    tiles = [write(tmp_path / f"tile{number}.csv", Experiment(images=1, cells=30, seed=number).objects) for number in range(3)]
    assert cbload(tiles[0], "--map", tmp_path / "map.sql").status == 0
    refused = cbload(tiles[1], "--map", tmp_path / "map.sql")
    assert refused.status == 1 and 'sample "whole slide" has cells of source "tile0" (' in refused.err and "--merge-samples" in refused.err
    assert cbload(*tiles[1:], "--map", tmp_path / "map.sql", "--merge-samples", "--jobs", 2).status == 0
    assert db.execute("SELECT count(*), count(DISTINCT cell_id) FROM cells").fetchone() == (90, 90)
    for name, number, first in db.execute("SELECT o.name, o.source, s.first_id FROM cells_sample s JOIN cells_source o USING (source)").fetchall():
        expected = [row["Location_Center_X"] for row in Experiment(images=1, cells=30, seed=int(name[-1])).objects]
        assert [x for (x,) in db.execute("SELECT x FROM cells WHERE source = %s ORDER BY cell_id - %s", [number, first]).fetchall()] == expected
    refused = cbload(tiles[1], "--map", tmp_path / "map.sql", "--replace")
    assert refused.status == 1 and "already. If they belong together" in refused.err
    for tile in tiles:       # with more cells than before: among the ids of the others there is no room
        write(tile, Experiment(images=1, cells=50, seed=int(tile.stem[-1])).objects)
        assert cbload(tile, "--map", tmp_path / "map.sql", "--merge-samples", "--replace").status == 0
    assert db.execute("SELECT count(*), count(DISTINCT cell_id), count(DISTINCT source) FROM cells").fetchone() == (150, 150, 3)
    assert not db.execute("SELECT FROM cells_sample a, cells_sample b WHERE a.source < b.source AND a.first_id <= b.last_id AND b.first_id <= a.last_id").fetchall()


def test_ids_end(cbload, db, tmp_path):
    (tmp_path / "map.sql").write_text(MAP.replace("getvariable('source') || '_' || ImageNumber", "'whole slide'").replace("ObjectNumber AS", "ObjectNumber + 4294967255 AS"))
    tiles = [write(tmp_path / f"tile{number}.csv", Experiment(images=1, cells=40, seed=number).objects) for number in range(2)]
    assert cbload(tiles[0], "--map", tmp_path / "map.sql").status == 0
    refused = cbload(tiles[1], "--map", tmp_path / "map.sql", "--merge-samples")
    assert refused.status == 1 and "a sample has no ids left" in refused.err and len(sources(db)) == 1


def test_other_features_in_one_table(cbload, db, map, slide, tmp_path):
    assert cbload(slide, "--map", map).status == 0
    (tmp_path / "other.sql").write_text(MAP.replace('AS "CD8"', 'AS "CD4"'))
    other = write(tmp_path / "other.csv", Experiment(images=1).objects)
    refused = cbload(other, "--map", tmp_path / "other.sql")
    assert refused.status == 1 and "CD3, CD8" in refused.err and "CD3, CD4" in refused.err and "use another table" in refused.err
    assert cbload(other, "--map", tmp_path / "other.sql", "--table", 'made."Other cells"').status == 0
    assert len(loaded(db, '"Other cells"')) == 40


def test_a_table_of_others(cbload, db, map, slide):
    db.execute("CREATE TABLE cells (a integer)")
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and 'there is a table "made"."cells", but no "made"."cells_s' in refused.err and "--table" in refused.err
    assert db.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'made'::regnamespace").fetchone() == (1,)


def test_check_leaves_nothing(cbload, db, map, slide):
    ended = cbload(slide, "--map", map, "--check", "--server", "host=/nowhere")
    assert ended.status == 0 and "80 cells can be loaded" in ended.out
    assert db.execute("SELECT to_regclass('cells')").fetchone() == (None,)


def test_study(cbload, db, map, slide, tmp_path):
    more = write(tmp_path / "more.csv", Experiment(images=1, seed=2).objects)
    assert cbload(slide, "--map", map, "--study", "lab").status == 0
    first = db.execute("SELECT cell_data('lab', 'slide_1')").fetchone()
    assert cbload(more, "--map", map, "--study", "lab").status == 0
    assert db.execute("SELECT array_agg(s ORDER BY s) FROM cell_samples('lab') s").fetchone() == (["more_1", "slide_1", "slide_2"],)
    assert db.execute("SELECT cell_data('lab', 'slide_1')").fetchone() == first
    write(slide, Experiment(images=1, cells=7, seed=5).objects)
    assert cbload(slide, "--map", map, "--replace").status == 0
    assert db.execute("SELECT cells FROM cell_data_head('lab', 'slide_1')").fetchone() == (7,)
    (tmp_path / "other.sql").write_text(MAP.replace('AS "CD8"', 'AS "CD4"'))
    refused = cbload(more, "--map", map, "--study", "lab", "--table", "t2")
    assert refused.status == 1 and "with another table than t2" in refused.err and nothing_loaded(db, "t2")
    db.execute("DELETE FROM cells; DELETE FROM cells_sample; DELETE FROM cells_source")
    refused = cbload(more, "--map", tmp_path / "other.sql", "--study", "lab")
    assert refused.status == 1 and 'study "lab" has the features CD3, CD8, and those of this map are CD3, CD4' in refused.err and nothing_loaded(db)


def test_two_sets_of_features_at_once(cbload, process, db, map, slide, tmp_path):
    """Of two that come to empty tables, the later one waits, and sees what the features are."""
    (tmp_path / "other.sql").write_text(MAP.replace('AS "CD8"', 'AS "CD4"'))
    assert cbload(slide, "--map", map).status == 0
    db.execute("DELETE FROM cells; DELETE FROM cells_sample; DELETE FROM cells_source")
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")
        first = process(slide, "--map", map)
        waiting(db, 1)
        second = process(write(tmp_path / "other.csv", Experiment(images=1, seed=2).objects), "--map", tmp_path / "other.sql")
        waiting(db, 2)
    assert first.wait() == 0 and second.wait() == 1 and "use another table" in second.stderr.read()


def test_one_source_that_cannot_be_opened(cbload, db, map, slide, tmp_path):
    """Or another fault of the system: the others are loaded."""
    shut = write(tmp_path / "shut.csv", Experiment(images=1, seed=4).objects)
    shut.chmod(0)
    more = write(tmp_path / "more.csv", Experiment(images=1, seed=2).objects)
    ended = cbload(slide, shut, more, "--map", map)
    assert ended.status == 1 and "shut.csv: " in ended.err and "Permission denied" in ended.err and sources(db) == [("slide", 80), ("more", 40)]


def test_sqlite_with_a_log_that_is_not_written_to_it_yet(cbload, db, map, tmp_path):
    path = write_sqlite(tmp_path / "objects.sqlite", {"objects": Experiment(images=1).objects})
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        assert cbload(path, "--map", map).status == 0
        database.execute("UPDATE objects SET Location_Center_X = 1")
        database.commit()
        ended = cbload(path, "--map", map)
        assert ended.status == 1 and "with other content" in ended.err
        assert cbload(path, "--map", map, "--replace").status == 0
    assert {row[2] for row in loaded(db)} == {1.0}


def test_new_features_for_all_that_is_there(cbload, db, map, slide, tmp_path):
    assert cbload(slide, "--map", map).status == 0
    map.write_text(MAP.replace('AS "CD8"', 'AS "CD4"'))
    refused = cbload(slide, "--map", map)
    assert refused.status == 1 and "use another table" in refused.err
    ended = cbload(slide, "--map", map, "--replace")
    assert ended.status == 0 and "replaced: it was loaded on" in ended.out and "by another map" in ended.out
    assert db.execute("SELECT features FROM cells_source").fetchall() == [(["CD3", "CD4"],)]


def test_a_table_is_one_study(cbload, db, map, slide, tmp_path):
    assert cbload(slide, "--map", map, "--study", "one").status == 0
    refused = cbload(write(tmp_path / "more.csv", Experiment(images=1, seed=2).objects), "--map", map, "--study", "two")
    assert refused.status == 1 and 'table cells is the study "one"' in refused.err and len(sources(db)) == 1


def test_several_jobs(cbload, db, map, tmp_path):
    slides = [write(tmp_path / f"s{number}.csv", Experiment(images=3, seed=number).objects) for number in range(6)]
    broken = tmp_path / "s6.csv"
    broken.write_text(slides[0].read_text().replace("ObjectNumber", "Object"))
    ended = cbload(*slides, broken, "--map", map, "--jobs", 3, "--study", "lab")
    assert ended.status == 1 and "s6.csv: there is no column ObjectNumber" in ended.err and "1 of 7 sources are not loaded" in ended.err
    assert sorted(sources(db)) == [(f"s{number}", 120) for number in range(6)]
    assert len(loaded(db)) == 720 and db.execute("SELECT count(*) FROM cell_samples('lab')").fetchone() == (18,)
    assert db.execute("SELECT indisprimary FROM pg_index WHERE indrelid = 'cells'::regclass").fetchall() == [(True,)]


def test_two_loaders_of_one_source(cbload, process, db, map, slide):
    """The one that is later waits for the other's transaction, and then finds the source there."""
    assert cbload(slide, "--map", map, "--table", "cells").status == 0
    db.execute("DELETE FROM cells; DELETE FROM cells_sample; DELETE FROM cells_source")
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")      # COPY waits for it
        both = [process(slide, "--map", map) for _ in range(2)]
        waiting(db, 2)
    ended = [(each.wait(), each.stderr.read()) for each in both]
    assert sorted(status for status, _ in ended) == [0, 1]
    assert "it was loaded" in max(ended)[1]
    assert sources(db) == [("slide", 80)] and len(loaded(db)) == 80


def waiting(db, sessions: int) -> None:
    for _ in range(300):
        if db.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cbload' AND wait_event_type = 'Lock'").fetchone()[0] == sessions:
            return
        time.sleep(0.05)
    raise AssertionError(f"not {sessions} sessions of cbload wait for a lock")


def test_readers_see_all_of_a_source_or_nothing(cbload, db, map, tmp_path):
    slides = [write(tmp_path / f"s{number}.csv", Experiment(images=1, seed=number).objects) for number in range(4)]
    assert cbload(slides[0], "--map", map).status == 0
    seen, stop = set(), threading.Event()

    def look():
        with psycopg.connect(autocommit=True) as reader:
            while not stop.is_set():
                seen.add(reader.execute("SELECT count(*) FROM made.cells").fetchone()[0])

    thread = threading.Thread(target=look)
    thread.start()
    assert cbload(*slides[1:], "--map", map).status == 0
    stop.set()
    thread.join()
    assert seen and seen <= {40, 80, 120, 160}


def test_who_may_only_load(cbload, db, map, slide, tmp_path):
    """Rights of a role that does not own the tables: no more than SELECT, INSERT and DELETE."""
    assert cbload(slide, "--map", map).status == 0
    more = write(tmp_path / "more.csv", Experiment(images=1, seed=2).objects)
    db.execute("CREATE ROLE loader LOGIN; GRANT USAGE ON SCHEMA made TO loader")
    try:
        refused = cbload(more, "--map", map, "--server", "user=loader")
        assert refused.status == 1 and "permission denied" in refused.err
        db.execute("GRANT SELECT, INSERT, DELETE ON cells, cells_source, cells_sample TO loader")
        ended = cbload(more, "--map", map, "--server", "user=loader")
        assert ended.status == 0, ended.err
        assert cbload(more, "--map", map, "--replace", "--server", "user=loader").status == 0
        assert sources(db) == [("slide", 80), ("more", 40)]
    finally:
        db.execute("DROP OWNED BY loader; DROP ROLE loader")


def test_what_others_have_planted(cbload, db, map, slide, tmp_path, monkeypatch):
    """Where the search path finds it before PostgreSQL's own, or it fits better: functions, operators, types and tables."""
    functions = ["hashtextextended(text, integer)", "hashtextextended(text, bigint)", "to_regclass(text)", "pg_advisory_lock(bigint)", "pg_advisory_xact_lock(bigint)", "parse_ident(text, boolean)",
                 "to_char(timestamptz, text)", "now()", "current_schemas(boolean)", "set_config(text, text, boolean)", "unnest(text[])", "int8(integer)"]
    operators = [("||", "text", "oid"), ("||", "text", "text"), ("=", "text", "text"), ("=", "text[]", "text[]"), ("<>", "text[]", "text[]"), ("=", "integer", "integer"), ("=", "oid", "regclass"), ("=", "regclass", "regclass")]
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$"
    for function in functions:
        db.execute(f"CREATE FUNCTION made.{function} RETURNS integer {body}")
    for number, (name, left, right) in enumerate(operators):
        db.execute(f"CREATE FUNCTION made.planted{number}({left}, {right}) RETURNS boolean {body}; CREATE OPERATOR made.{name} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = made.planted{number})")
    for name in "pg_index", "pg_extension", "pg_namespace":
        db.execute(f"CREATE TABLE made.{name} (wrong integer)")
    for name in "text", "jsonb", "name", "timestamptz":
        db.execute(f"CREATE DOMAIN made.{name} AS pg_catalog.{name} CHECK (made.now() IS NULL)")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=made,pg_catalog,packed")
    ended = cbload(slide, "--map", map, "--study", "lab")
    assert (ended.status, ended.err) == (0, "")
    more = write(tmp_path / "more.csv", Experiment(images=2, seed=2).objects)
    assert cbload(more, "--map", map, "--study", "lab", "--merge-samples").status == 0 and cbload(more, "--map", map, "--replace", "--table", "cells").status == 0
    assert "it was loaded on" in cbload(more, "--map", map).err
    assert db.execute("SELECT count(*) FROM made.cells").fetchone() == (160,)


def test_the_search_path_says_where_the_table_is(cbload, db, map, slide, tmp_path, monkeypatch):
    """In the first schema that has it, or else in the first one that is there."""
    db.execute("CREATE SCHEMA elsewhere")
    try:
        monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere,made,elsewhere")
        assert cbload(slide, "--map", map, "--table", "elsewhere.cells").status == 0
        more = write(tmp_path / "more.csv", Experiment(images=2, seed=2).objects)
        assert cbload(more, "--map", map).status == 0 and len(loaded(db, "elsewhere.cells")) == 160
        assert cbload(more, "--map", map, "--table", "other").status == 0 and len(loaded(db, "made.other")) == 80
        monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
        ended = cbload(more, "--map", map)
        assert ended.status == 1 and "no schema in the search path is there" in ended.err
    finally:
        db.execute("DROP SCHEMA elsewhere CASCADE")
