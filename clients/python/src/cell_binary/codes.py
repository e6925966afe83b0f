"""The numbers that codes stand for.  A code is an intensity in one byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCALE = 1.0 / 251.0


def values_of_codes() -> NDArray[np.float64]:
    # A code has 3 bits of exponent, then 5 bits of fraction.
    values = np.array([SCALE * ((1 + (code & 31) / 32) * 2.0 ** (code >> 5) - 1) for code in range(256)])
    values.flags.writeable = False
    return values


CODE_VALUES = values_of_codes()
"""The number of each code, from 0 for code 0 to 1 for code 255: float64, ascending, read-only.

CODE_VALUES[codes] is an array of the numbers of an array of codes.  The numbers
have the same bits as those of the SQL function cell_minifloat_decode.  Rounded
to float32 they still ascend, but some are then below the number of their code.
To encode such a number gives the code below.
"""
