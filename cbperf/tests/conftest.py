"""The server to which libpq's variables lead."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

os.environ["CBPERF_TEST_LOCK"] = f" in tests {os.getpid()}"     # other processes may measure on this machine
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))


@dataclass
class Server:
    """Connections as superuser."""

    connection: psycopg.Connection

    def connect(self, database: str = "postgres", **options) -> psycopg.Connection:
        return psycopg.connect(dbname=database, autocommit=True, **options)

    def drop(self, *databases: str) -> None:
        for database in databases:
            self.connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        yield Server(connection)
