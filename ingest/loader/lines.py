"""The lines of a CSV file, read by Python alone: its header, and a check of DuckDB's rows.

A stray quotation mark can open a field, and another one thousands of lines later can close it. By
the CSV standard all lines between are one row, and no reader complains. cbload therefore counts
the line feeds of a file while it computes the hash. If DuckDB returns fewer rows than there are
lines, the functions here look at each line.
"""

import codecs
import csv
import gzip
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from engine import literal
from errors import LoadError
from names import meant, official
from sources import DAMAGED, LineFeeds, Origin, at, damaged, opened

DELIMITERS = ",\t;|"
# In characters. DuckDB counts bytes, and counts all lines of a quoted field as one.
LONGEST_LINE = 2_000_000
QUOTES = re.compile('"+')
PREAMBLE = 100      # lines in which a header is looked for
# Python's names of the encodings that ignore a byte order mark.
PLAIN = {"utf-8": "utf-8-sig"}
# The encodings that DuckDB reads, by Python's names of them, with DuckDB's names
READ = {"utf-8": "utf-8", "utf-16": "utf-16", "iso8859-1": "latin-1"}
GUESS = "cp1252"
BEGINNING = 1 << 20     # bytes that show the encoding
AS_TEXT = "with --quotes text, quotation marks are plain text"

csv.field_size_limit(2 * LONGEST_LINE)


@dataclass(frozen=True)
class Form:
    """The properties of a CSV file that DuckDB is told."""

    delimiter: str
    names: list[str]
    skipped: int        # lines before the header
    lines: int          # of the header, and before it
    enclose: bool       # whether quotation marks enclose fields


@contextmanager
def text(origin: Origin) -> Iterator[io.TextIOWrapper]:
    """Open a file for reading lines that end in LF, CR LF or CR, as in DuckDB."""
    file = gzip.open(origin.path) if origin.kind == "csv.gz" else open(origin.path, "rb")
    encoding = PLAIN.get(origin.encoding, origin.encoding)
    try:
        with io.TextIOWrapper(file, encoding, errors="replace", newline="") as lines:
            yield lines
    except DAMAGED as error:
        raise damaged(origin, error) from None


def beginning(file: io.TextIOWrapper, skip: int) -> Iterator[str]:
    """Yield lines up to a little more than the longest possible header, without the first ones."""
    for _ in range(skip):
        file.readline()
    left = 2 * LONGEST_LINE
    while left and (line := file.readline(left)):
        left -= len(line)
        yield line


def header(origin: Origin, wanted: Iterable[str], quotes: str | None, skip: int) -> Form:
    """Read the header with the delimiter that yields most of the wanted columns.

    DuckDB's guess of the delimiter would depend on the rows.
    """
    enclose = quotes != "text"
    with text(origin) as file:
        copies = itertools.tee(beginning(file, skip), len(DELIMITERS))
        forms = [
            header_of(copy, delimiter, skip, enclose) for delimiter, copy in zip(DELIMITERS, copies)
        ]

    def fit(form: Form) -> tuple[int, int]:
        return number_of(wanted, form.names), len(form.names)

    form = max(forms, key=fit)
    if sum(map(len, form.names)) > LONGEST_LINE:
        hint = f"; {AS_TEXT}" if form.lines > 1 else ""
        raise LoadError(f"{at(origin)}the header has more than {LONGEST_LINE:,} characters{hint}")
    if form.lines > skip + 1 and (fault := survey_header(origin, form).fault(quotes)):
        raise LoadError(f"{at(origin)}{fault}")
    return form


def number_of(wanted: Iterable[str], names: list[str]) -> int:
    """Return how many of the wanted columns there are."""
    return sum(bool(meant(name, names)) for name in wanted)


def header_of(lines: Iterator[str], delimiter: str, skip: int, enclose: bool) -> Form:
    quoting = csv.QUOTE_MINIMAL if enclose else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    names = next(reader, [])
    return Form(delimiter, official(names), skip, skip + reader.line_num, enclose)


def hint_of_preamble(origin: Origin, required: list[str], form: Form) -> str:
    """Return the part of a message that says in which later line the required columns are."""
    if number_of(required, form.names) == len(required):
        return ""
    with text(origin) as file:
        lines = itertools.islice(beginning(file, form.skipped), PREAMBLE)
        for number, line in enumerate(lines, form.skipped):
            names = (header_of(iter([line]), each, 0, form.enclose).names for each in DELIMITERS)
            if any(number_of(required, each) == len(required) for each in names):
                return (f"; line {number + 1} looks like the header: "
                        f"--skip-lines {number} leaves out the lines before it")
    return ""


