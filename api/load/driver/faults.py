"""Faults, and how long after the end of each it takes until the service answers rightly, in ms."""

import contextlib
import os
import re
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import psycopg
from programs import data_url, status


def since(start: float, condition: Callable[[], bool]) -> float:
    while not condition():
        if time.monotonic() - start > 60:
            raise RuntimeError("the service does not recover")
        time.sleep(0.002)
    return 1000 * (time.monotonic() - start)


def answers(service: str) -> bool:
    return status(f"{service}/health") == 200 and status(data_url(service, "small")) == 200


def idle_client(service: str, sample: str, study: str = "load") -> socket.socket:
    """A client that asks for a slide and takes nothing of it."""
    url = urllib.parse.urlsplit(data_url(service, sample, study))
    client = socket.create_connection((url.hostname, url.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
    return client


def cut_short(client: socket.socket) -> bool:
    """Whether the answer ends before its Content-Length, which tells the client that it is not whole."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
    return length is not None and len(body) < int(length[1])


def downloads(connection: psycopg.Connection) -> int:
    return connection.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%cell_chunks(%' AND pid <> pg_backend_pid()").fetchone()[0]


def all(connection: psycopg.Connection, service: str, scratch: Path, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    data = Path(os.environ["SANDBOX"]) / "data"

    def fault(title: str, once: Callable[[], float]) -> None:
        assert answers(service)
        found[title] = [once() for _ in range(rounds)]

    def client_gone() -> float:
        with contextlib.closing(idle_client(service, "million")):
            since(time.monotonic(), lambda: downloads(connection) == 1)
        return since(time.monotonic(), lambda: downloads(connection) == 0)

    def client_gone_amid_packing() -> float:
        packing = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%cell_data_head(%' AND pid <> pg_backend_pid()"
        with contextlib.closing(idle_client(service, "slow", "slow")):
            since(time.monotonic(), lambda: connection.execute(packing).fetchone()[0] == 1)
        return since(time.monotonic(), lambda: connection.execute(packing).fetchone()[0] == 0)

    def malformed() -> float:
        for line in b"\0\1\2\r\n\r\n", b"GET /cell-data-binary/?study=%ff&sample=%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /" + b"x" * 100_000:
            with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(urllib.parse.urlsplit(service).netloc.split(":"))) as client:
                client.sendall(line)
        return since(time.monotonic(), lambda: answers(service))

    def killed() -> float:
        download = idle_client(service, "million")
        since(time.monotonic(), lambda: downloads(connection) == 1)
        connection.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        time_taken = since(time.monotonic(), lambda: answers(service))
        assert cut_short(download), "the client was not told"
        return time_taken

    def stopped() -> float:
        nonlocal connection
        download = idle_client(service, "million")
        since(time.monotonic(), lambda: downloads(connection) == 1)
        connection.close()
        subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", data], check=True)
        assert cut_short(download), "the client was not told"
        assert status(f"{service}/health") == 503
        subprocess.run(["pg_ctl", "start", "-s", "-w", "-D", data, "-l", data.parent / "server.log"], check=True)
        time_taken = since(time.monotonic(), lambda: answers(service))
        connection = psycopg.connect(autocommit=True)
        return time_taken

    # A sample that takes some 20 seconds to pack
    connection.execute("CREATE VIEW slow AS SELECT 'slow' AS sample, cell_id, x, y, phenotypes FROM cell WHERE sample = 'small' AND pg_sleep(0.02) IS NOT NULL")
    connection.execute("SELECT cell_register_study('slow', 'slow', phenotypes => 'phenotypes', features => '{A}')")
    fault("client gone during a download, until its query has ended", client_gone)
    fault("client gone while its slide is packed, until the packing has ended", client_gone_amid_packing)
    fault("malformed requests", malformed)
    fault("all backends killed during a download", killed)
    fault("database stopped during a download, and started again", stopped)
    return found
