"""Layout intensity: payloads made by hand and of random cells, the numbers of codes, and errors."""

from __future__ import annotations

import random
import re
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from vectors import VALID, VECTORS, named

from cell_binary import CODE_VALUES, Intensities, PayloadError, decode_intensities

# Cells 3 and 7 with two channels: the example of intensities in format.md.
EXAMPLE = bytes.fromhex("00000003 38ff 00000007 df00")


def written(cells: list[tuple[int, list[int]]]) -> bytes:
    return b"".join(struct.pack(">I", cell_id) + bytes(codes) for cell_id, codes in cells)


def read(intensities: Intensities) -> list[tuple[int, list[int]]]:
    return list(zip(intensities.cell_id.tolist(), intensities.codes.tolist()))


# ---- results ----


def test_example() -> None:
    intensities = decode_intensities(EXAMPLE, 2)
    assert len(intensities) == 2 and intensities.channels == 2
    assert intensities.cell_id.tolist() == [3, 7]
    assert intensities.codes.tolist() == [[0x38, 0xFF], [0xDF, 0]]
    assert intensities.values[:, 1].tolist() == [1, 0]
    assert intensities.values[:, 0].round(5).tolist() == [0.00996, 0.49801]
    assert repr(intensities) == "<2 cells with 2 intensities each>"


@pytest.mark.parametrize("channels", [1, 2, 7, 63, 64])
def test_random_cells(channels: int) -> None:
    chance = random.Random(channels)
    for cells in 0, 1, 2, 100:
        ids = sorted(chance.sample(range(2**32), cells))
        if cells > 1:
            ids[0], ids[-1] = 0, 2**32 - 1
        expected = [(cell_id, list(chance.randbytes(channels))) for cell_id in ids]
        intensities = decode_intensities(written(expected), channels)
        assert read(intensities) == expected
        assert intensities.codes.shape == intensities.values.shape == (cells, channels)
        assert intensities.codes.dtype == np.uint8
        assert intensities.values.dtype == np.float64
        assert intensities.cell_id.dtype.newbyteorder("=") == np.uint32


def test_empty_payload() -> None:
    for channels in 1, 8, 64:
        intensities = decode_intensities(b"", channels, max_cells=0)
        assert len(intensities) == 0 and intensities.channels == channels
        assert intensities.values.shape == (0, channels)


def test_nothing_is_copied() -> None:
    payload = bytearray(EXAMPLE)
    intensities = decode_intensities(payload, 2)
    payload[5] = 9
    assert intensities.codes.tolist() == [[0x38, 9], [0xDF, 0]]
    intensities.codes[1, 1] = 5
    assert payload[11] == 5
    for array in decode_intensities(EXAMPLE, 2).cell_id, decode_intensities(EXAMPLE, 2).codes:
        assert not array.flags.writeable


def test_any_contiguous_buffer() -> None:
    array = np.frombuffer(EXAMPLE, np.uint8)
    buffers: list[Any] = [memoryview(b"?" + EXAMPLE)[1:], array, array.reshape(2, 6), array.view("<u4")]
    for buffer in buffers:
        assert read(decode_intensities(buffer, 2)) == read(decode_intensities(EXAMPLE, 2))
    for payload in "text", 4, None, array[::2]:
        with pytest.raises(TypeError):
            decode_intensities(payload, 2)  # type: ignore[arg-type]


def test_selecting() -> None:
    expected = [(cell_id, [cell_id, 255 - cell_id, 0]) for cell_id in range(20)]
    intensities = decode_intensities(written(expected), 3)
    for index, positions in [
        (slice(3, 18, 7), [3, 10, 17]),
        ([5, 2, 5], [5, 2, 5]),
        (np.arange(20) % 9 == 2, [2, 11]),
        (4, [4]),
        (np.int64(-1), [19]),
    ]:
        assert read(intensities[index]) == [expected[at] for at in positions]
    assert np.shares_memory(intensities[2:].codes, intensities.codes)
    for missing in 20, np.array([True]):
        with pytest.raises(IndexError):
            intensities[missing]


# ---- the numbers of codes ----


def test_all_codes() -> None:
    """The formula of format.md, and the steps of src/smprofiler/minifloat.h: the same bits."""
    for code in range(256):
        exponent, fraction = code >> 5, code & 31
        value = float(CODE_VALUES[code])
        assert value == 1 / 251 * ((fraction / 32 + 1) * 2**exponent - 1)
        (shifted,) = struct.unpack("<d", struct.pack("<Q", ((1023 << 5) + code) << 47))
        assert value == (shifted - 1) * (1 / 251)
    assert CODE_VALUES[0] == 0 and CODE_VALUES[255] == 1
    assert CODE_VALUES.dtype == np.float64
    for values in CODE_VALUES, CODE_VALUES.astype(np.float32):
        assert (np.diff(values) > 0).all()
    with pytest.raises(ValueError):
        CODE_VALUES[0] = 1


