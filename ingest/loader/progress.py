"""What is shown of the jobs: bars while they run, on a terminal; and in the end, of each one, every row accounted for."""

import sys

from job import Job
from output import complain, harmless, say
from tqdm import tqdm


class Progress:
    """A bar for each job that runs; only the main thread draws."""

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
                total, unit = (job.account.cells, " cells") if job.phase == "loading" else (100, "%")
                bar = tqdm(total=total, unit=unit, unit_scale=job.phase == "loading", desc=harmless(f"{job.source.name}: {job.phase}"), leave=False, file=sys.stderr,
                           bar_format=None if job.phase == "loading" else "{desc}: {percentage:3.0f}%|{bar}| {elapsed}")
                self.bars[id(job)] = (job.phase, bar)
            bar.n = job.loaded if job.phase == "loading" else max(0, min(100, self.percentage(job)))
            bar.refresh()

    def percentage(self, job: Job) -> float:
        try:
            return job.engine.query_progress()
        except Exception:     # it has just ended
            return 0

    def close(self, job: Job) -> None:
        if id(job) in self.bars:
            self.bars.pop(id(job))[1].close()

    def say(self, job: Job, lines: list[str]) -> None:
        self.close(job)
        if not self.quiet:
            for line in lines:
                say(line, sys.stdout)

    def fail(self, job: Job, text: str) -> None:
        self.close(job)
        complain(f"{job.source.display}: {text}")


def report(job: Job) -> list[str]:
    """The cells, and the rows of each table: how many are in a cell, and how many the joins leave out."""
    account = job.account
    lines = [f"{job.source.display}: {account.cells:,} cells {'loaded' if job.target else 'can be loaded'} in {job.seconds:.1f} s ({account.cells / max(job.seconds, 0.001):,.0f} a second)"]
    tables = account.tables()
    width = max(map(len, tables))
    for name, counts in tables.items():
        numbers = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
        lines.append(f"  {name:{width}}  {numbers}")
        if name in account.notes:
            lines.append(f"  {'':{width}}  {account.notes[name]}")
    lines.append(f"  in {account.samples:,} sample{'s' if account.samples != 1 else ''}")
    lines += [f"  {name}: positive {count:,} of {account.cells:,} ({count / max(account.cells, 1):.1%})" for name, count in account.positive.items()]
    lines += [f"  replaced: {what}" for what in job.replaced]
    lines += [f"  skipped: {count:,} cells with {reason}" for reason, count in account.skipped.items()]
    return lines
