"""CytoTable's convert to Parquet: `convert.py SOURCE DESTINATION ROWS [PRESET]`.

The script runs with CytoTable's packages, and prints how many rows the result has.

CytoTable's defaults would be unfair. Its tasks take longer in processes than in threads, and it
reads and joins the source again for each `chunk_size` rows. Here, it uses threads and one chunk
with all rows.
"""

import sys
from importlib import import_module
from pathlib import Path

import duckdb
import parsl
import pyarrow.dataset
from cytotable import convert
from cytotable.constants import MAX_THREADS

ONE_TABLE = {
    "metadata": (), "compartments": ("cells",),
    "identifying_columns": ("ImageNumber", "ObjectNumber"),
    "page_keys": {"cells": "ObjectNumber"}, "join": False,
}


def install_extensions() -> None:
    """Install DuckDB's extensions from Python packages, so that CytoTable downloads nothing."""
    for name in ("sqlite_scanner", "httpfs"):
        package = Path(import_module(f"duckdb_extension_{name}").__file__).parent
        folder = f"{package}/extensions/v{duckdb.__version__}"
        duckdb.execute(f"INSTALL '{folder}/{name}.duckdb_extension'")


def main(source: str, destination: str, rows: str, preset: str | None = None) -> None:
    install_extensions()
    executor = parsl.ThreadPoolExecutor(max_threads=MAX_THREADS)
    convert(
        source_path=source, source_datatype="sqlite" if source.endswith(".sqlite") else "csv",
        dest_path=destination, dest_datatype="parquet", chunk_size=int(rows),
        parsl_config=parsl.Config(executors=[executor]),
        **({"preset": preset} if preset else ONE_TABLE))
    print(pyarrow.dataset.dataset(destination).count_rows())


main(*sys.argv[1:])
