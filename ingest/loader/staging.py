"""The rows of a source's tables, brought into DuckDB: only the columns that are needed, each of its type, checked."""

import contextlib
import difflib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import lines
import pyarrow
from engine import literal, quoted, staged
from errors import KINDS, Interrupted, LoadError, explained, is_vague
from lines import Form
from mapping import FRACTIONS, INTEGERS, Column, Table
from sources import Origin, at, read_only

ROWS_A_BATCH = 50_000     # of SQLite
STEPS = 100_000           # of SQLite's machine, some milliseconds


@dataclass(frozen=True)
class Reading:
    """How all sources are read."""

    nulls: list[str]
    quotes: str | None
    go_on: Callable[[], None]     # raises what ends it


@dataclass(frozen=True)
class Rows:
    """What a reader gives, once or for each batch. DuckDB has the columns of CSV and SQLite by their numbers, not by their
    names, and so no name in a file can be one of those that are made here."""

    rows: str                                   # where they are, in SQL
    columns: dict[str, tuple[str, str]]         # of the source, those that are wanted at least: what they are called there, and their types
    names: list[str]                            # of all columns of the source
    number: str | None = None                   # the column with the number of the row
    form: Form | None = None                    # of CSV


@dataclass(frozen=True)
class Staged:
    rows: int
    form: Form | None


def similar(missing: list[str], names: list[str]) -> str:
    found = [match for name in missing[:3] for match in difflib.get_close_matches(name, names, 2, 0.7)]
    return f"; there is {', '.join(dict.fromkeys(found))}" if found else ""


