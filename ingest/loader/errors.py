"""What can be wrong with a source, and how it is said."""

import re
import traceback
from pathlib import Path

import duckdb


class LoadError(Exception):
    """Why a source is not loaded. Nothing of it is."""


class Interrupted(LoadError):
    """The user did not want to wait for it."""


UNSURE = "its transaction was being committed: it may be loaded"


class Wrong(Exception):
    """A mistake of the caller."""


def unexpected(error: BaseException) -> str:
    """What cbload did not know could happen: in one line, with what a report needs."""
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)[-4:]))
    return f"an error that cbload does not know; please report it with this line: {type(error).__name__}: {error} ({places})"


KINDS = {"DOUBLE": "a number", "BIGINT": "an integer", "BOOLEAN": "true or false, 1 or 0"}


def is_vague(error: duckdb.Error) -> bool:
    """Whether it names no line of a CSV file, or a wrong one."""
    return bool(re.search("reached an invalid state|does not support a full read|Maximum line size|unterminated quote", str(error)))


def explained(error: duckdb.Error, names: dict[str, str] = {}) -> str:
    """DuckDB's error in one sentence: where, what, and none of its advice on options that cbload does not have. `names` are
    those of columns that have others for DuckDB."""
    text = re.sub(r"^(Invalid Input|Conversion|Binder|IO|Catalog|Parser|Mismatch Type|Out of Memory|Invalid) ?Error: ", "", str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"not enough memory, see --memory: {text.splitlines()[0]}"
    if "No magic bytes" in text:
        return "it is damaged or not complete: it does not end as a Parquet file does"
    if "reached an invalid state" in text:
        return "it cannot be read as CSV: a quotation mark is not closed, or some lines end in CRLF and others in LF"
    if not (line := re.match(r"CSV Error on Line: (\d+)\n", text)):
        return text.split("\n\n")[0].replace("\n", " ")
    if "not utf-8" in text:
        return f"it is not in UTF-8 (line {line[1]} or one before); if you know its encoding, say --encoding latin-1 or utf-16"
    if cast := re.search(r"""\nError when converting column "([^"]*)"\. Could not convert string "(.*)" to '([^']*)'\n""", text, re.DOTALL):
        what = f'column {names.get(cast[1], cast[1])}: "{cast[2]}" is not {KINDS.get(cast[3], cast[3])}'
    elif counts := re.search(r"\nExpected Number of Columns: (\d+) Found: (\d+)\n", text):
        what = f"{counts[2]} columns where the header has {counts[1]}"
    else:
        what = next((each for each in text.splitlines()[2:] if re.match(r"Value with unterminated quote|Error|Maximum line", each)), text.splitlines()[-1])
    return f"line {line[1]}: {what}"
