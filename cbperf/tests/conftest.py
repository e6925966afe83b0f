"""The server that libpq's variables lead to, and a store on it, in a database that is made for the tests."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

os.environ["CBPERF_TEST_LOCK"] = f" in tests {os.getpid()}"     # others may measure on this machine
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))


@dataclass
class Server:
    """As superuser. Databases that were made are gone at the end of the session."""

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
