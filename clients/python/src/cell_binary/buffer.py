"""The bytes of a payload, as a numpy array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing_extensions import Buffer


def read_buffer(payload: bytes | bytearray | memoryview | Buffer) -> NDArray[np.uint8]:
    """Return a view of the payload.  Raises TypeError if payload is not a contiguous buffer."""
    view = memoryview(payload)
    if not view.c_contiguous:
        raise TypeError("payload must be a contiguous buffer")
    return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
