"""Sources: a file of SQLite, CSV or Parquet, a folder with a file for each table, an address, or standard input."""

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import sqlite3
import stat
import sys
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from errors import LoadError, Wrong, explained
from mapping import Map, Table

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
REMOTE = re.compile(r"(https?|s3|gs|gcs|r2|az|azure|hf)://")
PATTERN = re.compile(r"(?!https?:).*[*\[\\]", re.DOTALL)     # what DuckDB takes for several files of a bucket
SECRET = re.compile(r"(?i)x-(amz|goog)-|aws|sig|signature|token|access|key|password|expires|s[epvrt]$")
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
SQLITE, PARQUET, GZIP = b"SQLite format 3\0", b"PAR1", b"\x1f\x8b"


@dataclass(frozen=True)
class Origin:
    """Where the rows of a table are."""

    kind: str               # csv, csv.gz, parquet or sqlite
    name: str               # of the file
    path: str               # what is opened: never the name of a local file, but for SQLite
    table: str | None       # of SQLite
    label: str              # for messages; none if it is the source itself
    encoding: str


def at(origin: Origin) -> str:
    return f"{origin.label}: " if origin.label else ""


def damaged(origin: Origin, error: Exception) -> LoadError:
    return LoadError(f"{origin.label or 'it'} is damaged or not complete: {str(error)[0].lower()}{str(error)[1:]}")


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
    if not given or not path.exists():
        raise Wrong(f"{given}: there is no such file or folder")
    path = path.resolve()
    if not is_text(str(path)):
        raise Wrong(f"{path}: the name is not in UTF-8, and could not be recorded: rename it")
    return Source(given, str(path), name or (path.name if path.is_dir() else stem(path.name)), str(path))


def is_text(text: str) -> bool:
    """Whether it came in UTF-8. Python keeps other bytes of names and arguments as surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


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


def origins(engine: duckdb.DuckDBPyConnection, source: Source, map: Map, encoding: str, files: ExitStack) -> list[Origin]:
    """Of each of the map's tables, in their order. Files that are opened for it stay open until `files` is closed."""
    if source.remote:
        return remote_origins(engine, source, map, encoding)
    path = Path(source.where)
    if path.is_dir():
        there = sorted(each for each in path.iterdir() if each.is_file())
        found = [local_file(of_table(source, table, there), encoding, files) for table in map.tables]
        if wrong := [origin for origin in found if origin.kind == "sqlite"]:
            raise LoadError(f"{wrong[0].name} is a database of SQLite, and not a table: give it as a source of its own")
        return found
    origin = local_file(path, encoding, files)
    if origin.kind == "sqlite":
        return sqlite_tables(origin, path, map)
    only_table(source, map)
    return [replace(origin, label="")]


def local_file(path: Path, encoding: str, files: ExitStack) -> Origin:
    where = opened(path, files)
    return Origin(kind_of(where, path.name), path.name, where, None, path.name, encoding)


