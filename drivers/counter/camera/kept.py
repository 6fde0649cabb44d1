"""What a worker remembers for the technician's eye: where people were, and pictures while somebody looks.

Tracks stand in one block of numbers that is written over from its beginning, so that ten busy minutes cost no
more memory than ten quiet ones; in a crowd they reach less far back, and say so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.camera import Frame
from drivers.counter.camera.eye import (
    PAST_KEPT_S,
    PAST_PER_S,
    PAST_S,
    PAST_WIDTH_MAX,
    TRACKS_S,
    Kept,
    Past,
)
from drivers.counter.camera.shapes import Picture, Seen

SEEN_MAX = 40_000  # 3 MB: ten minutes of six people at ten pictures a second
PICTURES_BYTES_MAX = 8 * 1024 * 1024
PLACES_MAX = 20_000  # in one answer: of 45 bytes at most, so that they leave room in its ANSWER_BYTES_MAX
PLACE_DIGITS, TIME_DIGITS = 4, 3  # a tenth of a pixel, and a ms: sixteen digits are three times the bytes
LOOK_QUALITY, PAST_QUALITY = 80, 60  # of JPEG
_COLUMNS = 9  # t_s, track, x, y, left, top, width, height, sure


class Tracks:
    """Where people were in the last TRACKS_S."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float64] = np.zeros((SEEN_MAX, _COLUMNS))  # memory only once written to
        self._next = self._filled = 0
        self._since_s: float | None = None
        self._forgot_s = -np.inf  # the newest that was written over

    def add(self, t_s: float, seen: tuple[Seen, ...]) -> None:
        """Everybody in one picture."""
        self._since_s = t_s if self._since_s is None else self._since_s
        for one in seen:
            if self._filled == SEEN_MAX:
                self._forgot_s = max(self._forgot_s, float(self._rows[self._next, 0]))
            self._rows[self._next] = (t_s, one.track, one.x, one.y, *one.box, one.sure)
            self._next = (self._next + 1) % SEEN_MAX
            self._filled = min(self._filled + 1, SEEN_MAX)

    def from_s(self, now_s: float) -> float:
        """As far back as they are whole."""
        since_s = now_s if self._since_s is None else self._since_s
        return max(since_s, now_s - TRACKS_S, self._forgot_s)

    def between(self, from_s: float, until_s: float) -> Iterator[tuple[float, tuple[Seen, ...]]]:
        """(t_s, everybody) of each picture with somebody in it, in order."""
        full = self._filled == SEEN_MAX
        rows = np.roll(self._rows, -self._next, axis=0) if full else self._rows[: self._filled]
        rows = rows[(rows[:, 0] >= from_s) & (rows[:, 0] <= until_s)]
        begin = 0
        for end in (np.flatnonzero(np.diff(rows[:, 0], append=np.inf)) + 1).tolist():
            yield float(rows[begin, 0]), tuple(map(_seen, rows[begin:end].tolist()))
            begin = end


def _seen(row: list[float]) -> Seen:
    _, track, x, y, left, top, width, height, sure = row
    return Seen(int(track), x, y, (left, top, width, height), bool(sure))


class Pictures:
    """Small pictures of the last PAST_S, as long as somebody looks."""

    def __init__(self) -> None:
        self._jpegs: deque[tuple[float, bytes]] = deque(maxlen=round(PAST_S * PAST_PER_S))
        self._bytes = 0
        self._asked_s: float | None = None
        self._taken_s = -np.inf

    def asked(self, now_s: float) -> None:
        """Somebody looks."""
        self._asked_s = now_s

    def add(self, frame: Frame) -> None:
        """A picture that was looked at; most are not kept."""
        if not self._wanted(frame.t_s) or frame.t_s - self._taken_s < 0.9 / PAST_PER_S:
            return
        self._taken_s = frame.t_s
        jpeg = jpeg_of(frame.picture, PAST_WIDTH_MAX, PAST_QUALITY)
        if len(self._jpegs) == self._jpegs.maxlen:
            self._forget()
        self._jpegs.append((frame.t_s, jpeg))
        self._bytes += len(jpeg)
        while self._bytes > PICTURES_BYTES_MAX:
            self._forget()

    def tick(self, now_s: float) -> None:
        """Forgets what is too old, whether or not other pictures come."""
        keep_s = PAST_S if self._wanted(now_s) else 0.0
        while self._jpegs and self._jpegs[0][0] < now_s - keep_s:
            self._forget()

    def after(self, t_s: float) -> list[tuple[float, bytes]]:
        """Those that are newer than that, the oldest first."""
        return [each for each in self._jpegs if each[0] > t_s]

    @property
    def empty(self) -> bool:
        return not self._jpegs

    @property
    def span_s(self) -> tuple[float, float]:
        """Of the oldest and of the newest; zeros when there are none."""
        return (self._jpegs[0][0], self._jpegs[-1][0]) if self._jpegs else (0.0, 0.0)

    def _wanted(self, now_s: float) -> bool:
        return self._asked_s is not None and now_s - self._asked_s <= PAST_KEPT_S

    def _forget(self) -> None:
        self._bytes -= len(self._jpegs.popleft()[1])


def jpeg_of(picture: Picture, width_max: int, quality: int = LOOK_QUALITY) -> bytes:
    """The picture as JPEG, no wider than that."""
    height, width = picture.shape[:2]
    if width > width_max:
        size = (width_max, max(1, round(height * width_max / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()


def past_of(
    question: Past, pictures: Pictures, tracks: Tracks, now_s: float
) -> tuple[Kept, tuple[bytes, ...]]:
    """The answer to `Past`: the times, the pictures, and where people were meanwhile.

    Fewer pictures than were asked for, one at least, when that would be more than PLACES_MAX places.
    """
    from_s, until_s = pictures.span_s
    given = pictures.after(question.after_s)[: question.most]
    paths: dict[int, list[tuple[float, float, float]]] = {}
    places = 0
    if given:
        for t_s, seen in tracks.between(given[0][0] - 1.0, given[-1][0]):
            places += len(seen)
            if places > PLACES_MAX:
                given = [each for each in given if each[0] < t_s] or given[:1]
                break
            at_s = round(t_s, TIME_DIGITS)
            for one in seen:
                place = at_s, round(one.x, PLACE_DIGITS), round(one.y, PLACE_DIGITS)
                paths.setdefault(one.track, []).append(place)
    kept = Kept(
        t_s=now_s,
        from_s=from_s,
        until_s=until_s,
        tracks_from_s=tracks.from_s(now_s),
        taken_s=tuple(t_s for t_s, _ in given),
        tracks={track: tuple(path) for track, path in paths.items()},
    )
    return kept, tuple(jpeg for _, jpeg in given)
