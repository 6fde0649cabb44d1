"""How much larger people are farther down in the picture, from how much they grow who walk there.

    size(y) = size(½) · (1 + growth · (y − ½))        y from 0, the top, to 1; the horizon is at ½ − 1/growth

On a flat floor that is so for whatever stands on it, high or low, one or two. So each walk says it for
itself: its first third and its last give the growth. The median of them counts, for some come out from behind
things or leave their friends; and none where a good part of them says otherwise. Below a camera that looks
straight down people lean outwards: whoever walks through says none, and one half alone some, for that half.
Source: the pinhole camera, as in Hoiem, Efros and Hebert 2008, Putting Objects in Perspective.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RISE_LEAST = 0.08  # of the picture's height: who walks less far up or down it says nothing
WALKS_LEAST = 5  # fewer say nothing together
LOW, LOW_LEAST = 0.25, 0.2  # a quarter says less growth than this: there is none
MOST = 1.7  # with 2 people would be nothing at the top of the picture


class Walked(NamedTuple):
    """Where somebody was first and last, in heights of the picture, and how large there, in pixels."""

    first_y: float
    first_size: float
    last_y: float
    last_size: float


def growth_of(walked: Walked) -> float | None:
    """None where it went neither up nor down. Within ± MOST."""
    (high, far), (low, near) = sorted([walked[:2], walked[2:]])
    if low - high < RISE_LEAST:
        return None
    ratio = near / far
    to_horizon = (low - 0.5) - ratio * (high - 0.5)
    growth = (ratio - 1) / to_horizon if to_horizon > 0 else np.copysign(MOST, ratio - 1)
    return float(np.clip(growth, -MOST, MOST))


def growth(walks: Sequence[tuple[Walked, float]]) -> float | None:
    """From all, each with its weight; 0: people are of one size everywhere; None: too few say anything."""
    said = [
        (grown, weight * abs(walked.last_y - walked.first_y))
        for walked, weight in walks
        if (grown := growth_of(walked)) is not None
    ]
    if len(said) < WALKS_LEAST:
        return None
    values, weights = np.array(sorted(said)).T
    sums = np.cumsum(weights)
    low, middle = values[np.searchsorted(sums, np.array([LOW, 0.5]) * sums[-1])].tolist()
    return float(middle) if low >= LOW_LEAST else 0.0
