"""Decode payloads of each layout.

docs/format.md of the extension is the specification.  The length and max_cells
are checked before anything is allocated, so that a header cannot claim memory
that its payload does not fill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .arrow import decode_arrow
from .buffer import read_buffer
from .cells import Cells
from .dense import decode_dense
from .errors import PayloadError
from .ids import check_ascending
from .limit import MAX_CELLS, check_number

if TYPE_CHECKING:
    from typing_extensions import Buffer

COMPACT_HEADER = 4
COMPACT_CELL = np.dtype([("x", "<i4"), ("y", "<i4"), ("phenotypes", "<u8")])

SPT_HEADER = 20
SPT_CELL = np.dtype([("cell_id", ">u4"), ("x", ">u4"), ("y", ">u4"), ("phenotypes", "<u8")])


def decode(
    payload: bytes | bytearray | memoryview | Buffer, layout: str = "compact", *, max_cells: int | None = MAX_CELLS
) -> Cells:
    """Decode a payload in layout compact, spt, dense or arrow.

    decode_intensities decodes layout intensity, and decode_subsample a subsample,
    because they have no positions.

    payload is any contiguous buffer.  In layouts compact, spt and arrow the
    arrays are views of it; nothing is copied, except that several record batches
    of layout arrow are joined into new arrays.  In layout dense the arrays are new.

    max_cells limits the memory: a payload with more cells is refused before
    memory is allocated.  None removes the limit, for payloads that you trust.

    Raises PayloadError if the bytes are not a payload of the layout, or have more
    than max_cells cells; ValueError if the layout does not exist or needs another
    function; TypeError if payload is not a contiguous buffer; and ImportError if
    layout arrow cannot load pyarrow.
    """
    try:
        decode_layout = LAYOUTS[layout]
    except KeyError:
        if layout in OTHER_FUNCTIONS:
            raise ValueError(f'"{layout}" is decoded with {OTHER_FUNCTIONS[layout]}') from None
        raise ValueError(f'unknown layout "{layout}"; the layouts are {", ".join(LAYOUTS)}') from None
    return decode_layout(read_buffer(payload), max_cells)


def read_cells(
    data: NDArray[np.uint8], header: int, byte_order: str, cell: np.dtype[np.void], max_cells: int | None
) -> NDArray[np.void]:
    """Read the cells after a header that begins with their number."""
    if len(data) < header:
        raise PayloadError(f"the header takes {header} bytes, but the payload has only {len(data)}")
    cells = int(data[:4].view(byte_order + "u4")[0])
    expected = header + cells * cell.itemsize
    if len(data) != expected:
        raise PayloadError(
            f"the header gives {cells} cells, so the payload must have {expected} bytes, but it has {len(data)}"
        )
    check_number(cells, max_cells)
    return data[header:].view(cell)


def decode_compact(data: NDArray[np.uint8], max_cells: int | None) -> Cells:
    cells = read_cells(data, COMPACT_HEADER, "<", COMPACT_CELL, max_cells)
    return Cells(cells["x"], cells["y"], cells["phenotypes"])


def decode_spt(data: NDArray[np.uint8], max_cells: int | None) -> Cells:
    cells = read_cells(data, SPT_HEADER, ">", SPT_CELL, max_cells)
    ids = cells["cell_id"]
    check_ascending(ids)
    extent = data[4:SPT_HEADER].view(">u4")
    for i, axis in enumerate("xy"):
        for j, side in enumerate(("minimum", "maximum")):
            found = int(extent[2 * i + j])
            expected = int(getattr(cells[axis], side[:3])()) if len(cells) else 0
            if found != expected:
                raise PayloadError(f"the {side} {axis} is {found} in the header, but {expected} in the cells")
    return Cells(cells["x"], cells["y"], cells["phenotypes"], ids)


LAYOUTS = {"compact": decode_compact, "spt": decode_spt, "dense": decode_dense, "arrow": decode_arrow}
OTHER_FUNCTIONS = {"intensity": "decode_intensities(payload, channels)", "subsample": "decode_subsample(payload)"}
