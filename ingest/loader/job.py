"""One source on its way: found, staged, made into cells, loaded. Runs in a thread of its own."""

import contextlib
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cells
import duckdb
import engine as duck
import lines
import psycopg
import pyarrow
import sources
import staging
from cells import Account
from errors import UNSURE, Interrupted, LoadError, explained
from mapping import Map
from target import Loaded, Target


@dataclass(frozen=True)
class Settings:
    map: Map
    memory: int             # bytes for DuckDB
    threads: int
    encoding: str
    quotes: str | None
    nulls: list[str]
    skip_invalid: bool
    replace: bool
    merge_samples: bool


# The table that it is of, where it is, what DuckDB was told of it, and its lines, if they are counted.
CSVFile = tuple[str, sources.Origin, lines.Form, int | None]


@dataclass
class Job:
    source: sources.Source
    settings: Settings
    target: Target | None       # none: it is only checked
    folder: Path
    account: Account = field(default_factory=Account)
    phase: str = "waiting"
    loaded: int = 0
    done: bool = False          # it is in the table, or could be
    settled: bool = False       # what became of it is said
    seconds: float = 0.0
    replaced: list[str] = field(default_factory=list)
    engine: duckdb.DuckDBPyConnection | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        start = time.monotonic()
        folder = self.folder / f"{id(self)}"
        folder.mkdir()
        try:
            with contextlib.ExitStack() as files, contextlib.closing(duck.connect(folder, self.settings.memory, self.settings.threads)) as self.engine:
                self.load(folder, files)
        except Exception as error:
            if self.phase == "committing":     # also if it was cancelled
                raise LoadError(f"{UNSURE} ({said(error)})") from None
            self.stop_if_cancelled()     # by which any error may have come about
            raise said(error) from None
        finally:
            self.engine = None
            self.seconds = time.monotonic() - start
            shutil.rmtree(folder, ignore_errors=True)

    def load(self, folder: Path, files: contextlib.ExitStack) -> None:
        self.phase = "reading"
        if self.source.remote:
            duck.load_httpfs(self.engine)
        origins = sources.origins(self.engine, self.source, self.settings.map, self.settings.encoding, files)
        with ThreadPoolExecutor(1) as beside, self.engine.cursor() as cursor:
            looked = beside.submit(sources.look, cursor, self.source, origins, self.stop_if_cancelled)
            if self.target and not self.settings.replace and self.target.is_known(self.source):
                self.refuse(looked.result().fingerprint)
            try:
                read = self.stage(origins, folder, files)
            except LoadError:
                if any(origin.kind == "csv.gz" for origin in origins):
                    looked.result()      # of a damaged file that is what to say
                raise
            seen = looked.result()
        self.compare(read, seen.lines)
        fingerprint = seen.fingerprint
        if not any(self.account.rows.values()):
            fingerprint += f" of {self.source.path}"      # files without a row are all the same
        if self.target and not self.settings.replace:
            self.refuse(fingerprint)
        self.engine.execute("SET VARIABLE source = ?", [self.source.name])
        self.phase = "joining"
        cells.make(self.engine, self.settings.map, self.account, self.settings.skip_invalid)
        self.stop_if_cancelled()
        if self.target:
            self.phase = "loading"
            self.replaced = self.target.load(self.engine, self.source, self.settings.map, fingerprint, self.account, self.settings.replace, self.settings.merge_samples, self.progress)

    def stage(self, origins: list[sources.Origin], folder: Path, files: contextlib.ExitStack) -> list[CSVFile]:
        """Make the tables; gives the CSV files that they are of."""
        reading = staging.Reading(self.settings.nulls, self.settings.quotes, self.stop_if_cancelled)
        read = []
        for number, (table, origin) in enumerate(zip(self.settings.map.tables, origins)):
            counted = None
            if self.source.remote and origin.kind == "csv":
                origin, counted = lines.fetched(self.engine, origin, folder / f"fetched{number}", files, self.stop_if_cancelled)
            staged = staging.stage(self.engine, table, origin, reading)
            self.account.rows[table.name] = staged.rows
            if staged.form:
                read.append((table.name, origin, staged.form, counted))
            self.stop_if_cancelled()
        return read

    def compare(self, files: list[CSVFile], counted: dict[str, int]) -> None:
        for table, origin, form, number in files:
            note = lines.compared(origin, form, self.account.rows[table], counted[origin.path] if number is None else number, self.settings.quotes, self.stop_if_cancelled)
            if note:
                self.account.notes[table] = note

    def refuse(self, fingerprint: str) -> None:
        if found := self.target.known(self.source, fingerprint, self.settings.map):
            raise Loaded(found[0])

    def progress(self, phase: str, rows: int = 0) -> None:
        self.stop_if_cancelled()     # before it is said to commit
        self.phase = phase
        self.loaded += rows

    def stop_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Interrupted

    def cancel(self) -> None:
        """From another thread: whatever it waits for ends with an error."""
        self.cancelled.set()
        with contextlib.suppress(Exception):
            self.engine.interrupt()
        if self.target:
            self.target.cancel()


def said(error: Exception) -> Exception:
    """What a library raises, as an error of the source; what is one already, or nobody expects, as it is."""
    match error:
        case duckdb.Error():
            return LoadError(explained(error))
        case psycopg.Error():
            return LoadError(" ".join(filter(None, [str(error.diag.message_primary or error).strip(), error.diag.message_detail])))
        case OSError():
            return LoadError(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        case pyarrow.ArrowException():
            return LoadError(str(error).splitlines()[0])
    return error