def dialect(origin: Origin, skip: int, enclose: bool) -> str:
    """Return the arguments of read_csv that keep DuckDB from guessing or from being lenient."""
    mark = literal('"' if enclose else "")
    compression = "gzip" if origin.kind == "csv.gz" else "none"
    return (
        "auto_detect = false, strict_mode = true, null_padding = false, ignore_errors = false, "
        f"comment = '', hive_partitioning = false, max_line_size = {LONGEST_LINE}, skip = {skip}, "
        f"quote = {mark}, escape = {mark}, encoding = {literal(READ[origin.encoding])}, "
        f"compression = '{compression}'"
    )


@dataclass
class Survey:
    """What a look at each line has found."""

    rows: int = 0
    last: int = 0                               # line in which the last row begins
    spans: int = 0                              # rows that span several lines
    first_span: tuple[int, int] | None = None
    swallowed: tuple[int, int] | None = None    # lines of one row that are rows by themselves
    unclosed: int | None = None                 # line in which a field begins that does not end
    long: int | None = None
    mixed: int | None = None                    # line that ends differently from the one before

    def fault(self, quotes: str | None) -> str | None:
        """Return what is wrong. Swallowed lines are a fault only without the option --quotes."""
        if self.long:
            return f"line {self.long} has more than {LONGEST_LINE:,} characters"
        if self.swallowed and not quotes:
            first, last = self.swallowed
            return (
                f"line {first}: a quotation mark opens a field that ends in line {last}, but most "
                "of these lines are rows by themselves: use --quotes text if quotation marks are "
                "plain text in this file, or --quotes fields if the lines are one field")
        if self.unclosed:
            return (f"line {self.unclosed}: a quotation mark opens a field that does not end; "
                    f"{AS_TEXT}")
        if self.mixed:
            return f"line {self.mixed} ends differently from the lines before (LF, CR LF or CR)"
        return None


def survey(
    origin: Origin, form: Form, go_on: Callable[[], None], rows: int | None = None,
) -> Survey:
    """Count the rows as DuckDB should, or up to a number of them.

    A blank line is a row only if there is one column.
    """
    found, inside, first, whole, ending = Survey(), False, 0, 0, ""
    opening = opening_in(form)
    with text(origin) as file:
        for number in itertools.count(1):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                break
            if not number % 1000:
                go_on()
            if len(line) > LONGEST_LINE:
                found.long = number
                return found
            content = line.rstrip("\r\n")
            blank = not content and not inside and len(form.names) > 1
            if number <= form.lines or blank:
                continue
            if not inside:
                first, whole = number, 0
            before = inside
            if form.enclose and '"' in content:
                inside = fields(content, form, opening, inside)[1]
            if before or inside:
                whole += fields(content, form, opening, False)[0] == len(form.names)
            if inside:
                continue
            found.rows += 1
            found.last = first
            if found.rows == rows:
                return found
            end = line[len(content):]
            if ending and end and end != ending and not found.mixed:
                found.mixed = number
            ending = end or ending
            if number > first:
                found.spans += 1
                found.first_span = found.first_span or (first, number)
                mostly_rows = len(form.names) > 1 and 2 * whole > number - first + 1
                if mostly_rows and not found.swallowed:
                    found.swallowed = first, number
    found.unclosed = first if inside else None
    return found


def survey_header(origin: Origin, form: Form) -> Survey:
    """Find out whether a quotation mark in the header swallows rows.

    A row can have more fields than the names that such a mark leaves.
    """
    inside, whole, opening = False, 0, opening_in(form)
    size = form.lines - form.skipped
    with text(origin) as file:
        for line in itertools.islice(beginning(file, form.skipped), size):
            content = line.rstrip("\r\n")
            whole += fields(content, form, opening, False)[0] >= len(form.names)
            inside = fields(content, form, opening, inside)[1]
    if inside:
        return Survey(unclosed=form.skipped + 1)
    mostly_rows = len(form.names) > 1 and 2 * whole > size
    return Survey(swallowed=(form.skipped + 1, form.lines) if mostly_rows else None)


def line_of(origin: Origin, form: Form, row: int, go_on: Callable[[], None]) -> int:
    """Return the line in which a row begins."""
    return survey(origin, form, go_on, row).last


def opening_in(form: Form) -> re.Pattern:
    """Return the pattern of the beginning of a field in quotation marks."""
    return re.compile(f'(?:^|{re.escape(form.delimiter)}) *"')


