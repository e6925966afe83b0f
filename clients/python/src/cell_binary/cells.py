"""Cells, in columns."""

from __future__ import annotations

import operator
from typing import Any, Union, cast

import numpy as np
from numpy.typing import NDArray

# Coordinates are int32, in layout spt uint32.
Coordinates = Union[NDArray[np.int32], NDArray[np.uint32]]


def unsigned_mask(mask: int) -> int:
    """A mask as it is in a payload: 0 to 2^64-1.

    SQL shows masks as signed bigint; one below 0 stands for the same 64 bits.
    Raises ValueError if it does not fit in 64 bits.
    """
    mask = operator.index(mask)
    if not -(2**63) <= mask < 2**64:
        raise ValueError(f"mask {mask} does not fit in 64 bits")
    return mask % 2**64


class Cells:
    """The cells of a payload: arrays of equal length, one element a cell.

    x, y: position in pixels; int32, in layout spt uint32.
    phenotypes: uint64; bit k is set when the cell is positive for feature k.
    cell_id: uint32, ascending; None for layout compact, which has no ids.

    The arrays may be views of the payload: then they are strided, of the
    payload's byte order, keep the payload alive, and are read-only if it is.
    """

    __slots__ = ("cell_id", "phenotypes", "x", "y")

    def __init__(
        self,
        x: Coordinates,
        y: Coordinates,
        phenotypes: NDArray[np.uint64],
        cell_id: NDArray[np.uint32] | None = None,
    ) -> None:
        self.x = x
        self.y = y
        self.phenotypes = phenotypes
        self.cell_id = cell_id

    def __len__(self) -> int:
        return len(self.phenotypes)

    def __repr__(self) -> str:
        ids = "without ids" if self.cell_id is None else "with ids"
        return f"<{len(self)} cells {ids}>"

    def __getitem__(self, index: Any) -> Cells:
        """Some of the cells, by whatever selects elements of a numpy array.

        A slice gives views; an array of booleans or of positions, copies; one
        position, Cells of one cell.  Raises IndexError as numpy does.
        """
        if np.ndim(index) == 0 and not isinstance(index, slice):
            index = [operator.index(index)]
        return Cells(
            cast(Coordinates, self.x[index]),
            cast(Coordinates, self.y[index]),
            self.phenotypes[index],
            None if self.cell_id is None else self.cell_id[index],
        )

    def positive(self, all_of: int = 0, none_of: int = 0) -> NDArray[np.bool_]:
        """Which cells have all features of one mask and none of another.

        The masks are of 64 bits, also as the signed bigint of SQL; ValueError
        if they are larger.  The booleans select cells: cells[cells.positive(5)].
        """
        all_of = unsigned_mask(all_of)
        none_of = unsigned_mask(none_of)
        if all_of & none_of:
            return np.zeros(len(self), dtype=np.bool_)
        tested = self.phenotypes & np.uint64(all_of | none_of)
        return cast("NDArray[np.bool_]", tested == np.uint64(all_of))

    def count(self, all_of: int = 0, none_of: int = 0) -> int:
        """How many cells have all features of one mask and none of another."""
        return int(np.count_nonzero(self.positive(all_of, none_of)))
