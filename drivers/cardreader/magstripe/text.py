"""Swipes as text, from serial readers and keyboard wedges.

    %B6287…^DOE/JANE^3012…?;6287…=3012…?+…?\\r      a track that could not be read is %E? ;E? +E?

A swipe ends with its line, with a pause, or where the next one begins. A check character after '?' (some
readers send it) is passed over.
"""

from __future__ import annotations

import re

from drivers.cardreader.magstripe.swipe import Swipe, Track
from drivers.cardreader.magstripe.tracks import TRACK_CHARACTERS_MAX, read_track
from drivers.frames import Window

JUNK_BYTES_MAX = 16  # between two tracks of a swipe; after more they are two swipes
UNENDED_CHARACTERS_MIN = 8  # a track that was cut; a shorter one is junk
_BODY = rb"[\x20-\x24\x26-\x3a\x3c-\x3e\x40-\x7e]"
# One class in front, so that noise is searched at the speed of C; a sentinel alone is nothing
_PIECE = re.compile(rb"([%%;+\r\n\t])(?:(?<=[%%;+])(%s{0,%d})([?\r\n]))?" % (_BODY, TRACK_CHARACTERS_MAX))
_UNENDED = re.compile(rb"([%%;+])(%s{0,%d})\Z" % (_BODY, TRACK_CHARACTERS_MAX))
_CUT_OFF = re.compile(r"[A-Z]?\d{8}")
_TERMINATORS = {b"\r": "CR", b"\n": "LF", b"\t": "TAB"}


class TextSwipes:
    """Finds swipes in text. Keeps one swipe and one unfinished track."""

    def __init__(self) -> None:
        self._window = Window()
        self._swipe: Swipe | None = None
        self._ended_at = 0  # where the last track of the swipe ended

    @property
    def waiting(self) -> bool:
        """Whether a pause would complete something."""
        return self._swipe is not None or len(self._window) > 0

    def feed(self, chunk: bytes) -> list[Swipe]:
        """The swipes that `chunk` completes."""
        window = self._window
        window.add(chunk)
        done: list[Swipe] = []
        for piece in _PIECE.finditer(window.bytes):
            at_byte = window.start + piece.start()
            if piece[2] is None:
                if self._swipe and piece[1] in _TERMINATORS:
                    done += self._end(_TERMINATORS[piece[1]], at_byte)
                continue
            self._track(at_byte, piece[1], piece[2], ended=piece[3] == b"?", done=done)
            self._ended_at = window.start + piece.end()
            if piece[3] != b"?":
                done += self._end(_TERMINATORS[piece[3]], self._ended_at)
        unended = _UNENDED.search(window.bytes, max(0, len(window) - TRACK_CHARACTERS_MAX - 1))
        begun = unended.start() if unended else len(window)
        if window.start + begun - self._ended_at > JUNK_BYTES_MAX:
            done += self._end(None)
        window.forget(begun)
        return done

    def pause(self) -> list[Swipe]:
        """Nothing came for a while: what is begun is all there is."""
        done: list[Swipe] = []
        if unended := _UNENDED.search(self._window.bytes):
            self._track(self._window.start, unended[1], unended[2], ended=False, done=done)
        self._window.forget(len(self._window))
        return done + self._end(None)

    def restart(self) -> None:
        """Count places from 0 again. Only when nothing is waiting."""
        self._window.start = self._ended_at = 0

    def _track(self, at_byte: int, sentinel: bytes, raw: bytes, *, ended: bool, done: list[Swipe]) -> None:
        body = raw.decode("ascii")
        if self._swipe and at_byte - self._ended_at > JUNK_BYTES_MAX:
            done += self._end(None)
        number = self._track_number(sentinel, body)
        if body in ("E", "e") and ended:
            track = Track(number, "", sentinel.decode(), "read")
        elif read_track(number, body) is None:
            return  # no track at all: an empty one, or junk that looks like one
        elif ended:
            track = Track(number, body, sentinel.decode())
        elif len(body) >= UNENDED_CHARACTERS_MIN:
            track = Track(number, body, sentinel.decode(), "end_sentinel")
        else:
            return
        if self._swipe and self._swipe.has(number):
            done += self._end(None)
        self._swipe = self._swipe or Swipe(at_byte)
        self._swipe.tracks.append(track)

    def _track_number(self, sentinel: bytes, body: str) -> int:
        """A second ';' of a swipe is track 3, unless it reads like track 2 of the next swipe."""
        if sentinel != b";":
            return 1 if sentinel == b"%" else 3
        second = next((t for t in self._swipe.tracks if t.number == 2), None) if self._swipe else None
        if second is None or second.body == body or _looks_like_track2(body):
            return 2
        return 3

    def _end(self, terminator: str | None, at_byte: int | None = None) -> list[Swipe]:
        swipe, self._swipe = self._swipe, None
        if swipe is None:
            return []
        ends_clean = terminator is not None and at_byte == self._ended_at
        only = swipe.tracks[0] if len(swipe.tracks) == 1 else None
        if only and only.error and not ends_clean and not _CUT_OFF.match(only.body):
            return []  # `;E?` in the midst of noise is nothing strange; many digits are a swipe cut off
        swipe.extras["terminator"] = terminator
        return [swipe]


def _looks_like_track2(body: str) -> bool:
    return re.fullmatch(r"\d{12,19}[=D]\d{4,24}", body) is not None
