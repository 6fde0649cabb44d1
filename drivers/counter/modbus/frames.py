"""Modbus frames in a stream of bytes, either way round: the serial line's (RTU) and the network's (TCP).

        RTU     unit 1 | function 1 | data … | CRC-16 2, low byte first
        TCP     transaction 2 | protocol 0 0 | length 2 | unit 1 | function 1 | data …    length: from unit on

An RTU frame does not say how long it is: that follows from its function, differently for a request and its
answer, and the CRC decides. Silence ends nothing here, for answers come in pieces (home-assistant/core
#115236).
Source: MODBUS Application Protocol 1.1b3; MODBUS over Serial Line 1.02; Messaging on TCP/IP 1.0b.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from drivers.frames import Window

RTU_BYTES_MIN, RTU_BYTES_MAX = 4, 256
FRAME_BYTES_MAX = 260  # with the network's head and without the CRC
CRC_BYTES = 2
UNIT_MAX = 247
EXCEPTION = 0x80
EXCEPTION_CODE_MAX = 11
FUNCTIONS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 16, 17, 22, 23)
_KNOWN = b"".join(b"\\x%02x\\x%02x" % (function, function | EXCEPTION) for function in FUNCTIONS)
_ANY_UNIT = range(256)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Bytes that hold together, or that should have: with `ok` False they look like a frame and are none."""

    at_byte: int
    unit: int
    pdu: bytes  # function and data
    ok: bool = True
    transaction: int | None = None  # TCP only


class Junk(NamedTuple):
    """Bytes that are no frame."""

    at_byte: int
    size_bytes: int


Found = Frame | Junk


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes | bytearray | memoryview) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF. Over a frame with its own CRC it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return b"%b\x00\x00%b%c%b" % (
        transaction.to_bytes(2, "big"),
        (len(pdu) + 1).to_bytes(2, "big"),
        unit,
        pdu,
    )


class Frames(ABC):
    """Finds frames. Keeps at most two of the longest between two chunks."""

    def __init__(self, units: Iterable[int] = _ANY_UNIT) -> None:
        """Only frames of these units; all else is junk."""
        self.listen_to(units)
        self._window = Window()
        self._clean = 0  # of the window's bytes, in so many at its beginning no frame begins

    def listen_to(self, units: Iterable[int] = _ANY_UNIT) -> None:
        known = b"".join(b"\\x%02x" % unit for unit in units)
        self._beginning = re.compile(self._pattern % (known, _KNOWN), re.DOTALL)

    @property
    def waiting(self) -> bool:
        """Whether there are bytes of which more must come before they can be told."""
        return len(self._window) > 0

    @property
    def end(self) -> int:
        """How much of the stream has come."""
        return self._window.start + len(self._window)

    def feed(self, chunk: bytes) -> list[Found]:
        """What `chunk` completes. While a frame may still become whole, what follows it waits."""
        self._window.add(chunk)
        return self._found(last=False)

    def pause(self) -> list[Found]:
        """No more will come of what has begun."""
        return self._found(last=True)

    def _found(self, *, last: bool) -> list[Found]:
        data, start, found = self._window.bytes, self._window.start, list[Found]()
        done, at = 0, self._clean
        while begin := self._beginning.search(data, at):
            at = begin.start()
            size = self._whole(data, at)
            if size:
                if at > done:
                    found += self._skipped(data, done, at, start)
                found.append(self._frame(data[at : at + size], start + at))
                done = at = at + size
            elif size is None and not last:
                break
            else:
                at += 1
        else:
            at = max(at, len(data) - (0 if last else self._begin_bytes - 1))
        if at - done > FRAME_BYTES_MAX:  # the rest may still turn out to be a frame that was damaged
            junk = (at - done - 1) // FRAME_BYTES_MAX * FRAME_BYTES_MAX
            found.append(Junk(start + done, junk))
            done += junk
        if last:
            found += self._skipped(data, done, len(data), start)
            done = at = len(data)
        self._clean = at - done
        self._window.forget(done)
        return found

    def _skipped(self, data: bytearray, begin: int, end: int, start: int) -> list[Found]:
        """Bytes between frames."""
        return [Junk(start + begin, end - begin)] if end > begin else []

    _pattern: bytes  # how a frame begins
    _begin_bytes: int  # in so many

    @abstractmethod
    def _whole(self, data: bytearray, at: int) -> int | None:
        """The length of the frame that begins at `at`; 0: none does; None: too little has come to say."""

    @abstractmethod
    def _frame(self, whole: bytearray, at_byte: int) -> Frame:
        """What the frame says, whose first byte stands there in the stream."""


