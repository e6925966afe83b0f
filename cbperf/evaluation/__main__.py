"""cbperf: the command line. Other modules do the work; this one handles options, messages and exit statuses."""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from datetime import datetime
from pathlib import Path

import arms
import compare
import components
import host
import lock
import overhead
import profilers
import psycopg
import report
import run
import scale
import scratch
import workload
from options import ALARM, BUSY, DONE, INCOMPLETE, NOT_STORED, WRONG_USE, parser, spool_folder
from statements import Malformed, split
from store import Keeper, Store, StoreError, Unknown, init, write_whole

ROOT = Path(__file__).parents[2]

# The default workloads of compare and check: the benchmark's, which pack in each layout.
WORKLOADS = [ROOT / f"benchmark/suite/{name}.sql" for name in ("pack", "pack_scan", "pack_with_ids", "pack_spt", "pack_dense", "pack_arrow")]


class Wrong(Exception):
    """The caller made a mistake."""


def keeper(options: argparse.Namespace) -> Keeper:
    try:
        store = Store(options.store)
        store.mark_abandoned(host.machine()["name"])
    except StoreError as error:
        print(f"cbperf: {error}. The measurement continues and writes its records to {options.spool}.", file=sys.stderr)
        return Keeper(str(error), options.spool)
    return Keeper(store, options.spool)


def sql_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Wrong(f"{path}: the file is not text in UTF-8") from None


def statements_of(path: Path) -> list:
    try:
        return split(sql_of(path))
    except Malformed as error:
        raise Wrong(f"{path}: {error}") from None


def labels(options: argparse.Namespace) -> dict:
    return {"tag": options.tag, "description": options.description, "user_data": dict(options.data)}


def work(options: argparse.Namespace) -> run.Work:
    wanted = [name for names in options.profile for name in names.split(",")]
    for name in wanted:
        try:
            profilers.get(name)
        except profilers.UnknownProfiler as error:
            raise Wrong(str(error)) from None
    if options.components:
        try:
            components.Components(options.components)
        except components.Malformed as error:
            raise Wrong(str(error)) from None
    common = {"repeat": options.repeat, "warm_up": not options.cold, "profilers": wanted, "labels": labels(options),
              "component_map": options.components}
    given = [options.sql is not None, options.query is not None, options.pid is not None, bool(options.command)]
    if sum(given) != 1:
        raise Wrong("give one of --sql FILE, --query SQL, --pid PID, or -- COMMAND")
    if options.pid is not None:
        return run.Work("pid", options.name or f"process {options.pid}", [], pid=options.pid, seconds=options.seconds, **common)
    if options.command:
        program, *arguments = options.command
        return run.Work("command", options.name or program, arguments, argv=options.command, **common)
    if options.sql:
        sql, text, name = statements_of(options.sql), sql_of(options.sql), options.sql.stem
    else:
        try:
            sql, text = split(options.query), options.query
            name = f"query {hashlib.sha256(text.encode()).hexdigest()[:8]}"     # readers must not see its text
        except Malformed as error:
            raise Wrong(f"--query: {error}") from None
    return run.Work("sql", options.name or name, [text], conninfo=options.server, sql=sql,
                    setup=statements_of(options.setup) if options.setup else [], workers=options.workers,
                    memory_limit=options.memory_limit, waits=not getattr(options, "no_waits", False), extension=options.extension, dataset=options.dataset, **common)


def ended(records: list[dict], keeper: Keeper) -> int:
    """Print problems, and return the exit status."""
    status = DONE
    if keeper.problem:
        print(f"cbperf: {keeper.problem}", file=sys.stderr)
        status = NOT_STORED
    for record in records:
        if record["state"] == "incomplete":
            print(f"cbperf: {record.get('process', 'the comparison')} is incomplete: {report.first_line(record['error'])}", file=sys.stderr)
            status = INCOMPLETE
        if "spans" in record.get("unavailable", {}):
            print(f"cbperf: the spans are wrong: {record['unavailable']['spans']}", file=sys.stderr)
    return status


