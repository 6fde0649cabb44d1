"""People who are narrow in the picture are looked at more finely, whether that was drawn or is learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.counter.camera.counter import LOOKED_AT_MOST_PX, Counter, factor_for
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import VOTES_LEAST, Size

WIDE_PX, HIGH_PX, RATE = 640, 360, 12.5
BODY_PX = (20, 44)
WALK_S = 4.0


def square(walkers: int) -> Iterator[tuple[float, Picture]]:
    """One after another walks down a bright square, each a little further to the right."""
    chance = np.random.default_rng(5)
    floor = np.full((HIGH_PX, WIDE_PX, 3), 190, np.uint8)
    for frame in range(int((walkers + 0.5) * WALK_S * RATE)):
        t_s = frame / RATE
        picture = floor.copy()
        number, since_s = divmod(t_s - 1.0, WALK_S)
        if 0 <= number < walkers:
            x, y = 60 + 30 * int(number), round((since_s / WALK_S * 1.4 - 0.2) * HIGH_PX)
            half = BODY_PX[0] // 2, BODY_PX[1] // 2
            cv2.ellipse(picture, (x, y), half, 0, 0, 360, (60, 50, 40), cv2.FILLED)
        off = chance.integers(-3, 4, picture.shape, np.int16)
        yield t_s, np.clip(picture + off, 0, 255).astype(np.uint8)


def options(**more: Any) -> CameraOptions:
    line = {"a": (0.0, 0.5), "b": (1.0, 0.5), "in": "down"}
    return CameraOptions.model_validate({"lines": {"line": line}, **more})


@pytest.mark.parametrize(
    ("wide", "width_px", "factor"),
    [
        (0.13, 640, 4),
        (0.076, 640, 4),
        (0.04, 640, 2),
        (0.04, 160, 1),
        (0.01, 1280, 1280 // LOOKED_AT_MOST_PX),
    ],
)
def test_the_narrower_people_are_the_finer_the_picture_up_to_a_limit(
    wide: float, width_px: int, factor: int
) -> None:
    assert factor_for(Size(wide, 2 * wide), width_px) == factor


def test_nobody_is_lost_when_the_picture_becomes_finer() -> None:
    """The first few are not known to be people: as yet somebody is thought to be four times as wide."""
    counter = Counter(options())
    told = [crossing for t_s, picture in square(14) for crossing in counter.look(picture, t_s).crossings]
    assert [crossing.way for crossing in told] == ["in"] * (14 - VOTES_LEAST)
    assert counter.size is not None
    learned = (counter.size.w0 * WIDE_PX, counter.size.h0 * HIGH_PX)
    assert learned == pytest.approx(BODY_PX, rel=0.2)
