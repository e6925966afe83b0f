"""The measurements of a service that works; seconds and bytes unless a name says otherwise."""

import statistics
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import cell_binary
import psycopg
from harness import CHROMIUM, CHROMIUM_FLAGS, asgi, free_port, memory, nginx
from http_clients import curl, data_url, finished, status
from playwright.sync_api import sync_playwright


def discarded(url: str, *options: str) -> tuple[float, int]:
    """The seconds that curl needs to receive and discard a body, and the bytes of the body."""
    code, size, seconds, failure = finished(curl(url, *options))
    assert (code, failure) == (200, 0), (url, code, failure)
    return seconds, size


def decoded(url: str) -> tuple[float, int]:
    """The seconds until a program has the cells as arrays, and the bytes of the body."""
    start = time.monotonic()
    with urllib.request.urlopen(url) as response:
        payload = response.read()
    cell_binary.decode(payload)
    return time.monotonic() - start, len(payload)


def one_client(connection: psycopg.Connection, service: str, scratch: Path, rounds: int) -> dict:
    """One client and one slide: from the service, as a file from nginx, and as JSON, in turn."""
    files, static, port = scratch / "files", scratch / "static", free_port()
    files.mkdir()
    static.mkdir()
    payload, = connection.execute(
        "SELECT cell_data('load', 'slide 1')", binary=True).fetchone()
    (files / "slide").write_bytes(payload)
    times: dict[str, list] = {}
    server = f"access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {files}; }}"
    with nginx(static, server, port), \
            asgi(scratch / "json.log", "uvicorn", "json_app:app",
                 folder=Path(__file__).parent) as (json_port, json_process):
        file, slide = f"http://127.0.0.1:{port}/slide", data_url(service, "slide 1")
        json = f"http://127.0.0.1:{json_port}/cells?sample=slide%201"
        ways = {
            "nginx": lambda: discarded(file),
            "service": lambda: discarded(slide),
            "nginx_decoded": lambda: decoded(file),
            "service_decoded": lambda: decoded(slide),
            "zstd": lambda: discarded(slide, "--header", "Accept-Encoding: zstd"),
            "json": lambda: discarded(json),
        }
        for turn in range(rounds + 1):   # the first round warms up
            for name, fetch in ways.items():
                if name == "json" and turn > 3:
                    continue   # it takes as long as all others together
                seconds, size = fetch()
                assert name in ("zstd", "json") or size == len(payload), (name, size)
                if turn:
                    times.setdefault(name, []).append(seconds)
                if name == "json":
                    json_bytes = size
        json_memory = memory(json_process, "VmHWM") / 1e6
        return times | {"json_bytes": json_bytes, "json_memory": json_memory}


def p99(values: list[float]) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def probe(urls: dict[str, str], until: float) -> dict[str, dict[str, float]]:
    """Request each URL every 20 ms, and return percentiles of the time to answer in ms."""
    times: dict[str, list[float]] = {name: [] for name in urls}
    while time.monotonic() < until:
        for name, url in urls.items():
            start = time.monotonic()
            assert status(url, timeout=30) == 200, f"{url} does not answer"
            times[name].append(1000 * (time.monotonic() - start))
        time.sleep(0.02)
    return {name: {"p50": statistics.median(values), "p99": p99(values), "most": max(values),
                   "requests": len(values)}
            for name, values in times.items()}


