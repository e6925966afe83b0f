"""A job: read, join and load one source, in a thread of its own."""

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
import mapping
import psycopg
import pyarrow
import sources
import staging
from cells import Account
from errors import UNSURE, Interrupted, LoadError, explained
from mapping import Map
from reading import Reading
from target import Loaded, Target


@dataclass(frozen=True)
class Settings:
    map: Map
    memory: int             # bytes for DuckDB
    threads: int
    skip_invalid: bool
    replace: bool
    merge_samples: bool


NULLS = ["", "nan", "NaN"]      # text in CSV that means NULL

# The table's name, the origin, the form, and the number of lines if it is known already.
CSVFile = tuple[str, sources.Origin, lines.Form, int | None]


@dataclass
class Job:
    source: sources.Source
    settings: Settings
    target: Target | None       # None: only check the source
    folder: Path
    map: Map | None = None      # with the features of the source
    account: Account = field(default_factory=Account)
    names: dict[str, list[str]] = field(default_factory=dict)
    phase: str = "waiting"
    loaded: int = 0
    done: bool = False          # the source is in the table, or with --check could be
    settled: bool = False       # the result is reported
    seconds: float = 0.0
    replaced: list[str] = field(default_factory=list)
    engine: duckdb.DuckDBPyConnection | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        start = time.monotonic()
        folder = self.folder / f"{id(self)}"
        folder.mkdir()
        try:
            connection = duck.connect(folder, self.settings.memory, self.settings.threads)
            with contextlib.ExitStack() as files, contextlib.closing(connection) as self.engine:
                self.load(folder, files)
        except Exception as error:
            if self.phase == "committing":     # even if the job was cancelled
                raise LoadError(f"{UNSURE} ({said(error)})") from None
            self.stop_if_cancelled()     # cancelling may have caused the error
            raise said(error) from None
        finally:
            self.engine = None
            self.seconds = time.monotonic() - start
            shutil.rmtree(folder, ignore_errors=True)

    def load(self, folder: Path, files: contextlib.ExitStack) -> None:
        settings = self.settings
        self.phase = "reading"
        if self.source.remote:
            duck.load_httpfs(self.engine)
        encoding = settings.map.settings.encoding or ""
        origins = sources.origins(self.engine, self.source, settings.map, encoding, files)
        with ThreadPoolExecutor(1) as beside, self.engine.cursor() as cursor:
            looked = beside.submit(
                sources.look, cursor, self.source, origins, self.stop_if_cancelled)
            if self.target and not settings.replace and self.target.is_known(self.source):
                self.refuse(looked.result().fingerprint)
            try:
                read = self.stage(origins, folder, files)
            except LoadError:
                if any(origin.kind == "csv.gz" for origin in origins):
                    looked.result()      # if the file is damaged, raise that error instead
                raise
            seen = looked.result()
        self.compare(read, seen.lines)
        fingerprint = seen.fingerprint
        if not cells.has_objects(settings.map, self.account.rows):
            # Files without objects may have the same bytes, and are different sources.
            fingerprint += f" of {self.source.path}"
        if self.target and not settings.replace:
            self.refuse(fingerprint)
        known = {"source": self.source.name} | dict.fromkeys(mapping.PARENTS, "")
        known |= sources.parents(self.source) | vars(settings.map.settings)
        for name, value in known.items():
            self.engine.execute(f"SET VARIABLE {name} = ?", [value])
        self.phase = "joining"
        known = self.target.features if self.target else lambda: None
        self.map = cells.resolved(self.engine, settings.map, known)
        cells.make(self.engine, self.map, self.account, settings.skip_invalid, self.names)
        self.stop_if_cancelled()
        if self.target:
            self.phase = "loading"
            self.replaced = self.target.load(
                self.engine, self.source, self.map, fingerprint, self.account,
                settings.replace, settings.merge_samples, self.progress)

    def stage(
        self, origins: list[sources.Origin], folder: Path, files: contextlib.ExitStack,
    ) -> list[CSVFile]:
        """Stage the tables, and return the CSV files among their origins."""
        go_on = self.stop_if_cancelled
        given = self.settings.map.settings
        reading = Reading(
            [*NULLS, *given.nulls], given.quotes, given.decimal or ".", given.skip_lines or 0,
            go_on)
        read = []
        for number, (table, origin) in enumerate(zip(self.settings.map.tables, origins)):
            counted, copy = None, folder / f"copy{number}"
            origin = lines.guessed(origin)
            if self.source.remote and origin.kind == "csv":
                origin, counted = lines.fetched(self.engine, origin, copy, files, go_on)
            elif lines.needs_copy(origin):
                origin, counted = lines.recoded(origin, copy, files, go_on)
            staged = staging.stage(self.engine, table, origin, reading)
            self.account.rows[table.name] = staged.rows
            self.names |= staged.names
            notes = [origin.note] if origin.note else []
            if origin.guessed:
                notes.append("the names of the columns are not UTF-8, and read as windows-1252")
            self.account.notes[table.name] = notes
            if staged.form:
                read.append((table.name, origin, staged.form, counted))
            self.stop_if_cancelled()
        return read

    def compare(self, files: list[CSVFile], counted: dict[str, int]) -> None:
        """Compare the rows of each CSV file with its lines."""
        for table, origin, form, number in files:
            note = lines.compared(
                origin, form, self.account.rows[table],
                counted[origin.path] if number is None else number,
                self.settings.map.settings.quotes, self.stop_if_cancelled)
            if note:
                self.account.notes[table].append(note)

    def refuse(self, fingerprint: str) -> None:
        if found := self.target.known(self.source, fingerprint, self.settings.map):
            raise Loaded(f"already {found[0]}")

    def progress(self, phase: str, rows: int = 0) -> None:
        self.stop_if_cancelled()     # before the phase can become "committing"
        self.phase = phase
        self.loaded += rows

    def stop_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Interrupted

    def cancel(self) -> None:
        """End whatever the job waits for with an error. Called from another thread."""
        self.cancelled.set()
        with contextlib.suppress(Exception):
            self.engine.interrupt()
        if self.target:
            self.target.cancel()


def said(error: Exception) -> Exception:
    """Return the error of a library as a LoadError, and any other error unchanged."""
    match error:
        case duckdb.Error():
            return LoadError(explained(error))
        case psycopg.Error():
            parts = [str(error.diag.message_primary or error).strip(), error.diag.message_detail]
            return LoadError(" ".join(filter(None, parts)))
        case OSError():
            named = f"{error.filename}: {error.strerror}"
            return LoadError(named if error.filename else str(error))
        case pyarrow.ArrowException():
            return LoadError(str(error).splitlines()[0])
    return error
