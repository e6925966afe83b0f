"""The programs of the load test, each on a port of its own: the service, the JSON service, nginx, curl."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def running(command: list, port: int, log: Path, **options):
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()}")
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.02)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def asgi(module: list[str], directory: Path, log: Path, **environment: str):
    """(address, process) of an ASGI application: of the service, or of one for uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", *module, "--port", str(port), "--log-level", "warning"]
    with running(command, port, log, cwd=directory, env=os.environ | environment) as process:
        yield f"http://127.0.0.1:{port}", process


@contextlib.contextmanager
def nginx(directory: Path, server: str, http: str = ""):
    """(address, access log) of nginx with the given directives; $upstream_addr is in the log."""
    port = free_port()
    directory.mkdir()
    temporary = "".join(f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log; events {{}}
        http {{ {temporary} sendfile on; log_format tries '$status $upstream_addr'; access_log {directory}/access.log tries;
            {http} server {{ listen 127.0.0.1:{port}; {server} }} }}""")
    command = ["/usr/sbin/nginx", "-p", str(directory), "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"]
    with running(command, port, directory / "output"):
        yield f"http://127.0.0.1:{port}", directory / "access.log"


def data_url(service: str, sample: str, study: str = "load") -> str:
    return f"{service}/cell-data-binary/?" + urllib.parse.urlencode({"study": study, "sample": sample, "layout": "compact"})


def curl(url: str, *options: str) -> subprocess.Popen:
    """Begin a download; finished() waits for it."""
    return subprocess.Popen(["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{size_download} %{time_total} %{exitcode}",
                             *options, url], stdout=subprocess.PIPE, text=True)


def finished(download: subprocess.Popen) -> tuple[int, int, float, int]:
    """(status, bytes, seconds, curl's exit status)"""
    status, size, seconds, code = download.communicate()[0].split()
    return int(status), int(size), float(seconds), int(code)


def status(url: str, timeout: float = 10) -> int:
    """Of a small answer; 0 if there is none."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            response.read()
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def memory(process: subprocess.Popen, which: str) -> float:
    """VmHWM (the peak) or VmRSS of a process, in MB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("the process is gone")
