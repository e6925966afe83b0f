"""One execution under a custom profiler, as a profile of a record; what can't be had says why."""

import time
from collections.abc import Callable

import profilers
import scratch
from profilers.base import Target, Unavailable

Start = Callable[..., None]

PROFILED = 2.0   # seconds of executions that a profile by samples needs


def repeated(execute: Callable[[], None], usual: float) -> Callable[[Start], tuple[float, int]]:
    """An execution for profile(): as many as fill PROFILED, the time of one, and how many."""
    times = max(round(PROFILED / usual), 1)

    def execution(start: Start) -> float:
        start()
        begin = time.monotonic()
        for _ in range(times):
            execute()
        return (time.monotonic() - begin) / times, times
    return execution


def profile(name: str, target: Target, execution: Callable[[Start], tuple[float, int]], usual: float | None) -> dict:
    """`execution` calls what it is given when the process is there (with its PID, if the target has none), runs the workload, and
    tells how long it took, once, and how often it did. That is compared with `usual`, what it takes without a profiler. Those that replay need no execution.
    """
    profiler = profilers.get(name)
    found = {"profiler": name, "title": profiler.title, "unit": profiler.unit, "total": None, "tree": None, "unavailable": None,
             "facts": {}, "overhead": None}
    folder = scratch.make()
    session = None

    def start(pid: int | None = None) -> None:
        nonlocal session
        session = profiler.start(target if pid is None else target.at(pid), folder)
    try:
        if profiler.replays:
            start()
        else:
            took, times = execution(start)
            found["overhead"] = took / usual if usual else None
        result = session.collect()
        found |= {"total": result.total, "tree": result.tree, "facts": result.facts}
        if not profiler.replays and times > 1:
            found["facts"]["executions"] = times
    except Unavailable as error:
        found["unavailable"] = str(error)
        if session:
            session.abandon()
    except BaseException:
        if session:
            session.abandon()
        raise
    finally:
        scratch.remove(folder)
    return found
