"""Layout arrow: an Arrow IPC stream, opened with pyarrow."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Cells
from .errors import PayloadError
from .limit import check_number

COLUMNS = {"cell_id": np.uint32, "x": np.int32, "y": np.int32, "phenotypes": np.uint64}

# Positions of fields in the tables of Arrow's Message.fbs and Schema.fbs, and a value.
MESSAGE_HEADER = 2
SCHEMA_ENDIANNESS = 0
LITTLE_ENDIAN = 0
DICTIONARY_BATCH_DATA = 1
RECORD_BATCH_COMPRESSION = 3


def decode_arrow(data: NDArray[np.uint8], max_cells: int | None) -> Cells:
    """Decode any plain stream with these columns and no nulls, whichever program wrote it.

    With one record batch, the columns are views of the payload, always read-only.
    With several, they are copied batch by batch, because a payload may have so
    many batches that the views of all of them would be larger than the cells.
    """
    try:
        import pyarrow
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        # An installed pyarrow that fails, such as one built for another numpy, reports the cause itself.
        if error.name != "pyarrow":
            raise
        raise ImportError('layout arrow needs pyarrow: pip install "cell-binary[arrow]"') from error

    payload = pyarrow.py_buffer(data)
    # pyarrow's errors have no narrower common ancestors than these.
    try:
        check_plain(pyarrow.ipc, payload)
        cells = 0
        columns = {name: np.empty(0, dtype) for name, dtype in COLUMNS.items()}
        for columns in read_batches(pyarrow.ipc, payload):
            cells += len(columns["x"])
        check_number(cells, max_cells)
        if cells > len(columns["x"]):
            columns = {name: np.empty(cells, dtype) for name, dtype in COLUMNS.items()}
            end = 0
            for batch in read_batches(pyarrow.ipc, payload):
                start, end = end, end + len(batch["x"])
                for name in COLUMNS:
                    columns[name][start:end] = batch[name]
    except PayloadError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise PayloadError(f"not an Arrow stream: {error}") from error
    return Cells(columns["x"], columns["y"], columns["phenotypes"], columns["cell_id"])


def check_plain(ipc: Any, payload: Any) -> None:
    """Refuse a stream that pyarrow would copy, because no header limits the memory of the copy.

    A compressed buffer can grow a thousandfold.  To swap a byte order, pyarrow
    copies each column, and many columns may share the same bytes.
    """
    for message in ipc.MessageReader.open_stream(payload):
        if message.metadata_version != ipc.MetadataVersion.V5:  # V4 had other kinds of compression
            raise PayloadError("the Arrow stream is older than Arrow 1.0: write it with metadata version V5")
        # pyarrow has verified that all tables and fields of a message lie in its metadata.
        metadata = message.metadata
        header = follow(metadata, field(metadata, follow(metadata, 0), MESSAGE_HEADER))
        if message.type == "schema":
            endianness = field(metadata, header, SCHEMA_ENDIANNESS)
            if endianness and struct.unpack_from("<h", metadata, endianness) != (LITTLE_ENDIAN,):
                raise PayloadError("the Arrow stream is big-endian: write it little-endian")
        elif message.type in ("record batch", "dictionary"):
            if message.type == "dictionary":
                header = follow(metadata, field(metadata, header, DICTIONARY_BATCH_DATA))
            if field(metadata, header, RECORD_BATCH_COMPRESSION):
                raise PayloadError("the Arrow stream is compressed: write it without compression")


def field(flatbuffer: Any, table: int, position: int) -> int:
    """Return the offset of a field of a table in a flatbuffer, or 0 if the table lacks the field."""
    (to_vtable,) = struct.unpack_from("<i", flatbuffer, table)
    vtable = table - to_vtable
    (size,) = struct.unpack_from("<H", flatbuffer, vtable)
    entry = 4 + 2 * position
    (offset,) = struct.unpack_from("<H", flatbuffer, vtable + entry) if entry < size else (0,)
    return table + offset if offset else 0


def follow(flatbuffer: Any, at: int) -> int:
    """Return the offset of the table that the offset at a place refers to."""
    (offset,) = struct.unpack_from("<I", flatbuffer, at)
    return at + int(offset)


def read_batches(ipc: Any, payload: Any) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of each record batch that has cells, as views of the payload."""
    with ipc.open_stream(payload) as stream:
        positions = [position_of(stream.schema, name) for name in COLUMNS]
    # Do not read other columns: there may be many.
    with ipc.open_stream(payload, options=ipc.IpcReadOptions(included_fields=positions)) as stream:
        for batch in stream:
            batch.validate(full=True)
            if batch.num_rows:
                yield {name: read_column(batch, name) for name in COLUMNS}


def position_of(schema: Any, name: str) -> int:
    positions = schema.get_all_field_indices(name)
    if len(positions) != 1:
        raise PayloadError(f'the Arrow stream has {len(positions)} columns named "{name}" instead of one')
    found, expected = str(schema.field(positions[0]).type), np.dtype(COLUMNS[name]).name
    if found != expected:
        raise PayloadError(f'column "{name}" of the Arrow stream has type {found}, not {expected}')
    return int(positions[0])


def read_column(batch: Any, name: str) -> NDArray[Any]:
    column = batch.column(name)
    if column.null_count:
        raise PayloadError(f'column "{name}" of the Arrow stream must not have nulls, but has {column.null_count}')
    # In older versions of pyarrow, to_numpy looks for pandas at each call.
    return np.frombuffer(column.buffers()[1], COLUMNS[name], len(column))
