"""The things to measure: SQL in its own session, a command, or a running process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import processes
import psycopg
import scratch
from observer import Observer, Totals
from profilers.base import Target
from processes import Failed
from statements import Kind, Statement


REMOTE = "the server's processes are not on this machine"

# Seconds that a mark lasts: long enough for the backend to be waiting when its counters are read, because they are exact then.
MARK = 0.002

# The functions are in the session's temporary schema, so nothing stays in the database. INFO reaches the client under all settings.
SPANS = f"""
CREATE FUNCTION pg_temp.span_begin(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO USING MESSAGE = name, DETAIL = 'begin', ERRCODE = 'CBP01';
	PERFORM pg_catalog.pg_sleep({MARK});
END $$;
CREATE FUNCTION pg_temp.span_end() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO USING MESSAGE = 'end', DETAIL = 'end', ERRCODE = 'CBP01';
	PERFORM pg_catalog.pg_sleep({MARK});
END $$"""


@dataclass
class Spans:
    """The spans of one execution, from the marks that the session sends."""

    observer: Observer
    open: list[tuple[str, Totals, int]] = field(default_factory=list)   # name, counters, and number of earlier marks
    marks: int = 0
    found: list[tuple[float, dict]] = field(default_factory=list)      # start, and span
    problem: str | None = None

    def notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate != "CBP01":
            return
        totals = self.observer.totals()
        if diagnostic.message_detail == "begin":
            self.open.append((diagnostic.message_primary, totals, self.marks))
        elif self.open:
            name, begin, marks = self.open.pop()
            self.found.append((begin.at, self.span([opened[0] for opened in self.open] + [name], begin, totals, marks)))
        else:
            self.problem = "span_end() without span_begin()"
        self.marks += 1

    def span(self, path: list[str], begin: Totals, end: Totals, before: int) -> dict:
        """`before` is the number of marks before the span's own. The figures do not include the time of marks."""
        real = max(end.at - begin.at - MARK * (self.marks - before), 0.0)
        start = max(begin.at - self.observer.began - MARK * before, 0.0)
        if not self.observer.seen:
            return {"path": path, "start": start, "real": real, "cpu": None, "workers_cpu": None, "minor_faults": None, "major_faults": None,
                    "waiting": None, "waits": dict(end.waits - begin.waits)}
        cpu = end.cpu - begin.cpu
        workers_cpu = end.workers_cpu - begin.workers_cpu
        waiting = real - (cpu - workers_cpu) - (end.runqueue - begin.runqueue)
        return {"path": path, "start": start, "real": real, "cpu": cpu, "workers_cpu": workers_cpu,
                "minor_faults": end.minor_faults - begin.minor_faults, "major_faults": end.major_faults - begin.major_faults,
                "waiting": max(waiting, 0.0), "waits": dict(end.waits - begin.waits)}

    def close(self) -> list[dict]:
        if self.open:
            self.problem = f"span_begin('{self.open[-1][0]}') without span_end()"
        return [span for _, span in sorted(self.found, key=lambda found: found[0])]


class Session:
    """A connection that runs the workload's statements, and the server's processes behind it."""

    def __init__(self, conninfo: str, sql: list[Statement], setup: list[Statement] = (), workers: int | None = None,
                 memory_limit: int | None = None):
        self.conninfo = conninfo
        self.sql = sql
        self.setup = setup
        self.memory_limit = memory_limit
        self.connection = self.connect()
        self.pid = self.connection.info.backend_pid
        if any("span_" in statement.text for statement in (*setup, *sql)):     # only if needed, because a standby cannot create them
            self.connection.execute(SPANS)
        self.connection.add_notice_handler(self.notice)
        self.spans: Spans | None = None
        if workers is not None:
            self.connection.execute(f"SET max_parallel_workers_per_gather = {int(workers)}")
        for statement in setup:
            self.execute(statement)
        self.postmaster = self.find_postmaster()
        self.watcher: psycopg.Connection | None = None
        if memory_limit:
            if not self.postmaster:
                raise Failed(f"a memory limit needs a local server; {REMOTE}")
            self.limit(self.pid)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=None, application_name="cbperf")

    def find_postmaster(self) -> int | None:
        """The PID of the backend's parent, or None if the backend is on another machine.

        A local process with the backend's PID is the backend if it began at the time that the server reports.
        """
        began, = self.connection.execute("SELECT extract(epoch FROM backend_start)::float8 FROM pg_stat_activity WHERE pid = pg_backend_pid()").fetchone()
        try:
            if processes.command(self.pid).startswith("postgres:") and abs(processes.began(self.pid) - began) < 3:
                return processes.parent(self.pid)
        except (processes.Gone, PermissionError):
            pass
        return None

    def notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if self.spans:
            self.spans.notice(diagnostic)

    def execute(self, statement: Statement) -> None:
        with self.connection.cursor() as cursor:
            if statement.kind is Kind.COPY_OUT:
                with cursor.copy(statement.text) as copy:
                    for _ in copy:
                        pass
            else:
                cursor.execute(statement.text, binary=True)

    def run(self) -> None:
        """Execute the workload once, and fetch all results. Raises psycopg.Error."""
        for statement in self.sql:
            self.execute(statement)

    def waits(self) -> list[str]:
        """The present wait events of the backend and its workers, read from another session."""
        if self.watcher is None:
            self.watcher = self.connect()
        return [event for event, in self.watcher.execute(
            "SELECT wait_event_type || ':' || wait_event FROM pg_stat_activity "
            "WHERE (pid = %(pid)s OR leader_pid = %(pid)s) AND state = 'active' AND wait_event IS NOT NULL", {"pid": self.pid})]

    def limit(self, pid: int) -> None:
        """Make the kernel limit the private memory of a process. An allocation beyond the limit fails with "out of memory"."""
        try:
            status = Path(f"/proc/{pid}").stat()
        except FileNotFoundError:    # the worker has ended
            return
        # Run as the process's user, because root in a container lacks the capability for it.
        user = {"user": status.st_uid, "group": status.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(["prlimit", f"--pid={pid}", f"--data={self.memory_limit}"], capture_output=True, text=True, **user)
        if done.returncode and Path(f"/proc/{pid}").exists():
            raise Failed(f"only the server's user can set a memory limit: {done.stderr.strip()}")

    def target(self) -> Target:
        """The target for custom profilers."""
        sql, setup = ("\n;\n".join(statement.text for statement in part) for part in (self.sql, self.setup))
        return Target(kind="sql", pid=self.pid, postmaster=self.postmaster, connect=self.connect, sql=sql, setup_sql=setup, argv=None)

    def close(self) -> None:
        """Close the session. A query that another thread waits for is cancelled."""
        if self.connection.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            self.connection.cancel()
        self.connection.close()
        if self.watcher:
            self.watcher.close()


@dataclass
class Execution:
    """The figures of a command. peak_resident comes from GNU time, because that of a fork would include the memory of this program."""

    real: float
    user: float
    system: float
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    peak_resident: int | None
    status: int
    observer: Observer


TIME = "/usr/bin/time"


def run_command(argv: list[str], on_start: Callable[[int], None] = lambda pid: None) -> Execution:
    """Run a command. Its output goes to this program's standard error, because standard output is for records.

    The figures include the processes that the command starts and waits for.
    """
    if not shutil.which(argv[0]):
        raise Failed(f"{argv[0]}: there is no such program")
    with scratch.folder() as folder:
        figures = folder / "time"
        wrapped = os.access(TIME, os.X_OK)
        started = time.monotonic()
        process = subprocess.Popen([TIME, "-q", "-f", "%M", "-o", str(figures), "--", *argv] if wrapped else argv, stdout=sys.stderr, start_new_session=True)
        try:
            try:
                observer = Observer([process.pid], "process", descendants=True)
            except processes.Gone:    # it has ended already
                observer = Observer([], "process")
            with observer:
                on_start(process.pid)
                _, status, usage = os.wait4(process.pid, 0)
                real = time.monotonic() - started
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        resident = int(figures.read_text().split()[-1]) * 1024 if wrapped else None
    if wrapped:
        observer.seen.pop(process.pid, None)
    return Execution(real, usage.ru_utime, usage.ru_stime, usage.ru_minflt, usage.ru_majflt, usage.ru_nvcsw, usage.ru_nivcsw,
                     resident, process.returncode, observer)


def watch(pid: int, seconds: float) -> tuple[Observer, float]:
    """Observe a running process. Return the observer and the observed time."""
    try:
        title = processes.command(pid)
        backend = title.startswith("postgres:")
        observer = Observer([pid], "backend" if backend else "process", processes.parent(pid) if backend else None)
    except PermissionError:
        raise Failed(f"process {pid} belongs to another user") from None
    with observer:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not observer.seen[pid].ended:
            time.sleep(min(0.05, max(deadline - time.monotonic(), 0)))
        real = time.monotonic() - observer.began
    return observer, real
