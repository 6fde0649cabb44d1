"""Three days of one camera in a shop, on a clock turned by hand: all that is pure, from picture to fact.

drawn shop ──► Loop ──► Watch (Counter, Health) ──► lines ──► decoder ──► facts, with their times
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import cv2
import numpy as np

from drivers.base import Heard, Note
from drivers.counter.camera.camera import CameraGone, Frame
from drivers.counter.camera.counter import Counter
from drivers.counter.camera.health import Health
from drivers.counter.camera.loop import Loop
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.protocol import CameraDecoder
from drivers.counter.camera.shapes import Crossing, Looked, Picture
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.words import Said, encode_line

HOUR_S, DAY_S = 3600.0, 86400.0
BEGINS_MIN = 8 * 60  # of the first day
EVERY_S = 14.0  # one picture; nothing in here needs more of them
RESPAWN_S = 2.0


class Fault(NamedTuple):
    """Something that happens to the camera, in hours since the beginning."""

    state: str
    from_h: float
    until_h: float


FAULTS = (
    Fault("down", 2.0, 2.4),
    Fault("frozen", 5.0, 5.3),
    Fault("covered", 8.0, 8.6),
    Fault("dark", 12.0, 12.5),
    Fault("resting", 14.0, 24.0),
    Fault("moved", 26.0, 27.0),
    Fault("down", 30.0, 30.1),
    Fault("covered", 33.0, 33.2),
    Fault("resting", 38.0, 48.0),
    Fault("frozen", 50.0, 51.0),
    Fault("down", 55.0, 59.0),
    Fault("resting", 62.0, 72.0),
)
KILLED_H = (35.0, 52.0)  # its worker


class Counting(Counter):
    """Counts as it does; and one more over the line with every picture, to add up."""

    pictures = 0

    def look(self, frame: Picture, t_s: float) -> Looked:
        super().look(frame, t_s)
        Counting.pictures += 1
        return Looked(crossings=(Crossing(t_s, "door", "in"),), occupancy=(("shop", int(t_s) % 3),))


class Days:
    """`facts` are (seconds since the beginning, event), once `run` is done."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.facts: list[tuple[float, Any]] = []
        self.stats = self.opened = 0
        self._options = CameraOptions(hours="08:00-22:00")
        self._decoder = CameraDecoder(self._options)
        self._shop, self._elsewhere = _shop(1), _shop(2)
        self._grains = itertools.cycle(
            [np.random.default_rng(seed).integers(0, 13, self._shop.shape, np.uint8) for seed in range(5)]
        )
        self._last: Picture = self._shop
        self._loop = self._worker()

    def run(self, until_h: float) -> None:
        """Until so many hours after the beginning."""
        killed = [hour for hour in KILLED_H if self.now_s / HOUR_S <= hour < until_h]
        while self.now_s < until_h * HOUR_S:
            if killed and self.now_s >= killed[0] * HOUR_S:
                killed.pop(0)
                self.now_s += RESPAWN_S
                self._hear(self._decoder.hand_over(self._now_ms))
                self._decoder.reopened(self._now_ms)
                self._loop = self._worker()
            wait_s = self._loop.turn()
            self.now_s += max(0.01, min(wait_s, EVERY_S))
            due_ms = self._decoder.wake_at_ms
            if due_ms is not None and due_ms <= self._now_ms:
                self._decoder.replies()
                self._hear(self._decoder.wake(self._now_ms))

    @property
    def fault(self) -> str:
        """What is wrong now."""
        now_h = self.now_s / HOUR_S
        return next((each.state for each in FAULTS if each.from_h <= now_h < each.until_h), "")

    def frame(self) -> Frame:
        """The picture now. Raises CameraGone."""
        fault = self.fault
        if fault == "down":
            raise CameraGone("it is not there")
        if fault != "frozen":
            seen = self._elsewhere if fault == "moved" else self._shop
            light = 0.05 if fault == "dark" else 0.75 + 0.25 * float(np.sin(self.now_s / 7000))
            grain = next(self._grains)
            picture = np.full_like(seen, 90) if fault == "covered" else seen
            self._last = np.asarray(cv2.addWeighted(picture, light, grain, 1, -6), np.uint8)
        return Frame(self._last, self.now_s)

    @property
    def _now_ms(self) -> int:
        return round(self.now_s * 1000)

    def _worker(self) -> Loop:
        return Loop(
            self._options,
            Watch(Counting(self._options), Health()),
            lambda: _Camera(self),
            clock=lambda: self.now_s,
            minute=lambda: int(BEGINS_MIN + self.now_s / 60) % 1440,
            say=self._say,
        )

    def _say(self, said: Said) -> None:
        self.stats += said.stats is not None
        self._hear(self._decoder.feed(encode_line(said), self._now_ms))

    def _hear(self, heard: list[Heard]) -> None:
        self.facts += [(self.now_s, each.what) for each in heard if not isinstance(each.what, Note)]


class _Camera:
    missed = 0
    closed = True

    def __init__(self, days: Days) -> None:
        self._days = days
        self._due_s = days.now_s
        self.offered = 0
        days.opened += 1

    def frame(self, now_s: float) -> Frame | None:
        if now_s < self._due_s:
            return None
        frame = self._days.frame()
        self.offered += 1
        self._due_s = now_s + EVERY_S
        return frame

    def wait_s(self, now_s: float) -> float:
        return max(0.0, self._due_s - now_s)

    def close(self) -> None:
        return None


def _shop(seed: int) -> Picture:
    chance = np.random.default_rng(seed)
    shop = np.full((36, 64, 3), 120, np.uint8)
    for _ in range(50):
        x, y, w, h = (int(n) for n in chance.integers((0, 0, 3, 3), (60, 32, 14, 10)))
        colour = tuple(int(c) for c in chance.integers(30, 230, 3))
        cv2.rectangle(shop, (x, y), (x + w, y + h), colour, -1)
    return shop
