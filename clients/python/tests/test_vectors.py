"""Every line of the vectors, compared with the result of the extension's own reader."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from vectors import MALFORMED, VALID, VECTORS, Vector

from cell_binary import Cells, Intensities, PayloadError


def rows(cells: Cells | Intensities) -> list[tuple[Any, ...]]:
    if isinstance(cells, Intensities):
        return list(zip(cells.cell_id.tolist(), cells.codes.tolist()))
    ids = [None] * len(cells) if cells.cell_id is None else cells.cell_id.tolist()
    return list(zip(ids, cells.x.tolist(), cells.y.tolist(), cells.phenotypes.tolist()))


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.name)
def test_valid(vector: Vector) -> None:
    cells = vector.decode()
    assert vector.cells is not None
    assert len(cells) == len(vector.cells)
    assert rows(cells) == vector.cells


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: vector.name)
def test_malformed(vector: Vector) -> None:
    with pytest.raises(PayloadError):
        vector.decode()


def test_all_kinds_are_present() -> None:
    kinds = Counter((vector.layout, vector.cells is not None) for vector in VECTORS)
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)
    for layout in "compact", "spt", "dense", "intensity":
        assert kinds[layout, True] > 20
        assert kinds[layout, False] > 20
    assert kinds["arrow", True] > 10
