"""How drawn people walk: places on the floor over time, and exactly which lines and zones they passed.

Metres on the floor: x to the right of the picture, y towards its bottom; the origin is its top left corner.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

STEP_S = 0.1  # between two places of a walk; in between it is straight
SWAY_M = 0.025  # how far the body goes from side to side at each step
FIDGET_M = 0.04  # how far somebody moves who stands still
DEEP_M = 0.3  # half a person: who has not come that far beyond a line has not crossed it

Floats = NDArray[np.float64]


class Spot(NamedTuple):
    """A place on the floor, in metres, and how long somebody stays there."""

    x: float
    y: float
    stays_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Walk:
    """Somebody's places in even steps of time; `facing` in radians from the x axis, `pace` in m/s."""

    t_s: Floats
    x: Floats
    y: Floats
    facing: Floats
    pace: Floats
    phase: Floats  # of the gait, in radians: two steps are one turn

    @property
    def begins_s(self) -> float:
        return float(self.t_s[0])

    @property
    def ends_s(self) -> float:
        return float(self.t_s[-1])

    def at(self, t_s: float) -> tuple[float, float, float, float, float] | None:
        """x, y, facing, pace and phase at that time; None before and after the walk."""
        place = (t_s - self.begins_s) / STEP_S
        if not 0.0 <= place <= len(self.t_s) - 1:
            return None
        before = min(int(place), len(self.t_s) - 2)
        rest = place - before

        def between(values: Floats) -> float:
            return float(values[before] + (values[before + 1] - values[before]) * rest)

        return (
            between(self.x),
            between(self.y),
            between(self.facing),
            between(self.pace),
            between(self.phase),
        )

    def beside(self, right_m: float, behind_m: float, later_s: float = 0.0) -> Walk:
        """The walk of somebody who goes along, so far to the right of this one and behind it."""
        ahead_x, ahead_y = np.cos(self.facing), np.sin(self.facing)
        x = self.x - behind_m * ahead_x - right_m * ahead_y
        y = self.y - behind_m * ahead_y + right_m * ahead_x
        return Walk(self.t_s + later_s, x, y, self.facing, self.pace, self.phase + later_s + 2.0 * right_m)


def walk(begins_s: float, spots: Sequence[Spot], pace: float, chance: random.Random) -> Walk:
    """Through those places, at `pace` m/s; two at least, not all the same."""
    knots_s, knots = [begins_s], [spots[0]]
    for last, spot in itertools.pairwise(spots):
        arrives_s = knots_s[-1] + math.dist(last[:2], spot[:2]) / pace
        knots_s.append(arrives_s)
        knots.append(spot)
        if spot.stays_s:
            knots_s.append(arrives_s + spot.stays_s)
            knots.append(spot)
    steps = np.arange(math.ceil((knots_s[-1] - begins_s) / STEP_S) + 1, dtype=np.float64)
    t_s = begins_s + STEP_S * steps
    x = _rounded(np.interp(t_s, knots_s, [spot.x for spot in knots]))
    y = _rounded(np.interp(t_s, knots_s, [spot.y for spot in knots]))
    speed = np.hypot(np.gradient(x, STEP_S), np.gradient(y, STEP_S))
    facing = _facing(x, y, speed)
    # One and a quarter metres are a left and a right step; more when in a hurry.
    phase = 2 * math.pi * np.cumsum(speed * STEP_S) / (0.8 + 0.4 * pace) + chance.uniform(0, 2 * math.pi)
    going = np.clip(speed / 0.5, 0.0, 1.0)
    sideways = SWAY_M * going * np.sin(phase)
    drift = [_wander(t_s, chance) * FIDGET_M * (1.0 - going) for _ in range(2)]
    turning = 0.5 * _wander(t_s, chance) * (1.0 - going)
    return Walk(
        t_s,
        x - sideways * np.sin(facing) + drift[0],
        y + sideways * np.cos(facing) + drift[1],
        facing + turning,
        speed,
        phase,
    )


def nearest_m(one: Walk, other: Walk) -> float:
    """How near two people come to each other; infinity when they are never there together."""
    first, last = max(one.begins_s, other.begins_s), min(one.ends_s, other.ends_s)
    if first > last:
        return math.inf
    when = np.arange(first, last + STEP_S, STEP_S)
    apart_x = np.interp(when, one.t_s, one.x) - np.interp(when, other.t_s, other.x)
    apart_y = np.interp(when, one.t_s, one.y) - np.interp(when, other.t_s, other.y)
    return float(np.min(np.hypot(apart_x, apart_y)))