def finish(options: argparse.Namespace, records: list[dict], keeper: Keeper, reported: list[dict] | None = None, compared: dict | None = None) -> int:
    """Write the requested report, print problems, and return the exit status."""
    status = ended(records, keeper)
    try:
        write_report(options.report, records if reported is None else reported, compared=compared)
    except (OSError, report.ReportError) as error:
        print(f"cbperf: cannot write the report: {error}", file=sys.stderr)
        status = status or INCOMPLETE
    return status


def show(document: dict | list, as_json: bool) -> None:
    print(json.dumps(document) if as_json else report.text(document))


def write_report(path: Path | None, records: list[dict], history: list[dict] = [], compared: dict | None = None) -> None:
    """Write the whole file or nothing, unless the path is that of a device."""
    if not path:
        return
    text = report.render(records, history, compared)
    if path.exists() and not path.is_file():
        path.write_text(text)
    else:
        write_whole(path, text, mode=0o666)
    print(f"The report is in {path}.", file=sys.stderr)


def do_run(options: argparse.Namespace) -> int:
    wanted = work(options)
    kept = keeper(options)
    record = run.run(wanted, kept)
    show(record, options.json)
    return finish(options, [record], kept)


def do_scale(options: argparse.Namespace) -> int:
    wanted = work(options)
    if wanted.kind != "sql":
        raise Wrong("scale measures SQL: give --sql FILE or --query SQL")
    wanted.labels["tag"] = wanted.labels["tag"] or f"scale {wanted.process} {datetime.now():%Y-%m-%d %H:%M:%S}"
    kept = keeper(options)
    records = scale.scale(wanted, options.clients, options.numbers_of_workers, options.seconds, kept)
    print(json.dumps(records) if options.json else report.text_of_scale(records))
    return finish(options, records, kept)


def do_overhead(options: argparse.Namespace) -> int:
    wanted = work(options)
    if wanted.kind != "sql":
        raise Wrong("give --sql FILE or --query SQL")
    found = overhead.measure(wanted, options.rounds, wanted.profilers)
    print(json.dumps(found) if options.json else overhead.text(found))
    return DONE


def comparison(options: argparse.Namespace, base: str, new: str) -> int:
    workloads = [(path.stem, sql_of(path)) for path in options.workload or WORKLOADS]
    for path in options.workload:
        statements_of(path)
    if options.new_patch and not options.new_patch.is_file():
        raise Wrong(f"{options.new_patch}: the file does not exist")
    settings = compare.Settings(workloads, options.pairs, labels=labels(options))
    kept = keeper(options)
    with contextlib.ExitStack() as stack:
        try:
            sides = []
            for version, pg_config, patch in ((base, options.base_pg_config, None), (new, options.new_pg_config, options.new_patch)):
                print(f"{version}: building it and creating the tables ...", file=sys.stderr)
                side = stack.enter_context(arms.arm(version, pg_config, patch))
                if side.folder:
                    arms.load(side, settings.timed, options.cells)
                    arms.load(side, settings.counted, options.counted_cells)
                sides.append(side)
        except arms.Unbuildable as error:
            raise Wrong(str(error)) from None
        found = []
        for turn in range(1, options.times + 1):
            for side in sides:
                side.restart()
            compared, records = compare.compare(*sides, settings, kept)
            found.append(compared)
            if options.times > 1:
                print(f"{turn} of {options.times}: {sum(each['alarm'] for each in found)} alarms", file=sys.stderr)
    if options.times > 1:
        print(json.dumps(found) if options.json else "\n".join(map(report.text, found)))
    else:
        show(compared, options.json)
    status = finish(options, found, kept, records, compared)
    return ALARM if any(each["alarm"] for each in found) else status


def do_compare(options: argparse.Namespace) -> int:
    return comparison(options, options.base, options.new)


def do_check(options: argparse.Namespace) -> int:
    try:
        base = options.base or arms.last_release()
    except arms.Unbuildable as error:
        raise Wrong(str(error)) from None
    return comparison(options, base, str(ROOT))


