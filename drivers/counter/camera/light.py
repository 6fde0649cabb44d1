"""Light or body: which of the pixels that changed are only the floor, brighter or darker than it was.

A shadow, a patch of sun, the light of a car multiply what is there by a factor that changes slowly, or along
one line: the rim of a shadow. So the change of the logarithm of light is flat in them, or goes one way only.
A body has edges both ways: hair, shoulders, a sleeve, and the floor that it hides. The smaller eigenvalue of
the structure tensor says it (Shi and Tomasi 1994, there to find corners): the square of how much the change
goes up and down, around a pixel, in the direction in which it does so least.

In steps of the logarithm, the root of it was 0.3 to 4 in light (19 in 20 pixels) and 3 to 70 in bodies, drawn
and real, from above and from the side.

It looks around each pixel, and so finds a body some pixels too wide. That does no harm where the floor beside
it has not changed; in a patch of sun it would double somebody, so there the light around tells what is light.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture

Mask = NDArray[np.uint8]  # height × width, 0 or 255

STEPS = 73.0  # of the logarithm: each is a change of light of 1.4 %
DARK = 8.0  # grey levels: below, a sensor's noise would be large changes
LOG = (STEPS * np.log1p(np.arange(256) / DARK)).astype(np.float32)
AROUND_PX = 7  # a quarter of a person's width at least: an edge of the body is within
BODY_STEPS = 2.6
NOISE_TIMES = 2.2  # the sensor's own structure, and the floor's when the camera shakes
CALM_EACH = 3  # one pixel in so many each way says how large that is
CALM_LEAST = 100  # of these pixels: fewer say nothing
GLARE = float(LOG[248])  # brighter, a sensor is full: it does not see what is there
LIT_SHARE = 0.03  # of the picture: a larger piece of light without a body in it is no coat …
LIT_AROUND_PX = 15  # … and tells how light it is around somebody who stands in it …
LIT_LEAST_PX = 25  # … from so many of its pixels
LIT_STEPS = 6.0  # off that, it is a body after all …
LIT_NOISE_TIMES = 4.0  # … or noise
SHADED_STEPS = 10.0  # a shadow's rim had 7.8 at most
SHADED_SHARE = 0.3  # of a piece: one of which less is plain has clothes like a shadow


class Light:
    """Knows the light of the background, and tells bodies before it from light upon it."""

    def __init__(self) -> None:
        self._bare: NDArray[np.float32] | None = None  # in steps
        self._noise = 0.0  # as an eigenvalue

    def learn(self, bare: Picture) -> None:
        """`bare` is the background as it is known now."""
        self._bare = _steps(bare)

    def bodies(self, small: Picture, raw: Mask) -> Mask:
        """255 where somebody may be: what changed, less what is only light. `raw` is the model's: 0 where
        nothing changed, 255 where something did, between where it holds a shadow for likely."""
        changed = np.asarray(cv2.threshold(raw, 254, 255, cv2.THRESH_BINARY)[1], np.uint8)
        if self._bare is None or not changed.any():
            return changed
        change = self._change(small)
        structure = np.asarray(cv2.cornerMinEigenVal(change, AROUND_PX, ksize=3), np.float32)
        calm = structure[::CALM_EACH, ::CALM_EACH][raw[::CALM_EACH, ::CALM_EACH] == 0]
        if len(calm) >= CALM_LEAST:
            self._noise = float(np.median(calm))
        least = max(BODY_STEPS**2, NOISE_TIMES**2 * self._noise)
        bodies = changed & _above(structure, least)
        lit = changed & ~bodies
        if np.count_nonzero(lit) >= LIT_SHARE * lit.size:
            bodies &= ~_only_lit(lit, change, max(LIT_STEPS, LIT_NOISE_TIMES * math.sqrt(self._noise)))
        shaded = _above(raw, 0) & _above(structure, max(SHADED_STEPS**2, least))
        return _with_shaded(bodies, bodies | shaded)

    def _change(self, small: Picture) -> NDArray[np.float32]:
        """In steps; in a glare without the floor's own structure, which is not to be seen there."""
        assert self._bare is not None
        now = _steps(small)
        change = now - self._bare
        glare = now >= GLARE
        if glare.any():
            smooth = cv2.boxFilter(self._bare, -1, (LIT_AROUND_PX, LIT_AROUND_PX))
            change[glare] = now[glare] - smooth[glare]
        return change


def _above(values: NDArray[Any], least: float) -> Mask:
    return (values > least).view(np.uint8) * np.uint8(255)


def _only_lit(lit: Mask, change: NDArray[np.float32], most: float) -> Mask:
    """255 where the change is that of a large patch of light around it, `most` steps off: the structure that
    was found there is that of somebody beside it."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=4, ltype=cv2.CV_32S)
    large = stats[:, cv2.CC_STAT_AREA] >= LIT_SHARE * lit.size
    large[0] = False
    if not large.any():
        return np.zeros_like(lit)
    there = large[labels].astype(np.float32)
    around = (LIT_AROUND_PX, LIT_AROUND_PX)
    count = cv2.boxFilter(there, -1, around, normalize=False)
    level = cv2.boxFilter(there * change, -1, around, normalize=False) / np.maximum(count, 1)
    only = (count >= LIT_LEAST_PX) & (np.abs(change - level) < most)
    return np.asarray(only.astype(np.uint8) * 255, np.uint8)


def _with_shaded(plain: Mask, both: Mask) -> Mask:
    """`plain`, and the pieces of `both` that are hardly plain: somebody in clothes that change the floor no
    more than a shadow does. Others stay as they are, for around a body its own shadow has structure too."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(both, connectivity=8, ltype=cv2.CV_32S)
    of_plain = np.bincount(labels.ravel(), plain.ravel(), count) / 255
    hardly = of_plain < SHADED_SHARE * stats[:, cv2.CC_STAT_AREA]
    hardly[0] = False
    return plain | np.asarray(np.where(hardly, 255, 0).astype(np.uint8)[labels]) if hardly.any() else plain


def _steps(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(cv2.LUT(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), LOG), np.float32)
