"""DuckDB, within the memory and the threads that are allowed.

Tables of the map are in its first database, memory. What cbload itself makes is in another one, cbload, or registered
in temp; both are always called by all three parts of their names, which no name in a map can be taken for.
"""

from pathlib import Path

import duckdb
from errors import Wrong

MADE, JOINED = "cbload.main.made", "cbload.main.joined"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def staged(table: str) -> str:
    """A table of the map."""
    return f"memory.main.{quoted(table)}"


def connect(folder: Path, memory: int, threads: int) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={
        "memory_limit": f"{memory}B", "threads": threads, "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        "python_enable_replacements": "false",     # a map's name of a table is never a variable of this program
    })
    engine.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    engine.execute("SET ieee_floating_point_ops = false")     # x / 0 is NULL: infinite and NaN would be above any threshold
    engine.execute("ATTACH ':memory:' AS cbload")
    return engine


def load_httpfs(engine: duckdb.DuckDBPyConnection) -> None:
    """The extension for addresses, from the package of Python that brings it: nothing is fetched while cells are loaded."""
    try:
        import duckdb_extension_httpfs as package
    except ModuleNotFoundError:
        raise Wrong(f"addresses need DuckDB's extension httpfs: install the Python package duckdb-extension-httpfs of version {duckdb.__version__}") from None
    engine.execute(f"LOAD {literal(f'{Path(package.__file__).parent}/extensions/v{duckdb.__version__}/httpfs.duckdb_extension')}")
