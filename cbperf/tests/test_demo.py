"""make perf makes a first report."""

import os
import subprocess
import sys
from pathlib import Path

CBPERF = Path(__file__).parents[1]


def demo(**variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "SANDBOX"}
    environment |= {"PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([CBPERF / "demo"], env=environment | variables, capture_output=True, text=True)


def test_demo(tmp_path):
    done = demo(CELLS="2000", PROFILERS="cpu,contexts", OUT=str(tmp_path / "new/report.html"))
    assert done.returncode == 0, done.stderr
    assert "pack and send" in done.stdout and "dense" in done.stdout and "The report is in" in done.stderr
    report = (tmp_path / "new/report.html").read_text()
    assert "pack and code" in report and "Memory contexts" in report
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]


def test_wrong_number(tmp_path):
    done = demo(CELLS="many", OUT=str(tmp_path / "report.html"))
    assert done.returncode == 2 and 'CELLS must be a number, not "many"' in done.stderr
