"""What spoils a camera's pictures: light that steps, ramps and flickers, noise, a camera that shakes.

Each is a pure function of a picture, the time and a seed: the same three give the same picture, in any order.
For the simulator, and for tests which spoil a real clip. Pictures are height × width × 3, uint8; what
would be brighter than 255 is 255, as in a camera.
"""

from __future__ import annotations

import functools
import math
import random

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture

LAMP_HZ = (
    100.7  # twice a mains of 50 Hz that is not quite 50: at 10 or 25 frames/s it beats 0.7 times a second
)
READOUT_S = 0.025  # a rolling shutter's first row to its last: two and a half bands in a picture
NOISE_ROOM = 64  # pixels each way: 4096 pictures' noise out of one
SHAKE_HZ = (2.0, 9.0)


def lit(picture: Picture, gain: float) -> Picture:
    """The picture under `gain` times the light."""
    return picture if gain == 1.0 else _picture(cv2.convertScaleAbs(picture, alpha=gain))


def light_step(
    picture: Picture, t_s: float, *, at_s: float, lasts_s: float = 3.0, depth: float = 0.35
) -> Picture:
    """A lamp goes off at `at_s` and on again: `depth` of the light is missing meanwhile (negative: more)."""
    return lit(picture, step_gain(t_s, at_s=at_s, lasts_s=lasts_s, depth=depth))


def step_gain(t_s: float, *, at_s: float, lasts_s: float = 3.0, depth: float = 0.35) -> float:
    """What the light of `light_step` is then, as a share of the full light."""
    return 1.0 - depth if at_s <= t_s < at_s + lasts_s else 1.0


def light_ramp(
    picture: Picture, t_s: float, *, at_s: float, over_s: float = 20.0, depth: float = 0.45
) -> Picture:
    """A cloud: from `at_s` the light falls by `depth` in `over_s` seconds, and comes back as slowly."""
    return lit(picture, ramp_gain(t_s, at_s=at_s, over_s=over_s, depth=depth))


def ramp_gain(t_s: float, *, at_s: float, over_s: float = 20.0, depth: float = 0.45) -> float:
    """What the light of `light_ramp` is then, as a share of the full light."""
    return 1.0 - depth * max(0.0, 1.0 - abs(t_s - at_s - over_s) / over_s)


def flicker(
    picture: Picture, t_s: float, *, depth: float = 0.08, lamp_hz: float = LAMP_HZ, bands: bool = True
) -> Picture:
    """Lamps on the mains, ±`depth`: all of the picture at once, or in bands as a rolling shutter does."""
    turn = 2 * math.pi * lamp_hz
    if not bands:
        return lit(picture, 1.0 + depth * math.sin(turn * t_s))
    rows = len(picture)
    when = t_s + np.arange(rows) * (READOUT_S / rows)
    gains = (1.0 + depth * np.sin(turn * when)).astype(np.float32)
    return _picture(cv2.multiply(picture, _filling(gains[:, None], picture), dtype=cv2.CV_8U))


def noise(picture: Picture, t_s: float, *, sigma: float = 8.0, seed: int = 0) -> Picture:
    """A sensor in the dark: each value is off by a normal deviate of `sigma` grey levels."""
    high, wide = picture.shape[:2]
    plane = _noise_plane(high, wide, sigma)
    chance = random.Random((seed << 40) ^ round(t_s * 1000))
    top, left = chance.randrange(NOISE_ROOM), chance.randrange(NOISE_ROOM)
    return _picture(cv2.add(picture, plane[top : top + high, left : left + wide], dtype=cv2.CV_8U))


def shake(picture: Picture, t_s: float, *, pixels: float = 2.0, seed: int = 0) -> Picture:
    """A camera on a pole that hums: the picture is off by up to ±`pixels` each way; its edge is repeated."""
    right, down = shaken(t_s, pixels=pixels, seed=seed)
    high, wide = picture.shape[:2]
    moved = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return _picture(cv2.warpAffine(picture, moved, (wide, high), borderMode=cv2.BORDER_REPLICATE))


def shaken(t_s: float, *, pixels: float = 2.0, seed: int = 0) -> tuple[float, float]:
    """How far a shaking camera's picture is off: right, down; in pixels."""
    chance = random.Random(seed)

    def swing() -> float:
        waves = [(share, chance.uniform(*SHAKE_HZ), chance.random()) for share in (0.6, 0.4)]
        return pixels * sum(share * math.sin(2 * math.pi * (hz * t_s + phase)) for share, hz, phase in waves)

    return swing(), swing()


@functools.lru_cache(maxsize=4)
def _noise_plane(high: int, wide: int, sigma: float) -> NDArray[np.int8]:
    """Each picture takes its noise from another place of this: drawing it anew costs more than counting."""
    shape = high + NOISE_ROOM, wide + NOISE_ROOM, 3
    deviates = np.random.default_rng(1).standard_normal(shape, np.float32)
    plane = np.empty(shape, np.int8)
    plane[...] = np.clip(np.rint(deviates * np.float32(sigma)), -127, 127)
    return plane


def _filling(gains: NDArray[np.float32], picture: Picture) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.broadcast_to(gains[..., None], picture.shape))


def _picture(values: object) -> Picture:
    return np.asarray(values, np.uint8)
