"""cbperf overhead: the cost of measuring, as ratios of real times with and without it, interleaved in one session."""

import statistics
import time

import profilers
import profiling
import run
import workload
from run import Work, progress

ROUNDS_OF_PROFILER = 5


def measure(work: Work, rounds: int, names: list[str]) -> dict[str, list[float] | str]:
    """The ratios of all rounds, for the generic profiler and for each custom profiler that attaches, or the reason why there are none."""
    session = run.open_session(work)
    try:
        session.run()
        found: dict[str, list[float] | str] = {"generic": []}
        for turn in range(1, rounds + 1):
            if turn % 10 == 1:
                progress(f"{work.process}: {turn} of {rounds} ...")
            # Alternate the order, because the second execution finds its memory warm.
            bare, observed = [timed(session), observed_run(session)] if turn % 2 else [observed_run(session), timed(session)][::-1]
            found["generic"].append(observed / bare)
        for name in names:
            progress(f"{work.process}: {name} ...")
            found[name] = of_profiler(name, session)
        return found
    finally:
        session.close()


def timed(session: workload.Session) -> float:
    begin = time.monotonic()
    session.run()
    return time.monotonic() - begin


def observed_run(session: workload.Session) -> float:
    return run.execute(session, 1)["real"]


def of_profiler(name: str, session: workload.Session) -> list[float] | str:
    if profilers.get(name).replays:
        return "it runs the workload in another process"
    ratios = []
    for _ in range(ROUNDS_OF_PROFILER):
        usual = statistics.median(timed(session) for _ in range(5))
        profile = profiling.profile(name, session.target(), profiling.repeated(session.run, usual), usual)
        if profile["unavailable"]:
            return f"not available: {profile['unavailable']}"
        ratios.append(profile["overhead"])
    return ratios


def text(found: dict[str, list[float] | str]) -> str:
    lines = ["| profiler | real time with it / without: median (least - most) | rounds |", "| --- | --- | ---: |"]
    for name, ratios in found.items():
        lines.append(f"| {name} | {ratios} | |" if isinstance(ratios, str) else
                     f"| {name} | {statistics.median(ratios):.3f} ({min(ratios):.3f} - {max(ratios):.3f}) | {len(ratios)} |")
    return "\n".join(lines)
