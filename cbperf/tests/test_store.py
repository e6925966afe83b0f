"""The record store: records come back unchanged, no measurement is lost, and each role has its privileges only."""

import copy
import json
import os
import socket
import threading
import uuid

import psycopg
import pytest
import store
from store import Keeper, Store, StoreError

STORE, OTHER = "cbperf_test_store", "cbperf_test_other"
SECRET = "SELECT 'a secret'"


# --- records ---

def record(**changes) -> dict:
    """A minimal record of a run."""
    return {"record": 1, "run_id": str(uuid.uuid4()), "state": "complete", "error": None, "kind": "sql",
            "process": "pack", "arguments": [SECRET], "started": "2026-11-25T00:00:00.000000+00:00", "finished": "2026-11-25T00:01:00.000000+00:00",
            "tag": None, "description": None, "user_data": {},
            "host": {"name": "bench", "cpu": "EPYC", "cores": 2, "memory": 1 << 33, "kernel": "6.1", "os": "Debian 12"},
            "server": None, "libraries": {}, "git": None, "dataset": None, "tool": "0.1.0",
            "unavailable": {}, "samples": [], "profiles": [], "components": []} | changes


def sample(**changes) -> dict:
    return {"repetition": 1, "started": "2026-11-25T00:00:01.5+00:00", "failed": None, "real": 0.25, "user": 0.1, "system": 0.02, "waiting": 0.0,
            "peak_private": 1 << 20, "peak_resident": 1 << 21, "minor_faults": 100, "major_faults": 0, "voluntary_switches": 1, "involuntary_switches": 2,
            "waits": {"IO:DataFileRead": 0.01}, "processes": [], "spans": [], "series": {"seconds": [], "private": []}} | changes


def span(*path: str, **changes) -> dict:
    return {"path": list(path), "start": 0.01, "real": 0.05, "cpu": 0.04, "workers_cpu": 0.0, "minor_faults": 1, "major_faults": 0,
            "waiting": 0.0, "waits": {}} | changes


def profile(profiler: str, **changes) -> dict:
    return {"profiler": profiler, "title": profiler.upper(), "unit": "samples", "total": 3, "unavailable": None, "facts": {}, "overhead": 1.03,
            "tree": {"name": "all", "value": 3, "children": [{"name": "cell_pack_transition", "value": 3, "children": []}]}} | changes


def full_record(**changes) -> dict:
    process = {"pid": 7, "role": "backend", "user": 0.1, "system": 0.0, "peak_private": None, "peak_resident": 5, "minor_faults": 1,
               "major_faults": 0, "voluntary_switches": 1, "involuntary_switches": 0}
    return record(
        tag="nightly", description="größer, \"schneller\" \\ 1 < 2",
        user_data={"scale": {"clients": 2, "workers": 1, "memory_limit": None, "throughput": 3.5}},
        server={"version": "15.20", "settings": {"work_mem": "64MB"}, "extension": {"name": "cell_binary", "version": "0.1.0", "sha256": None}},
        libraries={"libzstd": "1.5.4"}, git={"commit": "9f09050", "dirty": False}, dataset={"name": "cells", "hash": "d0"},
        unavailable={"major_faults": f"cannot: {SECRET}"},
        samples=[sample(processes=[process, process | {"pid": 8, "role": "parallel worker"}], series={"seconds": [0.0, 0.1], "private": [1, 2]},
                        spans=[span("load"), span("load", "sort", real=None, waits={"IO:BufFileRead": 0.1})]),
                 sample(repetition=2, real=1 / 3, waiting=None, major_faults=None),
                 sample(repetition=1, failed=f"canceled: {SECRET}", real=None)],
        profiles=[profile("cpu"), profile("contexts", facts={"seconds": [0.1], "totals": [4]}),
                  profile("heap", total=None, tree=None, unavailable="no valgrind", overhead=None)],
        components=[{"profiler": "cpu", "component": "scan", "value": 1, "share": 0.2, "seconds": 0.02},
                    {"profiler": "cpu", "component": "other", "value": 4, "share": 0.8, "seconds": None}]) | changes


def verdict(**changes) -> dict:
    return {"measure": "instructions", "base": 1e6, "new": 1.1e6, "ratio": 1.1, "threshold": 1.01, "p": None, "alarm": True, "unavailable": None} | changes


def comparison(**changes) -> dict:
    tree = {"name": "all", "value": 2, "delta": 1, "children": []}
    return {"comparison": 1, "comparison_id": str(uuid.uuid4()), "started": "2026-11-25T00:00:00.000000+00:00",
            "finished": "2026-11-25T00:09:00.000000+00:00", "state": "complete", "error": None, "tag": "nightly",
            "base": "9f09050", "new": ".", "alarm": True,
            "workloads": [{"workload": "pack", "base_run": str(uuid.uuid4()), "new_run": None,
                           "verdicts": [verdict(), verdict(measure="time", p=0.5, alarm=False),
                                        verdict(measure="peak_heap", base=None, new=None, ratio=None, alarm=False, unavailable="no valgrind")],
                           "evidence": [{"measure": "instructions", "profiler": "instructions", "tree": tree,
                                         "guilty": [{"frame": "cell_pack_transition", "delta": 100000}, {"frame": "memcpy", "delta": -3}]}]},
                          {"workload": "unpack", "base_run": None, "new_run": None, "verdicts": [], "evidence": []}]} | changes


