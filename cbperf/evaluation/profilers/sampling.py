"""Samples of stacks by perf while a process runs: where it spends time, and where it gets memory from the kernel."""

import os
import re
import select
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

import flame
import processes
from observer import Observer

from .base import Profile, Profiler, Session, Target, Unavailable
from .inlined import chains
from .programs import end, find, last_line

FRAME = re.compile(r"\s+([0-9a-f]+) (.*) \(([^()]*)(?: \(deleted\))?\)")
SECONDS_TO_START = 10
SECONDS_TO_STOP = 60


@dataclass(frozen=True)
class Frame:
    address: int
    name: str
    program: str

    @property
    def title(self) -> str | None:
        """The function's name, with "_[k]" in the kernel; without a name, the program's name in brackets; or None if both are unknown."""
        kernel = self.address >> 63
        if self.name != "[unknown]":
            return f"{self.name}_[k]" if kernel else self.name
        return "[kernel]" if kernel else f"[{PurePath(self.program).name}]" if self.program != "[unknown]" else None


def samples(lines: Iterable[str]) -> Iterator[tuple[int, tuple[Frame, ...]]]:
    """The process and the stack, innermost frame first, from the output of "perf script -F pid,ip,sym,dso"."""
    pid, frames = 0, []
    for line in lines:
        if found := FRAME.fullmatch(line.rstrip("\n")):
            frames.append(Frame(int(found[1], 16), found[2], found[3]))
        elif line.strip().isdecimal():
            pid, frames = int(line), []
        elif not line.strip() and frames:
            yield pid, tuple(frames)
            frames = []
    if frames:
        yield pid, tuple(frames)


def stacks(counted: Counter[tuple[Frame, ...]]) -> Iterator[tuple[list[str], int]]:
    """Stacks for flame.from_stacks, with inlined functions. All frames except the innermost have the address after a call."""
    def place(depth: int, frame: Frame) -> tuple[str, int]:
        return frame.program, frame.address - (depth > 0)
    inlined = chains({place(depth, frame) for frames in counted for depth, frame in enumerate(frames)})
    for frames, count in counted.items():
        stack: list[str] = []
        for depth, frame in reversed(list(enumerate(frames))):
            stack += [frame.title, *inlined.get(place(depth, frame), [])] if frame.title else []
        yield stack, count


