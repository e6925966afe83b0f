"""Positions: their unit, the size of a pixel, and how many cells share one.

A payload has whole pixels. The positions of a map are multiplied by a factor so that their unit
becomes a pixel, and a payload leaves out the fractions. Positions in millimetres would all become
the same few pixels.
"""

import re
from dataclasses import dataclass

import duckdb
from engine import MADE
from errors import LoadError
from mapping import NAMED, UNITS, Map
from names import folded

WARNING, ERROR = 0.01, 0.2      # the share of cells that share a pixel with another cell
SUGGESTIONS = {
    "millimetre": "mm|millimet(?:er|re)s?",
    "micrometre": "\N{GREEK SMALL LETTER MU}m|um|microns?|micromet(?:er|re)s?",
    "pixel": "px|pixels?",
}


@dataclass(frozen=True)
class Scale:
    unit: str                               # of the positions in the source
    factor: float                           # from that unit to pixels
    micrometres_per_pixel: float | None     # None if it is not known
    suggested: tuple[str, str] | None       # a column, and the unit that its name suggests
    given: bool                             # whether the user or the map says how to scale


@dataclass(frozen=True)
class Extent:
    x: tuple[float, float]
    y: tuple[float, float]
    shared: int                             # cells in a pixel with another cell of the sample


def scale_of(map: Map, names: dict[str, list[str]]) -> Scale:
    """Return how the positions of a map become pixels.

    `names` has the names in the source of each column of the map.

    If only the size of a pixel is given, the names of the columns tell the unit. Without a size,
    a pixel is a micrometre, unless the positions are in pixels already.
    """
    settings, suggested = map.settings, suggested_unit(map, names)
    size = settings.micrometres_per_pixel
    unit = settings.unit or (NAMED if size else "pixel")
    if unit == NAMED:
        unit = suggested[1] if suggested else "pixel"
    times = settings.scale or 1.0
    if in_micrometres := UNITS[unit]:
        size = size or 1.0
        factor = in_micrometres / size * times
    else:
        factor = times
    given = bool(settings.scale or size or UNITS[unit])
    return Scale(unit, factor, size / times if size else None, suggested, given)


def suggested_unit(map: Map, names: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return the column of a position whose name in the source contains a unit, and the unit."""
    there = [name for column in map.positions for name in names.get(column.casefold(), [])]
    for unit, pattern in SUGGESTIONS.items():
        for column in there:
            if re.search(rf"(?<![^\W_])({pattern})(?![^\W_])", folded(column)):
                return column, unit
    return None


def extent_of(engine: duckdb.DuckDBPyConnection) -> Extent | None:
    """Return the extent of the cells that were made, or None if there are none."""
    bounds = engine.execute(f"SELECT min(x), max(x), min(y), max(y) FROM {MADE}").fetchone()
    if bounds[0] is None:
        return None
    # The hash of 64 bits takes less memory than the name of the sample.
    shared = engine.execute(
        f"""SELECT coalesce(sum(cells), 0)::BIGINT FROM (
            SELECT count(*) AS cells FROM {MADE}
            GROUP BY hash(sample, trunc(x)::INTEGER, trunc(y)::INTEGER) HAVING cells > 1)
        """).fetchone()[0]
    return Extent(bounds[:2], bounds[2:], shared)


def shown(scale: Scale, extent: Extent) -> str:
    """Return the extent and the unit for the report."""
    size = "of unknown size"
    if scale.micrometres_per_pixel:
        size = f"of {scale.micrometres_per_pixel:g} micrometres"
    origin = f", from {scale.unit}s" if scale.unit != "pixel" else ""
    if scale.factor != 1:
        origin += f" times {scale.factor:g}"
    ranges = ", ".join(
        f"{axis} {least:,.6g} to {greatest:,.6g}"
        for axis, (least, greatest) in (("x", extent.x), ("y", extent.y)))
    return f"positions: {ranges} in pixels {size}{origin}"


def warning(scale: Scale, extent: Extent, cells: int) -> str | None:
    """Return a warning if many cells share a pixel, or raise an error if very many do."""
    share = extent.shared / max(cells, 1)
    if share <= WARNING:
        return None
    x, y = (f"{least:.6g} to {greatest:.6g}" for least, greatest in (extent.x, extent.y))
    text = (f"{extent.shared:,} of {cells:,} cells ({share:.0%}) share a pixel with another cell, "
            f"because a payload has whole pixels (x {x}, y {y})")
    if scale.suggested and scale.suggested[1] not in (scale.unit, "pixel"):
        column, unit = scale.suggested
        text += (f": the name of column {column} suggests --unit {unit}, with --pixel-size for the "
                 "micrometres of a pixel")
    else:
        text += (": if the positions are not in pixels, give their unit with --unit and the "
                 "micrometres of a pixel with --pixel-size; --scale multiplies them")
    if share > ERROR and not scale.given:
        raise LoadError(f"{text}; --scale 1 loads them as they are")
    return text
