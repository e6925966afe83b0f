"""Three ways to copy SQLite tables into DuckDB, timed: `readers.py FILE`.

The script runs with CytoTable's packages, which include DuckDB's extension for SQLite. It prints
the seconds of each way, and the number of rows, as JSON. The columns are those of cbload's preset
cellprofiler_sqlite.
"""

import json
import sqlite3
import sys
import time
from importlib import import_module
from pathlib import Path

import duckdb
import pyarrow

TABLES = {
    "Per_Image": {
        "ImageNumber": "BIGINT", "Image_Metadata_Plate": "VARCHAR",
        "Image_Metadata_Well": "VARCHAR", "Image_Metadata_Site": "VARCHAR",
    },
    "Per_Cells": {
        "ImageNumber": "BIGINT", "Cells_Number_Object_Number": "BIGINT",
        "Cells_Location_Center_X": "DOUBLE", "Cells_Location_Center_Y": "DOUBLE",
    },
    "Per_Nuclei": {"ImageNumber": "BIGINT", "Nuclei_Number_Object_Number": "BIGINT"},
    "Per_Cytoplasm": {
        "ImageNumber": "BIGINT", "Cytoplasm_Number_Object_Number": "BIGINT",
        "Cytoplasm_Parent_Cells": "BIGINT", "Cytoplasm_Parent_Nuclei": "BIGINT",
    },
}
ROWS_A_BATCH = 50_000


def engine() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(config={
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
    })
    package = Path(import_module("duckdb_extension_sqlite_scanner").__file__).parent
    folder = f"{package}/extensions/v{duckdb.__version__}"
    made.execute(f"LOAD '{folder}/sqlite_scanner.duckdb_extension'")
    return made


def by_extension(path: str, as_text: bool) -> int:
    """Read with DuckDB's extension.

    With `as_text`, a value may have any type. Otherwise, a value of another type than its column is
    an error.
    """
    with engine() as made:
        made.execute(f"SET sqlite_all_varchar = {as_text}")
        made.execute(f"ATTACH '{path}' AS source (TYPE sqlite, READ_ONLY)")
        for table, columns in TABLES.items():
            values = ", ".join(
                f"TRY_CAST({name} AS {type}) AS {name}" for name, type in columns.items())
            made.execute(f"CREATE TABLE {table} AS SELECT {values} FROM source.{table}")
        return rows_of(made)


def by_python(path: str) -> int:
    database = sqlite3.connect(path)
    with engine() as made:
        for table, columns in TABLES.items():
            declared = ", ".join(f"{name} {type}" for name, type in columns.items())
            made.execute(f"CREATE TABLE {table} ({declared})")
            rows = database.execute(f"SELECT {', '.join(columns)} FROM {table}")
            while batch := rows.fetchmany(ROWS_A_BATCH):
                arrays = [pyarrow.array(values) for values in zip(*batch)]
                made.register("batch", pyarrow.table(arrays, list(columns)))
                made.execute(f"INSERT INTO {table} SELECT * FROM batch")
        found = rows_of(made)
    database.close()
    return found


def rows_of(made: duckdb.DuckDBPyConnection) -> int:
    counts = [made.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    return sum(counts)


def main(path: str) -> None:
    # Load DuckDB's support for Arrow before the first measurement.
    duckdb.arrow(pyarrow.table({"n": [1]})).fetchall()
    ways = {
        "extension": lambda: by_extension(path, False),
        "extension_text": lambda: by_extension(path, True),
        "python": lambda: by_python(path),
    }
    seconds, rows = {}, set()
    for name, way in ways.items():
        start = time.monotonic()
        rows.add(way())
        seconds[name] = time.monotonic() - start
    (number,) = rows    # all ways must read the same rows
    json.dump({"seconds": seconds, "rows": number}, sys.stdout)


main(*sys.argv[1:])
