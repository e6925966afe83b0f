"""Looks at processes while a workload runs: counts them, finds their parallel workers, samples memory and waits.

It is a thread that reads a few files of /proc every INTERVAL. Of a backend nothing is missed: it is there before and
after, unless it ends meanwhile. Of a parallel worker, what it did after the last look at it is in what the kernel adds
up for its parent, the postmaster, as long as no other child of it ends meanwhile; but no look saw its memory then.
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

INTERVAL = 0.01         # between looks, in seconds
WAITS_EVERY = 5         # looks, for wait events: they cost a query each time
WORKER = re.compile(r"parallel worker for PID (\d+)\b")


@dataclass
class Seen:
    """A process, what was counted of it when the observation began (or nothing, if it began later), and at the last look."""

    pid: int
    role: str
    first: Counters | None
    last: Counters
    ended: bool = False

    def look(self) -> None:
        """Count anew; one whose number is another process's now has ended."""
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
    """Of all processes at a moment, since the observation began."""

    at: float                        # time.monotonic()
    cpu: float = 0
    workers_cpu: float = 0           # its part that parallel workers used
    runqueue: float = 0              # of the processes that are no workers
    minor_faults: int = 0
    major_faults: int = 0
    waits: Counter = field(default_factory=Counter)


class Observer:
    """Observes processes, and the parallel workers of those that are backends of `postmaster`, or what a command starts.

    `waits`, where it is given, tells the wait event of each process that has one, from another session.
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
        self.peak = dict.fromkeys(pids, 0)     # of the private memory, from samples
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
                    self.others.add(pid)    # one that has no title yet is looked at again
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
        """What parallel workers did when no look saw it, as processes.reaped(); or why that can't be told from what others did."""
        if not self.postmaster:
            return None
        workers = [seen.last for seen in self.seen.values() if seen.role == "parallel worker"]
        try:
            now = processes.reaped(self.postmaster)
        except Gone:
            return "the server has ended"
        user, system, minor, major = (after - before for after, before in zip(now, self.reaped))
        if minor and (self.other_ended or not workers):
            return "other processes of the server ended as well, or only some that no look saw: parallel workers among them are not counted"
        if not workers:
            return None
        # Of times only what is more than the rounding to ticks.
        cpu = max(user + system - sum(worker.cpu for worker in workers) - processes.TICK, 0.0)
        return (cpu * user / (user + system) if cpu else 0.0, cpu * system / (user + system) if cpu else 0.0,
                max(minor - sum(worker.minor_faults for worker in workers), 0), max(major - sum(worker.major_faults for worker in workers), 0))

    def totals(self) -> Totals:
        """What has been counted until now: the difference of two of them is what a span took."""
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
