"""One camera, opened, looked at, lost and opened again. Pure: clocks, wall and camera come in by the door."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from drivers.counter.camera.camera import Camera, CameraEnded, CameraGone, Frame
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.schedule import open_at, read_hours
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.words import STATS_EVERY_S, Said, Stats

NO_PICTURE_S = 5.0  # after which a camera that failed, or went silent, is told to be down
OPENING_S = 15.0  # … and one that is still being opened, and may take its time
RETRY_FIRST_S, RETRY_MOST_S = 1.0, 10.0
HANGS_S = 60.0  # in a driver, or in a library: it can only be ended together with this process
CLOCK_LOOK_S = 5.0  # how often the hours are looked at
LOOKS_KEPT = 100

OpenCamera = Callable[[], Camera]


class Hangs(Exception):
    """The camera's thread has not come back."""


class Ended(Exception):
    """A film was seen to its end."""


class Loop:
    """`turn` does what is due, and says when it wants another."""

    def __init__(
        self,
        options: CameraOptions,
        watch: Watch,
        open_it: OpenCamera,
        *,
        clock: Callable[[], float],
        minute: Callable[[], int],
        say: Callable[[Said], None],
        seen: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock`: seconds since the worker began; `minute`: of the day; `seen`: a picture was looked at."""
        self._watch, self._open_it = watch, open_it
        self._clock, self._minute, self._say, self._seen = clock, minute, say, seen
        self._hours = read_hours(options.hours)
        self._camera: Camera | None = None
        self._leaving: Camera | None = None  # that has not let go of its device yet
        self._open_at_s = 0.0
        self._retry_s = RETRY_FIRST_S
        self._why = ""  # it failed last; empty: it has not
        self._picture_s = clock()  # when the last came, or was begun to be waited for …
        self._patience_s = OPENING_S  # … for so long
        self._moved_s = clock()  # when the camera last showed that it lives
        self._offered = 0
        self._after_s = 0.0  # what a film's times begin with, when it is opened once more
        self._ahead_s = 0.0  # of the camera's clock before ours
        self._told_s = 0.0  # the latest time by it that anybody was told
        self._opening = False  # no picture has come yet since it was opened
        self._last_s = -1.0  # the last picture's time
        self._stats_s = clock() + STATS_EVERY_S
        self._counts = (0, 0, 0)  # looked at, offered, missed: at the last stats
        self._looked = self._missed = self._offered_all = 0
        self._opened = 0
        self._looks_s: deque[float] = deque(maxlen=LOOKS_KEPT)
        self.frames_per_s = 0.0

    @property
    def t_s(self) -> float:
        """Now, on the camera's clock. It never goes back: where ours runs ahead of a slow film's it waits."""
        self._told_s = max(self._told_s, self._clock() + self._ahead_s)
        return self._told_s

    @property
    def look_ms(self) -> float:
        """What a picture costs, in the middle of the last ones."""
        return round(1000 * median(self._looks_s), 2) if self._looks_s else 0.0

    def turn(self) -> float:
        """How long, in seconds, may be waited before the next; less when the camera rings.

        Raises Ended, and Hangs.
        """
        now_s = self._clock()
        wait_s = self._look(now_s) if open_at(self._hours, self._minute()) else self._rest(now_s)
        if now_s >= self._stats_s:
            self._tell_stats(now_s)
        return min(wait_s, CLOCK_LOOK_S, max(0.0, self._stats_s - now_s))

    def _rest(self, now_s: float) -> float:
        if self._camera is not None:
            self._let_go()
        self._open_at_s, self._retry_s, self._why = now_s, RETRY_FIRST_S, ""
        self._picture_s, self._patience_s = now_s, OPENING_S
        self._tell(self._watch.rest(self.t_s))
        return CLOCK_LOOK_S

    def _look(self, now_s: float) -> float:
        wait_s = self._seek(now_s)
        if now_s - self._picture_s >= self._patience_s:
            self._tell(self._watch.no_picture(self.t_s, self._why or "no picture"))
        return wait_s

    def _seek(self, now_s: float) -> float:
        if self._leaving is not None and self._leaving.closed:
            self._leaving = None
        if self._camera is None:
            if now_s < self._open_at_s or self._leaving is not None:
                self._mind_hanging(self._leaving, now_s)
                return max(0.1, min(self._open_at_s - now_s, 1.0))
            self._opened += 1
            self._offered, self._moved_s, self._opening = 0, now_s, True
        try:
            if self._camera is None:
                self._camera = self._open_it()
            return self._next_picture(self._camera, now_s)
        except CameraEnded:
            self._tell(self._watch.end(self.t_s))
            raise Ended from None
        except CameraGone as gone:
            self._why, self._patience_s = str(gone), NO_PICTURE_S
            self._let_go()
            self._open_at_s = now_s + self._retry_s
            self._retry_s = min(2 * self._retry_s, RETRY_MOST_S)
            return 0.1

    def _next_picture(self, camera: Camera, now_s: float) -> float:
        frame = camera.frame(now_s)
        self._mind_hanging(camera, now_s)
        if frame is None:
            wait_s = camera.wait_s(now_s)
            if wait_s is None:
                return 1.0
            self._picture_s = now_s  # a film is not silent: it knows when its next is due
            return wait_s
        if self._opening and camera.wait_s(now_s) is not None:
            # A film begins with its first second again, but what was told since its last has later times.
            self._after_s = max(self._after_s, self._told_s - frame.t_s)
        self._opening = False
        if frame.t_s + self._after_s <= self._last_s:
            self._after_s = self._last_s - frame.t_s + 0.1
        frame = Frame(frame.picture, frame.t_s + self._after_s)
        self._last_s, self._ahead_s = frame.t_s, frame.t_s - now_s
        self._retry_s, self._why = RETRY_FIRST_S, ""
        began_s = self._clock()
        said = self._watch.look(frame)
        # Not before the look: a slow box is no silent camera.
        self._picture_s, self._patience_s = self._clock(), NO_PICTURE_S
        self._looks_s.append(self._picture_s - began_s)
        self._looked += 1
        self._tell(said)
        self._seen()
        return camera.wait_s(now_s) or 0.0

    def _mind_hanging(self, camera: Camera | None, now_s: float) -> None:
        if camera is None:
            return
        if camera.offered != self._offered or camera.closed:
            self._offered, self._moved_s = camera.offered, now_s
        if now_s - self._moved_s >= HANGS_S:
            raise Hangs(f"the camera hangs for {HANGS_S:g} s")

    def _let_go(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._offered_all += self._camera.offered
            self._missed += self._camera.missed
            self._camera, self._leaving = None, self._camera

    def _tell_stats(self, now_s: float) -> None:
        lasted_s = now_s - self._stats_s + STATS_EVERY_S
        self._stats_s = now_s + STATS_EVERY_S
        camera = self._camera
        counts = (
            self._looked,
            self._offered_all + (camera.offered if camera else 0),
            self._missed + (camera.missed if camera else 0),
        )
        looked, offered, missed = (new - old for new, old in zip(counts, self._counts, strict=True))
        self._counts = counts
        self.frames_per_s = round(looked / lasted_s, 1)
        self._tell(self._watch.keeps_up(looked, missed, self.t_s))
        stats = Stats(
            frames_per_s=self.frames_per_s,
            offered_per_s=round(offered / lasted_s, 1),
            look_ms=self.look_ms,
            people=len(self._watch.looked.seen),
            opened=self._opened,
            rss_mib=_rss_mib(),
        )
        self._say(Said(round(self.t_s * 1000), stats=stats))

    def _tell(self, said: list[Said]) -> None:
        for each in said:
            self._say(each)


def _rss_mib() -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE") >> 20
    return 0
