"""The command-line options of cbload, and their help texts."""

import argparse
import os
from typing import NoReturn

import humanfriendly
from output import harmless

EPILOG = """\
A source is an SQLite database; a CSV (also .gz) or Parquet file; a folder with one file for each
table; the address (https://, s3://, gs:// ...) of a file, or of such a folder with / at the end;
or - for CSV or Parquet on standard input. A map is a file of SQL that says how the tables of a
source become cells; a preset is a map that comes with cbload. cbload loads each source in one
transaction: it loads either the whole source or nothing.

Exit status: 0 all sources are in the table (with --check: all sources can be loaded); 1 at least
one source is not in the table (with --check: cannot be loaded); 2 wrong usage; 130 interrupted by
a signal."""


def bytes_of(text: str) -> int:
    """Parse a number of bytes such as 200MB, with units of 1024 as PostgreSQL has them."""
    try:
        return humanfriendly.parse_size(text, binary=True)
    except humanfriendly.InvalidSize:
        raise argparse.ArgumentTypeError(f"not a number of bytes such as 200MB: {text}") from None


def from_one(text: str) -> int:
    return from_(1, text)


def from_zero(text: str) -> int:
    return from_(0, text)


def from_(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"not a whole number of at least {least}: {text}")
    return int(text)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(harmless(message))


def parser() -> argparse.ArgumentParser:
    made = Parser(
        prog="cbload", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Load cells into PostgreSQL from the tables of CellProfiler or other programs.",
    )
    made.add_argument("sources", nargs="*", metavar="SOURCE",
                      help="a database, file, folder or address to load cells from, see below")

    what = made.add_argument_group("map").add_mutually_exclusive_group()
    what.add_argument("--preset", metavar="NAME",
                      help="use this preset; auto chooses the one that fits the source")
    what.add_argument("--map", metavar="FILE", help="use your own map, such as an edited preset")
    what.add_argument("--presets", action="store_true", help="list the presets")
    what.add_argument("--show-preset", metavar="NAME", help="print a preset")

    where = made.add_argument_group("target")
    where.add_argument(
        "--server", metavar="CONNINFO", default="",
        help="database to load into (default: from libpq's variables, PGHOST and so on)")
    where.add_argument(
        "--table", default="cells",
        help="table to load into; cbload creates it if it does not exist, and beside it "
             'TABLE_source and TABLE_sample (default: "cells")')
    where.add_argument(
        "--study", metavar="NAME",
        help="register the table as this study, so that cell_data serves it")
    where.add_argument(
        "--check", action="store_true",
        help="read and check the sources, and report, without loading")

    place = made.add_argument_group("positions")
    place.add_argument(
        "--unit", choices=["pixel", "micrometre", "millimetre"],
        help="unit of the positions in the source (default: what the map says, or pixel)")
    place.add_argument(
        "--pixel-size", metavar="MICROMETRES", type=float,
        help="size of a pixel of the payload; positions in micrometres or millimetres are "
             "converted to such pixels (default: what the map says, or 1)")
    place.add_argument(
        "--scale", metavar="FACTOR", type=float,
        help="multiply the positions by this factor, to keep fractions of a pixel (default: 1)")

    policy = made.add_argument_group("policy")
    known = policy.add_mutually_exclusive_group()
    known.add_argument(
        "--replace", action="store_true",
        help="replace the cells of a source that is already loaded (default: error)")
    known.add_argument(
        "--skip-loaded", action="store_true",
        help="keep the cells of a source that is already loaded (default: error)")
    policy.add_argument(
        "--skip-invalid", action="store_true",
        help="leave out cells without a centroid, an id or a feature, and report their number "
             "(default: error)")
    policy.add_argument(
        "--merge-samples", action="store_true",
        help="if a sample already has cells of another source, give the new cells ids after "
             "those in use (default: error)")
    policy.add_argument(
        "--null", metavar="TEXT", action="append", default=[],
        help="text in CSV that means NULL, in addition to the empty field, nan and NaN "
             "(repeatable)")
    policy.add_argument(
        "--quotes", choices=["fields", "text"],
        help="fields: quotation marks in CSV enclose fields, which can span lines; text: quotation "
             "marks are plain text (default: as fields, but a field that contains whole rows is an "
             "error)")
    policy.add_argument(
        "--encoding", metavar="NAME",
        help="encoding of CSV, such as windows-1252 or utf-16 (default: utf-8)")
    policy.add_argument(
        "--decimal", choices=[".", ","],
        help="decimal mark of numbers in CSV (default: .)")
    policy.add_argument(
        "--skip-lines", metavar="N", type=from_zero,
        help="number of lines of CSV before the header (default: 0)")
    policy.add_argument(
        "--name", metavar="PATTERN",
        help="name of the source, in which {stem} stands for the name of its file or folder, and "
             "{parent} and {grandparent} for the folders above it (default: {stem})")

    how = made.add_argument_group("resources and output")
    how.add_argument(
        "--jobs", metavar="N", type=from_one, default=1,
        help="number of sources to load at a time (default: 1)")
    how.add_argument(
        "--memory", metavar="SIZE", type=bytes_of, default=bytes_of("1GB"),
        help="memory for reading and joining, for all jobs together; data that do not fit go to "
             "files in TMPDIR (default: 1GB)")
    how.add_argument(
        "--quiet", action="store_true",
        help="print neither progress bars nor reports of loaded sources")
    return made


def threads(jobs: int) -> int:
    return max(1, len(os.sched_getaffinity(0)) // jobs)
