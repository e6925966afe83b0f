"""Faults, and the milliseconds from the end of each one until the service answers correctly."""

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
from harness import ask, queries
from http_clients import data_url, status

MALFORMED = (
    b"\0\1\2\r\n\r\n",
    b"GET /cell-data-binary/?study=%ff&sample=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"x" * 100_000)
KILL_OTHERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""


def since(start: float, condition: Callable[[], bool]) -> float:
    while not condition():
        if time.monotonic() - start > 60:
            raise RuntimeError("the service does not recover")
        time.sleep(0.002)
    return 1000 * (time.monotonic() - start)


def answers(service: str) -> bool:
    return status(f"{service}/health") == 200 and status(data_url(service, "small")) == 200


def idle_client(service: str, sample: str, study: str = "load") -> socket.socket:
    """A client that requests a slide and reads nothing of the answer."""
    url = urllib.parse.urlsplit(data_url(service, sample, study))
    return ask(url.port, f"{url.path}?{url.query}")


def cut_short(client: socket.socket) -> bool:
    """Whether the answer ends before its Content-Length, so that the client can tell that it is
    incomplete."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
    return length is not None and len(body) < int(length[1])


def all(connection: psycopg.Connection, service: str, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    data = Path(os.environ["SANDBOX"]) / "data"

    def fault(title: str, once: Callable[[], float]) -> None:
        assert answers(service)
        found[title] = [once() for _ in range(rounds)]

    def begun(function: str, number: int = 1) -> float:
        return since(time.monotonic(), lambda: queries(connection, function) == number)

    def ended(function: str) -> float:
        return begun(function, 0)

    def client_gone() -> float:
        with contextlib.closing(idle_client(service, "million")):
            begun("cell_chunks")
        return ended("cell_chunks")

    def client_gone_amid_packing() -> float:
        with contextlib.closing(idle_client(service, "slow", "slow")):
            begun("cell_data_head")
        return ended("cell_data_head")

    def malformed() -> float:
        address = urllib.parse.urlsplit(service)
        for line in MALFORMED:
            with contextlib.suppress(OSError), \
                    socket.create_connection((address.hostname, address.port)) as client:
                client.sendall(line)
        return since(time.monotonic(), lambda: answers(service))

    def killed() -> float:
        download = idle_client(service, "million")
        begun("cell_chunks")
        connection.execute(KILL_OTHERS)
        time_taken = since(time.monotonic(), lambda: answers(service))
        assert cut_short(download), "the client received a complete answer"
        return time_taken

    def stopped() -> float:
        nonlocal connection
        download = idle_client(service, "million")
        begun("cell_chunks")
        connection.close()
        subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", data], check=True)
        assert cut_short(download), "the client received a complete answer"
        assert status(f"{service}/health") == 503
        subprocess.run(
            ["pg_ctl", "start", "-s", "-w", "-D", data, "-l", data.parent / "server.log"],
            check=True)
        time_taken = since(time.monotonic(), lambda: answers(service))
        connection = psycopg.connect(autocommit=True)
        return time_taken

    # A sample that takes about 20 seconds to pack
    connection.execute("""
        CREATE VIEW slow AS SELECT 'slow' AS sample, cell_id, x, y, phenotypes
        FROM cell WHERE sample = 'small' AND pg_sleep(0.02) IS NOT NULL""")
    connection.execute("""
        SELECT cell_register_study('slow', 'slow', phenotypes => 'phenotypes',
            features => '{A}')""")
    fault("client disconnects during a download, until its query has ended", client_gone)
    fault("client disconnects during packing, until the packing has ended",
          client_gone_amid_packing)
    fault("malformed requests", malformed)
    fault("all backends terminated during a download", killed)
    fault("database stopped during a download, and started again", stopped)
    return found