def changed(document: dict, path: list, value) -> dict:
    """A copy with another value at one place; ... removes the member."""
    made = copy.deepcopy(document)
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


# --- fixtures ---

@pytest.fixture(scope="module")
def database(server):
    """The name of a store's database. ann and bob are writers, rita is a reader, and paul has no privileges."""
    server.drop(STORE, OTHER)
    users = {"ann": "cbperf_writer", "bob": "cbperf_writer", "rita": "cbperf_reader", "paul": None}
    assert "Created database" in store.init(f"dbname={STORE}")
    for user, role in users.items():
        server.connection.execute(f"DROP ROLE IF EXISTS {user}")
        server.connection.execute(f"CREATE ROLE {user} LOGIN")
        if role:
            server.connection.execute(f"GRANT {role} TO {user}")
    yield STORE
    server.drop(STORE, OTHER)
    server.connection.execute("DROP ROLE ann, bob, rita, paul")


@pytest.fixture
def owner(server, database):
    """A connection of the store's owner to an empty store."""
    with server.connect(database) as connection:
        connection.execute("DELETE FROM cbperf.run; DELETE FROM cbperf.comparison; DELETE FROM cbperf.host")
        yield connection


@pytest.fixture
def open_store(owner, database):
    """A function that opens the store as a user."""
    opened = []

    def open(user: str = "ann", name: str = database) -> Store:
        opened.append(Store(f"dbname={name} user={user}"))
        return opened[-1]
    yield open
    for each in opened:
        each.close()


@pytest.fixture
def ann(open_store) -> Store:
    return open_store("ann")


def stored(owner: psycopg.Connection) -> dict[str, int]:
    """The number of rows in each table."""
    tables = owner.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'cbperf'::regnamespace").fetchall()
    return {table: owner.execute(f"SELECT count(*) FROM cbperf.{table}").fetchone()[0] for table, in tables}


# --- put and get ---

@pytest.mark.parametrize("made", [
    record(), full_record(), comparison(), comparison(workloads=[]),
    record(run_id=str(uuid.uuid4()).upper(), started="2026-11-25T02:00:00+02:00", finished="2026-11-25T00:00:00Z"),
    changed(changed(full_record(), ["news"], {"a": [None, 1.50]}), ["samples", 0, "spans", 0, "news"], 1),      # members that this version does not know
    changed(comparison(), ["workloads", 0, "verdicts", 0, "news"], [1]),
], ids=["least", "full", "comparison", "no workloads", "other notations", "unknown members", "unknown in a verdict"])
def test_comes_back_as_it_was_put(owner, ann, made):
    assert ann.put(made) is True
    before = stored(owner)
    assert ann.find(store.identity(made)) == made
    assert ann.put(made) is False, "the same record again changes nothing"
    assert stored(owner) == before


def test_numbers_keep_their_digits(owner):
    text = json.dumps(record(samples=[sample(peak_private=(1 << 63) - 1)])).replace("0.25", "12345678901234567890.12345678901234567890")
    owner.execute("SELECT cbperf.put(%s::jsonb)", [text])
    assert owner.execute("SELECT cbperf.get(run_id) = %s::jsonb FROM cbperf.run", [text]).fetchone() == (True,)


def test_what_text_cannot_hold_is_replaced(ann):
    made = record(arguments=["a\0b \\u0000 \udc80"], samples=[sample(real=float("nan"), waiting=float("inf"))])
    ann.put(made)
    found = ann.find(made["run_id"])
    assert found["arguments"] == ["a\N{REPLACEMENT CHARACTER}b \\u0000 \N{REPLACEMENT CHARACTER}"]
    assert (found["samples"][0]["real"], found["samples"][0]["waiting"]) == (None, None)


