"""The result of a run of the benchmark, as JSON data and as a report in Markdown."""

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
Everything runs on one private server. Each of {repeats} rounds measures everything once. Times are
those of whole programs, and medians; a ratio is the median of the ratios of the rounds. CytoTable
writes Parquet, computes no features and creates no key; it uses threads and one chunk with all
rows, the settings with which it is fastest. "MB" are millions of bytes. The memory of a program is
its resident memory at the peak, including its libraries."""


@dataclass
class Measured:
    title: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)      # bytes

    def add(self, seconds: float, resident: int | None) -> None:
        self.seconds.append(seconds)
        self.resident += [resident] if resident else []


Limit = tuple[str, float]     # the sign, <= or >=, and the number


@dataclass(frozen=True)
class Ratio:
    what: str
    value: float
    unit: str
    target: Limit | None = None

    @property
    def met(self) -> bool | None:
        if not self.target:
            return None
        sign, limit = self.target
        return self.value <= limit if sign == "<=" else self.value >= limit


def about(repeats: int) -> dict:
    """Describe the machine before the run, and the versions that are measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = {found.name: found.version for found in distributions(path=[str(PACKAGES)])}
    with psycopg.connect() as connection:
        server = connection.info.parameter_status("server_version").split()[0]
    known = {name: packages[name] for name in ("cytotable", "duckdb") if name in packages}
    return {
        "date": date.today().isoformat(), "commit": os.environ["BENCH_COMMIT"],
        "repeats": repeats, "cpu": cpu[1] if cpu else os.uname().machine,
        "cores": len(os.sched_getaffinity(0)), "kernel": os.uname().release,
        "load_before": os.getloadavg()[0], "versions": {"PostgreSQL": server} | known,
    }


@dataclass
class Result:
    about: dict
    measured: dict[str, Measured]

    def __post_init__(self) -> None:
        self.about["load_after"] = os.getloadavg()[0]

    def data(self) -> dict:
        return {
            "about": self.about,
            "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in self.ratios()],
            "measured": {name: asdict(each) for name, each in self.measured.items()},
        }

    def times(
        self, one: str, other: str, what: str, unit: str = " x the time", factor: int = 1,
        target: Limit | None = None,
    ) -> Iterator[Ratio]:
        if one in self.measured and other in self.measured:
            pairs = zip(self.measured[one].seconds, self.measured[other].seconds)
            yield Ratio(what, factor * median(a / b for a, b in pairs), unit, target)

    def memory(
        self, one: str, other: str, what: str, target: Limit | None = None,
    ) -> Iterator[Ratio]:
        if one in self.measured and other in self.measured:
            peaks = [max(self.measured[name].resident) for name in (one, other)]
            yield Ratio(what, peaks[0] / peaks[1], " x the memory", target)

    def ratios(self) -> Iterator[Ratio]:
        """Yield the ratios of which both sides were measured."""
        for allowed in "1GB", "256MB":
            load = f"load_{allowed}"
            speed = f"speed of `cbload --memory {allowed}` / plain COPY of"
            with_key = "and a primary key created afterwards"
            limit = (">=", 60)
            yield from self.times("copy_csv", load, f"{speed} the file", " %", 100, limit)
            yield from self.times(
                "copy_csv_key", load, f"{speed} the file {with_key}", " %", 100, limit)
            yield from self.times(
                "copy_loaded_key", load, f"{speed} what cbload loads {with_key}", " %", 100)
            yield from self.memory(
                f"twice_{allowed}", load,
                f"`cbload --memory {allowed}`: twice the cells / the file",
                ("<=", 1.1) if allowed == "256MB" else None)
        yield from self.times("load_jobs_2", "load_jobs_1", "four files: `--jobs 2` / `--jobs 1`")
        for load, convert, what in (
            ("load_1GB", "convert_file", "the file"),
            ("load_cellprofiler_csv", "convert_cellprofiler_csv",
             "a folder, preset `cellprofiler_csv`"),
            ("load_cellprofiler_sqlite", "convert_cellprofiler_sqlite",
             "a database, preset `cellprofiler_sqlite`"),
        ):
            yield from self.times(convert, load, f"CytoTable's `convert` / `cbload`: {what}")
            yield from self.memory(convert, load, f"CytoTable's `convert` / `cbload`: {what}")
        extension = "reading SQLite: Python's module / DuckDB's extension"
        yield from self.times("read_python", "read_extension", extension)
        yield from self.times(
            "read_python", "read_extension_text", f"{extension} with all values as text")

    def notices(self) -> list[str]:
        if PACKAGES.is_dir():
            return []
        why = "CYTOTABLE is no" if PACKAGES.name == "no" else "its packages could not be installed"
        return ["The report leaves out CytoTable, and DuckDB's extension for SQLite, which is one "
                f"of its packages: {why}."]

    def markdown(self) -> str:
        about = self.about
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        machine = (
            f"{about['date']}, commit {about['commit']}; {about['cpu']}, {about['cores']} cores, "
            f"Linux {about['kernel']}; load average {about['load_before']:.1f} before and "
            f"{about['load_after']:.1f} after. {versions}."
        )
        lines = ["# Benchmark of cbload", "", machine, ""]
        lines += [EXPLANATION.format(repeats=about["repeats"]), ""]
        for notice in self.notices():
            lines += [f"- {notice}", ""]
        lines += table("ratio | target | measured | met?", "lrrl", self.ratio_rows())
        times = "program | rows | s | least … greatest | rows a second | MB"
        lines += table(times, "lrrrrr", self.time_rows())
        return "\n".join(lines)

    def ratio_rows(self) -> Iterator[tuple]:
        verdicts = {True: "yes", False: "**no**", None: ""}
        for ratio in self.ratios():
            target = "{} {:g}".format(*ratio.target) + ratio.unit if ratio.target else ""
            yield ratio.what, target, rounded(ratio.value) + ratio.unit, verdicts[ratio.met]

    def time_rows(self) -> Iterator[tuple]:
        for name, each in self.measured.items():
            usual = median(each.seconds)
            yield (
                f"{each.title} (`{name}`)", f"{each.rows:,}", f"{usual:.2f}",
                f"{min(each.seconds):.2f} … {max(each.seconds):.2f}", f"{each.rows / usual:,.0f}",
                f"{max(each.resident) / 1e6:,.0f}" if each.resident else "",
            )


def rounded(value: float) -> str:
    """Format a value with three significant digits."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def table(header: str, alignment: str, rows: Iterator[tuple]) -> list[str]:
    ruler = (" ---: |" if side == "r" else " --- |" for side in alignment)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [f"| {header} |", "|" + "".join(ruler), *lines, ""]
