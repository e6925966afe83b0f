"""The programs of the benchmark: run each from start to exit, and measure its time and memory."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARK = Path(__file__).parent
PACKAGES = Path(os.environ["CYTOTABLE"])


class Failed(Exception):
    """A program failed, or its result is wrong."""


@dataclass(frozen=True)
class Ended:
    seconds: float
    resident: int       # peak in bytes; at least that of this process, which it is forked from
    out: str


def run(*command: str | Path, **environment: str) -> Ended:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
            env=os.environ | environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            raise Failed(f"{' '.join(map(str, command))}: exit status {process.returncode}: "
                         f"{errors.read().strip()[-2000:]}")
        return Ended(seconds, usage.ru_maxrss * 1024, out.read())


def make_sources(cells: int, folder: Path) -> None:
    run(sys.executable, BENCHMARK / "sources.py", str(cells), folder)


def psql(command: str) -> Ended:
    return run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command)


def cbload(*arguments: str | Path) -> Ended:
    return run(ROOT / "ingest/cbload", *arguments)


def with_cytotable(script: str, *arguments: str | Path) -> Ended:
    """Run a script of this folder with CytoTable's packages, in the folder for temporary files."""
    folder = tempfile.gettempdir()
    environment = {"PYTHONPATH": str(PACKAGES), "HOME": folder}
    return run(
        "env", "-C", folder, "/usr/bin/python3", "-P", BENCHMARK / script, *arguments,
        **environment)
