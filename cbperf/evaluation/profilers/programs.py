"""Find and run the programs of profilers, each in its own process group, and end the group."""

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .base import Unavailable

PACKAGES = {"perf": "linux-perf", "valgrind": "valgrind"}


def find(name: str) -> str:
    path = shutil.which(name)
    if not path:
        raise Unavailable(f"{name} is not installed; install the Debian package {PACKAGES[name]}")
    return path


@dataclass(frozen=True)
class User:
    """The user who runs a program. Root can choose another user."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> "User":
        return cls(os.geteuid(), os.getegid())

    def arguments(self) -> dict:
        """Arguments for Popen. Only root changes the user."""
        if self == User.current():
            return {}
        try:
            groups = os.getgrouplist(pwd.getpwuid(self.uid).pw_name, self.gid)
        except KeyError:
            groups = [self.gid]
        return {"user": self.uid, "group": self.gid, "extra_groups": groups}


def end(process: subprocess.Popen) -> None:
    """Kill a process that run() or a profiler started, with its process group."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(argv: list[str], errors: Path, user: User | None = None, text: bytes = b"", seconds: float = 600,
        environment: dict | None = None, folder: Path | None = None) -> int:
    """Run a program with `text` as input, and return its exit status. Its output is discarded; its messages go to a file."""
    arguments = user.arguments() if user else {}
    argv = ["setpriv", "--pdeathsig", "KILL", "--", *argv]     # so that it ends with this process, even if this one is killed
    with errors.open("wb") as stream:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stream, env=environment, cwd=folder,
                                   start_new_session=True, **arguments)
    try:
        process.communicate(text, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"the workload took more than {seconds:.0f} s under {Path(argv[4]).name}; use a smaller workload") from None
    finally:
        end(process)
    return process.returncode


def last_line(messages: Path) -> str:
    """The last line that says "error", or the last line."""
    lines = messages.read_text(errors="replace").strip().splitlines() or ["no message"]
    return ([line for line in lines if "error:" in line] or lines)[-1]
