"""The result of a run: as data, and that in words."""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import distributions
from pathlib import Path
from statistics import median

import psycopg
from programs import PACKAGES

EXPLANATION = """\
All on one private server; each round measures everything once, and there were {repeats}. Times are those of whole programs,
and medians; a ratio is the median of those of each round. CytoTable writes Parquet, has no features to compute and no key to
make; it has one chunk of all rows and threads, which suits it best. "MB" are millions of bytes; the memory of a program
is what was resident at its peak, with its libraries."""


@dataclass
class Measured:
    title: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)      # bytes

    def add(self, seconds: float, resident: int | None) -> None:
        self.seconds.append(seconds)
        self.resident += [resident] if resident else []


@dataclass(frozen=True)
class Ratio:
    what: str
    value: float
    unit: str
    target: tuple[str, float] | None = None     # <= or >=, and what

    @property
    def met(self) -> bool | None:
        if not self.target:
            return None
        sign, limit = self.target
        return self.value <= limit if sign == "<=" else self.value >= limit


def about(repeats: int) -> dict:
    """The machine before the run, and what is measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = {found.name: found.version for found in distributions(path=[str(PACKAGES)])}
    with psycopg.connect() as connection:
        server = connection.info.parameter_status("server_version").split()[0]
    return {
        "date": date.today().isoformat(), "commit": os.environ["BENCH_COMMIT"], "repeats": repeats,
        "cpu": cpu[1] if cpu else os.uname().machine, "cores": len(os.sched_getaffinity(0)), "kernel": os.uname().release, "load_before": os.getloadavg()[0],
        "versions": {"PostgreSQL": server} | {name: packages[name] for name in ("cytotable", "duckdb") if name in packages},
    }


@dataclass
class Result:
    about: dict
    measured: dict[str, Measured]

    def __post_init__(self) -> None:
        self.about["load_after"] = os.getloadavg()[0]

    def data(self) -> dict:
        return {"about": self.about, "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in self.ratios()],
                "measured": {name: asdict(each) for name, each in self.measured.items()}}

    def ratios(self) -> Iterator[Ratio]:
        """Those of which both sides were measured."""
        def times(one: str, other: str, what: str, unit: str = " x the time", factor: int = 1, target: tuple[str, float] | None = None) -> Iterator[Ratio]:
            if one in self.measured and other in self.measured:
                pairs = zip(self.measured[one].seconds, self.measured[other].seconds)
                yield Ratio(what, factor * median(a / b for a, b in pairs), unit, target)

        def memory(one: str, other: str, what: str, target: tuple[str, float] | None = None) -> Iterator[Ratio]:
            if one in self.measured and other in self.measured:
                yield Ratio(what, max(self.measured[one].resident) / max(self.measured[other].resident), " x as much", target)

        for allowed in "1GB", "256MB":
            load, speed = f"load_{allowed}", f"speed of `cbload --memory {allowed}` / of plain COPY of"
            yield from times("copy_csv", load, f"{speed} the file", " %", 100, (">=", 60))
            yield from times("copy_csv_key", load, f"{speed} the file, and a primary key made afterwards", " %", 100, (">=", 60))
            yield from times("copy_loaded_key", load, f"{speed} what it loads, and a primary key made afterwards", " %", 100)
            yield from memory(f"twice_{allowed}", load, "its memory for twice as many cells", ("<=", 1.1) if allowed == "256MB" else None)
        yield from times("load_jobs_2", "load_jobs_1", "four files with `--jobs 2` against `--jobs 1`")
        for load, convert, what in (("load_1GB", "convert_file", "the file"), ("load_cellprofiler_csv", "convert_cellprofiler_csv", "a folder, preset `cellprofiler_csv`"),
                                    ("load_cellprofiler_sqlite", "convert_cellprofiler_sqlite", "a database, preset `cellprofiler_sqlite`")):
            yield from times(convert, load, f"CytoTable's `convert` of {what} against `cbload`")
            yield from memory(convert, load, "its memory")
        yield from times("read_python", "read_extension", "reading SQLite: Python's module against DuckDB's extension")
        yield from times("read_python", "read_extension_text", "the same against DuckDB's extension with all values as text")

    def notices(self) -> list[str]:
        if PACKAGES.is_dir():
            return []
        why = "as was wished" if PACKAGES.name == "no" else "its packages could not be had"
        return [f"CytoTable, and DuckDB's extension for SQLite, which is one of its packages, were left out: {why}."]

    def markdown(self) -> str:
        about = self.about
        lines = [
            "# Benchmark of cbload", "",
            f"{about['date']}, commit {about['commit']}; {about['cpu']}, {about['cores']} cores, Linux {about['kernel']}; load average {about['load_before']:.1f} before "
            f"and {about['load_after']:.1f} after. " + ", ".join(f"{name} {version}" for name, version in about["versions"].items()) + ".", "",
            EXPLANATION.format(repeats=about["repeats"]), "", *(line for notice in self.notices() for line in (f"- {notice}", "")),
            *table("what | target | measured | met?", "lrrl", self.ratio_rows()),
            *table("program | rows | s | least … most | rows a second | MB", "lrrrrr", self.time_rows()),
        ]
        return "\n".join(lines)

    def ratio_rows(self) -> Iterator[tuple]:
        for ratio in self.ratios():
            target = "{} {:g}".format(*ratio.target) + ratio.unit if ratio.target else ""
            yield ratio.what, target, rounded(ratio.value) + ratio.unit, {True: "yes", False: "**no**", None: ""}[ratio.met]

    def time_rows(self) -> Iterator[tuple]:
        for name, each in self.measured.items():
            usual = median(each.seconds)
            yield (f"{each.title} (`{name}`)", f"{each.rows:,}", f"{usual:.2f}", f"{min(each.seconds):.2f} … {max(each.seconds):.2f}", f"{each.rows / usual:,.0f}",
                   f"{max(each.resident) / 1e6:,.0f}" if each.resident else "")


def rounded(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def table(header: str, alignment: str, rows: Iterator[tuple]) -> list[str]:
    ruler = (" ---: |" if side == "r" else " --- |" for side in alignment)
    return [f"| {header} |", "|" + "".join(ruler), *("| " + " | ".join(row) + " |" for row in rows), ""]
