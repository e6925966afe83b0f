"""Sources: local files, folders, addresses and standard input, and where their tables are."""

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

import annotated
import duckdb
from errors import LoadError, Wrong, explained
from mapping import PARENTS, Map, Table

DATABASES = (".sqlite", ".sqlite3", ".db")
ANNOTATED = (".h5ad", ".zarr")
ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
REMOTE = re.compile(r"(https?|s3|gs|gcs|r2|az|azure|hf)://")
# The addresses in buckets that DuckDB would take as a pattern of several files.
PATTERN = re.compile(r"(?!https?:).*[*\[\\]", re.DOTALL)
SECRET = re.compile(
    r"(?i)x-(amz|goog)-|aws|sig|signature|token|access|key|password|expires|s[epvrt]$"
)
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
SQLITE, PARQUET, GZIP = b"SQLite format 3\0", b"PAR1", b"\x1f\x8b"
# What cbload does not read, by its first bytes, and what to do with it
OTHERS = {
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook",
                    "unpack the archive, or save each sheet of the workbook as CSV"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "save each sheet as CSV"),
    b"BZh": ("compressed by bzip2", "pipe it: bunzip2 -c FILE | cbload -"),
    b"\xfd7zXZ\0": ("compressed by xz", "pipe it: xz -dc FILE | cbload -"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "pipe it: zstd -dc FILE | cbload -"),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", "unpack it"),
    b"ARROW1": ("an Arrow (Feather) file", "write its table as Parquet or CSV"),
    b"FCS": ("a file of a flow cytometer", "write its events as CSV"),
    b"RDX": ("a file of R", "write its table as Parquet or CSV"),
    b"II*\0": ("a TIFF image", "give the table of the cells that were segmented in it"),
    b"MM\0*": ("a TIFF image", "give the table of the cells that were segmented in it"),
    b"%PDF": ("a PDF document", "give the table as Parquet or CSV"),
}
JSON = re.compile(rb"\s*[{\[]\s*[\"\[{]")
PREFERRED = (".parquet", ".csv", ".tsv", ".txt")     # of one table in several formats
DEEPEST = 8     # folders in a folder


@dataclass(frozen=True)
class Origin:
    """Where the rows of a table are."""

    kind: str               # csv, csv.gz, parquet, sqlite or anndata
    name: str               # of the file
    path: str               # what is opened: the name of a local file only for SQLite
    table: str | None       # in an SQLite database
    label: str              # for messages; empty if the source is this one file
    encoding: str           # of CSV, by Python's name of it; empty if it is not known yet
    guessed: bool = False   # whether the encoding is a guess
    note: str = ""          # for the report


def at(origin: Origin) -> str:
    return f"{origin.label}: " if origin.label else ""


def damaged(origin: Origin, error: Exception) -> LoadError:
    reason = str(error)
    return LoadError(f"{origin.label or 'the file'} is damaged or incomplete: "
                     f"{reason[0].lower()}{reason[1:]}")


@dataclass(frozen=True)
class Source:
    given: str
    path: str | None        # identifies the source; standard input has none
    name: str
    where: str              # what is opened
    # The files of the tables, if these are in a folder for each table
    files: tuple[Path | None, ...] = ()

    @property
    def display(self) -> str:
        """The source's name in messages, which for an address leaves out secrets."""
        return self.path if self.remote and self.path else self.given

    @property
    def remote(self) -> bool:
        return bool(REMOTE.match(self.where))


def expanded(given: str, map: Map, folder: Path, name: str | None) -> list[Source]:
    """Return the sources for an argument of the command line: several for a folder of folders.

    Standard input is first copied to a file in the folder, because cbload reads it several times.
    The name is a pattern of all names, or None.
    """
    first = source(given, folder)
    path = Path(first.where)
    if first.remote or not path.is_dir() or annotated.is_zarr(path):
        found = [first]
    else:
        found = [
            replace(each, given=given) if each.path == first.path else each
            for each in in_folder(path, map, DEEPEST)
        ] or [first]
    return [replace(each, name=named(each, name)) for each in found] if name else found


def is_annotated(source: Source) -> bool:
    """Return whether a source is AnnData."""
    path = Path(source.where)
    if source.remote or annotated.is_zarr(path):
        return not source.remote
    with contextlib.suppress(OSError):     # the job reports it
        if path.is_file():
            with path.open("rb") as file:
                return file.read(len(annotated.HDF5)) == annotated.HDF5
    return False