class RtuFrames(Frames):
    """Of a serial line."""

    _pattern = b"[%s][%s]"
    _begin_bytes = 2

    def _whole(self, data: bytearray, at: int) -> int | None:
        unknown = False
        sizes = _sizes(data, at)
        if len(sizes) == 2 and (sizes[0] or RTU_BYTES_MAX) > (sizes[1] or RTU_BYTES_MAX):
            sizes = sizes[::-1]  # the shortest first: a zero after a whole frame leaves its CRC right
        for size in sizes:
            if size is None or at + size > len(data):
                unknown = True
            elif crc16(memoryview(data)[at : at + size]) == 0:
                return size
        return None if unknown else 0

    def _frame(self, whole: bytearray, at_byte: int) -> Frame:
        return Frame(at_byte, whole[0], bytes(whole[1:-2]))

    def _skipped(self, data: bytearray, begin: int, end: int, start: int) -> list[Found]:
        """Junk, and from where it looks like one, a frame that was damaged."""
        like = self._beginning.search(data, begin, end)
        at = like.start() if like and end - like.start() >= RTU_BYTES_MIN else end
        found = super()._skipped(data, begin, at, start)
        if at < end:
            found.append(Frame(start + at, data[at], bytes(data[at + 1 : end - CRC_BYTES]), ok=False))
        return found


class TcpFrames(Frames):
    """Of a connection."""

    _pattern = b"..\\x00\\x00\\x00[\\x02-\\xff][%s][%s]"
    _begin_bytes = 8

    def _whole(self, data: bytearray, at: int) -> int | None:
        length = data[at + 5]
        sizes = [size if size is None else size - CRC_BYTES for size in _sizes(data, at + 6)]
        if length not in sizes and None not in sizes:
            return 0
        return 6 + length if at + 6 + length <= len(data) else None

    def _frame(self, whole: bytearray, at_byte: int) -> Frame:
        transaction = int.from_bytes(whole[:2], "big")
        return Frame(at_byte, whole[6], bytes(whole[7:]), transaction=transaction)


def _sizes(data: bytearray, at: int) -> tuple[int | None, ...]:
    """The lengths a frame may have, as a question and as an answer; None: too little has come to say.

    What no device would say is left out, for it is the CRC that takes long.
    """
    function = data[at + 1]
    if function & EXCEPTION:
        return _if(data, at + 2, at + 3, lambda code: 1 <= code <= EXCEPTION_CODE_MAX, 5)
    match function:
        case 1 | 2 | 3 | 4:  # nearly all there is, so nothing is called for it
            if at + 6 > len(data):
                return (None, *_counted(data, at + 2, 5, 1 + (function > 2)))
            asked = 1 <= data[at + 4] << 8 | data[at + 5] <= (2000 if function < 3 else 125)
            count = data[at + 2]
            if 0 < count <= RTU_BYTES_MAX - 5 and not (count & 1 and function > 2):
                return (8, 5 + count) if asked else (5 + count,)
            return (8,) if asked else ()
        case 5:
            return _if(data, at + 4, at + 6, lambda value: value in (0x0000, 0xFF00), 8)
        case 15 | 16:
            answered = _if(data, at + 4, at + 6, lambda count: 1 <= count <= 1968, 8)
            return answered + _counted(data, at + 6, 9, function - 14) if answered else ()
        case 17:
            return (4, *_counted(data, at + 2, 5, 1))
        case 23:
            return _counted(data, at + 10, 13, 2) + _counted(data, at + 2, 5, 2)
        case _:
            return _FIXED[function]


_FIXED = {6: (8,), 7: (4, 5), 8: (8,), 11: (4, 8), 22: (10,)}


def _if(
    data: bytearray, begin: int, end: int, fits: Callable[[int], bool], size: int
) -> tuple[int | None, ...]:
    """`size`, when the number that stands there fits."""
    if end > len(data):
        return (None,)
    return (size,) if fits(int.from_bytes(data[begin:end], "big")) else ()


def _counted(data: bytearray, at: int, others: int, unit_bytes: int) -> tuple[int | None, ...]:
    """So many bytes as stand there, and the others."""
    if at >= len(data):
        return (None,)
    count = data[at]
    fits = 0 < count <= RTU_BYTES_MAX - others and count % unit_bytes == 0
    return (others + count,) if fits else ()
