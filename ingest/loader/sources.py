"""Sources: a file of SQLite, CSV or Parquet, a folder with a file for each table, an address, or standard input."""

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import sqlite3
import sys
import urllib.parse
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from errors import LoadError, Wrong, explained
from mapping import Map, Table

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
REMOTE = re.compile(r"(https?|s3|gs|gcs|r2|az|azure|hf)://")
SECRET = re.compile(r"(?i)x-(amz|goog)-|aws|sig|signature|token|access|key|password|expires|s[epvrt]$")
SQLITE, PARQUET, GZIP = b"SQLite format 3\0", b"PAR1", b"\x1f\x8b"


@dataclass(frozen=True)
class Origin:
    """Where the rows of a table are."""

    kind: str               # csv, csv.gz, parquet or sqlite
    path: str
    table: str | None       # of SQLite
    label: str              # for messages; none if it is the source itself


@dataclass(frozen=True)
class Source:
    given: str
    path: str | None        # by which it is known; standard input has none
    name: str
    where: str              # what is opened

    @property
    def display(self) -> str:
        """What messages call it: an address without what is secret in it."""
        return self.path if self.remote and self.path else self.given

    @property
    def remote(self) -> bool:
        return bool(REMOTE.match(self.where))


def source(given: str, folder: Path, name: str | None) -> Source:
    """What the command line calls a source. Standard input is put into a file first, in that folder: it is read more than once."""
    if given == "-":
        spool = folder / "stdin"
        with spool.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        return Source("standard input", None, name or "stdin", str(spool))
    if REMOTE.match(given):
        known = without_secrets(given)
        return Source(given, known, name or stem(known.split("?")[0].rstrip("/").rsplit("/", 1)[-1]), given)
    path = Path(given)
    if not path.exists():
        raise Wrong(f"{given}: there is no such file or folder")
    path = path.resolve()
    return Source(given, str(path), name or (path.name if path.is_dir() else stem(path.name)), str(path))


def without_secrets(address: str) -> str:
    """No password, and no signature, which expires besides."""
    parts = urllib.parse.urlsplit(address)
    query = [(name, value) for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True) if not SECRET.match(name)]
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, urllib.parse.urlencode(query), ""))


def stem(name: str) -> str:
    """The name without an ending, of which a compressed file has two."""
    for ending in (*ENDINGS, ".sqlite", ".sqlite3", ".db"):
        if name.casefold().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def origins(engine: duckdb.DuckDBPyConnection, source: Source, map: Map) -> list[Origin]:
    """Of each of the map's tables, in their order."""
    if source.remote:
        return remote_origins(engine, source, map)
    path = Path(source.where)
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file())
        return [local_file(of_table(source, table, files), table) for table in map.tables]
    kind = kind_of(path)
    if kind == "sqlite":
        return sqlite_tables(source, map)
    only_table(source, map)
    return [Origin(kind, str(path), None, "")]


def only_table(source: Source, map: Map) -> None:
    if len(map.tables) > 1:
        raise LoadError(f"the map has the tables {', '.join(table.name for table in map.tables)}: give the folder that has a file for each, not one file")


def of_table(source: Source, table: Table, files: list[Path]) -> Path:
    """The file of that name, or else the one whose name ends so, as CellProfiler's MyExpt_Cells.csv does."""
    stems = {file: stem(file.name).casefold() for file in files if file.name.casefold().endswith(ENDINGS)}
    name = table.name.casefold()
    found = [file for file in stems if stems[file] == name] or [file for file in stems if stems[file].endswith("_" + name)]
    if not found:
        raise LoadError(f"there is no file for table {table.name}: no {table.name}.csv, {table.name}.csv.gz, {table.name}.parquet, nor one whose name ends with _{table.name}.csv")
    if len(found) > 1:
        raise LoadError(f"several files may be table {table.name}: {', '.join(file.name for file in found)}")
    return found[0]


def local_file(path: Path, table: Table) -> Origin:
    kind = kind_of(path)
    if kind == "sqlite":
        raise LoadError(f"{path.name} is a database of SQLite, and not a table: give it as a source of its own")
    return Origin(kind, str(path), None, path.name)


def kind_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(len(SQLITE))
    if not start:
        raise LoadError(f"{path.name} is empty, without even a header")
    return "sqlite" if start == SQLITE else "parquet" if start.startswith(PARQUET) else "csv.gz" if start.startswith(GZIP) else "csv"


