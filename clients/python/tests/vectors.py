"""The payloads that every client is tested with; see clients/vectors/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "vectors" / "vectors.jsonl"


@dataclass(frozen=True)
class Vector:
    name: str
    layout: str
    payload: bytes
    cells: list[tuple[int | None, int, int, int]] | None  # None if a reader must refuse it


def read_vectors() -> list[Vector]:
    vectors = []
    for line in FILE.read_text().splitlines():
        entry = json.loads(line)
        assert ("cells" in entry) != ("fault" in entry)
        cells = entry.get("cells")
        vectors.append(
            Vector(
                entry["name"],
                entry["layout"],
                bytes.fromhex(entry["payload"]),
                None if cells is None else [(id, x, y, int(phenotypes, 16)) for id, x, y, phenotypes in cells],
            )
        )
    return vectors


VECTORS = read_vectors()
VALID = [vector for vector in VECTORS if vector.cells is not None]
MALFORMED = [vector for vector in VECTORS if vector.cells is None]


def named(name: str) -> bytes:
    """Return the payload of a vector."""
    return next(vector.payload for vector in VECTORS if vector.name == name)
