"""The database that libpq's variables lead to, a schema in it for each test, and sources made for the tests."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

INGEST = Path(__file__).parents[1]
sys.path[:0] = [str(INGEST / "loader"), str(INGEST / "tests")]
SHARED = Path("../shared/data/cellprofiler")
DATABASE = "cell_binary_ingest"


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
    """A connection whose first schema is the test's own, gone at its end."""
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
def program() -> Iterator[ModuleType]:
    """The main module of cbload, in this process. It gets its handlers of signals back."""
    spec = importlib.util.spec_from_file_location("cbload_main", INGEST / "loader/__main__.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield program
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def cbload(db, program, capsys, monkeypatch):
    """cbload in this process, which is quicker than one of its own."""
    def run(*arguments, stdin: Path | None = None) -> Ended:
        monkeypatch.setattr(sys, "argv", ["cbload", *map(str, arguments)])
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
def process(db) -> Iterator:
    """cbload in a process of its own, which can be killed."""
    started: list[subprocess.Popen] = []

    def start(*arguments, **options) -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-P", str(INGEST / "loader"), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()


def nothing_loaded(db, table: str = "cells") -> bool:
    """Not a cell, nor a source or a sample without cells."""
    tables = [name for name in (table, f"{table}_source", f"{table}_sample") if db.execute("SELECT to_regclass(%s)", [name]).fetchone()[0]]
    return all(db.execute(f"SELECT NOT EXISTS (SELECT FROM {name})").fetchone()[0] for name in tables)


def shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip("skipped: no ../shared/data")
    return path
