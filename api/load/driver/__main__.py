"""The load test of the service: see ../README.md. Its report goes to standard output, its figures to file descriptor 3."""

import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

import psycopg

import faults
import measures
import stalled
from programs import ROOT, asgi

SLIDES = 8


def setting(name: str) -> int:
    return int(os.environ[name])


def tune(connection: psycopg.Connection) -> psycopg.Connection:
    """Payloads fit into shared buffers, as on a server that is made for them."""
    connection.execute("ALTER SYSTEM SET shared_buffers = '2GB'")
    connection.close()
    subprocess.run(["pg_ctl", "restart", "-s", "-w", "-D", f"{os.environ['SANDBOX']}/data", "-l", f"{os.environ['SANDBOX']}/server.log"], check=True)
    return psycopg.connect(autocommit=True)


def make_slides(connection: psycopg.Connection, cells: int) -> None:
    """The study "load": SLIDES samples of so many cells, one of a million for the viewer and for clients that take
    nothing (more than fits into the buffers on the way), and a small one."""
    connection.execute("CREATE EXTENSION cell_binary")
    connection.execute((ROOT / "demo/tissue.sql").read_text())
    connection.execute("CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint)")
    connection.execute("INSERT INTO cell SELECT 'slide 1', * FROM tissue.cells(%s)", [cells])
    for sample in range(2, SLIDES + 1):
        connection.execute("INSERT INTO cell SELECT %s, cell_id, x, y, phenotypes FROM cell WHERE sample = 'slide 1'", [f"slide {sample}"])
    connection.execute("INSERT INTO cell SELECT 'million', * FROM tissue.cells(1000000)")
    connection.execute("INSERT INTO cell SELECT 'small', * FROM tissue.cells(1000)")
    connection.execute("CREATE INDEX ON cell (sample)")
    connection.execute("VACUUM ANALYZE cell")
    connection.execute("SELECT cell_register_study('load', 'cell', phenotypes => 'phenotypes', features => array_agg(feature ORDER BY bit)) FROM tissue.feature")


def main() -> None:
    cells, rounds, seconds, only = setting("CELLS"), setting("ROUNDS"), setting("SECONDS_OF_LOAD"), os.environ["ONLY"].split()
    scratch = Path(os.environ["SANDBOX"]) / "load"
    scratch.mkdir()
    connection = tune(psycopg.connect(autocommit=True))
    server = connection.execute("SHOW server_version").fetchone()[0].split()[0]
    print(f"Making {SLIDES} slides of {cells:,} cells ...", file=sys.stderr)
    make_slides(connection, cells)

    figures: dict = {}
    with asgi(["cell_binary_api.server"], ROOT / "api", scratch / "service.log", CELL_BINARY_STALL="20") as (service, process):
        parts = {
            "one": lambda: measures.one_client(connection, service, scratch, rounds),
            "stall": lambda: measures.stall(service, process, SLIDES, seconds),
            "stalled": lambda: stalled.others(service, rounds, seconds),
            "proxy": lambda: measures.impatient_proxy(connection, service, scratch, SLIDES),
            "faults": lambda: faults.all(connection, service, scratch, rounds),
            "viewer": lambda: measures.viewer(service, rounds),
        }
        for name in only:
            print(f"{name} ...", file=sys.stderr)
            figures[name] = parts[name]()

    print(f"Load test of {date.today():%-d %B %Y}, commit {os.environ['LOAD_COMMIT']}: {os.cpu_count()} cores "
          f"({cpu()}), PostgreSQL {server}, {SLIDES} slides of {cells:,} cells, {16 * cells / 1e6:.0f} MB each; "
          f"medians of {rounds} interleaved rounds (of the proxy one), least and most in brackets.\n")
    report(figures)
    json.dump(figures, os.fdopen(3, "w"), indent=1)


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ")[1]
    return platform.machine()


def spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def report(figures: dict) -> None:
    rows: list[tuple[str, str, str]] = []
    if one := figures.get("one"):
        def ratios(way: str, other: str) -> str:
            return spread([a / b for a, b in zip(one[way], one[other])], digits=2)

        rows += [
            ("one slide to one client, which decodes it (Python): the service / nginx with the same bytes as a file", "<= 2", ratios("service_decoded", "nginx_decoded")),
            ("the same, client that throws the bytes away (curl)", "<= 2", ratios("service", "nginx")),
            ("the same, in coding zstd / nginx with the bytes as they are", "", ratios("zstd", "nginx")),
            ("in ms: Python from the service; from nginx; curl from the service; from nginx", "",
             "; ".join(f"{1000 * statistics.median(one[way]):.0f}" for way in ("service_decoded", "nginx_decoded", "service", "nginx"))),
            (f"the same rows as JSON, {one['json_bytes'] / 1e6:,.0f} MB from json_agg, forwarded to curl / the service", "", ratios("json", "service")),
            ("memory of the process that forwards the JSON, MB", "", f"{one['json_memory']:,.0f}"),
        ]
    if stall := figures.get("stall"):
        for name, title in (("health", "/health"), ("names", "feature names")):
            loaded, idle = stall["loaded"][name], stall["idle"][name]
            rows.append((f"{title} while {SLIDES} clients download: p99 (p50, most) in ms", "<= 50",
                         f"{loaded['p99']:.1f} ({loaded['p50']:.1f}, {loaded['most']:.1f}); idle {idle['p99']:.1f}"))
        rows += [
            ("downloads of these clients that failed or timed out", "0", f"{stall['failed']} of {stall['downloads']}"),
            ("what they got all together, MB/s", "", f"{stall['mb_per_second']:,.0f}"),
            ("memory of the service, peak in MB", "< 120", f"{stall['memory']:.0f}"),
        ]
    if found := figures.get("stalled"):
        times = found["times"]
        for kind in stalled.KINDS[1:]:
            rows.append((f"{stalled.CLIENTS} clients that {kind}: the others' p99 / with none; in ms", "<= 2", "; ".join(
                f"{name} {statistics.median(a / b for a, b in zip(times[kind][name], none)):.2f} ({statistics.median(times[kind][name]):.0f} / {statistics.median(none):.0f})"
                for name, none in times["none"].items())))
        rows.append(("requests of these others that were refused", "0", str(found["refused"])))
    if proxy := figures.get("proxy"):
        rows += [
            (f"{SLIDES} downloads through a proxy that gives up after {proxy['patience_ms']} ms and tries again, tries of each", "", ", ".join(map(str, proxy["tries"]))),
            ("packings; of those downloads, failed", f"{SLIDES}; 0", f"{proxy['packings']}; {proxy['failed']}"),
        ]
    if viewer := figures.get("viewer"):
        rows.append((f"viewer, {viewer['cells']:,} cells, request to first full frame, ms", "",
                     spread(viewer["first-frame"], digits=0) + ": " + ", ".join(
                         f"{step} {statistics.median(viewer[step]):.0f}" for step in ("transfer", "decode", "upload", "draw"))))
        rows.append(("the same, WebGL by", "", viewer["renderer"]))
    if rows:
        print("| what | target | measured |\n|---|---|---|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
    if found := figures.get("faults"):
        print("\n| fault | until the service answers again, ms | target |\n|---|---|---|")
        for title, times in found.items():
            print(f"| {title} | {spread(times, digits=0)} | <= 1000 |")


main()
