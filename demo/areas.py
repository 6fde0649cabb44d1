"""Where visitors of the demo's shops stand and for how long, as a camera over three sales areas would say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sync.contract.events import Event, Occupancy, Visited

CAMERA: Final = "camera"
SAMPLES_S: Final = 60  # as a camera looks
TOLD_EVERY_S: Final = 15 * 60  # also when nothing changed


class Area(NamedTuple):
    """A sales area: which part of the visitors goes there, and how long the typical one stays."""

    name: str
    share: float
    median_s: float


# The queue is longest when the shop is full; who looks for a drink knows what they want.
AREAS: Final = (Area("饮料/drinks", 0.55, 22), Area("零食/snacks", 0.4, 48), Area("收银/checkout", 0.35, 65))
SPREAD: Final = 0.8  # of the logarithm of a stay
LONGEST_S: Final = 1500.0


class Stay(NamedTuple):
    """One visitor in one area."""

    area: str
    came: datetime
    left: datetime


def stays(came: datetime, left: datetime, crowd: float, chance: random.Random) -> Iterator[Stay]:
    """The areas somebody goes to between coming and leaving; `crowd` 1.0 is a full shop, with a queue."""
    at = came + timedelta(seconds=20)
    for area in AREAS:
        if chance.random() < area.share:
            usual_s = area.median_s * (1 + crowd) if area is AREAS[-1] else area.median_s
            stay_s = min(LONGEST_S, chance.lognormvariate(0, SPREAD) * usual_s)
            stay = Stay(area.name, at, min(at + timedelta(seconds=stay_s), left))
            if stay.left <= stay.came:
                return
            yield stay
            at = stay.left + timedelta(seconds=15)


def told(some: list[Stay], *, sampled_from: datetime) -> Iterator[tuple[datetime, Event]]:
    """What the camera says of a day: each visit at its end, and how many are there when that changes.

    Samples only from `sampled_from` on, for there are many of them. Not in the order of time.
    """
    for stay in some:
        dwell_ms = round((stay.left - stay.came).total_seconds() * 1000)
        yield stay.left, Visited(device=CAMERA, zone=stay.area, dwell_ms=dwell_ms)
    for area in AREAS:
        mine = [stay for stay in some if stay.area == area.name and stay.left >= sampled_from]
        if not mine:
            continue
        at, end = min(stay.came for stay in mine), max(stay.left for stay in mine)
        known, since_s = -1, 0
        while at <= end + timedelta(seconds=SAMPLES_S):
            people = sum(stay.came <= at < stay.left for stay in mine)
            if people != known or since_s >= TOLD_EVERY_S:
                yield at, Occupancy(device=CAMERA, zone=area.name, people=people)
                known, since_s = people, 0
            since_s += SAMPLES_S
            at += timedelta(seconds=SAMPLES_S)
