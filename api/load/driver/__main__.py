"""The load test of the service, see ../README.md: writes its report to standard output, and its
figures to file descriptor 3."""

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
from harness import API, asgi

SLIDES = 8


def setting(name: str) -> int:
    return int(os.environ[name])


def tune(connection: psycopg.Connection) -> psycopg.Connection:
    """Give the server enough shared buffers for the payloads, as a production server has."""
    connection.execute("ALTER SYSTEM SET shared_buffers = '2GB'")
    connection.close()
    sandbox = os.environ["SANDBOX"]
    subprocess.run(["pg_ctl", "restart", "-s", "-w", "-D", f"{sandbox}/data",
                    "-l", f"{sandbox}/server.log"], check=True)
    return psycopg.connect(autocommit=True)


def make_slides(connection: psycopg.Connection, cells: int) -> None:
    """Make the study "load": SLIDES samples of that many cells, a small sample, and a sample of a
    million cells for the viewer and for stalled clients: more than the buffers on the way hold."""
    connection.execute("CREATE EXTENSION cell_binary")
    connection.execute((API.parent / "demo/tissue.sql").read_text())
    connection.execute("""
        CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint)""")
    connection.execute("INSERT INTO cell SELECT 'slide 1', * FROM tissue.cells(%s)", [cells])
    for sample in range(2, SLIDES + 1):
        connection.execute("""
            INSERT INTO cell SELECT %s, cell_id, x, y, phenotypes
            FROM cell WHERE sample = 'slide 1'""", [f"slide {sample}"])
    connection.execute("INSERT INTO cell SELECT 'million', * FROM tissue.cells(1000000)")
    connection.execute("INSERT INTO cell SELECT 'small', * FROM tissue.cells(1000)")
    connection.execute("CREATE INDEX ON cell (sample)")
    connection.execute("VACUUM ANALYZE cell")
    connection.execute("""
        SELECT cell_register_study('load', 'cell', phenotypes => 'phenotypes',
            features => array_agg(feature ORDER BY bit)) FROM tissue.feature""")


def main() -> None:
    cells, rounds, seconds = setting("CELLS"), setting("ROUNDS"), setting("SECONDS_OF_LOAD")
    scratch = Path(os.environ["SANDBOX"]) / "load"
    scratch.mkdir()
    connection = tune(psycopg.connect(autocommit=True))
    server = connection.execute("SHOW server_version").fetchone()[0].split()[0]
    print(f"Making {SLIDES} slides of {cells:,} cells ...", file=sys.stderr)
    make_slides(connection, cells)

    figures: dict = {}
    with asgi(scratch / "service.log", CELL_BINARY_STALL="20") as (port, process):
        service = f"http://127.0.0.1:{port}"
        parts = {
            "one": lambda: measures.one_client(connection, service, scratch, rounds),
            "stall": lambda: measures.stall(service, process, SLIDES, seconds),
            "stalled": lambda: stalled.others(service, rounds, seconds),
            "proxy": lambda: measures.impatient_proxy(connection, service, scratch, SLIDES),
            "faults": lambda: faults.all(connection, service, rounds),
            "viewer": lambda: measures.viewer(service, rounds),
        }
        for name in os.environ["ONLY"].split():
            print(f"{name} ...", file=sys.stderr)
            figures[name] = parts[name]()

    print(f"Load test of {date.today():%-d %B %Y}, commit {os.environ['LOAD_COMMIT']}: "
          f"{os.cpu_count()} cores ({cpu()}), PostgreSQL {server}, {SLIDES} slides of {cells:,} "
          f"cells, {16 * cells / 1e6:.0f} MB each. Medians of {rounds} interleaved rounds (the "
          f"proxy: one round), with the minimum and maximum in brackets.\n")
    report(figures)
    json.dump(figures, os.fdopen(3, "w"), indent=1)


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ")[1]
    return platform.machine()


def spread(values: list[float], digits: int = 1) -> str:
    return (f"{statistics.median(values):,.{digits}f} "
            f"({min(values):,.{digits}f}-{max(values):,.{digits}f})")


Row = tuple[str, str, str]   # what, target, measured


