"""The interval of a mean."""

from __future__ import annotations

import math
import statistics
from typing import Sequence


def within(t: float, freedom: int) -> float:
    """The probability that Student's t, with that many degrees of freedom, lies between -t and t. The sums of Abramowitz &
    Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    term, total = (cosine, 0.0) if freedom % 2 else (1.0, 0.0)
    for power in range(freedom % 2, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if freedom % 2 else total


def t95(freedom: int) -> float:
    """What Student's t exceeds, to either side, in 5 % of cases."""
    low, high = 0.0, 16.0  # 12.7 with one degree of freedom, less with more
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if within(middle, freedom) < 0.95 else (low, middle)
    return middle


def interval_of_mean(values: Sequence[float], limits: tuple[float, float] = (-math.inf, math.inf)
                     ) -> tuple[float, float] | None:
    """95 %, by Student's t; of two values it would be wider than any range they may come from. It is cut at `limits`, which
    no value can exceed, and so no mean: Student's t knows nothing of them."""
    if len(values) < 3:
        return None
    mean, half = statistics.fmean(values), t95(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return max(mean - half, limits[0]), min(mean + half, limits[1])
