"""The payloads that every client is tested with; see clients/vectors/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cell_binary import Cells, Intensities, decode, decode_intensities

FILE = Path(__file__).resolve().parents[2] / "vectors" / "vectors.jsonl"


@dataclass(frozen=True)
class Vector:
    name: str
    layout: str
    channels: int | None  # None in layouts other than intensity
    payload: bytes
    cells: list[tuple[Any, ...]] | None  # None if a reader must refuse it

    def decode(self) -> Cells | Intensities:
        if self.channels is None:
            return decode(self.payload, self.layout)
        return decode_intensities(self.payload, self.channels)


def read_vectors() -> list[Vector]:
    vectors = []
    for line in FILE.read_text().splitlines():
        entry = json.loads(line)
        assert ("cells" in entry) != ("fault" in entry)
        assert ("channels" in entry) == (entry["layout"] == "intensity")
        cells = entry.get("cells")
        if cells is not None and entry["layout"] == "intensity":
            cells = [(id, codes) for id, codes in cells]
        elif cells is not None:
            cells = [(id, x, y, int(phenotypes, 16)) for id, x, y, phenotypes in cells]
        vectors.append(
            Vector(entry["name"], entry["layout"], entry.get("channels"), bytes.fromhex(entry["payload"]), cells)
        )
    return vectors


VECTORS = read_vectors()
VALID = [vector for vector in VECTORS if vector.cells is not None]
MALFORMED = [vector for vector in VECTORS if vector.cells is None]


def named(name: str) -> bytes:
    """Return the payload of a vector."""
    return next(vector.payload for vector in VECTORS if vector.name == name)
