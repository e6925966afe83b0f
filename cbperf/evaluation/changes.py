"""Find change points in the history of one process on one host, with Apache Otava (E-divisive, then t-tests)."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from otava.analysis import compute_change_points

FEWEST = 8               # runs; with fewer runs, even a step of 10 % in normal noise is often not significant
SIGNIFICANT = 0.0001     # p; strict, because the search takes the smallest p of all places, in several measures
SMALLEST = 0.01          # relative change that is worth reporting


class TooFew(Exception):
    """There are too few runs to distinguish a change from noise."""


@dataclass(frozen=True)
class Change:
    """The runs from `index` on have another level. `before` and `after` are the means of the runs up to the adjacent changes, in the measure's unit."""

    index: int               # in the given history
    time: str | datetime     # start of the first run after the change
    measure: str
    before: float
    after: float
    ratio: float
    p: float


def find(history: list[dict], measure: str) -> list[Change]:
    """The change points of one measure, oldest first.

    `history` has the runs, oldest first, each with "started" and the median of the measure. Runs in which the median is missing
    or None are ignored. Raises TooFew.
    """
    places = [index for index, run in enumerate(history) if run.get(measure) is not None]
    if len(places) < FEWEST:
        raise TooFew(f"too few runs to find changes: {len(places)} instead of at least {FEWEST}")
    with np.errstate(divide="ignore", invalid="ignore"):   # for counts that never vary, every difference is significant
        found, _ = compute_change_points([float(history[place][measure]) for place in places], max_pvalue=SIGNIFICANT, min_magnitude=SMALLEST)
    changes = []
    for point in found:
        place, stats = places[point.index], point.stats
        before, after = float(stats.mean_1), float(stats.mean_2)
        changes.append(Change(place, history[place]["started"], measure, before, after,
                              after / before if before else float("inf"), float(stats.pvalue)))
    return changes
