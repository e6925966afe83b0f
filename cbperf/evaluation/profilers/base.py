"""The interface of profilers. A profiler returns a flame graph tree for a workload."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg


class Unavailable(Exception):
    """The profile cannot be made here; the message says why in one sentence, and what to do."""


@dataclass(frozen=True, eq=False)
class Target:
    """The object of a profile."""

    kind: str                                           # "sql", "command" or "pid"
    pid: int | None = None                              # the backend or the process; for a command, once it runs
    postmaster: int | None = None
    connect: Callable[[], psycopg.Connection] | None = None     # to the same server, as the workload's user
    sql: str | None = None
    setup_sql: str | None = None
    argv: list[str] | None = None

    def at(self, pid: int) -> "Target":
        """The same target with the PID of its running process."""
        return replace(self, pid=pid)


@dataclass
class Profile:
    unit: str                                           # "samples", "instructions", "bytes" or "faults"
    total: int
    tree: dict
    facts: dict = field(default_factory=dict)


class Session:
    """A profile in progress."""

    def collect(self) -> Profile:
        """Return the profile after the workload has ended. Raises Unavailable."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Stop, and leave nothing behind. Never raises."""


class Profiler:
    """Starts sessions. If `replays` is true, start() itself runs the workload, in another process."""

    name: str
    title: str
    unit: str
    replays = False

    def start(self, target: Target, scratch: Path) -> Session:
        """Start to profile. Files go to the folder scratch, which the caller removes. Raises Unavailable."""
        raise NotImplementedError


@dataclass
class Finished(Session):
    """A session whose profile is finished."""

    profile: Profile

    def collect(self) -> Profile:
        return self.profile
