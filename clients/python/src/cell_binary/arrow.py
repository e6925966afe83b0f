"""Layout arrow: an Arrow IPC stream, which pyarrow opens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Cells
from .errors import PayloadError

COLUMNS = {"cell_id": np.uint32, "x": np.int32, "y": np.int32, "phenotypes": np.uint64}


def decode_arrow(data: NDArray[np.uint8]) -> Cells:
    """Any stream with these columns and no nulls is taken, by whoever wrote it.

    The columns of one record batch are views of the payload, always read-only;
    those of several are joined.
    """
    try:
        import pyarrow
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        # A pyarrow that is there but fails, as one made for another numpy does, says why itself.
        if error.name != "pyarrow":
            raise
        raise ImportError('layout arrow needs pyarrow: pip install "cell-binary[arrow]"') from error

    # pyarrow's errors have no common ancestor but these.
    try:
        with pyarrow.ipc.open_stream(pyarrow.py_buffer(data)) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise PayloadError(f"not an Arrow stream: {error}") from error
    columns = {name: read_column(table, name) for name in COLUMNS}
    return Cells(columns["x"], columns["y"], columns["phenotypes"], columns["cell_id"])


def read_column(table: Any, name: str) -> NDArray[Any]:
    expected = np.dtype(COLUMNS[name])
    positions = table.schema.get_all_field_indices(name)
    if len(positions) != 1:
        raise PayloadError(f'the Arrow stream has {len(positions)} columns "{name}" instead of one')
    column = table.column(positions[0])
    if str(column.type) != expected.name:
        raise PayloadError(f'column "{name}" of the Arrow stream is {column.type}, not {expected.name}')
    if column.null_count:
        raise PayloadError(f'column "{name}" of the Arrow stream has {column.null_count} nulls')
    chunks = [chunk.to_numpy(zero_copy_only=True) for chunk in column.chunks]
    return chunks[0] if len(chunks) == 1 else np.concatenate([np.empty(0, expected), *chunks])
