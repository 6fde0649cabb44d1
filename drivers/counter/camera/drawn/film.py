"""A film: people who walk through a room under some weather, how it looks, and exactly what is true of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import cv2
import numpy as np

from drivers.counter.camera import trouble
from drivers.counter.camera.drawn import people, scenery, walks
from drivers.counter.camera.drawn.people import Look
from drivers.counter.camera.drawn.scenery import Lamp, Oblique, Room
from drivers.counter.camera.drawn.walks import Walk
from drivers.counter.camera.options import CameraOptions, Point
from drivers.counter.camera.shapes import Crossing, Picture, Visit

RATE = 10.0
SIZE = (320, 180)  # width, height
PUSHED_M = 0.78  # from the middle of a person to that of what they push

Cast = Literal[
    "nobody",
    "walkers",
    "pairs",
    "trolleys",
    "passing",
    "loiterers",
    "dwellers",
    "shadows",
    "busy",
]
WeatherKind = Literal[
    "clear", "step", "ramp", "flicker", "sun", "headlights", "shade", "noise", "shake", "dim"
]

_TOWARDS = {"up": (0.0, -1.0), "down": (0.0, 1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}


class Person(NamedTuple):
    """Somebody in a film."""

    walk: Walk
    look: Look | None  # None: only the shadow is in the picture


class Shade(NamedTuple):
    """How shadows fall: `strength` is the part of the light that is missing, `long_m` how far they reach."""

    strength: float
    angle: float
    long_m: float


class Weather(NamedTuple):
    """What spoils the pictures of a film, over its time. Nothing, by default, but a little noise."""

    shade: Shade = Shade(0.15, 0.0, 0.1)
    lamps: tuple[Lamp, ...] = ()
    steps: tuple[tuple[float, float, float], ...] = ()  # (at_s, lasts_s, depth)
    ramps: tuple[tuple[float, float, float], ...] = ()  # (at_s, over_s, depth)
    flickers: float = 0.0  # its depth
    bands: bool = False
    noise: float = 2.0  # grey levels, of a picture 320 wide; a smaller one is made of means
    shakes: float = 0.0  # pixels, of a picture 320 wide

    def gain(self, t_s: float) -> float:
        gains = [
            trouble.step_gain(t_s, at_s=at, lasts_s=lasts, depth=depth) for at, lasts, depth in self.steps
        ]
        gains += [trouble.ramp_gain(t_s, at_s=at, over_s=over, depth=depth) for at, over, depth in self.ramps]
        return math.prod(gains)


@dataclass(frozen=True)
class Film:
    """What happens before one camera from 0 to `lasts_s`, and how it looks. Immutable; frames at any rate."""

    seed: int
    kind: Cast
    sky: WeatherKind
    room: Room
    cast: tuple[Person, ...]
    weather: Weather
    lasts_s: float
    _floors: dict[tuple[int, int], Picture] = field(default_factory=dict, repr=False, compare=False)

    @property
    def options(self) -> CameraOptions:
        return self.room.options

    # ── what is true ──

    @functools.cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Who crossed the line within the film, in order of time."""
        line, floor = self.room.line, self.room.view.floor
        a, b = floor(line.a), floor(line.b)
        found = [
            Crossing(t_s, "door", way)
            for walk in self._walks
            for t_s, way in walks.crossings(walk, a, b, _TOWARDS[line.inward])
        ]
        return tuple(sorted(one for one in found if 0.0 <= one.t_s < self.lasts_s))

    @functools.cached_property
    def visits(self) -> tuple[Visit, ...]:
        """Each stay in each zone, however short, within the film and within the picture; in order of time."""
        found = [
            Visit(zone, max(0.0, entered_s), min(left_s, self.lasts_s))
            for zone, corners in self._zones.items()
            for walk in self._walks
            for entered_s, left_s in walks.stays(walk, corners)
            if entered_s < self.lasts_s and left_s > 0.0
        ]
        return tuple(sorted(found, key=lambda visit: visit.entered_s))

    def people_in(self, zone: str, t_s: float) -> int:
        return sum(one.zone == zone and one.entered_s <= t_s < one.left_s for one in self.visits)

    @property
    def _walks(self) -> Iterator[Walk]:
        return (person.walk for person in self.cast if person.look is not None)

    @property
    def _zones(self) -> dict[str, list[tuple[float, float]]]:
        floor = self.room.view.floor
        return {name: [floor(corner) for corner in corners] for name, corners in self.room.zones.items()}

    # ── how it looks ──

    def frames(self, rate: float = RATE, size: tuple[int, int] = SIZE) -> Iterator[tuple[float, Picture]]:
        """(seconds, a new picture of that width and height), `rate` in a second, from 0 to the end."""
        for number in range(math.ceil(self.lasts_s * rate)):
            t_s = number / rate
            yield t_s, self.picture(t_s, size)

    def picture(self, t_s: float, size: tuple[int, int] = SIZE) -> Picture:
        """How it looks then. The caller's own."""
        picture = self._floor(size).copy()
        there = [(where, one.look) for one in self.cast if (where := one.walk.at(t_s)) is not None]
        there.sort(key=lambda one: one[0][1])  # from the side, those behind first
        self._draw_shadows(picture, [where for where, _ in there])
        for where, look in there:
            if look is not None:
                self._draw_person(picture, where, look)
        return self._spoiled(picture, t_s)

    def seen_at(self, person: Person, t_s: float) -> Point | None:
        """Where the middle of somebody is in the picture (their feet, from the side), as parts of it."""
        where = person.walk.at(t_s)
        return None if where is None else self.room.view.place(where[0], where[1])

    def _floor(self, size: tuple[int, int]) -> Picture:
        if size not in self._floors:
            full = self.laid.picture
            small = size[0] < full.shape[1]
            way = cv2.INTER_AREA if small else cv2.INTER_LINEAR
            self._floors[size] = cv2.resize(full, size, interpolation=way).astype(np.uint8)
        return self._floors[size]

    @property
    def laid(self) -> scenery.Floor:
        return scenery.floor(self.room.floor, self.room.tone, self.room.seed)

    def _draw_person(self, picture: Picture, where: tuple[float, ...], look: Look) -> None:
        x_m, y_m, facing, pace, phase = where
        at, px = self._at(picture, x_m, y_m)
        each = px[0] / people.PX_PER_M, px[1] / people.PX_PER_M
        light = self.laid.light(self.room.view.place(x_m, y_m))
        if isinstance(self.room.view, Oblique):
            sprite = look.beside(phase, pace)
            narrow = 0.65 + 0.35 * abs(math.sin(facing))  # from the side somebody is narrower than from ahead
            feet = sprite.shape[1] / 2, float(sprite.shape[0])
            people.lay(picture, sprite, at, (each[0] * narrow, 0.0), (0.0, each[1]), light, feet)
            return
        cos, sin = math.cos(facing), math.sin(facing)
        along, across = (cos * each[0], sin * each[1]), (-sin * each[0], cos * each[1])
        if look.pushes:
            ahead = at[0] + PUSHED_M * cos * px[0], at[1] + PUSHED_M * sin * px[1]
            people.lay(picture, look.pushed(), ahead, along, across, light)
        people.lay(picture, look.above(phase, pace), at, along, across, light)

    def _draw_shadows(self, picture: Picture, places: list[tuple[float, ...]]) -> None:
        shade = self.weather.shade
        if not places or not shade.strength:
            return
        flat = 0.35 if isinstance(self.room.view, Oblique) else 1.0  # seen along the floor
        cos, sin = math.cos(shade.angle), math.sin(shade.angle)
        each = (shade.long_m + 0.6) / people.SHADOW_PX, 0.6 / people.SHADOW_PX
        cover = np.zeros(picture.shape[:2], np.uint8)
        for x_m, y_m, *_ in places:
            at, px = self._at(picture, x_m, y_m)
            middle = at[0] + cos * shade.long_m / 2 * px[0], at[1] + sin * shade.long_m / 2 * px[1] * flat
            along = cos * each[0] * px[0], sin * each[0] * px[1] * flat
            people.shade(cover, middle, along, (-sin * each[1] * px[0], cos * each[1] * px[1] * flat))
        light = cv2.convertScaleAbs(cover, alpha=-shade.strength, beta=255)
        cv2.multiply(picture, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), picture, scale=1 / 255)

    def _at(
        self, picture: Picture, x_m: float, y_m: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Its place in pixels, and what a metre is there to the right and downwards."""
        high, wide = picture.shape[:2]
        place, scale = self.room.view.place(x_m, y_m), self.room.view.scale(y_m)
        return (place.x * wide, place.y * high), (scale * wide, scale * high / scenery.ASPECT)

    def _spoiled(self, picture: Picture, t_s: float) -> Picture:
        weather = self.weather
        if weather.lamps:
            picture = scenery.light_on(picture, weather.lamps, t_s)
        picture = trouble.lit(picture, weather.gain(t_s))
        if weather.flickers:
            picture = trouble.flicker(picture, t_s, depth=weather.flickers, bands=weather.bands)
        if weather.shakes:
            pixels = weather.shakes * picture.shape[1] / SIZE[0]
            picture = trouble.shake(picture, t_s, pixels=pixels, seed=self.seed)
        sigma = weather.noise * min(1.0, picture.shape[1] / SIZE[0])
        return trouble.noise(picture, t_s, sigma=sigma, seed=self.seed)
