"""The generic profiler, tested with processes of known behaviour."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import lock
import processes
import psycopg
import pytest
import run
import samples
import scale
import statements
import workload
from observer import Observer

MB = 1 << 20


def text_of(size):
    """SQL that makes a text of this size at run time; the planner would copy a constant."""
    return f"SELECT length(repeat('x', {size} + (0 * random())::integer))"


BUSY = "DO $$ DECLARE until timestamptz := clock_timestamp() + interval '0.3 s'; BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$"


class Kept:
    """A keeper that holds records in memory."""

    problem = None

    def __init__(self):
        self.records = []

    def keep(self, record):
        self.records.append({**record, "samples": list(record["samples"])})


@pytest.fixture
def session():
    made = []

    def make(sql, **options):
        made.append(workload.Session("", statements.split(sql), **options))
        return made[-1]
    yield make
    for each in made:
        each.close()


def executed(session, warm_up=True):
    if warm_up:
        session.run()
    unavailable = {}
    sample = run.execute(session, 1, True, unavailable)
    unavailable.pop("parallel workers", None)      # set if a connection of another test has just ended
    return sample, unavailable


def test_memory_of_the_backend(session):
    """100 MB of text that the backend makes and frees again, which `time psql` does not show."""
    before, _ = executed(session("SELECT 1"))
    sample, unavailable = executed(session(text_of(100 * MB)))
    assert unavailable == {}
    assert 99 * MB < sample["peak_private"] - before["peak_private"] < 110 * MB
    assert sample["peak_resident"] >= sample["peak_private"]
    backend, = sample["processes"]
    assert backend["role"] == "backend" and backend["peak_private"] == sample["peak_private"]
    assert sample["minor_faults"] >= 100 * MB / 4096 * 0.9 or sample["minor_faults"] > 40     # pages of 4 kB, or huge pages


def test_peak_is_that_of_the_execution(session):
    """Without a reset, the mark would show the larger execution before."""
    one = session(text_of("current_setting('my.size')::integer"))
    for size, least in (100 * MB, 100 * MB), (MB, 0):
        one.connection.execute(f"SET my.size = {size}")
        sample, _ = executed(one, warm_up=False)
        assert least <= sample["peak_private"] < least + 30 * MB


def test_times(session):
    busy, _ = executed(session(BUSY))
    # The bounds hold on a busy machine too, because the workload waits only for the CPU.
    assert busy["real"] >= 0.3 and 0.02 < busy["user"] + busy["system"] <= busy["real"] and busy["waiting"] < 0.1
    asleep, _ = executed(session("SELECT pg_sleep(0.3)"))
    assert asleep["real"] >= 0.3 and asleep["user"] + asleep["system"] < 0.1
    assert asleep["waiting"] == pytest.approx(asleep["real"], rel=0.35)
    assert asleep["waits"].keys() == {"Timeout:PgSleep"} and asleep["voluntary_switches"] >= 1


def test_parallel_workers(session):
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS observed")
        connection.execute("CREATE TABLE observed AS SELECT i, repeat('x', 500) AS filler FROM generate_series(1, 1000) i")
    sample, _ = executed(session("""
        SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
        SELECT count(pg_sleep(0.00001)), sum(length(repeat(md5(i::text), 1000))) FROM observed""", workers=2))     # a sleeping worker leaves rows to the other
    workers = [process for process in sample["processes"] if process["role"] == "parallel worker"]
    backend, = [process for process in sample["processes"] if process["role"] == "backend"]
    assert len(workers) == 2 and len({process["pid"] for process in workers}) == 2
    # The workers do the work, and the backend waits.
    assert sum(worker["user"] + worker["system"] for worker in workers) > backend["user"] + backend["system"]
    assert all(worker["peak_private"] > MB and worker["minor_faults"] > 100 for worker in workers)
    assert sample["user"] == pytest.approx(sum(process["user"] for process in sample["processes"]))
    # The peak is over processes at one time, not over all.
    assert max(process["peak_private"] for process in sample["processes"]) <= sample["peak_private"] <= sum(process["peak_private"] for process in sample["processes"])


def test_a_worker_that_no_look_saw():
    """The work of such a worker cannot be separated from that of other children of the server; the run says so."""
    observer = Observer([], "backend", postmaster=os.getpid())
    subprocess.run(["true"])
    assert "workers among those processes are not counted" in observer.unseen()


def test_spans(session):
    sample, unavailable = executed(session(f"""
        SELECT pg_temp.span_begin('all');
        SELECT pg_temp.span_begin('asleep');
        SELECT pg_sleep(0.2);
        SELECT pg_temp.span_end();
        DO $do$ BEGIN
            PERFORM pg_temp.span_begin('busy');
            PERFORM pg_temp.span_begin('memory');
            PERFORM {text_of(20 * MB).removeprefix("SELECT")};
            PERFORM pg_temp.span_end();
            {BUSY.removeprefix("DO $$ DECLARE").removesuffix(" $$").replace(" until timestamptz", "DECLARE until timestamptz")};
            PERFORM pg_temp.span_end();
        END $do$;
        SELECT pg_temp.span_end()"""))
    assert unavailable == {}
    spans = {tuple(span["path"]): span for span in sample["spans"]}
    assert list(spans) == [("all",), ("all", "asleep"), ("all", "busy"), ("all", "busy", "memory")]
    whole, asleep, busy, memory = spans.values()
    assert 0.2 <= asleep["real"] < whole["real"] and asleep["cpu"] < 0.05 and asleep["waiting"] > 0.15
    assert "Timeout:PgSleep" in asleep["waits"]
    assert busy["cpu"] > 0.02 and busy["waiting"] < 0.1
    assert memory["real"] < busy["real"] and memory["minor_faults"] > 5
    # The clock is read more than once between two spans.
    parts = {figure: asleep[figure] + busy[figure] for figure in ("real", "cpu")}
    assert whole["real"] >= parts["real"] - 0.001 and whole["cpu"] >= parts["cpu"] - 0.001
    assert sample["real"] >= whole["real"] - 0.01


def test_spans_count_parallel_workers(session):
    sample, _ = executed(session("""
        SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
        SELECT pg_temp.span_begin('parallel');
        SELECT count(pg_sleep(0.00001)), sum(length(repeat(md5(i::text), 1000))) FROM observed;
        SELECT pg_temp.span_end()""", workers=2))
    span, = sample["spans"]
    assert span["workers_cpu"] > span["cpu"] / 2 > 0


@pytest.mark.parametrize("sql, problem", [
    ("SELECT pg_temp.span_begin('open')", "span_begin('open') without span_end()"),
    ("SELECT pg_temp.span_end()", "span_end() without span_begin()"),
])
def test_spans_that_do_not_match(session, sql, problem):
    _, unavailable = executed(session(sql))
    assert unavailable == {"spans": problem}


def test_nothing_is_left_in_the_database(session):
    executed(session("SELECT pg_temp.span_begin('a'); SELECT pg_temp.span_end()"))
    with psycopg.connect("") as connection:
        assert connection.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'span\\_%' AND pronamespace <> ALL "
                                  "(SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_temp%')").fetchone() == (0,)


def test_copy_out(session):
    sample, _ = executed(session("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000)) TO STDOUT"))
    assert sample["failed"] is None


def test_series_keeps_the_peak():
    series = [(i / 100, 1000 if i == 777 else i % 7) for i in range(1234)]
    thinned = samples.thinned(series)
    assert len(thinned["seconds"]) <= 500 and max(thinned["private"]) == 1000
    assert thinned["seconds"][thinned["private"].index(1000)] == 7.77


def work(sql, **options):
    return run.Work("sql", "test", [sql], sql=statements.split(sql), **{"repeat": 2} | options)


def test_a_run():
    kept = Kept()
    record = run.run(work("SELECT 1", labels={"tag": "t", "description": "d", "user_data": {"a": "b"}}), kept)
    assert (record["state"], record["error"], record["tag"], record["user_data"]) == ("complete", None, "t", {"a": "b"})
    assert [len(each["samples"]) for each in kept.records] == [0, 0, 2], "short executions are kept together"
    assert [each["state"] for each in kept.records] == ["running", "running", "complete"]
    run.run(work("SELECT pg_sleep(0.6)", warm_up=False, repeat=4), kept := Kept())
    assert [len(each["samples"]) for each in kept.records] == [0, 0, 2, 4, 4], "long executions are kept repeatedly"
    assert record["server"]["version"].startswith(str(psycopg.connect("").info.server_version // 10000))
    assert record["server"]["settings"]["fsync"] == "off"
    assert record["host"]["cores"] >= 1 and record["host"]["memory"] > 1 << 28 and record["libraries"]["libc"]


def test_the_extensions_library_is_recorded():
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS cell_binary")
    record = run.run(work("SELECT cell_empty()", repeat=1), Kept())
    assert len(record["server"]["extension"]["sha256"]) == 64 and "libzstd" in record["libraries"]


def test_a_failure():
    kept = Kept()
    record = run.run(work("SELECT pg_sleep(0.05); SELECT 1 / (random() > 2)::integer", warm_up=False), kept)
    assert record["state"] == "incomplete" and "division by zero" in record["error"]
    sample, = record["samples"]
    assert "division by zero" in sample["failed"] and sample["real"] >= 0.05
    assert kept.records[-1]["state"] == "incomplete"


def test_the_server_goes_away():
    """The earlier executions are kept, and the available figures of the last one."""
    kept = Kept()

    def terminate():
        deadline = time.monotonic() + 20
        while not any(len(each["samples"]) == 1 for each in kept.records) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        with psycopg.connect("", autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cbperf' AND state = 'active' AND query LIKE '%gone%'")
    thread = threading.Thread(target=terminate)
    thread.start()
    record = run.run(work("SELECT pg_sleep(1.2) AS gone", warm_up=False, repeat=5), kept)
    thread.join()
    assert record["state"] == "incomplete" and "terminating connection" in record["error"]
    assert [bool(sample["failed"]) for sample in record["samples"]] == [False, True]


def test_a_server_elsewhere(session, monkeypatch):
    """A local process with the backend's PID is a different program."""
    monkeypatch.setattr(processes, "command", lambda pid: "something else")
    assert session("SELECT 1").postmaster is None
    with pytest.raises(workload.Failed, match="not on this machine"):
        session("SELECT 1", memory_limit=100 * MB)


