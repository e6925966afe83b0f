"""The command line of embed: read a subsample, place its cells, write them as a sample."""

import argparse
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[1] / "loader"))
import output
import places
from output import complain, harmless, say
from problems import UNSURE, EmbedError, said, unexpected
from study import VIRTUAL_SAMPLE, Cells, Study
from tqdm import tqdm

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 4     # seconds
MESSAGE = "interrupted; nothing is written"
FEWEST = 5    # cells; with fewer, UMAP's spectral layout fails

DESCRIPTION = f"""\
Place the cells of a study in the plane, so that cells with similar intensities are close together
(UMAP), and write them as sample "{VIRTUAL_SAMPLE}" of the study."""
EPILOG = """\
embed writes the sample in one transaction: it writes either the whole sample or nothing.

Exit status: 0 the sample is written (with --check: it can be written); 1 it is not; 2 wrong usage;
130 interrupted by a signal."""


def number(kind: type, least: float, most: float = float("inf")):
    """Return a parser of numbers between two bounds."""
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            what = "whole number" if kind is int else "number"
            bounds = f"of at least {least}" if most == float("inf") else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"not a {what} {bounds}: {text}")
        return value

    return parse


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(harmless(message))


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="embed", description=DESCRIPTION, epilog=EPILOG,
                  formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("study", metavar="STUDY", help="the study, which must have intensities")

    where = made.add_argument_group("target")
    where.add_argument(
        "--server", metavar="CONNINFO", default="",
        help="database of the study (default: from libpq's variables, PGHOST and so on)")
    where.add_argument(
        "--replace", action="store_true",
        help="replace the sample if it exists (default: error)")
    where.add_argument(
        "--check", action="store_true",
        help="read the subsample, and check that the database takes the sample, without UMAP and "
             "without writing")

    which = made.add_argument_group("subsample")
    which.add_argument(
        "--cells", metavar="N", type=number(int, 1), default=100_000,
        help="largest number of cells (default: 100000)")
    which.add_argument(
        "--seed", metavar="N", type=number(int, -2**63, 2**63 - 1), default=0,
        help="seed of the subsample, as in cell_subsample (default: 0)")

    how = made.add_argument_group("UMAP")
    how.add_argument(
        "--neighbors", metavar="N", type=number(int, 2), default=15,
        help="number of neighbours of a cell (default: 15)")
    how.add_argument(
        "--min-dist", metavar="D", type=number(float, 0, 1), default=0.2,
        help="least distance of two cells, before scaling, from 0 to 1 (default: 0.2)")
    how.add_argument(
        "--umap-seed", metavar="N", type=number(int, 0, 2**32 - 1), default=99,
        help="seed of UMAP (default: 99)")

    made.add_argument_group("output").add_argument(
        "--quiet", action="store_true", help="print neither progress bars nor a report")
    return made


class Interrupts:
    """Signals raise KeyboardInterrupt, and end the process if that has no effect for GRACE."""

    def __init__(self) -> None:
        self.given = False
        self.study: Study | None = None
        # SimpleQueue is the one way to wake a thread that a signal handler may use.
        self.signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.over = threading.Event()
        threading.Thread(target=self.watch, daemon=True).start()
        for number_ in SIGNALS:
            # nohup ignores SIGHUP, and so does embed under nohup.
            if number_ != signal.SIGHUP or signal.getsignal(number_) != signal.SIG_IGN:
                signal.signal(number_, self.take)

    def take(self, *_) -> None:
        """Handle the first signal. A second signal would only disturb the end."""
        if not self.given:
            self.given = True
            self.signals.put(None)
            raise KeyboardInterrupt

    def watch(self) -> None:
        self.signals.get()
        if not self.over.wait(GRACE):
            self.say()
            os._exit(INTERRUPTED)

    def say(self) -> None:
        committing = self.study and self.study.committing
        complain(f"interrupted; {UNSURE}" if committing else MESSAGE)