def in_folder(path: Path, map: Map, depth: int) -> list[Source]:
    """Return the sources in a folder: the folder itself, or those in its folders.

    A folder is a source if it has a file for a table of the map. If it has a folder for each
    table, the files of one name in these folders are a source.
    """
    try:
        there = visible(path)
    except OSError:     # the job reports it
        return [Source(str(path), str(path), path.name, str(path))]
    if any(matching(table, [each for each in there if each.is_file()]) for table in map.tables):
        return [Source(str(path), str(path), path.name, str(path))]
    folders = [each for each in there if each.is_dir()]
    places = [folder_of(table, folders) for table in map.tables]
    if len(places) > 1 and all(places):
        return joined_folders(path, places)
    if not depth:
        return []
    return [source for each in folders if not each.is_symlink()
            for source in in_folder(each, map, depth - 1)]


def visible(path: Path) -> list[Path]:
    """Return what is in a folder, without names that begin with a dot, as macOS makes them."""
    return sorted(each for each in path.iterdir() if not each.name.startswith("."))


def folder_of(table: Table, folders: list[Path]) -> Path | None:
    return next((each for each in folders if each.name.casefold() == table.name.casefold()), None)


def joined_folders(path: Path, places: list[Path]) -> list[Source]:
    """Return a source for each name of files in the folders of the tables."""
    files = [
        by_stem([each for each in visible(place) if each.is_file()]) for place in places
    ]
    sources = []
    for name in dict.fromkeys(name for each in files for name in each):
        found = tuple(preferred(each[name])[0] if name in each else None for each in files)
        display = stem(next(filter(None, found)).name)
        where = str(path / display)
        sources.append(Source(where, where, display, str(path), found))
    return sources


def by_stem(files: list[Path]) -> dict[str, list[Path]]:
    """Return the files of tables by their names without endings."""
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.name.casefold().endswith(ENDINGS):
            found.setdefault(stem(file.name).casefold(), []).append(file)
    return found


def parents(source: Source) -> dict[str, str]:
    """Return the names of the folders above a source, as far as there are any."""
    path = re.sub(r"^\w+://", "", source.path or "").rstrip("/")
    folders = [part for part in path.split("/")[:-1] if part]
    return dict(zip(PARENTS, reversed(folders)))


def named(source: Source, pattern: str) -> str:
    """Return the name of a source by a pattern such as {parent}_{stem}."""
    parts = {"stem": source.name} | parents(source)

    def part(match: re.Match) -> str:
        if match[1] not in ("stem", *PARENTS):
            allowed = ", ".join(f"{{{each}}}" for each in ("stem", *PARENTS))
            raise Wrong(f"--name has {match[0]}; it can have {allowed}")
        if match[1] not in parts:
            raise Wrong(f"{source.display} has no {match[1]} for {match[0]} in its name")
        return parts[match[1]]

    return re.sub(r"\{([^{}]*)\}", part, pattern)


def source(given: str, folder: Path) -> Source:
    """Return the source for an argument of the command line, which may be a folder of sources."""
    if given == "-":
        spool = folder / "stdin"
        with spool.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        return Source("standard input", None, "stdin", str(spool))
    if REMOTE.match(given):
        known = without_secrets(given)
        last = known.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        return Source(given, known, stem(last), given)
    path = Path(given)
    if not given or not path.exists():
        raise Wrong(f"{given}: there is no such file or folder")
    path = path.resolve()
    if not is_text(str(path)):
        raise Wrong(f"{path}: the name is not in UTF-8, and PostgreSQL cannot store it: rename it")
    own_name = path.name if path.is_dir() and not annotated.is_zarr(path) else stem(path.name)
    return Source(given, str(path), own_name, str(path))


