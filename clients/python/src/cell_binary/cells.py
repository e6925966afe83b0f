"""The cells of a payload, as columns."""

from __future__ import annotations

import operator
from typing import Any, Union, cast

import numpy as np
from numpy.typing import NDArray

# Coordinates are int32, or uint32 in layout spt.
Coordinates = Union[NDArray[np.int32], NDArray[np.uint32]]


def unsigned_phenotypes(phenotypes: int) -> int:
    """Return phenotypes as they are in a payload: 0 to 2^64-1.

    SQL shows phenotypes as a signed bigint.  A negative number stands for the
    same 64 bits.  Raises ValueError if the number does not fit in 64 bits.
    """
    phenotypes = operator.index(phenotypes)
    if not -(2**63) <= phenotypes < 2**64:
        raise ValueError(f"phenotypes {phenotypes} do not fit in 64 bits")
    return phenotypes % 2**64


class Cells:
    """The cells of a payload: arrays of equal length, with one element per cell.

    x, y: position in pixels; int32, or uint32 in layout spt.
    phenotypes: uint64; bit k is set if the cell is positive for feature k.
    cell_id: uint32, ascending; None in layout compact, which has no ids.

    The arrays may be views of the payload.  Such arrays are strided, have the
    byte order of the payload, keep the payload alive, and are read-only if the
    payload is read-only.
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
        """Select cells with anything that selects elements of a numpy array.

        A slice gives views.  An array of booleans or of positions gives copies.
        A single position gives Cells with one cell.  Raises IndexError as numpy does.
        """
        if np.ndim(index) == 0 and not isinstance(index, slice):
            index = [operator.index(index)]
        return Cells(
            cast(Coordinates, self.x[index]),
            cast(Coordinates, self.y[index]),
            self.phenotypes[index],
            None if self.cell_id is None else self.cell_id[index],
        )

    def matching(self, all_of: int = 0, none_of: int = 0) -> NDArray[np.bool_]:
        """Return for each cell whether it is positive for every feature in all_of and none in none_of.

        all_of and none_of are phenotypes, unsigned or as the signed bigint of SQL.
        Raises ValueError if they do not fit in 64 bits.  The result selects cells:
        cells[cells.matching(5)].
        """
        all_of = unsigned_phenotypes(all_of)
        none_of = unsigned_phenotypes(none_of)
        if all_of & none_of:
            return np.zeros(len(self), dtype=np.bool_)
        tested = self.phenotypes & np.uint64(all_of | none_of)
        return cast("NDArray[np.bool_]", tested == np.uint64(all_of))

    def count(self, all_of: int = 0, none_of: int = 0) -> int:
        """Return the number of cells that are positive for every feature in all_of and none in none_of."""
        return int(np.count_nonzero(self.matching(all_of, none_of)))
