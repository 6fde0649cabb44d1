"""Who walks past somebody who comes towards them.

For some tenths of a second one hides the other, and points upon who is behind slide onto who is in front:
both would stop, and turn back. Without points they walk on as they went until they are apart. Who meets
and does turn back is taken for the other, then; far more people pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import Track

NEAR = 1.0  # persons, from middle to middle
SPEED = 0.5  # persons/s of each
TOWARDS = -0.5  # as a cosine: their ways differ by two thirds of a turn back


def passing(tracks: Sequence[Track], size: Size) -> list[Track]:
    """Those of `tracks` who walk past another."""
    walkers = [(track, *size.at(track.y)) for track in tracks if track.sure]
    walkers = [(who, w, h) for who, w, h in walkers if math.hypot(who.vx / w, who.vy / h) >= SPEED]
    if len(walkers) < 2:
        return []
    persons = np.array([(w, h) for _, w, h in walkers])
    places = np.array([(who.x, who.y) for who, _, _ in walkers])
    apart = (places[:, None, :] - places[None, :, :]) / persons[:, None, :]
    ways = np.array([(who.vx, who.vy) for who, _, _ in walkers]) / persons
    ways /= np.hypot(ways[:, 0], ways[:, 1])[:, None]
    near = np.hypot(apart[..., 0], apart[..., 1]) < NEAR
    passes = (near & (ways @ ways.T < TOWARDS)).any(axis=1).tolist()
    return [who for (who, _, _), does in zip(walkers, passes, strict=True) if does]
