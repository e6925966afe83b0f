"""Layout intensity: an id and a code for each channel of each cell."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .buffer import read_buffer
from .codes import CODE_VALUES
from .errors import PayloadError
from .ids import check_ascending
from .limit import MAX_CELLS, check_number

if TYPE_CHECKING:
    from typing_extensions import Buffer

ID_BYTES = 4
MAX_CHANNELS = 64


class Intensities:
    """The intensities of the cells of a payload: arrays with one element or row per cell.

    cell_id: uint32, ascending.
    codes: uint8, one row per cell and one column per channel; channel k is feature k.
    values: the numbers that the codes stand for.

    A code is an intensity in one byte.  Codes are in the order of their numbers,
    so that codes[:, k] >= code compares intensities without computing them.

    cell_id and codes may be views of the payload.  Such arrays are strided, have
    the byte order of the payload, keep the payload alive, and are read-only if the
    payload is read-only.
    """

    __slots__ = ("cell_id", "codes")

    def __init__(self, cell_id: NDArray[np.uint32], codes: NDArray[np.uint8]) -> None:
        self.cell_id = cell_id
        self.codes = codes

    @property
    def channels(self) -> int:
        """The number of channels."""
        return int(self.codes.shape[1])

    @property
    def values(self) -> NDArray[np.float64]:
        """The intensities, 0 to 1, in the shape of codes: a new array, with 8 bytes for each code.

        The numbers are exactly those of CODE_VALUES.  CODE_VALUES[codes[:, k]]
        computes those of one channel.
        """
        return CODE_VALUES[self.codes]

    def __len__(self) -> int:
        return len(self.cell_id)

    def __repr__(self) -> str:
        return f"<{len(self)} cells with {self.channels} intensities each>"

    def __getitem__(self, index: Any) -> Intensities:
        """Select cells with anything that selects elements of an array with one dimension.

        A slice gives views.  An array of booleans or of positions gives copies.
        A single position gives Intensities of one cell.  Raises IndexError as numpy does.
        """
        if np.ndim(index) == 0 and not isinstance(index, slice):
            index = [operator.index(index)]
        return Intensities(self.cell_id[index], self.codes[index])


def decode_intensities(
    payload: bytes | bytearray | memoryview | Buffer, channels: int, *, max_cells: int | None = MAX_CELLS
) -> Intensities:
    """Decode a payload in layout intensity.

    payload is any contiguous buffer.  The arrays are views of it; nothing is copied.

    channels is the number of channels: the number of features of the study.  The
    payload does not contain it.  A wrong number is noticed only if cells of that
    size do not divide the length, or if the ids do not ascend.

    Raises PayloadError if channels is not 1 to 64, or if the bytes are not a
    payload of so many channels, or have more than max_cells cells; and TypeError
    if payload is not a contiguous buffer, or channels not an integer.
    """
    channels = operator.index(channels)
    if not 1 <= channels <= MAX_CHANNELS:
        raise PayloadError(f"a payload of intensities has 1 to {MAX_CHANNELS} channels, not {channels}")
    data = read_buffer(payload)
    cell = np.dtype([("cell_id", ">u4"), ("codes", "u1", (channels,))])
    if len(data) % cell.itemsize:
        raise PayloadError(
            f"a cell with {channels} intensities takes {cell.itemsize} bytes, "
            f"which do not divide the {len(data)} bytes of the payload"
        )
    check_number(len(data) // cell.itemsize, max_cells)
    cells = data.view(cell)
    check_ascending(cells["cell_id"])
    return Intensities(cells["cell_id"], cells["codes"])
