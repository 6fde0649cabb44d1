"""What a detector adds to the tracks: who is a person, and, where it is let, who is none.

Looking costs ten times what counting does, so it is asked only while somebody is in question, rarely, and for
all of the picture at once: a person needs one look or two, and then no more. Who was taken for a person is
one, also when they were never seen apart from others. One box stands for one person: for whom is known to be
there, before anybody who is in doubt.

That the model does not see somebody says little: from straight above, in a crush or far away, models which
were trained on photographs miss people all the time. So it says nothing, unless `refuses` is set; then who
was in the picture as a whole for REFUSED_LOOKS looks, and not seen in any, is none until seen.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from drivers.counter.camera.assignment import assign
from drivers.counter.camera.detector import Body, read_detector
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import SURE_FRAMES, Track
from drivers.errors import NoDetector

SHARE = 0.2  # of the processor's time, at most: a slow box looks less often
LOOK_MAX_S = 0.5  # no picture is counted meanwhile …
SLOW_MAX = 3  # … so after so many longer ones, one after the other, it is let go
TRIAL_MAX_S = 8  # for a model to be read and to look once; a worker that says nothing for 20 s is ended
ASKED_WALKED = 0.25  # persons: what does not move is not in question
REFUSED_LOOKS = 3
LOOKS_MAX = 12  # for nothing, at one track; then it is in question no longer
NEAR = 0.6  # persons from the middle of a box to that of the track
DOUBT = 2 * NEAR  # a box is first of all theirs who are known to be there
LARGER, SMALLER = 4.0, 0.2  # the box, than a person: then it is another's
HOPELESS = 100.0


class Sees(Protocol):
    """drivers.counter.camera.detector.Detector, or what stands for it in a test."""

    def people(self, picture: Picture) -> list[Body]: ...


class Figures(NamedTuple):
    """How a detector does at this camera."""

    looks: int = 0
    look_ms: float = 0.0  # the last
    seen: int = 0  # tracks that it took for people …
    unseen: int = 0  # … and those at which it looked REFUSED_LOOKS times in vain


def witness_of(options: CameraOptions) -> Witness | None:
    """The one of these settings, None when they want none; its `why` says when its file is of no use."""
    if not options.detector:
        return None
    path, least = Path(options.detector), options.detector_least
    detector, why = None, "failed"
    if survives(lambda: read_detector(path, least)):
        try:
            detector, why = read_detector(path, least), ""
        except NoDetector as error:
            why = error.why
    return Witness(detector, options, why)


def survives(work: Callable[[], object]) -> bool:
    """Whether this can be tried without the end of the process that does: a child tries it first.

    One in forty damaged models ends OpenCV by a signal; a worker would never come to count. Call it with one
    thread. What `work` raises is nothing here.
    """
    child = os.fork()
    if not child:
        try:
            signal.alarm(TRIAL_MAX_S)
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0


class Witness:
    """A detector that is asked within a budget; when it fails, it is let go, and counting goes on.

    `why` is empty while there is one, else a word of NoDetector.
    """

    def __init__(
        self,
        detector: Sees | None,
        options: CameraOptions,
        why: str = "",
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """`why`: there is none, a word of NoDetector; `clock`: this thread's processor time, in seconds."""
        self._detector, self._clock, self.why = detector, clock, why
        self._refuses, self._every_s = options.detector_refuses, 1 / options.detector_per_s
        self._due_s = -math.inf
        self._slow = 0
        self.figures = Figures()

    def step(
        self, frame: Picture, tracks: Sequence[Track], size: Size, small: tuple[int, int], t_s: float
    ) -> None:
        """One frame with its tracks, in pixels of a picture of `small` width and height."""
        if self._detector is None or t_s < self._due_s:
            return
        present = [track for track in tracks if track.seen_s == t_s]
        if not any(self._in_question(track) and _whole(track, size, small) for track in present):
            return
        began_s = self._clock()
        try:
            bodies = self._detector.people(frame)
        except NoDetector as error:
            self._let_go(error.why, tracks)
            return
        took_s = self._clock() - began_s
        self._due_s = t_s + max(self._every_s, took_s / SHARE)
        self.figures = self.figures._replace(looks=self.figures.looks + 1, look_ms=round(1000 * took_s, 1))
        self._tell(present, bodies, size, small)
        self._slow = self._slow + 1 if took_s > LOOK_MAX_S else 0
        if self._slow >= SLOW_MAX:
            self._let_go("slow", tracks)

    def _in_question(self, track: Track) -> bool:
        if track.person or track.looks >= LOOKS_MAX:
            return False
        walks = track.age >= SURE_FRAMES and track.walked >= ASKED_WALKED
        return walks and (self._refuses or track.doubtful)

    def _tell(
        self, present: Sequence[Track], bodies: Sequence[Body], size: Size, small: tuple[int, int]
    ) -> None:
        costs = [
            [_apart(track, body, size, small) + DOUBT * track.doubtful for body in bodies]
            for track in present
        ]
        found = {row for row, _ in assign(costs, NEAR + DOUBT)}
        for row, track in enumerate(present):
            if row in found:
                self._seen(track)
            elif not track.person and _whole(track, size, small):
                self._unseen(track)

    def _seen(self, track: Track) -> None:
        figures = self.figures
        if not track.person:
            late = track.looks >= REFUSED_LOOKS
            self.figures = figures._replace(seen=figures.seen + 1, unseen=figures.unseen - late)
        track.person = True

    def _unseen(self, track: Track) -> None:
        track.looks += 1
        if track.looks == REFUSED_LOOKS:
            self.figures = self.figures._replace(unseen=self.figures.unseen + 1)
        if self._refuses and track.looks >= REFUSED_LOOKS:
            track.person = False

    def _let_go(self, why: str, tracks: Sequence[Track]) -> None:
        self._detector, self.why = None, why
        for track in tracks:
            track.person = track.person or None  # nobody is refused any longer


def _apart(track: Track, body: Body, size: Size, small: tuple[int, int]) -> float:
    """How far, in persons, the box is from the track; HOPELESS: it is another's."""
    w, h = size.at(track.y)
    larger = (body.w * small[0] / w) * (body.h * small[1] / h)
    if not SMALLER <= larger <= LARGER:
        return HOPELESS
    apart = math.hypot((body.x * small[0] - track.x) / w, (body.y * small[1] - track.y) / h)
    return apart if apart <= NEAR else HOPELESS


def _whole(track: Track, size: Size, small: tuple[int, int]) -> bool:
    """Whether all of a person would be in the picture there."""
    w, h = size.at(track.y)
    return w / 2 <= track.x <= small[0] - w / 2 and h / 2 <= track.y <= small[1] - h / 2
