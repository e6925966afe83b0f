"""A map: SQL in DuckDB's dialect that declares the tables of a source and makes cells of them.

SET VARIABLE statements come first; they are settings of the map, such as the unit of its positions.

CREATE TABLE statements declare the tables of the source and the columns that are needed, by the
names that the source uses. A column with a DEFAULT may be missing in the source. cbload checks NOT
NULL and PRIMARY KEY.

One SELECT makes the cells: the columns sample, cell_id, x and y, then a boolean column for each
feature, in the order of the bits. A column classes, a list of texts, has the features for which a
cell is positive; if the map does not name them, they are those that the source has.
getvariable('source') is the name of the source: the name of its file without the ending, or of its
folder.
"""

import codecs
import json
import math
import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import duckdb
from engine import quoted
from errors import Wrong
from names import hint

PRESETS = Path(__file__).parents[1] / "presets"
PARENTS = ("parent", "grandparent")     # variables with the names of the folders above a source
PLACE = ("sample", "cell_id", "x", "y")
INTEGERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
}
FRACTIONS = {"FLOAT", "DOUBLE"}
MAP_OF = re.compile(r"MAP\(VARCHAR, (.*)\)")
MAX_FEATURES = 64
CLASSES = "classes"
# The units of positions, in micrometres; the size of a pixel is a setting. NAMED is the unit in the
# name of the column of a position.
UNITS = {"pixel": None, "micrometre": 1.0, "millimetre": 1000.0}
NAMED = "named"
LONGEST = 1 << 20       # characters of a map
STRUCTURE = "a map consists of CREATE TABLE statements followed by one SELECT"
VARIABLE = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*SET\s+VARIABLE\b", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """What a map sets with SET VARIABLE. Options of the command line take precedence."""

    features: list[str] | None = None       # those of the SELECT that become bits
    name: str | None = None                 # pattern of the source's name, such as {parent}
    unit: str | None = None                 # of the positions
    micrometres_per_pixel: float | None = None
    scale: float | None = None              # by which the positions are multiplied
    nulls: list[str] = field(default_factory=list)
    quotes: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    skip_lines: int | None = None


TYPES = {"features": "VARCHAR[]", "micrometres_per_pixel": "DOUBLE", "scale": "DOUBLE",
         "nulls": "VARCHAR[]", "skip_lines": "INTEGER"}     # the others are VARCHAR


def settings_of(engine: duckdb.DuckDBPyConnection) -> Settings:
    """Return the settings that a map's statements have set in the engine."""
    names = {name for (name,) in engine.execute("SELECT name FROM duckdb_variables()").fetchall()}
    known = [each.name for each in fields(Settings)]
    if unknown := sorted(names - {*known, "source", *PARENTS}):
        raise Wrong(f"there is no setting {unknown[0]}; the settings are {', '.join(known)}")
    for name in "source", *PARENTS:
        if engine.execute(f"SELECT getvariable('{name}')").fetchone()[0] != "":
            raise Wrong(f"a map cannot set {name}, which is a name of the source")
    values = {}
    for name in names & {*known}:
        type = TYPES.get(name, "VARCHAR")
        try:
            query = f"SELECT getvariable('{name}')::{type}"
            values[name] = engine.execute(query).fetchone()[0]
        except duckdb.Error:
            raise Wrong(f"the setting {name} must be of type {type}") from None
    return checked(Settings(**values))


def checked(settings: Settings) -> Settings:
    """Refuse values that mean nothing, from a map or from the command line."""
    choices = {"unit": [*UNITS, NAMED], "quotes": ("fields", "text"), "decimal": (".", ",")}
    for name, allowed in choices.items():
        given = getattr(settings, name)
        if given is not None and given not in allowed:
            raise Wrong(f'{name} is "{given}"; it must be one of {", ".join(allowed)}')
    for name in "micrometres_per_pixel", "scale":
        number = getattr(settings, name)
        if number is not None and not 0 < number < math.inf:
            raise Wrong(f"{name} is {number}; it must be a positive number")
    if settings.skip_lines is not None and settings.skip_lines < 0:
        raise Wrong("skip_lines must not be negative")
    if settings.encoding is None:
        return settings
    try:
        "".encode(settings.encoding)
    except LookupError:
        raise Wrong(f'Python knows no encoding "{settings.encoding}"') from None
    return replace(settings, encoding=codecs.lookup(settings.encoding).name)


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    required: bool          # whether the source must have it
    default: str | None
    not_null: bool

    @property
    def many(self) -> "Column | None":
        """Each of the columns of the source that this one stands for.

        A column such as "* Positive" MAP(VARCHAR, BOOLEAN) stands for all columns of the source
        with such a name; the keys of the map are what the * stands for.
        """
        type = MAP_OF.fullmatch(self.type)
        if "*" not in self.name or not type:
            return None
        return replace(self, type=type[1])


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
    features: list[str]       # known ones; those of an open map begin with them
    columns: list[str]        # features that have a column of their own in the SELECT
    classes: bool             # whether there is a column with the classes of a cell
    settings: Settings
    positions: list[str] = field(default_factory=list)        # columns that x and y are made of
    joined: dict[str, str] = field(default_factory=dict)      # from names in the SELECT to tables
    accounting: str = ""      # query of the joined rows; empty if all rows are joined

    @property
    def is_open(self) -> bool:
        """Whether the source has to tell the features."""
        return self.classes and self.settings.features is None


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.sql"))


