"""Frames that many payment terminals of the serial line have in common, and the signs between them.

    02 | data …            | 03 | LRC      LRC: XOR of the data and of ETX; it may be any byte, 02 and 06 too
    STX  bytes from 20 on   ETX
    05 ENQ   06 ACK   15 NAK   04 EOT      alone, between frames

Nobody may look for a sign inside a frame, so the stream is read from the front: after ETX one byte is taken
whatever it is, and a frame in which something stands that cannot is no frame.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from drivers.frames import Window

STX, ETX, EOT, ENQ, ACK, NAK = 0x02, 0x03, 0x04, 0x05, 0x06, 0x15
DATA_MAX = 4096  # a voucher in a reply takes 2 kB
_START = re.compile(b"[%c%c%c%c%c]" % (STX, EOT, ENQ, ACK, NAK))
_FRAME = re.compile(rb"\x02([\x20-\xff]{1,%d})\x03(.)" % DATA_MAX, re.DOTALL)
_BEGINNING = re.compile(rb"\x02[\x20-\xff]{0,%d}(?:(?<!\x02)\x03)?\Z" % DATA_MAX)


class Frame(NamedTuple):
    """A frame as it stood; `good`: its LRC is right."""

    at_byte: int
    data: bytes
    lrc: int
    good: bool


class Sign(NamedTuple):
    """ENQ, ACK, NAK or EOT."""

    at_byte: int
    byte: int


class Junk(NamedTuple):
    """Bytes that belong to nothing."""

    at_byte: int
    size_bytes: int


class StxReader:
    """A stream of bytes to frames, signs and junk."""

    def __init__(self) -> None:
        self._window = Window()

    @property
    def amid(self) -> int:
        """How many bytes of a frame that is not whole yet are there."""
        return len(self._window)

    def feed(self, chunk: bytes) -> list[Frame | Sign | Junk]:
        """What `chunk`, of any size, completes."""
        self._window.add(chunk)
        bytes_, start = self._window.bytes, self._window.start
        found: list[Frame | Sign | Junk] = []
        at = junk = 0
        while here := _START.search(bytes_, at):
            at = here.start()
            if bytes_[at] == STX:
                if frame := _FRAME.match(bytes_, at):
                    self._past(found, junk, at)
                    data, given = frame[1], frame[2][0]
                    good = lrc(data) == given
                    found.append(Frame(start + at, bytes(data), given, good))
                    # A wrong LRC that is an STX is the next frame's: this one lost its own.
                    at = junk = frame.end() - (not good and given == STX)
                    continue
                if _BEGINNING.match(bytes_, at):
                    break
            else:
                self._past(found, junk, at)
                found.append(Sign(start + at, bytes_[at]))
                junk = at + 1
            at += 1
        else:
            at = len(bytes_)
        self._past(found, junk, at)
        self._window.forget(at)
        return found

    def give_up(self) -> Junk | None:
        """The line has been silent for too long in a frame: what is there of it is junk."""
        if not self._window:
            return None
        junk = Junk(self._window.start, len(self._window))
        self._window.forget(junk.size_bytes)
        return junk

    def _past(self, found: list[Frame | Sign | Junk], junk: int, at: int) -> None:
        if at > junk:
            found.append(Junk(self._window.start + junk, at - junk))


def frame(data: bytes) -> bytes:
    """The data as they travel."""
    return b"\x02%s\x03%c" % (data, lrc(data))


def lrc(data: bytes) -> int:
    """XOR of the data and of ETX."""
    result = ETX
    for byte in data:
        result ^= byte
    return result
