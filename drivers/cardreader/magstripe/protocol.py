"""Magnetic stripes, however a reader tells them: as text, as bits, or as key strokes of a keyboard.

    text    %B6287019900000010^DOE/JANE^30121010000000?;6287019900000010=30121010000000?\\r   text.py
    bits    000000110100110101000000 …                                                        bits.py
    evdev   24 or 16 bytes for each key going down or up                                       keys.py

All three become a swipe (swipe.py), which becomes `CardShown` or `CardRefused`. What the tracks mean is in
tracks.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Heard
from drivers.cardreader.keyboard import encode_keys
from drivers.cardreader.magstripe.bits import BitSwipes, encode_bits
from drivers.cardreader.magstripe.keys import KeySwipes, Line
from drivers.cardreader.magstripe.options import StripeOptions
from drivers.cardreader.magstripe.swipe import Swipe, judge
from drivers.cardreader.magstripe.text import TextSwipes

__all__ = [
    "MagstripeDecoder",
    "MagstripeOptions",
    "encode_bits",
    "encode_keys",
    "encode_text",
    "track1",
    "track2",
]


class MagstripeOptions(StripeOptions):
    """The reader, and which cards are ours."""

    form: Literal["auto", "text", "bits", "evdev"] = Field(
        default="auto", description="How the reader tells a stripe; `auto` finds out."
    )


class MagstripeDecoder:
    """Looks for swipes in every form that the options allow."""

    def __init__(self, options: MagstripeOptions) -> None:
        form = options.form
        self._options = options
        self._text = TextSwipes() if form in ("auto", "text") else None
        self._bits = BitSwipes() if form in ("auto", "bits") else None
        self._keys = KeySwipes() if form in ("auto", "evdev") else None
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        swipes: list[Swipe] = []
        if self._text:
            swipes += self._text.feed(chunk)
        if self._bits:
            swipes += self._bits.feed(chunk)
        if self._keys:
            swipes += _swipes(self._keys.feed(chunk))
        self.wake_at_ms = now_ms + self._options.idle_ms if self._waiting() else None
        return self._judged(swipes)

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        self.wake_at_ms = None
        swipes: list[Swipe] = []
        if self._text:
            swipes += self._text.pause()
        if self._bits:
            swipes += self._bits.pause()
        if self._keys:
            swipes += _swipes(self._keys.pause())
        return self._judged(swipes)

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""

    def _waiting(self) -> bool:
        return bool(
            (self._text and self._text.waiting)
            or (self._bits and self._bits.waiting)
            or (self._keys and self._keys.waiting)
        )

    def _judged(self, swipes: list[Swipe]) -> list[Heard]:
        options = self._options
        return [
            heard for swipe in swipes for heard in judge(swipe, till=options.till, prefixes=options.prefixes)
        ]


def _swipes(typed: list[Swipe | Line]) -> list[Swipe]:
    """Lines without a track are somebody's typing."""
    return [swipe for swipe in typed if isinstance(swipe, Swipe)]


def track1(number: str, name: str = "DOE/JANE", after: str = "30121010000000") -> str:
    """The text of a track 1, format B."""
    return f"%B{number}^{name}^{after}?"


def track2(number: str, after: str = "30121010000000") -> str:
    """The text of a track 2."""
    return f";{number}={after}?"


def encode_text(*tracks: str, terminator: str = "\r") -> bytes:
    """A swipe as a serial reader sends it."""
    return ("".join(tracks) + terminator).encode("ascii")
