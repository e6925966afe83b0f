"""The record store, a PostgreSQL database (cbperf/store.sql), and the keeper, which saves records when the store is out of reach.

A record describes a run or a comparison. It is a dict, with figures in seconds and bytes.
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
NAME = "cbperf"     # default name of the database and the application

Rows = list[dict]


class StoreError(Exception):
    """The store cannot do something; the message says what and why, in one line."""


class Unknown(StoreError):
    """The store does not have the wanted record, or the given data is not a record: a mistake of the caller."""


def version() -> int:
    """The version of the schema that this cbperf needs."""
    return int(re.search(r"FUNCTION cbperf\.version\(\).*?\nRETURN (\d+);", SCHEMA.read_text(), re.DOTALL)[1])


def parameters(conninfo: str | None) -> dict:
    """The parameters of a connection. libpq's variables supply missing ones, except the name of the database."""
    try:
        given = conninfo_to_dict(conninfo or os.environ.get("CBPERF_STORE") or "")
    except psycopg.Error as error:
        raise StoreError(f"not a connection string: {one_line(error)}") from error
    timeout = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": 5}
    return {"dbname": NAME, "fallback_application_name": NAME} | timeout | given


def one_line(error: psycopg.Error) -> str:
    """The message, detail and hint of the server, without the last full stop; or the message of libpq."""
    told = [error.diag.message_primary or str(error).splitlines()[0], error.diag.message_detail, error.diag.message_hint]
    return ". ".join(part.strip().rstrip(".").replace("\n", " ") for part in told if part)


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(one_line(error)) from error


def to_json(record: dict) -> str:
    """The record as JSON on one line. To keep records that PostgreSQL's JSON or text cannot hold, U+FFFD replaces a NUL or half
    a surrogate pair, and null replaces a number that is not finite."""
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
    """Create the database and the store in it, if they are missing. Return a message about what was done."""
    wanted = parameters(conninfo)
    name = wanted["dbname"]
    with store_errors():
        made = make_database(wanted)
        with psycopg.connect(**wanted) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('cbperf init'))")
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StoreError(f"database {name} has the encoding {encoding}, but a store needs UTF8")
            if connection.execute("SELECT to_regnamespace('cbperf')").fetchone() != (None,):
                demand_version(connection)
                return f"Database {name} already has a store."
            connection.execute(SCHEMA.read_bytes())
    return f"Created {f'database {name} and ' if made else ''}the store in database {name}. Grant cbperf_writer to roles that measure, cbperf_reader to roles that only read."


def make_database(wanted: dict) -> bool:
    """Create the database if it is missing. Return whether it was."""
    try:
        psycopg.connect(**wanted).close()
        return False
    except psycopg.OperationalError as error:
        with psycopg.connect(**wanted | {"dbname": "postgres"}, autocommit=True) as maintenance:
            if maintenance.execute("SELECT FROM pg_database WHERE datname = %s", [wanted["dbname"]]).fetchone() is not None:
                raise error
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):     # another process created it first
                maintenance.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'")
                                    .format(sql.Identifier(wanted["dbname"])))
        return True


def demand_version(connection: psycopg.Connection) -> None:
    name = connection.info.dbname
    try:
        found, = connection.cursor(row_factory=tuple_row).execute("SELECT cbperf.version()").fetchone()
    except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
        raise StoreError(f"database {name} has no store of cbperf: create it with cbperf init") from None
    except psycopg.errors.InsufficientPrivilege:
        raise StoreError(f"user {connection.info.user} has no permission for the store in database {name}: GRANT cbperf_writer or cbperf_reader") from None
    if found != version():
        raise StoreError(f"the store in database {name} has version {found}, but this cbperf needs version {version()}")


def where(*conditions: str, **wanted: str | None) -> str:
    """A WHERE clause whose parameters have the names of the columns. It ignores columns that are None."""
    every = [*conditions, *(f"{column} = %({column})s" for column, value in wanted.items() if value is not None)]
    return " WHERE " + " AND ".join(every) if every else ""


def put_statement(record: dict) -> str:
    """A statement whose parameter is the record as JSON. "new" in the result says whether it was not stored before."""
    return f"SELECT cbperf.{'put_comparison' if 'comparison' in record else 'put'}(%s::jsonb) AS new"