def test_memory_limit(session):
    one = session(text_of(300 * MB), memory_limit=100 * MB)
    with pytest.raises(psycopg.errors.OutOfMemory) as caught:
        executed(one, warm_up=False)
    assert caught.value.sample["peak_private"] < 100 * MB


def test_without_permission(session, monkeypatch):
    """Only the process's user can reset the mark. Otherwise the reason is recorded instead of a figure."""
    def refuse(pid):
        raise PermissionError
    monkeypatch.setattr(processes, "reset_peak", refuse)
    sample, unavailable = executed(session("SELECT 1"))
    assert sample["peak_private"] is None and sample["peak_resident"] is None and sample["user"] is not None
    assert "or root" in unavailable["peak_private"]


def command(*argv, **options):
    return run.run(run.Work("command", argv[0], list(argv[1:]), argv=list(argv), repeat=1, **options), Kept())


def test_a_command():
    record = command(sys.executable, "-c", f"import time; x = bytearray({60 * MB}); x[::4096] = b'x' * len(x[::4096]); time.sleep(0.3)")
    sample, = record["samples"]
    assert record["state"] == "complete" and sample["real"] >= 0.3
    assert 60 * MB <= sample["peak_resident"] < 90 * MB and 60 * MB <= sample["peak_private"] <= sample["peak_resident"]
    assert sample["user"] > 0 and sample["voluntary_switches"] >= 1


