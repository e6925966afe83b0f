"""The rows of a source's tables, brought into DuckDB: only the columns that are needed, each of its type, checked."""

import contextlib
import difflib
import sqlite3
from collections.abc import Callable, Iterator
from csv import reader as csv_lines
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow
from errors import KINDS, LoadError, explained
from mapping import FRACTIONS, INTEGERS, Column, Table, quoted
from sources import Origin

ROWS_A_BATCH = 50_000     # of SQLite


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Reading:
    """How all sources are read."""

    encoding: str
    nulls: list[str]
    go_on: Callable[[], None]     # raises what ends it


def at(origin: Origin) -> str:
    return f"{origin.label}: " if origin.label else ""


def similar(missing: list[str], types: dict[str, str]) -> str:
    names = [name for name in types if not name.startswith("#")]
    found = [match for name in missing[:3] for match in difflib.get_close_matches(name, names, 2, 0.7)]
    return f"; there is {', '.join(dict.fromkeys(found))}" if found else ""


# What a reader gives, once or for each batch: where the rows are, in SQL, and the types of their columns.
Rows = Iterator[tuple[str, dict[str, str]]]


def stage(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> int:
    """Make the table, and say how many rows it has."""
    made = f"CREATE TABLE {quoted(table.name)} AS"
    try:
        for rows, types in {"csv": csv, "csv.gz": csv, "parquet": parquet, "sqlite": sqlite}[origin.kind](engine, table, origin, reading):
            row = '"#row"' if "#row" in types else None
            names = {name.casefold(): name for name in types}
            if missing := [column.name for column in table.columns if column.required and column.name.casefold() not in names]:
                raise LoadError(f"{at(origin)}there is no column {', '.join(missing)}{similar(missing, types)}")
            columns = [
                f"{value(column, name, types[name], row) if (name := names.get(column.name.casefold())) else f'CAST({column.default} AS {column.type})'} AS {quoted(column.name)}"
                for column in table.columns
            ]
            engine.execute(f"{made} SELECT {', '.join(columns)} FROM {rows}")
            made = f"INSERT INTO {quoted(table.name)}"
    except duckdb.Error as error:
        text = explained(error)
        raise LoadError(text if origin.label and origin.label in text else f"{at(origin)}{text}") from None
    except sqlite3.Error as error:
        raise LoadError(f"{at(origin)}{error}") from None
    check(engine, table, origin)
    return engine.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()[0]


def once(names: list[str], table: Table, origin: Origin) -> None:
    """Of two columns of one name, in upper or lower case, DuckDB would take one."""
    wanted = [name.casefold() for name in names if name.casefold() in {column.name.casefold() for column in table.columns}]
    if twice := [name for name in names if wanted.count(name.casefold()) > 1]:
        raise LoadError(f"{at(origin)}column {twice[-1]} is there twice")


def csv(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Rows:
    """Numbers are read as such, so that DuckDB names the line of one that is none. Nothing is guessed of the dialect but the
    delimiter, and that from the header: what DuckDB guesses depends on the rows, and it leaves out those that do not fit."""
    form = f"auto_detect = false, encoding = {literal(reading.encoding)}, compression = '{'gzip' if origin.kind == 'csv.gz' else 'none'}'"
    first = engine.execute(f"SELECT line FROM read_csv(?, {form}, header = false, delim = '\x01', quote = '', escape = '', columns = {{'line': 'VARCHAR'}}) LIMIT 1", [origin.path]).fetchone()
    header = (first[0] or "" if first else "").lstrip("\ufeff")
    wanted = {column.name.casefold(): column.type for column in table.columns}
    names = {delimiter: next(csv_lines([header], delimiter=delimiter), []) for delimiter in ",\t;|"}
    delimiter = max(names, key=lambda each: (sum(name.casefold() in wanted for name in names[each]), len(names[each])))
    once(names[delimiter], table, origin)
    types = {}
    for position, name in enumerate(names[delimiter]):
        type = wanted.get(name.casefold())
        types[name if type else f"#{position}"] = "DOUBLE" if type in INTEGERS | FRACTIONS else "VARCHAR"
    declared = ", ".join(f"{literal(name)}: {literal(type)}" for name, type in types.items())
    nullstr = ", ".join(map(literal, reading.nulls))
    yield f"read_csv({literal(origin.path)}, {form}, header = true, delim = {literal(delimiter)}, quote = '\"', escape = '\"', columns = {{{declared}}}, nullstr = [{nullstr}])", types


def parquet(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Rows:
    rows = f"read_parquet({literal(origin.path)})"
    columns = [(name, type) for name, type, *_ in engine.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
    once([name for (name,) in engine.execute("SELECT name FROM parquet_schema(?)", [origin.path]).fetchall()], table, origin)
    yield rows, dict(columns)


def sqlite(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Rows:
    """By Python's module: a column of SQLite may have values of several types, and DuckDB's extension either refuses them or
    makes text of 15 digits of them all. CellProfiler's tables are so wide that finding the columns takes most of the time."""
    with contextlib.closing(sqlite3.connect(f"{Path(origin.path).as_uri()}?mode=ro", uri=True, check_same_thread=False)) as database:
        there = {name.casefold(): name for _, name, *_ in database.execute(f"PRAGMA table_info({quoted(origin.table)})")}
        columns = [(there[column.name.casefold()], column.type) for column in table.columns if column.name.casefold() in there]
        types = {name: "DOUBLE" if type in INTEGERS | FRACTIONS else "VARCHAR" for name, type in columns}
        rows = database.execute(f"SELECT {', '.join(map(quoted, types)) or 'NULL'} FROM {quoted(origin.table)}")
        first = 1
        while True:
            batch = rows.fetchmany(ROWS_A_BATCH)
            if not batch and first > 1:
                return
            reading.go_on()
            arrays = [array(name, [row[position] for row in batch], types[name], first, origin) for position, name in enumerate(types)]
            numbers = pyarrow.array(range(first, first + len(batch)), pyarrow.int64())
            engine.register("#batch", pyarrow.table([*arrays, numbers], [*types, "#row"]))
            yield '"#batch"', types | {"#row": "BIGINT"}
            first += len(batch) or 1


def as_csv(value: object) -> str | None:
    """A value of SQLite as the same table has it in CSV."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)


def array(name: str, values: list, type: str, first: int, origin: Origin) -> pyarrow.Array:
    """Of a column's values in a batch; numbers may be written as text."""
    if type == "VARCHAR":
        return pyarrow.array([as_csv(value) for value in values], pyarrow.string())
    try:
        return pyarrow.array(values, pyarrow.float64())
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        pass
    numbers = []
    for row, value in enumerate(values, first):
        try:
            numbers.append(None if value in (None, "") else float(value if isinstance(value, (int, float)) or "_" not in value else ""))
        except (TypeError, ValueError):
            raise LoadError(f'{at(origin)}row {row}, column {name}: "{value}" is not {KINDS["DOUBLE"]}') from None
    return pyarrow.array(numbers, pyarrow.float64())


def value(column: Column, name: str, type: str, row: str | None) -> str:
    """The expression that makes a column's value of the source's, or an error with that value. NaN is NULL: it is greater
    than any threshold to DuckDB."""
    source = quoted(name)
    place = f"row ' || {row} || ', column" if row else "column"
    def checked(expression: str, condition: str, kind: str) -> str:
        return f"CASE WHEN {condition} THEN {expression} ELSE error('{place} ' || {literal(column.name)} || ': \"' || {source} || '\" is not {kind}') END"

    if column.type == "VARCHAR":     # whole numbers and nothing as CSV has them
        whole = f"CASE WHEN {source} = trunc({source}) AND abs({source}) < 1e15 THEN {source}::BIGINT::VARCHAR WHEN NOT isnan({source}) THEN {source}::VARCHAR END"
        return whole if type in FRACTIONS else f"nullif({source}::VARCHAR, '')"
    if column.type == "BOOLEAN":
        if type == "BOOLEAN":
            return source
        number = f"TRY_CAST({source} AS DOUBLE)"
        return checked(f"CASE WHEN NOT coalesce(isnan({number}), false) THEN coalesce({number} = 1, TRY_CAST({source}::VARCHAR AS BOOLEAN)) END", f"{source} IS NULL OR {source}::VARCHAR = '' OR {number} IN (0, 1) OR isnan({number}) OR ({number} IS NULL AND TRY_CAST({source}::VARCHAR AS BOOLEAN) IS NOT NULL)", KINDS["BOOLEAN"])
    if column.type in FRACTIONS | INTEGERS:
        number = f"{source}::DOUBLE" if type in FRACTIONS | INTEGERS or type.startswith("DECIMAL") else f"TRY_CAST({source} AS DOUBLE)"
        if column.type in FRACTIONS:
            plain = f"CASE WHEN NOT isnan({number}) THEN {number} END"
            return plain if "TRY" not in number else checked(plain, f"{source} IS NULL OR {number} IS NOT NULL", KINDS["DOUBLE"])
        if type in INTEGERS:
            return f"{source}::{column.type}"
        return checked(f"{number}::{column.type}", f"{source} IS NULL OR {number} = trunc({number}) AND abs({number}) < 9007199254740992", KINDS["BIGINT"])
    return checked(f"TRY_CAST({source} AS {column.type})", f"{source} IS NULL OR TRY_CAST({source} AS {column.type}) IS NOT NULL", f"of type {column.type}")


def check(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin) -> None:
    """NOT NULL and PRIMARY KEY, as declared. Not by an index, which would not fit into the memory that is allowed."""
    name = quoted(table.name)
    for column in table.columns:
        if column.not_null and (row := engine.execute(f"SELECT rowid + 1 FROM {name} WHERE {quoted(column.name)} IS NULL LIMIT 1").fetchone()):
            raise LoadError(f"{at(origin)}row {row[0]} has no {column.name}")
    if table.key:
        key = ", ".join(map(quoted, table.key))
        if twice := engine.execute(f"SELECT {key}, count(*) FROM {name} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1").fetchone():
            values = ", ".join(f"{column} {value}" for column, value in zip(table.key, twice))
            raise LoadError(f"{at(origin)}{values} is there {'twice' if twice[-1] == 2 else f'{twice[-1]} times'}")
