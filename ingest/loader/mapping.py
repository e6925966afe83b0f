"""A map: SQL, in DuckDB's dialect, that says what tables a source has and how cells come out of them.

CREATE TABLE statements declare the tables of the source, each with the columns that are needed. They have the
names that the source has. A column with a DEFAULT may be missing there. What is declared PRIMARY KEY is checked,
and so is NOT NULL.

One SELECT makes the cells: columns sample, cell_id, x and y, and then a boolean column for each feature, in the
order of the bits. getvariable('source') is the name of the source: that of its file, without an ending, or folder.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from engine import quoted
from errors import Wrong

PRESETS = Path(__file__).parents[1] / "presets"
PLACE = ("sample", "cell_id", "x", "y")
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
FRACTIONS = {"FLOAT", "DOUBLE"}
MAX_FEATURES = 64
LONGEST = 1 << 20       # characters of a map


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    required: bool          # of the source
    default: str | None
    not_null: bool


@dataclass(frozen=True)
class Table:
    name: str
    columns: list[Column]
    key: list[str]


@dataclass
class Map:
    text: str
    tables: list[Table]
    select: str
    features: list[str]
    joined: dict[str, str] = field(default_factory=dict)      # by what name the SELECT calls a table, and its name
    accounting: str = ""                                       # the query of their rows with a part in it; none if that is all


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.sql"))


def preset(name: str) -> Path:
    if name not in presets():
        raise Wrong(f"there is no preset {name}; there are {', '.join(presets())}")
    return PRESETS / f"{name}.sql"


def read(path: Path) -> Map:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise Wrong(f"it has more than {LONGEST:,} characters: is it a map?")
        return parse(text)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except (duckdb.Error, UnicodeDecodeError) as error:
        first, *more = str(error).splitlines()
        raise Wrong(f"{path}: {first}", *more) from None
    except Wrong as error:
        raise Wrong(f"{path}: {error}") from None


def parse(text: str) -> Map:
    with duckdb.connect(config={"enable_external_access": "false", "python_enable_replacements": "false"}) as engine:
        engine.execute("SET VARIABLE source = ''")
        select, tables = None, 0
        for statement in duckdb.extract_statements(text):
            if statement.type == duckdb.StatementType.CREATE and select is None:
                engine.execute(statement)
                tables += 1
                if engine.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'memory' AND schema_name = 'main'").fetchone()[0] != tables:
                    raise Wrong("a map has no views, macros, types or schemas, only CREATE TABLE statements and then one SELECT")
            elif statement.type == duckdb.StatementType.SELECT and select is None:
                select = without_comments(engine, statement.query)
            else:
                raise Wrong("a map has CREATE TABLE statements and then one SELECT, nothing else")
        if select is None:
            raise Wrong("there is no SELECT, which makes the cells")
        found = Map(text, declared(engine), select, features(engine, select))
        if not found.tables:
            raise Wrong("no CREATE TABLE says what tables a source has")
        account(engine, found)
        return found


def declared(engine: duckdb.DuckDBPyConnection) -> list[Table]:
    keys = dict(engine.execute("SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'").fetchall())
    tables = []
    for (name,) in engine.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_oid").fetchall():
        rows = engine.execute("SELECT column_name, data_type, column_default, NOT is_nullable FROM duckdb_columns() WHERE table_name = ? AND NOT internal ORDER BY column_index", [name]).fetchall()
        tables.append(Table(name, [Column(column, type, default is None, default, not_null) for column, type, default, not_null in rows], keys.get(name, [])))
    return tables


def features(engine: duckdb.DuckDBPyConnection, select: str) -> list[str]:
    """The names of the features, after a look at the types of all columns."""
    columns = [(name, type) for name, type, *_ in engine.execute(f"DESCRIBE {select}").fetchall()]
    types = {name.casefold(): type for name, type in columns if name.casefold() in PLACE}
    features = {name: type for name, type in columns if name.casefold() not in PLACE}
    names = [name.casefold() for name, _ in columns]
    if twice := [name for name, _ in columns if names.count(name.casefold()) > 1]:
        raise Wrong(f'the SELECT has "{twice[0]}" twice; names that differ in upper and lower case only are one')
    if missing := [name for name in PLACE if name not in types]:
        raise Wrong(f"the SELECT has no column {missing[0]}; it must have {', '.join(PLACE)}, and then a column for each feature")
    if types["cell_id"] not in INTEGERS:
        raise Wrong(f"cell_id is of type {types['cell_id']}; it must be an integer")
    for name in "x", "y":
        if types[name] not in INTEGERS | FRACTIONS and not types[name].startswith("DECIMAL"):
            raise Wrong(f"{name} is of type {types[name]}; it must be a number")
    for name, type in features.items():
        if type != "BOOLEAN":
            raise Wrong(f'feature "{name}" is of type {type}; it must be boolean: write a condition, or declare the column of the source as BOOLEAN')
    if len(features) > MAX_FEATURES:
        raise Wrong(f"{len(features)} features, and a cell has room for {MAX_FEATURES}")
    return list(features)


def syntax_tree(engine: duckdb.DuckDBPyConnection, select: str) -> dict:
    return json.loads(engine.execute("SELECT json_serialize_sql(?)", [select]).fetchone()[0])


def written(engine: duckdb.DuckDBPyConnection, tree: dict) -> str:
    return engine.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()[0]


def without_comments(engine: duckdb.DuckDBPyConnection, select: str) -> str:
    """The SELECT so that it can be part of another one."""
    tree = syntax_tree(engine, select)
    if tree["error"]:
        raise Wrong(tree["error_message"])
    if position := re.search(r'"class": "POSITIONAL_REFERENCE".*?"index": (\d+)', json.dumps(tree)):     # in a text the marks are escaped
        raise Wrong(f'#{position[1]} is what DuckDB calls the column at that position; write "#{position[1]}" for the column of that name')
    return written(engine, tree)


def account(engine: duckdb.DuckDBPyConnection, map: Map) -> None:
    """Make the query of the rows, of each table in the SELECT's FROM, that the joins and the WHERE leave: the same SELECT
    with their numbers as columns, and without what comes after WHERE."""
    tree = syntax_tree(engine, map.select)
    node = tree["statements"][0]["node"]
    if node["type"] != "SELECT_NODE":
        raise Wrong("the SELECT must be one, not a UNION of several")
    reducers = {"QUALIFY": node["qualify"], "HAVING": node["having"], "SAMPLE": node["sample"]}
    reducers |= {modifier["type"].split("_")[0]: modifier for modifier in node["modifiers"] if not modifier["type"].startswith("ORDER")}
    if found := [name for name, part in reducers.items() if part]:
        raise Wrong(f"the SELECT has {found[0]}, whose rows cannot be accounted for: say it in WHERE")
    names = {table.name.casefold(): table.name for table in map.tables}
    if any(column.name.casefold() == "rowid" for table in map.tables for column in table.columns):
        raise Wrong("a column cannot be called rowid, by which DuckDB numbers rows")
    pending = [node["from_table"]]
    while pending:
        part = pending.pop(0)
        if part["type"] == "BASE_TABLE" and part["table_name"].casefold() in names:
            map.joined[part["alias"] or part["table_name"]] = names[part["table_name"].casefold()]
        pending += [part[side] for side in ("left", "right") if side in part]
    if not map.joined:
        raise Wrong("the SELECT's FROM has none of the tables that are declared")
    if node["from_table"]["type"] == "BASE_TABLE" and not node["where_clause"]:
        return     # all rows of the one table
    rows = syntax_tree(engine, "SELECT " + ", ".join(f"{quoted(name)}.rowid AS {quoted(name)}" for name in map.joined))
    rows["statements"][0]["node"] |= {part: node[part] for part in ("from_table", "where_clause", "cte_map")}
    map.accounting = written(engine, rows)
    engine.execute(map.accounting)