def test_a_small_command_is_small():
    """The figure is not that of the program that started the command."""
    sample, = command("sleep", "0.05")["samples"]
    assert sample["peak_resident"] < 10 * MB < processes.counters(os.getpid()).peak_private


def test_a_command_that_starts_others():
    sample, = command("sh", "-c", f"{sys.executable} -c 'x = bytearray({30 * MB}); x[::4096] = bytes(len(x[::4096])); import time; time.sleep(0.2)'; exit 0")["samples"]
    assert len(sample["processes"]) >= 2 and sample["peak_resident"] >= 30 * MB


@pytest.mark.parametrize("argv, error", [
    (["sh", "-c", "exit 3"], "exit status 3"), (["sh", "-c", "kill -9 $$"], "signal 9|exit status 137"), (["no such program"], "there is no such program"),
])
def test_commands_that_fail(argv, error):
    record = command(*argv)
    assert record["state"] == "incomplete"
    import re
    assert re.search(error, record["error"])


def test_a_process_that_runs():
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        record = run.run(run.Work("pid", "busy", [], pid=other.pid, seconds=0.4), Kept())
    finally:
        other.kill()
        other.wait()
    sample, = record["samples"]
    assert record["state"] == "complete" and 0.02 < sample["user"] + sample["system"] < 2


def test_children_of_a_process_that_runs():
    """They are not included."""
    other = subprocess.Popen(["sh", "-c", "sleep 60; true"])
    time.sleep(0.1)
    try:
        sample, = run.run(run.Work("pid", "sh", [], pid=other.pid, seconds=0.1), Kept())["samples"]
    finally:
        subprocess.run(["pkill", "-P", str(other.pid)])
        other.wait()
    assert [process["pid"] for process in sample["processes"]] == [other.pid]


def test_a_process_that_ends():
    other = subprocess.Popen(["sleep", "0.2"])
    threading.Timer(0.3, other.wait).start()
    record = run.run(run.Work("pid", "sleep", [], pid=other.pid, seconds=20), Kept())
    assert record["state"] == "incomplete" and f"process {other.pid} ended after" in record["error"]
    assert len(record["samples"]) == 1


