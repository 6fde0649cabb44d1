"""A decoder that is watched: what came and what it made of it, to be shown, recorded or counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from drivers.base import Decoder, Heard, Note, Told
from drivers.decode import Asking
from drivers.pump import LAST_WAKES_MAX

QUIET_TYPES = frozenset({"junk", "summary"})  # notes that say nothing for a driver


class Piece(NamedTuple):
    """Bytes that came together, and when: milliseconds since listening began."""

    t_ms: int
    chunk: bytes


class Seen(NamedTuple):
    """One look at the line: what came (nothing, when only time passed) and what was made of it."""

    t_ms: int
    at_byte: int
    chunk: bytes
    heard: list[Heard]


class Tally(NamedTuple):
    """How well a decoder got on with its bytes."""

    facts: int = 0  # events and questions: what others act on
    notes: int = 0
    wrong: int = 0  # notes that have a problem

    @property
    def good(self) -> int:
        """Everything that was understood."""
        return self.facts + self.notes

    def with_(self, heard: Iterable[Heard]) -> Tally:
        """And with these things heard."""
        facts, notes, wrong = self
        for each in heard:
            if not isinstance(each.what, Note):
                facts += 1
            elif each.what.problem:
                wrong += 1
            elif each.what.type not in QUIET_TYPES:
                notes += 1
        return Tally(facts, notes, wrong)


class WatchedDecoder:
    """A decoder for the pump, which tells `show` everything; questions stay unanswered.

    It says nothing to the device unless `speaks`: who listens in where somebody else is spoken with must not
    talk. So a decoder that would ask is told that it may only listen: then it asks our box nothing either,
    and both sides may be heard.
    """

    def __init__(
        self, decoder: Decoder, show: Callable[[Seen], None], began_ms: int, *, speaks: bool = False
    ) -> None:
        self._decoder, self._show, self._began_ms, self._speaks = decoder, show, began_ms, speaks
        self._at_byte = 0
        if isinstance(decoder, Asking) and not speaks:
            decoder.only_listen()
        self.wake_at_ms = decoder.wake_at_ms  # one that polls wants to begin by itself

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard = self._decoder.feed(chunk, now_ms)
        self.wake_at_ms = self._decoder.wake_at_ms
        at_byte, self._at_byte = self._at_byte, self._at_byte + len(chunk)
        self._show(Seen(now_ms - self._began_ms, at_byte, chunk, heard))
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        heard = self._decoder.wake(now_ms)
        self.wake_at_ms = self._decoder.wake_at_ms
        if heard:
            self._show(Seen(now_ms - self._began_ms, self._at_byte, b"", heard))
        return heard

    def answer(self, answer: Told, now_ms: int) -> None:
        self._decoder.answer(answer, now_ms)

    def replies(self) -> bytes:
        said = self._decoder.replies()
        return said if self._speaks else b""


def show_pieces(decoder: Decoder, pieces: Iterable[Piece], show: Callable[[Seen], None]) -> None:
    """Shows what the decoder makes of the pieces, each at its time; then until it waits for nothing more."""
    watched = WatchedDecoder(decoder, show, 0)
    now_ms = 0
    for piece in pieces:
        now_ms = max(now_ms, piece.t_ms)
        for _ in range(LAST_WAKES_MAX):
            if watched.wake_at_ms is None or watched.wake_at_ms > now_ms:
                break
            watched.wake(watched.wake_at_ms)
        watched.feed(piece.chunk, now_ms)
        watched.replies()
    for _ in range(LAST_WAKES_MAX):
        if watched.wake_at_ms is None:
            return
        now_ms = max(now_ms + 1, watched.wake_at_ms)
        watched.wake(now_ms)
        watched.replies()


def tally_of(decoder: Decoder, pieces: Iterable[Piece]) -> Tally:
    """How well the decoder gets on with the pieces."""
    seen: list[Seen] = []
    show_pieces(decoder, pieces, seen.append)
    return Tally().with_(heard for each in seen for heard in each.heard)
