"""Staging: copy the needed columns of a source's tables into DuckDB, with types and checks."""

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

NUMBERS = FRACTIONS | INTEGERS
ROWS_A_BATCH = 50_000     # of SQLite
STEPS = 100_000           # of SQLite's virtual machine, some milliseconds


@dataclass(frozen=True)
class Reading:
    """The settings that apply to all sources."""

    nulls: list[str]
    quotes: str | None
    go_on: Callable[[], None]     # raises an error to end the reading


@dataclass(frozen=True)
class Rows:
    """What a reader yields, once or for each batch.

    In DuckDB, columns of CSV and SQLite have numbered names, so that no name in a file can be the
    same as a name that cbload makes.
    """

    rows: str                                   # SQL that yields the rows
    columns: dict[str, tuple[str, str]]         # name in the source: name and type in DuckDB
    names: list[str]                            # of all columns of the source
    number: str | None = None                   # the column with the row number
    form: Form | None = None                    # of CSV


@dataclass(frozen=True)
class Staged:
    rows: int
    form: Form | None


def similar(missing: list[str], names: list[str]) -> str:
    found = dict.fromkeys(
        match for name in missing[:3] for match in difflib.get_close_matches(name, names, 2, 0.7))
    return f"; similar columns: {', '.join(found)}" if found else ""


