"""What can be wrong with a source, and how it is said."""

import re

import duckdb


class LoadError(Exception):
    """Why a source is not loaded. Nothing of it is."""


class Wrong(Exception):
    """A mistake of the caller."""


KINDS = {"DOUBLE": "a number", "BIGINT": "an integer", "BOOLEAN": "true or false, 1 or 0"}


def explained(error: duckdb.Error) -> str:
    """DuckDB's error in one sentence: where, what, and none of its advice on options that cbload does not have."""
    text = re.sub(r"^(Invalid Input|Conversion|Binder|IO|Catalog|Parser|Mismatch Type|Out of Memory|Invalid) ?Error: ", "", str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"not enough memory, see --memory: {text.splitlines()[0]}"
    if not (line := re.match(r"(?s)CSV Error on Line: (\d+)\n(?:Original Line: [^\n]*\n)?(.*)", text)):
        return text.split("\n\n")[0].replace("\n", " ")
    number, what = line[1], line[2].split("\n")[0]
    if cast := re.match(r"""Error when converting column "(.*)"\. Could not convert string "(.*)" to '(.*)'""", what):
        what = f'column {cast[1]}: "{cast[2]}" is not {KINDS.get(cast[3], cast[3])}'
    elif "not utf-8" in what:
        return f"it is not in UTF-8 (line {number} or one before); if you know its encoding, say --encoding latin-1 or utf-16"
    elif counts := re.match(r"Expected Number of Columns: (\d+) Found: (\d+)", what):
        what = f"{counts[2]} columns where the header has {counts[1]}"
    return f"line {number}: {what}"
