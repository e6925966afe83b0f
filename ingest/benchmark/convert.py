"""CytoTable's convert to Parquet, with its packages: `convert.py SOURCE DESTINATION ROWS [PRESET]`. Prints how many rows came out.

Its defaults would do it no justice: with processes for its tasks it takes longer than with threads, and it reads the
source, and joins, anew for each `chunk_size` rows. So here it has threads, and one chunk of all rows.
"""

import sys
from importlib import import_module
from pathlib import Path

import duckdb
import parsl
import pyarrow.dataset
from cytotable import convert
from cytotable.constants import MAX_THREADS

ONE_TABLE = {"metadata": (), "compartments": ("cells",), "identifying_columns": ("ImageNumber", "ObjectNumber"),
             "page_keys": {"cells": "ObjectNumber"}, "join": False}


def install_extensions() -> None:
    """CytoTable lets DuckDB fetch these; here they come from packages, and are there when it does so."""
    for name in ("sqlite_scanner", "httpfs"):
        package = Path(import_module(f"duckdb_extension_{name}").__file__).parent
        duckdb.execute(f"INSTALL '{package}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")


def main(source: str, destination: str, rows: str, preset: str | None = None) -> None:
    install_extensions()
    convert(source_path=source, source_datatype="sqlite" if source.endswith(".sqlite") else "csv", dest_path=destination, dest_datatype="parquet",
            chunk_size=int(rows), parsl_config=parsl.Config(executors=[parsl.ThreadPoolExecutor(max_threads=MAX_THREADS)]),
            **({"preset": preset} if preset else ONE_TABLE))
    print(pyarrow.dataset.dataset(destination).count_rows())


main(*sys.argv[1:])
