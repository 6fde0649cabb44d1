"""Swipes as key strokes, from keyboard wedges read at /dev/input/by-id/…-event-kbd.

    sec 8 | usec 8 | type 2 | code 2 | value 4      struct input_event, 24 bytes on a 64-bit kernel
    sec 4 | usec 4 | type 2 | code 2 | value 4      16 bytes on a 32-bit one; little endian

The size is found out from the stream. The keys are read in the US layout, in which wedges type, never in the
desktop's: there a Turkish keyboard makes ``& ş - :`` of ``^ ; = ?`` (jquery.cardswipe#25).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from drivers.frames import Window

EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
KEY_LEFTSHIFT, KEY_RIGHTSHIFT = 42, 54
TERMINATORS = {28: "KEY_ENTER", 96: "KEY_KPENTER", 15: "KEY_TAB"}
EVENTS_TO_LOCK = 4  # in a row that make sense, before the size is believed

_ROWS = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./", 57: " "}
_SHIFTED_ROWS = {2: "!@#$%^&*()_+", 16: "QWERTYUIOP{}", 30: 'ASDFGHJKL:"~', 43: "|ZXCVBNM<>?", 57: " "}
_KEYPAD = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/", 117: "="} | dict(
    zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)
)
KEYS = {first + n: c for first, row in _ROWS.items() for n, c in enumerate(row)} | _KEYPAD
SHIFTED = {first + n: c for first, row in _SHIFTED_ROWS.items() for n, c in enumerate(row)} | _KEYPAD

_KEY = rb"\x01\x00[\x01-\xff][\x00-\x02][\x00-\x02]\x00\x00\x00"
_NEXT = rb"(?:\x00{8}|%s|\x04\x00[\x00-\x07]\x00.{4})" % _KEY
_LOCKS = {
    24: re.compile(rb"%s.{5}\x00{3}.{2}[\x00-\x0f]\x00{5}%s" % (_KEY, _NEXT), re.DOTALL),
    16: re.compile(rb"%s.{6}[\x00-\x0f]\x00%s" % (_KEY, _NEXT), re.DOTALL),
}
_ANY_KEY = re.compile(_KEY)
_SHAPES = {24: struct.Struct("<qqHHi"), 16: struct.Struct("<LLHHi")}


class Typed(NamedTuple):
    """A character, or the name of a key that ends a line, and where in the stream its event began."""

    at_byte: int
    character: str
    terminator: str
    event_size: int


class Keyboard:
    """Events into characters. Keeps less than EVENTS_TO_LOCK events."""

    def __init__(self) -> None:
        self._window = Window()
        self._size = 0  # 0: not known, or lost
        self._shifts: set[int] = set()

    @property
    def waiting(self) -> bool:
        """Whether what came may be a stream too short to be sure of."""
        return not self._size and _ANY_KEY.search(self._window.bytes) is not None

    def feed(self, chunk: bytes, *, last: bool = False) -> list[Typed]:
        """What was typed; with `last` a stream too short to be sure of is read all the same."""
        window = self._window
        window.add(chunk)
        typed: list[Typed] = []
        place = 0
        while True:
            if not self._size:
                place, self._size = self._lock(place, last)
                if not self._size:
                    break
            place, more = self._read(place)
            typed += more
            if self._size:
                break
        window.forget(place)
        return typed

    def _lock(self, place: int, last: bool) -> tuple[int, int]:
        """Where the next event begins and its size; size 0, and what may be forgotten, when there is none."""
        data = self._window.bytes
        while key := _ANY_KEY.search(data, place):
            at = key.start()
            if len(data) - at < 24 * EVENTS_TO_LOCK and not last:
                return max(place, at - 16), 0
            runs = {
                size: self._run(at - (size - 8), size) for size in (24, 16) if _LOCKS[size].match(data, at)
            }
            size = max(runs, key=lambda s: runs[s], default=0)
            if size and runs[size] >= EVENTS_TO_LOCK - 1:
                return max(place, at - (size - 8)) if at >= size - 8 else at + 8, size
            place = at + 1
        return max(place, len(data) - 24), 0

    def _run(self, place: int, size: int) -> int:
        """How many sensible events stand in a row, the first at `place` (below 0: its time is cut off)."""
        count = 0
        if place < 0:
            place += size
            count = 1
        data = self._window.bytes
        while (
            place + size <= len(data) and count < 64 and _plausible(*_SHAPES[size].unpack_from(data, place))
        ):
            place += size
            count += 1
        return count

    def _read(self, place: int) -> tuple[int, list[Typed]]:
        data, size = self._window.bytes, self._size
        shape = _SHAPES[size]
        typed: list[Typed] = []
        while place + size <= len(data):
            event = shape.unpack_from(data, place)
            if not _plausible(*event):
                self._size = 0
                self._shifts.clear()
                break
            if event[2] == EV_KEY:
                typed += self._key(self._window.start + place, event[3], event[4])
            place += size
        return place, typed

    def _key(self, at_byte: int, code: int, value: int) -> list[Typed]:
        if code in (KEY_LEFTSHIFT, KEY_RIGHTSHIFT):
            (self._shifts.add if value else self._shifts.discard)(code)
        elif value == 1 and code in TERMINATORS:  # not value 2: a key that stays down was typed once
            return [Typed(at_byte, "", TERMINATORS[code], self._size)]
        elif value == 1 and (character := (SHIFTED if self._shifts else KEYS).get(code)):
            return [Typed(at_byte, character, "", self._size)]
        return []


def _plausible(sec: int, usec: int, kind: int, code: int, value: int) -> bool:
    if not (0 <= sec < 2**34 and 0 <= usec < 1_000_000):
        return False
    if kind == EV_KEY:
        return 0 < code < 0x300 and 0 <= value <= 2
    return (
        (kind == EV_SYN and code <= 3 and value == 0)
        or (kind == EV_MSC and code <= 7)
        or kind in (0x11, 0x14)
    )


def encode_keys(text: str, *, size: int = 24, gap_us: int = 2000, terminator: int = 28) -> bytes:
    """The events of a wedge that types `text` and a terminator."""
    codes = {c: (code, False) for code, c in reversed(KEYS.items()) if code not in _KEYPAD}
    shifted = {c: (code, True) for code, c in SHIFTED.items() if code not in _KEYPAD}
    events, now_us = bytearray(), 1_000_000

    def say(kind: int, code: int, value: int) -> None:
        events.extend(_SHAPES[size].pack(now_us // 1_000_000, now_us % 1_000_000, kind, code, value))

    for code, shift in [*((shifted | codes)[c] for c in text), (terminator, False)]:
        strokes = [(KEY_LEFTSHIFT, 1)] * shift + [(code, 1), (code, 0)] + [(KEY_LEFTSHIFT, 0)] * shift
        for key, value in strokes:
            say(EV_KEY, key, value)
            say(EV_SYN, 0, 0)
            now_us += gap_us
    return bytes(events)
