"""Bytes of a line to whole APDUs, whichever of the two transports it is. (PA00P016, 3 and 4)

    serial  10 02 | APDU, each 10 in it doubled | 10 03 | CRC low, high     answered by ACK 06 or NAK 15
    TCP     APDU                                                            in any pieces, answered by nothing

The CRC is CRC-16/KERMIT over the APDU as it was before doubling, and the 03. (The standard calls it XModem,
which it is not: 06 01 07 04 00 00 00 00 01 90 03 has 5776 on the wire, Portalum.Zvt#56.) Its two bytes are
never doubled, so whatever follows 10 03 is taken as it is.

On a line of which nobody said what it is, a frame with a right CRC proves it serial for good; until then
each message says by its first byte what it is. No APDU begins with 10, and an ACK is told from the class 06
by what follows it.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Literal

from drivers.frames import Window
from drivers.pos.zvt import apdu

DLE, STX, ETX, ACK, NAK = 0x10, 0x02, 0x03, 0x06, 0x15
T1_MS = 200  # between two bytes of a frame
T3_MS = 5000  # for the whole of an APDU without a frame
FRAME_BYTES_MAX = 2 * (apdu.DATA_BYTES_MAX + 5) + 6
_START = bytes([DLE, STX])
_ANY = 0x100
# Of these classes everything is taken, known or not: the length says where it ends.
_CLASSES: dict[int, frozenset[int]] = {
    0x04: frozenset({0x01, 0x0C, 0x0D, 0x0E, 0x0F, 0xFF}),
    0x05: frozenset({0x01, 0xFF}),
    0x06: frozenset({_ANY}),
    0x08: frozenset({_ANY}),
    0x0F: frozenset({_ANY}),
    0x80: frozenset({0x00}),
    0x84: frozenset({_ANY}),
}
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

Transport = Literal["auto", "serial", "tcp"]
Error = Literal["crc", "framing", "timeout"]


@dataclass(frozen=True)
class Got:
    """What the line brought: a whole APDU, an ACK or NAK, bytes that are none, or a frame that is wrong."""

    at_byte: int
    what: Literal["apdu", "ack", "nak", "junk", "bad"]
    raw: bytes = b""  # of an APDU as it was before doubling; of junk, its first bytes
    error: Error = "framing"  # of a bad one
    serial: bool = False
    answered: bool = True  # a bad one that wants its NAK; the one before a new start does not
    count: int = 0  # of junk bytes
    crc: int = 0  # of a frame


def crc16(raw: bytes) -> int:
    """CRC-16/KERMIT of the APDU and its 03: the C one of the standard library, with the bits mirrored."""
    mirrored = binascii.crc_hqx((raw + b"\x03").translate(_MIRRORED), 0)
    return _MIRRORED[mirrored & 0xFF] << 8 | _MIRRORED[mirrored >> 8]


def encode_frame(raw: bytes) -> bytes:
    """The APDU as it goes over a serial line."""
    doubled = raw.replace(b"\x10", b"\x10\x10")
    return _START + doubled + b"\x10\x03" + crc16(raw).to_bytes(2, "little")


class Receiver:
    """What has arrived and is not whole yet. Takes chunks of any size; never more than one frame stays."""

    def __init__(self, transport: Transport) -> None:
        self.serial = transport == "serial"  # for certain
        self._auto = transport == "auto"
        self._window = Window()
        self._scanned = 0  # of a frame in the window, how far it was looked through
        self._wrong = False  # it has a DLE without sense
        self._last_ms = 0

    @property
    def due_ms(self) -> int | None:
        """When what is not whole by then never will be."""
        if not self._window.bytes:
            return None
        framed = self.serial or self._window.bytes.startswith(b"\x10")
        return self._last_ms + (T1_MS if framed else T3_MS)

    def feed(self, chunk: bytes, now_ms: int) -> list[Got]:
        """Everything that `chunk` makes whole. What comes late was given up by `expire`, which is woken for
        it: when it was not, we were busy, and the line perhaps not silent."""
        got: list[Got] = []
        if chunk:
            self._last_ms = now_ms
            self._window.add(chunk)
        while (one := self._next()) is not None:
            got.append(one)
        return _joined(got)

    def expire(self, now_ms: int) -> list[Got]:
        """What stays unfinished for too long is given up."""
        if self.due_ms is None or now_ms < self.due_ms:
            return []
        at, raw = self._window.start, bytes(self._window.bytes)
        framed = raw.startswith(_START)
        self._forget(len(raw))
        if raw == bytes([ACK]):
            return [Got(at, "ack", serial=True)]
        if len(raw) < 3 and not framed:
            return [Got(at, "junk", raw, count=len(raw))]
        return [Got(at, "bad", raw, "timeout", serial=framed)]

    def _next(self) -> Got | None:
        raw = self._window.bytes
        if not raw:
            return None
        if raw[0] == DLE and (self.serial or self._auto):
            if len(raw) < 2:
                return None
            return self._frame() if raw[1] == STX else self._junk()
        if (signal := self._signal(raw)) is not None:
            return signal or None
        if self.serial:
            return self._junk()
        return self._bare(raw)

    def _signal(self, raw: bytearray) -> Got | Literal[False] | None:
        """An ACK or NAK; False: another byte must say; None: it is none."""
        at = self._window.start
        if raw[0] == NAK and (self.serial or self._auto):
            self._forget(1)
            return Got(at, "nak", serial=True)
        if raw[0] != ACK or not (self.serial or self._auto):
            return None
        if not self.serial:
            if len(raw) < 2 or (raw[1] == DLE and len(raw) < 3):
                return False
            if not (raw[1] in (ACK, NAK) or raw[1:3] == _START):
                return None
        self._forget(1)
        return Got(at, "ack", serial=True)

    def _frame(self) -> Got | None:
        raw = self._window.bytes
        at = max(2, self._scanned)
        while True:
            mark = raw.find(DLE, at)
            if mark < 0 or mark + 1 >= len(raw):
                self._scanned = mark if mark >= 0 else len(raw)
                return self._too_long() if len(raw) > FRAME_BYTES_MAX else None
            follower = raw[mark + 1]
            if follower == STX:  # what went before was cut off, and is answered by whoever says it again
                return self._bad(mark, "framing", answered=False)
            if follower == ETX:
                break
            self._wrong |= follower != DLE
            at = mark + 2
        if len(raw) < mark + 4:
            self._scanned = mark
            return None
        wrong, start = self._wrong, self._window.start
        body = bytes(raw[2:mark]).replace(b"\x10\x10", b"\x10")
        crc = int.from_bytes(raw[mark + 2 : mark + 4], "little")
        if wrong:
            return self._bad(mark + 4, "framing")
        if crc16(body) != crc:
            return self._bad(mark + 4, "crc")
        if apdu.extent(body)[1] != len(body):
            return self._bad(mark + 4, "framing")
        self._forget(mark + 4)
        self.serial = self._auto or self.serial
        return Got(start, "apdu", body, serial=True, crc=crc)

    def _bare(self, raw: bytearray) -> Got | None:
        instructions = _CLASSES.get(raw[0])
        if instructions is None:
            return self._junk()
        if len(raw) < 2:
            return None
        if _ANY not in instructions and raw[1] not in instructions:
            return self._junk()
        _, end = apdu.extent(raw)
        if not end or len(raw) < end:
            return None
        start, body = self._window.start, bytes(raw[:end])
        self._forget(end)
        return Got(start, "apdu", body)

    def _junk(self) -> Got:
        """The first byte, and all after it that cannot begin anything either."""
        raw = self._window.bytes
        count = 1
        while count < len(raw) and not self._may_begin(raw[count]):
            count += 1
        got = Got(self._window.start, "junk", bytes(raw[: min(count, 16)]), count=count)
        self._forget(count)
        return got

    def _may_begin(self, byte: int) -> bool:
        if self.serial:
            return byte in (DLE, ACK, NAK)
        return byte in _CLASSES or (self._auto and byte in (DLE, NAK))

    def _bad(self, count: int, error: Error, *, answered: bool = True) -> Got:
        got = Got(self._window.start, "bad", bytes(self._window.bytes[:count]), error, True, answered)
        self._forget(count)
        return got

    def _too_long(self) -> Got:
        return self._bad(2, "framing", answered=False)

    def _forget(self, count: int) -> None:
        self._window.forget(count)
        self._scanned, self._wrong = 0, False


def _joined(got: list[Got]) -> list[Got]:
    """Neighbouring junk as one."""
    joined: list[Got] = []
    for one in got:
        if joined and one.what == joined[-1].what == "junk":
            before = joined.pop()
            one = Got(before.at_byte, "junk", (before.raw + one.raw)[:16], count=before.count + one.count)
        joined.append(one)
    return joined
