"""One person walking: where they are, how fast, and how much there is to say that they are there.

A Kalman filter of constant speed, its noise in persons, so that it is the same at every place of the picture.
Both directions are equally unsure, so one small covariance serves for both. Source: any textbook; the figures
are of people: nobody speeds up by more than ACCELERATION.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture

Points = NDArray[np.float32]  # n × 2: x, y in pixels
NO_POINTS: Points = np.empty((0, 2), np.float32)

ACCELERATION = 3.0  # persons/s²
FIRST_SPEED = 2.0  # persons/s: how fast somebody may be who was just found
FOLLOWS = 0.6  # so much of the time right before or behind somebody, in one blob, goes a trolley …
FREE_WALKED = 2.0  # persons: … but no trolley walks so far with a blob for itself …
TROLLEY_HIGH = 0.8  # persons: … or is so high
FIRST_NOISE = 0.10  # persons
SURE_FRAMES = 3
SURE_WALKED = 0.5  # persons: who never goes so far from where they were found is a curtain
PROVEN_FRAMES = 3  # with a blob for itself: no half of somebody else
UNPROVEN_S = 0.7  # after which somebody who was never seen alone may be believed …
UNPROVEN_BACKING = 0.75  # … when there is foreground for a whole person


class Track:
    """`x`, `y` in pixels, `vx`, `vy` in pixels/s."""

    __slots__ = (
        "age",
        "alone",
        "backing",
        "born_s",
        "born_x",
        "born_y",
        "flow",
        "free",
        "h",
        "high",
        "leaders",
        "looks",
        "needed",
        "number",
        "p00",
        "p01",
        "p11",
        "patch",
        "person",
        "points",
        "seen_s",
        "split",
        "t_s",
        "vx",
        "vy",
        "w",
        "walked",
        "x",
        "y",
    )

    def __init__(self, number: int, x: float, y: float, w: float, h: float, t_s: float, split: bool) -> None:
        """`w`, `h`: of its blob, in pixels; `split`: born out of a blob that others were in."""
        self.number = number
        self.x, self.y = self.born_x, self.born_y = x, y
        self.vx = self.vy = 0.0
        self.w, self.h = w, h
        self.p00, self.p01, self.p11 = FIRST_NOISE**2, 0.0, FIRST_SPEED**2  # of place, of both, of speed
        self.t_s = self.seen_s = self.born_s = t_s
        self.split = split
        self.age = 1  # frames in which it was seen
        self.alone = 0 if split else 1  # … and had a blob for itself
        self.walked = 0.0  # persons from where it was born, the farthest
        self.backing = 1.0  # how much of a person the foreground has for it, lately
        self.leaders: dict[int, float] = {}  # whom it goes with in one blob; 1: lately always right before or
        # behind them, as a trolley goes
        self.high = 0.0  # persons, how high it was lately, where that tells trolleys (trolleys.py)
        self.free = 0.0  # persons that it walked with a blob for itself
        self.needed = 1.0  # how much of a person nobody else could explain, lately
        self.patch: Picture | None = None  # what it looked like, at the last good look
        self.points = NO_POINTS  # upon it (flow.py) …
        self.flow: tuple[float, float] | None = None  # … and where they say that it is; None: nothing
        self.person: bool | None = None  # what a detector says (witness.py); None: nothing …
        self.looks = 0  # … and how often it did not see anybody here

    @property
    def proven(self) -> bool:
        """Was seen apart from everybody else."""
        return self.alone >= PROVEN_FRAMES

    @property
    def sure(self) -> bool:
        """A person for all we know, who counts."""
        if self.person is False or (self.doubtful and not self.person):
            return False
        return self.age >= SURE_FRAMES and self.walked >= SURE_WALKED

    @property
    def doubtful(self) -> bool:
        """May be a trolley, or half of somebody else."""
        return self._trolley or (self.split and not self.proven and not self._believed)

    @property
    def _trolley(self) -> bool:
        if self.free >= FREE_WALKED or self.high >= TROLLEY_HIGH:
            return False
        return max(self.leaders.values(), default=0.0) >= FOLLOWS

    @property
    def _believed(self) -> bool:
        return self.t_s - self.born_s >= UNPROVEN_S and self.backing >= UNPROVEN_BACKING

    def predict(self, t_s: float) -> None:
        """Walk on until then."""
        dt = t_s - self.t_s
        self.t_s = t_s
        self.x += self.vx * dt
        self.y += self.vy * dt
        self.p00 += dt * (2 * self.p01 + dt * self.p11) + ACCELERATION**2 * dt**4 / 4
        self.p01 += dt * self.p11 + ACCELERATION**2 * dt**3 / 2
        self.p11 += ACCELERATION**2 * dt**2

    def correct(self, x: float, y: float, noise: float, w: float, h: float) -> None:
        """Seen at x, y, `noise` persons from the truth; a person is `w` × `h` pixels there."""
        self.steer(x, y, noise, w, h)
        self.seen_s = self.t_s
        self.age += 1

    def steer(self, x: float, y: float, noise: float, w: float, h: float) -> None:
        """As `correct`, by something that does not say that anybody is there."""
        sum_ = self.p00 + noise * noise
        to_place, to_speed = self.p00 / sum_, self.p01 / sum_
        dx, dy = x - self.x, y - self.y
        self.x += to_place * dx
        self.y += to_place * dy
        self.vx += to_speed * dx
        self.vy += to_speed * dy
        self.p11 -= to_speed * self.p01
        self.p01 *= 1 - to_place
        self.p00 *= 1 - to_place
        self.walked = max(self.walked, math.hypot((self.x - self.born_x) / w, (self.y - self.born_y) / h))
