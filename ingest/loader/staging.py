"""Staging: copy the needed columns of a source's tables into DuckDB, with types and checks."""

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import annotated
import duckdb
import lines
import names as columns
import pyarrow
from engine import LOCATED, literal, quoted, staged
from errors import KINDS, PREFIX, Interrupted, LoadError, explained, is_vague
from lines import Form
from mapping import FRACTIONS, INTEGERS, Column, Table
from sources import Origin, at, read_only

NUMBERS = FRACTIONS | INTEGERS
ROWS_A_BATCH = 50_000     # of SQLite
STEPS = 100_000           # of SQLite's virtual machine, some milliseconds
EXACT = 1 << 53           # from here on, a DOUBLE does not tell each integer from the next
NOT_EXACT = "an integer is too large for DOUBLE"
DECIMAL_COMMA = re.compile(r'"[-+]?\d*,\d+" is not an? ')
ROW = re.compile(r"row (\d+)(, .*| has no .*)", re.DOTALL)


@dataclass(frozen=True)
class Reading:
    """The settings that apply to all sources."""

    nulls: list[str]
    quotes: str | None
    decimal: str
    skip_lines: int
    go_on: Callable[[], None]     # raises an error to end the reading
    # The types that are read from CSV as text, which takes longer
    as_text: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Field:
    """A column of the source.

    In DuckDB, columns of CSV and SQLite have numbered names, so that no name in a file can be the
    same as a name that cbload makes.
    """

    name: str       # in the source
    called: str     # in DuckDB
    type: str


# What was found for each column of a map: nothing, or with the key "" the columns of the source
# with its name, which must be equal. If the column stands for many, each of them has a key.
T = TypeVar("T")
Found = dict[str, dict[str, list[T]]]


@dataclass(frozen=True)
class Rows:
    """What a reader yields, once or for each batch."""

    rows: str                           # SQL that yields the rows
    fields: Found[Field]                # of each column of the map
    number: str | None = None           # the column with the row number
    form: Form | None = None            # of CSV
    decimal: str = "."                  # of numbers in text


@dataclass(frozen=True)
class Staged:
    rows: int
    form: Form | None
    names: dict[str, list[str]]     # of columns in the source, by the map's names in lower case


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


def columns_of(database: sqlite3.Connection, origin: Origin) -> list[str]:
    info = database.execute(f"PRAGMA table_info({quoted(origin.table)})")
    return [name for _, name, *_ in info]


def places_of(table: Table, names: list[str]) -> Found[int]:
    """Return the positions of each column of the map."""
    places: Found[int] = {}
    for column in sorted(table.columns, key=lambda column: bool(column.many)):
        if column.many:
            taken = {place for found in each_of(places) for place in found}
            places[column.name] = columns.matching(column.name, names, taken)
        else:
            found = columns.meant(column.name, names)
            places[column.name] = {"": found} if found else {}
    return places


