"""Blobs become groups: the fragments of one person put together, and the pixels of several shared out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.blobs import Blob, Foreground
from drivers.counter.camera.size import Size

Pixels = NDArray[np.float32]  # n × 2: x, y

FILL = 0.55  # of its box, what a person covers
SPECK = 0.05  # of a person: less is noise
ONE_PERSON = 1.2  # persons: fragments whose common box is no larger …
FRAGMENTS_APART = 0.35  # … and which are no farther apart are one
BLOBS_MAX = 60  # of one frame, the largest
REACH = 0.75  # persons from somebody's middle: what is farther is not theirs
OWN = 0.6  # … and what is nearer to two of them needs only one
EVENLY = math.sqrt(12)  # standard deviations from end to end
PIXELS_FEW, PIXELS_MANY = 400, 2000  # a blob of more is looked at coarsely


class Group:
    """Blobs that belong together: one person, or people who touch. In pixels, and in persons."""

    __slots__ = ("area", "cx", "cy", "h", "labels", "persons", "w", "x", "y")

    def __init__(self, blob: Blob) -> None:
        self.labels = [blob.label]
        self.x, self.y, self.w, self.h = blob.x, blob.y, blob.w, blob.h
        self.area, self.cx, self.cy = blob.area, blob.cx, blob.cy
        self.persons = 0.0  # how many people its area would be

    def take(self, other: Group) -> None:
        """Another fragment of it."""
        self.labels += other.labels
        right = max(self.x + self.w, other.x + other.w)
        bottom = max(self.y + self.h, other.y + other.h)
        self.x, self.y = min(self.x, other.x), min(self.y, other.y)
        self.w, self.h = right - self.x, bottom - self.y
        area = self.area + other.area
        self.cx = (self.cx * self.area + other.cx * other.area) / area
        self.cy = (self.cy * self.area + other.cy * other.area) / area
        self.area = area

    def around(self, x: float, y: float, room_x: float, room_y: float) -> bool:
        """Whether its box, with that much room, holds the place."""
        return (
            self.x - room_x <= x <= self.x + self.w + room_x
            and self.y - room_y <= y <= self.y + self.h + room_y
        )


def groups_of(foreground: Foreground, size: Size) -> list[Group]:
    """The groups of one frame, the largest first."""
    found: list[Group] = []
    for blob in sorted(foreground.blobs, key=lambda blob: -blob.area)[:BLOBS_MAX]:
        w, h = size.at(blob.cy)
        if blob.area < SPECK * FILL * w * h:
            break
        group = Group(blob)
        home = next((other for other in found if _one_person(other, group, w, h)), None)
        if home is not None:
            home.take(group)
        else:
            found.append(group)
    for group in found:
        w, h = size.at(group.cy)
        group.persons = group.area / (FILL * w * h)
    return found


def _one_person(a: Group, b: Group, w: float, h: float) -> bool:
    width = max(a.x + a.w, b.x + b.w) - min(a.x, b.x)
    height = max(a.y + a.h, b.y + b.h) - min(a.y, b.y)
    if width > ONE_PERSON * w or height > ONE_PERSON * h:
        return False
    aside = max(0, width - a.w - b.w) / w
    ahead = max(0, height - a.h - b.h) / h
    return math.hypot(aside, ahead) <= FRAGMENTS_APART


def pixels_of(foreground: Foreground, group: Group) -> tuple[Pixels, int]:
    """Its pixels, thinned out when there are many, and for how many each of them stands."""
    step = 1 if group.area < PIXELS_FEW else 2 if group.area < PIXELS_MANY else 3
    part = foreground.labels[group.y : group.y + group.h : step, group.x : group.x + group.w : step]
    mine = part == group.labels[0] if len(group.labels) == 1 else np.isin(part, group.labels)
    ys, xs = np.nonzero(mine)
    pixels = np.empty((len(xs), 2), np.float32)
    pixels[:, 0] = xs * step + group.x
    pixels[:, 1] = ys * step + group.y
    return pixels, step * step


class Share(NamedTuple):
    """What of a blob is one person's."""

    x: float
    y: float
    pixels: int
    needed: int  # those that are nobody else's
    high: float  # persons from top to bottom, if they are spread evenly


def share(
    pixels: Pixels,
    middles: Sequence[tuple[float, float]],
    w: float,
    h: float,
    rounds: int,
    reach: float = REACH,
) -> list[Share]:
    """Gives each pixel to the nearest of `middles` within `reach` persons; these move amid theirs."""
    scale = np.array([1 / w, 1 / h], np.float32)
    places = pixels * scale
    at = np.array(middles, np.float32) * scale
    for _ in range(rounds):
        apart = ((places[:, None, :] - at[None, :, :]) ** 2).sum(axis=2)
        whose = apart.argmin(axis=1)
        whose[apart.min(axis=1) > reach * reach] = -1
        for k in range(len(at)):
            mine = whose == k
            if mine.any():
                at[k] = places[mine].mean(axis=0)
    lone = (apart <= OWN * OWN).sum(axis=1) <= 1
    found = []
    for k, (x, y) in enumerate(at.tolist()):
        mine = whose == k
        count = int(mine.sum())
        high = float(places[mine, 1].std()) * EVENLY if count else 0.0
        found.append(Share(x * w, y * h, count, int((mine & lone).sum()), high))
    return found


def farthest(
    pixels: Pixels, middles: Sequence[tuple[float, float]], w: float, h: float
) -> tuple[float, float]:
    """Where somebody must be who is none of `middles`: amid the pixels that are farthest from them."""
    scale = np.array([1 / w, 1 / h], np.float32)
    places = pixels * scale
    at = np.array(middles, np.float32) * scale
    apart = ((places[:, None, :] - at[None, :, :]) ** 2).sum(axis=2).min(axis=1)
    far = places[apart >= np.quantile(apart, 0.8)]
    x, y = far[int(((far - far.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    return float(x * w), float(y * h)
