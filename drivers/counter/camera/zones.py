"""Who is in which zone, and for how long.

Somebody is in a zone from the first of ENTER_FRAMES frames inside it until LEAVE_S after the last; who is
lost from sight there and found again near by has not left. A visit shorter than
`visit_min_s` is somebody passing.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

from drivers.counter.camera.shapes import Step, Visit

ENTER_FRAMES = 3
LEAVE_S = 1.0
STITCH_S = 3.0  # out of sight
STITCH_PERSONS = 1.0


class _Stay:
    __slots__ = ("entered_s", "frames", "last_s", "sure", "x", "y")

    def __init__(self, t_s: float) -> None:
        self.entered_s = self.last_s = t_s
        self.frames = 0
        self.sure = False
        self.x = self.y = 0.0


class ZoneWatch:
    """One zone. `step` takes everybody in the picture."""

    def __init__(self, name: str, corners: Sequence[tuple[float, float]], visit_min_s: float) -> None:
        """`corners` in pixels."""
        self.name = name
        self._corners = list(corners)
        self._visit_min_s = visit_min_s
        self._stays: dict[int, _Stay] = {}

    @property
    def people(self) -> int:
        """In it now."""
        return sum(stay.sure and stay.frames >= ENTER_FRAMES for stay in self._stays.values())

    def step(self, people: Sequence[Step], t_s: float) -> list[Visit]:
        """The visits that ended. Pictures without anybody may be left out."""
        present = {who.track for who in people}
        for who in people:
            if who.refused:
                self._stays.pop(who.track, None)
                continue
            if not self._inside(who.x, who.y):
                continue
            stay = self._stays.get(who.track)
            if stay is None:
                stay = self._found_again(who, present, t_s) or _Stay(t_s)
                self._stays[who.track] = stay
            if who.seen:
                stay.last_s = t_s
                stay.frames += 1
                stay.x, stay.y = who.x, who.y
            stay.sure = stay.sure or who.sure
        ended = []
        for track, stay in list(self._stays.items()):
            if t_s - stay.last_s > (LEAVE_S if track in present else STITCH_S):
                del self._stays[track]
                ended += self._visit(stay)
        return ended

    def close(self) -> list[Visit]:
        """Everybody goes."""
        stays, self._stays = self._stays, {}
        return [visit for stay in stays.values() for visit in self._visit(stay)]

    def _visit(self, stay: _Stay) -> list[Visit]:
        if not stay.sure or stay.frames < ENTER_FRAMES or stay.last_s - stay.entered_s < self._visit_min_s:
            return []
        return [Visit(self.name, stay.entered_s, stay.last_s)]

    def _found_again(self, who: Step, present: Container[int], t_s: float) -> _Stay | None:
        apart = {
            track: math.hypot((stay.x - who.x) / who.w, (stay.y - who.y) / who.h)
            for track, stay in self._stays.items()
            if track not in present and stay.sure and t_s - stay.last_s <= STITCH_S
        }
        nearest = min(apart, key=apart.__getitem__, default=None)
        return self._stays.pop(nearest) if nearest is not None and apart[nearest] <= STITCH_PERSONS else None

    def _inside(self, x: float, y: float) -> bool:
        inside = False
        bx, by = self._corners[-1]
        for ax, ay in self._corners:
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                inside = not inside
            bx, by = ax, ay
        return inside
