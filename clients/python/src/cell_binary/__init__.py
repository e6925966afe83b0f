"""Read the payloads of the PostgreSQL extension cell_binary as numpy arrays.

    cells = cell_binary.decode(payload)                     # layout compact
    cells = cell_binary.decode(payload, "dense")
    features = cell_binary.Features.from_json(response)
    cells.count(all_of=features.phenotypes("CD3"), none_of=features.phenotypes("CD8"))

    intensities = cell_binary.decode_intensities(payload, channels=len(features))
    subsample = cell_binary.decode_subsample(payload)       # of a study
"""

from .cells import Cells
from .codes import CODE_VALUES
from .decoding import decode
from .errors import PayloadError, UnknownFeature, UnknownSample
from .features import Features
from .intensities import Intensities, decode_intensities
from .subsample import Subsample, SubsampleSample, decode_subsample

__all__ = [
    "CODE_VALUES",
    "Cells",
    "Features",
    "Intensities",
    "PayloadError",
    "Subsample",
    "SubsampleSample",
    "UnknownFeature",
    "UnknownSample",
    "decode",
    "decode_intensities",
    "decode_subsample",
]