class Perf:
    """A running perf record. It is recording when the constructor returns."""

    def __init__(self, events: list[str], pids: list[int], scratch: Path):
        self.messages = scratch / "messages"
        self.data = scratch / "perf.data"
        self.program = find("perf")
        control, self.control = os.pipe()       # perf ends when the write end is closed
        from_perf, acknowledge = os.pipe()
        try:
            try:
                with self.messages.open("wb") as messages:
                    self.process = subprocess.Popen(
                        [self.program, "record", "-q", "--no-buildid", "--no-buildid-cache", "-g", *events, "-p", ",".join(map(str, pids)),
                         "-D", "-1", f"--control=fd:{control},{acknowledge}", "-o", str(self.data)], pass_fds=[control, acknowledge],
                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages, start_new_session=True)
            finally:
                os.close(control)
                os.close(acknowledge)
            self.enable(from_perf)
        finally:
            os.close(from_perf)

    def enable(self, from_perf: int) -> None:
        try:
            os.write(self.control, b"enable\n")
            if not select.select([from_perf], [], [], SECONDS_TO_START)[0] or not os.read(from_perf, 16):
                raise Unavailable(self.complaint())
        except BrokenPipeError:
            self.stop()
            raise Unavailable(self.complaint()) from None
        except BaseException:
            self.stop()
            raise

    def complaint(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        text = self.messages.read_text(errors="replace")
        if "perf_event_paranoid" in text:
            return "perf has no permission for the process; run cbperf as root, or as its user with kernel.perf_event_paranoid at 1 or less"
        return f"perf cannot record: {last_line(self.messages)}"

    def samples(self) -> Iterator[tuple[int, tuple[Frame, ...]]]:
        """End the recording, and read its samples."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"perf did not stop within {SECONDS_TO_STOP} s") from None
        finally:
            self.stop()
        if not self.data.exists():
            raise Unavailable(self.complaint())
        with subprocess.Popen([self.program, "script", "--no-inline", "-F", "pid,ip,sym,dso", "-i", str(self.data)], text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.messages.open("w"), start_new_session=True) as script:
            try:
                yield from samples(script.stdout)
                if script.wait():
                    raise Unavailable(f"perf cannot read its recording: {last_line(self.messages)}")
            finally:
                end(script)

    def stop(self) -> None:
        end(self.process)
        if self.control is not None:
            os.close(self.control)
            self.control = None


@contextmanager
def stopped(pid: int) -> Iterator[list[int]]:
    """Stop the process and its descendants during the block, because perf follows new descendants but not existing ones."""
    found = [pid]
    try:
        for process in found:
            os.kill(process, signal.SIGSTOP)
            found += processes.children(process)
        yield found
    finally:
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


class Recording(Session):
    """A recording of a process, including the parallel workers of a backend and the descendants of a command."""

    def __init__(self, unit: str, events: list[str], target: Target, scratch: Path):
        self.unit = unit
        self.perf: Perf | None = None
        self.observer: Observer | None = None
        try:
            self.begin(events, target, scratch)
        except BaseException as error:
            self.abandon()
            if isinstance(error, (processes.Gone, ProcessLookupError)):
                raise Unavailable(f"there is no process {target.pid} any more") from None
            if isinstance(error, PermissionError):
                raise Unavailable(f"process {target.pid} belongs to another user; run cbperf as that user or as root") from None
            raise

    def begin(self, events: list[str], target: Target, scratch: Path) -> None:
        if target.kind == "command":
            with stopped(target.pid) as pids:
                self.perf = Perf(events, pids, scratch)
        elif target.postmaster:
            # perf records future children of the postmaster. A child counts if the observer finds that it works for the
            # backend. The observer can miss a worker that lives shorter than its interval.
            self.observer = Observer([target.pid], "backend", target.postmaster)
            self.perf = Perf(events, [target.pid, target.postmaster], scratch)
            self.observer.__enter__()
        else:
            processes.counters(target.pid)
            self.perf = Perf(events, [target.pid], scratch)

    def collect(self) -> Profile:
        self.end_observation()
        counted = Counter(frames for pid, frames in self.perf.samples() if self.observer is None or pid in self.observer.seen)
        tree = flame.from_stacks(stacks(counted))
        if not tree["value"] and self.unit == "samples":
            raise Unavailable("perf took no sample before the workload ended; use a longer workload, or one that waits less")
        return Profile(self.unit, tree["value"], tree, {"workers": len(self.observer.seen) - 1} if self.observer else {})

    def end_observation(self) -> None:
        if self.observer and self.observer.thread.is_alive():
            self.observer.__exit__()

    def abandon(self) -> None:
        if self.perf:
            self.perf.stop()
        with suppress(Exception):
            self.end_observation()


@dataclass
class Sampling(Profiler):
    """A profiler that attaches to the process. The workload must run after start()."""

    name: str
    title: str
    unit: str
    events: list[str]

    def start(self, target: Target, scratch: Path) -> Recording:
        if target.pid is None:
            raise Unavailable("there is no process yet; start it before sampling")
        return Recording(self.unit, self.events, target, scratch)


# The clock also works in virtual machines, which have no cycle counters. It interrupts user space and the kernel alike. The
# rate is 999 instead of 1000, to be out of step with events every millisecond.
CPU = Sampling("cpu", "CPU", "samples", ["-e", "cpu-clock", "-F", "999"])

# Each first touch of a page that is not mapped: shared buffers and new memory.
FAULTS = Sampling("faults", "Page faults", "faults", ["-e", "page-faults", "-c", "1"])
