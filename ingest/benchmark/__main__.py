"""The benchmark of cbload, see ../bench.md.

The report goes to standard output, and all times to file descriptor 3.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import psycopg
import report
from programs import PACKAGES, Failed, cbload, make_sources, psql, with_cytotable
from report import Measured

FOLDER = Path(os.environ["SANDBOX"]) / "sources"
FILE = FOLDER / "cells/Cells.csv"
QUARTERS = [FOLDER / f"quarters/cells_{number}.csv" for number in range(1, 5)]
COMPARTMENTS, DATABASE = FOLDER / "compartments", FOLDER / "compartments.sqlite"
MAP = ("--map", Path(__file__).parent / "map.sql")
MEMORY = ("1GB", "256MB")
READERS = {
    "python": "Python's module sqlite3, in batches of Arrow",
    "extension": "DuckDB's extension",
    "extension_text": "DuckDB's extension, all values as text, with casts",
}
# Usual settings for such loads, without activity in the background. fsync is off in the sandbox.
SETTINGS = {
    "shared_buffers": "1GB", "max_wal_size": "20GB", "checkpoint_timeout": "1d",
    "autovacuum": "off", "jit": "off",
}


def progress(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def tune() -> None:
    with psycopg.connect(autocommit=True) as connection:
        for name, value in SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    sandbox = os.environ["SANDBOX"]
    files = ["-D", f"{sandbox}/data", "-l", f"{sandbox}/server.log"]
    subprocess.run(["pg_ctl", "restart", "-s", "-w", *files], check=True)


class Benchmark:
    def __init__(self, cells: int, only: list[str], cytotable: bool) -> None:
        self.cells, self.joined, self.only, self.cytotable = cells, cells // 5, only, cytotable
        self.measured: dict[str, Measured] = {}

    def add(
        self, name: str, title: str, rows: int, seconds: float, resident: int | None = None,
    ) -> None:
        self.measured.setdefault(name, Measured(title, rows)).add(seconds, resident)

    def reset(self) -> None:
        """Drop the loaded tables, and leave the server nothing to write."""
        with psycopg.connect(autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute(
                "DROP TABLE IF EXISTS plain, loaded, loaded_source, loaded_sample CASCADE")
            connection.execute("CHECKPOINT")

    def prepare(self) -> None:
        """Create the sources, the result of cbload as CSV, and model tables for COPY."""
        FOLDER.mkdir()
        make_sources(self.cells, FOLDER)
        cbload(FILE, *MAP, "--table", "loaded")
        with psycopg.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE model_copy_loaded (LIKE loaded)")
            header = FILE.open().readline().strip().split(",")
            columns = ", ".join(
                f"{name} {'integer' if name.endswith('Number') else 'double precision'}"
                for name in header)
            connection.execute(f"CREATE TABLE model_copy_csv ({columns})")
        psql(f"\\copy loaded TO '{FOLDER}/loaded.csv' CSV HEADER")

    def copy(self, name: str, title: str, source: Path, key: str) -> None:
        """Measure COPY, and the same COPY plus the time to create a key."""
        self.reset()
        psql(f"CREATE TABLE plain (LIKE model_{name})")
        copied = psql(f"\\copy plain FROM '{source}' CSV HEADER")
        keyed = psql(f"ALTER TABLE plain ADD PRIMARY KEY ({key})")
        self.add(name, f"`\\copy` of {title}", self.cells, copied.seconds)
        self.add(f"{name}_key", "the same, and a primary key", self.cells,
                 copied.seconds + keyed.seconds)

    def load(self, name: str, title: str, cells: int, *arguments: str | Path) -> None:
        self.reset()
        ended = cbload(*arguments, "--table", "loaded")
        with psycopg.connect() as connection:
            (found,) = connection.execute("SELECT count(*) FROM loaded").fetchone()
        if found != cells:
            raise Failed(f"{name}: the table has {found} cells instead of {cells}")
        self.add(name, f"cbload {title}", cells, ended.seconds, ended.resident)

    def convert(self, name: str, title: str, cells: int, source: Path, *preset: str) -> None:
        destination = FOLDER / "converted"
        ended = with_cytotable("convert.py", source, destination, str(cells), *preset)
        found = ended.out.split()[-1]
        if found != str(cells):
            raise Failed(f"{name}: the result has {found} rows instead of {cells}")
        shutil.rmtree(destination) if destination.is_dir() else destination.unlink()
        self.add(name, f"CytoTable's `convert` {title}", cells, ended.seconds, ended.resident)

    def read(self, name: str) -> None:
        ended = json.loads(with_cytotable("readers.py", DATABASE).out)
        for way, title in READERS.items():
            self.add(f"{name}_{way}", title, ended["rows"], ended["seconds"][way])

    def steps(self) -> list[partial]:
        """Return what a round measures. What the report compares is side by side."""
        load, convert = self.load, self.convert
        steps = [
            partial(self.copy, "copy_loaded", "what cbload loads", FOLDER / "loaded.csv",
                    "sample, cell_id"),
            partial(self.copy, "copy_csv", "the file", FILE, "ImageNumber, ObjectNumber"),
        ]
        for memory in MEMORY:
            steps.append(partial(load, f"load_{memory}", f"of the file, `--memory {memory}`",
                                 self.cells, FILE, *MAP, "--memory", memory))
        steps.append(partial(convert, "convert_file", "of the file", self.cells, FILE.parent))
        for jobs in "12":
            steps.append(partial(load, f"load_jobs_{jobs}", f"of its quarters, `--jobs {jobs}`",
                                 self.cells, *QUARTERS, *MAP, "--jobs", jobs))
        for kind, source in {"csv": COMPARTMENTS, "sqlite": DATABASE}.items():
            preset = f"cellprofiler_{kind}"
            title = f"with preset `{preset}`"
            steps += [
                partial(load, f"load_{preset}", title, self.joined, source, "--preset", preset),
                partial(convert, f"convert_{preset}", title, self.joined, source, preset),
            ]
        return [*steps, partial(self.read, "read")]

    def round(self, forwards: bool) -> None:
        """Measure everything once.

        Every second round runs in reverse order, so that no step always follows the same one.
        """
        steps = self.steps()
        for step in steps if forwards else reversed(steps):
            if self.cytotable or step.func not in (self.convert, self.read):
                self.measure(step)

    def measure(self, step: partial) -> None:
        """Run a step if ONLY has its name."""
        if any(fnmatch(step.args[0], pattern) for pattern in self.only):
            step()

    def twice(self) -> None:
        """Measure the memory for a file with twice the cells."""
        for memory in MEMORY:
            title = f"of a file with twice the cells, `--memory {memory}`"
            self.measure(partial(
                self.load, f"twice_{memory}", title, 2 * self.cells, FOLDER / "twice.csv", *MAP,
                "--memory", memory))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # end without a traceback
    cells, repeats = int(os.environ["CELLS"]), int(os.environ["REPEATS"])
    about = report.about(repeats)
    tune()
    benchmark = Benchmark(cells, os.environ["ONLY"].split(), PACKAGES.is_dir())
    try:
        progress("creating the sources")
        benchmark.prepare()
        for number in range(1, repeats + 1):
            progress(f"round {number} of {repeats}")
            benchmark.round(forwards=number % 2 == 1)
        progress("measuring memory")
        benchmark.twice()
    except Failed as error:
        sys.exit(f"bench: {error}")
    if not benchmark.measured:
        sys.exit("bench: ONLY matches no name")
    result = report.Result(about, benchmark.measured)
    with os.fdopen(3, "w") as file:
        json.dump(result.data(), file, indent=1)
    print(result.markdown())


main()
