"""The cells that the SELECT of a map makes of the staged tables, with their checks and counts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import duckdb
from engine import JOINED, MADE, literal, quoted, staged
from errors import LoadError, explained
from mapping import CLASSES, MAX_FEATURES, Map, too_many
from positions import Extent, Scale, extent_of, scale_of, warning

# The reasons why a cell cannot be served, in the order of the tests.
INVALID = {
    "no sample": "sample IS NULL OR sample = ''",
    "no cell_id": "cell_id IS NULL",
    "a cell_id outside 0 to 4294967295": "cell_id NOT BETWEEN 0 AND 4294967295",
    "no centroid": "x IS NULL OR y IS NULL OR isnan(x) OR isnan(y)",
    "a centroid outside the range of integer":
        "trunc(x) NOT BETWEEN -2147483648 AND 2147483647 "
        "OR trunc(y) NOT BETWEEN -2147483648 AND 2147483647",
    "a feature that is NULL": "phenotypes IS NULL",
}


@dataclass
class Account:
    """The counts of a source: for each table its rows, and the rows that have a part in a cell."""

    rows: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    scale: Scale | None = None
    extent: Extent | None = None
    warnings: list[str] = field(default_factory=list)
    positive: dict[str, int] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)     # for the report, by table

    def tables(self) -> dict[str, dict[str, int]]:
        found = {}
        for name, rows in self.rows.items():
            found[name] = {"rows": rows}
            if name in self.joined:
                joined = self.joined[name]
                found[name] |= {"joined": joined, "left_out": rows - joined}
        return found


def value_of(bit: int) -> str:
    """Return the SQL of a mask with this bit. Bit 63 is the sign of a bigint."""
    return f"({1 << bit if bit < 63 else -(1 << 63)})::BIGINT"


def phenotypes(map: Map) -> str:
    def positive(name: str) -> str:
        if name in map.columns:
            return quoted(name)
        return f"coalesce(list_contains({CLASSES}, {literal(name)}), false)"

    bits = [
        f"(CASE WHEN {name} IS NULL THEN NULL WHEN {name} THEN {value_of(bit)} ELSE 0 END)"
        for bit, name in enumerate(positive(name) for name in map.features)
    ]
    return " | ".join(bits) or "0::BIGINT"


def resolved(
    engine: duckdb.DuckDBPyConnection, map: Map, known: Callable[[], list[str] | None],
) -> Map:
    """Return the map with its features.

    The classes of the source become the features of an open map, unless the table has features
    already, which include them.
    """
    if not map.is_open:
        return map
    with failures_of_the_select():
        rows = engine.execute(
            f"SELECT DISTINCT unnest({CLASSES}) AS class FROM ({map.select}) "
            "ORDER BY class").fetchall()
    classes = [name for (name,) in rows if name and name not in map.columns]
    found = [*map.columns, *classes]
    if there := known():
        if missing := [name for name in found if name not in there]:
            raise LoadError(
                f'the source has the class "{missing[0]}", but the table has the features '
                f"{', '.join(there)}: load all sources with the same SET VARIABLE features")
        found = there
    if len(found) > MAX_FEATURES:
        raise LoadError(f"the source has {too_many(found)}")
    return replace(map, features=found)


@contextmanager
def failures_of_the_select() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LoadError(explained(error)) from None
    except duckdb.Error as error:
        raise LoadError(f"in the SELECT of the map: {explained(error)}") from None


def make(
    engine: duckdb.DuckDBPyConnection, map: Map, account: Account, skip_invalid: bool,
    names: dict[str, list[str]],
) -> None:
    """Create the table MADE (sample, cell_id, x, y, phenotypes), and complete the account.

    `names` has the names in the source of each column of the map.
    """
    account.scale = scale_of(map, names)
    factor = account.scale.factor
    with failures_of_the_select():
        account.joined = counted(engine, map, account.rows)
        engine.execute(
            f"CREATE TABLE {MADE} AS SELECT sample::VARCHAR AS sample, cell_id::BIGINT AS cell_id, "
            f"x::DOUBLE * {factor!r}::DOUBLE AS x, y::DOUBLE * {factor!r}::DOUBLE AS y, "
            f"{phenotypes(map)} AS phenotypes FROM ({map.select})")
    for table in map.tables:
        engine.execute(f"DROP TABLE {staged(table.name)}")
    account.skipped = invalid(engine, skip_invalid)
    account.cells = engine.execute(f"SELECT count(*) FROM {MADE}").fetchone()[0]
    if not account.cells and not account.skipped and has_objects(map, account.rows):
        counts = ", ".join(
            f"{name} has {numbers['rows']:,} rows, {numbers.get('joined', 0):,} joined"
            for name, numbers in account.tables().items())
        raise LoadError(f"the map makes no cells: {counts}")
    repeated = engine.execute(
        f"SELECT sample, cell_id, count(*) FROM {MADE} "
        "GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1").fetchone()
    if repeated:
        sample, cell_id, times = repeated
        raise LoadError(
            f'the map makes cell {cell_id} of sample "{sample}" {often(times)}: cell_id is not '
            "unique in the sample, or a join has several matches")
    summed_up(engine, map, account)
    account.extent = extent_of(engine)
    if account.extent and (text := warning(account.scale, account.extent, account.cells)):
        account.warnings.append(text)


def has_objects(map: Map, rows: dict[str, int]) -> bool:
    """Return whether there are rows of objects, and not only of images or the like.

    The key of a table of images is a part of the key of a table of objects.
    """
    keys = {table.name: {column.casefold() for column in table.key} for table in map.tables}
    return any(
        rows[name] for name, key in keys.items()
        if not key or not any(key < other for other in keys.values()))


def often(times: int) -> str:
    return "twice" if times == 2 else f"{times} times"


def summed_up(engine: duckdb.DuckDBPyConnection, map: Map, account: Account) -> None:
    """Count the samples, and the positive cells of each feature."""
    positive = "".join(
        f", count(*) FILTER (phenotypes & {value_of(bit)} <> 0)"
        for bit in range(len(map.features)))
    row = engine.execute(f"SELECT count(DISTINCT sample){positive} FROM {MADE}").fetchone()
    account.samples, *counts = row
    account.positive = dict(zip(map.features, counts))


def counted(engine: duckdb.DuckDBPyConnection, map: Map, rows: dict[str, int]) -> dict[str, int]:
    """Return for each table how many rows have a part in the result.

    If the SELECT has a table under two names, the greater number counts.
    """
    if not map.accounting:
        return {table: rows[table] for table in map.joined.values()}
    engine.execute(f"CREATE TABLE {JOINED} AS {map.accounting}")
    joined: dict[str, int] = {}
    for name, table in map.joined.items():
        # GROUP BY can go to disk, and count(DISTINCT) cannot.
        count = engine.execute(
            f"SELECT count(*) FROM (SELECT {quoted(name)} FROM {JOINED} "
            f"WHERE {quoted(name)} IS NOT NULL GROUP BY 1)").fetchone()[0]
        joined[table] = max(count, joined.get(table, 0))
    engine.execute(f"DROP TABLE {JOINED}")
    return joined


def invalid(engine: duckdb.DuckDBPyConnection, skip: bool) -> dict[str, int]:
    """Delete and count the cells that cannot be served, or raise an error if `skip` is false."""
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in INVALID.items())
    reason = f"CASE {cases} END"
    found = engine.execute(
        f"""SELECT {reason} AS reason, count(*),
            arg_min(concat_ws(' ', 'cell', cell_id, 'of sample', '"' || sample || '"'), rowid)
        FROM {MADE} GROUP BY reason HAVING reason IS NOT NULL ORDER BY reason""").fetchall()
    if found and not skip:
        parts = "; ".join(
            f"{count} with {reason} (first: {first})" for reason, count, first in found)
        raise LoadError(f"cells that cannot be loaded: {parts}; --skip-invalid leaves them out")
    if found:
        engine.execute(f"DELETE FROM {MADE} WHERE {reason} IS NOT NULL")
    return {reason: count for reason, count, _ in found}
