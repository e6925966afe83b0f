"""Arguments and results of decode; errors and their texts; hostile bytes."""

from __future__ import annotations

import random
import re
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from vectors import MALFORMED, VALID, Vector, named

from cell_binary import Cells, PayloadError, decode

EXAMPLE = {layout: named(f"{layout}: the example of format.md") for layout in ("compact", "spt", "dense", "arrow")}
LAYOUTS = list(EXAMPLE)


def columns(cells: Cells) -> list[np.ndarray[Any, Any]]:
    ids = [] if cells.cell_id is None else [cells.cell_id]
    return [cells.x, cells.y, cells.phenotypes, *ids]


# ---- results ----


def test_layout_compact_is_the_default() -> None:
    cells = decode(EXAMPLE["compact"])
    assert cells.x.tolist() == [10, -4]
    assert cells.cell_id is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_types(layout: str) -> None:
    for payload in EXAMPLE[layout], named(f"{layout}: 0 cells"):
        cells = decode(payload, layout)
        kind = np.uint32 if layout == "spt" else np.int32
        assert cells.x.dtype.newbyteorder("=") == kind
        assert cells.y.dtype.newbyteorder("=") == kind
        assert cells.phenotypes.dtype == np.uint64
        if cells.cell_id is not None:
            assert cells.cell_id.dtype.newbyteorder("=") == np.uint32
        assert all(column.shape == (len(cells),) for column in columns(cells))


@pytest.mark.parametrize("layout", ["compact", "spt", "arrow"])
def test_nothing_is_copied(layout: str) -> None:
    payload = bytearray(named(f"{layout}: 9 cells"))
    cells = decode(payload, layout)
    whole = np.frombuffer(payload, np.uint8)
    assert all(np.shares_memory(column, whole) for column in columns(cells))

    # A change of the payload shows in the array: change two bytes of the first cell's phenotypes.
    before = int(cells.phenotypes[0])
    at = bytes(payload).index(cells.phenotypes[0].tobytes())
    payload[at] ^= 1
    payload[at + 7] ^= 0x80
    assert int(cells.phenotypes[0]) == before ^ 0x8000000000000001


