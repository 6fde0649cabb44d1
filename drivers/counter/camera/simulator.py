"""A camera that there is not: drawn people before a drawn shop, and exactly who crossed the line, and when.

    film(seed, cast, weather) ──► Film.frames(rate, size) ──► (t_s, picture) …    and Film.crossings, .visits
    live(seed)                ──► (t_s, picture) without end: films of some of everything in one room

Everything comes from the seed: a picture is the same each time that it is asked for, in any order. Every cast
goes with every weather:

    cast        nobody     an empty shop
                walkers    one at a time, never nearer than APART_M to each other
                pairs      two or three side by side
                trolleys   each with a trolley or a pushchair before them
                passing    two at a time, in opposite directions, past each other on the line
                loiterers  stand on the line, turn back on it, walk along it, pass beside its ends
                dwellers   stand still in a sales area for a long while
                shadows    somebody outside the picture, whose shadow walks through it
                busy       some of everything
    weather     clear step ramp flicker sun headlights shade noise shake dim
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import get_args

import numpy as np

from drivers.counter.camera.drawn import people, scenery
from drivers.counter.camera.drawn.film import RATE, SIZE, Cast, Film, Person, Shade, Weather, WeatherKind
from drivers.counter.camera.drawn.people import Pushed
from drivers.counter.camera.drawn.scenery import Headlight, Oblique, Room, SunPatch
from drivers.counter.camera.drawn.walks import DEEP_M, Spot, Walk, nearest_m, walk
from drivers.counter.camera.shapes import Picture

CASTS: tuple[Cast, ...] = get_args(Cast)
WEATHERS: tuple[WeatherKind, ...] = get_args(WeatherKind)

LASTS_S = 20.0
EMPTY_S = 3.0  # at the beginning: a camera is set up before an empty floor
APART_M = 1.3  # between two who have nothing to do with each other
ENDS_M = 0.4  # from an end of the line at least, on either side of it
OUTSIDE_M = 0.8  # so far outside the picture somebody is not to be seen in it
TRIES = 6  # to find somebody a time and a way that is free; then one less comes
REEL_S = 120.0


def film(
    seed: int,
    cast: Cast = "walkers",
    weather: WeatherKind = "clear",
    *,
    lasts_s: float = LASTS_S,
    oblique: bool = False,
    room: Room | None = None,
) -> Film:
    """A film of its own for each seed, cast and weather. `room` is where, if not in one of its own."""
    chance = random.Random(f"{seed} {cast} {weather}")
    where = room or scenery.room(chance, oblique=oblique, short=cast == "loiterers")
    sky = _WEATHERS[weather](chance, lasts_s)
    director = _Director(where, chance, lasts_s, contrast=0.35 if weather == "dim" else 1.0)
    _CASTS[cast](director)
    if cast == "shadows":
        sky = sky._replace(shade=_strong_shade(chance))
    return Film(seed, cast, weather, where, tuple(director.cast), sky, lasts_s)


def reels(seed: int) -> Iterator[Film]:
    """Films without end, all in the same room."""
    chance = random.Random(f"{seed} reels")
    room = scenery.room(chance)
    for number in itertools.count():
        weather = chance.choice(("clear", "clear", *WEATHERS))
        yield film(seed * 10_007 + number, "busy", weather, lasts_s=REEL_S, room=room)


def live(seed: int, rate: float = RATE, size: tuple[int, int] = SIZE) -> Iterator[tuple[float, Picture]]:
    """(seconds, picture) without end, as a camera would give them; as fast as they are asked for."""
    for number, reel in enumerate(reels(seed)):
        for t_s, picture in reel.frames(rate, size):
            yield number * REEL_S + t_s, picture


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Director:
    """Finds ways and times at which people do not run into each other."""

    def __init__(self, room: Room, chance: random.Random, lasts_s: float, contrast: float) -> None:
        self.room, self.chance, self.lasts_s = room, chance, lasts_s
        self.cast: list[Person] = []
        self._contrast = contrast
        view = room.view
        self._upright = room.line.inward in ("left", "right")
        self._long, self._deep = (view.high_m, view.wide_m) if self._upright else (view.wide_m, view.high_m)
        a, b = view.floor(room.line.a), view.floor(room.line.b)
        self._a, self._b = (a[::-1], b[::-1]) if self._upright else (a, b)

    def add(self, *walks: Walk, apart_m: float = APART_M, pushes: Pushed = "", seen: bool = True) -> bool:
        """These together, if they come near nobody and are out of the picture in time."""
        if max(one.ends_s for one in walks) > self.lasts_s - 0.5:
            return False
        if not all(self._clear_of_ends(one) for one in walks):
            return False
        others = [person.walk for person in self.cast]
        if any(nearest_m(one, other) < apart_m for one in walks for other in others):
            return False
        for one in walks:
            look = people.look(self.chance, self.room.tone, contrast=self._contrast, pushes=pushes)
            self.cast.append(Person(one, look if seen else None))
        return True

    def _clear_of_ends(self, way: Walk) -> bool:
        """Nobody can say whether somebody half beside the end of a line crossed it."""
        along, across = (way.y, way.x) if self._upright else (way.x, way.y)
        (low, at_low), (high, at_high) = sorted((self._a, self._b))
        on_line = np.abs(across - np.interp(along, (low, high), (at_low, at_high))) < DEEP_M
        from_ends = np.minimum(np.abs(along - low), np.abs(along - high))
        return not np.any(on_line & (from_ends < ENDS_M))

    def spaced(self, every_s: float, act: Callable[[float], bool]) -> None:
        """Let `act` happen from the beginning to the end, about every so many seconds."""
        t_s = EMPTY_S
        while t_s < self.lasts_s - 2.0:
            for _ in range(TRIES):
                if act(t_s + self.chance.uniform(0.0, 0.5 * every_s)):
                    break
            t_s += every_s * self.chance.uniform(0.7, 1.3)

    # Places are said as (along the line, across it), whichever way the line lies.

    def spot(self, along_m: float, across_m: float, stays_s: float = 0.0) -> Spot:
        return Spot(across_m, along_m, stays_s) if self._upright else Spot(along_m, across_m, stays_s)

    def line_at(self, along_m: float) -> float:
        """Where the line is there, across."""
        part = (along_m - self._a[0]) / (self._b[0] - self._a[0])
        return self._a[1] + part * (self._b[1] - self._a[1])

    def lane(self, narrow: float = 0.14) -> float:
        """Somewhere along the line, away from its ends."""
        return self.chance.uniform(narrow, 1.0 - narrow) * self._long

    def ends(self) -> tuple[float, float]:
        """Outside the picture, on this side of the line and on that, in either order."""
        near, far = -OUTSIDE_M, self._deep + OUTSIDE_M
        if isinstance(self.room.view, Oblique):
            far += 1.5  # a head is still in the picture when the feet are below it
        return (near, far) if self.chance.random() < 0.5 else (far, near)

    def along_ends(self) -> tuple[float, float]:
        ends = -OUTSIDE_M, self._long + OUTSIDE_M
        return ends if self.chance.random() < 0.5 else ends[::-1]

    def line_ends(self) -> tuple[float, float]:
        return min(self._a[0], self._b[0]), max(self._a[0], self._b[0])

    def pace(self) -> float:
        return min(2.0, max(0.5, self.chance.gauss(1.2, 0.3)))

    def walk(self, begins_s: float, *spots: Spot, pace: float | None = None) -> Walk:
        return walk(begins_s, spots, pace or self.pace(), self.chance)

    def through(self, begins_s: float, lane_m: float, drift_m: float = 0.0) -> Walk:
        """From one side to the other."""
        begin, end = self.ends()
        return self.walk(begins_s, self.spot(lane_m, begin), self.spot(lane_m + drift_m, end))

    # What people do.

    def walker(self, begins_s: float) -> bool:
        lane, other = self.lane(), self.lane()
        return self.add(self.through(begins_s, lane, (other - lane) * 0.6))

    def group(self, begins_s: float) -> bool:
        beside_m = self.chance.uniform(0.55, 0.75)
        first = self.through(begins_s, self.lane(0.25), self.chance.uniform(-0.3, 0.3))
        walks = [first, first.beside(beside_m, self.chance.uniform(-0.2, 0.2))]
        if self.chance.random() < 0.25:
            walks.append(first.beside(-self.chance.uniform(0.55, 0.75), self.chance.uniform(-0.2, 0.2)))
        return self.add(*walks, apart_m=1.8)

    def pusher(self, begins_s: float) -> bool:
        pushes: Pushed = self.chance.choice(("trolley", "pushchair"))
        begin, end = self.ends()
        lane, beyond = self.lane(0.2), math.copysign(1.0, end - begin)
        spots = self.spot(lane, begin - beyond), self.spot(lane + self.chance.uniform(-0.3, 0.3), end)
        return self.add(self.walk(begins_s, *spots), apart_m=2.3, pushes=pushes)

    def meeting(self, begins_s: float) -> bool:
        """Two who meet on the line or near it."""
        lane, aside_m = self.lane(0.3), self.chance.choice((-1, 1)) * self.chance.uniform(0.7, 1.1)
        one = self.walk(begins_s, self.spot(lane, -OUTSIDE_M), self.spot(lane, self._deep + OUTSIDE_M))
        pace = self.pace()
        on_line_s = begins_s + (self.line_at(lane) + OUTSIDE_M) / float(one.pace.max())
        later_s = self.chance.uniform(-0.4, 0.4)
        other_s = on_line_s + later_s - (self._deep + OUTSIDE_M - self.line_at(lane)) / pace
        ends = self.spot(lane + aside_m, self._deep + OUTSIDE_M), self.spot(lane + aside_m, -OUTSIDE_M)
        return self.add(one, self.walk(other_s, *ends, pace=pace), apart_m=1.8)

    def loiterer(self, begins_s: float) -> bool:
        acts = self.stander, self.stander, self.turner, self.strider, self.grazer
        return self.chance.choice(acts)(begins_s)

    def stander(self, begins_s: float) -> bool:
        """Stops on the line for a while, then goes on or back."""
        begin, end = self.ends()
        lane = self.chance.uniform(0.4, 0.6) * self._long
        on_line = self.line_at(lane) + self.chance.uniform(-0.1, 0.1)
        stop = self.spot(lane, on_line, self.chance.uniform(3.0, 8.0))
        leaves = self.spot(lane, self.chance.choice((begin, end)))
        return self.add(self.walk(begins_s, self.spot(lane, begin), stop, leaves))

    def turner(self, begins_s: float) -> bool:
        """Turns back on the line."""
        begin, end = self.ends()
        lane = self.chance.uniform(0.4, 0.6) * self._long
        too_far_m = self.chance.uniform(-0.3, 0.15) * math.copysign(1.0, end - begin)
        stop = self.spot(lane, self.line_at(lane) + too_far_m, self.chance.uniform(0.0, 1.5))
        return self.add(self.walk(begins_s, self.spot(lane, begin), stop, self.spot(lane + 0.4, begin)))

    def strider(self, begins_s: float) -> bool:
        """Walks along the line, half a metre beside it."""
        begin, end = self.along_ends()
        off_m = self.chance.choice((-1, 1)) * self.chance.uniform(0.45, 0.7)
        spots = self.spot(begin, self.line_at(begin) + off_m), self.spot(end, self.line_at(end) + off_m)
        return self.add(self.walk(begins_s, *spots))

    def grazer(self, begins_s: float) -> bool:
        """Passes beside an end of the line."""
        low, high = self.line_ends()
        off_m = self.chance.uniform(0.5, 0.75)
        return self.add(self.through(begins_s, self.chance.choice((low - off_m, high + off_m))))

    def dweller(self, begins_s: float, stays_s: tuple[float, float]) -> bool:
        """Goes to a place in the middle of a zone, stands there, and leaves."""
        view = self.room.view
        corners = [view.floor(corner) for corner in self.chance.choice(list(self.room.zones.values()))]
        low_x, high_x = min(x for x, _ in corners) + 0.5, max(x for x, _ in corners) - 0.5
        low_y, high_y = min(y for _, y in corners) + 0.5, max(y for _, y in corners) - 0.5
        stays = self.chance.uniform(*stays_s)
        stop = Spot(self.chance.uniform(low_x, high_x), self.chance.uniform(low_y, high_y), stays)
        begin, end = (Spot(stop.x + self.chance.uniform(-0.2, 0.2), self.ends_y()) for _ in range(2))
        return self.add(self.walk(begins_s, begin, stop, end), apart_m=0.9)

    def ends_y(self) -> float:
        return self.chance.choice((-OUTSIDE_M, self.room.view.high_m + OUTSIDE_M))

    def shadow(self, begins_s: float) -> bool:
        lane = self.lane(0.1)
        return self.add(self.through(begins_s, lane, self.chance.uniform(-1.0, 1.0)), apart_m=0.0, seen=False)

    def anybody(self, begins_s: float) -> bool:
        acts = (self.walker, self.walker, self.walker, self.group, self.pusher, self.meeting, self.turner)
        return self.chance.choice(acts)(begins_s)


def _dwellers(director: _Director) -> None:
    longest_s = max(1.0, director.lasts_s - EMPTY_S - 12.0)
    director.spaced(6.0, lambda t_s: director.dweller(t_s, (0.3 * longest_s, longest_s)))


def _busy(director: _Director) -> None:
    for _ in range(2):
        begins_s = director.chance.uniform(EMPTY_S, 0.4 * director.lasts_s)
        director.dweller(begins_s, (5.0, max(6.0, 0.4 * director.lasts_s)))
    director.spaced(4.0, director.anybody)


_CASTS: dict[Cast, Callable[[_Director], None]] = {
    "nobody": lambda director: None,
    "walkers": lambda director: director.spaced(1.5, director.walker),
    "pairs": lambda director: director.spaced(2.5, director.group),
    "trolleys": lambda director: director.spaced(2.5, director.pusher),
    "passing": lambda director: director.spaced(3.0, director.meeting),
    "loiterers": lambda director: director.spaced(3.0, director.loiterer),
    "dwellers": _dwellers,
    "shadows": lambda director: director.spaced(1.5, director.shadow),
    "busy": _busy,
}


# ── under what sky ──────────────────────────────────────────────────────────────────────────────────────────


def _clear(chance: random.Random, lasts_s: float) -> Weather:
    shade = Shade(chance.uniform(0.05, 0.2), chance.uniform(0, 2 * math.pi), chance.uniform(0.0, 0.3))
    return Weather(shade=shade, noise=chance.choice((1.5, 2.0, 3.0)))


def _strong_shade(chance: random.Random) -> Shade:
    return Shade(chance.uniform(0.2, 0.45), chance.uniform(0, 2 * math.pi), chance.uniform(0.4, 1.4))


def _moments(chance: random.Random, lasts_s: float, count: int) -> Sequence[float]:
    """Some moments after the beginning, one in each part of the time."""
    part_s = (lasts_s - EMPTY_S - 2.0) / count
    return [EMPTY_S + 1.0 + part_s * (n + chance.uniform(0.0, 0.5)) for n in range(count)]


def _step(chance: random.Random, lasts_s: float) -> Weather:
    steps = [(at_s, 3.0, chance.choice((-0.3, 0.2, 0.35))) for at_s in _moments(chance, lasts_s, 2)]
    return _clear(chance, lasts_s)._replace(steps=tuple(steps))


def _ramp(chance: random.Random, lasts_s: float) -> Weather:
    at_s, over_s = EMPTY_S, (lasts_s - EMPTY_S - 1.0) / 2
    return _clear(chance, lasts_s)._replace(ramps=((at_s, over_s, chance.choice((-0.3, 0.3, 0.45))),))


def _flicker(chance: random.Random, lasts_s: float) -> Weather:
    depth, bands = chance.uniform(0.02, 0.08), chance.random() < 0.6
    return _clear(chance, lasts_s)._replace(flickers=depth, bands=bands)


def _sun(chance: random.Random, lasts_s: float) -> Weather:
    patches = []
    for _ in range(chance.randint(1, 2)):
        shines = tuple((at_s, at_s + chance.uniform(2.0, 5.0)) for at_s in _moments(chance, lasts_s, 3))
        patches.append(
            SunPatch(
                x=chance.uniform(0.2, 0.8),
                y=chance.uniform(0.2, 0.8),
                wide=chance.uniform(0.15, 0.4),
                high=chance.uniform(0.2, 0.6),
                gain=chance.uniform(0.25, 0.7),
                shines=shines,
                fades_s=chance.uniform(0.5, 2.0),
                creeps=chance.uniform(-0.002, 0.002),
            )
        )
    return _clear(chance, lasts_s)._replace(lamps=tuple(patches))


def _headlights(chance: random.Random, lasts_s: float) -> Weather:
    cars = []
    for at_s in _moments(chance, lasts_s, 4):
        begin, end = (-0.3, chance.uniform(0.1, 0.9)), (1.3, chance.uniform(0.1, 0.9))
        if chance.random() < 0.5:
            begin, end = end, begin
        wide, high = chance.uniform(0.15, 0.4), chance.uniform(0.3, 0.7)
        lasts = chance.uniform(0.6, 2.0)
        cars.append(Headlight(at_s, lasts, begin, end, wide, high, gain=chance.uniform(0.3, 1.2)))
    return _clear(chance, lasts_s)._replace(lamps=tuple(cars))


def _shade(chance: random.Random, lasts_s: float) -> Weather:
    return _clear(chance, lasts_s)._replace(shade=_strong_shade(chance))


def _noise(chance: random.Random, lasts_s: float) -> Weather:
    return _clear(chance, lasts_s)._replace(noise=chance.choice((8.0, 10.0, 12.0)))


def _shake(chance: random.Random, lasts_s: float) -> Weather:
    return _clear(chance, lasts_s)._replace(shakes=chance.uniform(0.5, 2.0))


def _dim(chance: random.Random, lasts_s: float) -> Weather:
    """Little light: clothes come near the floor's colour, and there is some noise."""
    return _clear(chance, lasts_s)._replace(noise=4.0)


_WEATHERS: dict[WeatherKind, Callable[[random.Random, float], Weather]] = {
    "clear": _clear,
    "step": _step,
    "ramp": _ramp,
    "flicker": _flicker,
    "sun": _sun,
    "headlights": _headlights,
    "shade": _shade,
    "noise": _noise,
    "shake": _shake,
    "dim": _dim,
}
