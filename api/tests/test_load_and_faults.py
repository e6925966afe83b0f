"""What happens when many ask at once, clients go away, and the database fails."""

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
from conftest import CELLS, DATABASE, data_path, serve, until
from test_api import packed, packings


@pytest.fixture
def slow(connection, role):
    """A study of which one sample, of 1,000 cells, takes a second to pack; each test's own."""
    connection.execute(f"""
        CREATE TABLE slow_cell {CELLS};
        INSERT INTO slow_cell SELECT 'S', i, i, i, i FROM generate_series(1, 1000) i;
        CREATE VIEW slow_view AS SELECT * FROM slow_cell WHERE pg_sleep(0.001) IS NOT NULL;
        SELECT cell_register_study('slow', 'slow_view', phenotypes => 'phenotypes', features => '{{A}}', store => true)""")
    yield "slow"
    connection.execute("SELECT cell_drop_study('slow'); DROP VIEW slow_view; DROP TABLE slow_cell")


def queries(connection, what: str, seconds: float = 0) -> int:
    """How many of a function run, for some time."""
    return connection.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
                              " AND clock_timestamp() - query_start >= make_interval(secs => %s)", (f"%{what}(%", seconds)).fetchone()[0]


def cancelled() -> int:
    """How many queries of this server were cancelled."""
    return (Path(os.environ["SANDBOX"]) / "server.log").read_text().count("canceling statement due to user request")


