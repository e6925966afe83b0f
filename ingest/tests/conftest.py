"""Fixtures and helpers of the tests: a database, a schema for each test, and runs of cbload."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

INGEST = Path(__file__).parents[1]
sys.path[:0] = [str(INGEST / "loader"), str(INGEST / "tests")]

from experiment import MAP, Experiment, write

SHARED = Path("../shared/data/cellprofiler")
DATABASE = f"cell_binary_ingest_{os.getpid()}"     # two runs of tests can use one server
TABLES = ("cells", "cells_source", "cells_sample")
INTERRUPTED = "cbload: interrupted; sources not reported above are not loaded\n"


@dataclass
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        os.environ["PGDATABASE"] = DATABASE
        with psycopg.connect(autocommit=True) as inside:
            inside.execute("CREATE SCHEMA packed; CREATE EXTENSION cell_binary SCHEMA packed")
        yield
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def db() -> Iterator[psycopg.Connection]:
    """A connection whose first schema is the test's own, and is dropped after the test."""
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("CREATE SCHEMA made")
        connection.execute("SET search_path = made, packed")
        os.environ["PGOPTIONS"] = "-c search_path=made,packed"
        yield connection
        for (study,) in connection.execute("SELECT study FROM packed.cell_studies").fetchall():
            connection.execute("SELECT packed.cell_drop_study(%s)", [study])
        connection.execute("SET client_min_messages = warning; DROP SCHEMA made CASCADE")
        del os.environ["PGOPTIONS"]


@pytest.fixture
def map(request, tmp_path) -> Path:
    """A file with the MAP of the module, or else that of an experiment.

    A test can write another map into the file.
    """
    path = tmp_path / "map.sql"
    path.write_text(getattr(request.module, "MAP", MAP))
    return path


@pytest.fixture
def program() -> Iterator[ModuleType]:
    """The main module of cbload in this process. Signal handlers are restored after the test."""
    spec = importlib.util.spec_from_file_location("cbload_main", INGEST / "loader/__main__.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in signals}
    yield program
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def cbload(db, program, capsys, monkeypatch) -> Callable[..., Ended]:
    """Run cbload in this process, which is faster than in its own."""
    def run(*arguments, stdin: Path | None = None) -> Ended:
        monkeypatch.setattr(sys, "argv", ["cbload", *(str(argument) for argument in arguments)])
        with contextlib.ExitStack() as stack:
            if stdin:
                monkeypatch.setattr(sys, "stdin", stack.enter_context(stdin.open()))
            try:
                status = program.main()
            except SystemExit as end:
                status = end.code
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run


@pytest.fixture
def process(db) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start cbload in a process of its own, which a test can kill."""
    started: list[subprocess.Popen] = []

    def start(*arguments, **options) -> subprocess.Popen:
        command = [sys.executable, "-P", str(INGEST / "loader")]
        command += [str(argument) for argument in arguments]
        started.append(subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()


@pytest.fixture
def loaded_before(cbload, map, tmp_path) -> None:
    """Load a first source with 20 cells, so that the tables exist."""
    objects = Experiment(images=1, cells=20, seed=9).objects
    assert cbload(write(tmp_path / "before.csv", objects), "--map", map).status == 0


def as_before(db) -> bool:
    """Return whether the tables have only the source of loaded_before."""
    counts = [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES]
    return counts == [20, 1, 1]


def nothing_loaded(db, table: str = "cells") -> bool:
    """Return whether the tables have no cell, no source and no sample, or do not exist."""
    tables = [name.replace("cells", table) for name in TABLES]
    existing = [
        name for name in tables
        if db.execute("SELECT to_regclass(%s)", [name]).fetchone()[0]
    ]
    return all(
        db.execute(f"SELECT NOT EXISTS (SELECT FROM {name})").fetchone()[0] for name in existing)


def delete_all(db) -> None:
    db.execute("DELETE FROM cells; DELETE FROM cells_sample; DELETE FROM cells_source")


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.02)


def sessions(db, condition: str = "true") -> int:
    """Return the number of cbload's sessions in this database that meet a condition."""
    return db.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        f"AND application_name = 'cbload' AND {condition}").fetchone()[0]


def wait_for_locks(db, number: int) -> None:
    """Wait until this number of cbload's sessions waits for a lock."""
    until(lambda: sessions(db, "wait_event_type = 'Lock'") == number)


def wait_for_end(db) -> None:
    """Wait until cbload has no sessions."""
    until(lambda: not sessions(db))


def terminate(db, condition: str = "true", timeout: int = 0) -> None:
    """Terminate cbload's sessions in this database that meet a condition."""
    db.execute(
        f"SELECT pg_terminate_backend(pid, {timeout}) FROM pg_stat_activity WHERE "
        f"datname = current_database() AND application_name = 'cbload' AND {condition}")


def shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip("skipped: no ../shared/data")
    return path