def stage(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Staged:
    """Create the table, and return how many rows it has."""
    target, part = f"CREATE TABLE {staged(table.name)} AS", None
    read = {"csv": csv, "csv.gz": csv, "parquet": parquet, "sqlite": sqlite, "anndata": anndata}[
        origin.kind]
    try:
        for part in read(engine, table, origin, reading):
            engine.execute(f"{target} SELECT {expressions(table, part)} FROM {part.rows}")
            target = f"INSERT INTO {staged(table.name)}"
    except duckdb.Error as error:
        if NOT_EXACT in str(error):
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


def expression(column: Column, part: Rows) -> str:
    found = part.fields[column.name]
    if not found:
        return f"CAST({column.default} AS {column.type})"
    if not column.many:
        return of_equal(column, found[""], part)
    keys = ", ".join(map(literal, found))
    values = ", ".join(of_equal(column.many, fields, part) for fields in found.values())
    return f"map([{keys}], [{values}])"


def of_equal(column: Column, fields: list[Field], part: Rows) -> str:
    """Return the expression of a column that the source has once, or more than once."""
    first, *others = fields
    found = value(column, first, part)
    for other in others:
        place = f"row ' || {part.number} || ', columns" if part.number else "columns"
        message = (
            f"'{place} ' || {literal(f'{first.name} and {other.name}')} || ': \"' || "
            f"coalesce({first.called}::VARCHAR, '') || '\" and \"' || "
            f"coalesce({other.called}::VARCHAR, '') || '\" differ'")
        found = (f"CASE WHEN {first.called} IS DISTINCT FROM {other.called} "
                 f"THEN error({message}) ELSE {found} END")
    return found


def needed(
    table: Table, names: list[str], origin: Origin, elsewhere: str = "",
) -> Found[int]:
    """Return the positions of each column of the map, or raise an error if a column is missing."""
    places = places_of(table, names)
    missing = [
        column.name for column in table.columns if column.required and not places[column.name]
    ]
    if missing:
        hint = elsewhere or columns.hint(missing, names)
        raise LoadError(f"{at(origin)}there is no column {', '.join(missing)}{hint}")
    return places


def each_of(found: Found[T]) -> Iterator[list[T]]:
    for keys in found.values():
        yield from keys.values()


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


def made_of(places: Found[int], field: Callable[[int], Field]) -> Found[Field]:
    return {
        name: {key: [field(place) for place in found] for key, found in keys.items()}
        for name, keys in places.items()
    }


def csv(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read numbers as such, so that DuckDB names the line of a value that is not a number.

    DuckDB must not guess the dialect. Its guess depends on the rows, and it leaves out the rows
    that do not fit.
    """
    wanted = [column.name for column in table.columns]
    form = lines.header(origin, wanted, reading.quotes, reading.skip_lines)
    names = columns.official(form.names)
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
        called = {place: f"c{place}" for place in types}
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
            numbers = pyarrow.array(range(first, first + len(batch)), pyarrow.int64())
            engine.register(
                "batch", pyarrow.table([*arrays, numbers], [*called.values(), "number"]))
            read = dict(engine.execute(
                "SELECT column_name, column_type FROM (DESCRIBE temp.main.batch)").fetchall())
            fields = made_of(
                places, lambda place: Field(given[place], called[place], read[called[place]]))
            yield Rows("temp.main.batch", fields, "number")
            first += len(batch) or 1
        engine.unregister("batch")     # the map may have a table of that name


def anndata(
    engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, reading: Reading,
) -> Iterator[Rows]:
    """Read a table of AnnData by its own library."""
    with contextlib.closing(annotated.Annotated(origin.path)) as file:
        names = file.columns
        places = needed(table, names, origin)
        wanted = sorted({place for found in each_of(places) for place in found})
        called = {place: f"c{place}" for place in wanted}
        first = 1
        for arrays in file.batches([names[place] for place in wanted]):
            reading.go_on()
            rows = len(arrays[0]) if arrays else 0
            numbers = pyarrow.array(range(first, first + rows), pyarrow.int64())
            engine.register(
                "batch", pyarrow.table([*arrays, numbers], [*called.values(), "number"]))
            types = dict(engine.execute(
                "SELECT column_name, column_type FROM (DESCRIBE temp.main.batch)").fetchall())
            fields = made_of(
                places, lambda place: Field(names[place], called[place], types[called[place]]))
            yield Rows("temp.main.batch", fields, "number")
            first += rows
        engine.unregister("batch")


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


def value(column: Column, field: Field, part: Rows) -> str:
    """Return the expression that converts a column of the source to its declared type.

    The expression raises an error that contains a value that does not fit. It turns NaN into NULL,
    because to DuckDB NaN is greater than every threshold.
    """
    source, type = field.called, field.type
    place = f"row ' || {part.number} || ', column" if part.number else "column"

    def checked(expression: str, condition: str, kind: str) -> str:
        message = (
            f"'{place} ' || {literal(field.name)} || ': \"' || {source} || '\" is not {kind}'"
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
    if column.type not in NUMBERS:
        cast = f"TRY_CAST({source} AS {column.type})"
        return checked(cast, f"{source} IS NULL OR {cast} IS NOT NULL", f"of type {column.type}")

    is_number = type in NUMBERS or type.startswith("DECIMAL")
    number = f"{source}::DOUBLE" if is_number else number_in_text(source, part.decimal)
    if column.type in FRACTIONS:
        plain = f"CASE WHEN NOT isnan({number}) THEN {number} END"
        if is_number:
            return plain
        is_null = f"{source} IS NULL OR {source} = ''"
        return checked(plain, f"{is_null} OR {number} IS NOT NULL", KINDS["DOUBLE"])
    whole = f"{number} = trunc({number}) AND abs({number}) < {EXACT}"
    if type in INTEGERS:
        cast = f"TRY_CAST({source} AS {column.type})"
        return checked(cast, f"{source} IS NULL OR {cast} IS NOT NULL",
                       f"{KINDS['BIGINT']} of type {column.type}")
    if is_number:
        found = checked(
            f"{number}::{column.type}",
            f"{source} IS NULL OR isnan({source}) OR ({whole})", KINDS["BIGINT"])
        found = f"CASE WHEN NOT isnan({source}) THEN {found} END" if type in FRACTIONS else found
        if not part.form:
            return found
        return f"CASE WHEN abs({source}) >= {EXACT} THEN error('{NOT_EXACT}') ELSE {found} END"
    digits = f"regexp_full_match({source}, ' *[-+]?[0-9]+ *')"
    cast = f"TRY_CAST({source} AS {column.type})"
    expression = (
        f"CASE WHEN {digits} THEN {cast} WHEN NOT isnan({number}) THEN {number}::{column.type} END")
    condition = (
        f"{source} IS NULL OR {source} = '' OR ({digits} AND {cast} IS NOT NULL) "
        f"OR (NOT {digits} AND (isnan({number}) OR ({whole})))")
    return checked(expression, condition, KINDS["BIGINT"])


def number_in_text(source: str, decimal: str) -> str:
    """Return the expression of the number that a text is, or of NULL."""
    # DuckDB reads 1_000 as a number.
    other = {".": "_", ",": "[_.]"}[decimal]
    text = f"replace({source}, ',', '.')" if decimal == "," else source
    return f"CASE WHEN NOT regexp_matches({source}, '{other}') THEN TRY_CAST({text} AS DOUBLE) END"


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
