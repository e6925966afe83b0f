"""The sources that are measured, as CellProfiler writes them: the same each time, whatever the machine.

Started as a program of its own: `sources.py CELLS FOLDER`. What a process once had in memory counts as the peak of
those that it starts, and DuckDB takes what it is given.
"""

import sqlite3
import sys
from pathlib import Path

import duckdb

CHANNELS = ("CD3", "CD8", "CD20", "CD68", "PanCK", "DNA")
CELLS_AN_IMAGE = 50_000
CELLS_A_GAP = 20        # after the nuclei of so many cells comes one without a cell
QUARTERS = 4


def measured(prefix: str = "") -> str:
    """A place and intensities that look random, of the row's number."""
    def fraction(position: int) -> str:
        return f"(hash(number, {position}) / 18446744073709551616.0)"

    places = (f"20000 * {fraction(position)} AS {prefix}Location_Center_{axis}" for position, axis in enumerate("XY", 1))
    intensities = (f"pow({fraction(position)}, 3) AS {prefix}Intensity_MeanIntensity_{channel}" for position, channel in enumerate(CHANNELS, 3))
    return ", ".join((*places, *intensities))


def image(objects: int = CELLS_AN_IMAGE) -> str:
    return f"(number // {objects} + 1)::INTEGER"


def number(objects: int = CELLS_AN_IMAGE) -> str:
    """Of an object in its image."""
    return f"(number % {objects} + 1)::INTEGER"


def nuclei(cells: int) -> int:
    """As many as so many cells of one image have."""
    return cells + max(0, cells - 1) // CELLS_A_GAP


def one_table(last: int, first: int = 0) -> str:
    return f"SELECT {image()} AS ImageNumber, {number()} AS ObjectNumber, {measured()} FROM range({first}, {last}) AS rows(number)"


def compartments(cells: int, of_database: bool) -> dict[str, str]:
    """The tables of an experiment. In a database their columns begin with the compartment, and in files they do not."""
    def named(table: str) -> str:
        return f"{table}_" if of_database else ""

    def objects(table: str, rows: int, objects: int, more: str = "") -> str:
        numbers = f"{number(objects)} AS {named(table)}Number_Object_Number" + ("" if of_database else f", {number(objects)} AS ObjectNumber")
        return f"SELECT {image(objects)} AS ImageNumber, {numbers}, {more} {measured(named(table))} FROM range({rows}) AS rows(number)"

    images, rest = divmod(cells, CELLS_AN_IMAGE)
    metadata = {"Metadata_Plate": "'P1'", "Metadata_Well": "printf('A%02d', number)", "Metadata_Site": "1", "FileName_DNA": "printf('%d.tiff', number)"}
    of_image = ", ".join(f"{value} AS {named('Image')}{name}" for name, value in metadata.items())
    parents = f"{number()} AS {named('Cytoplasm')}Parent_Cells, {number()} + ({number()} - 1) // {CELLS_A_GAP} AS {named('Cytoplasm')}Parent_Nuclei,"
    tables = {
        "Image": f"SELECT number AS ImageNumber, {of_image} FROM range(1, {images + (rest > 0) + 1}) AS rows(number)",
        "Cells": objects("Cells", cells, CELLS_AN_IMAGE),
        "Nuclei": objects("Nuclei", images * nuclei(CELLS_AN_IMAGE) + nuclei(rest), nuclei(CELLS_AN_IMAGE)),
        "Cytoplasm": objects("Cytoplasm", cells, CELLS_AN_IMAGE, parents),
    }
    return {f"Per_{name}" if of_database else name: select for name, select in tables.items()}


def write_csv(engine: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    engine.execute(f"COPY ({select}) TO '{path}' (FORMAT csv, HEADER)")


def write_database(engine: duckdb.DuckDBPyConnection, tables: dict[str, str], path: Path) -> None:
    with sqlite3.connect(path) as database:
        for name, select in tables.items():
            rows = engine.execute(select)
            columns = ", ".join(f"{column[0]} {column[1]}" for column in rows.description)
            database.execute(f"CREATE TABLE {name} ({columns})")
            while batch := rows.fetchmany(50_000):
                database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows.description))})", batch)
    database.close()


def make(cells: int, folder: Path) -> None:
    """cells/Cells.csv, twice.csv with twice as many, quarters/; of a fifth of the cells compartments/ and compartments.sqlite."""
    engine = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(folder)})
    for name in "cells", "quarters", "compartments":
        (folder / name).mkdir()
    write_csv(engine, one_table(cells), folder / "cells/Cells.csv")
    write_csv(engine, one_table(2 * cells), folder / "twice.csv")
    for quarter in range(QUARTERS):
        write_csv(engine, one_table((quarter + 1) * cells // QUARTERS, quarter * cells // QUARTERS), folder / f"quarters/cells_{quarter + 1}.csv")
    for name, select in compartments(cells // 5, of_database=False).items():
        write_csv(engine, select, folder / f"compartments/{name}.csv")
    write_database(engine, compartments(cells // 5, of_database=True), folder / "compartments.sqlite")


if __name__ == "__main__":
    make(int(sys.argv[1]), Path(sys.argv[2]))
