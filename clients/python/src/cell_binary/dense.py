"""Layout dense: columns of bits.

A plane holds one bit of every cell, in ceil(n / 8) bytes.  Eight planes at a
time are converted to bytes of numbers, so that numpy works on all cells at once.
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
MAX_CELLS_OF_LAYOUT = 2**26 - 1
DIFFERENCES = 128
NO_PARENT = 255

Bytes = NDArray[np.uint8]


def decode_dense(data: Bytes, max_cells: int | None) -> Cells:
    if len(data) < HEADER:
        raise PayloadError(f"the header takes {HEADER} bytes, but the payload has only {len(data)}")
    header = data[:HEADER].tobytes()
    check_bytes(header, 0, MAGIC)
    cells = unsigned(header, 4, 4)
    if cells > MAX_CELLS_OF_LAYOUT:
        raise impossible("number of cells", cells)
    if cells == 0:
        check_bytes(header, 8, bytes(HEADER - 8))
        check_length(data, cells, HEADER)
        nothing = np.empty(0, np.int32)
        return Cells(nothing, nothing, np.empty(0, np.uint64), np.empty(0, np.uint32))

    gap_planes = header[20]
    if gap_planes > 32:
        raise impossible("number of planes of cell_id", gap_planes)
    axis_planes = []
    for axis, byte, fewest in ("x", header[21], 1), ("y", header[22], 0):
        planes = byte % DIFFERENCES
        if planes > 32 or planes < fewest or byte == DIFFERENCES:
            raise impossible(f"byte for the planes of {axis}", byte)
        axis_planes.append(planes)
    check_bytes(header, 23, b"\0")
    base_phenotypes = unsigned(header, 24, 8)
    with_plane = unsigned(header, 32, 8)
    features = [feature for feature in range(64) if with_plane >> feature & 1]

    counts = [gap_planes, *axis_planes, len(features)]
    first_plane = HEADER + len(features)
    plane_size = (cells + 7) // 8
    check_length(data, cells, first_plane + sum(counts) * plane_size)
    check_number(cells, max_cells)
    parents = read_parents(data[HEADER:first_plane].tolist(), features)

    stored = data[first_plane:].reshape(-1, plane_size)
    check_after_last(stored, cells)
    gaps, x, y, phenotypes = np.split(stored, np.cumsum(counts[:-1]))
    return Cells(
        decode_axis("x", x, cells, header[21] >= DIFFERENCES, unsigned(header, 12, 4)),
        decode_axis("y", y, cells, header[22] >= DIFFERENCES, unsigned(header, 16, 4)),
        decode_phenotypes(phenotypes, cells, features, parents, base_phenotypes),
        decode_ids(gaps, cells, unsigned(header, 8, 4)),
    )


def impossible(field: str, value: int) -> PayloadError:
    return PayloadError(f"the header has an invalid {field}: {value}")


def unsigned(header: bytes, offset: int, size: int) -> int:
    return int.from_bytes(header[offset : offset + size], "little")


def check_bytes(header: bytes, offset: int, expected: bytes) -> None:
    for at, byte in enumerate(expected, offset):
        if header[at] != byte:
            raise PayloadError(f"byte {at} is {header[at]} instead of {byte}")


def check_length(data: Bytes, cells: int, expected: int) -> None:
    if len(data) != expected:
        raise PayloadError(
            f"the header gives {cells} cells, so the payload must have {expected} bytes, but it has {len(data)}"
        )


def read_parents(parents: list[int], features: list[int]) -> dict[int, int]:
    """Return the parent of each feature that has one."""
    of_feature = {feature: parent for feature, parent in zip(features, parents) if parent != NO_PARENT}
    for feature, parent in of_feature.items():
        if parent >= feature or parent not in features:
            raise PayloadError(
                f"the parent of feature {feature} is {parent}, which is not a lower feature with a plane"
            )
    return of_feature


def check_after_last(planes: Bytes, cells: int) -> None:
    if cells % 8 and (planes[:, -1] >> cells % 8).any():
        raise PayloadError("a plane has bits set after the last cell")


def numbers_of(planes: Sequence[Bytes | None], cells: int, width: int) -> Bytes:
    """Convert planes to numbers.  The planes come lowest bit first; None is a plane of zeros.

    The result has a row for each cell, which holds the width bytes of its
    little-endian number.
    """
    numbers = np.zeros(((cells + 7) // 8 * 8, width), np.uint8)
    for at in range(0, len(planes), 8):
        eight = planes[at : at + 8]
        if any(plane is not None for plane in eight):
            numbers[:, at // 8] = bytes_of(eight, (cells + 7) // 8)
    return numbers[:cells]


def bytes_of(planes: Sequence[Bytes | None], plane_size: int) -> Bytes:
    """Return for each cell the byte of its bits in at most eight planes.

    The bytes at one place of eight planes form a square of 8 x 8 bits, here a
    uint64.  To transpose it, swap the off-diagonal quarters of ever larger
    squares (Warren, Hacker's Delight, 7-3): 1, 2, then 4 bits wide.
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
        raise PayloadError("the first gap of cell_id is not 0")
    check_topmost(planes, "cell_id")
    # The sum of 2^26 gaps below 2^32 does not overflow.
    last = first + int(gaps.sum(dtype=np.uint64)) + cells - 1
    if last >= 2**32:
        raise PayloadError(f"the last cell_id would be {last}, above the maximum of {2**32 - 1}")
    steps = gaps
    steps += np.uint32(1)
    steps[0] = first
    return np.cumsum(steps, dtype=np.uint32, out=steps)


def decode_axis(axis: str, planes: Bytes, cells: int, differences: bool, base: int) -> NDArray[np.int32]:
    """Decode the coordinates of an axis.  base is the int32 in the header, as a uint32."""
    codes = uint32_of(planes, cells)
    # Modulo 2^32, arithmetic of int32 and of uint32 is the same.
    if differences:
        if codes[0]:
            raise PayloadError(f"the first difference of {axis} is not 0")
        check_topmost(planes, axis)
        steps = codes >> np.uint32(1) ^ -(codes & np.uint32(1))
        values = np.cumsum(steps, dtype=np.uint32)
    else:
        largest = (2**31 - 1 - base) % 2**32
        outside = codes > largest
        if outside.any():
            at = int(outside.argmax())
            value = (base + 2**31) % 2**32 - 2**31 + int(codes[at])
            raise PayloadError(
                f"{axis} of the cell at position {at} would be {value}, above the maximum of {2**31 - 1}"
            )
        if axis == "y" or len(planes) > 1:
            check_topmost(planes, axis)
        if codes.min():
            raise PayloadError(f"the base of {axis} in the header is not the minimum of the cells")
        values = codes
    values += np.uint32(base)
    return values.view(np.int32)


def check_topmost(planes: Bytes, field: str) -> None:
    if len(planes) and not planes[-1].any():
        raise PayloadError(f"the header gives more planes of {field} than needed: the topmost is all zero")


def decode_phenotypes(
    stored: Bytes, cells: int, features: list[int], parents: dict[int, int], base_phenotypes: int
) -> NDArray[np.uint64]:
    planes: dict[int, Bytes] = {}
    last = np.uint8(2 ** (cells % 8 or 8) - 1)
    for feature, plane in zip(features, stored):
        parent = parents.get(feature)
        planes[feature] = plane if parent is None else plane ^ planes[parent]
        inner, end = planes[feature][:-1], planes[feature][-1]
        if (end == 0 and not inner.any()) or (end == last and (inner == 255).all()):
            raise PayloadError(f"feature {feature} has a plane, although all cells have the same bit")

    # The bit of a feature without a plane is that of the base phenotypes.
    numbers = numbers_of([planes.get(feature) for feature in range(64)], cells, 8).view("<u8")[:, 0]
    phenotypes = numbers.astype(np.uint64, copy=False)
    phenotypes ^= np.uint64(base_phenotypes)
    return phenotypes