class Progress:
    """A bar for each step on a terminal, and the seconds of the steps."""

    def __init__(self, given) -> None:
        self.shown = not given.quiet and sys.stderr.isatty()
        self.study = given.study
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[tqdm]:
        start = time.monotonic()
        form = {"bar_format": "{desc}: {elapsed}"} if total is None else {}
        with tqdm(desc=harmless(f"{self.study}: {what}"), total=total, unit=" cells",
                  unit_scale=True, leave=False, file=sys.stderr, disable=not self.shown,
                  **form) as bar:
            yield bar
        self.seconds[what] = time.monotonic() - start


def embed(given, interrupts: Interrupts) -> int:
    progress = Progress(given)
    interrupts.study = study = Study(given.server, given.study)
    with progress.step("reading", given.cells) as bar:
        cells = study.read(given.cells, given.seed, bar.update)
    needed = max(given.neighbors + 1, FEWEST)
    if len(cells) < needed:
        raise EmbedError(
            f'the subsample of study "{given.study}" has {len(cells):,} cells, but UMAP with '
            f"{given.neighbors} neighbours needs {needed:,}: use a smaller --neighbors or more "
            "--cells")
    used = places.channels_to_use(cells.intensities)
    if not used.any():
        raise EmbedError(
            f'no channel of study "{given.study}" has more than two intensities, so there is '
            "nothing to embed; a subsample has intensities from 0 to 1: smaller ones count as 0, "
            "and larger ones as 1, so scale the intensities in a view")
    with progress.step("checking"):
        study.rehearse(cells, given.replace)
    replaced = 0
    if not given.check:
        settings = places.Settings(given.neighbors, given.min_dist, given.umap_seed)
        with progress.step("embedding") as bar:
            placed = places.scaled(
                places.reduce(cells.intensities[:, used], settings, bar.refresh))
        with progress.step("writing", len(cells)) as bar:
            replaced = study.write(cells, placed, given.replace, bar.update)
    if not given.quiet:
        for line in report(given, study, cells, used, replaced, progress.seconds):
            say(line, sys.stdout)
    return DONE


def report(given, study: Study, cells: Cells, used, replaced: int, seconds) -> list[str]:
    verb = "can be embedded; checked" if given.check else "embedded"
    parts = ", ".join(f"{what} {spent:.1f} s" for what, spent in seconds.items())
    lines = [f"{given.study}: {len(cells):,} cells {verb} in {sum(seconds.values()):.1f} s",
             f"  {parts}"]
    one = "sample" if cells.samples == 1 else "samples"
    ids = "numbered from 1" if cells.renumbered else "those of the study"
    lines.append(f"  of {cells.samples:,} {one}; the ids are {ids}")
    lines.append(f'  sample "{VIRTUAL_SAMPLE}" of {study.display}')
    if replaced:
        lines.append(f"  replaced: {replaced:,} cells")
    left_out = [name for name, use in zip(study.features, used) if not use]
    if left_out:
        lines.append(f"  left out, at most two intensities: {', '.join(left_out)}")
    clipped = (cells.intensities >= 1).mean(axis=0) > 0.5
    names = [name for name, is_clipped in zip(study.features, clipped) if is_clipped]
    if names:
        lines.append(f"  most intensities are 1 or more, and count as 1: {', '.join(names)}")
    return lines


def main() -> int:
    given = parser().parse_args()
    output.program = "embed"
    output.prepare()
    interrupts = Interrupts()
    try:
        for value in given.study, given.server:
            value.encode()
        return embed(given, interrupts)
    except (KeyboardInterrupt, Exception) as error:
        return failure(KeyboardInterrupt() if interrupts.given else error, interrupts)
    finally:
        interrupts.over.set()


def failure(error: BaseException, interrupts: Interrupts) -> int:
    """Report an error that ends the program, and return the exit status."""
    match error:
        case KeyboardInterrupt():
            interrupts.say()
            return INTERRUPTED
        case UnicodeEncodeError():
            complain("an argument is not in UTF-8")
            return WRONG_USE
        case BrokenPipeError():
            sys.stdout = open(os.devnull, "w")     # so that the interpreter's last flush succeeds
        case EmbedError():
            complain(str(error))
        case psycopg.Error():
            complain(said(error))
        case OSError():
            complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        case MemoryError():
            complain("not enough memory: use fewer --cells")
        case _:
            complain(unexpected(error))
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