def stage(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Staged:
    """Create the table, and return how many rows it has."""
    target, part = f"CREATE TABLE {staged(table.name)} AS", None
    read = {"csv": csv, "csv.gz": csv, "parquet": parquet, "sqlite": sqlite}[origin.kind]
    try:
        for part in read(engine, table, origin, reading):
            columns = ", ".join(expressions(table, part, origin))
            engine.execute(f"{target} SELECT {columns} FROM {part.rows}")
            target = f"INSERT INTO {staged(table.name)}"
    except duckdb.Error as error:
        raise LoadError(f"{at(origin)}{reason(error, origin, part, reading)}") from None
    except sqlite3.Error as error:
        raise LoadError(f"{at(origin)}{error}") from None
    check(engine, table, origin)
    (count,) = engine.execute(f"SELECT count(*) FROM {staged(table.name)}").fetchone()
    return Staged(count, part.form)


def expressions(table: Table, part: Rows, origin: Origin) -> Iterator[str]:
    """Yield the expression of each column. A column missing in the source has its default."""
    names = {name.casefold(): name for name in part.columns}
    missing = [
        column.name for column in table.columns
        if column.required and column.name.casefold() not in names
    ]
    if missing:
        hint = similar(missing, part.names)
        raise LoadError(f"{at(origin)}there is no column {', '.join(missing)}{hint}")
    for column in table.columns:
        if name := names.get(column.name.casefold()):
            expression = value(column, *part.columns[name], part.number)
        else:
            expression = f"CAST({column.default} AS {column.type})"
        yield f"{expression} AS {quoted(column.name)}"


def reason(error: duckdb.Error, origin: Origin, part: Rows | None, reading: Reading) -> str:
    """Return DuckDB's reason, or if it names no line, what a look at the lines finds."""
    if part and part.form and is_vague(error):
        if fault := lines.survey(origin, part.form, reading.go_on).fault(reading.quotes):
            return fault
    names = {called: name for name, (called, _) in part.columns.items()} if part else {}
    return explained(error, names).replace(origin.path, origin.name)


def once(names: list[str], table: Table, origin: Origin) -> None:
    """Refuse two columns whose names differ only in case, of which DuckDB would take one."""
    declared = {column.name.casefold() for column in table.columns}
    wanted = [name.casefold() for name in names if name.casefold() in declared]
    if twice := [name for name in names if wanted.count(name.casefold()) > 1]:
        raise LoadError(f"{at(origin)}column {twice[-1]} is there twice")


def type_of(declared: str | None) -> str:
    """Return the type for reading a column of CSV or SQLite that the map declares so."""
    return "DOUBLE" if declared in NUMBERS else "VARCHAR"


def csv(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read numbers as such, so that DuckDB names the line of a value that is not a number.

    DuckDB must not guess the dialect. Its guess depends on the rows, and it leaves out the rows
    that do not fit.
    """
    form = lines.header(origin, [column.name for column in table.columns], reading.quotes)
    once(form.names, table, origin)
    wanted = {column.name.casefold(): column.type for column in table.columns}
    types = [type_of(wanted.get(name.casefold())) for name in form.names]
    declared = ", ".join(f"'c{position}': '{type}'" for position, type in enumerate(types))
    nullstr = ", ".join(map(literal, reading.nulls))
    columns = {
        name: (f"c{position}", type)
        for position, (name, type) in enumerate(zip(form.names, types))
    }
    rows = (
        f"read_csv({literal(origin.path)}, {lines.dialect(origin, form.enclose)}, header = true, "
        f"delim = {literal(form.delimiter)}, columns = {{{declared}}}, nullstr = [{nullstr}])"
    )
    yield Rows(rows, columns, form.names, form=form)


def parquet(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    rows = f"read_parquet({literal(origin.path)}, hive_partitioning = false)"
    schema = engine.execute("SELECT name FROM parquet_schema(?)", [origin.path]).fetchall()
    names = [name for (name,) in schema]
    once(names, table, origin)
    # DuckDB renames the second of two columns with one name: ignore names not in the file.
    described = engine.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    columns = {name: (quoted(name), type) for name, type, *_ in described if name in names}
    yield Rows(rows, columns, list(columns))


def sqlite(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read an SQLite table with Python's module.

    A column of SQLite may have values of several types. DuckDB's extension either refuses them, or
    turns all values into text with 15 digits. CellProfiler's tables have so many columns that
    finding the needed ones takes most of the time.
    """
    with contextlib.closing(read_only(origin.path)) as database:
        # A view may run forever before its first row.
        database.set_progress_handler(lambda: is_over(reading), STEPS)
        info = database.execute(f"PRAGMA table_info({quoted(origin.table)})")
        names = [name for _, name, *_ in info]
        once(names, table, origin)
        wanted = {column.name.casefold(): column.type for column in table.columns}
        types = {
            name: type_of(wanted[name.casefold()]) for name in names if name.casefold() in wanted
        }
        columns = {
            name: (f"c{position}", type) for position, (name, type) in enumerate(types.items())
        }
        selected = ", ".join(map(quoted, types)) or "NULL"
        rows = database.execute(f"SELECT {selected} FROM {quoted(origin.table)}")
        first = 1
        while True:
            batch = rows.fetchmany(ROWS_A_BATCH)
            if not batch and first > 1:
                break
            reading.go_on()
            arrays = [
                array(name, [row[position] for row in batch], types[name], first, origin)
                for position, name in enumerate(types)
            ]
            numbers = pyarrow.array(range(first, first + len(batch)), pyarrow.int64())
            called = [*(called for called, _ in columns.values()), "number"]
            engine.register("batch", pyarrow.table([*arrays, numbers], called))
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
    """Return a value of SQLite as the text that the same table has in CSV."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def array(name: str, values: list, type: str, first: int, origin: Origin) -> pyarrow.Array:
    """Return the values of a column in a batch. Numbers may be written as text."""
    if type == "VARCHAR":
        return pyarrow.array([as_csv(value) for value in values], pyarrow.string())
    try:
        return pyarrow.array(values, pyarrow.float64())
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        pass
    numbers = []
    for row, value in enumerate(values, first):
        try:
            numbers.append(number_of(value))
        except (TypeError, ValueError):
            raise LoadError(f'{at(origin)}row {row}, column {name}: "{value}" is not '
                            f'{KINDS["DOUBLE"]}') from None
    return pyarrow.array(numbers, pyarrow.float64())


def number_of(value: object) -> float | None:
    if value is None or value == "":
        return None
    if not isinstance(value, (int, float)) and "_" in value:     # only Python reads 1_000
        raise ValueError
    return float(value)


def value(column: Column, source: str, type: str, row: str | None) -> str:
    """Return the expression that converts a column of the source to its declared type.

    The expression raises an error that contains a value that does not fit. It turns NaN into NULL,
    because to DuckDB NaN is greater than every threshold.
    """
    place = f"row ' || {row} || ', column" if row else "column"

    def checked(expression: str, condition: str, kind: str) -> str:
        message = (
            f"'{place} ' || {literal(column.name)} || ': \"' || {source} || '\" is not {kind}'"
        )
        return f"CASE WHEN {condition} THEN {expression} ELSE error({message}) END"

    if column.type == "VARCHAR":
        if type not in FRACTIONS:
            return f"nullif({source}::VARCHAR, '')"
        # Write whole numbers and NULL as in CSV.
        return (
            f"CASE WHEN {source} = trunc({source}) AND abs({source}) < 1e15 "
            f"THEN {source}::BIGINT::VARCHAR WHEN NOT isnan({source}) THEN {source}::VARCHAR END"
        )
    if column.type == "BOOLEAN":
        if type == "BOOLEAN":
            return source
        number = f"TRY_CAST({source} AS DOUBLE)"
        boolean = f"TRY_CAST({source}::VARCHAR AS BOOLEAN)"
        expression = (
            f"CASE WHEN NOT coalesce(isnan({number}), false) "
            f"THEN coalesce({number} = 1, {boolean}) END"
        )
        condition = (
            f"{source} IS NULL OR {source}::VARCHAR = '' OR {number} IN (0, 1) "
            f"OR isnan({number}) OR ({number} IS NULL AND {boolean} IS NOT NULL)"
        )
        return checked(expression, condition, KINDS["BOOLEAN"])
    if column.type in NUMBERS:
        is_number = type in NUMBERS or type.startswith("DECIMAL")
        number = f"{source}::DOUBLE" if is_number else f"TRY_CAST({source} AS DOUBLE)"
        if column.type in FRACTIONS:
            plain = f"CASE WHEN NOT isnan({number}) THEN {number} END"
            if is_number:
                return plain
            return checked(plain, f"{source} IS NULL OR {number} IS NOT NULL", KINDS["DOUBLE"])
        if type in INTEGERS:
            return f"{source}::{column.type}"
        whole = f"{number} = trunc({number}) AND abs({number}) < 9007199254740992"
        return checked(
            f"{number}::{column.type}", f"{source} IS NULL OR {whole}", KINDS["BIGINT"])
    cast = f"TRY_CAST({source} AS {column.type})"
    return checked(cast, f"{source} IS NULL OR {cast} IS NOT NULL", f"of type {column.type}")


def check(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin) -> None:
    """Check NOT NULL and PRIMARY KEY without an index, which would not fit into the memory."""
    name = staged(table.name)
    for column in table.columns:
        query = f"SELECT rowid + 1 FROM {name} WHERE {quoted(column.name)} IS NULL LIMIT 1"
        if column.not_null and (row := engine.execute(query).fetchone()):
            raise LoadError(f"{at(origin)}row {row[0]} has no {column.name}")
    if table.key:
        key = ", ".join(map(quoted, table.key))
        repeated = engine.execute(
            f"SELECT {key}, count(*) FROM {name} "
            f"GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1").fetchone()
        if repeated:
            *values, times = repeated
            shown = ", ".join(f"{column} {value}" for column, value in zip(table.key, values))
            often = "twice" if times == 2 else f"{times} times"
            raise LoadError(f"{at(origin)}{shown} is there {often}")