def fields(line: str, form: Form, opening: re.Pattern, inside: bool) -> tuple[int, bool]:
    """Return the number of fields of a line, and whether it ends inside a quoted field.

    `inside` says whether the line begins inside a quoted field.
    """
    delimiters = position = 0
    while True:
        if inside:
            runs = QUOTES.finditer(line, position)
            closing = next((run for run in runs if len(run[0]) % 2), None)
            if not closing:
                return delimiters + line.count(form.delimiter, position) + 1, True
            position, inside = closing.end(), False
        if not (start := opening.search(line, position)):
            return delimiters + line.count(form.delimiter, position) + 1, False
        delimiters += line.count(form.delimiter, position, start.end())
        position, inside = start.end(), True


def compared(
    origin: Origin, form: Form, rows: int, lines: int, quotes: str | None,
    go_on: Callable[[], None],
) -> str | None:
    """Check that each line is a row. Return a note for the report, or raise an error."""
    if rows == lines - form.lines:
        return None
    found = survey(origin, form, go_on)
    found.mixed = None      # DuckDB has read the file nevertheless
    if fault := found.fault(quotes):
        raise LoadError(f"{at(origin)}{fault}")
    if found.rows != rows:
        raise LoadError(f"{at(origin)}DuckDB read {rows:,} rows, but the file has {found.rows:,}")
    if not found.spans:
        return None
    first, last = found.first_span
    return f"rows that span several lines: {found.spans:,}, the first from line {first} to {last}"


def fetched(
    engine: duckdb.DuckDBPyConnection, origin: Origin, path: Path, files: ExitStack,
    go_on: Callable[[], None],
) -> tuple[Origin, int]:
    """Copy a file from an address to `path` in UTF-8, and return the copy and its line count.

    Without the copy, lines that DuckDB leaves out would go unnoticed.
    """
    engine.execute(
        f"""COPY (SELECT line FROM read_csv({literal(origin.path)}, {dialect(origin, 0, False)},
            header = false, delim = '\x01', columns = {{'line': 'VARCHAR'}}))
        TO {literal(str(path))}
            (FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')""")
    size = engine.execute("SELECT size FROM read_blob(?)", [origin.path]).fetchone()[0]
    encoding = {"utf-16": "utf-16-le"}.get(origin.encoding, origin.encoding)
    feeds, width = LineFeeds(), 0
    one, mark = len("\n".encode(encoding)), len("\ufeff".encode(encoding, "ignore"))
    with path.open(encoding="utf-8", newline="") as copy:
        while part := copy.read(1 << 20):
            feeds.update(part.encode())
            width += len(part.encode(encoding))
            go_on()
    # The copy has no byte order mark and no CR, and its last line always ends in LF.
    lost = {0, -one, feeds.lines * one, (feeds.lines - 2) * one}
    if size - width not in lost | {each + mark for each in lost}:
        raise LoadError(
            f"{at(origin)}DuckDB cannot read all lines completely; download the file first")
    return replace(origin, path=opened(path, files), encoding="utf-8"), feeds.lines


def guessed(origin: Origin) -> Origin:
    """Return the origin with its encoding, if the user has not given one.

    If the beginning of the file is not UTF-8, the encoding is a guess: the names of the columns
    are read with it, but the text in them must be ASCII, which is the same in most encodings.
    """
    if origin.encoding or not origin.kind.startswith("csv"):
        return origin
    open_ = gzip.open if origin.kind == "csv.gz" else open
    try:
        with open_(origin.path, "rb") as file:
            start = file.read(BEGINNING)
    except DAMAGED as error:
        raise damaged(origin, error) from None
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return replace(origin, encoding="utf-16")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return replace(origin, encoding=GUESS, guessed=True)
    return replace(origin, encoding="utf-8")


def needs_copy(origin: Origin) -> bool:
    """Return whether DuckDB cannot read the encoding of a file."""
    return origin.kind.startswith("csv") and origin.encoding not in READ


def recoded(
    origin: Origin, path: Path, files: ExitStack, go_on: Callable[[], None],
) -> tuple[Origin, int]:
    """Copy a file to `path` in UTF-8, and return the copy and its line count."""
    feeds = LineFeeds()
    encoding = PLAIN.get(origin.encoding, origin.encoding)
    file = gzip.open(origin.path) if origin.kind == "csv.gz" else open(origin.path, "rb")
    try:
        errors = "replace" if origin.guessed else "strict"
        with (
            io.TextIOWrapper(file, encoding, errors, newline="") as lines, path.open("wb") as copy,
        ):
            while part := lines.read(1 << 20):
                copy.write(data := part.encode())
                feeds.update(data)
                go_on()
    except UnicodeError as error:
        raise LoadError(f"{at(origin)}the file is not in {origin.encoding}: {error}") from None
    except DAMAGED as error:
        raise damaged(origin, error) from None
    return replace(origin, kind="csv", path=opened(path, files), encoding="utf-8"), feeds.lines
