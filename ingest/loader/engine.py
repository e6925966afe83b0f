"""DuckDB, within the memory and the threads that are allowed, with its extensions for SQLite and for addresses."""

import importlib
from pathlib import Path

import duckdb
from errors import Wrong


def connect(folder: Path, memory: int, threads: int) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={
        "memory_limit": f"{memory}B", "threads": threads, "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
    })
    engine.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    return engine


def load_extension(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """From the package of Python that brings it, of the version of DuckDB: nothing is fetched while cells are loaded."""
    try:
        package = importlib.import_module(f"duckdb_extension_{name}")
    except ImportError:
        raise Wrong(f"this needs DuckDB's extension {name}: install the Python package duckdb-extension-{name.replace('_', '-')} of version {duckdb.__version__}") from None
    engine.execute(f"LOAD '{Path(package.__file__).parent}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
