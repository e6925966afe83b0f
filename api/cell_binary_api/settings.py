"""The service's environment variables, which README.md describes."""

import math
import os
from urllib.parse import urlsplit


def number(name: str, default: float, least: float) -> float:
    text = os.environ.get(name, "") or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise SystemExit(f'{name} is "{text}", but must be a number of at least {least}')
    return value


def origins(name: str) -> list[str]:
    """A list of origins such as https://lab.example:8443, or * for all."""
    found = [origin.rstrip("/") for origin in os.environ.get(name, "").split()]
    for origin in found:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc
                              or origin != f"{parts.scheme}://{parts.netloc}"):
            raise SystemExit(f'{name} contains "{origin}", which is not an origin such as '
                             "https://lab.example")
    return found


DOWNLOADS = int(number("CELL_BINARY_DOWNLOADS", 12, 1))
PACKINGS = int(number("CELL_BINARY_PACKINGS", 8, 1))
STALL = number("CELL_BINARY_STALL", 60, 1)
ORIGINS = origins("CELL_BINARY_CORS_ORIGINS")