MALFORMED = [
    (["record"], 2, "not a record of version 1", "22023"),
    (["run_id"], "x", "run_id must be a UUID", "22P02"),
    (["run_id"], ..., "run_id must be a UUID. It is missing", "22P02"),
    (["state"], "done", "state must be one of running, complete, incomplete", "22023"),
    (["kind"], None, "kind must be one of sql, command, pid", "22023"),
    (["process"], 1, "process must be a string", "22023"),
    (["arguments"], "SELECT", "arguments must be an array", "22023"),
    (["arguments", 0], None, r"arguments\[0\] must be a string", "22023"),
    (["started"], "yesterday", "started must be a time", "22007"),
    (["started"], "2026-11-25 00:00:00", "started must be a time", "22007"),
    (["finished"], "2026-13-25T00:00:00Z", "finished must be a time", "22007"),
    (["finished"], None, "a_complete_run_is_finished", "23514"),
    (["tag"], 5, "tag must be a string, or null", "22023"),
    (["tag"], ..., "tag must be a string, or null. It is missing", "22023"),
    (["user_data"], [], "user_data must be an object", "22023"),
    (["host"], None, "host must be an object", "22023"),
    (["host", "cores"], 0, "host.cores must be a whole number from 1", "22023"),
    (["server", "settings", "work_mem"], 64, "server.settings.work_mem must be a string", "22023"),
    (["server", "extension"], "x", "server.extension must be an object", "22023"),
    (["git", "dirty"], "no", "git.dirty must be true or false", "22023"),
    (["unavailable", "waits"], None, "unavailable.waits must be a string", "22023"),
    (["samples"], {}, "samples must be an array", "22023"),
    (["samples", 1], 5, r"samples\[1\] must be an object", "22023"),
    (["samples", 0, "real"], "abc", r'samples\[0\].real must be a number that is not negative, or null. It is "abc"', "22023"),
    (["samples", 0, "real"], -0.1, r"samples\[0\].real must be a number that is not negative", "22023"),
    (["samples", 0, "real"], 10 ** 400, r"samples\[0\].real must be a number", "22023"),
    (["samples", 0, "peak_private"], 0.5, r"samples\[0\].peak_private must be a whole number", "22023"),
    (["samples", 0, "peak_private"], 1 << 63, r"samples\[0\].peak_private must be a whole number", "22023"),
    (["samples", 0, "waits", "IO:DataFileRead"], "x", r"samples\[0\].waits.IO:DataFileRead must be a number", "22023"),
    (["samples", 0, "series", "private", 1], None, r"samples\[0\].series.private must be an array of numbers", "22023"),
    (["samples", 0, "processes", 1, "role"], ..., r"samples\[0\].processes\[1\].role must be a string. It is missing", "22023"),
    (["samples", 0, "spans", 1, "path", 0], [], r"samples\[0\].spans\[1\].path\[0\] must be a string", "22023"),
    (["profiles", 0, "tree"], [], r"profiles\[0\].tree must be an object, or null", "22023"),
    (["components", 1, "value"], None, r"components\[1\].value must be a whole number", "22023"),
]


@pytest.mark.parametrize("path, value, message, sqlstate", MALFORMED, ids=[f"{path[-1]} {value}"[:30] for path, value, *_ in MALFORMED])
def test_malformed_record(owner, ann, path, value, message, sqlstate):
    with pytest.raises(StoreError, match=message) as error:
        ann.put(changed(full_record(), path, value))
    assert error.value.__cause__.sqlstate == sqlstate
    assert set(stored(owner).values()) == {0}, "no part of it is stored"


@pytest.mark.parametrize("path, value, message", [
    (["comparison"], "1", "not a comparison of version 1"),
    (["alarm"], None, "alarm must be true or false"),
    (["workloads", 0, "base_run"], "x", r"workloads\[0\].base_run must be a UUID, or null"),
    (["workloads", 0, "verdicts", 2, "ratio"], "x", r"workloads\[0\].verdicts\[2\].ratio must be a number, or null"),
    (["workloads", 0, "evidence", 0, "guilty", 1, "frame"], 0, r"workloads\[0\].evidence\[0\].guilty\[1\].frame must be a string"),
])
def test_malformed_comparison(owner, ann, path, value, message):
    with pytest.raises(StoreError, match=message):
        ann.put(changed(comparison(), path, value))
    assert set(stored(owner).values()) == {0}


def test_what_is_put_must_be_an_object(owner):
    for value in "5", "[]", "null", None:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="not a record of version 1"):
            owner.execute("SELECT cbperf.put(%s::jsonb)", [value])


# --- states ---

def test_running_is_replaced_by_its_author_only(ann, open_store):
    bob = open_store("bob")
    running = record(state="running", finished=None)
    complete = full_record(run_id=running["run_id"])
    assert ann.put(running) and ann.put(running | {"samples": [sample()]})
    with pytest.raises(StoreError, match="put by another user. Its author is ann, and the session user is bob. Only the author") as error:
        bob.put(complete)
    assert error.value.__cause__.sqlstate == "42501"
    assert ann.put(complete) and ann.find(running["run_id"]) == complete
    assert bob.put(complete) is False, "any user can put the same record"
    with pytest.raises(StoreError, match="a different run .* is stored already") as error:
        ann.put(complete | {"description": "another"})
    assert error.value.__cause__.sqlstate == "23505"
    assert ann.find(running["run_id"]) == complete


