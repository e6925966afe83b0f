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
import psycopg
import pyarrow
import sources
import staging
from cells import Account
from errors import Interrupted, LoadError, explained
from mapping import Map
from target import Loaded, Target


@dataclass(frozen=True)
class Settings:
    map: Map
    memory: int             # bytes for DuckDB
    threads: int
    encoding: str
    nulls: list[str]
    skip_invalid: bool
    replace: bool
    merge_samples: bool


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
    seconds: float = 0.0
    replaced: list[str] = field(default_factory=list)
    engine: duckdb.DuckDBPyConnection | None = None
    connection: psycopg.Connection | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        start = time.monotonic()
        folder = self.folder / f"{id(self)}"
        folder.mkdir()
        try:
            with contextlib.closing(duck.connect(folder, self.settings.memory, self.settings.threads)) as self.engine:
                self.load()
        except duckdb.Error as error:
            self.stop_if_cancelled()
            raise LoadError(explained(error)) from None
        except psycopg.Error as error:
            self.stop_if_cancelled()
            raise LoadError(" ".join(filter(None, [str(error.diag.message_primary or error).strip(), error.diag.message_detail]))) from None
        except OSError as error:
            raise LoadError(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
        except pyarrow.ArrowException as error:
            raise LoadError(str(error).splitlines()[0]) from None
        finally:
            self.engine = self.connection = None
            self.seconds = time.monotonic() - start
            shutil.rmtree(folder, ignore_errors=True)

    def load(self) -> None:
        self.phase = "reading"
        if self.source.remote:
            duck.load_httpfs(self.engine)
        origins = sources.origins(self.engine, self.source, self.settings.map)
        with ThreadPoolExecutor(1) as beside, self.engine.cursor() as cursor:
            hashed = beside.submit(sources.fingerprint, cursor, self.source, origins, self.stop_if_cancelled)
            if self.target and not self.settings.replace and self.target.is_known(self.source):
                self.refuse(hashed.result())
            reading = staging.Reading(self.settings.encoding, self.settings.nulls, self.stop_if_cancelled)
            try:
                for table, origin in zip(self.settings.map.tables, origins):
                    self.account.rows[table.name] = staging.stage(self.engine, table, origin, reading)
                    self.stop_if_cancelled()
            except LoadError:
                if any(origin.kind == "csv.gz" for origin in origins):
                    hashed.result()      # of a damaged file that is what to say
                raise
            fingerprint = hashed.result()
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
            self.replaced = self.target.load(self.engine, self.source, self.settings.map, fingerprint, self.account, self.settings.replace, self.settings.merge_samples,
                                             self.progress, lambda connection: setattr(self, "connection", connection))

    def refuse(self, fingerprint: str) -> None:
        if found := self.target.known(self.source, fingerprint, self.settings.map):
            raise Loaded(found[0])

    def progress(self, rows: int) -> None:
        self.loaded += rows
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Interrupted

    def cancel(self) -> None:
        """From another thread: whatever it waits for ends with an error."""
        self.cancelled.set()
        with contextlib.suppress(Exception):
            self.engine.interrupt()
        with contextlib.suppress(Exception):
            self.connection.cancel_safe()
