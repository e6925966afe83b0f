"""The record store, a database of PostgreSQL (cbperf/store.sql), and the keeper, which loses nothing when the store can't be had.

A record is that of a run or a comparison, as a dict; seconds and bytes.
"""

import contextlib
import json
import math
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row, tuple_row

SCHEMA = Path(__file__).parents[1] / "store.sql"
NAME = "cbperf"     # of the database and the application, if no others are given

Rows = list[dict]


class StoreError(Exception):
    """What the store can't do, and why, in one line."""


class Unknown(StoreError):
    """What is asked for is not in the store, or what is to be put into it is no record: the caller's mistake."""


def version() -> int:
    """Of the schema that this cbperf is made for."""
    return int(re.search(r"FUNCTION cbperf\.version\(\).*?\nRETURN (\d+);", SCHEMA.read_text(), re.DOTALL)[1])


def parameters(conninfo: str | None) -> dict:
    """Of a connection; what is not given is as libpq's variables have it, but for the database's name."""
    try:
        given = conninfo_to_dict(conninfo or os.environ.get("CBPERF_STORE") or "")
    except psycopg.Error as error:
        raise StoreError(f"not a connection string: {one_line(error)}") from error
    timeout = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": 5}
    return {"dbname": NAME, "fallback_application_name": NAME} | timeout | given


def one_line(error: psycopg.Error) -> str:
    """What the server says: message, detail and hint, without the last full stop; or libpq, that can't reach it."""
    told = [error.diag.message_primary or str(error).splitlines()[0], error.diag.message_detail, error.diag.message_hint]
    return ". ".join(part.strip().rstrip(".").replace("\n", " ") for part in told if part)


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(one_line(error)) from error


def to_json(record: dict) -> str:
    """On one line. What JSON or text of PostgreSQL can't hold is replaced, so that no measurement is lost for it:
    a NUL or half a surrogate pair by U+FFFD, a number that is not finite by null."""
    def held(value):
        if isinstance(value, dict):
            return {held(name): held(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [held(inner) for inner in value]
        if isinstance(value, str):
            return re.sub("[\0\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", value)
        return None if isinstance(value, float) and not math.isfinite(value) else value
    return json.dumps(held(record), ensure_ascii=False)


def identity(record: dict) -> str:
    return record["comparison_id" if "comparison" in record else "run_id"]


def init(conninfo: str | None = None) -> str:
    """Makes the database, if it is missing, and the store in it, if it has none; tells what was done."""
    wanted = parameters(conninfo)
    name = wanted["dbname"]
    with store_errors():
        made = make_database(wanted)
        with psycopg.connect(**wanted) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('cbperf init'))")
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StoreError(f"database {name} has the encoding {encoding}, and a store needs UTF8")
            if connection.execute("SELECT to_regnamespace('cbperf')").fetchone() != (None,):
                demand_version(connection)
                return f"Database {name} is a store already."
            connection.execute(SCHEMA.read_bytes())
    return f"Database {name} {'was made, and ' if made else ''}is a store now. Grant cbperf_writer to those who measure, cbperf_reader to those who look."


def make_database(wanted: dict) -> bool:
    """Whether it was missing, and has been made."""
    try:
        psycopg.connect(**wanted).close()
        return False
    except psycopg.OperationalError as error:
        with psycopg.connect(**wanted | {"dbname": "postgres"}, autocommit=True) as maintenance:
            if maintenance.execute("SELECT FROM pg_database WHERE datname = %s", [wanted["dbname"]]).fetchone() is not None:
                raise error
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):     # another one was quicker
                maintenance.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'")
                                    .format(sql.Identifier(wanted["dbname"])))
        return True


def demand_version(connection: psycopg.Connection) -> None:
    name = connection.info.dbname
    try:
        found, = connection.cursor(row_factory=tuple_row).execute("SELECT cbperf.version()").fetchone()
    except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
        raise StoreError(f"database {name} is no store of cbperf: cbperf init makes one") from None
    except psycopg.errors.InsufficientPrivilege:
        raise StoreError(f"user {connection.info.user} may not use the store in database {name}: GRANT cbperf_writer or cbperf_reader") from None
    if found != version():
        raise StoreError(f"the store in database {name} has version {found}, and this cbperf needs version {version()}")


