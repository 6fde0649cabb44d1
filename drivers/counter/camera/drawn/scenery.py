"""Where drawn people walk: a camera's view, a floor, a door's line, two sales areas, light on it all."""

from __future__ import annotations

import functools
import math
import random
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.options import Box, CameraOptions, Line, Point
from drivers.counter.camera.shapes import Picture

ASPECT = 9 / 16  # a picture's height to its width
FLOOR_PX = (360, 640)
LAMP_LEAST, LAMP, LAMP_WIDE = 0.85, 0.2, 0.9  # a room is brightest below its lamp, and dimmer in its corners
LIGHT_PX = (45, 80)  # light has no edges that would need more
PERSON_M = (0.62, 0.68)  # across and along the way of somebody who walks, hands and feet too
TALL_M = 1.75

Colour = tuple[float, float, float]
FloorKind = Literal["plain", "tiles", "planks", "carpet", "stone"]
FLOORS: tuple[FloorKind, ...] = ("plain", "tiles", "planks", "carpet", "stone")


class Overhead(NamedTuple):
    """A camera that looks straight down on `wide_m` of floor."""

    wide_m: float

    @property
    def high_m(self) -> float:
        return self.wide_m * ASPECT

    def place(self, x_m: float, y_m: float) -> Point:
        return Point(x_m / self.wide_m, y_m / self.high_m)

    def floor(self, place: Point) -> tuple[float, float]:
        """`place` undone: metres."""
        return place.x * self.wide_m, place.y * self.high_m

    def scale(self, y_m: float) -> float:
        """What a metre is there, as a part of the picture's width."""
        return 1.0 / self.wide_m


class Oblique(NamedTuple):
    """A camera on a wall, `up_m` above the floor, which looks along it: what is far is small.

    `horizon` is the picture's row (a part of its height) at which the floor would end: above the picture.
    """

    up_m: float
    horizon: float
    focal: float = 0.9  # its length, as a part of the picture's width

    @property
    def wide_m(self) -> float:
        """Of the floor that is seen in the middle of the picture."""
        return 1.0 / self._scale_at(0.5)

    @property
    def high_m(self) -> float:
        return self._far_m - self.focal / self._scale_at(1.0)

    def place(self, x_m: float, y_m: float) -> Point:
        scale = self.scale(y_m)
        return Point(0.5 + (x_m - self.wide_m / 2) * scale, self.horizon + scale * self.up_m / ASPECT)

    def floor(self, place: Point) -> tuple[float, float]:
        scale = self._scale_at(place.y)
        return self.wide_m / 2 + (place.x - 0.5) / scale, self._far_m - self.focal / scale

    def scale(self, y_m: float) -> float:
        return self.focal / max(0.5, self._far_m - y_m)

    @property
    def _far_m(self) -> float:
        return self.focal / self._scale_at(0.0)

    def _scale_at(self, row: float) -> float:
        return (row - self.horizon) * ASPECT / self.up_m


View = Overhead | Oblique


@dataclass(frozen=True)
class Room:
    """What stays: the view, the floor, and where a technician counts."""

    view: View
    floor: FloorKind
    tone: Colour
    seed: int
    line: Line
    zones: dict[str, tuple[Point, ...]]

    @property
    def options(self) -> CameraOptions:
        """What a technician says of this camera, one drawn person too."""
        oblique = isinstance(self.view, Oblique)
        return CameraOptions(
            lines={"door": self.line},
            zones=self.zones,
            anchor="foot" if oblique else "centroid",
            persons=(self.person(Point(0.5, 0.3)), self.person(Point(0.5, 0.9)))
            if oblique
            else (self.person(Point(0.5, 0.5)),),
        )

    def person(self, at: Point) -> Box:
        """Around somebody of middle size there: at that place, from the side standing on it."""
        scale = self.view.scale(self.view.floor(at)[1])
        if isinstance(self.view, Oblique):
            wide, high = 0.7 * scale, TALL_M * scale / ASPECT
            return _box(at.x - wide / 2, at.y - high, wide, high)
        across, along = PERSON_M if self.line.inward in ("up", "down") else PERSON_M[::-1]
        wide, high = across * scale, along * scale / ASPECT
        return _box(at.x - wide / 2, at.y - high / 2, wide, high)


