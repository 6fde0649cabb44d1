"""Magnetic stripes, however a reader tells them: as text, as bits, or as key strokes of a keyboard.

    text    %B6287019900000010^DOE/JANE^30121010000000?;6287019900000010=30121010000000?\\r   text.py
    bits    000000110100110101000000 …                                                        bits.py
    evdev   24 or 16 bytes for each key going down or up                                      evdev.py

All three become a swipe (swipe.py), which becomes `CardShown` or `CardRefused`. What the tracks mean is in
tracks.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Heard, Options
from drivers.cardreader.magstripe.bits import BitSwipes, encode_bits
from drivers.cardreader.magstripe.evdev import Keyboard, encode_keys
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


class MagstripeOptions(Options):
    """The reader, and which cards are ours."""

    form: Literal["auto", "text", "bits", "evdev"] = Field(
        default="auto", description="How the reader tells a stripe; `auto` finds out."
    )
    prefixes: list[str] = Field(
        default=["6287"],
        max_length=100,
        description="What the numbers of our own cards begin with, where they look like bank cards.",
    )
    idle_ms: int = Field(
        default=200, ge=20, le=5000, description="A swipe without a line end is over after this silence."
    )
    till: str = Field(default="", max_length=64, description="The till that the reader stands at.")


class MagstripeDecoder:
    """Looks for swipes in every form that the options allow."""

    def __init__(self, options: MagstripeOptions) -> None:
        form = options.form
        self._options = options
        self._text = TextSwipes() if form in ("auto", "text") else None
        self._bits = BitSwipes() if form in ("auto", "bits") else None
        self._keyboard = Keyboard() if form in ("auto", "evdev") else None
        self._typed = TextSwipes()
        self._typed_at: list[int] = []  # where in the stream each character of `_typed` began
        self._event_size = 0
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        swipes: list[Swipe] = []
        if self._text:
            swipes += self._text.feed(chunk)
        if self._bits:
            swipes += self._bits.feed(chunk)
        if self._keyboard:
            swipes += self._type(chunk, last=False)
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
        if self._keyboard:
            swipes += self._type(b"", last=True)
            swipes += self._placed(self._typed.pause())
            self._typed_at.clear()
        return self._judged(swipes)

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""

    def _waiting(self) -> bool:
        return bool(
            (self._text and self._text.waiting)
            or (self._bits and self._bits.waiting)
            or (self._keyboard and (self._typed.waiting or self._keyboard.waiting))
        )

    def _type(self, chunk: bytes, *, last: bool) -> list[Swipe]:
        assert self._keyboard is not None
        swipes: list[Swipe] = []
        for typed in self._keyboard.feed(chunk, last=last):
            self._event_size = typed.event_size
            self._typed_at.append(typed.at_byte)
            found = self._typed.feed(b"\r" if typed.terminator else typed.character.encode())
            swipes += self._placed(found, typed.terminator)
            if not self._typed.waiting:
                self._typed.restart()
                self._typed_at.clear()
        return swipes

    def _placed(self, swipes: list[Swipe], terminator: str = "") -> list[Swipe]:
        """Where the keys were, instead of where their characters would have been."""
        for swipe in swipes:
            swipe.at_byte = self._typed_at[swipe.at_byte] if swipe.at_byte < len(self._typed_at) else 0
            swipe.extras |= {"terminator": terminator or None, "event_size": self._event_size}
        return swipes

    def _judged(self, swipes: list[Swipe]) -> list[Heard]:
        options = self._options
        return [
            heard for swipe in swipes for heard in judge(swipe, till=options.till, prefixes=options.prefixes)
        ]


def track1(number: str, name: str = "DOE/JANE", after: str = "30121010000000") -> str:
    """The text of a track 1, format B."""
    return f"%B{number}^{name}^{after}?"


def track2(number: str, after: str = "30121010000000") -> str:
    """The text of a track 2."""
    return f";{number}={after}?"


def encode_text(*tracks: str, terminator: str = "\r") -> bytes:
    """A swipe as a serial reader sends it."""
    return ("".join(tracks) + terminator).encode("ascii")