def preset(name: str) -> Path:
    if name not in presets():
        raise Wrong(f"there is no preset {name}; the presets are {', '.join(presets())}")
    return PRESETS / f"{name}.sql"


def read(path: Path) -> Map:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise Wrong(f"the file has more than {LONGEST:,} characters, the limit for a map")
        return parse(text)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except (duckdb.Error, UnicodeDecodeError) as error:
        first, *more = str(error).splitlines()
        raise Wrong(f"{path}: {first}", *more) from None
    except Wrong as error:
        raise Wrong(f"{path}: {error}") from None


def parse(text: str) -> Map:
    config = {"enable_external_access": "false", "python_enable_replacements": "false"}
    with duckdb.connect(config=config) as engine:
        for name in "source", *PARENTS:
            engine.execute(f"SET VARIABLE {name} = ''")
        select, tables = None, 0
        for statement in duckdb.extract_statements(text):
            if VARIABLE.match(statement.query) and not tables and select is None:
                engine.execute(statement)
            elif statement.type == duckdb.StatementType.CREATE and select is None:
                engine.execute(statement)
                tables += 1
                if table_count(engine) != tables:
                    raise Wrong(
                        f"{STRUCTURE}; it cannot create views, macros, types or schemas")
            elif statement.type == duckdb.StatementType.SELECT and select is None:
                select = without_comments(engine, statement.query)
            else:
                raise Wrong(f"{STRUCTURE}, and nothing else")
        if select is None:
            raise Wrong("there is no SELECT that makes the cells")
        settings = settings_of(engine)
        there, classes = features(engine, select)
        picked = picked_features(there, classes, settings.features)
        found = Map(text, declared(engine), select, picked, there, classes, settings)
        if not found.tables:
            raise Wrong("there is no CREATE TABLE that declares a table of the source")
        account(engine, found)
        return found


def table_count(engine: duckdb.DuckDBPyConnection) -> int:
    """Return the number of tables that are where a map may create them."""
    return engine.execute(
        "SELECT count(*) FROM duckdb_tables() "
        "WHERE database_name = 'memory' AND schema_name = 'main'").fetchone()[0]


def declared(engine: duckdb.DuckDBPyConnection) -> list[Table]:
    keys = dict(engine.execute(
        "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
        "WHERE constraint_type = 'PRIMARY KEY'").fetchall())
    names = engine.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_oid").fetchall()
    tables = []
    for (name,) in names:
        rows = engine.execute(
            "SELECT column_name, data_type, column_default, NOT is_nullable FROM duckdb_columns() "
            "WHERE table_name = ? AND NOT internal ORDER BY column_index", [name]).fetchall()
        columns = [
            Column(column, type, default is None, default, not_null)
            for column, type, default, not_null in rows
        ]
        tables.append(Table(name, columns, keys.get(name, [])))
    return tables


def features(engine: duckdb.DuckDBPyConnection, select: str) -> tuple[list[str], bool]:
    """Check the names and types of all columns of the SELECT.

    Return the names of the features, and whether there is a column with the classes of a cell.
    """
    described = engine.execute(f"DESCRIBE {select}").fetchall()
    columns = [(name, type) for name, type, *_ in described]
    types = {name.casefold(): type for name, type in columns if name.casefold() in PLACE}
    features = {name: type for name, type in columns if name.casefold() not in PLACE}
    names = [name.casefold() for name, _ in columns]
    if twice := [name for name, _ in columns if names.count(name.casefold()) > 1]:
        raise Wrong(f'the SELECT has column "{twice[0]}" twice; names that differ only in upper '
                    "and lower case are the same")
    if missing := [name for name in PLACE if name not in types]:
        raise Wrong(f"the SELECT has no column {missing[0]}; it must have {', '.join(PLACE)}, "
                    "and then a column for each feature")
    if types["cell_id"] not in INTEGERS:
        raise Wrong(f"cell_id is of type {types['cell_id']}; it must be an integer")
    for name in "x", "y":
        if types[name] not in INTEGERS | FRACTIONS and not types[name].startswith("DECIMAL"):
            raise Wrong(f"{name} is of type {types[name]}; it must be a number")
    has_classes = features.get(CLASSES) == "VARCHAR[]"
    if has_classes:
        del features[CLASSES]
    for name, type in features.items():
        if type != "BOOLEAN":
            raise Wrong(f'feature "{name}" is of type {type}; it must be boolean: write a '
                        "condition, or declare the column of the source as BOOLEAN")
    return list(features), has_classes


