"""The profilers: their parsers, and each profiler with a real backend or command."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flame
import processes
import profilers
import psycopg
import pytest
from profilers import callgrind, massif, programs, replay, sampling
from profilers.base import Profile, Target, Unavailable
from profilers.contexts import Parser
from profilers.instructions import is_execution

DATA = Path(__file__).with_name("data")
DATABASE = "cbperf_profilers"
# The PostgreSQL packages of Debian and PGDG have frame pointers, without which perf sees no callers.
FRAME_POINTERS = "-fno-omit-frame-pointer" in subprocess.run([os.environ["PG_CONFIG"], "--cflags"], capture_output=True, text=True).stdout
with_callers = pytest.mark.skipif(not FRAME_POINTERS, reason="this PostgreSQL was built without frame pointers")
CELLS = 10000
# Each of these statements is a trap for single-user mode, which ends an input at ";" and an empty line.
WORKLOAD = """
-- A comment; with a semicolon.

SELECT octet_length(cell_pack(id, x, y, mask, 'dense'))
FROM cell

WHERE 'a;

b' <> $$c;

d$$;

SELECT count(*) FROM temporary"""
SETUP = "CREATE TEMP TABLE temporary AS SELECT 1 AS number; SET work_mem = '5MB'"


def functions(tree: dict) -> set[str]:
    return {frame for stack, _ in flame.stacks(tree) for frame in stack}


# Output of tools

def test_perf_script():
    with (DATA / "perf.script").open() as lines:
        found = list(sampling.samples(lines))
    assert [(pid, len(frames)) for pid, frames in found] == [(17952, 11), (17952, 26), (17952, 28)]
    kernel, transition, scan = (stack for stack, _ in sampling.stacks({frames: 1 for _, frames in found}))
    assert kernel[:2] == ["do_lookup_x", "asm_exc_page_fault_[k]"] and kernel[-1] == "xas_start_[k]"
    assert transition[-3:] == ["[postgres]", "[postgres]", "cell_pack_transfn_integer"]
    assert scan[-2:] == ["heap_getnextslot", "ExecStoreBufferHeapTuple"]
    assert "[plpgsql.so]" in scan


def test_perf_script_of_hidden_and_unknown_functions():
    lines = ["12 \n", "\tffffffff81000c82 [unknown] ([kernel.kallsyms])\n", "\t  7f12 operator()(int) const (/a/b.so (deleted))\n",
             "\t  10 [unknown] ([unknown])\n", "\n"]
    (pid, frames), = sampling.samples(lines)
    assert pid == 12
    assert list(sampling.stacks({frames: 3})) == [(["operator()(int) const", "[kernel]"], 3)]


def test_callgrind_counts_own_costs_by_callers():
    with (DATA / "callgrind.out").open() as lines:
        tree = flame.from_stacks(callgrind.read(lines), least_share=0)
    assert tree["value"] == 5 + 21 + 16 + 39 + 3 + 2
    with (DATA / "callgrind.out").open() as lines:
        executed = dict(flame.stacks(flame.from_stacks(callgrind.read(lines, is_execution), least_share=0)))
    below = ("main", "PostgresSingleUserMain", "PostgresMain", "[postgres]", "PortalRun", "[postgres]", "ExecutorRun")
    assert executed == {below[:-1]: 3, below: 5, (*below, "standard_ExecutorRun", "debugtup", "OidOutputFunctionCall", "FunctionCall1Coll", "int4out"): 16,
                        (*below, "standard_ExecutorRun", "debugtup", "OidOutputFunctionCall", "FunctionCall1Coll", "int4out", "pg_ltoa"): 21}


def test_massif_peak():
    size, tree = massif.peak((DATA / "massif.out").read_text())
    stacks = list(massif.read(tree))
    assert size == 7887244 == sum(size for _, size in stacks)
    stack, largest = max(stacks, key=lambda stack: stack[1])
    assert largest == 4194104 and stack[0] == "main" and stack[-4:] == ["CellSetNext", "CellSetGrow", "repalloc_extended", "[postgres]"]


def test_massif_without_a_peak():
    assert massif.peak("desc: x\n") == (0, "")
    assert list(massif.read("")) == []


def test_contexts_of_the_log():
    text = (DATA / "contexts.log").read_text()
    dump, = Parser(4711).feed(text.splitlines())
    assert dump.total == 978080 and dump.used == 749784
    assert (["TopMemoryContext", "TopPortalContext", "PortalContext", "ExecutorState", "printtup"], 8192) in dump.stacks
    assert not list(Parser(1).feed(text.splitlines()))     # contexts of another backend
    # PostgreSQL 18 counts levels from 1. The parts of a dump may arrive one by one.
    parser = Parser(4711)
    lines = [re.sub(r"level: (\d+)", lambda level: f"level: {int(level[1]) + 1}", line) for line in text.splitlines()]
    assert [dump.stacks for line in lines for dump in parser.feed([line])] == [dump.stacks]


@pytest.mark.parametrize("line, stack", [
    ("level: 1; Slab: 4096 total in 1 blocks; 0 empty blocks; 100 free (2 chunks); 3996 used", "Slab"),
    ("level: 1; Tuples: 4096 total in 1 blocks (5 chunks); 100 free (2 chunks); 3996 used: x: y", "Tuples"),
    ("level: 1; Bump: 4096 total in 1 blocks; 100 free (0 chunks); 3996 used", "Bump"),
    ("level: 1; 7 more child contexts containing 4096 total in 9 blocks; 100 free (2 chunks); 3996 used", "7 more child contexts")])
def test_contexts_of_all_kinds(line, stack):
    dump, = Parser(1).feed(["level: 0; TopMemoryContext: 10 total in 1 blocks; 3 free (1 chunks); 7 used", line, "Grand total: 4106 bytes in 2 blocks"])
    assert dump.stacks == [(["TopMemoryContext"], 10), (["TopMemoryContext", stack], 4096)] and dump.used == 4003


# The registry

def test_profilers_by_name():
    assert profilers.get("heap").unit == "bytes" and profilers.get("heap").replays and not profilers.get("cpu").replays
    with pytest.raises(profilers.UnknownProfiler, match="no profiler gpu; the profilers are cpu, faults, instructions, heap, contexts"):
        profilers.get("gpu")


# On a backend

@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        # The names of functions that the tests expect are those of the aggregate, and not of a scan. The library is
        # loaded at once, because a replay copies only settings that the server knows; a superuser sets that for all roles.
        for setting in "search_path = s, public", "session_preload_libraries = cell_binary", "cell_binary.scan = off":
            connection.execute(f"ALTER DATABASE {DATABASE} SET {setting}")
        with psycopg.connect(dbname=DATABASE, autocommit=True) as inside:
            inside.execute("CREATE EXTENSION cell_binary; CREATE SCHEMA s; CREATE TABLE s.cell (id bigint, x int, y int, mask bigint)")
            inside.execute("INSERT INTO s.cell SELECT i, i %% 317, i %% 211, i * 77 FROM generate_series(1, %s) i", [CELLS])
            inside.execute("VACUUM ANALYZE s.cell")
        yield DATABASE
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@contextmanager
def backend(sql: str, setup_sql: str | None = None, **options) -> Iterator[tuple[psycopg.Connection, Target]]:
    def connect() -> psycopg.Connection:
        return psycopg.connect(dbname=DATABASE, autocommit=True, **options)
    with connect() as connection:
        pid = connection.info.backend_pid
        yield connection, Target("sql", pid=pid, postmaster=processes.parent(pid), connect=connect, sql=sql, setup_sql=setup_sql)


def attached(name: str, tmp_path: Path, sql: str, *before: str) -> Profile:
    with backend(sql) as (connection, target):
        for statement in before:
            connection.execute(statement)
        session = profilers.get(name).start(target, tmp_path)
        try:
            connection.execute(sql)
            return session.collect()
        finally:
            session.abandon()


@contextmanager
def profiling(name: str, target: Target, tmp_path: Path) -> Iterator:
    session = profilers.get(name).start(target, tmp_path)
    try:
        yield session
    finally:
        session.abandon()


def repeated(times: int) -> str:
    return f"DO $$ BEGIN FOR i IN 1 .. {times} LOOP PERFORM octet_length(cell_pack(id, x, y, mask, 'dense')) FROM cell; END LOOP; END $$"


PARALLEL = "SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"


@with_callers
def test_cpu(database, tmp_path):
    profile = attached("cpu", tmp_path, repeated(100))
    assert profile.unit == "samples" and profile.total == profile.tree["value"] > 5
    # encode_set is inlined or static. cell_pack_finalfn, which calls it, can end with a jump and leave the stack.
    assert {"standard_ExecutorRun", "encode_set"} <= functions(profile.tree)


@with_callers
def test_faults_with_parallel_workers(database, tmp_path):
    profile = attached("faults", tmp_path, "SELECT octet_length(cell_pack(x, y, mask)) FROM cell, generate_series(1, 100)", PARALLEL)
    assert profile.unit == "faults" and profile.total > 100
    assert profile.facts["workers"] >= 1        # one of the 2 may start after the work is done
    assert {"ParallelWorkerMain", "PostgresMain", "cell_pack_transfn_integer"} <= functions(profile.tree)


@with_callers
def test_other_backends_do_not_count(database, tmp_path):
    with backend("SELECT 1") as (connection, target), profiling("faults", target, tmp_path) as session:
        with psycopg.connect(dbname=DATABASE) as other:
            other.execute("SELECT count(*) FROM generate_series(1, 100000)")
        connection.execute("SELECT count(*) FROM cell")
        names = functions(session.collect().tree)
        assert "PortalRun" in names and "InitPostgres" not in names


def test_contexts(database, tmp_path):
    profile = attached("contexts", tmp_path, repeated(400))
    assert profile.tree["children"][0]["name"] == "TopMemoryContext" and profile.total == profile.tree["value"] > 100_000
    assert len(profile.facts["seconds"]) == len(profile.facts["total"]) == len(profile.facts["used"]) >= 2
    assert max(profile.facts["total"]) == profile.total
    assert "ExecutorState" in functions(profile.tree)


@pytest.fixture(scope="module")
def target(database) -> Iterator[Target]:
    with backend(WORKLOAD, SETUP) as (_, target):
        yield target


def test_instructions_are_repeatable(target, tmp_path):
    profiles = [profilers.get("instructions").start(target, tmp_path).collect() for _ in range(2)]
    assert profiles[0] == profiles[1]
    assert profiles[0].unit == "instructions" and profiles[0].total > 100 * CELLS
    names = functions(profiles[0].tree)
    assert {"cell_pack_transfn_integer", "add_row", "cell_pack_finalfn", "heap_getnextslot", "PortalRun"} <= names
    assert not {"raw_parser", "standard_planner", "InitPostgres", "load_external_function"} & names


def test_heap_is_repeatable(target, tmp_path):
    profiles = [profilers.get("heap").start(target, tmp_path).collect() for _ in range(2)]
    assert profiles[0] == profiles[1]
    assert profiles[0].unit == "bytes" and profiles[0].total > profiles[0].facts["idle"] + 16 * CELLS
    assert {"cell_pack_transfn_integer", "CellSetGrow", "InitPostgres"} <= functions(profiles[0].tree)
    grown = sum(size for stack, size in flame.stacks(profiles[0].tree) if "CellSetGrow" in stack)
    assert grown >= 20 * CELLS


def test_a_copy_is_made_once_and_goes_with_its_target(database):
    with backend("SELECT 1") as (_, target):
        made = replay.Replay.of(target)
        folder = made.folder
        assert replay.Replay.of(target) is made and (folder / "pristine" / "PG_VERSION").exists()
    del target
    assert not folder.exists()


def test_a_replay_is_like_the_session(database):
    with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS cbperf_copies; CREATE ROLE cbperf_copies LOGIN REPLICATION; ALTER ROLE cbperf_copies SET work_mem = '3MB'")
    workload = f"""DO $$ BEGIN
        ASSERT current_database() = '{DATABASE}' AND session_user = 'cbperf_copies' AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
        ASSERT current_setting('search_path') = 's, public' AND current_setting('work_mem') = '3MB' AND current_setting('jit') = 'off';
        ASSERT (SELECT count(*) FROM temporary) = 1 AND 'ä' = chr(228);
        PERFORM pg_temp.span_begin('x'), pg_temp.span_end();
    END $$"""
    try:
        with backend(workload, "CREATE TEMP TABLE temporary AS SELECT 1", user="cbperf_copies") as (_, target):
            made = replay.Replay.of(target)
            made.run([], [*made.setup, *made.workload, *made.workload])
            with pytest.raises(Unavailable, match='the replay failed: relation "missing" does not exist'):
                made.run([], ["SELECT * FROM missing"])
            assert not (made.folder / "cluster").exists()
    finally:
        with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
            connection.execute("DROP ROLE cbperf_copies")


# Profiles that cannot be made

def ended_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("name", ["cpu", "faults", "contexts"])
def test_a_backend_that_is_gone(database, tmp_path, name):
    with backend("SELECT 1") as (_, target), pytest.raises(Unavailable, match=r"there is no (process|backend)"):
        profilers.get(name).start(target.at(ended_process()), tmp_path).collect()


@pytest.mark.parametrize("name", ["instructions", "heap"])
def test_a_server_that_is_gone_or_elsewhere(tmp_path, name):
    with pytest.raises(Unavailable, match="the server is on another machine"):
        profilers.get(name).start(Target("sql", sql="SELECT 1"), tmp_path)
    with pytest.raises(Unavailable, match="the server has ended"):
        profilers.get(name).start(Target("sql", sql="SELECT 1", postmaster=ended_process()), tmp_path)
    with pytest.raises(Unavailable, match="valgrind cannot attach"):
        profilers.get(name).start(Target("pid", pid=os.getpid()), tmp_path)


def test_a_role_that_may_not(database, tmp_path):
    with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS cbperf_nobody; CREATE ROLE cbperf_nobody LOGIN")
    try:
        with backend("SELECT 1", user="cbperf_nobody") as (_, target):
            with pytest.raises(Unavailable, match="role cbperf_nobody has no permission to copy the cluster; use ALTER ROLE cbperf_nobody REPLICATION"):
                profilers.get("heap").start(target, tmp_path)
            with pytest.raises(Unavailable, match="permission denied for function pg_current_logfile; GRANT EXECUTE"):
                profilers.get("contexts").start(target, tmp_path)
    finally:
        with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
            connection.execute("DROP ROLE cbperf_nobody")


def test_a_cluster_that_is_large(database, monkeypatch):
    monkeypatch.setattr(replay, "LARGEST_CLUSTER", 1000)
    with backend("SELECT 1") as (_, target), pytest.raises(Unavailable, match="but cbperf copies at most 0 MB"):
        replay.Replay.of(target)


@pytest.mark.parametrize("name, tool", [("cpu", "perf"), ("heap", "valgrind")])
def test_a_tool_that_is_not_installed(tmp_path, monkeypatch, name, tool):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match=f"{tool} is not installed; install the Debian package"):
        profilers.get(name).start(Target("command", pid=os.getpid(), argv=["true"]) if name == "heap" else Target("pid", pid=os.getpid()), tmp_path)


# Commands

def test_the_cpu_of_a_command_and_its_child(tmp_path):
    process = subprocess.Popen(["sh", "-c", f"{sys.executable} -c 'sum(range(10**8))'; true"])
    with profiling("cpu", Target("command", argv=["sh"]).at(process.pid), tmp_path) as session:
        process.wait()
        assert session.collect().total > 50
        assert session.perf.process.returncode is not None


def test_abandoned(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    try:
        session = profilers.get("cpu").start(Target("pid", pid=process.pid), tmp_path)
        session.abandon()
        assert session.perf.process.returncode is not None
    finally:
        process.kill()
        process.wait()


def test_the_instructions_and_heap_of_a_command(tmp_path):
    command = Target("command", argv=["/bin/ls", "/"])
    counts = [profilers.get("instructions").start(command, tmp_path).collect() for _ in range(2)]
    assert counts[0] == counts[1] and counts[0].total > 10_000
    heap = profilers.get("heap").start(command, tmp_path).collect()
    assert heap.total > 1000 and heap.tree["value"] == heap.total
    with pytest.raises(Unavailable, match="the command ended with status 3 under valgrind"):
        profilers.get("heap").start(Target("command", argv=["/bin/sh", "-c", "exit 3"]), tmp_path)


def test_a_program_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(Unavailable, match="more than 0 s under sleep"):
        programs.run(["sleep", "60"], tmp_path / "messages", seconds=0.2)
