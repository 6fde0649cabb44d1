"""People who walk past each other, drawn one behind the other: each goes on."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.counter.camera.blobs import Foreground, blobs_of
from drivers.counter.camera.passing import passing
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracker import Tracker
from drivers.counter.camera.tracks import Track

WIDE, HIGH = 160, 90
W, H = 10, 30
SIZE = Size(W * 1.2, H * 1.2)
CHANCE = np.random.default_rng(1)
FLOOR = CHANCE.integers(120, 136, (HIGH, WIDE, 3), np.uint8)
CLOTHES = [CHANCE.integers(low, low + 60, (H, W, 3), np.uint8) for low in (0, 40)]


def frame(*lefts: float) -> Foreground:
    """People of one height side by side, the first behind the others."""
    even: Picture = FLOOR.copy()
    mask = np.zeros((HIGH, WIDE), np.uint8)
    for left, clothes in zip(lefts, CLOTHES, strict=True):
        x = round(left)
        even[30 : 30 + H, x : x + W] = clothes
        mask[30 : 30 + H, x : x + W] = 255
    return Foreground(even, mask, *blobs_of(mask), flooded=False)


@pytest.mark.parametrize("px", [2.0, 2.5, 3.0])
def test_two_who_meet_walk_on_behind_each_other(px: float) -> None:
    tracker = Tracker()
    for number in range(int(100 / px)):
        tracker.step(frame(20 + px * number, 120 - px * number), SIZE, number / 10)
        if number == 8:
            right, left = sorted(tracker.tracks, key=lambda track: track.x)
    assert tracker.tracks == [right, left]
    assert right.x == pytest.approx(120 + W / 2, abs=W / 2)
    assert left.x == pytest.approx(20 + W / 2, abs=W / 2)


def walker(x: float, px_s: float) -> Track:
    track = Track(1, x, 45, W, H, 0.0, split=False)
    track.vx, track.age, track.walked = px_s, 9, 2.0
    return track


def test_who_comes_towards_somebody_near_passes_them() -> None:
    one, other, far = walker(50, 20), walker(58, -20), walker(90, -20)
    assert passing([far, one, other], SIZE) == [one, other]
    assert passing([one, far], SIZE) == []


def test_who_goes_the_same_way_or_stands_passes_nobody() -> None:
    assert passing([walker(50, 20), walker(58, 30)], SIZE) == []
    assert passing([walker(50, 20), walker(58, -2)], SIZE) == []


def test_nobody_is_passed_who_may_be_half_of_somebody() -> None:
    half = walker(58, -20)
    half.split = True
    assert passing([walker(50, 20), half], SIZE) == []
    assert passing([], SIZE) == []
