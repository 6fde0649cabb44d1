"""Tracks over directed lines.

    outside │ band │ inside      who was on one side of the band and goes well beyond the other has crossed,
     ──●────┼──────┼────●──►     and not before: loitering on the line, or a turn back on it, is nothing

From a shop's door people turn along its front: who went beyond the band and away past the line's end has too.
Distances across a line are in persons, so that a line near the camera and one far away behave alike. Whose
middle passes an end by less than END_ROOM has crossed too; where lines meet, each has half of that gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from drivers.counter.camera.options import Line, Way
from drivers.counter.camera.shapes import Crossing, Step

BAND = 0.22  # persons beyond the line: there somebody has crossed it
CERTAIN = 0.45  # … and when they go so far, or out of sight, it is certain …
AWAY = 1.0  # … or when they walk away along it, so many persons past its end
BACK_BAND = 0.5  # … and who crossed it once must go so far to have crossed it back
BORN_IN_BAND = 0.7  # persons that somebody must go who was first seen on the line itself
END_ROOM = 0.15  # persons past a line's end: a third of the body of whoever passes there is over the line

Place = tuple[float, float]  # x, y in pixels

INWARD: dict[Way, tuple[int, int]] = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


class _Walker:
    """Somebody, as one line knows them."""

    __slots__ = ("across", "crossed", "first", "over", "past", "pending", "side", "sure", "t_s")

    def __init__(self, across: float, past: float, t_s: float) -> None:
        self.first = self.across = across  # persons inside of the line, less than 0: outside
        self.t_s = t_s
        self.side = 0  # 1 inside, -1 outside, 0: was never clear of the band
        self.past = past  # pixels past its ends and the room there, less than 0: within
        self.over: tuple[float, float] | None = None  # when they were last on the line, and how far past then
        self.crossed = False
        self.sure = False
        self.pending: Crossing | None = None  # until they are known to be a person, and are well beyond

    def certain(self) -> Crossing:
        """What was pending has happened."""
        assert self.pending is not None
        crossing, self.pending, self.crossed = self.pending, None, True
        return crossing

    def went_back(self, band: float) -> bool:
        """Whether they are where they came from, by so many persons, while it was pending."""
        if self.pending is None:
            return False
        return (-self.across if self.pending.way == "in" else self.across) > band


class LineWatch:
    """One line. `step` takes everybody in the picture."""

    def __init__(
        self, name: str, line: Line, width_px: int, height_px: int, others: Iterable[Line] = ()
    ) -> None:
        """`others` are the other lines of this picture: who passes between two crosses one of them."""
        self.name = name
        others = tuple(others)
        a, b = _ends(line, width_px, height_px)
        dx, dy = b[0] - a[0], b[1] - a[1]
        self._length = math.hypot(dx, dy)
        self._from = a
        self._rooms = [
            min((_apart(end, *_ends(other, width_px, height_px)) / 2 for other in others), default=math.inf)
            for end in (a, b)
        ]
        self._along = (dx / self._length, dy / self._length)
        normal = (-self._along[1], self._along[0])
        wanted = INWARD[line.inward]
        turn = -1 if normal[0] * wanted[0] + normal[1] * wanted[1] < 0 else 1
        self._inward = (turn * normal[0], turn * normal[1])
        self._walkers: dict[int, _Walker] = {}

    def step(self, people: Iterable[Step], t_s: float) -> list[Crossing]:
        """Who has crossed; the time is that of the line itself, not of when it became sure."""
        crossings, present = [], set()
        for who in people:
            present.add(who.track)
            x, y = who.x - self._from[0], who.y - self._from[1]
            person = math.hypot(self._inward[0] * who.w, self._inward[1] * who.h)
            across = (x * self._inward[0] + y * self._inward[1]) / person
            along = x * self._along[0] + y * self._along[1]
            room_a, room_b = (min(END_ROOM * who.w, room) for room in self._rooms)
            past = max(-along - room_a, along - self._length - room_b)
            walker = self._walkers.get(who.track)
            if walker is None:
                walker = self._walkers[who.track] = _Walker(across, past, t_s)
            crossing = self._walked(walker, across, past, t_s)
            if crossing:
                # There and back before it was certain: nothing happened.
                walker.pending = None if walker.pending else crossing
            walker.sure = who.sure
            if walker.went_back(BAND):
                walker.pending = None  # around the line's end
            person_along = math.hypot(self._along[0] * who.w, self._along[1] * who.h)
            away = past >= AWAY * person_along and not walker.went_back(0.0)
            if walker.pending and who.sure and (abs(across) >= CERTAIN or away):
                crossings.append(walker.certain())
        for gone in self._walkers.keys() - present:
            walker = self._walkers.pop(gone)
            if walker.pending and walker.sure and not walker.went_back(0.0):
                crossings.append(walker.pending)
        return crossings

    def close(self) -> list[Crossing]:
        """Nobody is seen any more: who was beyond the line has crossed it."""
        return self.step((), 0.0)

    def _walked(self, walker: _Walker, across: float, past: float, t_s: float) -> Crossing | None:
        if (across > 0) != (walker.across > 0):
            part = walker.across / (walker.across - across)
            walker.over = (walker.t_s + part * (t_s - walker.t_s), walker.past + part * (past - walker.past))
        walker.across, walker.past, walker.t_s = across, past, t_s
        band = BACK_BAND if walker.crossed and not walker.pending else BAND
        side = 0 if abs(across) <= band else 1 if across > 0 else -1
        if side in (0, walker.side):
            return None
        if walker.side == 0 and (walker.first > 0) == (across > 0):
            walker.side = side  # first seen on this side of the line
            return None
        if walker.side == 0 and abs(walker.first) < BAND and abs(across - walker.first) < BORN_IN_BAND:
            return None
        walker.side = side
        if walker.over is None or walker.over[1] > 0:
            return None
        return Crossing(walker.over[0], self.name, "in" if side > 0 else "out")


def watches(lines: Mapping[str, Line], width_px: int, height_px: int) -> list[LineWatch]:
    """One for each line of a picture."""
    return [
        LineWatch(name, line, width_px, height_px, (each for each in lines.values() if each is not line))
        for name, line in lines.items()
    ]


def _ends(line: Line, width_px: int, height_px: int) -> tuple[Place, Place]:
    return (line.a.x * width_px, line.a.y * height_px), (line.b.x * width_px, line.b.y * height_px)


def _apart(place: Place, a: Place, b: Place) -> float:
    """How many pixels it is from the nearest place between a and b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    part = ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / (dx * dx + dy * dy)
    part = min(1.0, max(0.0, part))
    return math.hypot(place[0] - a[0] - part * dx, place[1] - a[1] - part * dy)
