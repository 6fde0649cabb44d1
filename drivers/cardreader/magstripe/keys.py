"""Swipes and lines as key strokes: a keyboard's characters (../keyboard.py) put together."""

from __future__ import annotations

from typing import NamedTuple

from drivers.cardreader.keyboard import DROPPED, Keyboard, Typed
from drivers.cardreader.magstripe.swipe import Swipe
from drivers.cardreader.magstripe.text import TextSwipes

LINE_CHARACTERS_MAX = 100  # a number has 64 at most; of a longer line the rest is not kept


class Line(NamedTuple):
    """What was typed up to a line end, and had no track in it."""

    at_byte: int
    text: str
    terminator: str  # KEY_ENTER, KEY_KPENTER, KEY_TAB; empty: a pause; DROPPED: keys are missing
    event_size: int


class KeySwipes:
    """Events into swipes and lines. Keeps one swipe and one line."""

    def __init__(self) -> None:
        self._keyboard = Keyboard()
        self._tracks = TextSwipes()
        self._tracks_at: list[int] = []  # where in the stream each character of `_tracks` began
        self._line: list[Typed] = []
        self._swiped = False  # the line had a track in it
        self._holed = False  # keys of the line are missing
        self._event_size = 0

    @property
    def waiting(self) -> bool:
        """Whether a pause would complete something."""
        return self._tracks.waiting or self._keyboard.waiting or bool(self._line) or self._holed

    def feed(self, chunk: bytes) -> list[Swipe | Line]:
        """What `chunk` completes."""
        return self._typed(self._keyboard.feed(chunk))

    def pause(self) -> list[Swipe | Line]:
        """Nothing came for a while: what is begun is all there is."""
        said = self._typed(self._keyboard.feed(b"", last=True))
        said += self._placed(self._tracks.pause())
        self._tracks_at.clear()
        return said + self._end_line("")

    def _typed(self, keys: list[Typed]) -> list[Swipe | Line]:
        said: list[Swipe | Line] = []
        for key in keys:
            self._event_size = key.event_size
            if key.terminator == DROPPED:
                said += self._dropped(key)
                continue
            self._tracks_at.append(key.at_byte)
            found = self._tracks.feed(b"\r" if key.terminator else key.character.encode())
            said += self._placed(found, key.terminator)
            if not self._tracks.waiting:
                self._tracks.restart()
                self._tracks_at.clear()
            if key.terminator:
                said += self._end_line(key.terminator)
            elif len(self._line) < LINE_CHARACTERS_MAX:
                self._line.append(key)
        return said

    def _placed(self, swipes: list[Swipe], terminator: str = "") -> list[Swipe | Line]:
        """Where the keys were, instead of where their characters would have been."""
        for swipe in swipes:
            self._swiped = True
            swipe.at_byte = self._tracks_at[swipe.at_byte] if swipe.at_byte < len(self._tracks_at) else 0
            swipe.extras |= {"terminator": terminator or None, "event_size": self._event_size}
        return list(swipes)

    def _end_line(self, terminator: str) -> list[Swipe | Line]:
        line, self._line = self._line, []
        nobodys, self._swiped, self._holed = self._swiped or self._holed, False, False
        if nobodys or not line:
            return []
        text = "".join(key.character for key in line)
        return [Line(line[0].at_byte, text, terminator, self._event_size)]

    def _dropped(self, key: Typed) -> list[Swipe | Line]:
        """Who knows which number it would have been: nothing of it counts, but a track that begins after."""
        self._tracks, self._holed = TextSwipes(), True
        self._tracks_at.clear()
        self._line.clear()
        return [Line(key.at_byte, "", DROPPED, key.event_size)]