def opened(path: Path, files: ExitStack) -> str:
    """Open a file, and give the path by which this process, and DuckDB in it, opens the same one again. To the name itself
    DuckDB would do more than open it: it has patterns, schemes, and meanings of endings and of folders such as a=b."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)     # does not wait for who writes to a pipe
    files.callback(os.close, handle)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise LoadError(f"{path.name} is a pipe or a device, and is read more than once: give it as standard input, cbload - <{path.name}")
    return f"/proc/self/fd/{handle}"


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


def kind_of(path: str, name: str) -> str:
    with open(path, "rb") as file:
        start = file.read(len(SQLITE))
    if not start:
        raise LoadError(f"{name} is empty, without even a header")
    return "sqlite" if start == SQLITE else "parquet" if start.startswith(PARQUET) else "csv.gz" if start.startswith(GZIP) else "csv"


def read_only(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, check_same_thread=False)


def sqlite_tables(origin: Origin, path: Path, map: Map) -> list[Origin]:
    """By its name, beside which SQLite finds its log."""
    try:
        with contextlib.closing(read_only(str(path))) as database:
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
        if len(match) > 1:
            raise LoadError(f"several tables may be {table.name}: {', '.join(match)}")
        found.append(replace(origin, path=str(path), table=match[0], label=f"table {match[0]}"))
    return found


def remote_origins(engine: duckdb.DuckDBPyConnection, source: Source, map: Map, encoding: str) -> list[Origin]:
    """An address that ends with / is a folder: the tables' files in it have exactly their names."""
    def at(address: str) -> Origin:
        name = address.rsplit("/", 1)[-1]
        plain = re.sub(r"[?#].*", "", name).casefold()
        if PATTERN.match(address):
            raise LoadError(f"{name}: the address of a bucket cannot have *, [ or \\, which would be a pattern of several files")
        if plain.endswith(".gz"):
            raise LoadError(f"{name} is compressed, and DuckDB does not notice if such a file breaks off; fetch it first, or pipe it: curl --fail ADDRESS | cbload -")
        if plain.endswith((".sqlite", ".sqlite3", ".db")):
            raise LoadError(f"{name} is a database of SQLite, which must be a local file: fetch it first")
        return Origin("parquet" if plain.endswith(".parquet") else "csv", name, address, None, name, encoding)

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


@dataclass
class Seen:
    """What a look at all bytes of a source tells."""

    fingerprint: str = ""                                           # by which it is known again, whatever it is called
    lines: dict[str, int] = field(default_factory=dict)             # of each CSV file, by what is opened


def look(engine: duckdb.DuckDBPyConnection, source: Source, origins: list[Origin], go_on: Callable[[], None]) -> Seen:
    """The fingerprint is the SHA-256 of the bytes. An address would have to be read twice for that; it is known by itself, size and
    time of change."""
    if source.remote:
        paths = dict.fromkeys(origin.path for origin in origins)
        parts = [engine.execute("SELECT concat_ws(' ', size, last_modified) FROM read_blob(?)", [path]).fetchone()[0] for path in paths]
        return Seen(f"size and time of {source.path}: {'; '.join(parts)}")
    seen = Seen()
    hashes = [(origin.name, checked_hash(origin, seen, go_on)) for origin in {origin.path: origin for origin in origins}.values()]
    if len(hashes) == 1:
        seen.fingerprint = "sha256:" + hashes[0][1]
    else:
        seen.fingerprint = "sha256 of files:" + hashlib.sha256(b"".join(os.fsencode(f"{name} {value}\n") for name, value in hashes)).hexdigest()
    return seen


class LineFeeds:
    """Counts lines. It is fed as a hash is."""

    def __init__(self) -> None:
        self.number, self.last = 0, b"\n"

    def update(self, part: bytes) -> None:
        self.number += part.count(b"\n")
        self.last = part[-1:]

    @property
    def lines(self) -> int:
        return self.number + (self.last != b"\n")


def parts(path: str, go_on: Callable[[], None], open: Callable = open) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            yield part
            go_on()


def checked_hash(origin: Origin, seen: Seen, go_on: Callable[[], None]) -> str:
    """The SHA-256 of a file; of SQLite with what is not yet written to it from its log. One that is compressed is read to
    its end besides: DuckDB takes half of one for all of it."""
    hash, feeds = hashlib.sha256(), LineFeeds()
    for path in origin.path, f"{origin.path}-wal":
        if path == origin.path or (origin.kind == "sqlite" and os.path.exists(path)):
            for part in parts(path, go_on):
                hash.update(part)
                if origin.kind == "csv":
                    feeds.update(part)
    if origin.kind == "csv.gz":
        try:
            for part in parts(origin.path, go_on, gzip.open):
                feeds.update(part)
        except DAMAGED as error:
            raise damaged(origin, error) from None
    if origin.kind.startswith("csv"):
        seen.lines[origin.path] = feeds.lines
    return hash.hexdigest()
