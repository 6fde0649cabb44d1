"""A PN532 that is not there: takes a host's bytes, gives the chip's. libnfc and nfcpy take it for one.

It sleeps until it is woken, acknowledges, answers, repeats its answer at NACK, drops what it does at ACK, and
waits for a card for ever when it was told to. Source: NXP UM0701-02, section 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from drivers.cardreader.pn532.frames import ACK, CHIP, FAULT, HOST, Frame, Frames, encode_frame
from drivers.cardreader.pn532.meaning import FELICA_212, FELICA_424, TYPE_A

EDGES_TO_WAKE = 5  # rising, on the host's line
TIMED_OUT, BAD_CONTEXT, BAD_PARAMETER = b"\x01", b"\x27", b"\x10"
FOR_EVER = 0xFF
FIFO_DATA = 0x6339
SENS_REQ = 0x26  # what stands in the FIFO when nobody has answered it
BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
Answer = bytes | None  # None: nothing yet, or nothing ever


@dataclass(frozen=True)
class Card:
    """A card to hold to the reader. `talk` is what it answers; the default can READ its `pages` (type 2)."""

    uid: bytes
    atqa: bytes = b"\x00\x44"
    sak: int = 0x00
    ats: bytes = b""
    felica_pmm: bytes = b""  # of a FeliCa, whose IDm is `uid`
    pages: bytes = field(default=bytes(64))

    def talk(self, said: bytes) -> Answer:
        """What the card answers; None: nothing."""
        if len(said) == 2 and said[0] == 0x30 and self.pages:
            start = said[1] * 4 % len(self.pages)
            return (self.pages + self.pages)[start : start + 16]
        return None

    def target(self, brty: int) -> Answer:
        """What InListPassiveTarget says of it, from SENS_RES on; None when it is of another kind."""
        if self.felica_pmm:
            return b"\x12\x01" + self.uid + self.felica_pmm if brty in (FELICA_212, FELICA_424) else None
        if brty != TYPE_A:
            return None
        return self.atqa + bytes([self.sak, len(self.uid)]) + self.uid + self.ats


class Chip:
    """The chip, with at most two cards in its field. Bytes in, bytes out."""

    def __init__(self) -> None:
        self.cards: list[Card] = []
        self.baud = 115_200
        self.asleep = True  # as after power-on
        self._edges = 0
        self._frames = Frames()
        self._registers: dict[int, int] = {}
        self._retries = FOR_EVER
        self._field = self._listed = False
        self._baud_wanted = 0
        self._last = b""  # the frame to say again at NACK
        self._pending: bytes | None = None  # a question for a card that is not there yet
        self._commands: dict[int, Callable[[bytes], Answer]] = {
            0x00: self._diagnose, 0x02: lambda data: b"\x32\x01\x06\x07", 0x04: self._general_status,
            0x06: self._read_register, 0x08: self._write_register, 0x0C: lambda data: b"\x3f\x00\x00",
            0x0E: lambda data: b"", 0x10: self._set_baud, 0x12: lambda data: b"", 0x14: self._sam,
            0x16: self._power_down, 0x32: self._rf_configuration, 0x40: self._exchange,
            0x42: self._communicate_thru, 0x44: self._release, 0x4A: self._list, 0x52: self._release,
            0x54: self._release, 0x60: self._auto_poll, 0x8C: lambda data: None,
        }  # fmt: skip

    def feed(self, chunk: bytes) -> bytes:
        """What the chip says to these bytes: ACK and answer of every command, in one breath."""
        if self.asleep:
            chunk = self._woken_by(chunk)
        return b"".join(map(self._hear, self._frames.feed(chunk)))

    def hold(self, *cards: Card) -> bytes:
        """These cards are in the field now, and no others; what a chip that waits for one says to that."""
        self.cards = list(cards)[:2]
        self._listed = False
        pending = self._pending
        if pending is None or (answer := self._do(pending)) is None:
            return b""
        self._pending = None
        return self._say(bytes([CHIP, pending[0] + 1]) + answer)

    def _woken_by(self, chunk: bytes) -> bytes:
        for place, byte in enumerate(chunk):
            self._edges += _rising_edges(byte)
            if self._edges >= EDGES_TO_WAKE:
                self.asleep, self._edges = False, 0
                return chunk[place + 1 :]
        return b""

    def _hear(self, frame: Frame) -> bytes:
        if frame.kind == "ack":
            self._pending = None
            self.baud, self._baud_wanted = self._baud_wanted or self.baud, 0
            return b""
        if frame.kind == "nack":
            return self._last
        if frame.kind != "body" or frame.body[0] != HOST or len(frame.body) < 2:
            return b""  # not acknowledged: the host says it again
        self._pending = None
        answer = self._do(frame.body[1:])
        if answer is None:
            self._pending = frame.body[1:]
            return ACK
        if answer == bytes([FAULT]):
            return ACK + self._say(answer)
        return ACK + self._say(bytes([CHIP, frame.body[1] + 1]) + answer)

    def _say(self, body: bytes) -> bytes:
        self._last = encode_frame(body)
        return self._last

    def _do(self, command: bytes) -> Answer:
        do = self._commands.get(command[0])
        return bytes([FAULT]) if do is None else do(command[1:])

    def _diagnose(self, data: bytes) -> Answer:
        match data[:1]:
            case b"\x00":
                return data  # the line test: all of it comes back, the number of the test too
            case b"\x01" | b"\x02" | b"\x04" | b"\x07":
                return b"\x00"
            case b"\x06":
                return b"\x00" if self.cards else b"\x01"
            case _:
                return bytes([FAULT])

    def _general_status(self, data: bytes) -> Answer:
        targets = b"\x01\x01\x00\x00\x10" if self._listed and self.cards else b"\x00"
        return bytes([0, self._field]) + targets + b"\x80"

    def _read_register(self, data: bytes) -> Answer:
        addresses = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]
        empty = {FIFO_DATA: SENS_REQ}
        return bytes(self._registers.get(address, empty.get(address, 0)) for address in addresses)

    def _write_register(self, data: bytes) -> Answer:
        for at in range(0, len(data) - 2, 3):
            address = int.from_bytes(data[at : at + 2], "big")
            if address != FIFO_DATA:
                self._registers[address] = data[at + 2]
        return b""

    def _set_baud(self, data: bytes) -> Answer:
        if not data or data[0] >= len(BAUDS):
            return bytes([FAULT])
        self._baud_wanted = BAUDS[data[0]]  # from the host's ACK on
        return b""

    def _sam(self, data: bytes) -> Answer:
        return b"" if data[:1] in (b"\x01", b"\x02", b"\x03", b"\x04") else bytes([FAULT])

    def _power_down(self, data: bytes) -> Answer:
        self.asleep, self._field, self._listed = True, False, False
        return b"\x00"

    def _rf_configuration(self, data: bytes) -> Answer:
        match data[:1]:
            case b"\x01" if len(data) == 2:
                self._field = bool(data[1] & 1)
                self._listed = self._listed and self._field
            case b"\x05" if len(data) == 4:
                self._retries = data[3]
            case b"\x02" | b"\x04" | b"\x0a" | b"\x0b" | b"\x0c" | b"\x0d":
                pass
            case _:
                return bytes([FAULT])
        return b""

    def _list(self, data: bytes) -> Answer:
        if len(data) < 2 or not 1 <= data[0] <= 2 or data[1] > 4:
            return bytes([FAULT])
        self._field = True
        wanted = data[2:] if data[1] == TYPE_A else b""
        found = [
            target
            for card in self.cards
            if (target := card.target(data[1])) is not None and (not wanted or card.uid in _plain(wanted))
        ][: data[0]]
        if not found and self._retries == FOR_EVER:
            return None
        self._listed = bool(found)
        said = b"".join(bytes([tg]) + target for tg, target in enumerate(found, 1))
        return bytes([len(found)]) + said

    def _auto_poll(self, data: bytes) -> Answer:
        for kind in data[2:]:
            brty = TYPE_A if kind & 0x07 == 0 else kind & 0x07
            for card in self.cards:
                if (target := card.target(brty)) is not None:
                    self._field = self._listed = True
                    return bytes([1, kind, len(target) + 1, 1]) + target
        return None if data[:1] == b"\xff" else b"\x00"

    def _exchange(self, data: bytes) -> Answer:
        return self._through(data[1:]) if self._listed and data else BAD_CONTEXT

    def _communicate_thru(self, data: bytes) -> Answer:
        return self._through(data) if self._listed else TIMED_OUT

    def _through(self, said: bytes) -> bytes:
        answer = self.cards[0].talk(said) if self.cards else None
        return TIMED_OUT if answer is None else b"\x00" + answer

    def _release(self, data: bytes) -> Answer:
        return b"\x00" if self._listed or data[:1] in (b"", b"\x00") else BAD_CONTEXT


def _rising_edges(byte: int) -> int:
    """Of one byte on the line: start bit 0, eight bits from the low one on, stop bit 1."""
    levels = [0, *(byte >> bit & 1 for bit in range(8)), 1]
    return sum(level and not before for before, level in pairwise(levels))


def _plain(wanted: bytes) -> tuple[bytes, ...]:
    """The UID to look for, from the form with cascade tags (88) between its parts."""
    return (wanted, wanted[1:] if wanted[:1] == b"\x88" else wanted, _uncascaded(wanted))


def _uncascaded(wanted: bytes) -> bytes:
    return wanted[1:4] + wanted[5:] if len(wanted) == 12 else wanted
