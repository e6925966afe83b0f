"""What happens when many ask at once, clients go away, and the database fails."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import uvicorn
from cell_binary_api import clients
from cell_binary_api import server as server_module
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


def test_slow_clients_cost_little_memory(service, connection):
    service.data(sample="large", layout="compact")
    before = service.rss()
    clients = [ask(service, data_path("lab", "large", "compact")) for _ in range(8)]
    until(lambda: queries(connection, "cell_chunks") == 8)
    time.sleep(0.5)   # to read on, if it would
    assert service.rss() - before < 8 * 2.5e6   # of 16 MB each
    assert service.request("/health").status == 200
    for client in clients:
        client.close()
    until(lambda: queries(connection, "cell_chunks") == 0)


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


def trickle(client: socket.socket) -> None:
    """Take a byte a second, until the connection ends."""
    with contextlib.suppress(OSError):
        while client.recv(1):
            time.sleep(1)


STALLED = {
    "take nothing of what is large": lambda service: ask(service, data_path("lab", "large", "compact")),
    "take nothing of what is small": lambda service: ask(service, data_path("lab", "large", "compact"), "Range: bytes=0-262143\r\n"),
    "take a byte a second": lambda service: [client := ask(service, data_path("lab", "large", "compact")), threading.Thread(target=trickle, args=[client], daemon=True).start()][0],
    "send half a request": lambda service: send(service, b"GET /health HTTP/1.1\r\nHost: serv"),
}


@pytest.mark.parametrize("kind", STALLED)
def test_stalled_clients_hinder_nobody(connection, role, tmp_path, kind):
    """64 of them, several times what there are connections to the database; of the others all get what they want."""
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_DOWNLOADS="4", CELL_BINARY_PACKINGS="2") as service:
        known = service.data(sample="large", layout="compact", method="HEAD").headers["ETag"]
        stalled = [STALLED[kind](service) for _ in range(64)]
        if "large" in kind:
            until(lambda: queries(connection, "cell_chunks") == 4)
        for _ in range(5):
            assert service.data(sample="small", layout="compact").status == 200
            assert service.data(sample="large", layout="compact", method="HEAD").status == 200
            assert service.data(sample="large", layout="compact", If_None_Match=known).status == 304
            assert service.data(sample="large", layout="compact", Range="bytes=8000000-8000099").status == 206
            assert service.request("/samples/?study=lab").status == 200
        if "large" in kind or "byte" in kind:   # those that wait in line before it get 503 after some seconds
            until(lambda: service.data(sample="large", layout="compact").status == 200)
        assert service.data(sample="large", layout="compact").status == 200
        for client in stalled:
            client.close()


def test_slow_client_makes_way_only_when_others_wait(connection, role, tmp_path):
    """And not for one that only has to have its connection made, as another one is free."""
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_DOWNLOADS="4") as service:
        service.data(sample="large", layout="compact", method="HEAD")
        slow = [ask(service, data_path("lab", "large", "compact")) for _ in range(3)]
        until(lambda: queries(connection, "cell_chunks", 2) == 3)
        for _ in range(10):
            assert service.data(sample="large", layout="compact").status == 200
        assert "broken off" not in service.log.read_text() and queries(connection, "cell_chunks") == 3
        for client in slow:
            client.close()
    with serve(tmp_path / "log 2", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_DOWNLOADS="2") as service:
        service.data(sample="large", layout="compact", method="HEAD")
        slow = [ask(service, data_path("lab", "large", "compact")) for _ in range(2)]
        until(lambda: queries(connection, "cell_chunks") == 2)
        time.sleep(2)
        assert "broken off" not in service.log.read_text()
        for _ in range(3):   # half of the connections stay with slow ones
            assert service.data(sample="large", layout="compact").status == 200
        assert service.log.read_text().count("the client is slow") == 1
        until(lambda: queries(connection, "cell_chunks") == 1)
        slow += [ask(service, data_path("lab", "large", "compact")) for _ in range(3)]
        until(lambda: service.log.read_text().count("the client is slow") == 3)   # all but the last two of five
        for client in slow:
            client.close()


def test_progress_over_time_counts():
    """A client that takes 25 kB a second owes nothing at 16 kB/s, however it takes them; at 1 MB/s ever more."""
    for seconds, taken in (0.04, 1_000), (10, 250_000):
        least, brisk = clients.Debt(clients.LEAST), clients.Debt(clients.BRISK)
        for number in range(1, 101):
            for debt in least, brisk:
                debt.seconds = debt.after(seconds, taken)
            assert least.seconds == 0 and brisk.seconds == pytest.approx(number * seconds * 0.975)
    least.seconds = least.after(50, 1)
    assert 49 < least.seconds < 50 and least.after(100, 5_000_000) == 0   # a pause is forgiven


def test_process_that_was_stopped_gives_nobody_up(service):
    """As after the pause of a virtual machine: all limits are over, and what clients have taken is not seen yet."""
    async def send(_) -> None:
        await asyncio.sleep(0.05)

    async def download() -> None:
        pace = clients.Pace(send, "download")
        pace.work, pace.least.seconds = asyncio.current_task(), clients.STALL - 0.01
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)
        await pace({"type": "http.response.body", "body": b"a"})
    asyncio.run(download())


def test_trickling_client_is_given_up(connection, role, tmp_path):
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_STALL="2") as service:
        service.data(sample="large", layout="compact", method="HEAD")
        client = STALLED["take a byte a second"](service)
        until(lambda: queries(connection, "cell_chunks") == 1)
        until(lambda: queries(connection, "cell_chunks") == 0)
        assert "takes nothing, or too little" in service.log.read_text()
        client.close()


def send(service, start: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", service.port))
    client.sendall(start)
    return client


def test_request_that_does_not_end(service):
    """Its connection ends in seconds, whatever comes a byte at a time."""
    starts = [b"", b"GET /", b"GET /health HTTP/1.1\r\nHost: a", b"GET /health HTTP/1.1\r\nContent-Length: 9\r\n\r\n", b"\r\n",
              b"GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n"]
    clients = {send(service, start): start for start in starts}
    end = time.monotonic() + 30
    received = dict.fromkeys(starts, b"")
    while clients:
        assert time.monotonic() < end, clients.values()
        for client in select.select(list(clients), [], [], 0.5)[0]:
            data = b""
            with contextlib.suppress(ConnectionError):
                data = client.recv(65536)
            received[clients[client]] += data
            if not data:
                del clients[client]
                client.close()
        for client, start in clients.items():
            if start:
                with contextlib.suppress(OSError):
                    client.sendall({b"GET /health HTTP/1.1\r\nContent-Length: 9\r\n\r\n": b"", b"\r\n": b"\r\n"}.get(start, b"a"))
    assert [re.findall(rb"HTTP/1.1 (\d+)", answer) for answer in received.values()] == [
        [], [b"408"], [b"408"], [b"200"], [], [b"200", b"408"]]


@contextlib.contextmanager
def uvicorn_server(application, **options):
    """uvicorn with our connections, in a thread, over a socket whose buffers are small. Gives the path of the socket."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        listener.bind(f"{folder}/socket")
        server = uvicorn.Server(uvicorn.Config(application, http=server_module.Connection, log_level="warning", lifespan="off", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started)
            yield f"{folder}/socket", server
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def connected(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.settimeout(20)
    return client


async def megabyte(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
    await send({"type": "http.response.body", "body": bytes(1000000)})


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"])
def test_end_of_an_answer_is_not_kept_for_ever(monkeypatch, header):
    monkeypatch.setattr(server_module, "STALL", 1)
    with uvicorn_server(megabyte, timeout_keep_alive=60) as (path, server), connected(path) as client, connected(path) as reader:
        for each in client, reader:
            each.sendall(b"GET / HTTP/1.1\r\n" + header + b"\r\n")
        assert len(reader.makefile("rb").read(900_000)) == 900_000
        until(lambda: len(server.server_state.connections) == (0 if header else 1))   # that of the client that took all goes on


def test_connections_over_the_limit_are_closed_at_once(monkeypatch):
    monkeypatch.setattr(server_module, "CONNECTIONS", 3)
    with uvicorn_server(megabyte) as (path, server), contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(path)) for _ in range(3)]
        until(lambda: len(server.server_state.connections) == 3)
        with connected(path) as client:
            assert client.recv(1) == b""
        held[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert held[0].recv(15) == b"HTTP/1.1 200 OK"


def test_several_requests_at_once(service):
    with send(service, 3 * b"GET /health HTTP/1.1\r\n\r\n" + b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n") as client:
        assert client.makefile("rb").read().count(b"HTTP/1.1 200 OK") == 4


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


def test_client_that_takes_nothing_is_given_up(connection, role, tmp_path):
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_STALL="1") as service:
        service.data(sample="large", layout="compact", method="HEAD")
        client = ask(service, data_path("lab", "large", "compact"))
        until(lambda: queries(connection, "cell_chunks") == 1)
        until(lambda: queries(connection, "cell_chunks") == 0)
        assert "takes nothing" in service.log.read_text()
        client.close()


def test_client_that_does_not_take_the_end(connection, role, tmp_path):
    """All of it is on its way and fits into what holds it: then nothing of the database is held."""
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_STALL="1") as service:
        service.data(sample="large", layout="compact", method="HEAD")
        for last in range(2_000_000, 4_000_000, 250_000):
            with contextlib.closing(ask(service, data_path("lab", "large", "compact"), f"Range: bytes=0-{last}\r\n")):
                time.sleep(0.2)
                until(lambda: connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state LIKE '%%transaction%%' OR query LIKE '%%cell_chunks(%%' AND state = 'active' AND pid <> pg_backend_pid()", (role,)).fetchone()[0] == 0)


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
