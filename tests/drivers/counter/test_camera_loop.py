"""One camera, opened, lost and opened again, on a clock that is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from drivers.counter.camera.camera import CameraGone, Frame, Pace, Played
from drivers.counter.camera.health import Health
from drivers.counter.camera.loop import HANGS_S, RETRY_MOST_S, Hangs, Loop
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Crossing, Looked, Picture, Visit
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.words import Crossed, Said

CHANCE = np.random.default_rng(1)


def picture() -> Picture:
    return CHANCE.integers(0, 255, (36, 64, 3), np.uint8)


def film(between_s: float = 0.1, speed: float = 1.0) -> Played:
    return Played(((number * between_s, picture()) for number in count()), Pace(10), speed)


class Tool:
    """A counter that says what it is told to; one person is always in the zone."""

    def __init__(self) -> None:
        self.pictures = 0
        self.next = Looked()
        self.open_visit = self.open_crossing = False

    def look(self, frame: Picture, t_s: float) -> Looked:
        self.pictures += 1
        looked, self.next = self.next, Looked(occupancy=(("shop", 1),))
        return looked

    def close(self, t_s: float) -> Looked:
        return Looked(
            crossings=(Crossing(t_s - 0.2, "door", "in"),) if self.open_crossing else (),
            visits=(Visit("shop", 0.0, 2.5),) if self.open_visit else (),
        )


class Box:
    """A camera that is there or not, and the loop around it."""

    def __init__(self, **options: Any) -> None:
        self.now_s, self.minute = 0.0, 600
        self.lit = True
        self.opens_in_s = 0.0
        self.age_s = 0.0  # of its pictures
        self.film: Callable[[], Played] | None = None  # in place of it
        self.there, self.stuck, self.opened, self.closed = True, False, 0, 0
        self.offered = self.missed = 0
        self.said: list[Said] = []
        self.counter = Tool()
        self.watch = Watch(self.counter, Health())
        self.loop = Loop(
            CameraOptions(**options),
            self.watch,
            self.open,
            clock=lambda: self.now_s,
            minute=lambda: self.minute,
            say=self.said.append,
        )

    def open(self) -> Any:
        self.opened += 1
        return self.film() if self.film else _Camera(self)

    def run(self, s: float, wait_most_s: float = 0.1) -> list[str]:
        """So many seconds; the states that were said."""
        before, until_s = len(self.said), self.now_s + s
        while self.now_s < until_s:
            wait_s = self.loop.turn()
            self.now_s += max(0.001, min(wait_s, wait_most_s))
        return [each.state for each in self.said[before:] if each.state]


class _Camera:
    def __init__(self, box: Box) -> None:
        self._box = box
        self.offered = self.missed = 0
        self._last_s = box.now_s + box.opens_in_s

    def frame(self, now_s: float) -> Frame | None:
        if not self._box.there:
            raise CameraGone("it is not there")
        if self._box.stuck or now_s - self._last_s < 0.099:
            return None
        self._last_s = now_s
        self.offered += 1
        self.missed = self._box.missed
        return Frame(picture() if self._box.lit else np.zeros_like(picture()), now_s - self._box.age_s)

    def wait_s(self, now_s: float) -> float | None:
        return None

    def close(self) -> None:
        self._box.closed += 1

    @property
    def closed(self) -> bool:
        return not self._box.stuck


def test_a_camera_is_up_with_its_first_picture_and_down_when_none_comes_for_a_while():
    box = Box()
    assert box.run(20) == ["up"]
    box.there = False
    assert box.run(4) == []
    assert box.run(3) == ["down"]
    assert box.said[-1].detail == "it is not there" or box.said[-2].detail == "it is not there"
    box.there = True
    assert box.run(40) == ["up"]


def test_a_camera_that_is_gone_for_a_moment_is_opened_again_without_a_word():
    box = Box()
    box.run(10)
    box.there = False
    box.run(0.2)
    box.there = True
    assert box.run(10) == []
    assert (box.opened, box.closed) == (2, 1)


def test_a_camera_that_is_gone_is_tried_ever_less_often():
    box = Box()
    box.there = False
    box.run(600)
    assert 55 < box.opened < 70
    tries = box.opened
    box.run(10 * RETRY_MOST_S)
    assert box.opened - tries in (9, 10, 11)


def test_a_camera_that_says_nothing_from_the_beginning_is_down_after_a_while():
    box = Box()
    box.stuck = True
    assert box.run(14) == []
    assert box.run(2) == ["down"]


def test_a_camera_that_is_not_there_is_down_without_the_time_that_opening_may_take():
    box = Box()
    box.there = False
    assert box.run(4.5) == []
    assert box.run(1.5) == ["down"]


def test_a_camera_that_goes_silent_without_an_error_is_down_as_soon_as_one_that_fails():
    box = Box()
    box.run(20)
    box.stuck = True
    assert box.run(4.5) == []
    assert box.run(1.5) == ["down"]
    box.stuck = False
    assert box.run(1) == ["up"]


def test_why_a_silent_camera_is_down_is_told_once_it_is_known():
    box = Box()
    box.run(20.0)
    box.stuck = True
    assert box.run(8.0) == ["down"]
    assert box.watch.detail == "no picture"
    box.there = False
    assert box.run(3.0) == []
    assert box.watch.detail == "it is not there"


def test_a_box_that_stands_still_for_a_while_has_no_silent_camera():
    box = Box()
    box.run(20.0)
    look = box.counter.look

    def slowly(frame: Picture, t_s: float) -> Looked:
        box.now_s += 6.0
        box.counter.look = look  # type: ignore[method-assign]
        return look(frame, t_s)

    box.counter.look = slowly  # type: ignore[method-assign]
    assert box.run(10.0) == []


def test_a_film_that_has_no_picture_for_a_while_is_not_down():
    box = Box()
    box.film = lambda: film(between_s=20.0)
    assert box.run(90, wait_most_s=60) == ["up"]
    assert box.counter.pictures == 5


def test_a_camera_that_hangs_in_its_driver_ends_the_process():
    box = Box()
    box.run(5)
    box.stuck = True
    with pytest.raises(Hangs):
        box.run(HANGS_S + 1)


def test_in_closed_hours_it_rests_and_lets_the_camera_go():
    box = Box(hours="09:00-22:00")
    assert box.run(10) == ["up"]
    box.minute = 22 * 60
    assert box.run(20) == ["resting"]
    assert (box.opened, box.closed) == (1, 1)
    box.minute = 9 * 60
    assert box.run(20) == ["up"]
    assert box.opened == 2


def night(box: Box) -> None:
    """It rests, and is to look again."""
    box.minute, box.missed = 22 * 60, 0
    assert box.run(3600) == ["resting"]
    box.minute = 9 * 60


def outage(box: Box) -> None:
    """It is unplugged, and is plugged in again."""
    box.there, box.missed = False, 0
    assert box.run(60) == ["down"]
    box.there = True


AWAY = pytest.mark.parametrize("away", [night, outage])


@AWAY
def test_lights_that_went_out_before_it_was_away_are_not_dark_when_they_are_lit_after_it(away: Any):
    box = Box(hours="09:00-22:00")
    box.run(10)
    box.lit = False
    assert box.run(20) == ["dark"]
    away(box)
    box.lit = True
    assert box.run(30) == ["up"]
    looked = box.counter.pictures
    box.lit = False
    assert box.run(20) == ["dark"]
    assert box.counter.pictures - looked > 50


@AWAY
def test_a_slow_moment_before_it_was_away_and_one_after_it_are_not_late(away: Any):
    box = Box(hours="09:00-22:00")
    box.run(10)
    box.missed = 80
    box.run(6)
    away(box)
    for _ in range(4):
        box.missed += 80
        assert "late" not in box.run(5)


@AWAY
def test_a_box_that_was_late_before_it_was_away_is_not_late_with_its_first_picture(away: Any):
    box = Box(hours="09:00-22:00")
    box.run(10)
    for _ in range(8):
        box.missed += 80
        box.run(5)
    assert box.watch.state == "late"
    away(box)
    assert box.run(30) == ["up"]


def test_a_camera_that_failed_in_the_evening_may_take_its_time_in_the_morning():
    box = Box(hours="09:00-22:00")
    box.run(10)
    box.there = False
    box.run(1)
    night(box)
    box.there, box.opens_in_s = True, 9.0
    assert box.run(30) == ["up"]


def test_visits_end_when_it_is_gone_and_who_was_beyond_a_line_has_crossed_it():
    box = Box()
    box.run(5)
    box.counter.open_visit = box.counter.open_crossing = True
    box.there = False
    box.run(10)
    assert [each.visited.dwell_ms for each in box.said if each.visited] == [2500]
    assert [each.crossed for each in box.said if each.crossed] == [Crossed("door", "in")]
    assert box.watch.totals == {("door", "in"): 1}


def test_who_seems_to_be_beyond_a_line_in_pictures_that_were_dark_for_seconds_has_not():
    box = Box()
    box.run(5)
    box.counter.open_crossing = box.counter.open_visit = True
    box.lit = False
    assert box.run(30) == ["dark"]
    assert not [each for each in box.said if each.crossed]
    assert not box.watch.totals
    assert [each.visited.dwell_ms for each in box.said if each.visited] == [2500]


def test_what_a_blind_camera_would_count_is_not_told():
    box = Box()
    box.run(5)
    box.counter.next = Looked((Crossing(box.now_s, "door", "in"),), flooded=True)
    box.run(0.3)
    assert [each.crossed.way for each in box.said if each.crossed] == ["in"]  # it was not blind yet
    for _ in range(60):
        box.counter.next = Looked((Crossing(box.now_s, "door", "in"),), flooded=True)
        box.run(0.1)
    counted = sum(each.crossed is not None for each in box.said)
    assert box.said[-1].state == "flooded" or any(each.state == "flooded" for each in box.said)
    for _ in range(60):
        box.counter.next = Looked((Crossing(box.now_s, "door", "in"),), flooded=True)
        box.run(0.1)
    assert sum(each.crossed is not None for each in box.said) == counted
    assert box.run(10) == ["clear"]


def test_a_box_that_is_too_slow_says_so_until_it_keeps_up():
    box = Box()
    box.run(10)
    assert not any(each.state == "late" for each in box.said)
    for _ in range(8):
        box.missed += 80
        box.run(5)
    assert box.said[-1].state == "late" or any(each.state == "late" for each in box.said)
    assert box.run(30) == ["clear"]


def test_how_many_are_there_is_said_when_it_changes_and_anew_after_it_was_blind():
    box = Box()
    box.run(10)
    assert [each.occupancy for each in box.said if each.occupancy] == [{"shop": 1}]
    box.there = False
    box.run(10)
    box.there = True
    box.run(40)
    assert [each.occupancy for each in box.said if each.occupancy] == [{"shop": 1}] * 2


def test_it_says_how_it_is_every_five_seconds_whatever_becomes_of_its_camera():
    box = Box(hours="09:00-22:00")
    box.run(20)
    box.there = False
    box.run(20)
    box.minute = 0
    box.run(20)
    assert sum(each.stats is not None for each in box.said) in (11, 12)


def test_a_film_that_is_opened_anew_does_not_turn_its_clock_back():
    box = Box(hours="09:00-22:00")
    box.film = film
    box.run(20)
    night(box)
    assert box.run(20) == ["up"]
    times = [each.t_ms for each in box.said]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(box.now_s * 1000, abs=5500)


def test_the_clock_of_a_slow_film_waits_for_it_and_does_not_go_back():
    box = Box()
    box.film = lambda: film(speed=0.1)
    times = []
    for _ in range(200):
        box.run(0.1)
        times.append(box.loop.t_s)
    assert times == sorted(times)
    assert times[-1] == pytest.approx(0.1 * box.now_s, abs=1)


def test_a_camera_that_is_opened_anew_keeps_its_own_times():
    box = Box(hours="09:00-22:00")
    box.run(20)
    night(box)
    box.age_s = 3.0
    box.run(20)
    assert box.watch.newest is not None
    assert box.now_s - box.watch.newest.t_s == pytest.approx(3.0, abs=0.2)