def is_text(text: str) -> bool:
    """Return whether the text was UTF-8. Python keeps other bytes of arguments as surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def without_secrets(address: str) -> str:
    """Return the address without a password, and without a signature, which expires."""
    parts = urllib.parse.urlsplit(address)
    query = urllib.parse.urlencode([
        (name, value)
        for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        if not SECRET.match(name)
    ])
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, query, ""))


def stem(name: str) -> str:
    """Return the name without its ending, or without both endings of a compressed file."""
    for ending in (*ENDINGS, *DATABASES, *ANNOTATED):
        if name.casefold().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def origins(
    engine: duckdb.DuckDBPyConnection, source: Source, map: Map, encoding: str, files: ExitStack,
) -> list[Origin]:
    """Return the origin of each table of the map. Opened files stay open until `files` closes."""
    if source.remote:
        return remote_origins(engine, source, map, encoding)
    path = Path(source.where)
    if annotated.is_zarr(path):
        return [table_of_zarr(path, map)]
    if path.is_dir():
        found = [
            replace(local_file(file, encoding, files), note=note)
            for file, note in files_of(source, map)
        ]
        if wrong := [origin for origin in found if origin.kind == "sqlite"]:
            raise LoadError(f"{wrong[0].name} is an SQLite database, not a table: "
                            "give it as a source of its own")
        return found
    origin = local_file(path, encoding, files)
    if origin.kind == "sqlite":
        return sqlite_tables(origin, path, map)
    only_table(map)
    return [replace(origin, label="")]


def table_of_zarr(path: Path, map: Map) -> Origin:
    """Return the origin of the only table of a map in a group of Zarr."""
    only_table(map)
    there = annotated.tables_in(path)
    if not there:
        raise LoadError("it is a group of Zarr without a table of AnnData")
    wanted = map.tables[0].name
    found = there.get(wanted) or (list(there.values())[0] if len(there) == 1 else None)
    if not found:
        raise LoadError(f"there is no table {wanted}; the tables are: {', '.join(there)}")
    return Origin("anndata", found.name, str(found), found.name, "", "")


def files_of(source: Source, map: Map) -> list[tuple[Path, str]]:
    """Return the file of each table in a folder, and a note for the report."""
    path = Path(source.where)
    if not source.files:
        there = [each for each in visible(path) if each.is_file()]
        return [of_table(table, there) for table in map.tables]
    for table, file in zip(map.tables, source.files):
        if not file:
            other = next(filter(None, source.files))
            raise LoadError(f"there is no file for table {table.name}: no {table.name}/"
                            f"{stem(other.name)}.csv, though there is {other.relative_to(path)}")
    return [(file, "") for file in source.files]


def local_file(path: Path, encoding: str, files: ExitStack) -> Origin:
    where = opened(path, files)
    return Origin(kind_of(where, path.name), path.name, where, None, path.name, encoding)


def opened(path: Path, files: ExitStack) -> str:
    """Open a file, and return a path that leads to the open file.

    DuckDB must not get the name of the file, because it gives a meaning to patterns, schemes,
    endings, and folders such as a=b.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    files.callback(os.close, handle)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise LoadError(
            f"{path.name} is a pipe or a device, and cbload reads a file more than once: "
            f"pass it on standard input, cbload - <{path.name}")
    return f"/proc/self/fd/{handle}"


def only_table(map: Map) -> None:
    if len(map.tables) > 1:
        names = ", ".join(table.name for table in map.tables)
        raise LoadError(f"the map has the tables {names}: give a folder with a file for each table")


def matching(table: Table, files: list[Path]) -> dict[str, list[Path]]:
    """Return the files with the table's name, or with a name that ends so (MyExpt_Cells.csv)."""
    stems, name = by_stem(files), table.name.casefold()
    if name in stems:
        return {name: stems[name]}
    return {each: found for each, found in stems.items() if each.endswith("_" + name)}


def of_table(table: Table, files: list[Path]) -> tuple[Path, str]:
    """Return the file of a table, and a note if there is another one in another format."""
    found = matching(table, files)
    if not found:
        raise LoadError(
            f"there is no file for table {table.name}: no {table.name}.csv, {table.name}.csv.gz or "
            f"{table.name}.parquet, and no file whose name ends in _{table.name}.csv")
    if len(found) > 1:
        names = ", ".join(file.name for each in found.values() for file in each)
        raise LoadError(f"several files match table {table.name}: {names}")
    first, *others = preferred(next(iter(found.values())))
    names = ", ".join(file.name for file in others)
    return first, f"from {first.name}, not {names}" if others else ""


def preferred(files: list[Path]) -> list[Path]:
    """Return the files of one name from the best format on."""
    def rank(file: Path) -> tuple[int, bool, str]:
        ending = file.name[len(stem(file.name)):].casefold()
        plain = ending.removesuffix(".gz")
        return PREFERRED.index(plain), plain != ending, file.name

    return sorted(files, key=rank)


def kind_of(path: str, name: str) -> str:
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        raise LoadError(f"{name} is empty: it has no header")
    if start.startswith(SQLITE):
        return "sqlite"
    if start.startswith(PARQUET):
        return "parquet"
    if start.startswith(annotated.HDF5):
        return "anndata"
    if start.startswith(GZIP):
        return "csv.gz"
    for first, (what, remedy) in OTHERS.items():
        if start.startswith(first):
            raise LoadError(f"{name} is {what}, which cbload does not read: {remedy}")
    if JSON.match(start):
        raise LoadError(f"{name} is JSON, which cbload does not read: write its table as Parquet "
                        "or CSV")
    return "csv"


