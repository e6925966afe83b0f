"""A small experiment in CellProfiler's format, and functions that write it in various formats."""

import csv
import gzip
import random
import sqlite3
from pathlib import Path

import pyarrow
import pyarrow.parquet

FEATURES = ("CD3", "CD8")
THRESHOLD = 0.5

MAP = """
CREATE TABLE objects (
    ImageNumber BIGINT, ObjectNumber BIGINT, Location_Center_X DOUBLE, Location_Center_Y DOUBLE,
    Intensity_MeanIntensity_CD3 DOUBLE, "CD8 Positive" BOOLEAN,
    PRIMARY KEY (ImageNumber, ObjectNumber)
);
SELECT getvariable('source') || '_' || ImageNumber AS sample, ObjectNumber AS cell_id,
    Location_Center_X AS x, Location_Center_Y AS y,
    Intensity_MeanIntensity_CD3 > 0.5 AS "CD3", "CD8 Positive" AS "CD8"
FROM objects
"""


class Experiment:
    """Images with cells. Each cell has a nucleus; five nuclei of an image have no cell.

    Every tenth cell has no cytoplasm.
    """

    def __init__(self, images: int = 3, cells: int = 40, seed: int = 1) -> None:
        random_ = random.Random(seed)
        self.images = [
            {"ImageNumber": image, "Metadata_Plate": "P1", "Metadata_Well": f"A{image:02}",
             "Metadata_Site": 1, "Count_Cells": float(cells)}
            for image in range(1, images + 1)
        ]
        self.cells, self.nuclei, self.cytoplasm = [], [], []
        for image in range(1, images + 1):
            for number in range(1, cells + 1):
                x, y = random_.uniform(0, 2000), random_.uniform(0, 2000)
                place = {"Location_Center_X": x, "Location_Center_Y": y}
                self.cells.append(numbered(image, number) | place)
                nucleus = cells + 6 - number     # nuclei and cells have different numbers
                intensity = {"Intensity_MeanIntensity_CD3": random_.random()}
                self.nuclei.append(numbered(image, nucleus) | intensity)
                if number % 10:
                    parents = {"Parent_Cells": number, "Parent_Nuclei": nucleus}
                    self.cytoplasm.append(numbered(image, len(self.cytoplasm) + 1) | parents)
            for number in range(1, 6):
                self.nuclei.append(numbered(image, number) | {"Intensity_MeanIntensity_CD3": 0.1})
        columns = ("ImageNumber", "ObjectNumber", "Location_Center_X", "Location_Center_Y")
        self.objects = [
            {name: cell[name] for name in columns}
            | {"Intensity_MeanIntensity_CD3": random_.random(),
               "CD8 Positive": random_.randrange(2)}
            for cell in self.cells
        ]

    @property
    def tables(self) -> dict[str, list[dict]]:
        return {"Image": self.images, "Cells": self.cells, "Nuclei": self.nuclei,
                "Cytoplasm": self.cytoplasm}

    def joined(self) -> list[tuple]:
        """Return (image, cell, x, y) of the cells with all parts, computed without the loader."""
        complete = {(row["ImageNumber"], row["Parent_Cells"]) for row in self.cytoplasm}
        return [
            (cell["ImageNumber"], cell["ObjectNumber"], cell["Location_Center_X"],
             cell["Location_Center_Y"])
            for cell in self.cells if (cell["ImageNumber"], cell["ObjectNumber"]) in complete
        ]

    def folder(self, path: Path, prefix: str = "", ending: str = ".csv") -> Path:
        path.mkdir()
        for name, rows in self.tables.items():
            write(path / f"{prefix}{name}{ending}", rows)
        return path


def numbered(image: int, number: int) -> dict[str, int]:
    return {"ImageNumber": image, "ObjectNumber": number, "Number_Object_Number": number}


def phenotypes(row: dict) -> int:
    """Return the phenotypes that MAP makes of an object."""
    return (row["Intensity_MeanIntensity_CD3"] > THRESHOLD) + 2 * row["CD8 Positive"]


def write(path: Path, rows: list[dict], encoding: str = "utf-8") -> Path:
    """Write a table in the format of the ending: Parquet, SQLite (as table objects) or CSV."""
    if path.suffix == ".sqlite":
        return write_sqlite(path, {"objects": rows})
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return path
    open_ = gzip.open if path.suffix == ".gz" else open
    with open_(path, "wt", newline="", encoding=encoding) as file:
        delimiter = "\t" if ".tsv" in path.name else ","
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_sqlite(path: Path, tables: dict[str, list[dict]]) -> Path:
    with sqlite3.connect(path) as database:
        for name, rows in tables.items():
            columns = ", ".join(f'"{column}"' for column in rows[0])
            marks = ", ".join("?" * len(rows[0]))
            database.execute(f'CREATE TABLE "{name}" ({columns})')
            database.executemany(
                f'INSERT INTO "{name}" VALUES ({marks})', [list(row.values()) for row in rows])
    database.close()
    return path


def renamed(
    rows: list[dict], prefix: str, keep: tuple[str, ...], more: dict | None = None,
) -> list[dict]:
    """Return the rows with a prefix before all column names but those in `keep`."""
    return [
        (more or {})
        | {(name if name in keep else prefix + name): value for name, value in row.items()}
        for row in rows
    ]


def loaded(db, table: str = "cells") -> list[tuple]:
    return db.execute(
        f"SELECT sample, cell_id, x, y, phenotypes FROM {table} "
        'ORDER BY sample COLLATE "C", cell_id').fetchall()