def _box(x: float, y: float, w: float, h: float) -> Box:
    left, top = max(0.0, x), max(0.0, y)
    return Box(left, top, min(1.0, x + w) - left, min(1.0, y + h) - top)


def room(chance: random.Random, *, oblique: bool = False, short: bool = False) -> Room:
    """Some shop's doorway. `short` leaves room to pass beside the ends of the line."""
    view: View = Overhead(chance.uniform(3.6, 6.5))
    if oblique:
        view = Oblique(chance.uniform(4.5, 6.0), chance.uniform(-0.6, -0.4))
    upright = not oblique and chance.random() < 0.25
    ends = (0.3, 0.7) if short else (0.04, 0.96)
    first, last = chance.uniform(0.42, 0.58), chance.uniform(-0.05, 0.05)
    if upright:
        a, b = Point(first, ends[0]), Point(first + last, ends[1])
    else:
        a, b = Point(ends[0], first), Point(ends[1], first + last)
    inward = chance.choice(("left", "right") if upright else ("up", "down"))
    grey = chance.uniform(70, 200)
    tone = (grey + chance.uniform(-20, 10), grey + chance.uniform(-8, 8), grey + chance.uniform(-10, 20))
    edge = chance.uniform(0.4, 0.6)
    return Room(
        view=view,
        floor=chance.choice(FLOORS),
        tone=tone,
        seed=chance.getrandbits(32),
        line=Line.model_validate({"a": a, "b": b, "in": inward}),
        zones={
            "shelf": (Point(0, 0), Point(edge, 0), Point(edge, 1), Point(0, 1)),
            "till": (Point(edge + 0.05, 0), Point(1, 0), Point(1, 1), Point(edge + 0.05, 1)),
        },
    )


# ── the floor ───────────────────────────────────────────────────────────────────────────────────────────────


class Floor(NamedTuple):
    """The empty floor at `FLOOR_PX`, lit a little unevenly. Shared: not to be written to."""

    picture: Picture
    lamp: Point  # it is brightest below it

    def light(self, place: Point) -> float:
        """What the room's lamp makes of colours there: people are lit as the floor is on which they stand."""
        off = math.hypot(place.x - self.lamp.x, place.y - self.lamp.y) / (LAMP_WIDE / 2)
        return LAMP_LEAST + LAMP * math.pow(0.5, off * off)


