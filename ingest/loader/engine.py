"""A DuckDB connection within limits of memory and threads, and the names that cbload uses in it.

The tables of a map are in DuckDB's first database, memory. The tables that cbload creates for
itself are in a second database, cbload, or registered in temp. cbload always writes these names
with all three parts, so that no name in a map can refer to them.
"""

from pathlib import Path

import duckdb
from errors import Wrong

MADE, JOINED = "cbload.main.made", "cbload.main.joined"
LOCATED = "cbload.main.located"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def staged(table: str) -> str:
    """Return the full name of a table of the map."""
    return f"memory.main.{quoted(table)}"


def connect(folder: Path, memory: int, threads: int) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={
        "memory_limit": f"{memory}B", "threads": threads, "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        # A table name in a map must never refer to a variable of this program.
        "python_enable_replacements": "false",
    })
    engine.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    # x / 0 is NULL, because infinity and NaN would be above every threshold.
    engine.execute("SET ieee_floating_point_ops = false")
    # Geometries are read only where a map asks for them, and then as bytes.
    engine.execute("SET enable_geoparquet_conversion = false")
    engine.execute("ATTACH ':memory:' AS cbload")
    return engine


def load_httpfs(engine: duckdb.DuckDBPyConnection) -> None:
    """Load the extension for addresses from its Python package, without a download."""
    try:
        import duckdb_extension_httpfs as package
    except ModuleNotFoundError:
        raise Wrong("reading an address needs DuckDB's extension httpfs: install the Python "
                    f"package duckdb-extension-httpfs, version {duckdb.__version__}") from None
    folder = f"{Path(package.__file__).parent}/extensions/v{duckdb.__version__}"
    engine.execute(f"LOAD {literal(f'{folder}/httpfs.duckdb_extension')}")
