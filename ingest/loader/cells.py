"""The cells that a map's SELECT makes of the staged tables: checked, counted, every row accounted for."""

from dataclasses import dataclass, field

import duckdb
from engine import JOINED, MADE, quoted, staged
from errors import LoadError, explained
from mapping import Map

# What is wrong with a cell that cannot be served, in the order in which it is looked for.
INVALID = {
    "no sample": "sample IS NULL OR sample = ''",
    "no cell_id": "cell_id IS NULL",
    "a cell_id outside 0 ... 4294967295": "cell_id NOT BETWEEN 0 AND 4294967295",
    "no centroid": "x IS NULL OR y IS NULL OR isnan(x) OR isnan(y)",
    "a centroid outside the range of integer": "trunc(x) NOT BETWEEN -2147483648 AND 2147483647 OR trunc(y) NOT BETWEEN -2147483648 AND 2147483647",
    "a feature that is unknown": "phenotypes IS NULL",
}


@dataclass
class Account:
    """Of each table of a source, the rows; those that have a part in a cell; and those that have none."""

    rows: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    positive: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)       # what is to be said of a table besides

    def tables(self) -> dict[str, dict[str, int]]:
        return {name: {"rows": rows} | ({"joined": self.joined[name], "left_out": rows - self.joined[name]} if name in self.joined else {}) for name, rows in self.rows.items()}


def value_of(bit: int) -> str:
    return f"({1 << bit if bit < 63 else -(1 << 63)})::BIGINT"


def mask(features: list[str]) -> str:
    """Bit 63 makes a mask negative, as bigint has it."""
    bits = [f"CASE WHEN {quoted(name)} IS NULL THEN NULL WHEN {quoted(name)} THEN {value_of(bit)} ELSE 0 END" for bit, name in enumerate(features)]
    return " | ".join(f"({bit})" for bit in bits) or "0::BIGINT"


def make(engine: duckdb.DuckDBPyConnection, map: Map, account: Account, skip_invalid: bool) -> None:
    """Make the table cell (sample, cell_id, x, y, phenotypes) and sum up the account."""
    try:
        account.joined = counted(engine, map, account.rows)
        engine.execute(f"CREATE TABLE {MADE} AS SELECT sample::VARCHAR AS sample, cell_id::BIGINT AS cell_id, x::DOUBLE AS x, y::DOUBLE AS y, {mask(map.features)} AS phenotypes FROM ({map.select})")
    except duckdb.OutOfMemoryException as error:
        raise LoadError(explained(error)) from None
    except duckdb.Error as error:
        raise LoadError(f"in the SELECT of the map: {explained(error)}") from None
    for table in map.tables:
        engine.execute(f"DROP TABLE {staged(table.name)}")
    account.skipped = invalid(engine, skip_invalid)
    account.cells = engine.execute(f"SELECT count(*) FROM {MADE}").fetchone()[0]
    if not account.cells and any(account.rows.values()) and not account.skipped:
        raise LoadError("no cell comes out: " + ", ".join(f"{name} has {counts['rows']:,} rows, {counts.get('joined', 0):,} joined" for name, counts in account.tables().items()))
    if twice := engine.execute(f"SELECT sample, cell_id, count(*) FROM {MADE} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1").fetchone():
        raise LoadError(f'cell {twice[1]} of sample "{twice[0]}" comes out {"twice" if twice[2] == 2 else f"{twice[2]} times"}: the SELECT of the map does not tell them apart, or its joins have several matches')
    summed_up(engine, map, account)


def summed_up(engine: duckdb.DuckDBPyConnection, map: Map, account: Account) -> None:
    """What the cells are: how many samples, and of each feature the positive ones."""
    positive = "".join(f", count(*) FILTER (phenotypes & {value_of(bit)} <> 0)" for bit in range(len(map.features)))
    account.samples, *counts = engine.execute(f"SELECT count(DISTINCT sample){positive} FROM {MADE}").fetchone()
    account.positive = dict(zip(map.features, counts))


def counted(engine: duckdb.DuckDBPyConnection, map: Map, rows: dict[str, int]) -> dict[str, int]:
    """Rows with a part in the result, by table; of one that the SELECT has under two names, the most."""
    if not map.accounting:
        return {table: rows[table] for table in map.joined.values()}
    engine.execute(f"CREATE TABLE {JOINED} AS {map.accounting}")
    joined: dict[str, int] = {}
    for name, table in map.joined.items():     # one after the other, by what can go to disk: count(DISTINCT) cannot
        count = engine.execute(f"SELECT count(*) FROM (SELECT {quoted(name)} FROM {JOINED} WHERE {quoted(name)} IS NOT NULL GROUP BY 1)").fetchone()[0]
        joined[table] = max(count, joined.get(table, 0))
    engine.execute(f"DROP TABLE {JOINED}")
    return joined


def invalid(engine: duckdb.DuckDBPyConnection, skip: bool) -> dict[str, int]:
    """Take out what cannot be served, if that is wanted; or else it is an error."""
    reason = "CASE " + " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in INVALID.items()) + " END"
    found = engine.execute(f"""SELECT {reason} AS reason, count(*), arg_min(concat_ws(' ', 'cell', cell_id, 'of sample', '"' || sample || '"'), rowid)
        FROM {MADE} GROUP BY reason HAVING reason IS NOT NULL ORDER BY reason""").fetchall()
    if found and not skip:
        parts = "; ".join(f"{count} with {reason} (first: {first})" for reason, count, first in found)
        raise LoadError(f"cells that cannot be loaded: {parts}. With --skip-invalid they are left out.")
    if found:
        engine.execute(f"DELETE FROM {MADE} WHERE {reason} IS NOT NULL")
    return {reason: count for reason, count, _ in found}
