"""What the tests of the service share: running services, requests, and queries of the database."""

import contextlib
import http.client
import subprocess
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import API, asgi, queries, until

DATABASE = "cell_binary_api"
ROLE = "cell_binary_api"
CELLS = """(sample text, cell_id bigint, x integer, y integer, phenotypes bigint,
    PRIMARY KEY (sample, cell_id))"""
ONE_CELL = bytes.fromhex("01000000 02000000 03000000 0400000000000000")   # x 2, y 3, phenotypes 4
VIEWER = API / "cell_binary_api" / "viewer"
needs_viewer = pytest.mark.skipif(not VIEWER.is_dir(), reason="the viewer is not built")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Service:
    """A running service. Each request uses its own connection, and bodies are not decoded."""

    port: int
    log: Path
    process: subprocess.Popen | None = None
    prefix = ""
    every_request = {}   # headers

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def http_connection(self, timeout: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, path: str, method: str = "GET", timeout: float = 60,
                **headers: str | list[str]) -> Answer:
        with contextlib.closing(self.http_connection(timeout)) as connection:
            connection.putrequest(method, self.prefix + path, skip_accept_encoding=True)
            for name, values in (self.every_request | headers).items():
                # A list makes one line of each value.
                for value in [values] if isinstance(values, str) else values:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def data(self, study: str = "lab", sample: str = "small", layout: str | None = None,
             method: str = "GET", **headers: str | list[str]) -> Answer:
        return self.request(data_path(study, sample, layout), method, **headers)


def data_path(study: str, sample: str, layout: str | None = None) -> str:
    query = {"study": study, "sample": sample} | ({"layout": layout} if layout else {})
    return "/cell-data-binary/?" + urllib.parse.urlencode(query)


@contextlib.contextmanager
def serve(log: Path, *module: str, **environment: str) -> Iterator[Service]:
    """Run a service as the restricted role, and check at the end that its log has no traceback."""
    defaults = {"PGDATABASE": DATABASE, "PGUSER": ROLE}
    with asgi(log, *module, **(defaults | environment)) as (port, process):
        yield Service(port, log, process)
    assert "Traceback" not in log.read_text(), log.read_text()


def register(connection, study: str, source: str | None = None, features: list[str] = ["A"],
             **options: bool | int | str) -> None:
    """Register a study; its source, unless named, is the relation with the study's name."""
    more = "".join(f", {name} => {value}" for name, value in options.items())
    connection.execute(
        f"SELECT cell_register_study(%s, %s, phenotypes => 'phenotypes', features => %s{more})",
        (study, source or f'"{study}"', features))


def packed(connection, study: str = "lab", sample: str = "small", layout: str = "compact",
           coding: str = "identity") -> bytes:
    """The payload that PostgreSQL returns."""
    return connection.execute("SELECT cell_data(%s, %s, %s, %s)", (study, sample, layout, coding),
                              binary=True).fetchone()[0]


def packings(connection, study: str = "lab") -> int:
    """How often samples of the study were packed for the store."""
    return connection.execute("""
        SELECT coalesce(sum(packings), 0)::int FROM cell_store_stats WHERE study = %s""",
        (study,)).fetchone()[0]


def until_downloads(connection, number: int) -> None:
    """Wait until exactly so many large downloads run."""
    until(lambda: queries(connection, "cell_chunks") == number)
