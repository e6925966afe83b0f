"""The options of the command line."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import humanfriendly

# Exit statuses
DONE, ALARM, WRONG_USE, INCOMPLETE, NOT_STORED, BUSY = range(6)
STATUSES = """exit status: 0 done; 1 an alarm; 2 wrong usage; 3 the run or comparison is incomplete (the finished measurements are kept);
4 the store cannot be reached or could not store the record (cbperf wrote the record to a file; cbperf import stores it);
5 another measurement is running; 130 interrupted"""


def spool_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "cbperf"


def bytes_of(text: str) -> int:
    """A number of bytes such as 200MB. The units are PostgreSQL's, based on 1024."""
    try:
        return humanfriendly.parse_size(text, binary=True)
    except humanfriendly.InvalidSize:
        raise argparse.ArgumentTypeError(f"must be a number of bytes such as 200MB, not {text}") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text}")
    return int(text)


def pairs(text: str) -> int:
    """At least 5, because with fewer pairs no difference of times can reach the p of an alarm."""
    if positive(text) < 5:
        raise argparse.ArgumentTypeError(f"must be a whole number from 5, because the test of times needs 5 pairs, not {text}")
    return int(text)


def from_one(text: str) -> list[int]:
    if min(found := numbers(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be whole numbers from 1, not {text}")
    return found


def numbers(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 0:
        raise argparse.ArgumentTypeError(f"must be numbers such as 1,2,4, not {text}")
    return found


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text}")
    return name, value


def parser(do: dict[str, Callable]) -> argparse.ArgumentParser:
    """`do` maps the name of each command to its function."""
    top = argparse.ArgumentParser(prog="cbperf", description="Measure and profile SQL workloads and commands. A workload is a file of SQL statements.", epilog=STATUSES)
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", epilog=STATUSES)
        made.set_defaults(do=do[name])
        made.add_argument("--store", metavar="CONNINFO", help="the record store (default: $CBPERF_STORE, or dbname=cbperf)")
        return made

    def measures(made: argparse.ArgumentParser) -> None:
        made.add_argument("--json", action="store_true", help="print JSON instead of a summary")
        made.add_argument("--wait", action="store_true", help="wait for another measurement to end")
        made.set_defaults(measures=True, report=None, tag=None, description=None, data=[])

    def records(made: argparse.ArgumentParser) -> None:
        measures(made)
        made.add_argument("--tag", help="a tag, the same for related runs")
        made.add_argument("--description", metavar="TEXT", help="a sentence about the run, shown in reports")
        made.add_argument("--data", type=pair, action="append", default=[], metavar="NAME=VALUE", help="your own data, stored in the record")
        made.add_argument("--report", type=Path, metavar="FILE", help="also write the report to FILE")
        made.add_argument("--spool", type=Path, default=spool_folder(), metavar="FOLDER", help="folder for records that cannot be stored (default: ~/.local/state/cbperf)")

    def workload_of(made: argparse.ArgumentParser) -> None:
        made.add_argument("--sql", type=Path, metavar="FILE", help="file with the workload: SQL statements, without psql's commands")
        made.add_argument("--query", metavar="SQL", help="the workload as text")
        made.add_argument("--name", help="name of the workload (default: the file's name)")
        made.add_argument("--server", default="", metavar="CONNINFO", help="the server to measure (default: libpq's variables)")
        made.add_argument("--setup", type=Path, metavar="FILE", help="file with statements to execute at the start of the session, without measuring them")
        made.add_argument("--memory-limit", type=bytes_of, metavar="SIZE", help="limit on the private memory of each process, such as 200MB")
        made.add_argument("--extension", default="cell_binary", help="extension whose version and library are recorded (default: cell_binary)")
        made.set_defaults(repeat=1, cold=False, profile=[], pid=None, command=[], workers=None, dataset=None, components=None)

    run = command("run", "measure a workload, a command or a running process, and store the record")
    workload_of(run)
    run.add_argument("--pid", type=positive, help="measure this running process for --seconds")
    run.add_argument("--seconds", type=float, default=10, help="duration with --pid (default: 10)")
    run.add_argument("--repeat", type=positive, default=5, metavar="N", help="number of executions (default: 5)")
    run.add_argument("--cold", action="store_true", help="leave out the warm-up, which is an execution before the measured ones")
    run.add_argument("--profile", action="append", default=[], metavar="NAME,...", help="also run under these profilers: cpu, faults, instructions, heap, contexts")
    run.add_argument("--dataset", metavar="TABLE", help="record a hash of the table's rows")
    run.add_argument("--components", type=Path, metavar="FILE", help="TOML file that maps functions to components (default: evaluation/components.toml)")
    run.add_argument("--workers", type=int, metavar="N", help="set max_parallel_workers_per_gather")
    run.add_argument("--no-waits", action="store_true", help="do not sample wait events")
    run.add_argument("command", nargs="*", metavar="COMMAND", help="a command with its arguments, after --")
    records(run)

    scale = command("scale", "run a workload with several clients and parallel workers, and store a record for each combination")
    workload_of(scale)
    scale.add_argument("--clients", type=from_one, default=[1, 2, 4], metavar="N,...", help="numbers of clients (default: 1,2,4)")
    scale.add_argument("--workers", type=numbers, default=[0, 1, 2, 4], dest="numbers_of_workers", metavar="N,...", help="numbers of parallel workers (default: 0,1,2,4)")
    scale.add_argument("--seconds", type=float, default=5, help="duration of each combination (default: 5)")
    records(scale)

    overhead = command("overhead", "measure the cost of measuring")
    workload_of(overhead)
    overhead.add_argument("--rounds", type=positive, default=50, metavar="N", help="number of pairs of executions (default: 50)")
    overhead.add_argument("--profile", action="append", default=[], metavar="NAME,...", help="also measure these custom profilers")
    measures(overhead)

    compare = command("compare", "run two versions alternately, and raise an alarm if the new one is slower or takes more memory")
    compare.add_argument("base", metavar="BASE", help="a git revision, a source folder, or the address of a server (postgresql://...)")
    compare.add_argument("new", metavar="NEW", help="the version to compare with BASE, in the same form")
    check = command("check", "compare this tree with the last release")
    check.add_argument("--base", metavar="VERSION", help="version to compare with (default: the last release)")
    for compared in compare, check:
        compared.add_argument("--workload", type=Path, action="append", default=[], metavar="FILE", help="file with a workload on the table cells (default: workloads that pack in each layout)")
        compared.add_argument("--pairs", type=pairs, default=15, metavar="N", help="number of executions of each version, at least 5 (default: 15)")
        compared.add_argument("--cells", type=positive, default=1_000_000, metavar="N", help="cells in the table for times and memory (default: 1000000)")
        compared.add_argument("--counted-cells", type=positive, default=50_000, metavar="N", help="cells in the table for counts of instructions and allocations (default: 50000)")
        compared.add_argument("--base-pg-config", metavar="FILE", help="pg_config of the PostgreSQL for BASE (default: $PG_CONFIG, or pg_config)")
        compared.add_argument("--new-pg-config", metavar="FILE", help="the same for NEW")
        compared.add_argument("--new-patch", type=Path, metavar="FILE", help="patch to apply to the source of NEW")
        compared.add_argument("--times", type=positive, default=1, metavar="N", help="number of comparisons, to find the rate of false alarms (default: 1)")
        records(compared)

    report = command("report", "write one HTML file for a run, two runs, a comparison, or all runs with a tag")
    report.add_argument("runs", nargs="*", metavar="RUN", help='id, beginning of an id, or "last" (default)')
    report.add_argument("--tag", help="report all runs with this tag")
    report.add_argument("-o", "--output", type=Path, default=Path("cbperf.html"), metavar="FILE", help="the report (default: cbperf.html; - is standard output)")

    show = command("show", "print a run or a comparison")
    show.add_argument("run", nargs="?", default="last", metavar="RUN", help='id, beginning of an id, or "last" (default)')
    show.add_argument("--json", action="store_true", help="print JSON instead of text")

    listing = command("list", "list runs, newest first")
    listing.add_argument("--process", metavar="NAME", help="only runs of this workload or command")
    listing.add_argument("--tag", help="only runs or comparisons with this tag")
    listing.add_argument("--host", help="only runs on this host")
    listing.add_argument("--comparisons", action="store_true", help="list comparisons instead of runs")
    listing.add_argument("--limit", type=positive, default=20, metavar="N", help="number of lines (default: 20)")
    listing.add_argument("--json", action="store_true", help="print JSON instead of text")

    command("init", "create the record store: a database with the schema cbperf, and its roles")
    export = command("export", "print records as JSON lines")
    export.add_argument("--tag", help="only runs and comparisons with this tag")
    export.add_argument("--process", metavar="NAME", help="only runs of this workload or command")
    load = command("import", "store the records in files of JSON lines")
    load.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file of JSON lines, from cbperf export or from the folder --spool")
    watch = command("watch", "show what backends do now, with pg_activity")
    watch.add_argument("--server", default="", metavar="CONNINFO", help="the server to watch (default: libpq's variables)")
    watch.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="argument for pg_activity, after --")
    return top
