"""One camera's pictures become the lines that its worker says; what is wrong with them, too. Pure.

    picture ──► Counter ──► crossings, visits, people there ──┐
            └─► Health ──► frozen dark covered moved flooded ─┴──► Said
                no pictures: down, resting; too few of them: late

While a camera is blind nothing is counted: what a counter makes of a hand before the lens are no people. Who
was beyond a line has crossed it, and visits that were going on end when somebody was last seen. Time is the
camera's own, `t_s`.
"""

from __future__ import annotations

from collections import Counter as Multiset
from collections import deque
from typing import Protocol

from drivers.counter.camera.camera import Frame
from drivers.counter.camera.health import Health, Lasting, Trouble
from drivers.counter.camera.shapes import Crossing, Looked, Picture
from drivers.counter.camera.words import COUNTING, Crossed, Left, Said, State

LATE_AFTER_S = 30.0
LATE_SHARE = 0.5  # of the pictures that were wanted, missed
OCCUPANCY_EVERY_S = 1.0  # at most so often; somebody on the edge of a zone must not fill the pipe
CROSSED_KEPT_S = 60.0
CROSSED_KEPT_MAX = 200
LATE_TOLD: tuple[State, ...] = ("dark", "covered", "moved")  # after seconds of pictures that are no people's


class Counts(Protocol):
    """drivers.counter.camera.counter.Counter, or what stands for it in a test."""

    def look(self, frame: Picture, t_s: float) -> Looked: ...
    def close(self, t_s: float) -> Looked: ...


class Watch:
    """What becomes of one camera's pictures. Bounded, for as long as it runs."""

    def __init__(self, counter: Counts, health: Health) -> None:
        self._counter, self._health = counter, health
        self._late = Lasting(LATE_AFTER_S)
        self._trouble: Trouble | None = None
        self._fed = False  # the counter has seen a picture
        self._occupancy: dict[str, int] | None = None  # as last said
        self._occupancy_s = 0.0
        # For the technician's eye:
        self.state: State | None = None
        self.detail = ""
        self.newest: Frame | None = None
        self.looked = Looked()
        self.crossed: deque[Crossing] = deque(maxlen=CROSSED_KEPT_MAX)
        self.totals: Multiset[tuple[str, str]] = Multiset()  # by line and way

    def look(self, frame: Frame) -> list[Said]:
        """What is to be said of this picture."""
        looked = Looked()
        if self._trouble is None or self._trouble.state == "flooded":
            self._fed, looked = True, self._counter.look(frame.picture, frame.t_s)
        self.newest, self.looked = frame, looked
        self._trouble = self._health.look(frame.picture, frame.t_s, looked.flooded)
        said = self._turn(frame.t_s, *self._state_now())
        if self.state in COUNTING:
            said += self._counted(looked, frame.t_s)
        return said

    def no_picture(self, t_s: float, why: str) -> list[Said]:
        """None has come for a while."""
        return self._away(t_s, "down", why)

    def rest(self, t_s: float) -> list[Said]:
        """It is not to look now."""
        return self._away(t_s, "resting", "")

    def end(self, t_s: float) -> list[Said]:
        """There will be no more: crossings and visits that were going on."""
        return self._ended(t_s)

    def keeps_up(self, looked: int, missed: int, t_s: float) -> list[Said]:
        """How many pictures were looked at and how many were missed lately; 'late' follows from that."""
        wanted = looked + missed
        if wanted and self.state in COUNTING:
            self._late.seen(missed > LATE_SHARE * wanted, t_s)
            return self._turn(t_s, *self._state_now(f"{looked} of {wanted} pictures"))
        return []

    # ── states ──────────────────────────────────────────────────────────────────────────────────────────

    def _state_now(self, how_late: str = "") -> tuple[State, str]:
        if self._trouble is not None:
            return self._trouble
        if self._late.on:
            return "late", how_late
        return ("up" if self.state in (None, "up", "down", "resting") else "clear"), ""

    def _away(self, t_s: float, state: State, detail: str) -> list[Said]:
        self.newest, self.looked = None, Looked()
        # Else the morning would be judged by the evening: lights that are on would be dark until proven so.
        self._trouble, self._late = self._health.away(), Lasting(LATE_AFTER_S)
        return self._turn(t_s, state, detail)

    def _turn(self, t_s: float, state: State, detail: str) -> list[Said]:
        if state == self.state:
            if state == "down":
                self.detail = detail  # that no picture comes is known before why
            return []
        # Who was there when darkness began was counted or forgotten long ago: what is there now is nobody.
        ended = [] if state in COUNTING else self._ended(t_s, crossings=state not in LATE_TOLD)
        self.state, self.detail, self._occupancy = state, detail, None
        return [*ended, Said(_ms(t_s), state=state, detail=detail)]

    def _ended(self, t_s: float, *, crossings: bool = True) -> list[Said]:
        looked = self._counter.close(t_s) if self._fed else Looked()
        if self.state not in COUNTING:
            return []
        return self._people(looked if crossings else looked._replace(crossings=()), t_s)

    # ── counts ──────────────────────────────────────────────────────────────────────────────────────────

    def _counted(self, looked: Looked, t_s: float) -> list[Said]:
        said = self._people(looked, t_s)
        occupancy = dict(looked.occupancy)
        again = self._occupancy is None or t_s - self._occupancy_s >= OCCUPANCY_EVERY_S
        if occupancy and occupancy != self._occupancy and again:
            self._occupancy, self._occupancy_s = occupancy, t_s
            said.append(Said(_ms(t_s), occupancy=occupancy))
        return said

    def _people(self, looked: Looked, t_s: float) -> list[Said]:
        self.totals.update((one.line, one.way) for one in looked.crossings)
        self.crossed.extend(looked.crossings)
        while self.crossed and self.crossed[0].t_s < t_s - CROSSED_KEPT_S:
            self.crossed.popleft()
        crossed = [Said(_ms(one.t_s), crossed=Crossed(one.line, one.way)) for one in looked.crossings]
        visited = [Said(_ms(t_s), visited=Left(one.zone, _ms(one.dwell_s))) for one in looked.visits]
        return crossed + visited


def _ms(t_s: float) -> int:
    return max(0, round(t_s * 1000))
