"""Progress bars on a terminal while jobs run, and the report of each job at its end."""

import sys

from job import Job
from output import complain, harmless, say
from positions import shown
from tqdm import tqdm


class Progress:
    """A bar for each running job. Only the main thread draws."""

    def __init__(self, jobs: list[Job], quiet: bool) -> None:
        self.jobs, self.quiet = jobs, quiet
        self.bars: dict[int, tuple[str, tqdm]] = {}

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        for _, bar in self.bars.values():
            bar.close()

    def show(self) -> None:
        if self.quiet or not sys.stderr.isatty():
            return
        for job in self.jobs:
            if job.engine is None:
                self.close(job)
                continue
            phase, bar = self.bars.get(id(job), ("", None))
            if phase != job.phase:
                self.close(job)
                bar = new_bar(job)
                self.bars[id(job)] = (job.phase, bar)
            loading = job.phase == "loading"
            bar.n = job.loaded if loading else max(0, min(100, self.percentage(job)))
            bar.refresh()

    def percentage(self, job: Job) -> float:
        try:
            return job.engine.query_progress()
        except Exception:     # the job has just ended
            return 0

    def close(self, job: Job) -> None:
        if id(job) in self.bars:
            self.bars.pop(id(job))[1].close()

    def say(self, job: Job, lines: list[str]) -> None:
        self.close(job)
        if not self.quiet:
            for line in lines:
                say(line, sys.stdout)

    def warn(self, job: Job) -> None:
        for text in job.account.warnings:
            complain(f"{job.source.display}: warning: {text}")

    def fail(self, job: Job, text: str) -> None:
        self.close(job)
        complain(f"{job.source.display}: {text}")


def new_bar(job: Job) -> tqdm:
    """Return a bar that counts cells while the job loads, and percent before that."""
    what = {"desc": harmless(f"{job.source.name}: {job.phase}"), "leave": False, "file": sys.stderr}
    if job.phase == "loading":
        return tqdm(total=job.account.cells, unit=" cells", unit_scale=True, **what)
    bar_format = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
    return tqdm(total=100, unit="%", bar_format=bar_format, **what)


def report(job: Job) -> list[str]:
    """Return the lines that report the cells, and for each table the joined and left-out rows."""
    account = job.account
    verb = "loaded" if job.target else "can be loaded"
    rate = account.cells / max(job.seconds, 0.001)
    lines = [f"{job.source.display}: {account.cells:,} cells {verb} "
             f"in {job.seconds:.1f} s ({rate:,.0f} a second)"]
    tables = account.tables()
    width = max(map(len, tables))
    for name, counts in tables.items():
        numbers = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
        lines.append(f"  {name:{width}}  {numbers}")
        lines += [f"  {'':{width}}  {note}" for note in account.notes.get(name, [])]
    lines.append(f"  in {account.samples:,} sample{'s' if account.samples != 1 else ''}")
    if account.extent:
        lines.append(f"  {shown(account.scale, account.extent)}")
    for name, count in account.positive.items():
        share = count / max(account.cells, 1)
        lines.append(f"  {name}: {count:,} of {account.cells:,} positive ({share:.1%})")
    lines += [f"  replaced: the source {what}" for what in job.replaced]
    for reason, count in account.skipped.items():
        lines.append(f"  skipped: {count:,} cells with {reason}")
    return lines