def crossings(
    of: Walk, a: tuple[float, float], b: tuple[float, float], inward: tuple[float, float]
) -> Iterator[tuple[float, Literal["in", "out"]]]:
    """When somebody crossed the line from a to b, and which way: the last moment on it of a way from one side
    of it to the other, `DEEP_M` at least on either. `inward` points to the inner side.

    Loitering on the line, turning back on it and passing beyond its ends is nothing.
    """
    along = (b[0] - a[0], b[1] - a[1])
    length = math.hypot(*along)
    across = (-along[1] / length, along[0] / length)
    if across[0] * inward[0] + across[1] * inward[1] < 0:
        across = (-across[0], -across[1])
    beyond = (of.x - a[0]) * across[0] + (of.y - a[1]) * across[1]
    share = ((of.x - a[0]) * along[0] + (of.y - a[1]) * along[1]) / length**2
    changes = np.flatnonzero((beyond[:-1] < 0) != (beyond[1:] < 0))
    deep = np.flatnonzero(np.abs(beyond) >= DEEP_M)
    for before, after in itertools.pairwise(deep):
        if (beyond[before] < 0) == (beyond[after] < 0):
            continue
        last = int(changes[np.searchsorted(changes, after) - 1])
        part = float(beyond[last] / (beyond[last] - beyond[last + 1]))
        if 0.0 <= share[last] + (share[last + 1] - share[last]) * part <= 1.0:
            yield float(of.t_s[last]) + part * STEP_S, "in" if beyond[after] > 0 else "out"


def stays(of: Walk, corners: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """(entered, left): each time that somebody was in the polygon, however shortly."""
    inside = _inside(of, corners)
    edges = np.flatnonzero(inside[:-1] != inside[1:])
    entered = of.begins_s if inside[0] else None
    for edge in edges:
        when = float(of.t_s[edge]) + STEP_S * _until_edge(of, int(edge), corners)
        if entered is None:
            entered = when
        else:
            yield entered, when
            entered = None
    if entered is not None:
        yield entered, of.ends_s


def _inside(of: Walk, corners: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Even and odd: how often a ray to the right leaves the polygon."""
    inside = np.zeros(len(of.x), bool)
    for (ax, ay), (bx, by) in _edges(corners):
        if ay == by:
            continue
        at_x = ax + (of.y - ay) * (bx - ax) / (by - ay)
        inside ^= ((ay > of.y) != (by > of.y)) & (of.x < at_x)
    return inside


def _until_edge(of: Walk, step: int, corners: Sequence[tuple[float, float]]) -> float:
    """Which part of that step lies before the polygon's edge."""
    px, py = of.x[step], of.y[step]
    dx, dy = of.x[step + 1] - px, of.y[step + 1] - py
    parts = []
    for (ax, ay), (bx, by) in _edges(corners):
        ex, ey = bx - ax, by - ay
        turned = dx * ey - dy * ex
        if turned == 0:
            continue
        part = ((ax - px) * ey - (ay - py) * ex) / turned
        where = ((ax - px) * dy - (ay - py) * dx) / turned
        if 0.0 <= part <= 1.0 and -1e-9 <= where <= 1.0 + 1e-9:
            parts.append(float(part))
    return min(parts, default=0.5)


def _edges(corners: Sequence[tuple[float, float]]) -> Iterable[tuple[tuple[float, float], ...]]:
    return zip(corners, [*corners[1:], corners[0]], strict=True)


def _rounded(values: Floats) -> Floats:
    """Nobody turns on the spot at full speed."""
    reach = 3
    padded = np.concatenate([np.full(reach, values[0]), values, np.full(reach, values[-1])])
    return np.convolve(padded, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")


def _facing(x: Floats, y: Floats, speed: Floats) -> Floats:
    """Where they go; who stands still keeps facing where they came from."""
    angle = np.arctan2(np.gradient(y), np.gradient(x))
    goes = speed > 0.1
    if not goes.any():
        return np.zeros_like(x)
    latest = np.maximum.accumulate(np.where(goes, np.arange(len(x)), -1))
    latest[latest < 0] = int(np.argmax(goes))
    return _rounded(np.unwrap(angle[latest]))


def _wander(t_s: Floats, chance: random.Random) -> Floats:
    """Between -1 and 1, slowly."""
    waves = [(share, chance.uniform(0.05, 0.4), chance.random()) for share in (0.6, 0.4)]
    wander = np.zeros_like(t_s)
    for share, hz, phase in waves:
        wander += share * np.sin(2 * math.pi * (hz * t_s + phase))
    return wander