@functools.lru_cache(maxsize=8)
def floor(kind: FloorKind, tone: Colour, seed: int) -> Floor:
    """The floor that this seed lays."""
    high, wide = FLOOR_PX
    deviates = np.random.default_rng(seed)
    chance = random.Random(seed)
    grain = {"plain": 1.5, "tiles": 3.0, "planks": 3.0, "carpet": 9.0, "stone": 6.0}[kind]
    shade = deviates.normal(0, grain, FLOOR_PX).astype(np.float32)
    if kind == "stone":
        blotches = deviates.normal(0, 10, (high // 20, wide // 20)).astype(np.float32)
        shade += cv2.resize(blotches, (wide, high), interpolation=cv2.INTER_CUBIC)
    if kind in ("tiles", "planks", "stone"):
        _lay_tiles(shade, chance, deviates, long=3.5 if kind == "planks" else 1.0)
    lamp = Point(chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7))
    light = (LAMP_LEAST + LAMP * _spot(lamp.x, lamp.y, LAMP_WIDE, LAMP_WIDE, FLOOR_PX))[..., None]
    colours = (np.array(tone, np.float32) + shade[..., None]) * light
    soft: NDArray[np.float32] = np.clip(cv2.GaussianBlur(colours, (3, 3), 0), 0, 255).astype(np.float32)
    picture = soft.astype(np.uint8)
    picture.flags.writeable = False
    return Floor(picture, lamp)


def _lay_tiles(
    shade: NDArray[np.float32], chance: random.Random, deviates: np.random.Generator, long: float
) -> None:
    high, wide = shade.shape
    side = chance.randint(36, 90)
    across, joint = round(side * long), chance.uniform(-30, 18)
    for row, top in enumerate(range(0, high, side)):
        shift = (row % 2) * across // 2
        for left in range(-shift, wide, across):
            cut = slice(top, top + side), slice(max(0, left), left + across)
            shade[cut] += deviates.normal(0, 5)
            shade[top : top + side, max(0, left) : max(0, left) + 2] += joint
        shade[top : top + 2] += joint


# ── light on it ─────────────────────────────────────────────────────────────────────────────────────────────


class SunPatch(NamedTuple):
    """The sun through a window: comes and goes with the clouds, and creeps over the floor."""

    x: float
    y: float
    wide: float
    high: float
    gain: float
    shines: tuple[tuple[float, float], ...]  # (from, until) in seconds
    fades_s: float
    creeps: float  # of the picture's width, per second

    def add(self, light: NDArray[np.float32], t_s: float) -> None:
        strength = max((_rising(t_s, begin, end, self.fades_s) for begin, end in self.shines), default=0.0)
        if strength:
            rows, columns = _grid(light.shape)
            x = self.x + self.creeps * t_s + 0.2 * (rows - self.y)  # a window's light lies aslant
            over = _edge(columns - x, self.wide / 2) * _edge(rows - self.y, self.high / 2)
            light += np.float32(self.gain * strength) * over


class Headlight(NamedTuple):
    """A car outside turns: a cone of light sweeps over the floor."""

    at_s: float
    lasts_s: float
    begin: tuple[float, float]
    end: tuple[float, float]
    wide: float
    high: float
    gain: float

    def add(self, light: NDArray[np.float32], t_s: float) -> None:
        part = (t_s - self.at_s) / self.lasts_s
        if 0.0 <= part <= 1.0:
            x = self.begin[0] + (self.end[0] - self.begin[0]) * part
            y = self.begin[1] + (self.end[1] - self.begin[1]) * part
            strength = self.gain * min(1.0, 6 * part, 6 * (1 - part))
            light += np.float32(strength) * _spot(x, y, self.wide, self.high, light.shape)


Lamp = SunPatch | Headlight


def light_on(picture: Picture, lamps: tuple[Lamp, ...], t_s: float) -> Picture:
    """The picture under those lamps too, which make it brighter here and there."""
    light = np.ones(LIGHT_PX, np.float32)
    for lamp in lamps:
        lamp.add(light, t_s)
    if light.max() <= 1.0:
        return picture
    high, wide = picture.shape[:2]
    full = cv2.resize(light, (wide, high), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(picture, cv2.merge([full, full, full]), dtype=cv2.CV_8U), np.uint8)


def _rising(t_s: float, begin: float, end: float, fades_s: float) -> float:
    return max(0.0, min(1.0, (t_s - begin) / fades_s, (end - t_s) / fades_s))


@functools.lru_cache(maxsize=4)
def _grid(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The middle of each row and column, as a part of the picture."""
    rows, columns = (np.linspace(0.5 / count, 1 - 0.5 / count, count, dtype=np.float32) for count in shape)
    return rows[:, None], columns[None, :]


def _spot(x: float, y: float, wide: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """1 in the middle, fading to nothing; `wide` and `high` are where half of it is left."""
    rows, columns = _grid((shape[0], shape[1]))
    off = ((columns - x) / (wide / 2)) ** 2 + ((rows - y) / (high / 2)) ** 2
    spot: NDArray[np.float32] = np.exp(-math.log(2) * off, dtype=np.float32)
    return spot


def _edge(off: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    edge: NDArray[np.float32] = np.clip((half - np.abs(off)) / np.float32(0.04), 0, 1)
    return edge
