"""What drawn people look like: from straight above and from the side, with what they push and their shadow.

A figure is drawn once for each phase of its gait, in metres, and then turned, scaled and laid into a picture.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture

Colour = tuple[float, float, float]  # blue, green, red: 0 to 255
Sprite = NDArray[np.uint8]  # height × width × 4: colours times cover, and cover

PX_PER_M = 72
CANVAS_M = 1.34  # a figure with its stride, on each side of the canvas
TALL_M = 1.95  # of the canvas of a figure seen from the side; its feet are at the lower edge
PHASES = 8
STANDS = -1  # instead of a phase
SHADOW_PX = 48
SHADOW_PART = 0.7  # of its canvas: the rest is the soft edge

SKIN: tuple[Colour, ...] = ((140, 175, 225), (105, 140, 200), (70, 100, 150), (50, 70, 105))
HAIR: tuple[Colour, ...] = ((25, 25, 30), (30, 45, 70), (60, 100, 150), (140, 145, 150), (20, 20, 22))
Pushed = Literal["", "trolley", "pushchair"]


@dataclass(eq=False)
class Look:
    """One person's figure. Sizes are in metres, `size` is a factor to a grown-up of 0.48 m from shoulder to
    shoulder; `seed` draws the pattern of the clothes."""

    jacket: Colour
    trousers: Colour
    hair: Colour
    skin: Colour
    size: float
    pushes: Pushed
    seed: int

    def above(self, phase: float, pace: float) -> Sprite:
        return _sprite(self, "above", _step(phase, pace))

    def beside(self, phase: float, pace: float) -> Sprite:
        return _sprite(self, "beside", _step(phase, pace))

    def pushed(self) -> Sprite:
        return _sprite(self, self.pushes, STANDS)


@functools.lru_cache(maxsize=96)  # 1.5 MB: the steps of eight who walk; who has left is forgotten
def _sprite(look: Look, view: str, step: int) -> Sprite:
    draws = {"above": _from_above, "beside": _from_beside, "trolley": _trolley, "pushchair": _pushchair}
    return draws[view](look, step)


def look(chance: random.Random, floor: Colour, *, contrast: float = 1.0, pushes: Pushed = "") -> Look:
    """Somebody. `floor` is the colour of what they walk on; with `contrast` below 1 their clothes come near
    it, yet no nearer than some 20 grey levels: what no camera can see cannot be asked of one."""

    def clothes() -> Colour:
        grey, tint = chance.uniform(15, 235), chance.choice((0, 12, 45))
        colour = [min(250.0, max(8.0, grey + chance.uniform(-tint, tint))) for _ in range(3)]
        return _apart(colour, floor, contrast)

    return Look(
        jacket=clothes(),
        trousers=clothes(),
        hair=_apart(chance.choice(HAIR), floor, 1.0),
        skin=chance.choice(SKIN),
        size=chance.uniform(0.88, 1.1),
        pushes=pushes,
        seed=chance.getrandbits(32),
    )


def _apart(colour: Sequence[float], floor: Colour, contrast: float) -> Colour:
    """That colour, nearer to the floor's by `contrast`, at least 20 levels off on average."""
    near = [base + (value - base) * contrast for value, base in zip(colour, floor, strict=True)]
    off = sum(near) / 3 - sum(floor) / 3
    lift = math.copysign(max(0.0, 20.0 - abs(off)), off)
    blue, green, red = (min(255.0, max(0.0, value + lift)) for value in near)
    return blue, green, red


def _step(phase: float, pace: float) -> int:
    if pace < 0.15:
        return STANDS
    hurry = 1 if pace > 0.8 else 0
    return hurry * PHASES + int(phase / (2 * math.pi) * PHASES) % PHASES


def _swing(step: int) -> float:
    """How far the right leg is ahead, in metres."""
    if step == STANDS:
        return 0.0
    reach = 0.32 if step >= PHASES else 0.18
    return reach * math.sin(2 * math.pi * (step % PHASES + 0.5) / PHASES)


# ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Canvas:
    """Draws in metres; from above the figure is in its middle and goes to the right."""

    def __init__(self, wide_m: float, high_m: float, origin_x: float, origin_y: float, size: float) -> None:
        shape = round(high_m * PX_PER_M), round(wide_m * PX_PER_M)
        self._colour = np.zeros((*shape, 3), np.uint8)
        self._cover = np.zeros(shape, np.uint8)
        self._origin = origin_x * PX_PER_M, origin_y * PX_PER_M
        self._px = PX_PER_M * size

    def ellipse(self, at: tuple[float, float], axes: tuple[float, float], colour: Colour) -> None:
        center, size = self._place(at), (round(axes[0] * self._px * 16), round(axes[1] * self._px * 16))
        for plane, value in ((self._colour, colour), (self._cover, (255.0, 0.0, 0.0))):
            cv2.ellipse(plane, center, size, 0, 0, 360, value, cv2.FILLED, cv2.LINE_AA, 4)

    def limb(
        self, begin: tuple[float, float], end: tuple[float, float], thick_m: float, colour: Colour
    ) -> None:
        thick = max(1, round(thick_m * self._px))
        for plane, value in ((self._colour, colour), (self._cover, (255.0, 0.0, 0.0))):
            cv2.line(plane, self._place(begin), self._place(end), value, thick, cv2.LINE_AA, 4)

    def block(self, at: tuple[float, float], half: tuple[float, float], colour: Colour) -> None:
        corners = [
            (at[0] + x * half[0], at[1] + y * half[1]) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        shape = np.array([self._place(corner) for corner in corners], np.int32)
        for plane, value in ((self._colour, colour), (self._cover, (255.0, 0.0, 0.0))):
            cv2.fillConvexPoly(plane, shape, value, cv2.LINE_AA, 4)

    def sprite(self, seed: int, rough: float = 9.0) -> Sprite:
        """Folds and patterns of the clothes, a lens that is not quite sharp."""
        high, wide = self._cover.shape
        folds = (
            np.random.default_rng(seed).normal(0, rough, (high // 6 + 1, wide // 6 + 1)).astype(np.float32)
        )
        cloth = cv2.resize(folds, (wide, high), interpolation=cv2.INTER_LINEAR)[..., None] + self._colour
        cover = cv2.GaussianBlur(self._cover, (3, 3), 0)
        over = cv2.GaussianBlur(
            np.clip(cloth, 0, 255) * (self._cover[..., None] / np.float32(255)), (3, 3), 0
        )
        return np.dstack([np.clip(over, 0, 255).astype(np.uint8), cover])

    def _place(self, at: tuple[float, float]) -> tuple[int, int]:
        return (
            round((self._origin[0] + at[0] * self._px) * 16),
            round((self._origin[1] + at[1] * self._px) * 16),
        )


def _from_above(of: Look, step: int) -> Sprite:
    """Goes to the right; legs under the body, arms against them, the head a little ahead."""
    ahead = _swing(step)
    canvas = _Canvas(CANVAS_M, CANVAS_M, CANVAS_M / 2, CANVAS_M / 2, of.size)
    for side in (-1, 1):
        foot = (side * ahead, side * 0.1)
        canvas.limb((0.0, side * 0.1), foot, 0.15, of.trousers)
        canvas.ellipse((foot[0] + 0.05, foot[1]), (0.13, 0.05), (35, 35, 38))
        hand = (0.27, side * 0.2) if of.pushes else (-side * ahead * 0.7, side * 0.25)
        canvas.limb((0.0, side * 0.19), hand, 0.1, of.jacket)
        canvas.ellipse(hand, (0.045, 0.045), of.skin)
    canvas.ellipse((0.0, 0.0), (0.145, 0.24), of.jacket)
    canvas.ellipse((0.06, 0.0), (0.08, 0.075), of.skin)
    canvas.ellipse((0.02, 0.0), (0.105, 0.095), of.hair)
    return canvas.sprite(of.seed)


def _from_beside(of: Look, step: int) -> Sprite:
    ahead = _swing(step)
    canvas = _Canvas(CANVAS_M, TALL_M, CANVAS_M / 2, TALL_M, of.size)
    for side in (-1, 1):
        hip, foot = (side * 0.07, -0.85), (side * (0.08 + ahead * 0.6), -0.05)
        canvas.limb(hip, foot, 0.16, of.trousers)
        canvas.ellipse((foot[0] + 0.03, -0.05), (0.11, 0.05), (35, 35, 38))
        canvas.limb((side * 0.2, -1.38), (side * 0.24 - side * ahead * 0.4, -0.85), 0.1, of.jacket)
    canvas.block((0.0, -1.1), (0.19, 0.28), of.jacket)
    canvas.ellipse((0.0, -1.36), (0.23, 0.1), of.jacket)
    canvas.ellipse((0.0, -1.58), (0.095, 0.125), of.skin)
    canvas.ellipse((0.0, -1.63), (0.105, 0.1), of.hair)
    return canvas.sprite(of.seed)


def _trolley(of: Look, step: int) -> Sprite:
    """A basket of wire with goods in it, seen from above; the handle is on the left."""
    canvas = _Canvas(CANVAS_M, CANVAS_M, CANVAS_M / 2, CANVAS_M / 2, 1.0)
    canvas.block((0.0, 0.0), (0.42, 0.26), (150, 150, 155))
    canvas.block((0.02, 0.0), (0.36, 0.21), (85, 85, 90))
    goods = random.Random(of.seed)
    for _ in range(goods.randint(2, 7)):
        colour = goods.uniform(30, 240), goods.uniform(30, 240), goods.uniform(30, 240)
        half = goods.uniform(0.04, 0.1), goods.uniform(0.04, 0.1)
        canvas.block((goods.uniform(-0.25, 0.25), goods.uniform(-0.12, 0.12)), half, colour)
    canvas.limb((-0.46, -0.25), (-0.46, 0.25), 0.05, (40, 40, 180))
    return canvas.sprite(of.seed)


def _pushchair(of: Look, step: int) -> Sprite:
    canvas = _Canvas(CANVAS_M, CANVAS_M, CANVAS_M / 2, CANVAS_M / 2, 1.0)
    cloth = random.Random(of.seed)
    colour = cloth.uniform(20, 200), cloth.uniform(20, 160), cloth.uniform(20, 200)
    canvas.block((0.0, 0.0), (0.34, 0.2), (60, 60, 62))
    canvas.block((0.12, 0.0), (0.2, 0.18), colour)
    canvas.ellipse((-0.1, 0.0), (0.18, 0.21), colour)  # the hood
    canvas.ellipse((0.1, 0.0), (0.07, 0.06), of.skin)
    canvas.limb((-0.4, -0.2), (-0.4, 0.2), 0.04, (50, 50, 50))
    return canvas.sprite(of.seed)


@functools.lru_cache(maxsize=1)
def shadow() -> NDArray[np.uint8]:
    """Round and soft: 255 in the middle, where all of the light is missing that a shadow takes."""
    place = (np.arange(SHADOW_PX) + 0.5) / SHADOW_PX * 2 - 1
    off = np.hypot(place[:, None], place[None, :])
    return np.rint(np.clip((1.0 - off) / (1.0 - SHADOW_PART), 0.0, 1.0) * 255).astype(np.uint8)


# ── into a picture ──────────────────────────────────────────────────────────────────────────────────────────


def lay(
    picture: Picture,
    sprite: Sprite,
    at: tuple[float, float],
    along: tuple[float, float],
    across: tuple[float, float],
    light: float = 1.0,
    origin: tuple[float, float] | None = None,
) -> None:
    """Lay the sprite into the picture, which is changed. `at` is where its origin (its middle) comes to lie;
    `along` and `across` are one pixel of it to the right and downwards, in pixels of the picture; `light` is
    what its colours are multiplied with."""
    found = _warped(picture.shape, sprite, at, along, across, origin)
    if found:
        there, where = found
        under = picture[where]
        through = cv2.cvtColor(255 - there[..., 3], cv2.COLOR_GRAY2BGR)
        colours = cv2.convertScaleAbs(there[..., :3], alpha=light)
        under[:] = cv2.add(cv2.multiply(under, through, scale=1 / 255), colours)


def shade(
    cover: NDArray[np.uint8], at: tuple[float, float], along: tuple[float, float], across: tuple[float, float]
) -> None:
    """Lay a shadow into `cover`, of the picture's size: where two lie on each other it is no darker."""
    found = _warped(cover.shape, shadow(), at, along, across, None)
    if found:
        there, where = found
        np.maximum(cover[where], there, out=cover[where])


def _warped(
    shape: tuple[int, ...],
    sprite: NDArray[np.uint8],
    at: tuple[float, float],
    along: tuple[float, float],
    across: tuple[float, float],
    origin: tuple[float, float] | None,
) -> tuple[NDArray[np.uint8], tuple[slice, slice]] | None:
    """The sprite as it comes to lie, and where; None when that is outside."""
    high, wide = sprite.shape[:2]
    ox, oy = origin if origin is not None else (wide / 2, high / 2)
    corners = [
        (
            at[0] + (x - ox) * along[0] + (y - oy) * across[0],
            at[1] + (x - ox) * along[1] + (y - oy) * across[1],
        )
        for x, y in ((0, 0), (wide, 0), (0, high), (wide, high))
    ]
    left = max(0, math.floor(min(x for x, _ in corners)))
    top = max(0, math.floor(min(y for _, y in corners)))
    right = min(shape[1], math.ceil(max(x for x, _ in corners)) + 1)
    bottom = min(shape[0], math.ceil(max(y for _, y in corners)) + 1)
    if left >= right or top >= bottom:
        return None
    # A pixel's middle is at a half: what is at (0.5, 0.5) of a sprite is its first value.
    shift_x = corners[0][0] + 0.5 * (along[0] + across[0]) - 0.5 - left
    shift_y = corners[0][1] + 0.5 * (along[1] + across[1]) - 0.5 - top
    matrix = np.array([[along[0], across[0], shift_x], [along[1], across[1], shift_y]])
    there = cv2.warpAffine(sprite, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    return np.asarray(there, np.uint8), (slice(top, bottom), slice(left, right))
