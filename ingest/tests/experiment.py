"""A small experiment of CellProfiler's shape, made for the tests, written in each form in which a lab may have it."""

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
SELECT getvariable('source') || '_' || ImageNumber AS sample, ObjectNumber AS cell_id, Location_Center_X AS x, Location_Center_Y AS y,
    Intensity_MeanIntensity_CD3 > 0.5 AS "CD3", "CD8 Positive" AS "CD8"
FROM objects
"""


class Experiment:
    """Images with cells; each cell has a nucleus and a cytoplasm, and some nuclei have no cell, nor some cells a nucleus."""

    def __init__(self, images: int = 3, cells: int = 40, seed: int = 1) -> None:
        random_ = random.Random(seed)
        self.images = [{"ImageNumber": image, "Metadata_Plate": "P1", "Metadata_Well": f"A{image:02}", "Metadata_Site": 1, "Count_Cells": float(cells)} for image in range(1, images + 1)]
        self.cells, self.nuclei, self.cytoplasm = [], [], []
        for image in range(1, images + 1):
            for number in range(1, cells + 1):
                place = {"Location_Center_X": random_.uniform(0, 2000), "Location_Center_Y": random_.uniform(0, 2000)}
                self.cells.append({"ImageNumber": image, "ObjectNumber": number, "Number_Object_Number": number, **place})
                nucleus = cells + 6 - number     # numbered otherwise than cells
                self.nuclei.append({"ImageNumber": image, "ObjectNumber": nucleus, "Number_Object_Number": nucleus, "Intensity_MeanIntensity_CD3": random_.random()})
                if number % 10:                  # of every tenth cell the cytoplasm was not found
                    self.cytoplasm.append({"ImageNumber": image, "ObjectNumber": len(self.cytoplasm) + 1, "Number_Object_Number": len(self.cytoplasm) + 1, "Parent_Cells": number, "Parent_Nuclei": nucleus})
            self.nuclei += [{"ImageNumber": image, "ObjectNumber": number, "Number_Object_Number": number, "Intensity_MeanIntensity_CD3": 0.1} for number in range(1, 6)]
        self.objects = [
            {"ImageNumber": cell["ImageNumber"], "ObjectNumber": cell["ObjectNumber"], "Location_Center_X": cell["Location_Center_X"], "Location_Center_Y": cell["Location_Center_Y"],
             "Intensity_MeanIntensity_CD3": random_.random(), "CD8 Positive": random_.randrange(2)} for cell in self.cells
        ]

    @property
    def tables(self) -> dict[str, list[dict]]:
        return {"Image": self.images, "Cells": self.cells, "Nuclei": self.nuclei, "Cytoplasm": self.cytoplasm}

    def joined(self) -> list[tuple]:
        """(image, cell, x, y) of the cells that have all their parts, by another way than the loader's."""
        with_cytoplasm = {(row["ImageNumber"], row["Parent_Cells"]) for row in self.cytoplasm}
        return [(cell["ImageNumber"], cell["ObjectNumber"], cell["Location_Center_X"], cell["Location_Center_Y"]) for cell in self.cells if (cell["ImageNumber"], cell["ObjectNumber"]) in with_cytoplasm]

    def folder(self, path: Path, prefix: str = "", ending: str = ".csv") -> Path:
        path.mkdir()
        for name, rows in self.tables.items():
            write(path / f"{prefix}{name}{ending}", rows)
        return path


def write(path: Path, rows: list[dict], encoding: str = "utf-8") -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return path
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ".tsv" in path.name else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_sqlite(path: Path, tables: dict[str, list[dict]]) -> Path:
    with sqlite3.connect(path) as database:
        for name, rows in tables.items():
            columns = ", ".join(f'"{column}"' for column in rows[0])
            database.execute(f'CREATE TABLE "{name}" ({columns})')
            database.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', [list(row.values()) for row in rows])
    database.close()
    return path


def renamed(rows: list[dict], prefix: str, keep: tuple[str, ...], more: dict | None = None) -> list[dict]:
    """With the name of the compartment before the columns, but for those that are kept."""
    return [(more or {}) | {(name if name in keep else prefix + name): value for name, value in row.items()} for row in rows]


def loaded(db, table: str = "cells") -> list[tuple]:
    return db.execute(f"SELECT sample, cell_id, x, y, phenotypes FROM {table} ORDER BY sample COLLATE \"C\", cell_id").fetchall()
