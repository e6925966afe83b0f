"""cbperf scale: run one workload with each number of clients and of parallel workers. Each setting is a run."""

import threading
import time
from dataclasses import replace

import host
import psycopg
import samples
import workload
from observer import Observer
from run import Recorder, Work, libraries, open_session, progress
from store import Keeper


def scale(work: Work, clients: list[int], workers: list[int], seconds: float, keeper: Keeper) -> list[dict]:
    """The records, in the order of the settings. If a setting fails, for example at its memory limit, the others still run."""
    records = []
    for per_client in workers:
        for number in clients:
            records.append(setting(replace(work, workers=per_client), number, seconds, keeper))
    return records


def setting(work: Work, clients: int, seconds: float, keeper: Keeper) -> dict:
    """`clients` sessions execute the workload repeatedly for this number of seconds, each at least once."""
    progress(f"{work.process}: {clients} client{'s' * (clients > 1)}, {work.workers} workers each ...")
    measured = {"clients": clients, "workers": work.workers, "memory_limit": work.memory_limit, "throughput": None}
    labels = work.labels | {"user_data": work.labels.get("user_data", {}) | {"scale": measured}}
    recorder = Recorder(replace(work, labels=labels), keeper)
    sessions: list[workload.Session] = []
    try:
        with recorder:
            for _ in range(clients):
                sessions.append(open_session(work))
            recorder.record["server"] = host.server(sessions[0].connection, work.extension)
            if failure := together(lambda session: session.run(), sessions):     # warm-up
                raise failure
            libraries(recorder.record, sessions[0])
            sample, executions, failure = execute(sessions, seconds)
            measured["throughput"] = executions / sample["real"]
            recorder.add(sample)
            if failure:
                raise failure
    finally:
        for session in sessions:
            session.close()
    return recorder.record


def execute(sessions: list[workload.Session], seconds: float) -> tuple[dict, int, psycopg.Error | None]:
    """The sample of all sessions together, the number of executions, and the first failure."""
    pids = [session.pid for session in sessions if session.postmaster]
    problem = samples.reset_peaks(pids) if pids else workload.REMOTE
    started = samples.now()
    deadline = time.monotonic() + seconds
    counts = []

    def until_deadline(session: workload.Session) -> None:
        count = 0
        try:
            while count == 0 or time.monotonic() < deadline:
                session.run()
                count += 1
        finally:
            counts.append(count)
    limit = sessions[0].limit if sessions[0].memory_limit else None
    observer = Observer(pids, "backend", sessions[0].postmaster, on_worker=limit)
    with observer:
        begin = time.monotonic()
        failure = together(until_deadline, sessions)
        real = time.monotonic() - begin
    return samples.sample(1, started, observer, real, problem is None, failed=failure and str(failure).strip()), sum(counts), failure


def together(action, sessions: list[workload.Session]) -> psycopg.Error | None:
    """Call `action` with all sessions at the same time. Return the first failure, if any."""
    failures: list[psycopg.Error] = []

    def guarded(session: workload.Session) -> None:
        try:
            action(session)
        except psycopg.Error as error:
            failures.append(error)
    threads = [threading.Thread(target=guarded, args=[session]) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures[0] if failures else None
