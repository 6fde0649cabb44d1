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


def faults(group: Sequence[Film]) -> tuple[float, str]:
    """The share of crossings that is wrong, in and out each for itself in each film; and where."""
    wrong, true, where = 0, 0, []
    for one in group:
        found = counted(one).crossings
        for way in ("in", "out"):
            expected, got = (sum(crossing.way == way for crossing in row) for row in (one.crossings, found))
            true += expected
            wrong += abs(expected - got)
            if expected != got:
                where.append(f"{one.seed} {one.kind}/{one.sky} {way}: {expected} counted as {got}")
    return wrong / max(1, true), f"{wrong} of {true}: " + "; ".join(where)


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
    weathers = [weather for weather in WEATHERS if weather != "sun"]
    share, where = faults([one for weather in weathers for one in films("walkers", weather, range(7))])
    assert share <= 0.01, where


def test_walkers_beside_patches_of_sun_are_mostly_counted() -> None:
    """A patch that comes while somebody walks through it takes them for more: not within a percent yet."""
    share, where = faults(films("walkers", "sun", range(7)))
    assert share <= 0.12, where


def test_people_close_to_each_other_and_what_they_push_are_counted() -> None:
    casts: tuple[Cast, ...] = ("pairs", "trolleys", "passing")
    share, where = faults([one for cast in casts for one in films(cast, "clear", range(10, 28))])
    assert share <= 0.05, where


def test_some_of_everything_is_counted() -> None:
    share, where = faults(films("busy", "clear", range(8), lasts_s=30.0))
    assert share <= 0.05, where


def test_people_seen_from_the_side_are_counted() -> None:
    share, where = faults([film(seed, "walkers", oblique=True) for seed in range(8)])
    assert share <= 0.10, where


def test_a_larger_picture_and_a_faster_camera_count_the_same() -> None:
    one = film(4, "walkers")
    truth = [crossing.way for crossing in one.crossings]
    assert [crossing.way for crossing in counted(one, 25.0, (640, 360)).crossings] == truth
    assert [crossing.way for crossing in counted(one, 8.0, (320, 180)).crossings] == truth


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
    # Not none yet: who stands long a third of a person beyond the line is there and back in two of fifteen.
    assert len(wrong) <= 2, f"seed: (told, true): {wrong}"


# ── zones ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("weather", ["clear", "step", "noise", "ramp"])
def test_how_long_somebody_stayed_in_a_zone_is_told(weather: WeatherKind) -> None:
    each = [visits_apart(one) for one in films("dwellers", weather, range(80, 83), lasts_s=80.0)]
    true_s, wrong_s = sum(true for true, _, _ in each), sum(wrong for _, wrong, _ in each)
    # In noise one who stands close behind another is lost: not within 5 % yet.
    assert wrong_s <= (0.07 if weather == "noise" else 0.05) * true_s, [
        where for _, _, where in each if where
    ]


def ways(of: Film | Counted) -> list[str]:
    return sorted(crossing.way for crossing in of.crossings)
