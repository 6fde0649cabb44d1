"""Key strokes as characters, from the event stream of a keyboard that is a card reader.

    sec 8 | usec 8 | type 2 | code 2 | value 4      struct input_event, 24 bytes on a 64-bit kernel
    sec 4 | usec 4 | type 2 | code 2 | value 4      16 bytes on a 32-bit one; little endian

The size is found out from the stream. The keys are read in the US layout, in which wedges type, never in the
desktop's: there a Turkish keyboard makes ``& ş - :`` of ``^ ; = ?`` (jquery.cardswipe#25). Some type a
character as Alt and its number on the keypad, which no layout changes.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from drivers.frames import Window

EV_SYN, EV_KEY, EV_MSC, EV_LED, EV_REP = 0, 1, 4, 0x11, 0x14
SYN_DROPPED = 3  # the kernel's buffer was full, and keys are missing
LED_CAPSL = 1
SHIFTS = (42, 54)  # left and right
ALTS, CTRLS = (56, 100), (29, 97)
KEY_CAPSLOCK = 58
TERMINATORS = {28: "KEY_ENTER", 96: "KEY_KPENTER", 15: "KEY_TAB"}
DROPPED = "SYN_DROPPED"  # as a terminator: forget what was typed
EVENTS_TO_LOCK = 4  # in a row that make sense, before the size is believed
RUN_MAX = 64  # events that are looked at to tell the size
ALT_DIGITS_MAX = 4  # 0037 is the longest way to say %

_ROWS = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./", 57: " "}
_SHIFTED_ROWS = {2: "!@#$%^&*()_+", 16: "QWERTYUIOP{}", 30: 'ASDFGHJKL:"~', 43: "|ZXCVBNM<>?", 57: " "}
_KEYPAD_DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
_KEYPAD = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/", 117: "="} | _KEYPAD_DIGITS
KEYS = {first + n: c for first, row in _ROWS.items() for n, c in enumerate(row)} | _KEYPAD
SHIFTED = {first + n: c for first, row in _SHIFTED_ROWS.items() for n, c in enumerate(row)} | _KEYPAD

_KEY = rb"\x01\x00[\x01-\xff][\x00-\x02][\x00-\x02]\x00\x00\x00"
_LED = rb"\x11\x00[\x00-\x02]\x00[\x00\x01]\x00\x00\x00"
_ANCHOR = rb"(?:%s|%s)" % (_KEY, _LED)
_NEXT = rb"(?:\x00{8}|%s|\x04\x00[\x00-\x07]\x00.{4})" % _ANCHOR
_LOCKS = {
    24: re.compile(rb"%s.{5}\x00{3}.{2}[\x00-\x0f]\x00{5}%s" % (_ANCHOR, _NEXT), re.DOTALL),
    16: re.compile(rb"%s.{6}[\x00-\x0f]\x00%s" % (_ANCHOR, _NEXT), re.DOTALL),
}
_ANY_KEY = re.compile(_ANCHOR)
SHAPES = {24: struct.Struct("<qqHHi"), 16: struct.Struct("<LLHHi")}


class Typed(NamedTuple):
    """A character, or what ends a line (a key's name, DROPPED), and where in the stream its event began."""

    at_byte: int
    character: str
    terminator: str
    event_size: int


class _Run(NamedTuple):
    begin: int
    size: int
    events: int
    strokes: int


class Keyboard:
    """Events into characters. Keeps less than EVENTS_TO_LOCK events."""

    def __init__(self) -> None:
        self._window = Window()
        self._size = 0  # 0: not known, or lost
        self._down: set[int] = set()  # of the keys that change others
        self._caps = False
        self._alt_digits = ""

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

    def _lock(self, floor: int, last: bool) -> tuple[int, int]:
        """Where the next event begins and its size; size 0, and what may be forgotten, when there is none.

        Nothing before `floor` is looked at again: a key whose time stands there in part is given up.
        """
        data = self._window.bytes
        place = floor
        while key := _ANY_KEY.search(data, place):
            at = key.start()
            if len(data) - at < 24 * EVENTS_TO_LOCK and not last:
                return max(floor, at - 16), 0
            runs = [
                self._run(at - (size - 8) if at - (size - 8) >= floor else at + 8, size)
                for size in (24, 16)
                if _LOCKS[size].match(data, at)
            ]
            best = max(runs, key=lambda run: run.strokes, default=None)
            if best and best.events >= EVENTS_TO_LOCK - 1:
                return best.begin, best.size
            place = at + 1
        return max(floor, len(data) - 24), 0

    def _run(self, begin: int, size: int) -> _Run:
        """The sensible events in a row, the first at `begin`."""
        data = self._window.bytes
        events = strokes = 0
        place = begin
        while place + size <= len(data) and events < RUN_MAX:
            event = SHAPES[size].unpack_from(data, place)
            if not _plausible(*event):
                break
            place += size
            events += 1
            strokes += event[2] != EV_SYN  # zeros look like SYN at either size
        return _Run(begin, size, events, strokes)

    def _read(self, place: int) -> tuple[int, list[Typed]]:
        data, size = self._window.bytes, self._size
        shape = SHAPES[size]
        typed: list[Typed] = []
        while place + size <= len(data):
            event = shape.unpack_from(data, place)
            if not _plausible(*event):
                self._size = 0
                self._down.clear()
                break
            typed += self._event(self._window.start + place, *event[2:])
            place += size
        return place, typed

    def _event(self, at_byte: int, kind: int, code: int, value: int) -> list[Typed]:
        if kind == EV_KEY:
            return self._key(at_byte, code, value)
        if kind == EV_LED and code == LED_CAPSL:
            self._caps = bool(value)
        elif kind == EV_SYN and code == SYN_DROPPED:
            self._down.clear()
            return [Typed(at_byte, "", DROPPED, self._size)]
        return []

    def _key(self, at_byte: int, code: int, value: int) -> list[Typed]:
        if code in (*SHIFTS, *ALTS, *CTRLS):
            (self._down.add if value else self._down.discard)(code)
            return self._alt_let_go(at_byte) if code in ALTS and not value else []
        if value != 1:  # let go, or 2: a key that stays down was typed once
            return []
        if code == KEY_CAPSLOCK:
            self._caps = not self._caps
        elif code in TERMINATORS:
            return [Typed(at_byte, "", TERMINATORS[code], self._size)]
        elif self._is_down(ALTS):
            self._alt_digits = (self._alt_digits + _KEYPAD_DIGITS.get(code, ""))[:ALT_DIGITS_MAX]
        elif not self._is_down(CTRLS) and (character := self._character(code)):
            return [Typed(at_byte, character, "", self._size)]
        return []

    def _character(self, code: int) -> str:
        shifted = self._is_down(SHIFTS)
        if self._caps and KEYS.get(code, "").isalpha():
            shifted = not shifted
        return (SHIFTED if shifted else KEYS).get(code, "")

    def _is_down(self, keys: tuple[int, ...]) -> bool:
        return any(key in self._down for key in keys)

    def _alt_let_go(self, at_byte: int) -> list[Typed]:
        code, self._alt_digits = int(self._alt_digits or "0"), ""
        if code in (10, 13):
            return [Typed(at_byte, "", TERMINATORS[28], self._size)]
        return [Typed(at_byte, chr(code), "", self._size)] if 32 <= code < 127 else []


def _plausible(sec: int, usec: int, kind: int, code: int, value: int) -> bool:
    if not (0 <= sec < 2**34 and 0 <= usec < 1_000_000):
        return False
    if kind == EV_KEY:
        return 0 < code < 0x300 and 0 <= value <= 2
    return (
        (kind == EV_SYN and code <= 3 and value == 0)
        or (kind == EV_MSC and code <= 7)
        or kind in (EV_LED, EV_REP)
    )


def encode_keys(
    text: str, *, size: int = 24, gap_us: int = 2000, terminator: int = 28, caps: bool = False
) -> bytes:
    """The events of a wedge that types `text` and a terminator; with `caps` it has caps lock on meanwhile."""
    plain = {c: (code, False) for code, c in reversed(KEYS.items()) if code not in _KEYPAD}
    shifted = {c: (code, True) for code, c in SHIFTED.items() if code not in _KEYPAD}
    codes = shifted | plain
    strokes: list[tuple[int, int]] = []
    for character in text:
        code, shift = codes[character]
        shift ^= caps and character.isalpha()
        strokes += [(SHIFTS[0], 1)] * shift + [(code, 1), (code, 0)] + [(SHIFTS[0], 0)] * shift
    lock = [(KEY_CAPSLOCK, 1), (KEY_CAPSLOCK, 0)] * caps
    strokes = [*lock, *strokes, (terminator, 1), (terminator, 0), *lock]
    return b"".join(
        encode_event(EV_KEY, key, value, now_us=1_000_000 + n * gap_us, size=size)
        + encode_event(EV_SYN, 0, 0, now_us=1_000_000 + n * gap_us, size=size)
        for n, (key, value) in enumerate(strokes)
    )


def encode_event(kind: int, code: int, value: int, *, now_us: int = 0, size: int = 24) -> bytes:
    """One struct input_event."""
    return SHAPES[size].pack(now_us // 1_000_000, now_us % 1_000_000, kind, code, value)
