"""Kept pictures counted again, for what tracks alone cannot tell: other masks, or other boxes around persons.

    kept  ▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫▫   four a second, small
          └─6─┘└─6─┘…                a few with each question, until none is left; then as they come

The worker that does it goes on counting meanwhile, so it takes a few pictures at a time, and whoever wants to
know asks again. Four pictures a second tell less than all there are: where people walk close to each other it
may count one more or less than it will once this is saved.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from drivers.counter.camera.counter import Counter
from drivers.counter.camera.eye import Recount
from drivers.counter.camera.kept import Pictures, Tracks
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.size import Size

AT_ONCE = 6  # pictures: 20 ms, less than from one live picture to the next


class Again:
    """Pictures counted by other options, from the oldest that is kept."""

    def __init__(self, wanted: dict[str, Any], options: CameraOptions, size: Size | None) -> None:
        """`wanted` as `wanted_of` says; `size` of people that was learned. Raises ValueError."""
        self.wanted = wanted
        self.options = CameraOptions.model_validate({**wanted, "visit_min_s": options.visit_min_s})
        self.tracks = Tracks()
        self.at_s = -1.0  # of the newest picture that was counted
        self.counted = self.left = 0  # pictures
        self._counter = Counter(self.options, size)

    def step(self, pictures: Pictures) -> None:
        """Counts the next ones."""
        waiting = pictures.after(self.at_s)
        for t_s, jpeg in waiting[:AT_ONCE]:
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None  # we wrote it
            self.tracks.add(t_s, self._counter.look(np.asarray(picture, np.uint8), t_s).seen)
            self.at_s = t_s
            self.counted += 1
        self.left = max(0, len(waiting) - AT_ONCE)


def wanted_of(question: Recount, options: CameraOptions) -> dict[str, Any] | None:
    """What it is to be counted by, when that needs pictures; None when the kept tracks will do."""
    masks = options.masks if question.masks is None else question.masks
    persons = options.persons if question.persons is None else question.persons
    if (masks, persons) == (options.masks, options.persons):
        return None
    return {"masks": masks, "persons": persons, "anchor": question.anchor}
