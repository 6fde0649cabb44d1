"""The simulated camera itself: what it says is true of its films is what is to be seen in them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random

import numpy as np
import pytest

from drivers.counter.camera import simulator
from drivers.counter.camera.drawn import scenery
from drivers.counter.camera.drawn.film import Cast, Film, Shade, Weather, WeatherKind
from drivers.counter.camera.drawn.scenery import ASPECT, Oblique
from drivers.counter.camera.drawn.walks import Spot, crossings, nearest_m, stays, walk
from drivers.counter.camera.options import Point
from drivers.counter.camera.shapes import Picture

BARE = Weather(noise=0.0, shade=Shade(0.0, 0.0, 0.0))
FAR = Spot(2.0, -1.0), Spot(2.0, 5.0)


def crossed(*spots: Spot) -> list[tuple[float, str]]:
    """What somebody crosses who goes that way at a metre a second; the line is at y = 2, from x = 0 to 4."""
    way = walk(0.0, spots, 1.0, random.Random(1))
    return [(round(t_s, 1), which) for t_s, which in crossings(way, (0.0, 2.0), (4.0, 2.0), (0.0, 1.0))]


def test_who_goes_over_the_line_has_crossed_it_when_they_were_on_it() -> None:
    assert crossed(*FAR) == [(3.0, "in")]
    assert crossed(*FAR[::-1]) == [(3.0, "out")]


def test_who_comes_back_over_the_line_has_crossed_it_twice() -> None:
    assert crossed(FAR[0], Spot(2.0, 4.0), FAR[0]) == [(3.0, "in"), (7.0, "out")]


def test_who_stands_on_the_line_has_crossed_it_when_they_leave_for_the_other_side() -> None:
    ((t_s, which),) = crossed(FAR[0], Spot(2.0, 1.8, stays_s=5.0), FAR[1])
    assert which == "in"
    assert 7.5 < t_s < 8.5


@pytest.mark.parametrize(
    "way",
    [
        pytest.param((FAR[0], Spot(2.0, 2.0, stays_s=5.0), FAR[0]), id="loitering"),
        pytest.param((FAR[0], Spot(2.0, 2.2), FAR[0]), id="turning back a step beyond it"),
        pytest.param((Spot(4.3, -1.0), Spot(4.3, 5.0)), id="passing beside its end"),
        pytest.param((Spot(-1.0, 1.6), Spot(5.0, 1.6)), id="walking along it"),
    ],
)
def test_it_is_no_crossing(way: tuple[Spot, ...]) -> None:
    assert crossed(*way) == []


def test_a_stay_is_from_the_zones_edge_to_its_edge() -> None:
    way = walk(0.0, (FAR[0], Spot(2.0, 2.0, stays_s=60.0), FAR[1]), 1.0, random.Random(1))
    ((entered_s, left_s),) = stays(way, [(1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0)])
    assert entered_s == pytest.approx(2.0, abs=0.05)
    assert left_s == pytest.approx(64.0, abs=0.05)


@pytest.mark.parametrize("oblique", [False, True])
def test_the_drawn_person_is_on_the_line_when_the_crossing_is_told(oblique: bool) -> None:
    for seed in range(4):
        film = simulator.film(seed, "walkers", oblique=oblique)
        assert film.crossings
        for person in film.cast:
            alone = dataclasses.replace(film, cast=(person,), weather=BARE)
            for crossing in alone.crossings:
                assert off_the_line(alone, middle(alone, crossing.t_s, feet=oblique)) < 0.03


def test_a_drawn_person_fits_the_box_that_a_technician_draws() -> None:
    for seed in range(8):
        film = simulator.film(seed, "walkers")
        (box,) = film.options.persons
        wide, high = [], []
        for person in film.cast:
            alone = dataclasses.replace(film, cast=(person,), weather=BARE)
            for crossing in alone.crossings:
                rows, columns = np.nonzero(changed(alone, crossing.t_s))
                wide.append((np.ptp(columns) + 1) / 320)
                high.append((np.ptp(rows) + 1) / 180)
        assert np.mean(wide) == pytest.approx(box.w, rel=0.35)
        assert np.mean(high) == pytest.approx(box.h, rel=0.35)


@pytest.mark.parametrize("cast", simulator.CASTS)
@pytest.mark.parametrize("weather", ["clear", "headlights", "shake"])
def test_one_seed_gives_one_film_asked_in_any_order(cast: Cast, weather: WeatherKind) -> None:
    one, other = (simulator.film(5, cast, weather, lasts_s=9.0) for _ in range(2))
    assert one.crossings == other.crossings
    assert one.visits == other.visits
    pictures = dict(one.frames(rate=2.0))
    for t_s in sorted(pictures, reverse=True):
        assert np.array_equal(other.picture(t_s), pictures[t_s])


def test_another_seed_gives_another_film() -> None:
    assert simulator.film(1).crossings != simulator.film(2).crossings
    assert not np.array_equal(simulator.film(1).picture(0.0), simulator.film(2).picture(0.0))


def test_frames_come_at_any_rate_and_size() -> None:
    film = simulator.film(1, lasts_s=3.0)
    frames = list(film.frames(rate=15.0, size=(160, 120)))
    assert len(frames) == 45
    assert frames[30][0] == pytest.approx(2.0)
    assert all(picture.shape == (120, 160, 3) and picture.dtype == np.uint8 for _, picture in frames)


def test_walkers_are_apart_and_pairs_are_not() -> None:
    for seed in range(10):
        assert min(gaps(simulator.film(seed, "walkers"))) >= simulator.APART_M
        assert 0.5 < min(gaps(simulator.film(seed, "pairs"))) < 0.8


@pytest.mark.parametrize("cast", ["nobody", "shadows"])
def test_where_nobody_is_nothing_is_true(cast: Cast) -> None:
    for seed in range(10):
        film = simulator.film(seed, cast)
        assert film.crossings == ()
        assert film.visits == ()


def test_who_dwells_is_in_a_zone_for_long_and_in_the_picture_all_the_time() -> None:
    for seed in range(10):
        film = simulator.film(seed, "dwellers", lasts_s=90.0)
        longest = max(film.visits, key=lambda visit: visit.dwell_s)
        assert longest.dwell_s > 20.0
        middle_s = (longest.entered_s + longest.left_s) / 2
        assert film.people_in(longest.zone, middle_s) >= 1
        assert film.people_in(longest.zone, 0.5) == 0


def test_loiterers_seldom_cross() -> None:
    films = [simulator.film(seed, "loiterers") for seed in range(20)]
    assert sum(len(film.cast) for film in films) > 3 * sum(len(film.crossings) for film in films) > 0


def test_who_turns_back_goes_a_quarter_of_a_person_beyond_the_line_at_most() -> None:
    """Farther than that, and less than half, whether they crossed is a matter of opinion."""
    for film in (simulator.film(seed, "loiterers") for seed in range(40)):
        a, b = (np.array(film.room.view.floor(end)) for end in (film.room.line.a, film.room.line.b))
        along = (b - a) / np.hypot(*(b - a))
        for person in film.cast:
            way = np.stack([person.walk.x, person.walk.y], axis=1) - a
            across = way @ np.array([-along[1], along[0]])
            on_line = (way @ along > 0) & (way @ along < np.hypot(*(b - a)))
            if across[0] * across[-1] > 0:
                assert np.max(-np.sign(across[0]) * across[on_line], initial=0.0) < 0.22


def test_who_stands_somewhere_is_lit_as_the_floor_is_there() -> None:
    floor = scenery.floor("plain", (120.0, 120.0, 120.0), 7)
    high, wide = scenery.FLOOR_PX
    lights = []
    for x, y in itertools.product((0.05, 0.35, 0.65, 0.95), repeat=2):
        part = floor.picture[int(y * high) - 8 : int(y * high) + 8, int(x * wide) - 8 : int(x * wide) + 8]
        lights.append(floor.light(Point(x, y)))
        assert part.mean() / 120 == pytest.approx(lights[-1], abs=0.02)
    assert max(lights) > min(lights) + 0.05
    film = dataclasses.replace(simulator.film(4, "walkers"), weather=BARE)
    someone = film.cast[0]
    assert someone.look is not None
    pale = dataclasses.replace(someone.look, hair=(150.0, 150.0, 150.0))
    alone = dataclasses.replace(film, cast=(someone._replace(look=pale),))
    hair = []
    for t_s in np.arange(someone.walk.begins_s + 1.0, someone.walk.ends_s - 1.0, 0.1):
        place = alone.seen_at(someone, t_s)
        if place is not None and 0.1 < place.x < 0.9 and 0.1 < place.y < 0.9:
            x, y = round(place.x * 640), round(place.y * 360)
            head = alone.picture(t_s, (640, 360))[y - 2 : y + 3, x - 2 : x + 3].mean()
            hair.append(head / alone.laid.light(place))
    assert len(hair) > 10
    assert np.std(hair) < 0.02 * np.mean(hair)


def test_from_the_side_who_is_far_is_small() -> None:
    film = simulator.film(2, oblique=True)
    assert isinstance(film.room.view, Oblique)
    near, far = film.room.person(Point(0.5, 0.95)), film.room.person(Point(0.5, 0.4))
    assert near.w > 1.3 * far.w


def test_a_live_camera_goes_on_after_its_first_film_in_the_same_room() -> None:
    frames = list(itertools.islice(simulator.live(3, rate=0.25, size=(160, 90)), 90))
    times = [t_s for t_s, _ in frames]
    assert times == [4.0 * number for number in range(90)]
    first, second, third = itertools.islice(simulator.reels(3), 3)
    assert first.room == second.room == third.room
    assert first.crossings != second.crossings


def gaps(film: Film) -> list[float]:
    return [nearest_m(one.walk, other.walk) for one, other in itertools.combinations(film.cast, 2)]


def changed(film: Film, t_s: float) -> Picture:
    """Where there is something that is not the floor."""
    empty = dataclasses.replace(film, cast=())
    off = np.abs(film.picture(t_s).astype(int) - empty.picture(t_s)).sum(axis=2) > 12
    return off.astype(np.uint8)


def off_the_line(film: Film, place: Point) -> float:
    """How far the place is from the line, as a part of the picture's width."""
    a, b = film.room.line.a, film.room.line.b
    along, to = (b.x - a.x, (b.y - a.y) * ASPECT), (place.x - a.x, (place.y - a.y) * ASPECT)
    return abs(along[0] * to[1] - along[1] * to[0]) / math.hypot(*along)


def middle(film: Film, t_s: float, feet: bool) -> Point:
    """Of what is drawn, as parts of the picture; with `feet`, of what stands on the floor."""
    off = changed(film, t_s)
    rows, columns = np.nonzero(off)
    y = float(rows.max()) if feet else float((rows.min() + rows.max()) / 2)
    return Point((float(columns.mean()) + 0.5) / off.shape[1], (y + 0.5) / off.shape[0])