def do_report(options: argparse.Namespace) -> int:
    store = Store(options.store)
    compared = None
    if options.tag:
        if options.runs:
            raise Wrong("give either runs or --tag")
        records = store.by_tag(options.tag)
        if not records:
            raise Wrong(f"no run has the tag {options.tag}")
    else:
        records = []
        for document in map(store.find, options.runs or ["last"]):
            if "comparison" in document:
                compared = document
                records += store.compared(document)
            else:
                records.append(document)
    history = store.history(records[0]) if len(records) == 1 else []
    if len(history) < 2:
        history = []
    if options.output == Path("-"):
        print(report.render(records, history, compared))
    else:
        write_report(options.output, records, history, compared)
    return DONE


def do_show(options: argparse.Namespace) -> int:
    show(Store(options.store).find(options.run), options.json)
    return DONE


def do_list(options: argparse.Namespace) -> int:
    store = Store(options.store)
    rows = store.comparisons(options.tag, options.limit) if options.comparisons else store.list(options.process, options.tag, options.host, options.limit)
    print(json.dumps(rows, default=str) if options.json else (report.text_of_comparisons if options.comparisons else report.text_of_list)(rows))
    return DONE


def do_init(options: argparse.Namespace) -> int:
    print(init(options.store), file=sys.stderr)
    return DONE


def do_export(options: argparse.Namespace) -> int:
    for line in Store(options.store).export(options.tag, options.process):
        print(line)
    return DONE


def do_import(options: argparse.Namespace) -> int:
    store = Store(options.store)
    for path in options.files:
        try:
            with path.open() as lines:
                new, known = store.import_lines(lines)
        except OSError as error:
            raise Wrong(f"{path}: {error.strerror}") from None
        print(f"{path}: {new} new, {known} already there", file=sys.stderr)
        if path.resolve().parent == spool_folder().resolve():
            path.unlink()      # it was in the spool folder only until this import
    return DONE


def do_watch(options: argparse.Namespace) -> int:
    program = shutil.which("pg_activity")
    if not program:
        raise Wrong("watch needs pg_activity, which is not installed (Debian package pg-activity)")
    info = psycopg.conninfo.conninfo_to_dict(options.server)
    arguments = [f"--{name}={info[key]}" for key, name in (("host", "host"), ("port", "port"), ("user", "username"), ("dbname", "dbname")) if key in info]
    os.environ.pop("PYTHONPATH", None)     # pg_activity has its own packages
    os.execv(program, [program, *arguments, *options.arguments])


DO = {"run": do_run, "scale": do_scale, "overhead": do_overhead, "compare": do_compare, "check": do_check, "report": do_report, "show": do_show, "list": do_list,
      "init": do_init, "export": do_export, "import": do_import, "watch": do_watch}


def interrupted(*_) -> None:
    """As on Ctrl-C: end what was started, and keep what was measured."""
    raise KeyboardInterrupt


def main() -> int:
    options = parser(DO).parse_args()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:     # background commands of a shell ignore SIGINT
        signal.signal(number, interrupted)
    try:
        if not getattr(options, "measures", False):
            return options.do(options)
        if options.report and not options.report.parent.is_dir():
            raise Wrong(f"{options.report}: the folder {options.report.parent} does not exist")
        if options.report and not os.access(options.report if options.report.exists() else options.report.parent, os.W_OK):
            raise Wrong(f"{options.report}: no permission to write")
        with lock.measuring(options.wait):
            scratch.sweep()
            return options.do(options)
    except (Wrong, Unknown) as error:
        print(f"cbperf: {error}", file=sys.stderr)
        return WRONG_USE
    except StoreError as error:
        print(f"cbperf: {error}", file=sys.stderr)
        return NOT_STORED
    except lock.Busy as error:
        print(f"cbperf: {error}", file=sys.stderr)
        return BUSY
    except BrokenPipeError:
        return DONE
    except KeyboardInterrupt:
        print("cbperf: interrupted; the finished measurements are kept", file=sys.stderr)
        return 128 + signal.SIGINT
    except OSError as error:
        print(f"cbperf: {error.filename}: {error.strerror}" if error.filename else f"cbperf: {error}", file=sys.stderr)
        return INCOMPLETE
    except (psycopg.Error, workload.Failed, report.ReportError) as error:
        print(f"cbperf: {error}", file=sys.stderr)
        return INCOMPLETE
    except Exception:     # a bug of cbperf, which must not look like an alarm
        traceback.print_exc()
        return INCOMPLETE


if __name__ == "__main__":
    sys.exit(main())
