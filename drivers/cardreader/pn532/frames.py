"""Frames of the PN532's serial line (HSU), both ways; the drawing is in protocol.py.

Source: NXP UM0701-02, section 6.2. Only the frame is known here, not what stands in it.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from drivers.frames import Window

ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
WAKE = b"\x55\x55" + bytes(
    14
)  # the chip sleeps until it has seen five rising edges, and needs 2 ms to get up
HOST, CHIP, FAULT = 0xD4, 0xD5, 0x7F  # TFI: who speaks; FAULT is the chip's "I did not understand"

BODY_BYTES_MAX = 265  # TFI, command and 263 of data
START = b"\x00\x00\xff"
_START = re.compile(rb"\x00?\x00\xff")  # the first byte gets lost where a line wakes up
_EXTENDED = b"\xff\xff"
_WAKE_BYTES_MAX = 256  # zeros after 55 55; more is no wake-up but a line that is stuck
_WOKEN = re.compile(rb"\x55\x55\x00{0,%d}\Z" % _WAKE_BYTES_MAX)
_BEGUN = re.compile(rb"(?:\x55{1,2}\x00{0,%d}|\x00{1,2})\Z" % _WAKE_BYTES_MAX)  # may belong to what follows

Kind = Literal["ack", "nack", "body", "bad"]


class Frame(NamedTuple):
    """One frame as it stood, and the offset in the stream of its first byte."""

    at_byte: int
    kind: Kind
    body: bytes = b""  # TFI and data, without check sums
    extended: bool = False
    woken: bool = False  # 55 55 and zeros stood before it
    problem: str = ""  # of a bad one: "lcs" (of the length), "dcs" (of the data), "length"


class Frames:
    """Finds frames in a stream. Keeps one unfinished frame."""

    def __init__(self) -> None:
        self._window = Window()
        self._woken = False  # what stood before the frame that has begun
        self.waiting = False  # a frame has begun

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes, good and bad."""
        self._window.add(chunk)
        return self._scan(0)

    def give_up(self) -> list[Frame]:
        """The rest of what has begun does not come: what frames stand within it."""
        return self._scan(len(START) - 1) if self.waiting else []

    def _scan(self, place: int) -> list[Frame]:
        window, data = self._window, self._window.bytes
        found: list[Frame] = []
        self.waiting = False
        while start := _START.search(data, place):
            at = start.start()
            if at > 0:
                self._woken = _WOKEN.search(data, max(place, at - _WAKE_BYTES_MAX - 2), at) is not None
            frame, place = _frame_at(data, start)
            if frame is None:
                self.waiting = True
                window.forget(at)
                return found
            if start[0] == START or not frame.problem:  # else it was no start
                found.append(frame._replace(at_byte=window.start + at, woken=self._woken))
            self._woken = False
        begun = _BEGUN.search(data, max(place, len(data) - _WAKE_BYTES_MAX - 2))
        window.forget(begun.start() if begun else len(data))
        return found


def _frame_at(data: bytearray, start: re.Match[bytes]) -> tuple[Frame | None, int]:
    """The frame that starts so, and where it ends; None when more bytes are needed.

    A bad one ends after its start code: in what looks like one a good one may stand.
    """
    at, within = start.span()
    head = bytes(data[within : within + 5])
    if len(head) < 2:
        return None, at
    if head[:2] == b"\x00\xff":
        return Frame(at, "ack"), within + 2
    if head[:2] == b"\xff\x00":
        return Frame(at, "nack"), within + 2
    extended = head[:2] == _EXTENDED
    if extended and len(head) < 5:
        return None, at
    length, check, first = (head[2:4], head[4], 5) if extended else (head[:1], head[1], 2)
    if (sum(length) + check) & 0xFF:
        return Frame(at, "bad", extended=extended, problem="lcs"), within
    size = int.from_bytes(length, "big")
    if not 1 <= size <= BODY_BYTES_MAX:
        return Frame(at, "bad", extended=extended, problem="length"), within
    end = within + first + size + 1
    if len(data) < end:
        return None, at
    body = bytes(data[within + first : end - 1])
    if (sum(body) + data[end - 1]) & 0xFF:
        return Frame(at, "bad", body, extended, problem="dcs"), within
    return Frame(at, "body", body, extended), end


def encode_frame(body: bytes, *, extended: bool | None = None) -> bytes:
    """The frame around `body` (TFI and data); extended when it must be, or when asked for."""
    size = len(body)
    if extended or (extended is None and size > 255):
        length = _EXTENDED + size.to_bytes(2, "big")
    else:
        length = bytes([size])
    lcs = -sum(length.removeprefix(_EXTENDED)) & 0xFF
    return START + length + bytes([lcs]) + body + bytes([-sum(body) & 0xFF, 0])
