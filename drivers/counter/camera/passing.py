"""Who walks past somebody who comes towards them.

For some tenths of a second both are one blob, of one person at times. Its pixels cannot be shared out then,
and points upon the one who is behind slide onto the other: both would stop, and turn back. So they walk on as
they went, and are found again when they are apart. Who meets and does turn back is taken for the other, then;
far more people pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import NO_POINTS, Track

NEAR = 1.0  # persons, from middle to middle
SPEED = 0.5  # persons/s of each
TOWARDS = -0.5  # as a cosine: their ways differ by two thirds of a turn back
NOISE = 0.6  # persons: how little the blob tells of where either is


def remember_passing(tracks: Sequence[Track], size: Size) -> None:
    """Sets `passes` of everybody; whose is true has no points any more."""
    walkers = []
    for track in tracks:
        track.passes = False
        w, h = size.at(track.y)
        if track.sure and math.hypot(track.vx / w, track.vy / h) >= SPEED:
            walkers.append((track, w, h))
    if len(walkers) < 2:
        return
    persons = np.array([(w, h) for _, w, h in walkers])
    places = np.array([(track.x, track.y) for track, _, _ in walkers])
    apart = (places[:, None, :] - places[None, :, :]) / persons[:, None, :]
    ways = np.array([(track.vx, track.vy) for track, _, _ in walkers]) / persons
    ways /= np.hypot(ways[:, 0], ways[:, 1])[:, None]
    near = np.hypot(apart[..., 0], apart[..., 1]) < NEAR
    passes = (near & (ways @ ways.T < TOWARDS)).any(axis=1)
    for (track, _, _), true in zip(walkers, passes.tolist(), strict=True):
        if true:
            track.passes, track.points = True, NO_POINTS