@pytest.mark.parametrize("make", [record, comparison])
def test_abandoned(owner, ann, open_store, make):
    """Only after the measuring session has ended; its record can still be replaced."""
    measuring = open_store("ann")
    running = make(state="running", finished=None)
    measuring.put(running)
    elsewhere = record(state="running", finished=None, host=record()["host"] | {"name": "elsewhere"})
    session = open_store("ann")
    session.put(elsewhere)
    session.close()
    assert ann.mark_abandoned("bench") == 0
    assert ann.find(store.identity(running)) == running
    measuring.close()
    ends_with(owner, measuring)
    assert ann.mark_abandoned("bench") == 1
    assert ann.mark_abandoned("bench") == 0
    assert ann.find(store.identity(running)) == running | {"state": "incomplete", "error": "the process that measured it ended"}
    assert ann.find(elsewhere["run_id"]) == elsewhere
    late = running | {"state": "complete", "finished": "2026-11-25T00:01:00Z"}
    with pytest.raises(StoreError, match="another user"):
        open_store("bob").put(late)
    assert ann.put(late) and ann.find(store.identity(running)) == late
    with pytest.raises(StoreError, match="stored already"):
        ann.put(running)


def ends_with(owner: psycopg.Connection, closed: Store) -> None:
    """Wait until the server has noticed that a session ended."""
    owner.execute("""DO $$ BEGIN
        FOR i IN 1 .. 1000 LOOP
            PERFORM pg_stat_clear_snapshot();
            EXIT WHEN NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory');
            PERFORM pg_sleep(0.005);
        END LOOP;
    END $$""")


def test_a_run_that_is_finished_holds_no_lock(owner, ann):
    running = record(state="running", finished=None)
    ann.put(running)
    ann.put(running)
    assert owner.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (1,)
    ann.put(running | {"state": "incomplete"})
    assert owner.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


# --- roles ---

VIEWS = {"runs", "history", "by_host", "by_tag", "by_component", "spans", "waits", "profiles", "trees", "components", "comparisons", "verdicts",
         "differences"}


def test_readers_see_views_without_command_text(owner, ann, open_store):
    made = full_record(profiles=[profile("cpu"), profile("contexts", tree={"name": SECRET, "value": 1, "children": []}, facts={"sql": SECRET})])
    ann.put(made)
    ann.put(comparison(error=SECRET, workloads=[{"workload": "pack", "base_run": None, "new_run": None, "verdicts": [verdict(unavailable=SECRET)],
                                                 "evidence": [{"measure": "memory", "profiler": "contexts", "tree": {"name": SECRET}, "guilty": []}]}]))
    ann.put(comparison())
    rita = open_store("rita")
    views = {view for view, in owner.execute("SELECT viewname FROM pg_views WHERE schemaname = 'cbperf'")}
    assert views == VIEWS
    for view in views:
        rows = rita.execute(f"SELECT * FROM cbperf.{view}")
        assert rows, view
        assert "secret" not in str(rows), view
    assert rita.list()[0]["run_id"] == uuid.UUID(made["run_id"])
    assert rita.execute("SELECT profiler, tree FROM cbperf.trees") == [{"profiler": "cpu", "tree": made["profiles"][0]["tree"]}]
    with pytest.raises(StoreError, match="permission denied for function get"):
        rita.find("last")


@pytest.mark.parametrize("user", ["rita", "ann", "paul"])
def test_only_the_owner_touches_tables(owner, server, database, user):
    tables = list(stored(owner))
    assert len(tables) >= 10
    allowed = owner.execute("""
        SELECT c.relname, p.privilege FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p (privilege)
        WHERE c.relnamespace = 'cbperf'::regnamespace AND c.relkind IN ('r', 'S', 'v') AND has_table_privilege(%s, c.oid, p.privilege)""", [user]).fetchall()
    assert set(allowed) == {(view, "SELECT") for view in VIEWS if user != "paul"}
    owner.execute(f"SET ROLE {user}")
    for table in tables:
        for statement in f"SELECT FROM cbperf.{table}", f"DELETE FROM cbperf.{table}", f"INSERT INTO cbperf.{table} DEFAULT VALUES":
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(statement)


