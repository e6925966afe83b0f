"""Layout dense: columns of bits.

A plane is one bit of every cell, ceil(n / 8) bytes.  Planes are made numbers
eight by eight: for eight planes numpy works on all cells at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .cells import Cells
from .errors import PayloadError
from .limit import check_number

HEADER = 40
MAGIC = b"CBD\x01"
MOST_CELLS = 2**26 - 1
DIFFERENCES = 128
NO_PARENT = 255

Bytes = NDArray[np.uint8]


def decode_dense(data: Bytes, max_cells: int | None) -> Cells:
    if len(data) < HEADER:
        raise PayloadError(f"a header takes {HEADER} bytes, but the payload has {len(data)}")
    header = data[:HEADER].tobytes()
    check_bytes(header, 0, MAGIC)
    cells = unsigned(header, 4, 4)
    if cells > MOST_CELLS:
        raise impossible("number of cells", cells)
    if cells == 0:
        check_bytes(header, 8, bytes(HEADER - 8))
        check_length(data, cells, HEADER)
        nothing = np.empty(0, np.int32)
        return Cells(nothing, nothing, np.empty(0, np.uint64), np.empty(0, np.uint32))

    gap_planes = header[20]
    if gap_planes > 32:
        raise impossible("planes of cell_id", gap_planes)
    axis_planes = []
    for axis, byte, fewest in ("x", header[21], 1), ("y", header[22], 0):
        planes = byte % DIFFERENCES
        if planes > 32 or planes < fewest or byte == DIFFERENCES:
            raise impossible(f"planes of {axis}", byte)
        axis_planes.append(planes)
    check_bytes(header, 23, b"\0")
    base_mask = unsigned(header, 24, 8)
    with_plane = unsigned(header, 32, 8)
    features = [feature for feature in range(64) if with_plane >> feature & 1]

    counts = [gap_planes, *axis_planes, len(features)]
    first_plane = HEADER + len(features)
    plane_size = (cells + 7) // 8
    check_length(data, cells, first_plane + sum(counts) * plane_size)
    check_number(cells, max_cells)
    parents = read_parents(data[HEADER:first_plane].tolist(), features)

    stored = data[first_plane:].reshape(-1, plane_size)
    check_behind_last(stored, cells)
    gaps, x, y, masks = np.split(stored, np.cumsum(counts[:-1]))
    return Cells(
        decode_axis("x", x, cells, header[21] >= DIFFERENCES, unsigned(header, 12, 4)),
        decode_axis("y", y, cells, header[22] >= DIFFERENCES, unsigned(header, 16, 4)),
        decode_masks(masks, cells, features, parents, base_mask),
        decode_ids(gaps, cells, unsigned(header, 8, 4)),
    )


def impossible(field: str, value: int) -> PayloadError:
    return PayloadError(f"the header gives {value} as {field}, which is not possible")


def unsigned(header: bytes, offset: int, size: int) -> int:
    return int.from_bytes(header[offset : offset + size], "little")


def check_bytes(header: bytes, offset: int, expected: bytes) -> None:
    for at, byte in enumerate(expected, offset):
        if header[at] != byte:
            raise PayloadError(f"byte {at} is {header[at]}, where the layout has {byte}")


def check_length(data: Bytes, cells: int, expected: int) -> None:
    if len(data) != expected:
        raise PayloadError(
            f"the header gives {cells} cells, which take {expected} bytes, "
            f"but the payload has {len(data)}"
        )


def read_parents(parents: list[int], features: list[int]) -> dict[int, int]:
    """The parent of each feature that has one."""
    of_feature = {feature: parent for feature, parent in zip(features, parents) if parent != NO_PARENT}
    for feature, parent in of_feature.items():
        if parent >= feature or parent not in features:
            raise PayloadError(
                f"feature {feature} has the parent {parent}, which is not a lower feature with a plane"
            )
    return of_feature


def check_behind_last(planes: Bytes, cells: int) -> None:
    if cells % 8 and (planes[:, -1] >> cells % 8).any():
        raise PayloadError("there are bits after those of the last cell")


def numbers_of(planes: Sequence[Bytes | None], cells: int, width: int) -> Bytes:
    """The numbers of which these are the planes, lowest bit first; None is zeros.

    A row for each cell, of the width bytes of its little-endian number.
    """
    numbers = np.zeros(((cells + 7) // 8 * 8, width), np.uint8)
    for at in range(0, len(planes), 8):
        eight = planes[at : at + 8]
        if any(plane is not None for plane in eight):
            numbers[:, at // 8] = bytes_of(eight, (cells + 7) // 8)
    return numbers[:cells]


def bytes_of(planes: Sequence[Bytes | None], plane_size: int) -> Bytes:
    """For each cell the byte of its bits in at most eight planes.

    The bytes at one place of eight planes are a square of 8 x 8 bits, a uint64
    here.  It is transposed by swapping the off-diagonal quarters of ever
    larger squares (Warren, Hacker's Delight, 7-3): 1, 2, then 4 bits wide.
    """
    squares = np.zeros((plane_size, 8), np.uint8)
    for row, plane in enumerate(planes):
        if plane is not None:
            squares[:, row] = plane
    bits = squares.view("<u8")
    for distance, upper in (7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0):
        swap = (bits ^ bits >> np.uint64(distance)) & np.uint64(upper)
        bits ^= swap ^ swap << np.uint64(distance)
    return squares.reshape(-1)


def uint32_of(planes: Bytes, cells: int) -> NDArray[np.uint32]:
    return numbers_of(list(planes), cells, 4).view("<u4")[:, 0].astype(np.uint32, copy=False)


def decode_ids(planes: Bytes, cells: int, first: int) -> NDArray[np.uint32]:
    gaps = uint32_of(planes, cells)
    if gaps[0]:
        raise PayloadError("the first cell has a gap of cell_id, although no cell comes before it")
    check_topmost(planes, "planes of cell_id")
    # Of 2^26 gaps below 2^32 the sum is far from overflow.
    last = first + int(gaps.sum(dtype=np.uint64)) + cells - 1
    if last >= 2**32:
        raise PayloadError(f"the last cell_id would be {last}, over {2**32 - 1}")
    steps = gaps
    steps += np.uint32(1)
    steps[0] = first
    return np.cumsum(steps, dtype=np.uint32, out=steps)


def decode_axis(axis: str, planes: Bytes, cells: int, differences: bool, base: int) -> NDArray[np.int32]:
    """Coordinates; base is the int32 in the header, as a uint32."""
    codes = uint32_of(planes, cells)
    # int32 arithmetic modulo 2^32 is that of uint32.
    if differences:
        if codes[0]:
            raise PayloadError(f"the first cell has a difference of {axis}, although no cell comes before it")
        check_topmost(planes, f"planes of {axis}")
        steps = codes >> np.uint32(1) ^ -(codes & np.uint32(1))
        values = np.cumsum(steps, dtype=np.uint32)
    else:
        largest = (2**31 - 1 - base) % 2**32
        outside = codes > largest
        if outside.any():
            at = int(outside.argmax())
            value = (base + 2**31) % 2**32 - 2**31 + int(codes[at])
            raise PayloadError(
                f"the cell at position {at} would have the {axis} coordinate {value}, which is over {2**31 - 1}"
            )
        if axis == "y" or len(planes) > 1:
            check_topmost(planes, f"planes of {axis}")
        if codes.min():
            raise PayloadError(f"the cells don't need the header's base of {axis}: none is at it")
        values = codes
    values += np.uint32(base)
    return values.view(np.int32)


def check_topmost(planes: Bytes, field: str) -> None:
    if len(planes) and not planes[-1].any():
        raise PayloadError(f"the cells don't need the header's {field}: the topmost is all zero")


def decode_masks(
    stored: Bytes, cells: int, features: list[int], parents: dict[int, int], base_mask: int
) -> NDArray[np.uint64]:
    planes: dict[int, Bytes] = {}
    last = np.uint8(2 ** (cells % 8 or 8) - 1)
    for feature, plane in zip(features, stored):
        parent = parents.get(feature)
        planes[feature] = plane if parent is None else plane ^ planes[parent]
        inner, end = planes[feature][:-1], planes[feature][-1]
        if (end == 0 and not inner.any()) or (end == last and (inner == 255).all()):
            raise PayloadError(f"the cells don't need the header's features: all agree in feature {feature}")

    # A feature without a plane has the bit of the base.
    numbers = numbers_of([planes.get(feature) for feature in range(64)], cells, 8).view("<u8")[:, 0]
    masks = numbers.astype(np.uint64, copy=False)
    masks ^= np.uint64(base_mask)
    return masks
