"""A service of its own for the tests, on the server that libpq's variables name, in a database that is made for them."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

API = Path(__file__).parents[1]
sys.path.append(str(API))   # for what is tested by itself
DATABASE = "cell_binary_api"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Service:
    """A running service. Requests go over a connection of their own each, and nothing is decoded on the way."""

    url: str
    process: subprocess.Popen
    log: Path
    port: int = field(init=False)

    def __post_init__(self):
        self.port = urllib.parse.urlsplit(self.url).port

    def request(self, path: str, method: str = "GET", timeout: float = 60, **headers: str | list[str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, values in headers.items():
                for value in [values] if isinstance(values, str) else values:   # of several, a line each
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def data(self, study: str = "lab", sample: str = "small", layout: str | None = None, method: str = "GET", **headers: str) -> Answer:
        return self.request(data_path(study, sample, layout), method, **headers)

    def rss(self) -> int:
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


def data_path(study: str, sample: str, layout: str | None = None) -> str:
    query = {"study": study, "sample": sample} | ({"layout": layout} if layout else {})
    return "/cell-data-binary/?" + urllib.parse.urlencode(query)


def until(condition, seconds: float = 20, interval: float = 0.02):
    """Wait for a condition; the limit is for a broken service, not a target."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(interval)
    return value


def until_it_listens(process: subprocess.Popen, port: int, log: Path) -> None:
    def listens():
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
    until(listens)


@contextlib.contextmanager
def serve(log: Path, *module: str, **environment: str):
    """Start the service, and look at the end that its log has no traceback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(module or ["cell_binary_api.server"]), "--port", str(port), "--log-level", "warning",
             "--timeout-graceful-shutdown", "3"], cwd=API,
            env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT)
    service = Service(f"http://127.0.0.1:{port}", process, log)
    try:
        until_it_listens(process, port, log)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def connection():
    """As superuser, to the database that the service serves."""
    with psycopg.connect(dbname="postgres", autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {DATABASE}")
        with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
            # Not where names are looked up by default.
            connection.execute("CREATE SCHEMA imaging; CREATE EXTENSION cell_binary SCHEMA imaging; SET search_path = public, imaging")
            yield connection
        maintenance.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        maintenance.execute("DROP ROLE IF EXISTS cell_binary_api")


CELLS = """(sample text, cell_id bigint, x integer, y integer, phenotypes bigint, PRIMARY KEY (sample, cell_id))"""


@pytest.fixture(scope="session")
def study(connection):
    """The study "lab": samples small (1,000 cells) and large (1,000,000: 16 MB)."""
    connection.execute(f"CREATE TABLE cell {CELLS}")
    connection.execute("""
        INSERT INTO cell SELECT sample, i, i % 1000 - 5, i / 1000, i * 2654435761 % 1099511627776
        FROM (VALUES ('small', 1000), ('large', 1000000)) s (sample, cells), generate_series(1, cells) i""")
    connection.execute("SELECT cell_register_study('lab', 'cell', phenotypes => 'phenotypes', features => '{CD3,CD8,\"A & B\"}')")
    connection.execute("ANALYZE cell")
    return "lab"


@pytest.fixture(scope="session")
def role(connection, study):
    """The role of the service, that may read some tables and no more."""
    connection.execute("CREATE ROLE cell_binary_api LOGIN; GRANT SELECT ON cell TO cell_binary_api; GRANT USAGE ON SCHEMA imaging TO cell_binary_api")
    connection.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO cell_binary_api")
    return "cell_binary_api"


@pytest.fixture(scope="session")
def service(role, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service") / "log", PGDATABASE=DATABASE, PGUSER=role) as service:
        yield service


@pytest.fixture(scope="session")
def raising(connection, role):
    """A function that makes a sample of the study "raising", which is called after an SQLSTATE and raises it."""
    connection.execute("""
        CREATE FUNCTION raise(state text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'deliberate' USING ERRCODE = state; END $$;
        CREATE TABLE raising_cell (state text, cell_id bigint);
        CREATE VIEW raising AS SELECT state AS sample, cell_id, raise(state) AS x, 1 AS y, 1::bigint AS phenotypes FROM raising_cell;
        SELECT cell_register_study('raising', 'raising', phenotypes => 'phenotypes', features => '{A}')""")

    def make(state: str) -> None:
        connection.execute("INSERT INTO raising_cell VALUES (%s, 1)", (state,))
    return make