def test_who_executes_what(owner):
    def executes(user: str) -> set[str]:
        return {name for name, in owner.execute("""
            SELECT proname FROM pg_proc WHERE pronamespace = 'cbperf'::regnamespace
                AND has_function_privilege(%s, oid, 'EXECUTE') AND has_schema_privilege(%s, pronamespace, 'USAGE')""", [user, user])}
    assert executes("paul") == set()
    assert executes("rita") == {"version", "key"}
    assert executes("ann") == {"version", "key", "put", "put_comparison", "get", "get_comparison", "mark_abandoned"}
    assert owner.execute("SELECT has_database_privilege('paul', current_database(), 'CONNECT, TEMP, CREATE')").fetchone() == (False,)
    owner.execute("SET ROLE cbperf_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("SELECT cbperf.put('{}')")


def test_functions_of_the_owner_look_nowhere_else(owner, ann):
    """Functions ignore objects that a caller puts before pg_catalog in the search path; they would run with the owner's rights."""
    assert owner.execute("""SELECT count(*) FROM pg_proc WHERE pronamespace = 'cbperf'::regnamespace
        AND prosecdef AND proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}'""").fetchone() == (0,)
    owner.execute("""
        CREATE SCHEMA trap;
        CREATE FUNCTION trap.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
        CREATE FUNCTION trap.differs(jsonb, jsonb) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
        CREATE OPERATOR trap.= (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = trap.differs);
        GRANT USAGE ON SCHEMA trap TO ann; GRANT TEMP ON DATABASE cbperf_test_store TO ann""")
    try:
        ann.connection.execute("SET search_path = trap, pg_catalog; CREATE TEMP TABLE run (i integer); CREATE TEMP TABLE pg_locks (i integer)")
        with pytest.raises(StoreError, match="trapped"):
            ann.execute("SELECT jsonb_typeof('1')")
        for made in full_record(state="running"), comparison(state="running"):
            ann.put(made)
            ann.put(made)
            assert ann.find(store.identity(made)) == made
        assert ann.mark_abandoned("bench") == 0
    finally:
        owner.execute("DROP SCHEMA trap CASCADE; REVOKE TEMP ON DATABASE cbperf_test_store FROM ann")


def test_conditions_of_a_reader_see_no_more_rows(owner, ann, open_store):
    """A cheap condition of a reader would otherwise run before those of the view."""
    ann.put(record(profiles=[profile("cpu"), profile("contexts", tree={"name": SECRET})]))
    owner.execute("""
        CREATE FUNCTION public.looks(tree jsonb) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
            $$BEGIN IF tree::text LIKE '%secret%' THEN RAISE 'seen: %', tree; END IF; RETURN true; END$$""")
    try:
        assert len(open_store("rita").execute("SELECT profiler FROM cbperf.trees WHERE public.looks(tree)")) == 1
    finally:
        owner.execute("DROP FUNCTION public.looks")


def test_all_has_a_comment(owner):
    assert owner.execute("""
        SELECT oid::regclass::text FROM pg_class
        WHERE relnamespace = 'cbperf'::regnamespace AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'cbperf'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL""").fetchall() == []


# --- queries ---

def run_of(real: list[float], day: int, **changes) -> dict:
    """A run whose samples have these real times, half of it on the CPU, with 1000 bytes per second."""
    return record(started=f"2026-11-{day:02}T00:00:00+00:00", samples=[
        sample(real=seconds, user=seconds / 4, system=seconds / 4, peak_private=int(1000 * seconds)) for seconds in real], **changes)


@pytest.fixture
def figures(ann) -> Store:
    other_host = record()["host"] | {"name": "other"}
    parts = [{"profiler": "cpu", "component": "scan", "value": 10, "share": 0.25, "seconds": 1.0},
             {"profiler": "cpu", "component": "sort", "value": 30, "share": 0.75, "seconds": None}]
    for made in [
        run_of([1, 2, 9], 1, tag="a", components=parts),
        run_of([4], 2, tag="a", components=[parts[0] | {"value": 20, "share": 0.75, "seconds": 3.0}]),
        run_of([3, 5], 3, tag="b"),
        run_of([50], 4, tag="a", state="incomplete"),
        run_of([6], 5, arguments=["SELECT 2"]),
        run_of([7], 6, host=other_host),
        run_of([8], 7, process="unpack")]:
        made["samples"].append(sample(failed="no", real=100))
        ann.put(made)
    return ann


def only(rows: list[dict], *columns: str) -> list[tuple]:
    return [tuple(row[column] for column in columns) for row in rows]


def test_list(figures):
    assert only(figures.list(), "process", "samples", "failed", "real", "cpu", "peak_private") == [
        ("unpack", 1, 1, 8, 4, 8000), ("pack", 1, 1, 7, 3.5, 7000), ("pack", 1, 1, 6, 3, 6000), ("pack", 1, 1, 50, 25, 50000),
        ("pack", 2, 1, 4, 2, 4000), ("pack", 1, 1, 4, 2, 4000), ("pack", 3, 1, 2, 1, 2000)]
    assert only(figures.list(process="pack", tag="a", host="bench", limit=2), "real") == [(50,), (4,)]
    assert figures.list(host="nowhere") == []


def test_history(figures):
    first = figures.by_tag("a")[0]
    wanted = [(2, None), (4, 2), (4, 1)]
    assert only(figures.history(first), "real", "real_ratio") == wanted
    key = figures.history(first)[0]["key"]
    assert only(figures.history(key, "bench"), "real", "real_ratio") == wanted
    assert only(figures.history(key), "real", "real_ratio", "host") == [(*row, "bench") for row in wanted] + [(7, None, "other")]
    assert only(figures.history("pack"), "real", "real_ratio") == wanted + [(6, None), (7, None)]
    assert figures.history("pac") == []


def test_roll_ups(figures):
    columns = "host", "process", "runs", "samples", "real", "least_real", "most_real", "cpu", "peak_private", "most_peak_private"
    of_pack = ("bench", "pack", 3, 6, 4, 2, 4, 2, 4000, 4000)
    assert sorted(only(figures.execute("SELECT * FROM cbperf.by_host"), *columns)) == sorted([
        of_pack, ("bench", "pack", 1, 1, 6, 6, 6, 3, 6000, 6000), ("other", "pack", 1, 1, 7, 7, 7, 3.5, 7000, 7000),
        ("bench", "unpack", 1, 1, 8, 8, 8, 4, 8000, 8000)])
    assert sorted(only(figures.execute("SELECT * FROM cbperf.by_tag"), "tag", *columns)) == [
        ("a", "bench", "pack", 2, 4, 3, 2, 4, 1.5, 3000, 4000), ("b", "bench", "pack", 1, 2, 4, 4, 4, 2, 4000, 4000)]
    assert sorted(only(figures.execute("SELECT * FROM cbperf.by_component"), "component", "runs", "value", "share", "seconds")) == [
        ("scan", 2, 15, 0.5, 2), ("sort", 1, 30, 0.75, None)]
    assert [made["tag"] for made in figures.by_tag("a")] == ["a", "a", "a"]


def test_spans_and_waits(ann):
    ann.put(record(samples=[
        sample(spans=[span("load", real=1), span("load", "sort", real=0.25, cpu=None), span("load", "sort", real=0.5, cpu=None)], waits={"IO:A": 1}),
        sample(spans=[span("load", real=3, minor_faults=5)], waits={"IO:A": 0.5, "LWLock:B": 2}),
        sample(failed="no", spans=[span("load", real=100)], waits={"IO:A": 100})]))
    rows = ann.execute("SELECT * FROM cbperf.spans ORDER BY path")
    assert only(rows, "path", "samples", "times", "real", "cpu", "minor_faults") == [(["load"], 2, 2, 2, 0.04, 3), (["load", "sort"], 1, 2, 0.75, None, 2)]
    assert only(ann.execute("SELECT * FROM cbperf.waits ORDER BY event"), "event", "seconds") == [("IO:A", 1.5), ("LWLock:B", 2)]


def test_profiles_and_comparisons(ann):
    ann.put(full_record())
    ann.put(comparison())
    assert only(ann.execute("SELECT * FROM cbperf.profiles ORDER BY profiler"), "profiler", "total", "available", "overhead") == [
        ("contexts", 3, True, 1.03), ("cpu", 3, True, 1.03), ("heap", None, False, None)]
    assert only(ann.execute("SELECT * FROM cbperf.comparisons"), "base", "new", "alarm", "workloads", "alarms") == [("9f09050", ".", True, 2, 1)]
    assert only(ann.execute("SELECT * FROM cbperf.verdicts ORDER BY measure"), "workload", "measure", "ratio", "p", "alarm", "available") == [
        ("pack", "instructions", 1.1, None, True, True), ("pack", "peak_heap", None, None, False, False), ("pack", "time", 1.1, 0.5, False, True)]
    assert ann.execute("SELECT guilty->0->>'frame' AS frame FROM cbperf.differences") == [{"frame": "cell_pack_transition"}]


def test_find(ann):
    with pytest.raises(StoreError, match="the store has no runs"):
        ann.find("last")
    runs = [record(run_id=f"{start}-0000-4000-8000-000000000000", started=f"2026-11-25T00:00:0{second}Z")
            for second, start in enumerate(["abc00000", "abd00000", "ab000000"])]
    compared = comparison(comparison_id="abd10000-0000-4000-8000-000000000000")
    for made in [*runs, compared]:
        ann.put(made)
    assert ann.find("last") == runs[2]
    assert ann.find("abc") == ann.find("ABC00000-0000-4") == ann.find(runs[0]["run_id"]) == runs[0]
    assert ann.find("abd1") == compared
    for wanted, message in [("ab", "several ids begin with ab"), ("abd", "several"), ("c", "no id begins with c"),
                            ("pack", "the beginning of an id"), ("", "the beginning of an id")]:
        with pytest.raises(StoreError, match=message):
            ann.find(wanted)


# --- export and import ---

def test_export_and_import(server, ann, open_store):
    runs = [full_record(), record(process="unpack", tag="weekly", started="2026-11-26T00:00:00Z")]
    compared = [comparison(), comparison(tag=None, started="2026-11-26T00:00:00Z")]
    running = record(state="running", finished=None)
    for made in [*runs, *compared, running]:
        ann.put(made)

    def exported(**wanted) -> list[dict]:
        return [json.loads(line) for line in ann.export(**wanted)]
    assert exported() == [*runs, *compared]
    assert exported(tag="nightly") == [runs[0], compared[0]]
    assert exported(process="unpack") == [runs[1]]
    assert exported(tag="nightly", process="unpack") == []

    server.drop(OTHER)
    store.init(f"dbname={OTHER}")
    other = open_store("bob", OTHER)
    lines = list(ann.export())
    assert other.import_lines([lines[0], "\n"]) == (1, 0)
    assert other.import_lines(lines) == (3, 1)
    assert other.import_lines(lines) == (0, 4)
    assert list(other.export()) == lines
    other.close()
    server.drop(OTHER)


@pytest.mark.parametrize("bad, message", [
    ("{", "line 3: Expecting"), ("5", "line 3: not a JSON object"), ("{}", "line 3: the document is not a record of version 1"),
    (json.dumps(record(samples=[5])), r"line 3: samples\[0\] must be an object.*\. No line was imported"),
    (json.dumps(record(process="\0")), "line 3: unsupported Unicode escape sequence"),
    (json.dumps(record()).replace("33", "NaN").replace(str(1 << 33), "NaN"), "line 3: invalid input syntax for type json")])
def test_of_a_file_with_a_bad_line_nothing_is_imported(owner, ann, bad, message):
    with pytest.raises(StoreError, match=message):
        ann.import_lines([json.dumps(record()) + "\n", "\n", bad + "\n", json.dumps(record())])
    assert set(stored(owner).values()) == {0}
    assert ann.import_lines([json.dumps(record())]) == (1, 0), "the connection still works"


def test_writers_at_once(owner, open_store):
    """Two imports in opposite order with new hosts, and puts of the same runs at the same time."""
    made = [record(host=record()["host"] | {"name": f"host {number}"}) for number in range(12)]
    lines = [json.dumps(each) for each in made]
    writers = [open_store("ann"), open_store("bob"), open_store("ann"), open_store("bob")]
    outcomes = []
    start = threading.Barrier(len(writers))

    def work(writer: Store, job):
        start.wait()
        outcomes.append(job(writer))
    jobs = [lambda writer: writer.import_lines(lines)[0], lambda writer: writer.import_lines(lines[::-1])[0],
            lambda writer: sum(map(writer.put, made)), lambda writer: sum(map(writer.put, made[::-1]))]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(writers, jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4 and sum(outcomes) == 12
    assert {table: stored(owner)[table] for table in ("run", "host")} == {"run": 12, "host": 12}


# --- the connection ---

def test_init(server, database, monkeypatch):
    assert store.init(f"dbname={database}") == f"Database {database} already has a store."
    server.drop(OTHER)
    with pytest.raises(StoreError, match="does not exist"):
        Store(f"dbname={OTHER}")
    server.connection.execute(f"CREATE DATABASE {OTHER}")
    with pytest.raises(StoreError, match="no store of cbperf: create it with cbperf init"):
        Store(f"dbname={OTHER}")
    assert store.init(f"dbname={OTHER}").startswith(f"Created the store in database {OTHER}.")
    monkeypatch.setattr(store, "version", lambda: 7)
    for use in store.init, Store:
        with pytest.raises(StoreError, match=f"the store in database {OTHER} has version 1, but this cbperf needs version 7"):
            use(f"dbname={OTHER}")
    server.drop(OTHER)
    server.connection.execute(f"CREATE DATABASE {OTHER} TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")
    with pytest.raises(StoreError, match="encoding SQL_ASCII"):
        store.init(f"dbname={OTHER}")
    server.drop(OTHER)


def test_who_has_no_role_is_told_so(owner, server, database):
    with pytest.raises(StoreError, match="permission denied for database"):
        Store(f"dbname={database} user=paul")
    owner.execute(f"GRANT CONNECT ON DATABASE {database} TO paul")
    try:
        with pytest.raises(StoreError, match="user paul has no permission for the store"):
            Store(f"dbname={database} user=paul")
    finally:
        owner.execute(f"REVOKE CONNECT ON DATABASE {database} FROM paul")


def test_parameters(monkeypatch):
    monkeypatch.delenv("CBPERF_STORE", raising=False)
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    assert store.parameters(None) == {"dbname": "cbperf", "connect_timeout": 5, "fallback_application_name": "cbperf"}
    assert store.parameters("postgresql://h/x?connect_timeout=9") == {"host": "h", "dbname": "x", "connect_timeout": "9", "fallback_application_name": "cbperf"}
    monkeypatch.setenv("CBPERF_STORE", "host=there")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "3")
    assert store.parameters("") == {"host": "there", "dbname": "cbperf", "fallback_application_name": "cbperf"}
    with pytest.raises(StoreError, match="not a connection string"):
        store.parameters("nonsense")


def test_a_lost_connection_is_made_anew(owner, ann):
    def lose():
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ann' AND application_name = 'cbperf'")
    made = record()
    for use in [lambda: ann.put(made), lambda: ann.find("last"), lambda: list(ann.export()), lambda: ann.import_lines([json.dumps(made)])]:
        lose()
        assert use()


# --- keeping ---

@pytest.fixture
def spool(tmp_path):
    return tmp_path / "the spool"


def in_spool(folder) -> dict[str, dict]:
    """The records in a spool folder, by file name."""
    return {path.name: json.loads(path.read_text()) for path in folder.iterdir()} if folder.exists() else {}


def test_keeper_with_a_store(ann, spool):
    keeper = Keeper(ann, spool)
    for made in record(), comparison():
        keeper.keep(made)
        assert ann.find(store.identity(made)) == made
    assert keeper.problem is None and not spool.exists()


def refuse(owner: psycopg.Connection, sqlstate: str) -> None:
    owner.execute(f"""
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'could not extend file "base/1/2"', HINT = 'Check free disk space.'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON cbperf.span FOR EACH ROW EXECUTE FUNCTION public.refuse()""")


def test_a_full_disk(owner, ann, spool):
    """All records go to the spool, one file for each run. A record that the store takes later disappears, and the others can be imported."""
    keeper = Keeper(ann, spool)
    runs = [full_record(state="running", finished=None), full_record()]
    refuse(owner, "53100")
    try:
        for made in runs:
            keeper.keep(made)
    finally:
        owner.execute("DROP FUNCTION public.refuse CASCADE")
    assert set(stored(owner).values()) == {0}
    assert in_spool(spool) == {f"{made['run_id']}.jsonl": made for made in runs}
    assert spool.stat().st_mode & 0o077 == 0, "it has command text"
    assert keeper.problem == (f'could not extend file "base/1/2". Check free disk space. Records that could not be stored are in {spool}: '
                              f"cbperf import '{spool}'/*.jsonl")
    keeper.keep(runs[0] | {"state": "complete", "finished": "2026-11-25T00:01:00Z"})
    assert set(in_spool(spool)) == {f"{runs[1]['run_id']}.jsonl"}
    assert keeper.problem
    with (spool / f"{runs[1]['run_id']}.jsonl").open() as lines:
        assert ann.import_lines(lines) == (1, 0)
    keeper.keep(runs[1])
    assert keeper.problem is None and in_spool(spool) == {}


@pytest.mark.parametrize("user", ["rita", None])
def test_without_the_right_or_a_store(open_store, spool, user):
    keeper = Keeper(open_store(user) if user else "there is no store", spool)
    made = full_record()
    keeper.keep(made)
    assert in_spool(spool) == {f"{made['run_id']}.jsonl": made}
    assert ("permission denied for function put" if user else "there is no store") in keeper.problem


def test_a_malformed_record_is_kept_too(ann, spool):
    keeper = Keeper(ann, spool)
    keeper.keep(record(samples=[{}]))
    assert len(in_spool(spool)) == 1 and "is missing" in keeper.problem


def test_a_store_that_goes_away(server, database, ann, spool):
    keeper = Keeper(ann, spool)
    runs = [record(), record(), record()]
    keeper.keep(runs[0])
    server.connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    server.connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ann'")
    keeper.keep(runs[1])
    server.connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    keeper.keep(runs[2])
    assert "not currently accepting connections" in keeper.problem
    assert set(in_spool(spool)) == {f"{runs[1]['run_id']}.jsonl"}
    assert {row["run_id"] for row in ann.list()} == {uuid.UUID(runs[0]["run_id"]), uuid.UUID(runs[2]["run_id"])}


def test_a_store_that_cannot_be_reached():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(StoreError, match="onnection refused"):
            Store(f"host=127.0.0.1 port={free.getsockname()[1]}")


def test_last_resort(spool, capsys):
    """If even root cannot write to the spool, the finished record goes to standard error."""
    spool.write_text("not a folder")
    keeper = Keeper("there is no store", spool)
    running = record(state="running", finished=None)
    keeper.keep(running)
    assert capsys.readouterr().err == ""
    complete = full_record(run_id=running["run_id"])
    keeper.keep(complete)
    message, line = capsys.readouterr().err.splitlines()
    assert json.loads(line) == complete
    assert "there is no store. The record cannot be written to" in message
    assert "on standard error" in keeper.problem


def test_a_file_in_the_spool_is_whole_or_not_there(spool, monkeypatch, capsys):
    keeper = Keeper("there is no store", spool)
    made = record()
    keeper.keep(made)

    def full(_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    keeper.keep(made | {"description": "new"})
    assert in_spool(spool) == {f"{made['run_id']}.jsonl": made}, "the old file, and no other"
    assert "No space left on device" in capsys.readouterr().err
