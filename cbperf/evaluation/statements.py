"""Split the SQL of a workload into statements, with PostgreSQL's own parser."""

import enum
import re
from dataclasses import dataclass

import pglast
from pglast import ast


class Malformed(Exception):
    """The text is not valid SQL; the message says where."""


class Kind(enum.Enum):
    EXECUTE = "execute"
    COPY_OUT = "copy out"     # COPY ... TO STDOUT, whose data must be read


@dataclass(frozen=True)
class Statement:
    text: str
    kind: Kind


def split(sql: str) -> list[Statement]:
    """The statements, at least one. Raises Malformed, also for psql's commands (\\set, ...) and COPY FROM STDIN."""
    try:
        parsed = pglast.parse_sql(sql)
    except pglast.parser.ParseError as error:
        message, *place = error.args
        line = sql[:place[0]].count("\n") + 1 if place and isinstance(place[0], int) else 1
        hint = "; psql's commands are not SQL" if re.search(r"^\s*\\", sql, re.MULTILINE) else ""
        raise Malformed(f"line {line}: {message}{hint}") from None
    if not parsed:
        raise Malformed("there is no statement")
    found = []
    # pglast counts places in characters.
    for raw in parsed:
        text = sql[raw.stmt_location:raw.stmt_location + raw.stmt_len if raw.stmt_len else None].strip()
        kind = Kind.EXECUTE
        if isinstance(raw.stmt, ast.CopyStmt) and not raw.stmt.filename:
            if raw.stmt.is_from:
                raise Malformed(f"COPY FROM STDIN has no data to read: {text.splitlines()[0]}")
            kind = Kind.COPY_OUT
        found.append(Statement(text, kind))
    return found