def read_only(path: str) -> sqlite3.Connection:
    uri = f"{Path(path).as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def sqlite_tables(origin: Origin, path: Path, map: Map) -> list[Origin]:
    """Return the origins in an SQLite database.

    SQLite gets the name of the file, because it looks for its log beside that name.
    """
    try:
        with contextlib.closing(read_only(str(path))) as database:
            rows = database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    except sqlite3.Error as error:
        raise LoadError(f"SQLite cannot read the file: {error}") from None
    names = [name for (name,) in rows]
    found = []
    for table in map.tables:
        wanted = table.name.casefold()
        match = [name for name in names if name.casefold() == wanted]
        match = match or [name for name in names if name.casefold().endswith("_" + wanted)]
        if not match and len(map.tables) == len(names) == 1:
            match = names
        if not match:
            there = ", ".join(sorted(names)) or "none"
            raise LoadError(f"there is no table {table.name}; the tables are: {there}")
        if len(match) > 1:
            raise LoadError(f"several tables match {table.name}: {', '.join(match)}")
        found.append(
            replace(origin, path=str(path), table=match[0], label=f"table {match[0]}"))
    return found


def remote_origins(
    engine: duckdb.DuckDBPyConnection, source: Source, map: Map, encoding: str,
) -> list[Origin]:
    """Return the origins at an address.

    An address that ends in / is a folder, in which the names of the files are exactly those of
    the tables.
    """
    if not source.where.endswith("/"):
        only_table(map)
        return [remote_file(source.where, encoding)]
    found = []
    for table in map.tables:
        candidates = [f"{source.where}{table.name}{ending}" for ending in (".csv", ".parquet")]
        there = [address for address in candidates if is_there(engine, address)]
        if len(there) != 1:
            names = " or ".join(address.rsplit("/", 1)[-1] for address in candidates)
            number = "more than one" if there else "no"
            raise LoadError(f"there is {number} file for table {table.name}: {names}")
        found.append(remote_file(there[0], encoding))
    return found


def remote_file(address: str, encoding: str) -> Origin:
    name = address.rsplit("/", 1)[-1]
    plain = re.sub(r"[?#].*", "", name).casefold()
    if PATTERN.match(address):
        raise LoadError(f"{name}: the address of a bucket cannot contain *, [ or \\, "
                        "which DuckDB takes as a pattern of several files")
    if plain.endswith(".gz"):
        raise LoadError(f"{name} is compressed, and DuckDB does not notice if such a file is "
                        "incomplete; download it first, or pipe it: curl --fail ADDRESS | cbload -")
    if plain.endswith(DATABASES):
        raise LoadError(f"{name} is an SQLite database, which must be local: download it first")
    kind = "parquet" if plain.endswith(".parquet") else "csv"
    return Origin(kind, name, address, None, name, encoding or "utf-8")


def is_there(engine: duckdb.DuckDBPyConnection, address: str) -> bool:
    try:
        if not engine.execute("SELECT count(*) FROM glob(?)", [address]).fetchone()[0]:
            return False
        return bool(engine.execute("SELECT size FROM read_blob(?)", [address]).fetchone())
    except duckdb.Error as error:
        if "404" in str(error) or "No files found" in str(error):
            return False
        raise LoadError(explained(error)) from None


@dataclass
class Seen:
    """What reading all bytes of a source yields."""

    fingerprint: str = ""                                   # identifies the content
    lines: dict[str, int] = field(default_factory=dict)     # of CSV files, by Origin.path


def look(
    engine: duckdb.DuckDBPyConnection, source: Source, origins: list[Origin],
    go_on: Callable[[], None],
) -> Seen:
    """Compute the fingerprint of a source, and count the lines of its CSV files.

    The fingerprint is the SHA-256 of the bytes. For an address, that would mean to fetch
    everything twice; there, the fingerprint is the address with sizes and modification times.
    """
    if source.remote:
        query = "SELECT concat_ws(' ', size, last_modified) FROM read_blob(?)"
        paths = dict.fromkeys(origin.path for origin in origins)
        parts = [engine.execute(query, [path]).fetchone()[0] for path in paths]
        return Seen(f"size and time of {source.path}: {'; '.join(parts)}")
    seen = Seen()
    if Path(source.where).is_dir() and origins[0].kind == "anndata":
        origins = [
            replace(origins[0], path=str(each), name=str(each.relative_to(source.where)))
            for each in sorted(Path(origins[0].path).rglob("*")) if each.is_file()
        ]
    files = {origin.path: origin for origin in origins}.values()
    hashes = [(origin.name, checked_hash(origin, seen, go_on)) for origin in files]
    if len(hashes) == 1:
        seen.fingerprint = "sha256:" + hashes[0][1]
    else:
        listing = b"".join(os.fsencode(f"{name} {value}\n") for name, value in hashes)
        seen.fingerprint = "sha256 of files:" + hashlib.sha256(listing).hexdigest()
    return seen


class LineFeeds:
    """A line counter with the interface of a hash."""

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
    """Return the SHA-256 of a file, and store the line count of a CSV file in `seen`.

    The hash of an SQLite database includes its write-ahead log. A compressed file is read to its
    end, because DuckDB does not notice if such a file is incomplete.
    """
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
