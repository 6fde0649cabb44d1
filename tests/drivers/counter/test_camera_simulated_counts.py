"""The counter against two hundred drawn films and what is exactly true of them.

A film's frames are small, to be quick: 160 pixels wide is what a counter looks at anyway. Each group of films
is counted together, as a day is: one fault is less than a percent of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import pytest

from drivers.counter.camera.counter import Counter
from drivers.counter.camera.drawn.film import Cast, Film, WeatherKind
from drivers.counter.camera.shapes import Crossing, Visit
from drivers.counter.camera.simulator import WEATHERS, film

RATE = 10.0
SIZE = (160, 90)
VISIT_MIN_S = 5.0  # shorter ones are somebody who passes through


class Counted(NamedTuple):
    crossings: tuple[Crossing, ...]
    visits: tuple[Visit, ...]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterable[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


def counted(of: Film, rate: float = RATE, size: tuple[int, int] = SIZE) -> Counted:
    counter = Counter(of.options)
    looked = [counter.look(picture, t_s) for t_s, picture in of.frames(rate, size)]
    looked.append(counter.close(of.lasts_s))
    return Counted(
        tuple(crossing for one in looked for crossing in one.crossings),
        tuple(visit for one in looked for visit in one.visits),
    )


def films(cast: Cast, weather: WeatherKind, seeds: range, lasts_s: float = 20.0) -> list[Film]:
    return [film(seed, cast, weather, lasts_s=lasts_s) for seed in seeds]


class Faults(NamedTuple):
    """How many crossings of some films are wrong, in and out each for itself in each film; and where."""

    wrong: int
    true: int
    where: str

    @property
    def share(self) -> float:
        return self.wrong / max(1, self.true)


def faults(group: Sequence[Film]) -> Faults:
    wrong, true, where = 0, 0, []
    for one in group:
        found = counted(one).crossings
        for way in ("in", "out"):
            expected, got = (sum(crossing.way == way for crossing in row) for row in (one.crossings, found))
            true += expected
            wrong += abs(expected - got)
            if expected != got:
                where.append(f"{one.seed} {one.kind}/{one.sky} {way}: {expected} counted as {got}")
    return Faults(wrong, true, "; ".join(where))


def visits_apart(one: Film) -> tuple[float, float, str]:
    """Seconds of visits in truth, how many of them were told wrongly, and where."""
    told = [visit for visit in counted(one, rate=5.0).visits if visit.dwell_s >= VISIT_MIN_S - 1.0]
    true_s, wrong_s, where = 0.0, 0.0, []
    for visit in (visit for visit in one.visits if visit.dwell_s >= VISIT_MIN_S):
        true_s += visit.dwell_s
        same = max(
            (other for other in told if other.zone == visit.zone), key=partial(_both_s, visit), default=None
        )
        if same is None or _both_s(visit, same) <= 0:
            wrong_s += visit.dwell_s
            where.append(f"{one.seed} {one.sky}: nobody for {visit}")
            continue
        told.remove(same)
        wrong_s += abs(same.dwell_s - visit.dwell_s)
        if abs(same.dwell_s - visit.dwell_s) > 2.0:
            where.append(f"{one.seed} {one.sky}: {visit} told as {same}")
    for visit in told:
        if not any(_both_s(visit, other) > 0 for other in one.visits if other.zone == visit.zone):
            wrong_s += visit.dwell_s
            where.append(f"{one.seed} {one.sky}: {visit} is nobody's")
    return true_s, wrong_s, "; ".join(where)


def _both_s(one: Visit, other: Visit) -> float:
    return min(one.left_s, other.left_s) - max(one.entered_s, other.entered_s)


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_walkers_are_counted_in_any_weather() -> None:
    each = [faults(films("walkers", weather, range(7))) for weather in WEATHERS]
    where = "; ".join(one.where for one in each if one.wrong)
    assert sum(one.wrong for one in each) <= 0.01 * sum(one.true for one in each), where
    assert max(one.share for one in each) <= 0.03, where  # one and no more, in each weather


@pytest.mark.parametrize(("cast", "most"), [("pairs", 0.03), ("trolleys", 0.01), ("passing", 0.03)])
def test_people_close_to_each_other_and_what_they_push_are_counted(cast: Cast, most: float) -> None:
    found = faults(films(cast, "clear", range(10, 28)))
    assert found.share <= most, found.where


def test_some_of_everything_is_counted() -> None:
    found = faults(films("busy", "clear", range(8), lasts_s=30.0))
    assert found.share <= 0.03, found.where


def test_people_seen_from_the_side_are_counted() -> None:
    found = faults([film(seed, "walkers", oblique=True) for seed in range(8)])
    assert found.share <= 0.05, found.where


def test_a_larger_picture_and_a_faster_camera_count_the_same() -> None:
    one = film(4, "walkers")
    truth = [crossing.way for crossing in one.crossings]
    assert [crossing.way for crossing in counted(one, 25.0, (640, 360)).crossings] == truth
    assert [crossing.way for crossing in counted(one, 8.0, (320, 180)).crossings] == truth


def test_visits_end_when_the_camera_sends_pictures_of_another_size() -> None:
    of = film(5, "dwellers", lasts_s=60.0)
    counter = Counter(of.options)
    for t_s, picture in of.frames(RATE, SIZE):
        if t_s < 40.0:
            assert not counter.look(picture, t_s).visits
    t_s, picture = next(frame for frame in of.frames(RATE, (320, 180)) if frame[0] >= 40.0)
    ended = sorted(visit.zone for visit in counter.look(picture, t_s).visits)
    assert ended == ["shelf", "shelf", "till", "till"]


def test_each_crossing_is_told_when_it_happened() -> None:
    for one in films("walkers", "clear", range(30, 34)):
        told = counted(one).crossings
        assert len(told) == len(one.crossings)
        for crossing in one.crossings:
            assert any(crossing.way == other.way and abs(crossing.t_s - other.t_s) < 0.6 for other in told), (
                crossing
            )


# ── nobody ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("weather", WEATHERS)
def test_weather_is_nobody(weather: WeatherKind) -> None:
    for one in films("nobody", weather, range(40, 46), lasts_s=15.0):
        found = counted(one)
        assert found.crossings == (), one.seed
        assert found.visits == (), one.seed


def test_a_shadow_alone_is_nobody() -> None:
    for one in films("shadows", "clear", range(50, 62), lasts_s=15.0):
        assert counted(one).crossings == (), (one.seed, one.weather.shade)


def test_who_loiters_on_a_line_and_turns_back_is_not_counted() -> None:
    group = films("loiterers", "clear", range(60, 75))
    wrong = {one.seed: (told, true) for one in group if (told := ways(counted(one))) != (true := ways(one))}
    assert not wrong, f"seed: (told, true): {wrong}"


# ── zones ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_how_long_somebody_stayed_in_a_zone_is_told() -> None:
    true_s, wrong_s, where = 0.0, 0.0, ""
    weathers: tuple[WeatherKind, ...] = ("clear", "step", "noise", "ramp")
    for weather in weathers:
        each = [visits_apart(one) for one in films("dwellers", weather, range(80, 83), lasts_s=80.0)]
        true_here_s, wrong_here_s = sum(true for true, _, _ in each), sum(wrong for _, wrong, _ in each)
        where += "; ".join(where for _, _, where in each if where)
        # In much noise one person, 17 grey levels off the floor, is never seen: not within 5 % yet.
        assert wrong_here_s <= (0.07 if weather == "noise" else 0.01) * true_here_s, where
        true_s, wrong_s = true_s + true_here_s, wrong_s + wrong_here_s
    assert wrong_s <= 0.03 * true_s, where


def ways(of: Film | Counted) -> list[str]:
    return sorted(crossing.way for crossing in of.crossings)
