"""Frames in, crossings and visits out: the whole of counting, without a camera or a clock."""

from __future__ import annotations

from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Looked, Picture


class Counter:
    """Counts people in the frames of one camera, given in order. Bounded in memory and in work per frame."""

    def __init__(self, options: CameraOptions) -> None:
        self._options = options

    def look(self, frame: Picture, t_s: float) -> Looked:
        """What this frame tells. Frames may come at any rate, and with gaps; their size may change."""
        return Looked()

    def close(self, t_s: float) -> Looked:
        """The camera was put away: visits that are going on end when somebody was last seen there."""
        return Looked()