def too_many(features: list[str]) -> str:
    first = features[0].replace("'", "''")
    return (f"{len(features)} features, and a payload has {MAX_FEATURES}: pick {MAX_FEATURES} of "
            f"them with SET VARIABLE features = ['{first}', ...]")


def picked_features(there: list[str], classes: bool, names: list[str] | None) -> list[str]:
    """Return the features that the map picks from its SELECT, in the order of their bits."""
    if names is None:
        if len(there) > MAX_FEATURES:
            raise Wrong(f"the SELECT has {too_many(there)}")
        return there
    if len(names) > MAX_FEATURES:
        raise Wrong(f"features has {len(names)} names, and a payload has {MAX_FEATURES} features")
    missing = [name for name in names if name not in there]
    if missing and not classes:
        raise Wrong(f'there is no feature "{missing[0]}" in the SELECT'
                    f'{hint(missing, there, "features")}')
    if twice := [name for name in names if names.count(name) > 1]:
        raise Wrong(f'features has "{twice[0]}" twice')
    return names


def syntax_tree(engine: duckdb.DuckDBPyConnection, select: str) -> dict:
    return json.loads(engine.execute("SELECT json_serialize_sql(?)", [select]).fetchone()[0])


def written(engine: duckdb.DuckDBPyConnection, tree: dict) -> str:
    query = "SELECT json_deserialize_sql(?::JSON)"
    return engine.execute(query, [json.dumps(tree)]).fetchone()[0]


def without_comments(engine: duckdb.DuckDBPyConnection, select: str) -> str:
    """Return the SELECT in a form that can be part of another SELECT."""
    tree = syntax_tree(engine, select)
    if tree["error"]:
        raise Wrong(tree["error_message"])
    # A string in the SELECT cannot match, because its quotation marks are escaped.
    reference = re.compile(r'"class": "POSITIONAL_REFERENCE".*?"index": (\d+)')
    if position := reference.search(json.dumps(tree)):
        raise Wrong(f"in DuckDB, #{position[1]} means the column at that position; "
                    f'write "#{position[1]}" for the column of that name')
    return written(engine, tree)


def position_columns(select_list: list[dict]) -> list[str]:
    """Return the names of the columns in the expressions of x and y."""
    found: dict[str, None] = {}

    def collect(part: object) -> None:
        if isinstance(part, dict):
            if part.get("class") == "COLUMN_REF":
                found[part["column_names"][-1]] = None
            for each in part.values():
                collect(each)
        elif isinstance(part, list):
            for each in part:
                collect(each)

    for expression in select_list:
        name = expression.get("alias") or expression.get("column_names", [""])[-1]
        if name.casefold() in ("x", "y"):
            collect(expression)
    return list(found)


def account(engine: duckdb.DuckDBPyConnection, map: Map) -> None:
    """Set `joined` and `accounting` of a map.

    The accounting query is the same SELECT up to its WHERE clause, with the row numbers of the
    tables in its FROM clause as columns. Its result shows which rows the joins and WHERE keep.
    """
    tree = syntax_tree(engine, map.select)
    node = tree["statements"][0]["node"]
    if node["type"] != "SELECT_NODE":
        raise Wrong("the SELECT must be a single one, not a UNION of several")
    map.positions = position_columns(node["select_list"])
    reducers = {"QUALIFY": node["qualify"], "HAVING": node["having"], "SAMPLE": node["sample"]}
    for modifier in node["modifiers"]:
        if not modifier["type"].startswith("ORDER"):
            reducers[modifier["type"].split("_")[0]] = modifier
    if found := [name for name, part in reducers.items() if part]:
        raise Wrong(f"the SELECT has {found[0]}, and cbload cannot count the rows that it removes: "
                    "use WHERE")
    names = {table.name.casefold(): table.name for table in map.tables}
    columns = (column.name.casefold() for table in map.tables for column in table.columns)
    if "rowid" in columns:
        raise Wrong("a column cannot be named rowid, which is DuckDB's name of the row number")
    pending = [node["from_table"]]
    while pending:
        part = pending.pop(0)
        if part["type"] == "BASE_TABLE" and part["table_name"].casefold() in names:
            name = part["alias"] or part["table_name"]
            map.joined[name] = names[part["table_name"].casefold()]
        pending += [part[side] for side in ("left", "right") if side in part]
    if not map.joined:
        raise Wrong("the FROM clause of the SELECT has none of the declared tables")
    if node["from_table"]["type"] == "BASE_TABLE" and not node["where_clause"]:
        return     # the SELECT keeps all rows of its only table
    numbers = ", ".join(f"{quoted(name)}.rowid AS {quoted(name)}" for name in map.joined)
    rows = syntax_tree(engine, f"SELECT {numbers}")
    for part in "from_table", "where_clause", "cte_map":
        rows["statements"][0]["node"][part] = node[part]
    map.accounting = written(engine, rows)
    engine.execute(map.accounting)