def where(*conditions: str, **wanted: str | None) -> str:
    """A clause, whose parameters have the names of the columns; what is None is not asked for."""
    every = [*conditions, *(f"{column} = %({column})s" for column, value in wanted.items() if value is not None)]
    return " WHERE " + " AND ".join(every) if every else ""


def put_statement(record: dict) -> str:
    """Its parameter is the record as JSON; "new" is whether it was not stored yet."""
    return f"SELECT cbperf.{'put_comparison' if 'comparison' in record else 'put'}(%s::jsonb) AS new"


class Store:
    """A connection to the store. One that was lost is made anew at its next use. All methods raise StoreError."""

    def __init__(self, conninfo: str | None = None):
        self.parameters = parameters(conninfo)
        self.connection: psycopg.Connection[dict] | None = None
        with store_errors():
            self.connected()

    def connected(self) -> psycopg.Connection[dict]:
        if self.connection is None or self.connection.closed:
            connection = psycopg.connect(**self.parameters, autocommit=True, row_factory=dict_row)
            try:
                demand_version(connection)
                connection.execute("SET lock_timeout = '30s'")      # another writer that hangs must not stop a measurement
            except BaseException:
                connection.close()
                raise
            self.connection = connection
        return self.connection

    def close(self) -> None:
        if self.connection:
            self.connection.close()

    def execute(self, query: str, values: Sequence | Mapping = ()) -> Rows:
        """Once more on a new connection, if this one turns out to be lost: all that is done here may be repeated."""
        with store_errors():
            try:
                return self.connected().execute(query, values).fetchall()
            except psycopg.OperationalError:
                if self.connection and not self.connection.closed:
                    raise
                return self.connected().execute(query, values).fetchall()

    def alive(self) -> psycopg.Connection[dict]:
        """A connection that was not lost a moment ago."""
        self.execute("SELECT")
        return self.connected()

    def put(self, record: dict) -> bool:
        """Stores a record; False if just this one is there already."""
        return self.execute(put_statement(record), [to_json(record)])[0]["new"]

    def find(self, wanted: str) -> dict:
        """The record whose id this is, or begins so, if no other does; "last" is the run that started last."""
        if wanted == "last":
            found = self.execute("SELECT run_id AS id, 'get' AS function FROM cbperf.runs ORDER BY started DESC LIMIT 1")
        else:
            digits = wanted.replace("-", "")
            if not re.fullmatch("[0-9a-fA-F]{1,32}", digits):
                raise Unknown(f'not "last", and not how the id of a run or comparison begins: {wanted}')
            found = self.execute("""
                SELECT run_id AS id, 'get' AS function FROM cbperf.runs WHERE run_id BETWEEN %(least)s AND %(most)s
                UNION ALL SELECT comparison_id, 'get_comparison' FROM cbperf.comparisons WHERE comparison_id BETWEEN %(least)s AND %(most)s
                LIMIT 2""", {"least": UUID(digits.ljust(32, "0")), "most": UUID(digits.ljust(32, "f"))})
        if len(found) != 1:
            raise Unknown("there is no run in the store" if wanted == "last"
                             else f"{'several ids begin' if found else 'no id begins'} with {wanted}")
        return self.execute(f"SELECT cbperf.{found[0]['function']}(%s) AS record", [found[0]["id"]])[0]["record"]

    def list(self, process: str | None = None, tag: str | None = None, host: str | None = None, limit: int = 20) -> Rows:
        """Rows of the view cbperf.runs, the newest first."""
        wanted = {"process": process, "tag": tag, "host": host}
        return self.execute(f"SELECT * FROM cbperf.runs{where(**wanted)} ORDER BY started DESC LIMIT %(limit)s", wanted | {"limit": limit})

    def comparisons(self, tag: str | None = None, limit: int = 20) -> Rows:
        """Rows of the view cbperf.comparisons, the newest first."""
        return self.execute(f"SELECT * FROM cbperf.comparisons{where(tag=tag)} ORDER BY started DESC LIMIT %(limit)s", {"tag": tag, "limit": limit})

    def history(self, of: dict | str, host: str | None = None) -> Rows:
        """Rows of the view cbperf.history, the oldest first: of a record's process, arguments and host, or of a process by name or key."""
        if isinstance(of, dict):
            of, host = self.key(of), host or of["host"]["name"]
        wanted = {"key" if re.fullmatch("[0-9a-f]{64}", of) else "process": of, "host": host}
        return self.execute(f"SELECT * FROM cbperf.history{where(**wanted)} ORDER BY started", wanted)

    def key(self, record: dict) -> str:
        """What its process and arguments have in the column of this name."""
        return self.execute("SELECT cbperf.key(%s, %s::jsonb)", [record["process"], to_json(record["arguments"])])[0]["key"]

    def by_tag(self, tag: str) -> Rows:
        """The records of the runs with a tag, the oldest first."""
        return [row["record"] for row in self.execute("SELECT cbperf.get(run_id) AS record FROM cbperf.runs WHERE tag = %s ORDER BY started", [tag])]

    def compared(self, comparison: dict) -> Rows:
        """The records of a comparison's runs, those that are here."""
        ids = [workload[run] for workload in comparison["workloads"] for run in ("base_run", "new_run")]
        return [row["record"] for row in self.execute(
            "SELECT cbperf.get(run_id) AS record FROM unnest(%s::uuid[]) WITH ORDINALITY wanted (run_id, place) JOIN cbperf.runs USING (run_id) ORDER BY place", [ids])]

    def mark_abandoned(self, host: str) -> int:
        """Makes incomplete what is running on a host though nobody measures it; how much there was."""
        return self.execute("SELECT cbperf.mark_abandoned(%s)", [host])[0]["mark_abandoned"]

    def export(self, tag: str | None = None, process: str | None = None) -> Iterator[str]:
        """Records as lines of JSON, the oldest first: all runs, then all comparisons, or those with a tag, or the runs of a process.
        What is still running is left out."""
        wanted = {"tag": tag, "process": process}
        queries = ["SELECT cbperf.get(run_id)::text AS line FROM cbperf.runs" + where("state <> 'running'", **wanted)]
        if not process:
            queries.append("SELECT cbperf.get_comparison(comparison_id)::text AS line FROM cbperf.comparisons" + where("state <> 'running'", tag=tag))
        for query in queries:
            with store_errors():
                for row in self.alive().cursor().stream(query + " ORDER BY started", wanted):
                    yield row["line"]

    def import_lines(self, lines: Iterable[str]) -> tuple[int, int]:
        """Stores what export() or a Keeper wrote, all of it or nothing; how many are new, and how many were there already."""
        counts = {True: 0, False: 0}
        with store_errors(), self.alive().transaction() as transaction:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise StoreError("not a JSON object")
                    with store_errors():
                        counts[transaction.connection.execute(put_statement(record), [line]).fetchone()["new"]] += 1
                except (ValueError, StoreError) as error:
                    raise Unknown(f"line {number}: {error}. Nothing was imported") from error
        return counts[True], counts[False]


