"""People who are narrow in the picture are looked at more finely, whether that was drawn or is learned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.counter.camera.counter import LOOKED_AT_MOST_PX, Counter, factor_for
from drivers.counter.camera.films import learned_size
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import FIRST_GUESS, VOTES_LEAST, Size

WIDE_PX, HIGH_PX, RATE = 640, 360, 10.0
BODY_PX = (20, 44)
WALK_S, EVERY_S = 4.0, 6.0


def square(walkers: int, waits: tuple[float, float] = (0.0, 0.0)) -> Iterator[tuple[float, Picture]]:
    """One after another walks down a bright square, each a little further to the right.

    Somebody else comes and goes on the right, and stands still there from and until these seconds.
    """
    chance = np.random.default_rng(5)
    floor = np.full((HIGH_PX, WIDE_PX, 3), 190, np.uint8)
    half = BODY_PX[0] // 2, BODY_PX[1] // 2
    for frame in range(int((walkers + 0.5) * EVERY_S * RATE)):
        t_s = frame / RATE
        picture = floor.copy()
        number, since_s = divmod(t_s - 1.0, EVERY_S)
        if 0 <= number < walkers:
            x, y = 60 + 30 * int(number), round((since_s / WALK_S * 1.4 - 0.2) * HIGH_PX)
            cv2.ellipse(picture, (x, y), half, 0, 0, 360, (60, 50, 40), cv2.FILLED)
        off_px = 80 * max(0.0, waits[0] - t_s, t_s - waits[1])
        if waits[1] and off_px < 150:
            cv2.ellipse(picture, (560 + round(off_px), 90), half, 0, 0, 360, (40, 50, 90), cv2.FILLED)
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
        (0.04, 384, 1),
        (0.01, 1280, -(-1280 // LOOKED_AT_MOST_PX)),
    ],
)
def test_the_narrower_people_are_the_finer_the_picture_up_to_a_limit(
    wide: float, width_px: int, factor: int
) -> None:
    assert factor_for(Size(wide, 2 * wide), width_px) == factor


def test_nobody_is_lost_when_the_picture_becomes_finer() -> None:
    """The first few are not known to be people: as yet somebody is thought to be four times as wide."""
    counter = Counter(options())
    told = [crossing for t_s, picture in square(12) for crossing in counter.look(picture, t_s).crossings]
    assert [crossing.way for crossing in told] == ["in"] * (12 - VOTES_LEAST)
    assert counter.size is not None
    learned = (counter.size.w0 * WIDE_PX, counter.size.h0 * HIGH_PX)
    assert learned == pytest.approx(BODY_PX, rel=0.2)


def test_what_was_learned_stays_known_when_the_picture_becomes_finer() -> None:
    counter = Counter(options())
    known = False
    for t_s, picture in square(12):
        counter.look(picture, t_s)
        known |= counter.size is not None
        assert counter.size is not None or not known
    assert known


def test_the_size_that_is_told_is_the_one_by_which_people_are_counted() -> None:
    counter = Counter(options())
    for t_s, picture in square(5):
        counter.look(picture, t_s)
        scene = counter._scene
        assert scene is not None
        counts_by = scene.size.scaled(1 / scene.width_px, 1 / scene.height_px)
        assert tuple(counter.size or FIRST_GUESS) == pytest.approx(tuple(counts_by))
    assert counter.size is not None


def test_of_a_film_with_one_walker_the_size_of_people_is_his(tmp_path: Path) -> None:
    path = tmp_path / "one.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (WIDE_PX, HIGH_PX))
    for _, picture in square(1):
        writer.write(picture)
    writer.release()
    size = learned_size(path, options())
    assert size is not None
    assert (size.w0 * WIDE_PX, size.h0 * HIGH_PX) == pytest.approx(BODY_PX, rel=0.3)


def test_whoever_stands_there_is_waited_for_before_the_picture_becomes_finer() -> None:
    """They would be taken for the place's own, and their visit would end."""
    counter = Counter(options(zones={"till": [(0.75, 0.0), (1.0, 0.0), (1.0, 0.5), (0.75, 0.5)]}))
    looked = [counter.look(picture, t_s) for t_s, picture in square(15, waits=(30.0, 62.0))]
    (visit,) = [visit for each in looked for visit in each.visits]
    assert (visit.entered_s, visit.left_s) == pytest.approx((30.0, 62.0), abs=1.5)
    assert counter.size is not None
    assert counter.size.w0 * WIDE_PX == pytest.approx(BODY_PX[0], rel=0.15)  # from the finer picture


def test_no_two_people_have_one_number_when_the_picture_became_finer() -> None:
    counter = Counter(options())
    last_s: dict[int, float] = {}
    for t_s, picture in square(12):
        for one in counter.look(picture, t_s).seen:
            assert t_s - last_s.get(one.track, t_s) < WALK_S / 2
            last_s[one.track] = t_s
    assert len(last_s) >= 12 - VOTES_LEAST
