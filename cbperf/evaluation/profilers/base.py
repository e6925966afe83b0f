"""What a profiler is: it gives a flame graph tree of what a workload did."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg


class Unavailable(Exception):
    """This profile can't be had here: says why in one sentence, and what to do about it."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is profiled."""

    kind: str                                           # "sql", "command" or "pid"
    pid: int | None = None                              # the backend or the process; of a command, once it runs
    postmaster: int | None = None
    connect: Callable[[], psycopg.Connection] | None = None     # to the same server, as the workload's user
    sql: str | None = None
    setup_sql: str | None = None
    argv: list[str] | None = None

    def at(self, pid: int) -> "Target":
        """The same, now that its process runs."""
        return replace(self, pid=pid)


@dataclass
class Profile:
    unit: str                                           # "samples", "instructions", "bytes" or "faults"
    total: int
    tree: dict
    facts: dict = field(default_factory=dict)


class Session:
    """One profile in the making."""

    def collect(self) -> Profile:
        """The profile, after the workload has ended. Unavailable if there is none."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Stop, and remove what was made. Never raises."""


class Profiler:
    """Makes sessions. One that replays runs the workload in a process of its own, within start()."""

    name: str
    title: str
    unit: str
    replays = False

    def start(self, target: Target, scratch: Path) -> Session:
        """Begin, with files in the folder scratch, which the caller removes. Unavailable if it can't be done."""
        raise NotImplementedError


@dataclass
class Finished(Session):
    """A session that has its profile already."""

    profile: Profile

    def collect(self) -> Profile:
        return self.profile
