"""Swipes as bits, from readers without a decoder: text of 0 and 1, one run for each track.

    000…0 | 11010 | 01101 … | 11111 | 01000 | 000…0      five bits a character on tracks 2 and 3, seven on 1
    zeros   ;       6         ?       check   zeros      low bit first, the last makes the ones odd

A card drawn backwards gives the bits from behind; some readers give them inverted: all four are tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.cardreader.magstripe.swipe import Swipe, Track
from drivers.frames import Window

RUN_BITS_MIN = 40  # three characters, sentinels and check with some zeros
RUN_BITS_MAX = 2048  # 107 characters of five bits, and as much again of zeros
NO_CLOCK_MIN = 12  # ones and zeros in a run that is more than clocking bits
SENTINELS_TRIED_MAX = 8  # the right one is the first, but for a scratch in the zeros
_RUN = re.compile(rb"[01]{%d,}" % RUN_BITS_MIN)
_TAIL = re.compile(rb"[01]+\Z")
_LAYOUTS = ((5, 0x30, 0x0B, 0x0F), (7, 0x20, 0x05, 0x1F))  # bits, base, start and end sentinel
_FLIP = str.maketrans("01", "10")


@dataclass(frozen=True)
class Reading:
    """One way to read the bits."""

    bits: int
    text: str
    lrc: str
    error: str
    doubts: int  # 0 when everything fits
    reversed: bool = False
    inverted: bool = False


class BitSwipes:
    """Finds runs of bits. Keeps one run of at most RUN_BITS_MAX."""

    def __init__(self) -> None:
        self._window = Window()
        self._swipe: Swipe | None = None
        self._too_long = False

    @property
    def waiting(self) -> bool:
        return self._swipe is not None or len(self._window) > 0

    def feed(self, chunk: bytes) -> list[Swipe]:
        """The swipes that `chunk` completes; most end only with a pause."""
        window = self._window
        window.add(chunk)
        done: list[Swipe] = []
        tail = _TAIL.search(window.bytes, max(0, len(window) - RUN_BITS_MAX - 1))
        end = tail.start() if tail else len(window)
        for run in _RUN.finditer(window.bytes, 0, end):
            if run.start() > 0 or not self._too_long:
                done += self._run(window.start + run.start(), run[0].decode())
        if tail is None or end > 0:
            self._too_long = False
        window.forget(end)
        if len(window) > RUN_BITS_MAX:
            self._too_long = True
            window.keep_last(1)
        return done

    def pause(self) -> list[Swipe]:
        done = []
        if len(self._window) >= RUN_BITS_MIN and not self._too_long:
            done = self._run(self._window.start, self._window.bytes.decode())
        self._window.forget(len(self._window))
        self._too_long = False
        return done + self._end()

    def _run(self, at_byte: int, bits: str) -> list[Swipe]:
        if len(bits) > RUN_BITS_MAX or (reading := read_bits(bits)) is None:
            return []
        track = _track(reading)
        done = self._end() if self._swipe and self._swipe.has(track.number) else []
        self._swipe = self._swipe or Swipe(at_byte)
        self._swipe.tracks.append(track)
        return done

    def _end(self) -> list[Swipe]:
        swipe, self._swipe = self._swipe, None
        return [swipe] if swipe else []


def _track(reading: Reading) -> Track:
    number = 1 if reading.bits == 7 else 2 if len(reading.text) <= 40 else 3
    extras: dict[str, object] = {} if reading.error else {"lrc": reading.lrc}
    extras |= {key: True for key in ("reversed", "inverted") if getattr(reading, key)}
    return Track(number, reading.text[1:-1], reading.text[:1], reading.error, extras)


def read_bits(bits: str) -> Reading | None:
    """The best way to read `bits` (text of 0 and 1); None when there is nothing but clocking bits."""
    best: Reading | None = None
    for inverted in (False, True):
        upright = bits.translate(_FLIP) if inverted else bits
        for backwards in (False, True):
            line = upright[::-1] if backwards else upright
            for layout in _LAYOUTS:
                reading = _read(line, layout, backwards, inverted)
                if reading is not None and (best is None or reading.doubts < best.doubts):
                    best = reading
    if best is None and min(bits.count("0"), bits.count("1")) >= NO_CLOCK_MIN:
        best = Reading(5, "", "", "start_sentinel", 0)
    return best


def _read(bits: str, layout: tuple[int, int, int, int], backwards: bool, inverted: bool) -> Reading | None:
    """From the first places where a start sentinel stands."""
    width, _, start, _ = layout
    sentinel = encode_character(start, width)
    best: Reading | None = None
    place = bits.find(sentinel)
    for _ in range(SENTINELS_TRIED_MAX):
        if place < 0:
            break
        reading = _read_from(bits[place:], layout, backwards, inverted)
        if reading is not None and (best is None or reading.doubts < best.doubts):
            best = reading
        place = bits.find(sentinel, place + 1)
    return best


def _read_from(
    bits: str, layout: tuple[int, int, int, int], backwards: bool, inverted: bool
) -> Reading | None:
    width, base, _, end = layout
    values, odd = [], []
    for place in range(0, len(bits) - width + 1, width):
        character = bits[place : place + width]
        values.append(int(character[width - 2 :: -1], 2))
        odd.append(character.count("1") % 2 == 1)
        if len(values) > 1 and values[-2] == end:
            break
    if end not in values[:-1]:
        return _without_end(values, odd, layout, backwards, inverted)
    last = values.index(end)
    values, odd = values[: last + 2], odd[: last + 2]
    if len(values) < 6:
        return None
    check = 0
    for value in values[: last + 1]:
        check ^= value
    wrong = odd.count(False)
    if wrong * 4 > len(values):
        return None  # bits in which a quarter of the characters are wrong say nothing
    error = "parity" if wrong else "lrc" if check != values[-1] else ""
    text = "".join(chr(base + value) for value in values[: last + 1])
    return Reading(
        width, text, chr(base + values[-1]), error, wrong * 2 + (check != values[-1]), backwards, inverted
    )


def _without_end(
    values: list[int], odd: list[bool], layout: tuple[int, int, int, int], backwards: bool, inverted: bool
) -> Reading | None:
    """What ends in zeros instead of a sentinel, if most of it looks like characters."""
    width, base, _, _ = layout
    last = next((place for place in reversed(range(len(values))) if values[place] or odd[place]), -1)
    wrong = odd[: last + 1].count(False)
    if last < 8 or wrong * 8 > last:
        return None
    text = "".join(chr(base + value) for value in values[: last + 1])
    error = "parity" if wrong else "end_sentinel"
    return Reading(width, text, "", error, wrong * 2 + 4, backwards, inverted)


def encode_character(value: int, width: int) -> str:
    """Low bit first, then the bit that makes the ones odd."""
    data = "".join(str(value >> bit & 1) for bit in range(width - 1))
    return data + str(1 - data.count("1") % 2)


def encode_bits(text: str, *, zeros: int = 12) -> bytes:
    """The bits of a track's text with its sentinels, check character and clocking zeros."""
    width, base = (7, 0x20) if text.startswith("%") else (5, 0x30)
    values = [ord(character) - base for character in text]
    check = 0
    for value in values:
        check ^= value
    bits = "".join(encode_character(value, width) for value in [*values, check])
    return f"{'0' * zeros}{bits}{'0' * zeros}".encode()
