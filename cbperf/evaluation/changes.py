"""Change points in the history of one process on one host, found by Apache Otava (E-divisive, then t-tests)."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from otava.analysis import compute_change_points

FEWEST = 8               # runs; with fewer, even a step of 10 % in usual noise is often not significant
SIGNIFICANT = 0.0001     # p; strict, as the place with the smallest p of all is looked for, and in several measures
SMALLEST = 0.01          # relative change that is worth telling


class TooFew(Exception):
    """There are not enough runs to tell a change from noise."""


@dataclass(frozen=True)
class Change:
    """From `index` on, the runs have another level. `before` and `after` are means of the runs up to the next change, in the measure's unit."""

    index: int               # into the history that was given
    time: str | datetime     # when the first run after the change started
    measure: str
    before: float
    after: float
    ratio: float
    p: float


def find(history: list[dict], measure: str) -> list[Change]:
    """Change points of one measure, oldest first.

    `history`: runs, oldest first, each with "started" and the measure's median; runs where that is missing or None are left out.
    Raises TooFew.
    """
    places = [index for index, run in enumerate(history) if run.get(measure) is not None]
    if len(places) < FEWEST:
        raise TooFew(f"too few runs to look for changes: {len(places)}, and at least {FEWEST} are needed")
    with np.errstate(divide="ignore", invalid="ignore"):   # counts that never vary: a difference of any size is significant
        found, _ = compute_change_points([float(history[place][measure]) for place in places], max_pvalue=SIGNIFICANT, min_magnitude=SMALLEST)
    changes = []
    for point in found:
        place, stats = places[point.index], point.stats
        before, after = float(stats.mean_1), float(stats.mean_2)
        changes.append(Change(place, history[place]["started"], measure, before, after,
                              after / before if before else float("inf"), float(stats.pvalue)))
    return changes
