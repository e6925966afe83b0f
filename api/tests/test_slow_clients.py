"""Clients that are slow, stall, or send half a request: other clients do not notice them."""

import asyncio
import contextlib
import re
import select
import socket
import tempfile
import threading
import time

import pytest
import uvicorn
from cell_binary_api import clients
from cell_binary_api import server as server_module
from harness import ask, memory, queries, until
from services import data_path, serve, until_downloads

LARGE = data_path("lab", "large", "compact")
TRANSACTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = %s AND state LIKE '%%transaction%%'
    OR query LIKE '%%cell_chunks(%%' AND state = 'active' AND pid <> pg_backend_pid()"""


@contextlib.contextmanager
def prepared(log, **settings: int):
    """A service with these settings, whose large payload is packed."""
    environment = {f"CELL_BINARY_{name}": str(value) for name, value in settings.items()}
    with serve(log, **environment) as service:
        service.data(sample="large", layout="compact", method="HEAD")
        yield service


def send(service, start: bytes) -> socket.socket:
    """Send the beginning of a request."""
    client = socket.create_connection(("127.0.0.1", service.port))
    client.sendall(start)
    return client


# ---- Stalled clients

def take_nothing(service) -> socket.socket:
    return ask(service.port, LARGE)


def take_nothing_of_a_small_part(service) -> socket.socket:
    return ask(service.port, LARGE, "Range: bytes=0-262143\r\n")


def take_a_byte_a_second(service) -> socket.socket:
    client = ask(service.port, LARGE)

    def trickle() -> None:
        with contextlib.suppress(OSError):
            while client.recv(1):
                time.sleep(1)
    threading.Thread(target=trickle, daemon=True).start()
    return client


def send_half_a_request(service) -> socket.socket:
    return send(service, b"GET /health HTTP/1.1\r\nHost: serv")


@pytest.mark.parametrize("stall", [
    take_nothing, take_nothing_of_a_small_part, take_a_byte_a_second, send_half_a_request])
def test_stalled_clients_do_not_delay_others(connection, role, tmp_path, stall):
    """There are 64 stalled clients, many more than database connections. All others are served."""
    with prepared(tmp_path / "log", DOWNLOADS=4, PACKINGS=2) as service:
        head = service.data(sample="large", layout="compact", method="HEAD")
        stalled = [stall(service) for _ in range(64)]
        if stall is take_nothing:
            until_downloads(connection, 4)

        def status(sample: str = "large", **asked: str) -> int:
            return service.data(sample=sample, layout="compact", **asked).status
        for _ in range(5):
            assert status("small") == 200
            assert status(method="HEAD") == 200
            assert status(If_None_Match=head.headers["ETag"]) == 304
            assert status(Range="bytes=8000000-8000099") == 206
            assert service.request("/samples/?study=lab").status == 200
        if stall in (take_nothing, take_a_byte_a_second):
            # Those that wait for a connection ahead of this client get 503 after some seconds.
            until(lambda: status() == 200)
        assert status() == 200
        for client in stalled:
            client.close()


def test_slow_clients_cost_little_memory(service, connection):
    service.data(sample="large", layout="compact")
    before = memory(service.process, "VmRSS")
    clients = [take_nothing(service) for _ in range(8)]
    until_downloads(connection, 8)
    time.sleep(0.5)   # time in which the service could read more
    assert memory(service.process, "VmRSS") - before < 8 * 2.5e6   # of 16 MB each
    assert service.request("/health").status == 200
    for client in clients:
        client.close()
    until_downloads(connection, 0)


def test_slow_client_keeps_its_connection_while_another_is_free(connection, role, tmp_path):
    """A new connection takes a moment; no client loses its own for that."""
    with prepared(tmp_path / "log", DOWNLOADS=4) as service:
        slow = [take_nothing(service) for _ in range(3)]
        until(lambda: queries(connection, "cell_chunks", 2) == 3)
        for _ in range(10):
            assert service.data(sample="large", layout="compact").status == 200
        assert "broken off" not in service.log.read_text()
        assert queries(connection, "cell_chunks") == 3
        for client in slow:
            client.close()


def test_slow_client_makes_way_when_others_wait(connection, role, tmp_path):
    with prepared(tmp_path / "log", DOWNLOADS=2) as service:
        slow = [take_nothing(service) for _ in range(2)]
        until_downloads(connection, 2)
        time.sleep(2)
        assert "broken off" not in service.log.read_text()

        def broken_off() -> int:
            return service.log.read_text().count("the client is slow")
        for _ in range(3):   # slow clients keep half of the connections
            assert service.data(sample="large", layout="compact").status == 200
        assert broken_off() == 1
        until_downloads(connection, 1)
        slow += [take_nothing(service) for _ in range(3)]
        until(lambda: broken_off() == 3)   # of five, the last two stay
        for client in slow:
            client.close()


# ---- Debt

def test_debt_counts_progress_over_time():
    """A client that takes 25 kB a second, in small or large steps, owes nothing at 16 kB/s, and
    ever more at 1 MB/s."""
    for seconds, taken in (0.04, 1_000), (10, 250_000):
        least, brisk = clients.Debt(clients.LEAST), clients.Debt(clients.BRISK)
        for number in range(1, 101):
            for debt in least, brisk:
                debt.seconds = debt.after(seconds, taken)
            assert least.seconds == 0
            assert brisk.seconds == pytest.approx(number * seconds * 0.975)
    # Progress makes up for a pause.
    least.seconds = least.after(50, 1)
    assert 49 < least.seconds < 50 and least.after(100, 5_000_000) == 0


def test_paused_process_drops_no_client():
    """After a pause, as of a virtual machine, all time limits have passed, and the process has not
    seen yet what clients have taken."""
    async def send(_) -> None:
        await asyncio.sleep(0.05)

    async def download() -> None:
        pace = clients.Pace(send, "download")
        pace.work, pace.least.seconds = asyncio.current_task(), clients.STALL - 0.01
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)
        await pace({"type": "http.response.body", "body": b"a"})
    asyncio.run(download())


@pytest.mark.parametrize("stall, seconds", [(take_nothing, 1), (take_a_byte_a_second, 2)])
def test_stalled_client_is_dropped(connection, role, tmp_path, stall, seconds):
    with prepared(tmp_path / "log", STALL=seconds) as service:
        client = stall(service)
        until_downloads(connection, 1)
        until_downloads(connection, 0)
        assert "the client takes nothing, or too little" in service.log.read_text()
        client.close()


# ---- The end of an answer

def test_untaken_end_holds_no_connection(connection, role, tmp_path):
    """The buffers on the way hold the rest of the answer, so the database connection is free."""
    with prepared(tmp_path / "log", STALL=1) as service:
        for last in range(2_000_000, 4_000_000, 250_000):
            with ask(service.port, LARGE, f"Range: bytes=0-{last}\r\n"):
                time.sleep(0.2)
                until(lambda: connection.execute(
                    TRANSACTIONS, (role,)).fetchone()[0] == 0)


@contextlib.contextmanager
def uvicorn_server(application, **options):
    """uvicorn with the service's connections, in a thread, on a Unix socket with a small buffer:
    (path of the socket, server)."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        listener.bind(f"{folder}/socket")
        server = uvicorn.Server(uvicorn.Config(
            application, http=server_module.Connection, log_level="warning", lifespan="off",
            **options))
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
    headers = [(b"content-length", b"1000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(1000000)})


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["keep-alive", "close"])
def test_untaken_end_is_dropped(monkeypatch, header):
    monkeypatch.setattr(server_module, "STALL", 1)
    with uvicorn_server(megabyte, timeout_keep_alive=60) as (path, server), \
            connected(path) as client, connected(path) as reader:
        for each in client, reader:
            each.sendall(b"GET / HTTP/1.1\r\n" + header + b"\r\n")
        answer = reader.makefile("rb")
        while answer.readline() != b"\r\n":
            pass
        # The reader must take all, or the server would drop it as well.
        assert len(answer.read(1_000_000)) == 1_000_000
        # The connection of the reader stays if it is to be kept alive.
        until(lambda: len(server.server_state.connections) == (0 if header else 1))


# ---- Requests

def test_unfinished_request(service):
    """Its connection ends within seconds, even if a byte arrives now and then."""
    body_missing = b"GET /health HTTP/1.1\r\nContent-Length: 9\r\n\r\n"
    expected = {
        b"": [],
        b"GET /": [b"408"],
        b"GET /health HTTP/1.1\r\nHost: a": [b"408"],
        body_missing: [b"200"],
        b"\r\n": [],
        b"GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n": [b"200", b"408"],
    }
    more = dict.fromkeys(expected, b"a") | {b"": b"", body_missing: b"", b"\r\n": b"\r\n"}
    clients = {send(service, start): start for start in expected}
    end = time.monotonic() + 30
    received = dict.fromkeys(expected, b"")
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
            with contextlib.suppress(OSError):
                client.sendall(more[start])
    assert {start: re.findall(rb"HTTP/1.1 (\d+)", answer)
            for start, answer in received.items()} == expected


def test_pipelined_requests(service):
    last = b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
    with send(service, 3 * b"GET /health HTTP/1.1\r\n\r\n" + last) as client:
        assert client.makefile("rb").read().count(b"HTTP/1.1 200 OK") == 4


def test_connections_over_the_limit_are_closed(monkeypatch):
    monkeypatch.setattr(server_module, "CONNECTIONS", 3)
    with uvicorn_server(megabyte) as (path, server), contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(path)) for _ in range(3)]
        until(lambda: len(server.server_state.connections) == 3)
        with connected(path) as client:
            assert client.recv(1) == b""
        held[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert held[0].recv(15) == b"HTTP/1.1 200 OK"