def stage(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Staged:
    """Make the table, and say how many rows it has."""
    made, part = f"CREATE TABLE {staged(table.name)} AS", None
    try:
        for part in {"csv": csv, "csv.gz": csv, "parquet": parquet, "sqlite": sqlite}[origin.kind](engine, table, origin, reading):
            names = {name.casefold(): name for name in part.columns}
            if missing := [column.name for column in table.columns if column.required and column.name.casefold() not in names]:
                raise LoadError(f"{at(origin)}there is no column {', '.join(missing)}{similar(missing, part.names)}")
            columns = [
                f"{value(column, *part.columns[name], part.number) if (name := names.get(column.name.casefold())) else f'CAST({column.default} AS {column.type})'} AS {quoted(column.name)}"
                for column in table.columns
            ]
            engine.execute(f"{made} SELECT {', '.join(columns)} FROM {part.rows}")
            made = f"INSERT INTO {staged(table.name)}"
    except duckdb.Error as error:
        raise LoadError(f"{at(origin)}{reason(error, origin, part, reading)}") from None
    except sqlite3.Error as error:
        raise LoadError(f"{at(origin)}{error}") from None
    check(engine, table, origin)
    return Staged(engine.execute(f"SELECT count(*) FROM {staged(table.name)}").fetchone()[0], part.form)


def reason(error: duckdb.Error, origin: Origin, part: Rows | None, reading: Reading) -> str:
    """What DuckDB says, or where it names no line, what the lines themselves say."""
    if part and part.form and is_vague(error):
        if fault := lines.survey(origin, part.form, reading.go_on).fault(reading.quotes):
            return fault
    return explained(error, {called: name for name, (called, _) in part.columns.items()} if part else {}).replace(origin.path, origin.name)


def once(names: list[str], table: Table, origin: Origin) -> None:
    """Of two columns of one name, in upper or lower case, DuckDB would take one."""
    wanted = [name.casefold() for name in names if name.casefold() in {column.name.casefold() for column in table.columns}]
    if twice := [name for name in names if wanted.count(name.casefold()) > 1]:
        raise LoadError(f"{at(origin)}column {twice[-1]} is there twice")


def csv(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Iterator[Rows]:
    """Numbers are read as such, so that DuckDB names the line of one that is none. Nothing is guessed of the dialect but the
    delimiter: what DuckDB guesses depends on the rows, and it leaves out those that do not fit."""
    form = lines.header(origin, [column.name for column in table.columns], reading.quotes)
    once(form.names, table, origin)
    wanted = {column.name.casefold(): column.type for column in table.columns}
    types = ["DOUBLE" if wanted.get(name.casefold()) in INTEGERS | FRACTIONS else "VARCHAR" for name in form.names]
    declared = ", ".join(f"'c{position}': '{type}'" for position, type in enumerate(types))
    nullstr = ", ".join(map(literal, reading.nulls))
    columns = {name: (f"c{position}", type) for position, (name, type) in enumerate(zip(form.names, types))}
    yield Rows(f"read_csv({literal(origin.path)}, {lines.dialect(origin, form.enclose)}, header = true, delim = {literal(form.delimiter)}, columns = {{{declared}}}, nullstr = [{nullstr}])",
               columns, form.names, form=form)


def parquet(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Iterator[Rows]:
    """Of two columns of one name, DuckDB calls the second one by a name that the file does not have."""
    rows = f"read_parquet({literal(origin.path)}, hive_partitioning = false)"
    names = [name for (name,) in engine.execute("SELECT name FROM parquet_schema(?)", [origin.path]).fetchall()]
    once(names, table, origin)
    found = {name: type for name, type, *_ in engine.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall() if name in names}
    yield Rows(rows, {name: (quoted(name), type) for name, type in found.items()}, list(found))


def sqlite(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading) -> Iterator[Rows]:
    """By Python's module: a column of SQLite may have values of several types, and DuckDB's extension either refuses them or
    makes text of 15 digits of them all. CellProfiler's tables are so wide that finding the columns takes most of the time."""
    with contextlib.closing(read_only(origin.path)) as database:
        database.set_progress_handler(lambda: is_over(reading), STEPS)     # a view may go on for ever before its first row
        names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({quoted(origin.table)})")]
        once(names, table, origin)
        wanted = {column.name.casefold(): column.type for column in table.columns}
        types = {name: "DOUBLE" if wanted[name.casefold()] in INTEGERS | FRACTIONS else "VARCHAR" for name in names if name.casefold() in wanted}
        columns = {name: (f"c{position}", type) for position, (name, type) in enumerate(types.items())}
        rows = database.execute(f"SELECT {', '.join(map(quoted, types)) or 'NULL'} FROM {quoted(origin.table)}")
        first = 1
        while True:
            batch = rows.fetchmany(ROWS_A_BATCH)
            if not batch and first > 1:
                break
            reading.go_on()
            arrays = [array(name, [row[position] for row in batch], types[name], first, origin) for position, name in enumerate(types)]
            numbers = pyarrow.array(range(first, first + len(batch)), pyarrow.int64())
            engine.register("batch", pyarrow.table([*arrays, numbers], [*(called for called, _ in columns.values()), "number"]))
            yield Rows("temp.main.batch", columns, names, "number")
            first += len(batch) or 1
        engine.unregister("batch")     # the map may have a table of that name


def is_over(reading: Reading) -> bool:
    try:
        reading.go_on()
    except Interrupted:
        return True
    return False


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


def value(column: Column, source: str, type: str, row: str | None) -> str:
    """The expression that makes a column's value of the source's, or an error with that value. NaN is NULL: it is greater
    than any threshold to DuckDB."""
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
    name = staged(table.name)
    for column in table.columns:
        if column.not_null and (row := engine.execute(f"SELECT rowid + 1 FROM {name} WHERE {quoted(column.name)} IS NULL LIMIT 1").fetchone()):
            raise LoadError(f"{at(origin)}row {row[0]} has no {column.name}")
    if table.key:
        key = ", ".join(map(quoted, table.key))
        if twice := engine.execute(f"SELECT {key}, count(*) FROM {name} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1").fetchone():
            values = ", ".join(f"{column} {value}" for column, value in zip(table.key, twice))
            raise LoadError(f"{at(origin)}{values} is there {'twice' if twice[-1] == 2 else f'{twice[-1]} times'}")
