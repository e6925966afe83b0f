"""What the tests, the load test and the screenshot share: programs, clients, Chromium's flags."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

API = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Quiet, and drawing without a graphics card.
CHROMIUM_FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 20, interval: float = 0.02) -> T:
    """Wait until a condition is true, and return its value. The limit is not a target: only a
    broken program reaches it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not true after {seconds} seconds"
        time.sleep(interval)
    return value


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def running(command: list, log: Path, *ports: int, **options) -> Iterator[subprocess.Popen]:
    """Run a program from when it listens on its ports until the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)

    def listens(port: int) -> bool:
        assert process.poll() is None, f"{command[0]} does not start: {log.read_text()}"
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    try:
        for port in ports:
            until(lambda: listens(port))
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextlib.contextmanager
def asgi(log: Path, *module: str, folder: Path = API,
         **environment: str) -> Iterator[tuple[int, subprocess.Popen]]:
    """Run the service, or the module that the arguments of "python -m" name: (port, process)."""
    port = free_port()
    command = [sys.executable, "-m", *(module or ["cell_binary_api.server"]), "--port", str(port),
               "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
    with running(command, log, port, cwd=folder, env=os.environ | environment) as process:
        yield port, process


@contextlib.contextmanager
def nginx(folder: Path, http: str, *ports: int) -> Iterator[None]:
    """Run nginx, with these directives of its block "http", until the end of the block."""
    temporary = "".join(f"{name}_temp_path {folder}/{name}; "
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {folder}/pid; events {{}} "
        f"http {{ {temporary} {http} }}")
    command = ["/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log",
               "-c", folder / "nginx.conf"]
    with running(command, folder / "output", *ports):
        yield


def memory(process: subprocess.Popen, which: str) -> int:
    """The resident memory of a process in bytes: VmRSS now, or VmHWM at its peak."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the process has no {which}")


def ask(port: int, path: str, headers: str = "", whole: bool = True) -> socket.socket:
    """Send a request, or half of it, and read nothing of the answer. The client's buffer is
    small."""
    request = f"GET {path} HTTP/1.1\r\nHost: service\r\n{headers}\r\n".encode()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(request if whole else request[:len(request) // 2])
    return client


def queries(connection, function: str, seconds: float = 0) -> int:
    """The number of other sessions whose current query calls the function, and has run for at least
    so many seconds."""
    return connection.execute("""
        SELECT count(*) FROM pg_stat_activity
        WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()
        AND clock_timestamp() - query_start >= make_interval(secs => %s)""",
        (f"%{function}(%", seconds)).fetchone()[0]
