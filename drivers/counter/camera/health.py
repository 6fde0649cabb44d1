"""Whether a camera's pictures show its place: frozen, dark, covered and moved ones are told apart. Pure.

    picture ──┬─ every one: the same as the one before, to the last bit? ────────────────► frozen
              └─ every EVERY_S, small and grey ──► middle of the last MIDDLE_OF: no people
                                                     │ nothing bright in it ─────────────► dark
                                                     │ its edges are gone ───────────────► covered
                                                     │ its edges are elsewhere ──────────► moved
                                                     ▼
                                            the place, as it is remembered: follows slowly while all is well

Edges are compared, not brightness: lamps and the sun change what is bright, but shelves stay where they are.
A floor without an edge in it, or a street of leaves, tells nothing of where the camera looks; then nothing is
said of that either.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.words import State

WIDTH_PX, HEIGHT_PX = 160, 90
EVERY_S = 2.0
MIDDLE_OF = 5  # pictures: who passes is in fewer than half of them
SAMPLED = 8  # of the picture's rows every so many are compared
FOLLOW_S = 600.0  # how slowly the place is remembered anew
DARK_LEVEL = 28
BRIGHT_SHARE = 0.02  # of a dark picture is brighter than that, at most
EDGE_LEVEL = 24.0  # of 1020: a step of 6 grey levels; noise that is left in the middle picture stays below
EDGES_LEAST = 0.03  # of the picture, for a place that can be known again
GONE_SHARE = 0.2  # of the edges that were there: fewer are left of a covered one
KNOWN = 0.6  # how alike the edges must be for a place to be known, and how often one after the other
KNOWN_AFTER = 5
THERE = 0.45  # how alike the edges are of a place that is seen where it was (1: the same)
BETTER = 0.2  # … and by how much more alike when pushed back, when it was pushed
LOST = 0.2  # … and of another place altogether
PUSHED_PX = 3.0  # of WIDTH_PX

Grey = NDArray[np.uint8]
Real = NDArray[np.float32]

# So long after it was there; three of the last five pictures, for those that are judged by their middle.
AFTER_S: dict[State, float] = {"frozen": 30.0, "dark": 5.0, "covered": 5.0, "moved": 25.0, "flooded": 5.0}
OVER_AFTER_S = 3.0
# What is not about the place: after a night, or an hour without a plug, it is as likely over.
OF_NOW: tuple[State, ...] = ("frozen", "dark", "flooded")


class Trouble(NamedTuple):
    """What is wrong, and a word about it."""

    state: State
    detail: str = ""


class Lasting:
    """Something that is told only when it stays, and is over only when it stays away."""

    def __init__(self, after_s: float, over_after_s: float = OVER_AFTER_S) -> None:
        self._after_s, self._over_after_s = after_s, over_after_s
        self._since_s: float | None = None  # of the contrary of `on`
        self.on = False

    def seen(self, now: bool, t_s: float) -> bool:
        """Whether it is on, after this look at it."""
        if now == self.on:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = t_s
        if self._since_s is not None:
            wait_s = self._over_after_s if self.on else self._after_s
            if t_s - self._since_s >= wait_s:
                self.on, self._since_s = now, None
        return self.on

    def interrupt(self) -> None:
        """Nobody looked for a while: what was seen before lasts no longer."""
        self._since_s = None


class Health:
    """Looks at every picture of one camera, in order, and remembers its place."""

    def __init__(self) -> None:
        self._troubles = {state: Lasting(after_s) for state, after_s in AFTER_S.items()}
        self._before: Picture | None = None
        self._greys: deque[Grey] = deque(maxlen=MIDDLE_OF)
        self._looked_s = -math.inf
        self._place: Real = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        self._alike_times = 0
        self._window = cv2.createHanningWindow((WIDTH_PX, HEIGHT_PX), cv2.CV_32F)
        self._dark = False
        self._detail = ""

    def look(self, picture: Picture, t_s: float, flooded: bool = False) -> Trouble | None:
        """What is wrong, the worst first, once it is sure; None: nothing is. `flooded`: by the counter."""
        sampled = picture[::SAMPLED]
        same = self._before is not None and np.array_equal(sampled, self._before)
        self._before = sampled.copy()  # a view would keep, or follow, the whole picture
        # A dark room has no noise to know a live picture by, once a camera has taken it out.
        self._troubles["frozen"].seen(same and not self._dark, t_s)
        self._troubles["flooded"].seen(flooded, t_s)
        if t_s - self._looked_s >= EVERY_S:
            self._looked_s = t_s
            self._greys.append(_small(picture))
            if len(self._greys) == MIDDLE_OF:
                self._judge(t_s)
        return self._worst()

    def away(self) -> Trouble | None:
        """No pictures come for a while. What is still believed of the next: what is about the place."""
        self._before, self._dark = None, False
        self._greys.clear()
        self._troubles |= {state: Lasting(AFTER_S[state]) for state in OF_NOW}
        for trouble in self._troubles.values():
            trouble.interrupt()
        return self._worst()

    def _judge(self, t_s: float) -> None:
        middle = _middle(*self._greys)
        self._dark = dark = float(np.mean(middle >= DARK_LEVEL)) < BRIGHT_SHARE
        edges = _edges(middle)
        if dark or not self._known(edges):
            covered = moved = False
        else:
            covered = _left_of(self._place, edges) < GONE_SHARE and _sparse(self._place, edges)
            pushed = "" if covered else self._pushed(edges)
            moved = bool(pushed)
            if not self._troubles["moved"].on:
                self._detail = pushed
        troubled = [
            self._troubles["dark"].seen(dark, t_s),
            self._troubles["covered"].seen(covered, t_s),
            self._troubles["moved"].seen(moved, t_s),
        ]
        if not any((dark, covered, moved, *troubled)):
            self._place += (edges - self._place) * np.float32(EVERY_S / FOLLOW_S)

    def _known(self, edges: Real) -> bool:
        """Whether the place is known well enough to miss it: it has looked the same for a while."""
        if self._alike_times < KNOWN_AFTER:
            same = float(np.mean(edges > EDGE_LEVEL)) >= EDGES_LEAST and _alike(self._place, edges) >= KNOWN
            self._alike_times = self._alike_times + 1 if same else 0
            if not same:
                self._place = edges
        return self._alike_times >= KNOWN_AFTER

    def _pushed(self, edges: Real) -> str:
        """How far from its place it looks; empty when it looks there."""
        there = _alike(self._place, edges)
        if there >= THERE:
            return ""
        (dx, dy), _ = cv2.phaseCorrelate(self._place, edges, self._window)
        pushed_px = math.hypot(dx, dy)
        back = _alike(*_overlap(self._place, edges, round(dx), round(dy)))
        if pushed_px >= PUSHED_PX and back >= there + BETTER:
            return f"{100 * pushed_px / WIDTH_PX:.0f} % of the picture's width"
        return "another place" if max(there, back) < LOST else ""

    def _worst(self) -> Trouble | None:
        for state, trouble in self._troubles.items():
            if trouble.on:
                return Trouble(state, self._detail if state == "moved" else "")
        return None


def _small(picture: Picture) -> Grey:
    small = cv2.resize(picture, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _middle(a: Grey, b: Grey, c: Grey, d: Grey, e: Grey) -> Grey:
    """The middle of five values, for each place; sixty times as fast as `np.median`."""
    low, high = np.maximum(np.minimum(a, b), np.minimum(c, d)), np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))


def _edges(grey: Grey) -> Real:
    """How steep the picture is at each of its places; small differences are noise."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    steep = np.asarray(cv2.magnitude(across, down), dtype=np.float32)
    # What is brighter has steeper edges: only how they are spread counts, so nothing is steeper than so.
    return np.minimum(np.where(steep < EDGE_LEVEL / 2, 0, steep), 4 * EDGE_LEVEL).astype(np.float32)


def _left_of(place: Real, edges: Real) -> float:
    """Which part 0..1 of the place's edges is still steep."""
    known = place > EDGE_LEVEL
    return float(np.mean(edges[known] > EDGE_LEVEL / 2)) if known.any() else 1.0


def _sparse(place: Real, edges: Real) -> bool:
    """Whether there are far fewer edges than there were, anywhere: another place has edges of its own."""
    return float(np.mean(edges > EDGE_LEVEL)) < GONE_SHARE * float(np.mean(place > EDGE_LEVEL)) + 0.002


def _alike(one: Real, other: Real) -> float:
    """How alike two pictures of edges are, -1..1."""
    a, b = one - one.mean(), other - other.mean()
    strength = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / strength if strength > 0 else 0.0


def _overlap(one: Real, other: Real, dx: int, dy: int) -> tuple[Real, Real]:
    """The parts that both show when `other` is `one` pushed by so many pixels; the whole if there is none."""
    height, width = one.shape
    if abs(dx) >= width // 2 or abs(dy) >= height // 2:
        return one, other
    x, y = max(0, dx), max(0, dy)
    w, h = width - abs(dx), height - abs(dy)
    return one[y - dy : y - dy + h, x - dx : x - dx + w], other[y : y + h, x : x + w]
