"""The benchmark of cbload: see ../bench.md. The report goes to standard output, every time to file descriptor 3."""

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
READERS = {"python": "Python's module sqlite3, in batches of Arrow", "extension": "DuckDB's extension", "extension_text": "DuckDB's extension, all values as text, and cast"}
# What one may set for such loads, and nothing in the background that comes now and then. fsync is off.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "20GB", "checkpoint_timeout": "1d", "autovacuum": "off", "jit": "off"}


def progress(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def tune() -> None:
    with psycopg.connect(autocommit=True) as connection:
        for name, value in SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    data = f"{os.environ['SANDBOX']}/data"
    subprocess.run(["pg_ctl", "restart", "-s", "-w", "-D", data, "-l", f"{os.environ['SANDBOX']}/server.log"], check=True)


class Benchmark:
    def __init__(self, cells: int, only: list[str], cytotable: bool) -> None:
        self.cells, self.joined, self.only, self.cytotable = cells, cells // 5, only, cytotable
        self.measured: dict[str, Measured] = {}

    def add(self, name: str, title: str, rows: int, seconds: float, resident: int | None = None) -> None:
        self.measured.setdefault(name, Measured(title, rows)).add(seconds, resident)

    def reset(self) -> None:
        """A server that has nothing left to write, and no table of ours but the empty one that is a model for others."""
        with psycopg.connect(autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("DROP TABLE IF EXISTS plain, loaded, loaded_source, loaded_sample CASCADE")
            connection.execute("CHECKPOINT")

    def prepare(self) -> None:
        """The sources, the columns of the table that is copied, and what cbload makes of it, as CSV."""
        FOLDER.mkdir()
        make_sources(self.cells, FOLDER)
        cbload(FILE, *MAP, "--table", "loaded")
        with psycopg.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE model_copy_loaded (LIKE loaded)")
            header = FILE.open().readline().strip().split(",")
            columns = (f"{name} {'integer' if name.endswith('Number') else 'double precision'}" for name in header)
            connection.execute(f"CREATE TABLE model_copy_csv ({', '.join(columns)})")
        psql(f"\\copy loaded TO '{FOLDER}/loaded.csv' CSV HEADER")

    def copy(self, name: str, title: str, source: Path, key: str) -> None:
        """Without and with a key, the time of which is added to that of the same COPY."""
        self.reset()
        psql(f"CREATE TABLE plain (LIKE model_{name})")
        copied = psql(f"\\copy plain FROM '{source}' CSV HEADER")
        keyed = psql(f"ALTER TABLE plain ADD PRIMARY KEY ({key})")
        self.add(name, f"`\\copy` of {title}", self.cells, copied.seconds)
        self.add(f"{name}_key", "the same, and a primary key", self.cells, copied.seconds + keyed.seconds)

    def load(self, name: str, title: str, cells: int, *arguments: str | Path) -> None:
        self.reset()
        ended = cbload(*arguments, "--table", "loaded")
        with psycopg.connect() as connection:
            (found,) = connection.execute("SELECT count(*) FROM loaded").fetchone()
        if found != cells:
            raise Failed(f"{name}: {found} cells are there, not {cells}")
        self.add(name, f"cbload {title}", cells, ended.seconds, ended.resident)

    def convert(self, name: str, title: str, cells: int, source: Path, *preset: str) -> None:
        destination = FOLDER / "converted"
        ended = with_cytotable("convert.py", source, destination, str(cells), *preset)
        if ended.out.split()[-1] != str(cells):
            raise Failed(f"{name}: {ended.out.strip()} rows came out, not {cells}")
        shutil.rmtree(destination) if destination.is_dir() else destination.unlink()
        self.add(name, f"CytoTable's `convert` {title}", cells, ended.seconds, ended.resident)

    def read(self, name: str) -> None:
        ended = json.loads(with_cytotable("readers.py", DATABASE).out)
        for way, title in READERS.items():
            self.add(f"{name}_{way}", title, ended["rows"], ended["seconds"][way])

    def round(self, forwards: bool) -> None:
        """What is compared stands side by side; every second round goes backwards, so that nobody always comes after the same one."""
        steps = [
            partial(self.copy, "copy_loaded", "what cbload loads", FOLDER / "loaded.csv", "sample, cell_id"),
            partial(self.copy, "copy_csv", "the file", FILE, "ImageNumber, ObjectNumber"),
            *(partial(self.load, f"load_{memory}", f"of the file, `--memory {memory}`", self.cells, FILE, *MAP, "--memory", memory) for memory in MEMORY),
            partial(self.convert, "convert_file", "of the file", self.cells, FILE.parent),
            *(partial(self.load, f"load_jobs_{jobs}", f"of its quarters, `--jobs {jobs}`", self.cells, *QUARTERS, *MAP, "--jobs", jobs) for jobs in "12"),
        ]
        for kind, source in {"csv": COMPARTMENTS, "sqlite": DATABASE}.items():
            preset = f"cellprofiler_{kind}"
            steps += [
                partial(self.load, f"load_{preset}", f"with preset `{preset}`", self.joined, source, "--preset", preset),
                partial(self.convert, f"convert_{preset}", f"with preset `{preset}`", self.joined, source, preset),
            ]
        steps.append(partial(self.read, "read"))
        for step in steps if forwards else reversed(steps):
            if self.cytotable or step.func not in (self.convert, self.read):
                self.measure(step)

    def measure(self, step: partial) -> None:
        """If its name is wanted."""
        if any(fnmatch(step.args[0], pattern) for pattern in self.only):
            step()

    def twice(self) -> None:
        """Memory for a file that is twice as large."""
        for memory in MEMORY:
            self.measure(partial(self.load, f"twice_{memory}", f"of a file with twice as many cells, `--memory {memory}`", 2 * self.cells, FOLDER / "twice.csv", *MAP, "--memory", memory))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # ends without a traceback
    cells, repeats = int(os.environ["CELLS"]), int(os.environ["REPEATS"])
    about = report.about(repeats)
    tune()
    benchmark = Benchmark(cells, os.environ["ONLY"].split(), PACKAGES.is_dir())
    try:
        progress("making the sources")
        benchmark.prepare()
        for number in range(1, repeats + 1):
            progress(f"round {number} of {repeats}")
            benchmark.round(forwards=number % 2 == 1)
        progress("measuring memory")
        benchmark.twice()
    except Failed as error:
        sys.exit(f"bench: {error}")
    if not benchmark.measured:
        sys.exit("bench: nothing has such a name")
    result = report.Result(about, benchmark.measured)
    with os.fdopen(3, "w") as file:
        json.dump(result.data(), file, indent=1)
    print(result.markdown())


main()