def ask(service, path: str, headers: str = "") -> socket.socket:
    """Send a request and read nothing of the answer."""
    client = socket.create_connection(("127.0.0.1", service.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: service\r\n{headers}\r\n".encode())
    return client


def test_many_ask_at_once_and_it_is_packed_once(service, connection, slow):
    with ThreadPoolExecutor(64) as pool:   # of whom all but one wait without a connection to the database
        answers = list(pool.map(lambda _: service.data(slow, "S", "compact"), range(64)))
    assert {answer.status for answer in answers} == {200} and len({answer.body for answer in answers}) == 1
    assert answers[0].body == packed(connection, slow, "S") and packings(connection, slow) == 1


def test_packing_fails_while_many_wait(service, connection, slow):
    """Who asked first is told; for the others one packs anew."""
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(service.data, slow, "S", "compact") for _ in range(24)]
        until(lambda: queries(connection, "cell_data_head") == 1)
        time.sleep(0.2)   # for the others to come
        connection.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%cell_data_head(%' AND pid <> pg_backend_pid()")
        most = 0
        while not all(answer.done() for answer in answers):
            most = max(most, queries(connection, "cell_data_head", 0.3))   # those that pack, and don't look only
        assert most == 1 and sorted(answer.result().status for answer in answers) == 23 * [200] + [503]
    assert packings(connection, slow) == 1


def test_what_others_wait_for_may_be_too_old(service, connection, slow):
    """A request that comes during a packing is answered as the cells are when it comes."""
    connection.execute("SELECT cell_drop_study('slow'); SELECT cell_register_study('slow', 'slow_view', phenotypes => 'phenotypes', features => '{A}', store => false)")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.data, slow, "S", "compact", "HEAD")
        until(lambda: queries(connection, "cell_data_head") == 1)
        time.sleep(0.2)
        connection.execute("UPDATE slow_cell SET x = 77 WHERE cell_id = 1")
        second = pool.submit(service.data, slow, "S", "compact", "HEAD")
        now = f'"{hashlib.sha256(packed(connection, slow, "S")).hexdigest()}"'
        assert first.result().headers["ETag"] != now == second.result().headers["ETag"]


def test_impatient_proxy_gets_it_packed_once(service, connection, slow):
    """Each try is given up before the packing is done. What was begun goes on for the next."""
    tries = 0
    while True:
        tries += 1
        try:
            answer = service.data(slow, "S", "compact") if tries > 8 else service.request(data_path(slow, "S", "compact"), timeout=0.4)
            break
        except TimeoutError:
            assert queries(connection, "cell_data_head") <= 1
    assert 2 < tries <= 8 and answer.status == 200 and packings(connection, slow) == 1


def test_client_gone_while_it_is_packed(service, connection, slow):
    client = ask(service, data_path(slow, "S", "compact"))
    until(lambda: queries(connection, "cell_data_head") == 1)
    before = cancelled()
    client.close()
    until(lambda: queries(connection, "cell_data_head") == 0)
    assert cancelled() == before + 1 and packings(connection, slow) == 0
    assert service.data(slow, "S", "compact").status == 200


def test_client_gone_during_a_download(service, connection):
    service.data(sample="large", layout="compact", method="HEAD")
    client = ask(service, data_path("lab", "large", "compact"))
    until(lambda: queries(connection, "cell_chunks") == 1)
    before = cancelled()
    client.close()
    until(lambda: queries(connection, "cell_chunks") == 0)
    assert cancelled() == before + 1
    until(lambda: connection.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'").fetchone()[0] == 0)
    assert service.data(sample="large", layout="compact", method="HEAD").status == 200


def test_no_connection_left(connection, role, slow, tmp_path):
    """One is busy with a packing that waits for a lock."""
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_PACKINGS="1") as service, ThreadPoolExecutor(16) as pool:
        with psycopg.connect(dbname=DATABASE) as locker:
            locker.execute("LOCK slow_cell")
            waiting = pool.submit(service.data, slow, "S", "compact")
            until(lambda: queries(connection, "cell_data_head") == 1)
            answer = service.data(sample="small", layout="compact")
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"] == "application/problem+json" and "busy" in json.loads(answer.body)["detail"]
            for path in "/health", "/samples/?study=lab", "/cell-data-binary-feature-names/?study=lab":
                assert service.request(path).status == 200
        assert waiting.result().status == 200
        assert service.data(sample="small", layout="compact").status == 200
        # Many for one payload need one connection while it is packed.
        assert {answer.status for answer in pool.map(lambda _: service.data(slow, "S"), range(16))} == {200}


def test_no_connection_is_lost(connection, role, tmp_path):
    """Whenever a client leaves: before, during and just after its download, or when it is given up."""
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_DOWNLOADS="4", CELL_BINARY_STALL="1") as service:
        service.data(sample="large", layout="compact", method="HEAD")

        def leave(seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(100):
                with contextlib.closing(ask(service, data_path("lab", chance.choice(["small", "small", "large"]), "compact"))) as client:
                    client.settimeout(chance.random() * 0.02)
                    with contextlib.suppress(OSError):   # also given up, if this thread is late
                        while chance.random() < 0.9 and client.recv(8192):
                            pass
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(leave, range(8)))
        clients = [ask(service, data_path("lab", "large", "compact")) for _ in range(12)]   # more than there are connections
        until(lambda: queries(connection, "cell_chunks") == 0)
        for client in clients:
            client.close()
        clients = [ask(service, data_path("lab", "large", "compact")) for _ in range(4)]
        until(lambda: queries(connection, "cell_chunks") == 4)
        for client in clients:
            client.close()


def test_writers_amid_downloads(service, connection):
    """Length and ETag are those of the bytes, whoever writes meanwhile."""
    stop = time.monotonic() + 3

    def read(_) -> int:
        count = 0
        while time.monotonic() < stop:
            answer = service.data(sample="small", layout="compact")
            assert answer.status == 200 and answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
            count += 1
        return count
    with ThreadPoolExecutor(4) as pool:
        readers = pool.map(read, range(4))
        while time.monotonic() < stop:
            connection.execute("UPDATE cell SET x = x + 1 WHERE sample = 'small' AND cell_id = 7")
        assert all(count > 3 for count in readers)


