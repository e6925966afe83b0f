"""Clients that are slow, stall, or send half a request: others do not notice."""

import asyncio
import contextlib
import re
import select
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from cell_binary_api import clients
from cell_binary_api import server as server_module
from conftest import DATABASE, data_path, serve, until
from test_load_and_faults import ask, queries


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


def test_process_that_was_stopped_gives_nobody_up():
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
        answer = reader.makefile("rb")
        while answer.readline() != b"\r\n":
            pass
        assert len(answer.read(1_000_000)) == 1_000_000   # all: what is left would be given up as well
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