def sqlite_tables(source: Source, map: Map) -> list[Origin]:
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(source.where).as_uri()}?mode=ro", uri=True)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()]
    except sqlite3.Error as error:
        raise LoadError(f"SQLite cannot read it: {error}") from None
    found = []
    for table in map.tables:
        match = [name for name in names if name.casefold() == table.name.casefold()]
        if not match and len(map.tables) == len(names) == 1:
            match = names
        if not match:
            raise LoadError(f"there is no table {table.name}; there are {', '.join(sorted(names)) or 'none'}")
        found.append(Origin("sqlite", source.where, match[0], f"table {match[0]}"))
    return found


def remote_origins(engine: duckdb.DuckDBPyConnection, source: Source, map: Map) -> list[Origin]:
    """An address that ends with / is a folder: the tables' files in it have exactly their names."""
    def at(address: str) -> Origin:
        name = address.rsplit("/", 1)[-1]
        plain = re.sub(r"[?#].*", "", name).casefold()
        if plain.endswith(".gz"):
            raise LoadError(f"{name} is compressed, and DuckDB does not notice if such a file breaks off; fetch it first, or pipe it: curl --fail ADDRESS | cbload -")
        if plain.endswith((".sqlite", ".sqlite3", ".db")):
            raise LoadError(f"{name} is a database of SQLite, which must be a local file: fetch it first")
        return Origin("parquet" if plain.endswith(".parquet") else "csv", address, None, name)

    def is_there(address: str) -> bool:
        try:
            return bool(engine.execute("SELECT count(*) FROM glob(?)", [address]).fetchone()[0]) and bool(engine.execute("SELECT size FROM read_blob(?)", [address]).fetchone())
        except duckdb.Error as error:
            if "404" in str(error) or "No files found" in str(error):
                return False
            raise LoadError(explained(error)) from None

    if not source.where.endswith("/"):
        only_table(source, map)
        return [at(source.where)]
    found = []
    for table in map.tables:
        candidates = [f"{source.where}{table.name}{ending}" for ending in (".csv", ".parquet")]
        there = [address for address in candidates if is_there(address)]
        if len(there) != 1:
            raise LoadError(f"there is {'no' if not there else 'more than one'} file for table {table.name}: {' or '.join(address.rsplit('/', 1)[-1] for address in candidates)}")
        found.append(at(there[0]))
    return found


def fingerprint(engine: duckdb.DuckDBPyConnection, source: Source, origins: list[Origin], go_on: Callable[[], None]) -> str:
    """By which a source is known again, whatever it is called: the SHA-256 of its bytes. An address would have to be read
    twice for that; it is known by itself, size and time of change."""
    if source.remote:
        paths = dict.fromkeys(origin.path for origin in origins)
        parts = [engine.execute("SELECT concat_ws(' ', size, last_modified) FROM read_blob(?)", [path]).fetchone()[0] for path in paths]
        return f"size and time of {source.path}: {'; '.join(parts)}"
    hashes = [(Path(origin.path).name, checked_hash(origin, go_on)) for origin in {origin.path: origin for origin in origins}.values()]
    if len(hashes) == 1:
        return "sha256:" + hashes[0][1]
    return "sha256 of files:" + hashlib.sha256("".join(f"{name} {value}\n" for name, value in hashes).encode()).hexdigest()


def checked_hash(origin: Origin, go_on: Callable[[], None]) -> str:
    """The SHA-256 of a file; of SQLite with what is not yet written to it from its log. One that is compressed is read to
    its end besides: DuckDB takes half of one for all of it."""
    hash = hashlib.sha256()
    for path in origin.path, f"{origin.path}-wal":
        if path == origin.path or (origin.kind == "sqlite" and os.path.exists(path)):
            with open(path, "rb") as file:
                while part := file.read(1 << 20):
                    hash.update(part)
                    go_on()
    if origin.kind == "csv.gz":
        try:
            with gzip.open(origin.path) as stream:
                while stream.read(1 << 20):
                    go_on()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LoadError(f"{origin.label or 'it'} is damaged or not complete: {str(error)[0].lower()}{str(error)[1:]}") from None
    return hash.hexdigest()
