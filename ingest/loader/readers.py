"""The readers of the formats: CSV, Parquet, SQLite and AnnData."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import annotated
import duckdb
import lines
import names as columns
import pyarrow
from engine import literal, quoted
from errors import KINDS, Interrupted, LoadError
from mapping import FRACTIONS, Table
from reading import Field, Found, Reading, Rows, each_of, made_of, needed
from sources import Origin, at, read_only
from values import NUMBERS

ROWS_A_BATCH = 50_000     # of SQLite
STEPS = 100_000           # of SQLite's virtual machine, some milliseconds


def csv(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read numbers as such, so that DuckDB names the line of a value that is not a number.

    DuckDB must not guess the dialect. Its guess depends on the rows, and it leaves out the rows
    that do not fit.
    """
    wanted = [column.name for column in table.columns]
    form = lines.header(origin, wanted, reading.quotes, reading.skip_lines)
    names = form.names
    required = [
        column.name for column in table.columns if column.required and not column.many]
    places = needed(table, names, origin, lines.hint_of_preamble(origin, required, form))
    types = ["VARCHAR"] * len(names)
    for column in table.columns:
        is_number = (column.many or column).type in NUMBERS - reading.as_text
        for found in places[column.name].values():
            for place in found:
                types[place] = "DOUBLE" if is_number else "VARCHAR"
    declared = ", ".join(f"'c{place}': '{type}'" for place, type in enumerate(types))
    nullstr = ", ".join(map(literal, reading.nulls))
    rows = (
        f"read_csv({literal(origin.path)}, "
        f"{lines.dialect(origin, form.skipped, form.enclose)}, header = true, "
        f"delim = {literal(form.delimiter)}, decimal_separator = {literal(reading.decimal)}, "
        f"columns = {{{declared}}}, nullstr = [{nullstr}])"
    )
    fields = made_of(places, lambda place: Field(names[place], f"c{place}", types[place]))
    yield Rows(rows, fields, form=form, decimal=reading.decimal)


def parquet(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    rows = f"read_parquet({literal(origin.path)}, hive_partitioning = false)"
    # DuckDB renames the second of two columns with one name. The order is that of the file.
    described = engine.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    names = columns.official(top_columns(engine, origin))
    if len(names) != len(described):
        raise LoadError(f"{at(origin)}DuckDB shows {len(described)} of {len(names)} columns")
    yield Rows(rows, made_of(
        needed(table, names, origin),
        lambda place: Field(names[place], quoted(described[place][0]), described[place][1])))


def top_columns(engine: duckdb.DuckDBPyConnection, origin: Origin) -> list[str]:
    """Return the names of a Parquet file's columns, without the parts of nested ones."""
    schema = iter(engine.execute(
        "SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [origin.path]).fetchall())

    def skip(children: int) -> None:
        for _ in range(children):
            skip(next(schema)[1])

    names = []
    for _ in range(next(schema)[1]):
        name, children = next(schema)
        names.append(name)
        skip(children)
    return names


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
        given = columns_of(database, origin)
        places = needed(table, columns.official(given), origin)
        types = {
            place: (column.many or column).type for column in table.columns
            for found in places[column.name].values() for place in found
        }
        select = ", ".join(quoted(given[place]) for place in types) or "NULL"
        rows = database.execute(f"SELECT {select} FROM {quoted(origin.table)}")
        first = 1
        while True:
            batch = rows.fetchmany(ROWS_A_BATCH)
            if not batch and first > 1:
                break
            reading.go_on()
            arrays = [
                array(given[place], [row[position] for row in batch], type, first, origin)
                for position, (place, type) in enumerate(types.items())
            ]
            yield registered(engine, dict(zip(types, arrays)), places, given, first, len(batch))
            first += len(batch) or 1
        engine.unregister("batch")     # the map may have a table of that name


def columns_of(database: sqlite3.Connection, origin: Origin) -> list[str]:
    info = database.execute(f"PRAGMA table_info({quoted(origin.table)})")
    return [name for _, name, *_ in info]


def anndata(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read a table of AnnData by its own library."""
    with contextlib.closing(annotated.Annotated(origin.path)) as file:
        names = file.columns
        places = needed(table, names, origin)
        wanted = sorted({place for found in each_of(places) for place in found})
        first = 1
        for arrays in file.batches([names[place] for place in wanted]):
            reading.go_on()
            rows = len(arrays[0]) if arrays else 0
            yield registered(engine, dict(zip(wanted, arrays)), places, names, first, rows)
            first += rows
        engine.unregister("batch")


def registered(
    engine: duckdb.DuckDBPyConnection, arrays: dict[int, pyarrow.Array], places: Found[int],
    names: list[str], first: int, rows: int,
) -> Rows:
    """Show DuckDB a batch of rows, given the columns by their positions in the source."""
    called = {place: f"c{place}" for place in arrays}
    numbers = pyarrow.array(range(first, first + rows), pyarrow.int64())
    engine.register(
        "batch", pyarrow.table([*arrays.values(), numbers], [*called.values(), "number"]))
    types = dict(engine.execute(
        "SELECT column_name, column_type FROM (DESCRIBE temp.main.batch)").fetchall())
    return Rows("temp.main.batch", made_of(
        places, lambda place: Field(names[place], called[place], types[called[place]])), "number")


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
    if type not in NUMBERS:
        return pyarrow.array([as_csv(value) for value in values], pyarrow.string())
    try:
        if type in FRACTIONS:
            return pyarrow.array(values, pyarrow.float64())
        # With the type int64, pyarrow would cut off fractions.
        found = pyarrow.array(values)
        if found.type in (pyarrow.int64(), pyarrow.float64(), pyarrow.null()):
            return found
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        pass
    if type not in FRACTIONS:     # the expressions convert the text
        return pyarrow.array([as_csv(value) for value in values], pyarrow.string())
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


def names_of(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, quotes: str | None, skip: int,
) -> list[str]:
    """Return the names of the columns of a table in the source."""
    if origin.kind == "parquet":
        names = top_columns(engine, origin)
    elif origin.kind == "anndata":
        with contextlib.closing(annotated.Annotated(origin.path)) as file:
            names = file.columns
    elif origin.kind == "sqlite":
        with contextlib.closing(read_only(origin.path)) as database:
            names = columns_of(database, origin)
    else:
        wanted = [column.name for column in table.columns]
        names = lines.header(lines.guessed(origin), wanted, quotes, skip).names
    return columns.official(names)


READERS: dict[str, Callable[..., Iterator[Rows]]] = {
    "csv": csv, "csv.gz": csv, "parquet": parquet, "sqlite": sqlite, "anndata": anndata,
}