class Cluster:
    """A server of its own, to be stopped."""

    def __init__(self, directory):
        self.directory = directory
        subprocess.run(["initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", directory / "data"], check=True, stdout=subprocess.DEVNULL)
        with (directory / "data/postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{directory}'\nfsync = off\n")
        self.start()
        self.connect().execute(f"""
            CREATE EXTENSION cell_binary; CREATE TABLE cell {CELLS};
            INSERT INTO cell SELECT sample, i, i, i, i FROM (VALUES ('small', 1000), ('large', 1000000)) s (sample, cells), generate_series(1, cells) i;
            SELECT cell_register_study('lab', 'cell', phenotypes => 'phenotypes', features => '{{A}}')""")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.directory), user="postgres", dbname="postgres", autocommit=True)

    def start(self):
        subprocess.run(["pg_ctl", "start", "-s", "-w", "-D", self.directory / "data", "-l", self.directory / "server.log"], check=True)

    def stop(self):
        subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", self.directory / "data"], check=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pg")
    cluster = Cluster(directory)
    yield cluster
    cluster.stop()
    shutil.rmtree(directory)


@pytest.fixture
def fragile(cluster, tmp_path):
    with serve(tmp_path / "log", PGHOST=str(cluster.directory), PGDATABASE="postgres", PGUSER="postgres") as service:
        yield service


def broken_download(service, fault) -> None:
    """Begin a download, let something happen, and see that it ends before its length."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.sock = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)   # so that not all of it is on its way at once
    with contextlib.closing(connection):
        connection.request("GET", data_path("lab", "large", "compact"), headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        assert response.status == 200 and response.headers["Content-Length"] == "16000004"
        fault()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


def test_database_stops_during_a_download_and_comes_back(cluster, fragile):
    assert fragile.data().status == 200
    broken_download(fragile, cluster.stop)
    for path in "/health", "/samples/?study=lab", data_path("lab", "small"):
        answer = fragile.request(path)
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0 and json.loads(answer.body)["status"] == 503
    cluster.start()
    until(lambda: fragile.request("/health").status == 200, interval=0.1)
    assert fragile.data().status == 200 and fragile.data(sample="large").status == 200


def test_backend_is_killed(cluster, fragile):
    killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    broken_download(fragile, lambda: cluster.connect().execute(killed))
    assert fragile.data(sample="large").status == 200
    with ThreadPoolExecutor(12) as pool:   # so that there are as many idle ones
        list(pool.map(lambda _: fragile.data(sample="large"), range(12)))
    cluster.connect().execute(killed)
    for path in "/health", data_path("lab", "small"):
        assert fragile.request(path).status == 200


def test_backends_that_do_not_answer(cluster, fragile):
    """As when packets are lost: a limit ends the waiting."""
    assert fragile.data(sample="large").status == 200 and fragile.request("/health").status == 200
    backends = [pid for pid, in cluster.connect().execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        for path in "/health", data_path("lab", "small"):
            assert fragile.request(path, timeout=30).status in (200, 503)
        until(lambda: fragile.request("/health").status == 200 == fragile.data().status)   # over new connections
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    assert fragile.data(sample="large").status == 200


def test_service_starts_before_the_database(cluster, tmp_path):
    cluster.stop()
    with serve(tmp_path / "log", PGHOST=str(cluster.directory), PGDATABASE="postgres", PGUSER="postgres") as service:
        assert service.request("/health").status == 503
        cluster.start()
        until(lambda: service.request("/health").status == 200, interval=0.1)


def test_database_without_the_extension(cluster, tmp_path):
    with serve(tmp_path / "log", PGHOST=str(cluster.directory), PGDATABASE="template1", PGUSER="postgres") as service:
        assert service.request("/health").status == 503
        assert "no extension cell_binary" in service.log.read_text()


def test_role_that_may_not_use_the_schema(connection, role, tmp_path):
    connection.execute(f"REVOKE USAGE ON SCHEMA imaging FROM {role}")
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role) as service:
        assert service.request("/health").status == 503
        assert f"{role} has no USAGE" in service.log.read_text()
        connection.execute(f"GRANT USAGE ON SCHEMA imaging TO {role}")
        assert service.request("/health").status == 200


def test_query_cancelled_by_who_operates_the_server(service, connection, slow):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.data, slow, "S")
        until(lambda: queries(connection, "cell_data_head") == 1)
        connection.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%cell_data_head(%' AND pid <> pg_backend_pid()")
        assert answer.result().status == 503 and "Retry-After" in answer.result().headers