def test_values_are_those_of_the_codes() -> None:
    payload = written([(code, [code, 255 - code]) for code in range(256)])
    intensities = decode_intensities(payload, 2)
    assert (intensities.values[:, 0] == CODE_VALUES).all()
    assert (intensities.values[:, 1] == CODE_VALUES[::-1]).all()
    assert intensities.values.flags.writeable


# ---- errors ----


@pytest.mark.parametrize(
    ("payload", "channels", "text"),
    [
        (EXAMPLE, 0, "a payload of intensities has 1 to 64 channels, not 0"),
        (EXAMPLE, 65, "a payload of intensities has 1 to 64 channels, not 65"),
        (b"", -4, "a payload of intensities has 1 to 64 channels, not -4"),
        (EXAMPLE, 1, "a cell with 1 intensities takes 5 bytes, which do not divide the 12 bytes of the payload"),
        (EXAMPLE[:-1], 2, "a cell with 2 intensities takes 6 bytes, which do not divide the 11 bytes of the payload"),
        (b"\0\0\0\0", 64, "a cell with 64 intensities takes 68 bytes, which do not divide the 4 bytes of the payload"),
        (EXAMPLE * 2, 2, "the cell at position 2 has cell_id 3, which is not above the previous cell_id 7"),
        (EXAMPLE[:6] * 2, 2, "the cell at position 1 has cell_id 3, which is not above the previous cell_id 3"),
    ],
)
def test_texts(payload: bytes, channels: int, text: str) -> None:
    with pytest.raises(PayloadError, match=f"^{re.escape(text)}$"):
        decode_intensities(payload, channels)


def test_channels_that_are_not_an_integer() -> None:
    assert len(decode_intensities(EXAMPLE, np.int64(2))) == 2  # type: ignore[arg-type]
    for channels in 2.0, "2", None:
        with pytest.raises(TypeError):
            decode_intensities(EXAMPLE, channels)  # type: ignore[arg-type]


def test_max_cells() -> None:
    for enough in 2, None:
        assert len(decode_intensities(EXAMPLE, 2, max_cells=enough)) == 2
    with pytest.raises(PayloadError, match="^the payload has 2 cells, more than the limit of 1: "):
        decode_intensities(EXAMPLE, 2, max_cells=1)


def test_memory() -> None:
    """The figures of README.md."""
    cells, channels = 2**18, 8
    payload: Any = np.zeros(cells, np.dtype([("cell_id", ">u4"), ("codes", "u1", (channels,))]))
    payload["cell_id"] = np.arange(cells)
    tracemalloc.start()
    try:
        intensities = decode_intensities(payload, channels)
        kept, peak = tracemalloc.get_traced_memory()
        assert kept < 10_000 and peak < cells + 100_000
        values = intensities.values
        kept, peak = tracemalloc.get_traced_memory()
        assert values.nbytes <= kept <= peak < 8 * channels * cells + 100_000
    finally:
        tracemalloc.stop()


# ---- hostile bytes ----


def test_hostile_bytes() -> None:
    chance = random.Random(1)
    payloads = [vector.payload for vector in VECTORS] + [chance.randbytes(chance.randrange(120)) for _ in range(2000)]
    accepted = 0
    for payload in payloads:
        channels = chance.choice([1, 2, 8, 64])
        try:
            intensities = decode_intensities(payload, channels)
        except PayloadError:
            continue
        accepted += 1
        assert written(read(intensities)) == payload
        assert (np.diff(intensities.cell_id.astype(np.int64)) > 0).all()
    assert 50 < accepted < len(payloads) - 50


def test_changed_bytes() -> None:
    chance = random.Random(2)
    small = [vector.payload for vector in VALID if vector.layout == "intensity" and 0 < len(vector.payload) < 2000]
    accepted = 0
    for _ in range(4000):
        payload = bytearray(chance.choice(small))
        payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        if chance.randrange(3) == 0:
            del payload[chance.randrange(len(payload)) :]
        try:
            assert written(read(decode_intensities(payload, 8))) == payload
            accepted += 1
        except PayloadError:
            pass
    assert 100 < accepted < 3900


def test_other_channels_are_noticed_by_the_ids() -> None:
    payload = named("intensity: 65 cells")  # 780 bytes with 8 channels
    for channels in 1, 2, 6, 9, 11, 16:
        with pytest.raises(PayloadError):
            decode_intensities(payload, channels)
