"""The rows of a source's tables, brought into DuckDB: only the columns that are needed, each of its type, checked."""

import duckdb
from errors import KINDS, LoadError, explained
from mapping import FRACTIONS, INTEGERS, Column, Table, quoted
from sources import Origin


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def stage(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, encoding: str, nulls: list[str]) -> int:
    """Make the table, and say how many rows it has."""
    try:
        rows, types = {"csv": csv, "parquet": parquet, "sqlite": sqlite}[origin.kind](engine, table, origin, encoding, nulls)
        names = {name.casefold(): name for name in types}
        if missing := [column.name for column in table.columns if column.required and column.name.casefold() not in names]:
            raise LoadError(f"{origin.label}: there is no column {', '.join(missing)}")
        row = '"#row"' if origin.kind == "sqlite" else None
        columns = [
            f"{value(column, name, types[name], row) if (name := names.get(column.name.casefold())) else f'CAST({column.default} AS {column.type})'} AS {quoted(column.name)}"
            for column in table.columns
        ]
        engine.execute(f"CREATE TABLE {quoted(table.name)} AS SELECT {', '.join(columns)} FROM {rows}")
    except duckdb.Error as error:
        text = explained(error)
        raise LoadError(text if origin.label in text else f"{origin.label}: {text}") from None
    check(engine, table, origin)
    return engine.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()[0]


def csv(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, encoding: str, nulls: list[str]) -> tuple[str, dict[str, str]]:
    """Numbers are read as such, so that DuckDB names the line of one that is none. The header gives the names, and of the
    dialect nothing is guessed but the delimiter."""
    dialect = f"header = true, quote = '\"', escape = '\"', encoding = {literal(encoding)}"
    delimiter, columns = engine.execute(f"SELECT Delimiter, list_transform(Columns, lambda c: c.name) FROM sniff_csv(?, {dialect}, all_varchar = true)", [origin.path]).fetchone()
    wanted = {column.name.casefold(): column.type for column in table.columns}
    types = {}
    for name in columns:
        type = wanted.get(name.casefold(), "VARCHAR")
        types[name] = "DOUBLE" if type in INTEGERS | FRACTIONS else type if type == "BOOLEAN" else "VARCHAR"
    declared = ", ".join(f"{literal(name)}: {literal(type)}" for name, type in types.items())
    nullstr = ", ".join(map(literal, nulls))
    return f"read_csv({literal(origin.path)}, auto_detect = false, {dialect}, delim = {literal(delimiter)}, columns = {{{declared}}}, nullstr = [{nullstr}])", types


def parquet(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, encoding: str, nulls: list[str]) -> tuple[str, dict[str, str]]:
    rows = f"read_parquet({literal(origin.path)})"
    return rows, {name: type for name, type, *_ in engine.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}


def sqlite(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin, encoding: str, nulls: list[str]) -> tuple[str, dict[str, str]]:
    """As text, for a value of SQLite may be of another type than its column."""
    engine.execute("SET sqlite_all_varchar = true")
    engine.execute(f"ATTACH IF NOT EXISTS {literal(origin.path)} AS source (TYPE sqlite, READ_ONLY)")
    name = f"source.{quoted(origin.table)}"
    types = {name: type for name, type, *_ in engine.execute(f"DESCRIBE {name}").fetchall()}
    return f"(SELECT *, row_number() OVER () AS \"#row\" FROM {name})", types


def value(column: Column, name: str, type: str, row: str | None) -> str:
    """The expression that makes a column's value of the source's, or an error with that value. NaN is NULL: it is greater
    than any threshold to DuckDB."""
    source = quoted(name)
    at = f"row ' || {row} || ', column" if row else "column"
    def checked(expression: str, condition: str, kind: str) -> str:
        return f"CASE WHEN {condition} THEN {expression} ELSE error('{at} ' || {literal(column.name)} || ': \"' || {source} || '\" is not {kind}') END"

    if column.type == "VARCHAR":
        return f"{source}::VARCHAR"
    if column.type == "BOOLEAN":
        if type == "BOOLEAN":
            return source
        number = f"TRY_CAST({source} AS DOUBLE)"
        return checked(f"coalesce({number} = 1, TRY_CAST({source}::VARCHAR AS BOOLEAN))", f"{source} IS NULL OR {number} IN (0, 1) OR ({number} IS NULL AND TRY_CAST({source}::VARCHAR AS BOOLEAN) IS NOT NULL)", KINDS["BOOLEAN"])
    if column.type in FRACTIONS | INTEGERS:
        number = f"{source}::DOUBLE" if type in FRACTIONS | INTEGERS or type.startswith("DECIMAL") else f"TRY_CAST({source} AS DOUBLE)"
        if column.type in FRACTIONS:
            plain = f"CASE WHEN NOT isnan({number}) THEN {number} END"
            return plain if "TRY" not in number else checked(plain, f"{source} IS NULL OR {number} IS NOT NULL", KINDS["DOUBLE"])
        if type in INTEGERS:
            return f"{source}::{column.type}"
        return checked(f"{number}::{column.type}", f"{source} IS NULL OR {number} = trunc({number}) AND abs({number}) <= 9007199254740992", KINDS["BIGINT"])
    return checked(f"TRY_CAST({source} AS {column.type})", f"{source} IS NULL OR TRY_CAST({source} AS {column.type}) IS NOT NULL", f"of type {column.type}")


def check(engine: duckdb.DuckDBPyConnection, table: Table, origin: Origin) -> None:
    """NOT NULL and PRIMARY KEY, as declared. Not by an index, which would not fit into the memory that is allowed."""
    name = quoted(table.name)
    for column in table.columns:
        if column.not_null and (row := engine.execute(f"SELECT rowid + 1 FROM {name} WHERE {quoted(column.name)} IS NULL LIMIT 1").fetchone()):
            raise LoadError(f"{origin.label}: row {row[0]} has no {column.name}")
    if table.key:
        key = ", ".join(map(quoted, table.key))
        if twice := engine.execute(f"SELECT {key}, count(*) FROM {name} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1").fetchone():
            values = ", ".join(f"{column} {value}" for column, value in zip(table.key, twice))
            raise LoadError(f"{origin.label}: {values} is there {'twice' if twice[-1] == 2 else f'{twice[-1]} times'}")
