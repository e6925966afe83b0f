"""Make the sample of a record from one observed execution."""

from datetime import datetime, timezone

import processes
from observer import Observer, Seen

MEASURES = ("user", "system", "peak_private", "peak_resident", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches")
POINTS = 500    # the most points of memory over time in a sample


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def of_process(seen: Seen, sampled: int, marked: bool) -> dict:
    counted = seen.since_first()
    return {"pid": seen.pid, "role": seen.role, "user": max(counted.cpu - counted.system, 0.0), "system": counted.system,
            "peak_private": max(seen.last.peak_private, sampled) if marked else None,
            "peak_resident": seen.last.peak_resident if marked else None,
            "minor_faults": counted.minor_faults, "major_faults": counted.major_faults,
            "voluntary_switches": counted.voluntary_switches, "involuntary_switches": counted.involuntary_switches}


def thinned(series: list[tuple[float, int]]) -> dict:
    """At most POINTS points. Each is the largest of its interval, so that no peak is lost."""
    step = -(-len(series) // POINTS) or 1
    kept = [max(series[i:i + step], key=lambda point: point[1]) for i in range(0, len(series), step)]
    return {"seconds": [round(seconds, 4) for seconds, _ in kept], "private": [private for _, private in kept]}


def sample(repetition: int, started: str, observer: Observer, real: float, marked: bool, spans: list[dict] = (), failed: str | None = None) -> dict:
    """Times and counts are sums over the processes. Private memory is the largest sampled sum over the processes at one time, or
    the mark of one process if that is larger. Resident memory is that of the largest process, because the processes share pages.

    `marked` says that the kernel's mark was reset before this execution.
    """
    found = [of_process(seen, observer.peak[seen.pid], marked or seen.role != "backend") for seen in observer.seen.values()]
    unseen = observer.unseen()
    if isinstance(unseen, tuple) and any(unseen):
        user, system, minor, major = unseen
        found.append(dict.fromkeys(MEASURES, 0) | {"pid": observer.postmaster, "role": "parallel workers, unseen", "user": user, "system": system,
                                                   "minor_faults": minor, "major_faults": major})
    roots = [seen.since_first() for seen in observer.seen.values() if seen.role == "backend"]
    total = {name: (max if name.startswith("peak") else sum)(values) if values and None not in values else None
             for name in MEASURES for values in [[process[name] for process in found]]}
    if total["peak_private"] is not None:
        total["peak_private"] = max(total["peak_private"], *(private for _, private in observer.series), 0)
    return {"repetition": repetition, "started": started, "failed": failed, "real": real, **total,
            "runqueue": sum(root.runqueue for root in roots) / len(roots) if roots else None,
            "waiting": max(real - sum(root.cpu + root.runqueue for root in roots) / len(roots), 0.0) if roots else None,
            "waits": {event: round(seconds, 4) for event, seconds in observer.waited.items()},
            "processes": found, "spans": list(spans), "series": thinned(observer.series)}


def reset_peaks(pids: list[int]) -> str | None:
    """Reset the marks. Return the reason if this is impossible."""
    try:
        for pid in pids:
            processes.reset_peak(pid)
    except PermissionError:
        return "only the process's user or root can reset the kernel's mark of the peak"
    return None
