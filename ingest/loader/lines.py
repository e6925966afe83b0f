"""A CSV file line by line, by Python alone: what its header is, and whether DuckDB's rows are the lines of the file.

Quotation marks are what can go wrong without a word: one that opens a field by accident, and one thousands of lines
later that closes it, make one row of all that is between, by the letter of the standard. So the file's line feeds are
counted while it is hashed, and where rows are fewer, the lines are gone through one by one.
"""

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
from sources import DAMAGED, LineFeeds, Origin, at, damaged, opened

DELIMITERS = ",\t;|"
LONGEST_LINE = 2_000_000         # characters; to DuckDB bytes, with all lines that a quoted field goes on in
QUOTES = re.compile('"+')
PLAIN = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1"}    # as Python calls them, without the byte order mark

csv.field_size_limit(2 * LONGEST_LINE)


@dataclass(frozen=True)
class Form:
    """What DuckDB is told of a file."""

    delimiter: str
    names: list[str]
    lines: int          # of the header
    enclose: bool       # whether quotation marks enclose fields, or are text


@contextmanager
def text(origin: Origin) -> Iterator[io.TextIOWrapper]:
    """It ends lines as DuckDB does: by LF, CR LF or CR."""
    file = gzip.open(origin.path) if origin.kind == "csv.gz" else open(origin.path, "rb")
    try:
        with io.TextIOWrapper(file, PLAIN[origin.encoding], errors="replace", newline="") as lines:
            yield lines
    except DAMAGED as error:
        raise damaged(origin, error) from None


def beginning(file: io.TextIOWrapper) -> Iterator[str]:
    """Its lines, but not much more than a header can have."""
    left = 2 * LONGEST_LINE
    while left and (line := file.readline(left)):
        left -= len(line)
        yield line


def header(origin: Origin, wanted: Iterable[str], quotes: str | None) -> Form:
    """The delimiter is the one that gives most of the columns that are wanted: what DuckDB guesses depends on the rows."""
    enclose = quotes != "text"
    with text(origin) as file:
        copies = itertools.tee(beginning(file), len(DELIMITERS))
        forms = [header_of(copy, delimiter, enclose) for delimiter, copy in zip(DELIMITERS, copies)]
    wanted = {name.casefold() for name in wanted}
    form = max(forms, key=lambda form: (sum(name.casefold() in wanted for name in form.names), len(form.names)))
    if sum(map(len, form.names)) > LONGEST_LINE:
        hint = "; --quotes text takes quotation marks as text" if form.lines > 1 else ""
        raise LoadError(f"{at(origin)}its header has more than {LONGEST_LINE:,} characters{hint}")
    if form.lines > 1 and (fault := survey_header(origin, form).fault(quotes)):
        raise LoadError(f"{at(origin)}{fault}")
    return form


def header_of(lines: Iterator[str], delimiter: str, enclose: bool) -> Form:
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if enclose else csv.QUOTE_NONE)
    return Form(delimiter, next(reader, []), reader.line_num, enclose)


def dialect(origin: Origin, enclose: bool) -> str:
    """All that DuckDB could guess, or take otherwise than the standard has it, for read_csv."""
    mark = literal('"' if enclose else "")
    return (f"auto_detect = false, strict_mode = true, null_padding = false, ignore_errors = false, comment = '', hive_partitioning = false, max_line_size = {LONGEST_LINE}, "
            f"quote = {mark}, escape = {mark}, encoding = {literal(origin.encoding)}, compression = '{'gzip' if origin.kind == 'csv.gz' else 'none'}'")


@dataclass
class Survey:
    """What the lines are found to be."""

    rows: int = 0
    spans: int = 0                              # rows of several lines
    first_span: tuple[int, int] | None = None
    swallowed: tuple[int, int] | None = None    # lines that are a row each, and are one row
    unclosed: int | None = None                 # the line where a field begins that does not end
    long: int | None = None
    mixed: int | None = None                    # a line that ends otherwise than the one before

    def fault(self, quotes: str | None) -> str | None:
        """What is wrong; rows of several lines only if it was not said how they are meant."""
        if self.long:
            return f"line {self.long}: it has more than {LONGEST_LINE:,} characters"
        if self.swallowed and not quotes:
            first, last = self.swallowed
            return (f"line {first}: a quotation mark begins a field that ends in line {last}, but the lines between are rows by themselves: "
                    "say --quotes text, if quotation marks are text in this file, or --quotes fields, if it is one field")
        if self.unclosed:
            return f"line {self.unclosed}: a field begins with a quotation mark, and none ends it; --quotes text takes quotation marks as text"
        if self.mixed:
            return f"line {self.mixed}: it ends otherwise than the lines before (LF, CR LF or CR)"
        return None


