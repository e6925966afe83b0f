"""The errors of cbload, and the translation of DuckDB's errors into one sentence."""

import re
import traceback
from pathlib import Path

import duckdb


class LoadError(Exception):
    """The reason why a source is not loaded. No part of the source is."""


class Interrupted(LoadError):
    """The user has interrupted the load."""


UNSURE = "the server did not confirm the commit: the source may be loaded"


class Wrong(Exception):
    """A mistake in the arguments or in the map."""


def unexpected(error: BaseException) -> str:
    """Return one line that describes a bug of cbload, with the details that a report needs."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-4:])
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    kind = type(error).__name__
    return f"unexpected error, please report it with this line: {kind}: {error} ({places})"


KINDS = {"DOUBLE": "a number", "BIGINT": "an integer", "BOOLEAN": "true or false, 1 or 0"}
PREFIX = re.compile(
    "^(Invalid Input|Conversion|Binder|IO|Catalog|Parser|Mismatch Type|Out of Memory|Invalid)"
    " ?Error: "
)
NOT_CONVERTED = re.compile(
    r'\nError when converting column "([^"]*)"\. '
    r"""Could not convert string "(.*)" to '([^']*)'\n""", re.DOTALL,
)
VAGUE = re.compile(
    "reached an invalid state|does not support a full read|Maximum line size|unterminated quote"
)


def is_vague(error: duckdb.Error) -> bool:
    """Return whether an error about a CSV file names no line, or a wrong one."""
    return bool(VAGUE.search(str(error)))


def explained(error: duckdb.Error, names: dict[str, str] = {}) -> str:
    """Return DuckDB's error as one sentence, with the line but without hints.

    DuckDB's hints are about options that cbload does not have. `names` maps the column names in
    the error to the names in the file.
    """
    text = PREFIX.sub("", str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"not enough memory (see --memory): {text.splitlines()[0]}"
    if "No magic bytes" in text:
        return "the file is damaged or incomplete: it does not end as a Parquet file does"
    if "reached an invalid state" in text:
        return ("the file cannot be read as CSV: a quotation mark is not closed, "
                "or some lines end in CRLF and others in LF")
    if not (line := re.match(r"CSV Error on Line: (\d+)\n", text)):
        return text.split("\n\n")[0].replace("\n", " ")
    if "not utf-8" in text:
        return (f"the file is not in UTF-8 (line {line[1]} or an earlier one); "
                "give its encoding, such as --encoding windows-1252")
    if cast := NOT_CONVERTED.search(text):
        column, value, type = cast.groups()
        what = f'column {names.get(column, column)}: "{value}" is not {KINDS.get(type, type)}'
    elif counts := re.search(r"\nExpected Number of Columns: (\d+) Found: (\d+)\n", text):
        what = f"{counts[2]} columns, but the header has {counts[1]}"
    else:
        telling = re.compile(r"Value with unterminated quote|Error|Maximum line")
        lines = text.splitlines()
        what = next((each for each in lines[2:] if telling.match(each)), lines[-1])
    return f"line {line[1]}: {what}"
