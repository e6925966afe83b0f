"""Read the payloads of the PostgreSQL extension cell_binary as numpy arrays.

    cells = cell_binary.decode(payload)                     # layout compact
    cells = cell_binary.decode(payload, "dense")
    features = cell_binary.Features.from_json(response)
    cells.count(all_of=features.phenotypes("CD3"), none_of=features.phenotypes("CD8"))
"""

from .cells import Cells
from .decoding import decode
from .errors import PayloadError, UnknownFeature
from .features import Features

__all__ = ["Cells", "Features", "PayloadError", "UnknownFeature", "decode"]
