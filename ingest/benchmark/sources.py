"""The sources of the benchmark in CellProfiler's format: `sources.py CELLS FOLDER`.

The sources are the same on every machine. This is a program of its own, because DuckDB uses all
memory that it may, and the peak memory of a process counts for the programs that it starts.
"""

import sqlite3
import sys
from pathlib import Path

import duckdb

CHANNELS = ("CD3", "CD8", "CD20", "CD68", "PanCK", "DNA")
CELLS_AN_IMAGE = 50_000
CELLS_A_GAP = 20        # after the nuclei of this many cells, there is a nucleus without a cell
QUARTERS = 4


def measured(prefix: str = "") -> str:
    """Return columns with a pseudorandom place and pseudorandom intensities for each row."""
    def fraction(position: int) -> str:
        return f"(hash(number, {position}) / 18446744073709551616.0)"

    places = (
        f"20000 * {fraction(position)} AS {prefix}Location_Center_{axis}"
        for position, axis in enumerate("XY", 1)
    )
    intensities = (
        f"pow({fraction(position)}, 3) AS {prefix}Intensity_MeanIntensity_{channel}"
        for position, channel in enumerate(CHANNELS, 3)
    )
    return ", ".join((*places, *intensities))


def image(objects: int = CELLS_AN_IMAGE) -> str:
    return f"(number // {objects} + 1)::INTEGER"


def number(objects: int = CELLS_AN_IMAGE) -> str:
    """Return the number of an object in its image."""
    return f"(number % {objects} + 1)::INTEGER"


def nuclei(cells: int) -> int:
    """Return the number of nuclei in an image with this many cells."""
    return cells + max(0, cells - 1) // CELLS_A_GAP


def one_table(last: int, first: int = 0) -> str:
    return (
        f"SELECT {image()} AS ImageNumber, {number()} AS ObjectNumber, {measured()} "
        f"FROM range({first}, {last}) AS rows(number)"
    )


def compartments(cells: int, of_database: bool) -> dict[str, str]:
    """Return queries for the tables of an experiment.

    In a database, but not in files, the names of columns begin with the compartment.
    """
    def named(table: str) -> str:
        return f"{table}_" if of_database else ""

    def objects(table: str, rows: int, objects: int, more: str = "") -> str:
        numbers = f"{number(objects)} AS {named(table)}Number_Object_Number"
        if not of_database:
            numbers += f", {number(objects)} AS ObjectNumber"
        return (
            f"SELECT {image(objects)} AS ImageNumber, {numbers}, {more} {measured(named(table))} "
            f"FROM range({rows}) AS rows(number)"
        )

    images, rest = divmod(cells, CELLS_AN_IMAGE)
    metadata = {
        "Metadata_Plate": "'P1'", "Metadata_Well": "printf('A%02d', number)",
        "Metadata_Site": "1", "FileName_DNA": "printf('%d.tiff', number)",
    }
    of_image = ", ".join(f"{value} AS {named('Image')}{name}" for name, value in metadata.items())
    nucleus = f"{number()} + ({number()} - 1) // {CELLS_A_GAP}"
    parents = (
        f"{number()} AS {named('Cytoplasm')}Parent_Cells, "
        f"{nucleus} AS {named('Cytoplasm')}Parent_Nuclei,"
    )
    nuclei_an_image = nuclei(CELLS_AN_IMAGE)
    tables = {
        "Image": f"SELECT number AS ImageNumber, {of_image} "
                 f"FROM range(1, {images + (rest > 0) + 1}) AS rows(number)",
        "Cells": objects("Cells", cells, CELLS_AN_IMAGE),
        "Nuclei": objects("Nuclei", images * nuclei_an_image + nuclei(rest), nuclei_an_image),
        "Cytoplasm": objects("Cytoplasm", cells, CELLS_AN_IMAGE, parents),
    }
    return {f"Per_{name}" if of_database else name: select for name, select in tables.items()}


def write_csv(engine: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    engine.execute(f"COPY ({select}) TO '{path}' (FORMAT csv, HEADER)")


def write_database(
    engine: duckdb.DuckDBPyConnection, tables: dict[str, str], path: Path,
) -> None:
    with sqlite3.connect(path) as database:
        for name, select in tables.items():
            rows = engine.execute(select)
            columns = ", ".join(f"{column[0]} {column[1]}" for column in rows.description)
            database.execute(f"CREATE TABLE {name} ({columns})")
            insert = f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows.description))})"
            while batch := rows.fetchmany(50_000):
                database.executemany(insert, batch)
    database.close()


def make(cells: int, folder: Path) -> None:
    """Write cells/Cells.csv, quarters/, twice.csv, compartments/ and compartments.sqlite.

    twice.csv has twice the cells; the compartments have a fifth of them.
    """
    engine = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(folder)})
    for name in "cells", "quarters", "compartments":
        (folder / name).mkdir()
    write_csv(engine, one_table(cells), folder / "cells/Cells.csv")
    write_csv(engine, one_table(2 * cells), folder / "twice.csv")
    for quarter in range(QUARTERS):
        select = one_table((quarter + 1) * cells // QUARTERS, quarter * cells // QUARTERS)
        write_csv(engine, select, folder / f"quarters/cells_{quarter + 1}.csv")
    for name, select in compartments(cells // 5, of_database=False).items():
        write_csv(engine, select, folder / f"compartments/{name}.csv")
    tables = compartments(cells // 5, of_database=True)
    write_database(engine, tables, folder / "compartments.sqlite")


if __name__ == "__main__":
    make(int(sys.argv[1]), Path(sys.argv[2]))
