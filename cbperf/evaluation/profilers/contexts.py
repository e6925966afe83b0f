"""PostgreSQL's memory contexts over time: the contexts that hold the backend's memory, as reported by the server.

pg_log_backend_memory_contexts() makes the backend write them to the server's log at its next check for interrupts.
"""

import os
import re
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import flame
import psycopg

from .base import Profile, Profiler, Session, Target, Unavailable

INTERVAL = 0.1      # seconds between two requests

PROCESS = re.compile(r" PID (\d+)$")
# The text after the sizes is ignored, because it may be a statement. Slab and other contexts have more text between the sizes.
CONTEXT = re.compile(r"level: (\d+); (?:(\d+ more child contexts) containing|(.*?):) (\d+) total in \d+ blocks.*?; (\d+) used")
END = re.compile(r"Grand total: (\d+) bytes in ")


@dataclass
class Dump:
    """The contexts at one moment: the path and the bytes from malloc of each, and the sum of the used bytes."""

    stacks: list[tuple[list[str], int]] = field(default_factory=list)
    used: int = 0

    @property
    def total(self) -> int:
        return sum(size for _, size in self.stacks)


class Parser:
    """Finds dumps in the lines of a server's log, with any prefix and language."""

    def __init__(self, pid: int):
        self.pid = pid
        self.logged = pid                       # the PID that the next contexts belong to
        self.dump = Dump()
        self.path: list[str] = []
        self.top = 0                            # level of the topmost context; 1 since PostgreSQL 18

    def feed(self, lines: Iterable[str]) -> Iterator[Dump]:
        """The dumps that these lines complete."""
        for line in lines:
            if found := CONTEXT.search(line):
                level, more, name, total, used = found.groups()
                if name == "TopMemoryContext":
                    self.dump, self.top = Dump(), int(level)
                self.path = [*self.path[:int(level) - self.top], name or more]
                self.dump.stacks.append((self.path, int(total)))
                self.dump.used += int(used)
            elif END.search(line):
                if self.logged == self.pid and self.dump.stacks:
                    yield self.dump
                self.dump = Dump()
            elif found := PROCESS.search(line):
                self.logged = int(found[1])


def open_log(connection: psycopg.Connection, postmaster: int) -> BinaryIO:
    """The server's log, positioned at its end."""
    name, = connection.execute("SELECT pg_catalog.pg_current_logfile()").fetchone()
    process = Path(f"/proc/{postmaster}")
    if name and name.endswith((".csv", ".json")):
        raise Unavailable("the server's log is not plain text; add stderr to log_destination")
    try:
        # The name is relative to the data directory, the server's working directory. Without a name, the log is standard error.
        log = (process / "cwd" / name if name else process / "fd/2").open("rb")
    except FileNotFoundError:
        raise Unavailable("the server's log was not found; run cbperf on the server's machine") from None
    except PermissionError:
        raise Unavailable("no permission to read the server's log; run cbperf as the server's user or as root") from None
    if not stat.S_ISREG(os.fstat(log.fileno()).st_mode):
        log.close()
        raise Unavailable("the server's log is not a file; set logging_collector, or start the server with pg_ctl -l FILE")
    log.seek(0, os.SEEK_END)
    return log


def reason(error: psycopg.Error) -> str:
    text = str(error).splitlines()[0]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{text}; GRANT EXECUTE on it, or connect as a superuser"
    return f"the query to the server failed: {text}"


class Watch(Session):
    """Requests a dump every INTERVAL, in its own connection and thread, and reads the log."""

    def __init__(self, target: Target):
        self.pid = target.pid
        self.parser = Parser(target.pid)
        self.dumps: list[tuple[float, Dump]] = []
        self.failure: str | None = None
        self.ended = threading.Event()
        try:
            self.connection = target.connect()
            try:
                self.log = open_log(self.connection, target.postmaster)
            except BaseException:
                self.connection.close()
                raise
        except psycopg.Error as error:
            raise Unavailable(reason(error)) from None
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.run, name="contexts", daemon=True)
        self.thread.start()

    def run(self) -> None:
        rest = b""
        try:
            with self.log, self.connection:
                while True:
                    there, = self.connection.execute("SELECT pg_catalog.pg_log_backend_memory_contexts(%s)", [self.pid]).fetchone()
                    if not there:
                        self.failure = f"there is no backend {self.pid}; it has ended"
                    last = self.ended.wait(INTERVAL) or not there
                    *lines, rest = (rest + self.log.read()).split(b"\n")
                    now = time.monotonic() - self.began
                    self.dumps += ((now, dump) for dump in self.parser.feed(line.decode(errors="replace") for line in lines))
                    if last:
                        return
        except psycopg.Error as error:
            self.failure = reason(error)

    def collect(self) -> Profile:
        """Return the contexts at their largest. The facts have the seconds, total bytes and used bytes of all dumps."""
        self.abandon()
        if not self.dumps:
            raise Unavailable(self.failure or "the backend wrote no memory contexts; does it check for interrupts, and does the server write its log to the file?")
        _, largest = max(self.dumps, key=lambda dump: dump[1].total)
        return Profile(Contexts.unit, largest.total, flame.from_stacks(largest.stacks),
                       {"seconds": [round(seconds, 3) for seconds, _ in self.dumps], "total": [dump.total for _, dump in self.dumps],
                        "used": [dump.used for _, dump in self.dumps]})

    def abandon(self) -> None:
        self.ended.set()
        self.thread.join()


class Contexts(Profiler):
    name = "contexts"
    title = "Memory contexts"
    unit = "bytes"

    def start(self, target: Target, scratch: Path) -> Watch:
        if target.kind != "sql" or not target.connect or not target.pid:
            raise Unavailable("only PostgreSQL sessions have memory contexts; profile SQL")
        if not target.postmaster:
            raise Unavailable("the server's log is on another machine; run cbperf there")
        return Watch(target)
