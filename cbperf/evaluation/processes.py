"""What the kernel counts of a process, from /proc (see proc(5)). Seconds and bytes.

CPU time has the resolution of the scheduler, nanoseconds, in /proc/PID/schedstat; its division into user and system
time has that of clock ticks (10 ms) in /proc/PID/stat. All of it is exact when the process waits, as a backend does
between statements; of one that runs it is at most a tick (4 ms at 250 Hz) behind.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """What is measured could not be run, or not to its end."""


class Gone(Failed):
    """There is no such process (any more)."""


@dataclass(frozen=True)
class Counters:
    """What has been counted since the process began; the memory is that of now."""

    started: int                  # when, in ticks since the machine did: with the number it tells a process from a later one
    cpu: float                    # user and system time
    system: float
    runqueue: float               # ready to run, while others did
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    peak_resident: int            # VmHWM, since the process began or reset_peak()
    private: int                  # RssAnon
    shared: int                   # RssFile and RssShmem: of a backend mostly shared buffers that it has touched

    @property
    def peak_private(self) -> int:
        """The most private memory since the mark was reset, or a little less.

        What is shared and has been touched stays mapped, so at the peak it was no more than now. What was
        touched after the peak makes this too small, but never smaller than what is private now.
        """
        return max(self.peak_resident - self.shared, self.private)


def read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise Gone(f"there is no process {pid}") from None


STATUS = re.compile(r"^(VmHWM|RssAnon|RssFile|RssShmem|voluntary_ctxt_switches|nonvoluntary_ctxt_switches):\s*(\d+)", re.MULTILINE)


def counters(pid: int) -> Counters:
    # The name in brackets may have anything in it.
    stat = read(pid, "stat").rpartition(")")[2].split()
    if stat[0] in "ZX":
        raise Gone(f"process {pid} has ended")
    running, ready, _ = map(int, read(pid, "schedstat").split())
    status = {name: int(value) for name, value in STATUS.findall(read(pid, "status"))}
    if "VmHWM" not in status:
        raise Gone(f"process {pid} is ending")
    system = int(stat[12]) * TICK
    return Counters(int(stat[19]), running / 1e9, system, ready / 1e9, int(stat[7]), int(stat[9]),
                    status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"],
                    1024 * status["VmHWM"], 1024 * status["RssAnon"], 1024 * (status["RssFile"] + status["RssShmem"]))


def reaped(pid: int) -> tuple[float, float, int, int]:
    """Of the children that have ended: user and system time (in whole ticks), minor and major faults."""
    stat = read(pid, "stat").rpartition(")")[2].split()
    return int(stat[13]) * TICK, int(stat[14]) * TICK, int(stat[8]), int(stat[10])


def reset_peak(pid: int) -> None:
    """VmHWM starts anew from what is resident now. PermissionError if this user may not: only the process's own and root may."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except (FileNotFoundError, ProcessLookupError):
        raise Gone(f"there is no process {pid}") from None


def parent(pid: int) -> int:
    return int(read(pid, "stat").rpartition(")")[2].split()[1])


def began(pid: int) -> float:
    """When a process began, in seconds of the epoch, to a second or so."""
    boot = int(re.search(r"^btime (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)[1])
    return boot + int(read(pid, "stat").rpartition(")")[2].split()[19]) * TICK


def children(pid: int) -> list[int]:
    return list(map(int, read(pid, f"task/{pid}/children").split()))


def command(pid: int) -> str:
    """The arguments, or the title that the process gave itself."""
    return read(pid, "cmdline").replace("\0", " ").strip()


def libraries(pid: int) -> list[Path]:
    """The shared libraries that a process has mapped. PermissionError if this user may not look."""
    paths = {Path(line.split(maxsplit=5)[5]) for line in read(pid, "maps").splitlines() if len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in paths if ".so" in path.name)
