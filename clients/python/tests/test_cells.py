"""Cells: selecting and filtering, compared with a loop."""

from __future__ import annotations

import random

import numpy as np
import pytest
from vectors import VALID, named

from cell_binary import Cells, decode

LAYOUTS = ["compact", "spt", "dense", "arrow"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_filter(layout: str) -> None:
    chance = random.Random(layout)
    for vector in VALID:
        if vector.layout != layout:
            continue
        cells = decode(vector.payload, layout)
        phenotypes = cells.phenotypes.tolist()
        for _ in range(10):
            all_of = chance.choice([*phenotypes, 0]) & chance.getrandbits(64)
            none_of = chance.getrandbits(64) & chance.getrandbits(64) & chance.getrandbits(64)
            expected = [bits & all_of == all_of and bits & none_of == 0 for bits in phenotypes]
            matching = cells.matching(all_of, none_of)
            assert matching.dtype == np.bool_
            assert matching.tolist() == expected
            assert cells.count(all_of, none_of) == sum(expected)
            chosen = cells[matching]
            assert chosen.phenotypes.tolist() == [bits for bits, yes in zip(phenotypes, expected) if yes]
            assert len(chosen.x) == len(chosen.y) == len(chosen)


def example() -> Cells:
    return decode(named("dense: the example of format.md"), "dense")


def test_filter_without_phenotypes() -> None:
    assert example().matching().tolist() == [True, True]
    assert example().count() == 2


def test_phenotypes_of_sql() -> None:
    cells = example()
    assert cells.count(all_of=-(2**63)) == cells.count(all_of=2**63) == 1
    assert cells.count(none_of=-1) == 0
    assert cells.count(all_of=np.uint64(2**63)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("phenotypes", [2**64, -(2**63) - 1])
def test_phenotypes_that_are_too_large(phenotypes: int) -> None:
    with pytest.raises(ValueError, match=f"phenotypes {phenotypes} do not fit in 64 bits"):
        example().matching(all_of=phenotypes)
    with pytest.raises(ValueError, match=f"phenotypes {phenotypes} do not fit in 64 bits"):
        example().count(none_of=phenotypes)


def test_phenotypes_that_are_not_integers() -> None:
    with pytest.raises(TypeError):
        example().count(all_of=1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_selecting(layout: str) -> None:
    cells = decode(named(f"{layout}: 65 cells"), layout)
    for index, positions in [
        (slice(3, 60, 7), list(range(3, 60, 7))),
        ([5, 2, 5], [5, 2, 5]),
        (np.array([64, 0]), [64, 0]),
        (np.arange(65) % 9 == 2, list(range(2, 65, 9))),
        (4, [4]),
        (-1, [64]),
        (np.int64(7), [7]),
    ]:
        chosen = cells[index]
        assert isinstance(chosen, Cells)
        assert len(chosen) == len(positions)
        for name in "x", "y", "phenotypes", "cell_id":
            column, whole = getattr(chosen, name), getattr(cells, name)
            assert (column is None) == (whole is None) == (layout == "compact" and name == "cell_id")
            if column is not None:
                assert column.tolist() == [whole.tolist()[at] for at in positions]


def test_selecting_cells_that_do_not_exist() -> None:
    with pytest.raises(IndexError):
        example()[2]
    with pytest.raises(IndexError):
        example()[np.array([True])]
    with pytest.raises(TypeError):
        example()["x"]


def test_a_loop_yields_single_cells() -> None:
    assert [int(cell.x[0]) for cell in example()] == [10, -4]  # type: ignore[attr-defined]


def test_repr() -> None:
    assert repr(example()) == "<2 cells with ids>"
    assert repr(decode(named("compact: 0 cells"))) == "<0 cells without ids>"