@pytest.mark.parametrize("layout", ["compact", "spt"])
def test_arrays_are_read_only_if_the_payload_is(layout: str) -> None:
    for column in columns(decode(EXAMPLE[layout], layout)):
        assert not column.flags.writeable
        with pytest.raises(ValueError):
            column[0] = 1
    payload = bytearray(EXAMPLE[layout])
    decode(payload, layout).x[1] = 77
    assert payload != EXAMPLE[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_keep_the_payload_alive(layout: str) -> None:
    expected = columns(decode(EXAMPLE[layout], layout))
    again = columns(decode(bytearray(EXAMPLE[layout]), layout))
    assert [column.tolist() for column in again] == [column.tolist() for column in expected]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_contiguous_buffer(layout: str) -> None:
    payload = EXAMPLE[layout]
    expected = decode(payload, layout).phenotypes.tolist()
    unaligned = memoryview(b"?" + payload)[1:]
    array = np.frombuffer(payload, np.uint8)
    buffers: list[Any] = [bytearray(payload), memoryview(payload), unaligned, array, array.reshape(2, -1)]
    for buffer in buffers:
        assert decode(buffer, layout).phenotypes.tolist() == expected


def test_arguments_that_are_not_buffers() -> None:
    strided = np.frombuffer(EXAMPLE["compact"], np.uint8)[::2]
    for payload in "text", 4, None, strided:
        with pytest.raises(TypeError):
            decode(payload)  # type: ignore[arg-type]


def test_version() -> None:
    here = Path(__file__).resolve()
    extension = re.search(r"^default_version = '(.*)'", (here.parents[3] / "cell_binary.control").read_text(), re.MULTILINE)
    package = re.search(r'^version = "(.*)"', (here.parents[1] / "pyproject.toml").read_text(), re.MULTILINE)
    assert extension and package and package[1] == extension[1]


# ---- errors ----


def test_unknown_layout() -> None:
    with pytest.raises(ValueError, match=re.escape('unknown layout "dence"; the layouts are compact, spt, dense, arrow')):
        decode(b"", "dence")


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("intensity", '"intensity" is decoded with decode_intensities(payload, channels)'),
        ("subsample", '"subsample" is decoded with decode_subsample(payload)'),
    ],
)
def test_layouts_of_other_functions(layout: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        decode(b"", layout)


def edited(layout: str, at: int, value: bytes) -> bytes:
    payload = bytearray(EXAMPLE[layout])
    payload[at : at + len(value)] = value
    return bytes(payload)


# The payloads are edited from the two cells of the example in format.md.
TEXTS = [
    ("compact", b"\1\0", "the header takes 4 bytes, but the payload has only 2"),
    ("compact", edited("compact", 0, b"\3"), "the header gives 3 cells, so the payload must have 52 bytes, but it has 36"),
    ("spt", edited("spt", 40, b"\0\0\0\3"), "the cell at position 1 has cell_id 3, which is not above the previous cell_id 3"),
    ("spt", edited("spt", 11, b"\x10"), "the maximum x is 16 in the header, but 15 in the cells"),
    ("dense", EXAMPLE["dense"][:39], "the header takes 40 bytes, but the payload has only 39"),
    ("dense", edited("dense", 0, b"c"), "byte 0 is 99 instead of 67"),
    ("dense", edited("dense", 7, b"\4"), "the header has an invalid number of cells: 67108866"),
    ("dense", edited("dense", 20, b"\x21"), "the header has an invalid number of planes of cell_id: 33"),
    ("dense", edited("dense", 21, b"\0"), "the header has an invalid byte for the planes of x: 0"),
    ("dense", edited("dense", 22, b"\x80"), "the header has an invalid byte for the planes of y: 128"),
    ("dense", edited("dense", 4, b"\x09"), "the header gives 9 cells, so the payload must have 78 bytes, but it has 60"),
    ("dense", edited("dense", 41, b"\3"), "the parent of feature 63 is 3, which is not a lower feature with a plane"),
    ("dense", edited("dense", 59, b"\4"), "a plane has bits set after the last cell"),
    ("dense", edited("dense", 42, b"\3"), "the first gap of cell_id is not 0"),
    ("dense", edited("dense", 43, b"\0"), "the header gives more planes of cell_id than needed: the topmost is all zero"),
    ("dense", edited("dense", 8, b"\xfc\xff\xff\xff"), "the last cell_id would be 4294967296, above the maximum of 4294967295"),
    ("dense", edited("dense", 48, b"\1"), "the first difference of y is not 0"),
    ("dense", edited("dense", 47, b"\0"), "the header gives more planes of x than needed: the topmost is all zero"),
    ("dense", edited("dense", 45, b"\3"), "the base of x in the header is not the minimum of the cells"),
    ("dense", edited("dense", 12, b"\xff\xff\xff\x7f"), "x of the cell at position 0 would be 2147483661, above the maximum of 2147483647"),
    ("dense", edited("dense", 58, b"\0"), "feature 2 has a plane, although all cells have the same bit"),
    ("arrow", EXAMPLE["arrow"][:700], "not an Arrow stream: "),
]


@pytest.mark.parametrize(("layout", "payload", "text"), TEXTS)
def test_texts(layout: str, payload: bytes, text: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(text)):
        decode(payload, layout)


# ---- layout arrow ----


def test_arrow_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=re.escape('pip install "cell-binary[arrow]"')):
        decode(EXAMPLE["arrow"], "arrow")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("raise ImportError('numpy.core.multiarray failed to import')", "numpy.core.multiarray failed to import"),
        ("import pyarrow.missing", "No module named 'pyarrow.missing'"),
        ("import missing_of_pyarrow", "No module named 'missing_of_pyarrow'"),
    ],
)
def test_arrow_with_a_pyarrow_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, text: str
) -> None:
    """pyarrow is installed, and installing it again would not help: its own error is shown."""
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=f"^{re.escape(text)}$"):
        decode(EXAMPLE["arrow"], "arrow")


def arrow_stream(table: Any, max_chunksize: int = 1000, options: Any = None) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=max_chunksize)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return, unused-ignore]


def test_other_arrow_streams() -> None:
    table = pyarrow.ipc.open_stream(EXAMPLE["arrow"]).read_all()
    in_batches = decode(arrow_stream(table, max_chunksize=1), "arrow")
    assert in_batches.x.tolist() == [10, -4]
    assert in_batches.cell_id is not None and in_batches.cell_id.tolist() == [3, 7]

    without_batch = decode(arrow_stream(table.slice(0, 0)), "arrow")
    assert len(without_batch) == 0 and without_batch.phenotypes.dtype == np.uint64

    floats = table.set_column(1, "x", pyarrow.array([1.5, 2.5]))
    nulls = table.set_column(1, "x", pyarrow.array([1, None], pyarrow.int32()))
    twice = table.append_column("x", table.column("x"))
    for other, text in [
        (floats, 'column "x" of the Arrow stream has type double, not int32'),
        (nulls, 'column "x" of the Arrow stream must not have nulls, but has 1'),
        (twice, 'the Arrow stream has 2 columns named "x" instead of one'),
        (table.drop_columns(["x"]), 'the Arrow stream has 0 columns named "x" instead of one'),
    ]:
        with pytest.raises(PayloadError, match=text):
            decode(arrow_stream(other), "arrow")


