"""Observe processes while a workload runs: read their counters, find their parallel workers, sample memory and wait events.

The observer is a thread that reads a few files of /proc every INTERVAL. It misses nothing of a backend, which exists before
and after the workload, unless the backend ends before. The work of a parallel worker after the last look is in the totals
that the kernel adds to its parent, the postmaster; these are usable if no other child of the postmaster ends during the observation. The
memory of the worker after the last look is unknown.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg
import processes
from processes import Counters, Gone

INTERVAL = 0.01         # seconds between looks
WAITS_EVERY = 5         # looks; each look at wait events costs a query
WORKER = re.compile(r"parallel worker for PID (\d+)\b")


@dataclass
class Seen:
    """A process, its counters when the observation began (None if the process began later), and those at the last look."""

    pid: int
    role: str
    first: Counters | None
    last: Counters
    ended: bool = False

    def look(self) -> None:
        """Read the counters again. If the PID belongs to another process now, this one has ended."""
        if not self.ended:
            try:
                now = processes.counters(self.pid)
                self.ended = now.started != self.last.started
            except Gone:
                self.ended = True
            if not self.ended:
                self.last = now

    def since_first(self) -> Counters:
        return difference(self.last, self.first) if self.first else self.last


COUNTED = "cpu", "system", "runqueue", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches"


def difference(last: Counters, first: Counters) -> Counters:
    return replace(last, **{name: getattr(last, name) - getattr(first, name) for name in COUNTED})


@dataclass
class Totals:
    """The counters of all processes together, from the start of the observation to one moment."""

    at: float                        # time.monotonic()
    cpu: float = 0
    workers_cpu: float = 0           # the part of parallel workers
    runqueue: float = 0              # of all processes except workers
    minor_faults: int = 0
    major_faults: int = 0
    waits: Counter = field(default_factory=Counter)


class Observer:
    """Observes processes, and either the parallel workers of backends of `postmaster` or the descendants of a command.

    `waits`, if given, returns the wait event of each process that has one, from another session.
    """

    def __init__(self, pids: list[int], role: str, postmaster: int | None = None, descendants: bool = False,
                 waits: Callable[[], list[str]] | None = None, on_worker: Callable[[int], None] | None = None):
        self.seen = {pid: Seen(pid, role, counters, counters) for pid in pids for counters in [processes.counters(pid)]}
        self.roots = set(pids)
        self.postmaster = postmaster
        self.descendants = descendants
        self.waits = waits
        self.on_worker = on_worker
        self.others = set(processes.children(postmaster)) if postmaster else set()
        self.other_ended = False
        self.reaped = processes.reaped(postmaster) if postmaster else None
        self.waited: Counter = Counter()
        self.why_no_waits: str | None = None
        self.series: list[tuple[float, int]] = []
        self.peak = dict.fromkeys(pids, 0)     # private memory, from samples
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, name="observer", daemon=True)
        self.failure: Exception | None = None

    def __enter__(self) -> "Observer":
        self.began = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        self.look()

    def run(self) -> None:
        try:
            self.observe()
        except Exception as error:
            self.failure = error

    def observe(self) -> None:
        looks, before = 0, self.began
        while not self.ended.wait(INTERVAL):
            self.look()
            looks += 1
            if self.waits and looks % WAITS_EVERY == 0:
                now = time.monotonic()
                self.look_at_waits(now - before)
                before = now

    def look(self) -> None:
        with self.lock:
            if self.postmaster:
                self.find_workers()
            elif self.descendants:
                self.find_descendants()
            together = 0
            for seen in self.seen.values():
                seen.look()
                if not seen.ended:
                    self.peak[seen.pid] = max(self.peak[seen.pid], seen.last.private)
                    together += seen.last.private
            self.series.append((time.monotonic() - self.began, together))

    def find_workers(self) -> None:
        try:
            now = set(processes.children(self.postmaster))
        except Gone:
            return
        for pid in now - self.others - self.seen.keys():
            try:
                title = processes.command(pid)
                worker = WORKER.search(title)
                if worker and int(worker[1]) in self.roots:
                    self.seen[pid] = Seen(pid, "parallel worker", None, processes.counters(pid))
                    self.peak[pid] = 0
                    if self.on_worker:
                        self.on_worker(pid)
                elif worker or "background worker" not in title and title.startswith("postgres: "):
                    self.others.add(pid)    # a process that has no title yet stays out, for the next look
            except (Gone, PermissionError):
                pass
        self.other_ended |= not self.others <= now
        self.others &= now

    def find_descendants(self) -> None:
        found = [pid for pid, seen in self.seen.items() if not seen.ended]
        while found:
            pid = found.pop()
            try:
                for child in set(processes.children(pid)) - self.seen.keys():
                    self.seen[child] = Seen(child, "process", None, processes.counters(child))
                    self.peak[child] = 0
                    found.append(child)
            except Gone:
                pass

    def look_at_waits(self, seconds: float) -> None:
        try:
            for event in self.waits():
                self.waited[event] += seconds
        except psycopg.Error as error:
            self.waits, self.why_no_waits = None, str(error).strip().splitlines()[0]

    def unseen(self) -> tuple[float, float, int, int] | str | None:
        """The work of parallel workers after the last looks, as from processes.reaped(), or the reason why it cannot be separated."""
        if not self.postmaster:
            return None
        workers = [seen.last for seen in self.seen.values() if seen.role == "parallel worker"]
        try:
            now = processes.reaped(self.postmaster)
        except Gone:
            return "the server has ended"
        user, system, minor, major = (after - before for after, before in zip(now, self.reaped))
        if minor and (self.other_ended or not workers):
            return "other processes of the server ended too, or no look saw a parallel worker; workers among those processes are not counted"
        if not workers:
            return None
        # Times are rounded to ticks, so subtract a tick.
        cpu = max(user + system - sum(worker.cpu for worker in workers) - processes.TICK, 0.0)
        return (cpu * user / (user + system) if cpu else 0.0, cpu * system / (user + system) if cpu else 0.0,
                max(minor - sum(worker.minor_faults for worker in workers), 0), max(major - sum(worker.major_faults for worker in workers), 0))

    def totals(self) -> Totals:
        """The counters so far. The difference of two totals is the cost of a span."""
        totals = Totals(time.monotonic())
        with self.lock:
            for seen in self.seen.values():
                seen.look()
                counted = seen.since_first()
                totals.cpu += counted.cpu
                totals.minor_faults += counted.minor_faults
                totals.major_faults += counted.major_faults
                if seen.role == "parallel worker":
                    totals.workers_cpu += counted.cpu
                else:
                    totals.runqueue += counted.runqueue
            totals.waits = self.waited.copy()
        return totals