def survey(origin: Origin, form: Form, go_on: Callable[[], None]) -> Survey:
    """The rows are counted as DuckDB should: blank lines are none, but where there is one column."""
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
            if number <= form.lines or (not content and not inside and len(form.names) > 1):
                continue
            if not inside:
                first, whole = number, 0
            before, inside = inside, fields(content, form, opening, inside)[1] if form.enclose and '"' in content else inside
            if before or inside:
                whole += fields(content, form, opening, False)[0] == len(form.names)
            if inside:
                continue
            found.rows += 1
            if ending and line != content and line[len(content):] != ending and not found.mixed:
                found.mixed = number
            ending = line[len(content):] or ending
            if number > first:
                found.spans += 1
                found.first_span = found.first_span or (first, number)
                if len(form.names) > 1 and 2 * whole > number - first + 1 and not found.swallowed:
                    found.swallowed = first, number
    found.unclosed = first if inside else None
    return found


def survey_header(origin: Origin, form: Form) -> Survey:
    """A mark in the header can swallow the first rows. A row can have more fields than the names that the mark leaves."""
    inside, whole, opening = False, 0, opening_in(form)
    with text(origin) as file:
        for line in itertools.islice(beginning(file), form.lines):
            content = line.rstrip("\r\n")
            whole += fields(content, form, opening, False)[0] >= len(form.names)
            inside = fields(content, form, opening, inside)[1]
    if inside:
        return Survey(unclosed=1)
    return Survey(swallowed=(1, form.lines) if len(form.names) > 1 and 2 * whole > form.lines else None)


def opening_in(form: Form) -> re.Pattern:
    """What a field in quotation marks begins with."""
    return re.compile(f'(?:^|{re.escape(form.delimiter)}) *"')


def fields(line: str, form: Form, opening: re.Pattern, inside: bool) -> tuple[int, bool]:
    """How many fields a line has, and whether it ends inside of one; in that case marks from its beginning on are text."""
    delimiters = position = 0
    while True:
        if inside:
            closing = next((run for run in QUOTES.finditer(line, position) if len(run[0]) % 2), None)
            if not closing:
                return delimiters + line.count(form.delimiter, position) + 1, True
            position, inside = closing.end(), False
        if not (start := opening.search(line, position)):
            return delimiters + line.count(form.delimiter, position) + 1, False
        delimiters += line.count(form.delimiter, position, start.end())
        position, inside = start.end(), True


def compared(origin: Origin, form: Form, rows: int, lines: int, quotes: str | None, go_on: Callable[[], None]) -> str | None:
    """See that every line came out as a row, or else why not: what is to be said of it, or an error."""
    if rows == lines - form.lines:
        return None
    found = survey(origin, form, go_on)
    found.mixed = None      # DuckDB took it
    if fault := found.fault(quotes):
        raise LoadError(f"{at(origin)}{fault}")
    if found.rows != rows:
        raise LoadError(f"{at(origin)}DuckDB read {rows:,} rows, and its lines are {found.rows:,}")
    if not found.spans:
        return None
    first, last = found.first_span
    return f"{found.spans:,} of them over several lines, the first from line {first} to {last}"


def fetched(engine: duckdb.DuckDBPyConnection, origin: Origin, path: Path, files: ExitStack, go_on: Callable[[], None]) -> tuple[Origin, int]:
    """A file at an address, copied in UTF-8, and the number of its lines: DuckDB alone could not tell what it left out."""
    engine.execute(f"""COPY (SELECT line FROM read_csv({literal(origin.path)}, {dialect(origin, False)}, header = false, delim = '\x01', columns = {{'line': 'VARCHAR'}}))
        TO {literal(str(path))} (FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')""")
    size = engine.execute("SELECT size FROM read_blob(?)", [origin.path]).fetchone()[0]
    encoding = {"utf-16": "utf-16-le"}.get(origin.encoding, origin.encoding)
    feeds, width = LineFeeds(), 0
    one, mark = len("\n".encode(encoding)), len("\ufeff".encode(encoding, "ignore"))
    with path.open(encoding="utf-8", newline="") as copy:
        while part := copy.read(1 << 20):
            feeds.update(part.encode())
            width += len(part.encode(encoding))
            go_on()
    lost = {0, -one, feeds.lines * one, (feeds.lines - 2) * one}      # with LF or CR LF, and at the end of the last line or not
    if size - width not in lost | {each + mark for each in lost}:
        raise LoadError(f"{at(origin)}its lines cannot be read whole; fetch it first")
    return replace(origin, path=opened(path, files), encoding="utf-8"), feeds.lines
