"""What is measured of a service that works. Each function gives its figures; seconds and bytes, if their names do not say otherwise."""

import statistics
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import cell_binary
import psycopg
from playwright.sync_api import sync_playwright
from programs import asgi, curl, data_url, finished, memory, nginx, status


def discarded(url: str, *options: str) -> tuple[float, int]:
    """Seconds until curl has received a body that it keeps nowhere, and its bytes."""
    code, size, seconds, failure = finished(curl(url, *options))
    assert (code, failure) == (200, 0), (url, code, failure)
    return seconds, size


def decoded(url: str) -> tuple[float, int]:
    """Seconds until a program has the cells as arrays, and the bytes of the body."""
    start = time.monotonic()
    with urllib.request.urlopen(url) as response:
        payload = response.read()
    cell_binary.decode(payload)
    return time.monotonic() - start, len(payload)


def one_client(connection: psycopg.Connection, service: str, scratch: Path, rounds: int) -> dict:
    """One client and one slide: from the service, as a file from nginx, and as JSON, in turn."""
    files = scratch / "files"
    files.mkdir()
    payload, = connection.execute("SELECT cell_data('load', 'slide 1')", binary=True).fetchone()
    (files / "slide").write_bytes(payload)
    times: dict[str, list] = {}
    with nginx(scratch / "static", f"root {files};") as (static, _), \
            asgi(["uvicorn", "json_app:app"], Path(__file__).parent, scratch / "json.log") as (json_service, json_process):
        slide = data_url(service, "slide 1")
        ways = {
            "nginx": lambda: discarded(f"{static}/slide"), "service": lambda: discarded(slide),
            "nginx_decoded": lambda: decoded(f"{static}/slide"), "service_decoded": lambda: decoded(slide),
            "zstd": lambda: discarded(slide, "--header", "Accept-Encoding: zstd"),
            "json": lambda: discarded(f"{json_service}/cells?sample=slide%201"),
        }
        for turn in range(rounds + 1):   # the first one warms up
            for name, fetch in ways.items():
                if name == "json" and turn > 3:
                    continue   # it takes as long as all others together
                seconds, size = fetch()
                assert name in ("zstd", "json") or size == len(payload), (name, size)
                if turn:
                    times.setdefault(name, []).append(seconds)
                if name == "json":
                    json_bytes = size
        return times | {"json_bytes": json_bytes, "json_memory": memory(json_process, "VmHWM")}


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


def probe(urls: dict[str, str], until: float) -> dict[str, dict[str, float]]:
    """Ask each address every 20 ms, and give percentiles of the time to answer in ms."""
    times: dict[str, list[float]] = {name: [] for name in urls}
    while time.monotonic() < until:
        for name, url in urls.items():
            start = time.monotonic()
            assert status(url, timeout=30) == 200, f"{url} does not answer"
            times[name].append(1000 * (time.monotonic() - start))
        time.sleep(0.02)
    return {name: {"p50": statistics.median(values), "p99": p99(values), "most": max(values), "requests": len(values)} for name, values in times.items()}


def stall(service: str, process: subprocess.Popen, slides: int, seconds: int) -> dict:
    """Small answers while each of several clients downloads slide after slide."""
    urls = {"health": f"{service}/health", "names": f"{service}/cell-data-binary-feature-names/?study=load"}
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
    return {"idle": idle, "loaded": loaded, "downloads": len(done), "failed": len(done) - len(good),
            "mb_per_second": sum(good) / 1e6 / (time.monotonic() - start), "memory": memory(process, "VmHWM")}


def impatient_proxy(connection: psycopg.Connection, service: str, scratch: Path, slides: int) -> dict:
    """Downloads of slides that are not packed yet, through nginx that tries another time, up to three times, when no byte comes."""
    def packings() -> int:
        return connection.execute("SELECT packings FROM cell_store_stats WHERE study = 'load'").fetchone()[0]

    def invalidate() -> None:
        for slide in range(1, slides + 1):
            connection.execute("SELECT cell_invalidate('load', %s)", [f"slide {slide}"])

    def download_all(address: str) -> tuple[list, float]:
        start = time.monotonic()
        answers = [finished(download) for download in [curl(data_url(address, f"slide {slide}")) for slide in range(1, slides + 1)]]
        return answers, time.monotonic() - start

    # How long the slowest waits for its first byte, when nobody is impatient.
    invalidate()
    _, patient = download_all(service)
    patience = max(int(1000 * patient / 3), 250)   # which is also the longest pause in a body
    upstream = "http://service"
    address = urllib.parse.urlsplit(service).netloc
    # nginx tries each server of the upstream once: the same one, four times.
    with nginx(scratch / "proxy", f"location / {{ proxy_pass {upstream}; proxy_read_timeout {patience}ms; proxy_next_upstream timeout error; proxy_buffering off; }}",
               "upstream service { " + f"server {address} max_fails=0; " * 4 + "}") as (proxy, log):
        invalidate()
        before = packings()
        answers, _ = download_all(proxy)
        tries = [line.count(":") for line in log.read_text().splitlines()]
    return {"patience_ms": patience, "tries": tries, "packings": packings() - before,
            "failed": sum((code, failure) != (200, 0) for code, _, _, failure in answers)}


CHROMIUM = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def viewer(service: str, rounds: int) -> dict:
    """From the request for a slide to the first frame that shows all of it, as the viewer measures it."""
    found: dict = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for turn in range(rounds + 1):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{service}/viewer/#study=load&sample=million")
            page.wait_for_selector("#slide[data-state=ready]", timeout=120_000)
            measures = page.evaluate("Object.fromEntries(performance.getEntriesByType('measure').map(m => [m.name, m.duration]))")
            found.setdefault("cells", int(page.locator("#slide").get_attribute("data-drawn")))
            found.setdefault("renderer", page.evaluate("""() => { const gl = document.createElement('canvas').getContext('webgl2');
                return gl.getParameter(gl.getExtension('WEBGL_debug_renderer_info').UNMASKED_RENDERER_WEBGL) }"""))
            page.close()
            if turn:
                for name, milliseconds in measures.items():
                    found.setdefault(name, []).append(milliseconds)
        browser.close()
    return found
