"""Feet on a floor that is seen from the side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from drivers.counter.camera.counter import Counter
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Crossing

WIDTH, HEIGHT = 160, 120
PERSON = (8, 32)  # pixels: seen from the side across a hall
LINE_PX = 80


def crossings(*foot_px: float) -> list[Crossing]:
    """Somebody comes to where their feet are at each of `foot_px`, one after another, then goes aside."""
    chance = np.random.default_rng(5)
    floor = chance.integers(90, 130, (HEIGHT, WIDTH, 3), np.uint8)
    clothes = chance.integers(0, 60, (PERSON[1], PERSON[0], 3), np.uint8)
    line = {"a": (0, LINE_PX / HEIGHT), "b": (1, LINE_PX / HEIGHT), "in": "down"}
    box = (0.4, 0.3, PERSON[0] / WIDTH, PERSON[1] / HEIGHT)
    counter = Counter(
        CameraOptions.model_validate({"lines": {"door": line}, "anchor": "foot", "persons": [box]})
    )
    nobody: list[tuple[float, float] | None] = [None] * 50
    walk = [(80.0, float(y)) for a, b in pairwise(foot_px) for y in np.linspace(a, b, 40)]
    walk += [(float(x), foot_px[-1]) for x in np.linspace(80, 175, 60)]
    found: list[Crossing] = []
    for number, place in enumerate([*nobody, *walk]):
        frame = floor.copy()
        if place is not None:
            left, top = int(place[0] - PERSON[0] / 2), int(place[1] - PERSON[1])
            part = frame[max(0, top) : top + PERSON[1], left : left + PERSON[0]]
            part[:] = clothes[: part.shape[0], : part.shape[1]]
        found += counter.look(frame, number / 25).crossings
    return found


def test_a_step_beyond_the_line_is_a_crossing_when_the_camera_looks_from_the_side() -> None:
    assert [one.way for one in crossings(50, LINE_PX + 5)] == ["in"]


def test_feet_that_stop_on_the_line_have_not_crossed_it() -> None:
    assert crossings(50, LINE_PX + 1, 50) == []
