"""cbperf run: execute and profile one workload, and make a record."""

import re
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import components
import host
import profiling
import psycopg
import samples
import statement_statistics
import workload
from observer import Observer
from profilers.base import Target
from statements import Statement
from store import Keeper

TOOL = re.search(r"default_version *= *'(.*)'", (Path(__file__).parents[2] / "cell_binary.control").read_text())[1]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Work:
    """What to measure and how, for every kind; and the key and labels of the record."""

    kind: str
    process: str
    arguments: list[str]
    repeat: int = 5
    warm_up: bool = True
    profilers: list[str] = field(default_factory=list)
    labels: dict = field(default_factory=dict)      # tag, description, user_data
    component_map: Path | None = None
    # of a command
    argv: list[str] = field(default_factory=list)
    # of SQL
    conninfo: str = ""
    sql: list[Statement] = field(default_factory=list)
    setup: list[Statement] = field(default_factory=list)
    workers: int | None = None
    memory_limit: int | None = None
    waits: bool = True
    extension: str = "cell_binary"
    dataset: str | None = None
    # of a running process
    pid: int | None = None
    seconds: float = 10


def without_passwords(argument: str) -> str:
    """The argument with the passwords of connection strings masked."""
    argument = re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", argument)
    return re.sub(r"""(password=)('[^']*'|"[^"]*"|[^\s&;]+)""", r"\1***", argument, flags=re.IGNORECASE)


def new_record(work: Work) -> dict:
    return {"record": 1, "run_id": str(uuid.uuid4()), "state": "running", "error": None, "kind": work.kind,
            "process": work.process, "arguments": list(map(without_passwords, work.arguments)), "started": samples.now(), "finished": None,
            "tag": None, "description": None, "user_data": {}, **work.labels, "host": host.machine(), "server": None, "libraries": {},
            "git": host.source(), "dataset": None, "tool": TOOL, "unavailable": {}, "samples": [], "profiles": [], "components": []}


KEEP_EVERY = 1.0    # seconds; each time the whole record is kept, so not after every short execution


class Recorder:
    """Keeps a record repeatedly during a run, so that nothing is lost. At the end it is complete, or incomplete with the reason."""

    def __init__(self, work: Work, keeper: Keeper):
        self.record = new_record(work)
        self.keeper = keeper

    def __enter__(self) -> "Recorder":
        self.keep()
        return self

    def keep(self) -> None:
        self.keeper.keep(self.record)
        self.kept = time.monotonic()

    def add(self, sample: dict) -> None:
        self.record["samples"].append(sample)
        if time.monotonic() - self.kept > KEEP_EVERY:
            self.keep()

    def finish(self, error: BaseException | None) -> None:
        self.record |= {"finished": samples.now(), "state": "incomplete" if error else "complete", "error": error and reason(error)}
        self.keep()

    def __exit__(self, kind, error, traceback) -> bool:
        """Suppress failures of the workload, which are in the record."""
        self.finish(error)
        return isinstance(error, (psycopg.Error, workload.Failed))


def reason(error: BaseException) -> str:
    return "interrupted" if isinstance(error, KeyboardInterrupt) else str(error).strip() or type(error).__name__


def run(work: Work, keeper: Keeper) -> dict:
    """Measure, and return the record after keeping it."""
    recorder = Recorder(work, keeper)
    with recorder:
        {"sql": run_sql, "command": run_command, "pid": watch}[work.kind](work, recorder)
    return recorder.record


def open_session(work: Work) -> workload.Session:
    """Raises psycopg.Error or workload.Failed."""
    return workload.Session(work.conninfo, work.sql, work.setup, work.workers, work.memory_limit)


def execute(session: workload.Session, repetition: int, waits: bool = True, unavailable: dict | None = None) -> dict:
    """Observe one execution, and return its sample. If the execution fails, the exception has the `sample`."""
    unavailable = {} if unavailable is None else unavailable
    pids = [session.pid] if session.postmaster else []
    problem = samples.reset_peaks(pids) if pids else workload.REMOTE
    started = samples.now()
    observer = Observer(pids, "backend", session.postmaster, waits=session.waits if waits else None,
                        on_worker=session.limit if session.memory_limit else None)
    session.spans = spans = workload.Spans(observer)
    failure = None
    try:
        with observer:
            begin = time.monotonic()
            try:
                session.run()
            finally:
                real = time.monotonic() - begin - workload.MARK * spans.marks
    except psycopg.Error as error:
        failure = error
    session.spans = None
    sample = samples.sample(repetition, started, observer, real, problem is None, spans.close(), failure and str(failure).strip())
    reasons = {"peak_private": problem, "peak_resident": problem, "waits": observer.why_no_waits, "spans": spans.problem}
    if isinstance(unseen := observer.unseen(), str):
        reasons["parallel workers"] = unseen
    if not pids:
        reasons |= dict.fromkeys((*samples.MEASURES, "waiting", "runqueue"), workload.REMOTE)
    unavailable |= {name: why for name, why in reasons.items() if why}
    if failure:
        failure.sample = sample
        raise failure
    return sample


