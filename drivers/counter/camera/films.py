"""A film counted as a camera's pictures are: for trying settings out, and for proving them."""

from __future__ import annotations

import math
import resource
import time
from bisect import bisect_left
from collections import Counter as Multiset
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2

from drivers.counter.camera.camera import NoFilm, Pace, film, pictures_said
from drivers.counter.camera.counter import Counter, factor_for
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Looked
from drivers.counter.camera.size import FIRST_GUESS, Size
from drivers.counter.camera.witness import witness_of
from drivers.errors import NoDetector

LEARN_MAX_S = 120.0  # of the film are looked at before it is counted, to learn how large people are
TIMES_KEPT = 4096  # frames; a crossing is told at most some seconds after it was
TOOK_STEP = 0.01  # of the logarithm of a picture's ms: what is told of them is true to half a hundredth
TOOK_LEAST_MS = 0.001
WHOLE = 0.75  # of the pictures that a film says it has: whole ones say up to one in five too many


def count_film(
    path: Path,
    options: CameraOptions,
    *,
    warmup_frames: int = 0,
    processor_s: Callable[[], float] = time.process_time,
) -> Iterator[dict[str, Any]]:
    """An object for each crossing and visit, as they become known, and at last their sums and what it cost.

    Without drawn boxes the film is looked at twice, or three times if people are narrow in it, since a camera
    that has hung for a day knows how large they are. What happened before `warmup_frames` is left out. The
    sums say how many pictures are `missing` of a film that could not be read whole. Raises CameraGone, and
    NoDetector.
    """
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(0)  # of a model that it cannot read it says pages; we say why
    witness = witness_of(options)
    if witness and witness.why:
        raise NoDetector(witness.why, options.detector)
    counter = Counter(options, None if options.persons else learned_size(path, options), witness)
    began_s = processor_s()
    pace, clock = Pace(options.frames_per_s), Frames()
    ways = {"in": 0, "out": 0}
    took = Took()
    t_s, since_s = 0.0, math.inf

    def told(looked: Looked) -> Iterator[dict[str, Any]]:
        for one in _told(looked, clock, warmup_frames, since_s):
            if "dir" in one:
                ways[one["dir"]] += 1
            yield one

    for t_s, picture in film(path, loop=False):
        clock.add(t_s)
        if clock.count == warmup_frames + 1:
            since_s = t_s
        if not pace.due(t_s):
            continue
        before_s = processor_s()
        looked = counter.look(picture, t_s)
        took.add((processor_s() - before_s) * 1000)
        yield from told(looked)
    if not clock.count:
        raise NoFilm(path)
    yield from told(counter.close(t_s))
    spent_s = max(processor_s() - began_s, 1e-9)
    detector = {"detector": witness.figures._asdict() | {"why": witness.why}} if witness else {}
    yield ways | {
        "frames": clock.count,
        **_missing(clock.count, pictures_said(path)),
        "looked_at": took.count,
        "fps_one_core": round(clock.count / spent_s, 1),
        "ms_per_frame_p50": round(took.at(0.5), 3),
        "ms_per_frame_p95": round(took.at(0.95), 3),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        **detector,
    }


def learned_size(path: Path, options: CameraOptions) -> Size | None:
    """How large people are in this film, in fractions of the picture. Raises CameraGone."""
    size, width = _learned_size(path, options, FIRST_GUESS)
    if size is None or factor_for(size, width) >= factor_for(FIRST_GUESS, width):
        return size
    return _learned_size(path, options, size)[0] or size  # they were looked at too coarsely


def _learned_size(path: Path, options: CameraOptions, guess: Size) -> tuple[Size | None, int]:
    """With the width of its frames."""
    counter, pace = Counter(options, guess=guess), Pace(options.frames_per_s)
    t_s, width = 0.0, 1
    for t_s, picture in film(path, loop=False):
        if t_s > LEARN_MAX_S:
            break
        if pace.due(t_s):
            counter.look(picture, t_s)
            width = picture.shape[1]
    counter.close(t_s)
    return counter.learned(1), width  # one who walks is better than a guess


class Frames:
    """Which frame of the film was at what time; films need not have them evenly."""

    def __init__(self) -> None:
        self.count = 0
        self._times: deque[float] = deque(maxlen=TIMES_KEPT)

    def add(self, t_s: float) -> None:
        self.count += 1
        self._times.append(t_s)

    def at(self, t_s: float) -> int:
        """The frame nearest to then, the first is 0; as far back as is kept."""
        after = bisect_left(self._times, t_s)
        first = self.count - len(self._times)
        if after == len(self._times):
            return self.count - 1
        if after and t_s - self._times[after - 1] < self._times[after] - t_s:
            after -= 1
        return first + after


class Took:
    """How long pictures took, counted by steps: a film of a day needs no more memory than a short one."""

    def __init__(self) -> None:
        self.count = 0
        self._by_step: Multiset[int] = Multiset()

    def add(self, ms: float) -> None:
        self.count += 1
        self._by_step[round(math.log(max(ms, TOOK_LEAST_MS)) / TOOK_STEP)] += 1

    def at(self, share: float) -> float:
        """In ms, what that share of all did not exceed; 0 when there was none."""
        left = share * self.count
        for step in sorted(self._by_step):
            left -= self._by_step[step]
            if left <= 0:
                return math.exp(step * TOOK_STEP)
        return 0.0


def _missing(found: int, said: int) -> dict[str, int]:
    return {"missing": said - found} if found < WHOLE * said else {}


def _told(looked: Looked, clock: Frames, warmup_frames: int, since_s: float) -> Iterator[dict[str, Any]]:
    for crossing in looked.crossings:
        frame = clock.at(crossing.t_s)
        if frame >= warmup_frames:
            yield {"frame": frame, "t_s": round(crossing.t_s, 3), "line": crossing.line, "dir": crossing.way}
    for visit in looked.visits:
        if visit.entered_s >= since_s:  # it may be longer ago than frames are kept
            yield {
                "zone": visit.zone,
                "enter_s": round(visit.entered_s, 3),
                "leave_s": round(visit.left_s, 3),
                "dwell_s": round(visit.dwell_s, 3),
            }
