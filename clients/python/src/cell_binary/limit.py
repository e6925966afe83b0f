"""The limit on the cells of a payload: the length of a payload does not limit them."""

from __future__ import annotations

from .errors import PayloadError

# More than three times the cells of the largest slides.  Decoding them takes less than 450 MiB.
MAX_CELLS = 2**24


def check_number(cells: int, max_cells: int | None) -> None:
    if max_cells is not None and not cells <= max_cells:
        raise PayloadError(
            f"the payload has {cells} cells, more than the limit of {max_cells}: "
            "to decode it, pass a larger max_cells, or None for no limit"
        )