def run_sql(work: Work, recorder: Recorder) -> None:
    record = recorder.record
    session = open_session(work)
    try:
        record["server"] = host.server(session.connection, work.extension)
        if work.dataset:
            record["dataset"] = host.dataset(session.connection, work.dataset)
        if work.warm_up:
            progress(f"{work.process}: warming up ...")
            session.run()
        libraries(record, session)
        recorder.keep()
        before = statement_statistics.snapshot(session.connection)
        for repetition in range(1, work.repeat + 1):
            progress(f"{work.process}: {repetition} of {work.repeat} ...")
            try:
                recorder.add(execute(session, repetition, work.waits, record["unavailable"]))
            except psycopg.Error as error:
                recorder.add(error.sample)
                raise
        after = statement_statistics.snapshot(session.connection)
        if problem := next((each for each in (before, after) if isinstance(each, str)), None):
            record["unavailable"]["statements"] = problem
        else:
            record["statements"] = statement_statistics.difference(before, after)
        if work.profilers:
            profile(work, recorder, session.target(), profiling.repeated(session.run, usual(record)))
    finally:
        session.close()


def libraries(record: dict, session: workload.Session) -> None:
    """Record the libraries that the backend has loaded. It loads the extension's library at the first call."""
    try:
        if not session.postmaster:
            raise PermissionError(workload.REMOTE)
        record["libraries"] = host.libraries(session.pid)
        if extension := record["server"]["extension"]:
            extension["sha256"] = host.library_hash(session.pid, extension["name"])
    except PermissionError as error:
        record["unavailable"]["libraries"] = error.strerror or str(error)


def run_command(work: Work, recorder: Recorder) -> None:
    for repetition in range(1, work.repeat + 1):
        progress(f"{work.process}: {repetition} of {work.repeat} ...")
        started = samples.now()
        execution = workload.run_command(work.argv)
        sample = samples.sample(repetition, started, execution.observer, execution.real, True)
        # The kernel's totals at the end of all processes are more exact than the last looks.
        for name in ("user", "system", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches"):
            sample[name] = getattr(execution, name)
        if execution.peak_resident is None:
            recorder.record["unavailable"]["peak_resident"] = "GNU time is not installed"
        sample["peak_resident"] = execution.peak_resident
        recorder.record["unavailable"] |= dict.fromkeys(("waiting", "runqueue"), "measured for backends only")
        if not sample["processes"]:
            sample["peak_private"] = None
            recorder.record["unavailable"]["peak_private"] = "the command ended before the first look"
        if execution.status:
            sample["failed"] = f"exit status {execution.status}" if execution.status > 0 else f"signal {-execution.status}"
        recorder.add(sample)
        if execution.status:
            raise workload.Failed(f"{work.process}: {sample['failed']}")
    target = Target(kind="command", pid=None, postmaster=None, connect=None, sql=None, setup_sql=None, argv=work.argv)

    def profiled(start: profiling.Start) -> tuple[float, int]:
        return workload.run_command(work.argv, lambda pid: start(pid)).real, 1
    profile(work, recorder, target, profiled)


def watch(work: Work, recorder: Recorder) -> None:
    progress(f"process {work.pid}: {work.seconds:g} seconds ...")
    started = samples.now()
    problem = samples.reset_peaks([work.pid]) if Path(f"/proc/{work.pid}").exists() else None
    observer, real = workload.watch(work.pid, work.seconds)
    if problem:
        recorder.record["unavailable"] |= {"peak_private": problem, "peak_resident": problem}
    recorder.add(samples.sample(1, started, observer, real, problem is None))
    if real < work.seconds - 0.5:
        raise workload.Failed(f"process {work.pid} ended after {real:.1f} s")
    target = Target(kind="pid", pid=work.pid, postmaster=observer.postmaster, connect=None, sql=None, setup_sql=None, argv=None)

    def profiled(start: profiling.Start) -> tuple[float, int]:
        start()
        time.sleep(work.seconds)
        return work.seconds, 1
    profile(work, recorder, target, profiled)


def usual(record: dict) -> float:
    """The median time of an execution, in seconds."""
    return statistics.median(sample["real"] for sample in record["samples"])


def profile(work: Work, recorder: Recorder, target: Target, execution: Callable[[profiling.Start], tuple[float, int]]) -> None:
    """Run each custom profiler, and divide the profiles into components."""
    record = recorder.record
    for name in work.profilers:
        progress(f"{work.process}: profiler {name} ...")
        record["profiles"].append(profiling.profile(name, target, execution, usual(record) if work.kind != "pid" else None))
        recorder.keep()
    record["components"] = components.split(record["profiles"], record["samples"], work.component_map)
