"""DuckDB, within the memory and the threads that are allowed."""

from pathlib import Path

import duckdb
from errors import Wrong


def connect(folder: Path, memory: int, threads: int) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={
        "memory_limit": f"{memory}B", "threads": threads, "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
    })
    engine.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    engine.execute("SET ieee_floating_point_ops = false")     # x / 0 is NULL: infinite and NaN would be above any threshold
    return engine


def load_httpfs(engine: duckdb.DuckDBPyConnection) -> None:
    """The extension for addresses, from the package of Python that brings it: nothing is fetched while cells are loaded."""
    try:
        import duckdb_extension_httpfs as package
    except ImportError:
        raise Wrong(f"addresses need DuckDB's extension httpfs: install the Python package duckdb-extension-httpfs of version {duckdb.__version__}") from None
    engine.execute(f"LOAD '{Path(package.__file__).parent}/extensions/v{duckdb.__version__}/httpfs.duckdb_extension'")