def hostile_batches() -> dict[str, bytes]:
    """Streams of a few hundred bytes that would make pyarrow copy or allocate any amount of memory."""
    table = pyarrow.ipc.open_stream(EXAMPLE["arrow"]).read_all()
    ipc = pyarrow.ipc
    streams = {}
    for codec, magic in ("lz4", "04224d18"), ("zstd", "28b52ffd"):
        stream = arrow_stream(table, options=ipc.IpcWriteOptions(compression=codec))
        before_frame = stream.index(bytes.fromhex(magic)) - 8
        claims = stream[:before_frame] + struct.pack("<q", 2**33) + stream[before_frame + 8 :]
        streams[codec] = stream
        streams[f"{codec} of 8 GB"] = claims
    categories = pyarrow.array(["a", "b"]).dictionary_encode()
    with_dictionary = arrow_stream(
        table.append_column("c", categories).slice(0, 1), options=ipc.IpcWriteOptions(compression="zstd")
    )
    streams["compressed dictionary"] = with_dictionary

    batch = table.to_batches()[0]
    sink = pyarrow.BufferOutputStream()
    with ipc.new_stream(
        sink, batch.schema, options=ipc.IpcWriteOptions(metadata_version=ipc.MetadataVersion.V4)
    ) as writer:
        writer.write_batch(batch, custom_metadata={"ARROW:experimental_compression": "zstd"})
    streams["old"] = sink.getvalue().to_pybytes()

    # Point the omitted field endianness of the schema to a place that holds a 1.
    swapped = bytearray(EXAMPLE["arrow"])
    assert swapped[204:206] == b"\1\0"
    swapped[48:50] = struct.pack("<H", 204 - 52)
    streams["big-endian"] = bytes(swapped)

    claims_cells = bytearray(EXAMPLE["arrow"])
    for at in 344, 360, 376, 392, 408:
        struct.pack_into("<q", claims_cells, at, 2**40)
    streams["2^40 cells"] = bytes(claims_cells)
    return streams


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lz4", "the Arrow stream is compressed: write it without compression"),
        ("lz4 of 8 GB", "the Arrow stream is compressed"),
        ("zstd", "the Arrow stream is compressed"),
        ("zstd of 8 GB", "the Arrow stream is compressed"),
        ("compressed dictionary", "the Arrow stream is compressed"),
        ("old", "the Arrow stream is older than Arrow 1.0: write it with metadata version V5"),
        ("big-endian", "the Arrow stream is big-endian: write it little-endian"),
        ("2^40 cells", "not an Arrow stream: "),
    ],
)
def test_arrow_streams_that_would_take_memory(name: str, text: str) -> None:
    payload = hostile_batches()[name]
    before = pyarrow.default_memory_pool().max_memory()
    with pytest.raises(PayloadError, match=f"^{re.escape(text)}"):
        decode(payload, "arrow", max_cells=None)
    assert pyarrow.default_memory_pool().max_memory() - before < 100_000


def test_other_columns_of_arrow() -> None:
    table = pyarrow.ipc.open_stream(EXAMPLE["arrow"]).read_all()
    categories = pyarrow.array(["a", "b"]).dictionary_encode()
    table = table.add_column(0, "category", categories).append_column("name", pyarrow.array(["c", None]))
    for max_chunksize in 1000, 1:
        cells = decode(arrow_stream(table, max_chunksize), "arrow")
        assert cells.x.tolist() == [10, -4] and cells.phenotypes.tolist() == [5, 2**63 + 1]


# ---- memory ----


@pytest.mark.parametrize("layout", LAYOUTS)
def test_max_cells(layout: str) -> None:
    payload = named(f"{layout}: 9 cells")
    for enough in 9, 10, None:
        assert len(decode(payload, layout, max_cells=enough)) == 9
    text = (
        "the payload has 9 cells, more than the limit of 8: "
        "to decode it, pass a larger max_cells, or None for no limit"
    )
    with pytest.raises(PayloadError, match=f"^{re.escape(text)}$"):
        decode(payload, layout, max_cells=8)
    assert len(decode(named(f"{layout}: 0 cells"), layout, max_cells=0)) == 0


def test_max_cells_of_several_batches() -> None:
    table = pyarrow.ipc.open_stream(named("arrow: 9 cells")).read_all()
    payload = arrow_stream(table, max_chunksize=2)
    assert len(decode(payload, "arrow", max_cells=9)) == 9
    with pytest.raises(PayloadError, match="the payload has 9 cells, more than the limit of 8"):
        decode(payload, "arrow", max_cells=8)


