"""Light or body: which of the pixels that changed are only the floor, brighter or darker than it was.

A shadow, a patch of sun, the light of a car multiply what is there by a factor that changes slowly, or along
one line: the rim of a shadow. So the change of the logarithm of light is flat in them, or goes one way only.
A body has edges both ways: hair, shoulders, a sleeve, and the floor that it hides. The smaller eigenvalue of
the structure tensor says it (Shi and Tomasi 1994, there to find corners): the square of how much the change
goes up and down, around a pixel, in the direction in which it does so least.

In steps of the logarithm, the root of it was 0.3 to 4 in light (19 in 20 pixels) and 3 to 70 in bodies, drawn
and real, from above and from the side.
"""

from __future__ import annotations

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
        structure = np.asarray(
            cv2.cornerMinEigenVal(_steps(small) - self._bare, AROUND_PX, ksize=3), np.float32
        )
        calm = structure[::CALM_EACH, ::CALM_EACH][raw[::CALM_EACH, ::CALM_EACH] == 0]
        if len(calm) >= CALM_LEAST:
            self._noise = float(np.median(calm))
        least = max(BODY_STEPS**2, NOISE_TIMES**2 * self._noise)
        bodies = cv2.threshold(structure, least, 255, cv2.THRESH_BINARY)[1]
        return changed & np.asarray(bodies).astype(np.uint8)


def _steps(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(cv2.LUT(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), LOG), np.float32)
