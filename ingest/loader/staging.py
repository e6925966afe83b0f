"""Staging: copy the needed columns of a source's tables into DuckDB, with types and checks."""

import itertools
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

import duckdb
import lines
from engine import LOCATED, quoted, staged
from errors import PREFIX, LoadError, explained, is_vague
from lines import Form
from mapping import INTEGERS, Table
from readers import READERS, csv
from reading import Reading, Rows, each_of
from sources import Origin, at
from values import NOT_EXACT, NUMBERS, expression

DECIMAL_COMMA = re.compile(r'"[-+]?\d*,\d+" is not an? ')
ROW = re.compile(r"row (\d+)(, .*| has no .*)", re.DOTALL)


@dataclass(frozen=True)
class Staged:
    rows: int
    form: Form | None
    names: dict[str, list[str]]     # of columns in the source, by the map's names in lower case


def stage(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Staged:
    """Create the table, and return how many rows it has."""
    target, part = f"CREATE TABLE {staged(table.name)} AS", None
    try:
        for part in READERS[origin.kind](engine, table, origin, reading):
            engine.execute(f"{target} SELECT {expressions(table, part)} FROM {part.rows}")
            target = f"INSERT INTO {staged(table.name)}"
    except duckdb.Error as error:
        if NOT_EXACT in str(error) and not reading.as_text:
            return stage(engine, table, origin, replace(reading, as_text=frozenset(INTEGERS)))
        raise LoadError(f"{at(origin)}{reason(engine, table, error, origin, part, reading)}"
                        ) from None
    except sqlite3.Error as error:
        raise LoadError(f"{at(origin)}{error}") from None
    check(engine, table, origin, part.form, reading.go_on)
    if origin.guessed:
        check_ascii(engine, table, origin, part, reading.go_on)
    (count,) = engine.execute(f"SELECT count(*) FROM {staged(table.name)}").fetchone()
    names = {
        name.casefold(): [field.name for fields in found.values() for field in fields]
        for name, found in part.fields.items()
    }
    return Staged(count, part.form, names)


def expressions(table: Table, part: Rows) -> str:
    """Return the expressions of the columns. A column missing in the source has its default."""
    return ", ".join(f"{expression(column, part)} AS {quoted(column.name)}"
                     for column in table.columns)


def reason(
    engine: duckdb.DuckDBPyConnection, table: Table, error: duckdb.Error, origin: Origin,
    part: Rows | None, reading: Reading,
) -> str:
    """Return DuckDB's reason with the line or row, for which the source is read once more."""
    if part and part.form and is_vague(error):
        if fault := lines.survey(origin, part.form, reading.go_on).fault(reading.quotes):
            return fault
    fields = [field for each in each_of(part.fields) for field in each] if part else []
    names = {field.called: field.name for field in fields}
    text = explained(error, names).replace(origin.path, origin.name)
    if part and not part.number and "column" in text:
        if part.form:     # DuckDB counts a row of several lines as one line
            part, = csv(engine, table, origin, replace(reading, as_text=frozenset(NUMBERS)))
        text = located(engine, table, part) or text
    if DECIMAL_COMMA.search(text) and reading.decimal == "." and part and part.form:
        text += "; if the comma is the decimal mark, use --decimal ,"
    return in_line(text, origin, part.form if part else None, reading.go_on)


def located(engine: duckdb.DuckDBPyConnection, table: Table, part: Rows) -> str | None:
    """Return the error of an expression with the number of the row."""
    taken = {field.called.casefold() for each in each_of(part.fields) for field in each}
    number = next(name for name in map("number{}".format, itertools.count())
                  if quoted(name) not in taken)
    rows = f"(SELECT row_number() OVER () AS {number}, * FROM {part.rows})"
    counted = replace(part, number=number)
    try:
        engine.execute(
            f"CREATE TABLE {LOCATED} AS SELECT {expressions(table, counted)} FROM {rows}")
        engine.execute(f"DROP TABLE {LOCATED}")
    except duckdb.Error as error:
        text = PREFIX.sub("", str(error))
        return text if ROW.fullmatch(text) else None
    return None


def in_line(text: str, origin: Origin, form: Form | None, go_on: Callable[[], None]) -> str:
    """Replace the row number at the beginning of a message about CSV by that of the line."""
    if not form or not (row := ROW.fullmatch(text)):
        return text
    line = lines.line_of(origin, form, int(row[1]), go_on)
    return f"line {line}" + row[2].replace(", ", ": ", 1)


def check(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, form: Form | None,
    go_on: Callable[[], None],
) -> None:
    """Check NOT NULL and PRIMARY KEY without an index, which would not fit into the memory."""
    name = staged(table.name)
    for column in table.columns:
        query = f"SELECT min(rowid) + 1 FROM {name} WHERE {quoted(column.name)} IS NULL"
        if column.not_null and (row := engine.execute(query).fetchone()[0]):
            text = in_line(f"row {row} has no {column.name}", origin, form, go_on)
            raise LoadError(f"{at(origin)}{text}")
    if table.key:
        key = ", ".join(map(quoted, table.key))
        repeated = engine.execute(
            f"SELECT {key}, count(*) FROM {name} "
            f"GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1").fetchone()
        if repeated:
            *values, times = repeated
            equal = " AND ".join(f"{quoted(each)} IS NOT DISTINCT FROM ?" for each in table.key)
            first, last = engine.execute(
                f"SELECT min(rowid) + 1, max(rowid) + 1 FROM {name} WHERE {equal}",
                values).fetchone()
            shown = ", ".join(f"{column} {value}" for column, value in zip(table.key, values))
            often = "twice" if times == 2 else f"{times} times"
            where = f"rows {first} and {last}"
            if form:
                first, last = (lines.line_of(origin, form, row, go_on) for row in (first, last))
                where = f"lines {first} and {last}"
            raise LoadError(f"{at(origin)}{shown} is there {often}: {where}")


def check_ascii(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, part: Rows,
    go_on: Callable[[], None],
) -> None:
    """Refuse text that depends on the encoding, which is a guess."""
    for column in table.columns:
        if column.type != "VARCHAR" or not part.fields[column.name]:
            continue
        name = quoted(column.name)
        row, text = engine.execute(
            f"SELECT min(rowid) + 1, arg_min({name}, rowid) FROM {staged(table.name)} "
            f"WHERE NOT regexp_full_match({name}, '[\\x00-\\x7F]*')").fetchone()
        if row:
            line = lines.line_of(origin, part.form, row, go_on)
            raise LoadError(
                f'{at(origin)}line {line}: column {column.name}: "{text}" is not in UTF-8: give '
                f"the encoding, such as --encoding windows-1252")
