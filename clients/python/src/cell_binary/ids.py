"""The rule that each cell_id is above the one before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import PayloadError


def check_ascending(ids: NDArray[np.uint32]) -> None:
    descents = ids[1:] <= ids[:-1]
    if descents.any():
        at = int(descents.argmax()) + 1
        raise PayloadError(
            f"the cell at position {at} has cell_id {ids[at]}, which is not above the previous cell_id {ids[at - 1]}"
        )