def test_a_backend_that_ends(session):
    """Its figures up to the last look are kept."""
    one = session(BUSY.replace("0.3 s", "60 s"))
    threading.Timer(0.4, lambda: psycopg.connect("", autocommit=True).execute("SELECT pg_terminate_backend(%s)", [one.pid])).start()
    with pytest.raises(psycopg.OperationalError) as caught:
        executed(one, warm_up=False)
    assert caught.value.sample["user"] + caught.value.sample["system"] > 0.02 and caught.value.sample["peak_private"] > MB


def test_a_backend_that_is_gone_between_executions(session):
    one = session("SELECT 1")
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [one.pid])
    with pytest.raises(workload.Failed, match=f"there is no process {one.pid}"):
        executed(one, warm_up=False)


def test_a_number_that_is_given_again(monkeypatch):
    """A later process with the same PID does not count."""
    observer = Observer([os.getpid()], "process")
    before = observer.seen[os.getpid()].last
    monkeypatch.setattr(processes, "counters", lambda pid: dataclasses.replace(before, started=before.started + 1, cpu=1e6, private=1 << 50))
    with observer:
        time.sleep(0.03)
    assert observer.seen[os.getpid()].ended and observer.totals().cpu == 0 and observer.peak[os.getpid()] == 0


def test_a_process_that_is_not_there():
    gone = subprocess.Popen(["true"])
    gone.wait()
    record = run.run(run.Work("pid", "gone", [], pid=gone.pid, seconds=1), Kept())
    assert (record["state"], record["error"], record["samples"]) == ("incomplete", f"there is no process {gone.pid}", [])


def test_clients_at_once():
    kept = Kept()
    records = scale.scale(work("SELECT pg_sleep(0.02)"), [1, 3], [0], 0.3, kept)
    one, three = [record["user_data"]["scale"] for record in records]
    assert (one["clients"], three["clients"], one["workers"]) == (1, 3, 0)
    assert 1.5 < three["throughput"] / one["throughput"] < 6 and one["throughput"] <= 50
    assert len(records[1]["samples"][0]["processes"]) == 3


def test_a_setting_over_its_limit_leaves_the_others():
    sql = text_of(f"{60 * MB} * current_setting('max_parallel_workers_per_gather')::integer")
    records = scale.scale(work(sql, memory_limit=120 * MB), [1], [0, 4, 1], 0.1, Kept())
    assert [record["state"] for record in records] == ["complete", "incomplete", "complete"]
    assert "out of memory" in records[1]["error"]


def test_one_at_a_time():
    with lock.measuring(False):
        with pytest.raises(lock.Busy, match=f"process {os.getpid()} is measuring"), lock.measuring(False):
            pass
    with lock.measuring(False):
        pass


def test_waiting_for_the_other():
    script = "import sys, lock, time\nwith lock.measuring(False):\n print(1, flush=True); time.sleep(1)"
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=os.path.dirname(lock.__file__))
    other.stdout.readline()
    begin = time.monotonic()
    with lock.measuring(True):
        assert time.monotonic() - begin > 0.1
    other.wait()


def test_a_killed_measurement_holds_nothing():
    script = "import lock, time\nwith lock.measuring(False):\n print(1, flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=os.path.dirname(lock.__file__))
    other.stdout.readline()
    other.send_signal(signal.SIGKILL)
    other.wait()
    with lock.measuring(False):
        pass


def test_the_observers_failure_is_not_lost(monkeypatch):
    observer = Observer([os.getpid()], "process")
    monkeypatch.setattr(processes, "counters", lambda pid: 1 / 0)
    with pytest.raises(ZeroDivisionError), observer:
        time.sleep(0.05)


@pytest.mark.parametrize("sql, texts", [
    ("SELECT 1", ["SELECT 1"]),
    ("-- a\nSELECT ';' ; /* b; */ DO $$ BEGIN PERFORM 1; END $$;", ["SELECT ';'", "DO $$ BEGIN PERFORM 1; END $$"]),
    ("SELECT 'é'; SELECT 'ö'", ["SELECT 'é'", "SELECT 'ö'"]),
])
def test_statements(sql, texts):
    assert [statement.text.removeprefix("/* b; */").strip() for statement in statements.split(sql)] == texts


@pytest.mark.parametrize("sql, error", [
    ("", "there is no statement"), ("-- nothing", "there is no statement"), ("SELECT 1;\nSELEC 2", "line 2: syntax error"),
    ("SELECT 1;\n\\timing on", "line 2: .*psql's commands are not SQL"), ("COPY t FROM STDIN", "has no data to read"),
])
def test_no_statements(sql, error):
    with pytest.raises(statements.Malformed, match=error):
        statements.split(sql)