def stall(service: str, process: subprocess.Popen, slides: int, seconds: int) -> dict:
    """Small answers while each of several clients downloads slide after slide."""
    urls = {"health": f"{service}/health",
            "names": f"{service}/cell-data-binary-feature-names/?study=load"}
    for slide in range(1, slides + 1):
        status(data_url(service, f"slide {slide}"))
    idle = probe(urls, time.monotonic() + min(seconds, 5))
    end = time.monotonic() + seconds
    done: list[tuple[int, int, float, int]] = []

    def download(slide: int) -> None:
        while time.monotonic() < end:
            done.append(finished(curl(data_url(service, f"slide {slide}"), "--max-time", "60")))

    clients = [threading.Thread(target=download, args=[slide]) for slide in range(1, slides + 1)]
    start = time.monotonic()
    for client in clients:
        client.start()
    loaded = probe(urls, end)
    for client in clients:
        client.join()
    good = [size for code, size, _, failure in done if (code, failure) == (200, 0)]
    return {"idle": idle, "loaded": loaded,
            "downloads": len(done), "failed": len(done) - len(good),
            "mb_per_second": sum(good) / 1e6 / (time.monotonic() - start),
            "memory": memory(process, "VmHWM") / 1e6}


def impatient_proxy(
        connection: psycopg.Connection, service: str, scratch: Path, slides: int) -> dict:
    """Downloads of slides that are not packed yet, through an nginx that gives up when no byte
    arrives, and retries: enough for a busy machine, where packing takes longer than before."""
    def packings() -> int:
        return connection.execute(
            "SELECT packings FROM cell_store_stats WHERE study = 'load'").fetchone()[0]

    def invalidate() -> None:
        for slide in range(1, slides + 1):
            connection.execute("SELECT cell_invalidate('load', %s)", [f"slide {slide}"])

    def download_all(address: str) -> tuple[list, float]:
        start = time.monotonic()
        downloads = [curl(data_url(address, f"slide {slide}")) for slide in range(1, slides + 1)]
        return [finished(download) for download in downloads], time.monotonic() - start

    # The time that the slowest download takes through no proxy
    invalidate()
    _, patient = download_all(service)
    # The limit also applies to each pause in a body.
    patience = max(int(1000 * patient / 3), 250)
    folder, port = scratch / "proxy", free_port()
    folder.mkdir()
    # nginx tries each server of an upstream once, so the upstream lists the same one often.
    servers = f"server {urllib.parse.urlsplit(service).netloc} max_fails=0; " * 20
    with nginx(folder, f"""
            log_format tries '$status $upstream_addr'; access_log {folder}/access.log tries;
            upstream service {{ {servers} }}
            server {{ listen 127.0.0.1:{port}; location / {{
                proxy_pass http://service; proxy_read_timeout {patience}ms;
                proxy_next_upstream timeout error; proxy_buffering off; }} }}""", port):
        invalidate()
        before = packings()
        answers, _ = download_all(f"http://127.0.0.1:{port}")
        log = (folder / "access.log").read_text()
        tries = [line.count(":") for line in log.splitlines()]
    return {"patience_ms": patience, "tries": tries, "packings": packings() - before,
            "failed": sum((code, failure) != (200, 0) for code, _, _, failure in answers)}


MEASURES = """Object.fromEntries(
    performance.getEntriesByType('measure').map(({ name, duration }) => [name, duration]))"""
RENDERER = """() => {
    const gl = document.createElement('canvas').getContext('webgl2');
    const { UNMASKED_RENDERER_WEBGL } = gl.getExtension('WEBGL_debug_renderer_info');
    return gl.getParameter(UNMASKED_RENDERER_WEBGL);
}"""


def viewer(service: str, rounds: int) -> dict:
    """The time from the request for a slide to the first frame that shows all of it, as the viewer
    itself measures it."""
    found: dict = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for turn in range(rounds + 1):   # the first round warms up
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{service}/viewer/#study=load&sample=million")
            page.wait_for_selector("#slide[data-state=ready]", timeout=120_000)
            measures = page.evaluate(MEASURES)
            found.setdefault("cells", int(page.locator("#slide").get_attribute("data-drawn")))
            found.setdefault("renderer", page.evaluate(RENDERER))
            page.close()
            if turn:
                for name, milliseconds in measures.items():
                    found.setdefault(name, []).append(milliseconds)
        browser.close()
    return found
