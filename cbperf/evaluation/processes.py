"""The kernel's counters of a process, from /proc (see proc(5)), in seconds and bytes.

/proc/PID/schedstat has CPU time with the resolution of the scheduler, nanoseconds. Its division into user and system time is
in /proc/PID/stat, with the resolution of clock ticks (10 ms). The counters are exact while the process waits, as a backend
does between statements. Those of a running process are at most a tick (4 ms at 250 Hz) old.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The workload could not run to its end."""


class Gone(Failed):
    """The process does not exist, or no longer."""


@dataclass(frozen=True)
class Counters:
    """The counters since the process began, and its present memory."""

    started: int                  # in ticks since the machine started; together with the PID it identifies a process
    cpu: float                    # user and system time
    system: float
    runqueue: float               # ready to run, while other processes ran
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    peak_resident: int            # VmHWM, since the start of the process or reset_peak()
    private: int                  # RssAnon
    shared: int                   # RssFile and RssShmem; for a backend, mostly the shared buffers that it has touched

    @property
    def peak_private(self) -> int:
        """The peak of private memory since the mark was reset, or a little less.

        Shared memory stays mapped after the process has touched it, so it was no larger at the peak than now. Shared memory that
        was touched after the peak makes this figure too small, but never smaller than the present private memory.
        """
        return max(self.peak_resident - self.shared, self.private)


def read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise Gone(f"there is no process {pid}") from None


STATUS = re.compile(r"^(VmHWM|RssAnon|RssFile|RssShmem|voluntary_ctxt_switches|nonvoluntary_ctxt_switches):\s*(\d+)", re.MULTILINE)


def counters(pid: int) -> Counters:
    # The name in brackets can contain any character.
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
    """User and system time (in whole ticks), minor and major faults of the children that have ended."""
    stat = read(pid, "stat").rpartition(")")[2].split()
    return int(stat[13]) * TICK, int(stat[14]) * TICK, int(stat[8]), int(stat[10])


def reset_peak(pid: int) -> None:
    """Reset VmHWM to the present resident memory. Raises PermissionError unless this user is the process's user or root."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except (FileNotFoundError, ProcessLookupError):
        raise Gone(f"there is no process {pid}") from None


def parent(pid: int) -> int:
    return int(read(pid, "stat").rpartition(")")[2].split()[1])


def began(pid: int) -> float:
    """The start of a process, in seconds since the epoch, accurate to about a second."""
    boot = int(re.search(r"^btime (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)[1])
    return boot + int(read(pid, "stat").rpartition(")")[2].split()[19]) * TICK


def children(pid: int) -> list[int]:
    return list(map(int, read(pid, f"task/{pid}/children").split()))


def command(pid: int) -> str:
    """The command line of a process, or the title that it has set."""
    return read(pid, "cmdline").replace("\0", " ").strip()


def libraries(pid: int) -> list[Path]:
    """The shared libraries that a process has mapped. Raises PermissionError if this user may not read them."""
    paths = {Path(line.split(maxsplit=5)[5]) for line in read(pid, "maps").splitlines() if len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in paths if ".so" in path.name)