class Keeper:
    """Keeps records: in the store, or else in a file of the spool folder, or else on standard error.

    `problem` is None as long as all is in the store, and else says why not, and where it is.
    """

    def __init__(self, store: Store | str, spool_folder: Path):
        """`store` is one, or why there is none."""
        self.store = store
        self.folder = Path(spool_folder)
        self.problems: dict[str, str] = {}      # by the id of what is not in the store

    @property
    def problem(self) -> str | None:
        return "; ".join(dict.fromkeys(self.problems.values())) or None

    def keep(self, record: dict) -> None:
        """Keeps a record, in the place of what was kept under its id before. Never raises StoreError."""
        name = identity(record)
        try:
            if isinstance(self.store, str):
                raise StoreError(self.store)
            self.store.put(record)
        except StoreError as error:
            self.problems[name] = self.spool(record, str(error))
        else:
            if self.problems.pop(name, None):
                with contextlib.suppress(OSError):
                    self.file(name).unlink()

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def spool(self, record: dict, why: str) -> str:
        """Says where the record is now. A file is written under another name, so that there is never half of one."""
        text = to_json(record) + "\n"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.file(identity(record)), text)
            return f"{why}. What the store could not take is in {self.folder}: cbperf import {shlex.quote(str(self.folder))}/*.jsonl"
        except OSError as error:
            problem = f"{why}. Nor can it be kept in {self.folder}: {error.strerror}"
            if record["state"] != "running":
                print(f"cbperf: {problem}. This is the record, for cbperf import:", text, sep="\n", end="", file=sys.stderr, flush=True)
            return f"{problem}. It is on standard error, as a line of JSON"


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """All of it, and on the disk, or nothing. The mode is less what the user's umask says."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(file.fileno(), mode & ~umask)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