def test_few_bytes_do_not_become_many_cells() -> None:
    cells = 2**26 - 1
    planes = bytes(cells // 8 + 1)  # x of each cell: one bit, 0
    payload = struct.pack("<4sI13xB18x", b"CBD\1", cells, 1) + planes
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError, match="the payload has 67108863 cells, more than the limit of 16777216"):
            decode(payload, "dense")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def widest_dense(cells: int) -> bytes:
    """The payload that takes the most memory: all planes, and a parent for each feature but the first."""
    planes = np.random.default_rng(1).integers(0, 256, (1 + 32 + 32 + 64, cells // 8), np.uint8)
    planes[:65, 0] &= 0xFE  # no gap and no difference before the first cell
    header = struct.pack("<4sIIiiBBBBQQ", b"CBD\1", cells, 0, 0, 0, 1, 32 + 128, 32 + 128, 0, 0, 2**64 - 1)
    return header + bytes([255, *range(63)]) + planes.tobytes()


def memory_of(payload: bytes, layout: str) -> tuple[int, int]:
    """Return the bytes that the cells take, and the peak while they are decoded."""
    tracemalloc.start()
    try:
        cells = decode(payload, layout)
        assert len(cells)
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_memory_of_dense() -> None:
    """The figures of README.md."""
    cells = 2**18
    kept, peak = memory_of(widest_dense(cells), "dense")
    assert 20 * cells <= kept < 20.1 * cells
    assert peak < 28.1 * cells


def test_memory_of_views() -> None:
    cells = 2**18
    compact = struct.pack("<I", cells) + bytes(16 * cells)
    ids = np.arange(cells, dtype=">u4")
    spt = struct.pack(">5I", cells, 0, 0, 0, 0) + np.stack([ids, *[np.zeros_like(ids)] * 4], axis=1).astype(">u4").tobytes()
    columns = {name: np.zeros(cells, kind) for name, kind in [("x", np.int32), ("y", np.int32), ("phenotypes", np.uint64)]}
    arrow = arrow_stream(pyarrow.table({"cell_id": np.arange(cells, dtype=np.uint32), **columns}), cells)
    for layout, payload, transient in ("compact", compact, 0), ("spt", spt, 1), ("arrow", arrow, 0):
        kept, peak = memory_of(payload, layout)
        assert kept < 10_000
        assert peak < transient * cells + 100_000


def test_memory_of_many_batches() -> None:
    """20 bytes per cell, and nothing more for each batch."""
    table = pyarrow.ipc.open_stream(EXAMPLE["arrow"]).read_all()
    batches = 4000
    payload = arrow_stream(pyarrow.concat_tables([table] * (batches // 2)), max_chunksize=1)
    kept, peak = memory_of(payload, "arrow")
    assert kept < 20 * batches + 10_000
    assert peak < 20 * batches + 50_000


# ---- hostile bytes ----


def check_hostile(payload: bytes, layout: str) -> bool:
    """Check that decoding gives cells within the rules of the layout, or raises PayloadError."""
    try:
        cells = decode(payload, layout)
    except PayloadError:
        return False
    assert all(len(column) == len(cells) for column in columns(cells))
    assert len(cells) <= 8 * len(payload)
    if cells.cell_id is not None and layout != "arrow":
        assert (np.diff(cells.cell_id.astype(np.int64)) > 0).all()
    return True


def mutated(payload: bytes, chance: random.Random) -> bytes:
    edit = bytearray(payload)
    for _ in range(chance.randint(1, 3)):
        kind = chance.randrange(6)
        if kind == 0:
            del edit[chance.randrange(len(edit) + 1) :]
        elif kind == 1:
            edit += chance.randbytes(chance.randrange(24))
        elif kind == 2 and len(edit) >= 8:
            struct.pack_into("<I", edit, 4 * chance.randrange(2), chance.choice([0, 1, 2**26 - 1, 2**28, 2**32 - 1]))
        elif edit:
            at = chance.randrange(len(edit) if kind < 5 else min(len(edit), 48))
            edit[at] ^= 1 << chance.randrange(8)
    return bytes(edit)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mutated_payloads(layout: str) -> None:
    chance = random.Random(layout)
    small = [vector.payload for vector in VALID if vector.layout == layout and len(vector.payload) < 2000]
    accepted = sum(check_hostile(mutated(chance.choice(small), chance), layout) for _ in range(4000))
    assert 100 < accepted < 3900


@pytest.mark.parametrize("layout", LAYOUTS)
def test_random_bytes(layout: str) -> None:
    chance = random.Random(layout)
    for _ in range(2000):
        payload = chance.randbytes(chance.randrange(120))
        check_hostile(payload, layout)
        check_hostile(b"CBD\1" + bytes([chance.randrange(20), 0, 0, 0]) + payload, layout)
        check_hostile(EXAMPLE["arrow"][: chance.randrange(576)] + payload, layout)


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: vector.name)
def test_a_header_alone_takes_no_memory(vector: Vector) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError):
            vector.decode()
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_payloads_of_other_layouts(layout: str) -> None:
    for vector in VALID + MALFORMED:
        check_hostile(vector.payload, layout)
