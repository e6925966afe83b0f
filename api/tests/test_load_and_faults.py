"""Many requests at once, clients that disconnect, and a database that fails."""

import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from harness import ask, queries, until
from services import (
    CELLS, DATABASE, data_path, packed, packings, register, serve, until_downloads)

LARGE = data_path("lab", "large", "compact")
CANCEL_PACKING = """
    SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE query LIKE '%cell_data_head(%' AND pid <> pg_backend_pid()"""
OTHER_BACKENDS = """
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@pytest.fixture
def slow(connection, role):
    """The study "slow", made anew for each test. Its sample S takes a second to pack."""
    connection.execute(f"""
        CREATE TABLE slow_cell {CELLS};
        INSERT INTO slow_cell SELECT 'S', i, i, i, i FROM generate_series(1, 1000) i;
        CREATE VIEW slow_view AS SELECT * FROM slow_cell WHERE pg_sleep(0.001) IS NOT NULL""")
    register(connection, "slow", "slow_view", store=True)
    yield "slow"
    connection.execute("SELECT cell_drop_study('slow'); DROP VIEW slow_view; DROP TABLE slow_cell")


def cancelled() -> int:
    """How many queries of this server were cancelled."""
    log = Path(os.environ["SANDBOX"]) / "server.log"
    return log.read_text().count("canceling statement due to user request")


def packing_begins(connection) -> None:
    until(lambda: queries(connection, "cell_data_head") == 1)


# ---- Packing

def test_many_requests_cause_one_packing(service, connection, slow):
    with ThreadPoolExecutor(64) as pool:   # all but one wait without a database connection
        answers = list(pool.map(lambda _: service.data(slow, "S", "compact"), range(64)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {packed(connection, slow, "S")}
    assert packings(connection, slow) == 1


def test_packing_fails_while_many_wait(service, connection, slow):
    """The first client gets the error; for the others, one packing starts again."""
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(service.data, slow, "S", "compact") for _ in range(24)]
        packing_begins(connection)
        time.sleep(0.2)   # until the other requests have come
        connection.execute(CANCEL_PACKING)
        most = 0
        while not all(answer.done() for answer in answers):
            # A query that only reads the store is faster than 0.3 seconds.
            most = max(most, queries(connection, "cell_data_head", 0.3))
        assert most == 1
        assert sorted(answer.result().status for answer in answers) == 23 * [200] + [503]
    assert packings(connection, slow) == 1


def test_request_during_an_older_packing(service, connection, slow):
    """The answer has the cells as they are when the request comes, not those of the packing that
    began before."""
    connection.execute("SELECT cell_drop_study('slow')")
    register(connection, "slow", "slow_view", store=False)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.data, slow, "S", "compact", "HEAD")
        packing_begins(connection)
        time.sleep(0.2)
        connection.execute("UPDATE slow_cell SET x = 77 WHERE cell_id = 1")
        second = pool.submit(service.data, slow, "S", "compact", "HEAD")
        now = f'"{hashlib.sha256(packed(connection, slow, "S")).hexdigest()}"'
        assert first.result().headers["ETag"] != now == second.result().headers["ETag"]


def test_impatient_proxy_causes_one_packing(service, connection, slow):
    """The proxy gives up each try before the packing is done; the packing goes on for the next."""
    for tries in range(1, 10):
        try:
            timeout = 0.4 if tries < 9 else 60
            answer = service.request(data_path(slow, "S", "compact"), timeout=timeout)
            break
        except TimeoutError:
            assert queries(connection, "cell_data_head") <= 1
    assert 2 < tries <= 8 and answer.status == 200 and packings(connection, slow) == 1


def test_client_disconnects_during_packing(service, connection, slow):
    client = ask(service.port, data_path(slow, "S", "compact"))
    packing_begins(connection)
    before = cancelled()
    client.close()
    until(lambda: queries(connection, "cell_data_head") == 0)
    assert cancelled() == before + 1 and packings(connection, slow) == 0
    assert service.data(slow, "S", "compact").status == 200


def test_administrator_cancels_the_query(service, connection, slow):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.data, slow, "S")
        packing_begins(connection)
        connection.execute(CANCEL_PACKING)
        assert answer.result().status == 503 and "Retry-After" in answer.result().headers


# ---- Connections of the service

def test_client_disconnects_during_a_download(service, connection):
    service.data(sample="large", layout="compact", method="HEAD")
    client = ask(service.port, LARGE)
    until_downloads(connection, 1)
    before = cancelled()
    client.close()
    until_downloads(connection, 0)
    assert cancelled() == before + 1
    until(lambda: connection.execute("""
        SELECT count(*) FROM pg_stat_activity
        WHERE state LIKE 'idle in transaction%'""").fetchone()[0] == 0)
    assert service.data(sample="large", layout="compact", method="HEAD").status == 200


def test_no_free_connection(connection, role, slow, tmp_path):
    """The only connection is busy with a packing that waits for a lock."""
    with serve(tmp_path / "log", CELL_BINARY_PACKINGS="1") as service, \
            ThreadPoolExecutor(16) as pool:
        with psycopg.connect(dbname=DATABASE) as locker:
            locker.execute("LOCK slow_cell")
            waiting = pool.submit(service.data, slow, "S", "compact")
            packing_begins(connection)
            answer = service.data(sample="small", layout="compact")
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "busy" in json.loads(answer.body)["detail"]
            for path in ("/health", "/samples/?study=lab",
                         "/cell-data-binary-feature-names/?study=lab"):
                assert service.request(path).status == 200
        assert waiting.result().status == 200
        assert service.data(sample="small", layout="compact").status == 200
        # All requests for one payload share a connection while it is packed.
        answers = pool.map(lambda _: service.data(slow, "S"), range(16))
        assert {answer.status for answer in answers} == {200}


def test_no_connection_is_lost(connection, role, tmp_path):
    """Clients disconnect before, during and just after their download, or are dropped."""
    with serve(tmp_path / "log", CELL_BINARY_DOWNLOADS="4", CELL_BINARY_STALL="1") as service:
        service.data(sample="large", layout="compact", method="HEAD")

        def leave(seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(100):
                sample = chance.choice(["small", "small", "large"])
                with ask(service.port, data_path("lab", sample, "compact")) as client:
                    client.settimeout(chance.random() * 0.02)
                    with contextlib.suppress(OSError):   # dropped, if this thread is late
                        while chance.random() < 0.9 and client.recv(8192):
                            pass
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(leave, range(8)))
        clients = [ask(service.port, LARGE) for _ in range(12)]   # more than the connections
        until_downloads(connection, 0)
        for client in clients:
            client.close()
        clients = [ask(service.port, LARGE) for _ in range(4)]
        until_downloads(connection, 4)
        for client in clients:
            client.close()


def test_writers_during_downloads(service, connection):
    """The length and the ETag are those of the bytes."""
    stop = time.monotonic() + 3

    def read(_) -> int:
        count = 0
        while time.monotonic() < stop:
            answer = service.data(sample="small", layout="compact")
            assert answer.status == 200
            assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
            count += 1
        return count
    with ThreadPoolExecutor(4) as pool:
        readers = pool.map(read, range(4))
        while time.monotonic() < stop:
            connection.execute(
                "UPDATE cell SET x = x + 1 WHERE sample = 'small' AND cell_id = 7")
        assert all(count > 3 for count in readers)


# ---- A database that fails

class Cluster:
    """A PostgreSQL server that tests can stop."""

    def __init__(self, directory: Path):
        self.directory, self.data = directory, directory / "data"
        subprocess.run(
            ["initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
             "-D", self.data], check=True, stdout=subprocess.DEVNULL)
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{directory}'\n"
                           "fsync = off\n")
        self.start()
        with self.connect() as connection:
            connection.execute(f"""
                CREATE EXTENSION cell_binary; CREATE TABLE cell {CELLS};
                INSERT INTO cell SELECT sample, i, i, i, i
                FROM (VALUES ('small', 1000), ('large', 1000000)) s (sample, cells),
                    generate_series(1, cells) i""")
            register(connection, "lab", "cell")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.directory), user="postgres", dbname="postgres",
                               autocommit=True)

    def start(self) -> None:
        subprocess.run(["pg_ctl", "start", "-s", "-w", "-D", self.data,
                        "-l", self.directory / "server.log"], check=True)

    def stop(self) -> None:
        subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", self.data],
                       check=True)

    def serve(self, log: Path, database: str = "postgres"):
        return serve(log, PGHOST=str(self.directory), PGDATABASE=database, PGUSER="postgres")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pg")
    cluster = Cluster(directory)
    yield cluster
    cluster.stop()
    shutil.rmtree(directory)


@pytest.fixture
def fragile(cluster, tmp_path):
    """A service on the server that tests can stop."""
    with cluster.serve(tmp_path / "log") as service:
        yield service


def assert_broken_download(service, fault) -> None:
    """Begin a download, cause a fault, and check that the download ends before its length."""
    with contextlib.closing(service.http_connection(30)) as connection:
        connection.connect()
        # A small buffer, so that a part of the download is still in the database.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
        connection.request("GET", LARGE, headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        assert response.status == 200 and response.headers["Content-Length"] == "16000004"
        fault()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


def test_database_stops_during_a_download_and_starts_again(cluster, fragile):
    assert fragile.data().status == 200
    assert_broken_download(fragile, cluster.stop)
    for path in "/health", "/samples/?study=lab", data_path("lab", "small"):
        answer = fragile.request(path)
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        assert json.loads(answer.body)["status"] == 503
    cluster.start()
    until(lambda: fragile.request("/health").status == 200, interval=0.1)
    assert fragile.data().status == 200 and fragile.data(sample="large").status == 200


def test_backends_are_terminated(cluster, fragile):
    def terminate() -> None:
        with cluster.connect() as connection:
            connection.execute(f"SELECT pg_terminate_backend(pid) {OTHER_BACKENDS}")
    assert_broken_download(fragile, terminate)
    assert fragile.data(sample="large").status == 200
    with ThreadPoolExecutor(12) as pool:   # makes as many idle connections
        list(pool.map(lambda _: fragile.data(sample="large"), range(12)))
    terminate()
    for path in "/health", data_path("lab", "small"):
        assert fragile.request(path).status == 200


def test_backends_stop_answering(cluster, fragile):
    """As when the network loses packets: a timeout ends the wait."""
    assert fragile.data(sample="large").status == 200
    assert fragile.request("/health").status == 200
    with cluster.connect() as connection:
        backends = [pid for pid, in connection.execute(f"SELECT pid {OTHER_BACKENDS}")]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        for path in "/health", data_path("lab", "small"):
            assert fragile.request(path, timeout=30).status in (200, 503)
        # The service makes new connections.
        until(lambda: fragile.request("/health").status == 200 == fragile.data().status)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    assert fragile.data(sample="large").status == 200


def test_service_starts_before_the_database(cluster, tmp_path):
    cluster.stop()
    with cluster.serve(tmp_path / "log") as service:
        assert service.request("/health").status == 503
        cluster.start()
        until(lambda: service.request("/health").status == 200, interval=0.1)


def test_database_without_the_extension(cluster, tmp_path):
    with cluster.serve(tmp_path / "log", database="template1") as service:
        assert service.request("/health").status == 503
        assert "no extension cell_binary" in service.log.read_text()


def test_role_without_usage_on_the_schema(connection, role, tmp_path):
    connection.execute(f"REVOKE USAGE ON SCHEMA imaging FROM {role}")
    with serve(tmp_path / "log") as service:
        assert service.request("/health").status == 503
        assert f'the role "{role}" has no USAGE' in service.log.read_text()
        connection.execute(f"GRANT USAGE ON SCHEMA imaging TO {role}")
        assert service.request("/health").status == 200