def rows_of_one(one: dict) -> list[Row]:
    def ratios(way: str, other: str) -> str:
        return spread([a / b for a, b in zip(one[way], one[other])], digits=2)

    times = "; ".join(f"{1000 * statistics.median(one[way]):.0f}"
                      for way in ("service_decoded", "nginx_decoded", "service", "nginx"))
    return [
        ("one slide to one client that decodes it (Python): the service / nginx with the same "
         "bytes as a file", "<= 2", ratios("service_decoded", "nginx_decoded")),
        ("the same with a client that discards the bytes (curl)", "<= 2",
         ratios("service", "nginx")),
        ("the same in coding zstd / nginx with the bytes as a file", "", ratios("zstd", "nginx")),
        ("in ms: Python from the service; from nginx; curl from the service; from nginx", "",
         times),
        (f"the same rows as JSON, {one['json_bytes'] / 1e6:,.0f} MB from json_agg, forwarded to "
         "curl / the service", "", ratios("json", "service")),
        ("memory of the process that forwards the JSON, MB", "", f"{one['json_memory']:,.0f}"),
    ]


def rows_of_stall(stall: dict) -> list[Row]:
    rows = []
    for name, title in (("health", "/health"), ("names", "feature names")):
        loaded, idle = stall["loaded"][name], stall["idle"][name]
        rows.append((
            f"{title} while {SLIDES} clients download: p99 (p50, maximum) in ms", "<= 50",
            f"{loaded['p99']:.1f} ({loaded['p50']:.1f}, {loaded['most']:.1f}); "
            f"idle {idle['p99']:.1f}"))
    return rows + [
        ("downloads of these clients that failed or timed out", "0",
         f"{stall['failed']} of {stall['downloads']}"),
        ("throughput of these clients together, MB/s", "", f"{stall['mb_per_second']:,.0f}"),
        ("memory of the service, peak in MB", "< 120", f"{stall['memory']:.0f}"),
    ]


def rows_of_stalled(found: dict) -> list[Row]:
    rows, times = [], found["times"]
    for kind in stalled.KINDS[1:]:
        ratios = []
        for name, none in times["none"].items():
            some = times[kind][name]
            ratio = statistics.median(a / b for a, b in zip(some, none))
            ratios.append(f"{name} {ratio:.2f} ({statistics.median(some):.0f} / "
                          f"{statistics.median(none):.0f})")
        rows.append((f"{stalled.CLIENTS} clients that {kind}: p99 of the other clients / p99 "
                     "without stalled clients (in ms)", "<= 2", "; ".join(ratios)))
    return rows + [("requests of these other clients that were refused", "0",
                    str(found["refused"]))]


def rows_of_proxy(proxy: dict) -> list[Row]:
    return [
        (f"{SLIDES} downloads through a proxy that gives up after {proxy['patience_ms']} ms and "
         "retries: tries of each", "", ", ".join(map(str, proxy["tries"]))),
        ("packings; failed downloads", f"{SLIDES}; 0", f"{proxy['packings']}; {proxy['failed']}"),
    ]


def rows_of_viewer(viewer: dict) -> list[Row]:
    steps = ", ".join(f"{step} {statistics.median(viewer[step]):.0f}"
                      for step in ("transfer", "decode", "upload", "draw"))
    return [
        (f"viewer, {viewer['cells']:,} cells, from the request to the first complete frame, ms", "",
         f"{spread(viewer['first-frame'], digits=0)}: {steps}"),
        ("WebGL renderer of the viewer", "", viewer["renderer"]),
    ]


ROWS = {"one": rows_of_one, "stall": rows_of_stall, "stalled": rows_of_stalled,
        "proxy": rows_of_proxy, "viewer": rows_of_viewer}


def report(figures: dict) -> None:
    rows = [row for part, rows_of in ROWS.items() if part in figures
            for row in rows_of(figures[part])]
    if rows:
        print("| what | target | measured |\n|---|---|---|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
    if found := figures.get("faults"):
        print("\n| fault | until the service answers again, ms | target |\n|---|---|---|")
        for title, times in found.items():
            print(f"| {title} | {spread(times, digits=0)} | <= 1000 |")


main()