class Store:
    """A connection to the store. After a loss, the next use connects again. All methods raise StoreError."""

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
                connection.execute("SET lock_timeout = '30s'")      # so that a hanging writer does not stop a measurement
            except BaseException:
                connection.close()
                raise
            self.connection = connection
        return self.connection

    def close(self) -> None:
        if self.connection:
            self.connection.close()

    def execute(self, query: str, values: Sequence | Mapping = ()) -> Rows:
        """Execute a query. If the connection is lost, repeat it on a new one; all queries of this class can be repeated."""
        with store_errors():
            try:
                return self.connected().execute(query, values).fetchall()
            except psycopg.OperationalError:
                if self.connection and not self.connection.closed:
                    raise
                return self.connected().execute(query, values).fetchall()

    def alive(self) -> psycopg.Connection[dict]:
        """A connection that has just been tested."""
        self.execute("SELECT")
        return self.connected()

    def put(self, record: dict) -> bool:
        """Store a record. Return False if exactly this record is stored already."""
        return self.execute(put_statement(record), [to_json(record)])[0]["new"]

    def find(self, wanted: str) -> dict:
        """The record with this id, or the only one whose id begins so. "last" is the run that started last."""
        if wanted == "last":
            found = self.execute("SELECT run_id AS id, 'get' AS function FROM cbperf.runs ORDER BY started DESC LIMIT 1")
        else:
            digits = wanted.replace("-", "")
            if not re.fullmatch("[0-9a-fA-F]{1,32}", digits):
                raise Unknown(f'neither "last" nor the beginning of an id: {wanted}')
            found = self.execute("""
                SELECT run_id AS id, 'get' AS function FROM cbperf.runs WHERE run_id BETWEEN %(least)s AND %(most)s
                UNION ALL SELECT comparison_id, 'get_comparison' FROM cbperf.comparisons WHERE comparison_id BETWEEN %(least)s AND %(most)s
                LIMIT 2""", {"least": UUID(digits.ljust(32, "0")), "most": UUID(digits.ljust(32, "f"))})
        if len(found) != 1:
            raise Unknown("the store has no runs" if wanted == "last"
                             else f"{'several ids begin' if found else 'no id begins'} with {wanted}")
        return self.execute(f"SELECT cbperf.{found[0]['function']}(%s) AS record", [found[0]["id"]])[0]["record"]

    def list(self, process: str | None = None, tag: str | None = None, host: str | None = None, limit: int = 20) -> Rows:
        """Rows of the view cbperf.runs, newest first."""
        wanted = {"process": process, "tag": tag, "host": host}
        return self.execute(f"SELECT * FROM cbperf.runs{where(**wanted)} ORDER BY started DESC LIMIT %(limit)s", wanted | {"limit": limit})

    def comparisons(self, tag: str | None = None, limit: int = 20) -> Rows:
        """Rows of the view cbperf.comparisons, newest first."""
        return self.execute(f"SELECT * FROM cbperf.comparisons{where(tag=tag)} ORDER BY started DESC LIMIT %(limit)s", {"tag": tag, "limit": limit})

    def history(self, of: dict | str, host: str | None = None) -> Rows:
        """Rows of the view cbperf.history, oldest first, for the process, arguments and host of a record, or for a process by name or key."""
        if isinstance(of, dict):
            of, host = self.key(of), host or of["host"]["name"]
        wanted = {"key" if re.fullmatch("[0-9a-f]{64}", of) else "process": of, "host": host}
        return self.execute(f"SELECT * FROM cbperf.history{where(**wanted)} ORDER BY started", wanted)

    def key(self, record: dict) -> str:
        """The value of the column key for the record's process and arguments."""
        return self.execute("SELECT cbperf.key(%s, %s::jsonb)", [record["process"], to_json(record["arguments"])])[0]["key"]

    def by_tag(self, tag: str) -> Rows:
        """The records of the runs with a tag, oldest first."""
        return [row["record"] for row in self.execute("SELECT cbperf.get(run_id) AS record FROM cbperf.runs WHERE tag = %s ORDER BY started", [tag])]

    def compared(self, comparison: dict) -> Rows:
        """The stored records of a comparison's runs."""
        ids = [workload[run] for workload in comparison["workloads"] for run in ("base_run", "new_run")]
        return [row["record"] for row in self.execute(
            "SELECT cbperf.get(run_id) AS record FROM unnest(%s::uuid[]) WITH ORDINALITY wanted (run_id, place) JOIN cbperf.runs USING (run_id) ORDER BY place", [ids])]

    def mark_abandoned(self, host: str) -> int:
        """Mark records of a host as incomplete if they are running but no session measures them. Return their number."""
        return self.execute("SELECT cbperf.mark_abandoned(%s)", [host])[0]["mark_abandoned"]

    def export(self, tag: str | None = None, process: str | None = None) -> Iterator[str]:
        """Records as lines of JSON, oldest first: all runs and then all comparisons, or those with a tag, or the runs of a process.
        Records that are still running are left out."""
        wanted = {"tag": tag, "process": process}
        queries = ["SELECT cbperf.get(run_id)::text AS line FROM cbperf.runs" + where("state <> 'running'", **wanted)]
        if not process:
            queries.append("SELECT cbperf.get_comparison(comparison_id)::text AS line FROM cbperf.comparisons" + where("state <> 'running'", tag=tag))
        for query in queries:
            with store_errors():
                for row in self.alive().cursor().stream(query + " ORDER BY started", wanted):
                    yield row["line"]

    def import_lines(self, lines: Iterable[str]) -> tuple[int, int]:
        """Store all lines of export() or a Keeper, or none. Return the numbers of new and of already stored records."""
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
                    raise Unknown(f"line {number}: {error}. No line was imported") from error
        return counts[True], counts[False]


class Keeper:
    """Keeps records in the store. If that fails, it writes them to the spool folder, and if that fails too, to standard error.

    `problem` is None while all records are in the store. Otherwise it says why not, and where they are.
    """

    def __init__(self, store: Store | str, spool_folder: Path):
        """`store` is a Store, or the reason why there is none."""
        self.store = store
        self.folder = Path(spool_folder)
        self.problems: dict[str, str] = {}      # by the id of the record that is not in the store

    @property
    def problem(self) -> str | None:
        return "; ".join(dict.fromkeys(self.problems.values())) or None

    def keep(self, record: dict) -> None:
        """Keep a record, which replaces an earlier one with the same id. Never raises StoreError."""
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
        """Write the record to the spool folder, and return a message. A temporary name prevents incomplete files."""
        text = to_json(record) + "\n"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.file(identity(record)), text)
            return f"{why}. Records that could not be stored are in {self.folder}: cbperf import {shlex.quote(str(self.folder))}/*.jsonl"
        except OSError as error:
            problem = f"{why}. The record cannot be written to {self.folder} either: {error.strerror}"
            if record["state"] != "running":
                print(f"cbperf: {problem}. The next line is the record, for cbperf import:", text, sep="\n", end="", file=sys.stderr, flush=True)
            return f"{problem}. It is on standard error, as a line of JSON"


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write the whole text and flush it to disk, or leave the old file. The umask reduces the mode."""
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
