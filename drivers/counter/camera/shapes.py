"""What the stages of counting hand to each other. Places are pixels of the picture that is looked at.

    frame ──► blobs ──► tracks ──► crossing ──► Crossing
                              └──► zones ─────► Visit, Occupancy

Time is `t_s`: seconds of the camera's own clock, which never goes back.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # height × width × 3, blue green red, as cv2 gives it


class Crossing(NamedTuple):
    """Somebody went over a line."""

    t_s: float
    line: str
    way: Literal["in", "out"]


class Visit(NamedTuple):
    """Somebody was in a zone; `left_s` is when they were last there."""

    zone: str
    entered_s: float
    left_s: float

    @property
    def dwell_s(self) -> float:
        return self.left_s - self.entered_s


class Seen(NamedTuple):
    """Somebody in the picture now, for the technician's eye. Fractions of the picture."""

    track: int
    x: float
    y: float  # of the anchor: what crosses lines
    box: tuple[float, float, float, float]  # left, top, width, height
    sure: bool  # has walked: counts when it crosses


class Step(NamedTuple):
    """Where somebody is: pixels of the small picture, and the size of a person there."""

    track: int
    x: float
    y: float  # of the anchor
    w: float
    h: float
    sure: bool  # has walked: counts
    seen: bool  # in this frame; else where they must be by now
    refused: bool = False  # a detector says that this is nobody


class Looked(NamedTuple):
    """What one frame told."""

    crossings: tuple[Crossing, ...] = ()
    visits: tuple[Visit, ...] = ()  # those that ended
    occupancy: tuple[tuple[str, int], ...] = ()  # people in each zone now
    seen: tuple[Seen, ...] = ()
    flooded: bool = False  # the whole picture changed: nothing was counted in this frame
