"""Run one execution under a custom profiler, and return the profile for the record, or the reason why there is none."""

import time
from collections.abc import Callable

import profilers
import scratch
from profilers.base import Target, Unavailable

Start = Callable[..., None]

PROFILED = 2.0   # seconds of executions for a profile made of samples


def repeated(execute: Callable[[], None], usual: float) -> Callable[[Start], tuple[float, int]]:
    """A function for profile() that executes for about PROFILED seconds, and returns the time of one execution and their number."""
    times = max(round(PROFILED / usual), 1)

    def execution(start: Start) -> float:
        start()
        begin = time.monotonic()
        for _ in range(times):
            execute()
        return (time.monotonic() - begin) / times, times
    return execution


def profile(name: str, target: Target, execution: Callable[[Start], tuple[float, int]], usual: float | None) -> dict:
    """The profile of a target by the profiler `name`.

    `execution` takes a function and calls it once the process exists (with the PID, if the target has none). Then it runs the
    workload, and returns the time of one execution and the number of executions. The time divided by `usual`, the time without a
    profiler, is the overhead. A profiler that replays does not use `execution`.
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
