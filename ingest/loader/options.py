"""The options of the command line."""

import argparse
import os
from typing import NoReturn

from output import harmless

STATUSES = "exit status: 0 all sources are in the table (or, with --check, could be); 1 some are not; 2 wrong use; 130 interrupted, by whatever signal"

EPILOG = f"""sources: a database of SQLite; a file of CSV (also .gz) or Parquet; a folder with a file for each table; an address
(https://, s3://, gs:// ...) of a file, or of such a folder with / at the end; - for CSV or Parquet on standard input.
Each is loaded in one transaction: it is in the table or it is not.

{STATUSES}"""


def bytes_of(text: str) -> int:
    """A number of bytes, such as 200MB; units as PostgreSQL's: kB, MB, GB of 1024."""
    units = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
    try:
        return int(text[:-2]) * units[text[-2:]] if text[-2:] in units else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number of bytes, such as 200MB: {text}") from None


def from_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a number from 1 up: {text}")
    return int(text)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(harmless(message))


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="cbload", description="Load cells into PostgreSQL, from CellProfiler's tables or others.", epilog=EPILOG,
                  formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("sources", nargs="*", metavar="SOURCE", help="what is loaded, see below")

    what = made.add_argument_group("how cells are made of it").add_mutually_exclusive_group()
    what.add_argument("--preset", metavar="NAME", help="by a map that comes with cbload")
    what.add_argument("--map", metavar="FILE", help="by a map of your own, which may be a copy of a preset")
    what.add_argument("--presets", action="store_true", help="list the presets")
    what.add_argument("--show-preset", metavar="NAME", help="print a preset, for a map of your own")

    where = made.add_argument_group("where to")
    where.add_argument("--server", metavar="CONNINFO", default="", help="the database (default: as libpq's variables say, PGHOST ...)")
    where.add_argument("--table", default="cells", help='its table, made if it is not there, with TABLE_source and TABLE_sample beside it (default: "cells")')
    where.add_argument("--study", metavar="NAME", help="register the table as this study, which cell_data serves")
    where.add_argument("--check", action="store_true", help="only read and check, and say what would be loaded")

    policy = made.add_argument_group("what to do with")
    known = policy.add_mutually_exclusive_group()
    known.add_argument("--replace", action="store_true", help="a source that is loaded already: replace its cells (otherwise: an error)")
    known.add_argument("--skip-loaded", action="store_true", help="a source that is loaded already: leave it as it is")
    policy.add_argument("--skip-invalid", action="store_true", help="cells without a centroid, an id or a feature: leave them out, and count them (otherwise: an error)")
    policy.add_argument("--merge-samples", action="store_true", help="a sample that has cells of another source: give these ids of their own (otherwise: an error)")
    policy.add_argument("--null", metavar="TEXT", action="append", default=[], help="this text in CSV: no value, as nothing, nan and NaN are (may be repeated)")
    policy.add_argument("--quotes", choices=["fields", "text"], help="quotation marks in CSV enclose fields, also over several lines, or are text (default: they enclose fields, but rows that they swallow are an error)")
    policy.add_argument("--encoding", default="utf-8", choices=["utf-8", "utf-16", "latin-1"], help="CSV in this encoding (default: utf-8)")
    policy.add_argument("--name", help="the one source: call it this, not after its file")

    how = made.add_argument_group("how")
    how.add_argument("--jobs", metavar="N", type=from_one, default=1, help="load so many sources at a time (default: 1)")
    how.add_argument("--memory", metavar="SIZE", type=bytes_of, default=bytes_of("1GB"), help="what all jobs together may take for reading and joining; the rest goes to TMPDIR (default: 1GB)")
    how.add_argument("--quiet", action="store_true", help="no progress, and of sources that are in the table no word")
    return made


def threads(jobs: int) -> int:
    return max(1, len(os.sched_getaffinity(0)) // jobs)
