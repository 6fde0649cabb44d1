"""Wiegand: a card as pulses on two wires, D0 for a 0 and D1 for a 1, and nothing to say where a frame ends.

    D0  ──╵╵──╵────╵──        20 to 100 µs low, 0.2 to 20 ms apart; a frame ends with 25 to 50 ms of silence
    D1  ────╵──╵╵──╵──

    00101101000000001010001000                             as text: one character a pulse, then a line end
                                                           (``gpio:D0=…,D1=…``), or silence
    Wiegand HEX = 5A0144, DECIMAL = 5898564, Type W26      the same card as told by the usual library for
                                                           small boards, which keeps the parities to itself

What the bits mean is in formats.py. Source: SIA AC-01 (1996); the example of
monkeyboard/Wiegand-Protocol-Library-for-Arduino.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from drivers.base import Heard, Note, Options
from drivers.cardreader.presence import Presence
from drivers.cardreader.wiegand.formats import BITS_MAX, BITS_MIN, KNOWN, Format, Read, encode, read
from drivers.frames import Window
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

LINE_BYTES_MAX = 256  # the longest frame and what a board may print around it
_SAID = re.compile(
    rb"HEX = ([0-9A-Fa-f]{1,16}), DECIMAL = \d{1,20}, Type W(\d{1,3})|(?<![2-9])([01]{%d,})(?![2-9])"
    % BITS_MIN
)


class WiegandOptions(Options):
    """The reader's formats, and how a number is written."""

    formats: list[str] = Field(
        default=["H10301", "W34", "C1k35s", "H10304"],
        min_length=0,
        max_length=20,
        description=f"Formats to expect, of {', '.join(KNOWN)}. Of those with as many bits the first whose "
        "parities are right counts.",
    )
    own_formats: dict[str, Format] = Field(
        default={},
        max_length=20,
        description="Formats of your own, before those: name, and drawings of `bits` (F facility, C card, p "
        "parity) and of the groups with `even` and `odd` parity (x in the group, . not).",
    )
    number: Literal["hex", "decimal", "facility_card"] = Field(
        default="hex",
        description="The card's number: all of facility and card as hex digits; as decimal, at least ten "
        "digits; or facility and card as decimals, one after the other.",
    )
    reverse: bool = Field(
        default=False, description="The reader sends the bytes of a UID the other way round (W26, W34, W32)."
    )
    prefix: str = Field(
        default="",
        pattern="^[0-9A-F]{0,16}$",
        description="Hex digits to stand before the number, to equal a reader that says more of it.",
    )
    gap_ms: int = Field(default=50, ge=20, le=1000, description="A frame ends with so much silence.")
    silence_ms: int = Field(
        default=500, ge=0, le=60_000, description="The same card within this time is still there."
    )
    till: str = Field(default="", max_length=64, description="The till that the reader stands at.")

    @field_validator("formats")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in KNOWN:
                raise ValueError(f"no format called {name!r}; there are {', '.join(KNOWN)}")
        return names


class WiegandDecoder:
    """Text becomes frames, frames become cards."""

    def __init__(self, options: WiegandOptions) -> None:
        self._options = options
        self._formats = options.own_formats | {
            name: KNOWN[name] for name in options.formats if name not in options.own_formats
        }
        self._window = Window()
        self._presence = Presence(options.silence_ms)
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard = self.wake(now_ms)  # the silence may have been noticed by nobody
        self._window.add(chunk)
        text = self._window.bytes
        if lines := max(text.rfind(b"\n"), text.rfind(b"\r")) + 1:
            heard += self._said_in(lines, now_ms)
        if len(text) > 2 * LINE_BYTES_MAX:
            heard += self._said_in(_between_frames(text, len(text) - LINE_BYTES_MAX), now_ms)
        self.wake_at_ms = now_ms + self._options.gap_ms if text else None
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        self.wake_at_ms = None
        return self._said_in(len(self._window), now_ms)

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""

    def _said_in(self, size: int, now_ms: int) -> list[Heard]:
        """What the first `size` bytes say; they are forgotten."""
        heard: list[Heard] = []
        for said in _SAID.finditer(self._window.bytes, 0, size):
            at_byte = self._window.start + said.start()
            note = self._frame(said[3].decode()) if said[3] else self._told(int(said[1], 16), int(said[2]))
            heard.append(Heard(at_byte, note))
            if note.problem == "parity":
                heard.append(Heard(at_byte, CardRefused(till=self._options.till, reason="misread")))
            elif not note.problem and self._presence.is_new(number := note.fields["number"], now_ms):
                heard.append(Heard(at_byte, CardShown(number, "wiegand")))
        self._window.forget(size)
        return heard

    def _frame(self, bits: str) -> Note:
        readings = self._readings(len(bits))
        if not readings or len(bits) > BITS_MAX:
            return Note("frame", {"bits": len(bits), "raw": bits[:BITS_MAX], "error": "length"}, "length")
        reads = {name: read(bits, format_) for name, format_ in readings.items()}
        name = next((name for name, one in reads.items() if one.parity_ok), next(iter(reads)))
        fields = {"format": name, "bits": len(bits), "raw": bits} | self._fields(reads[name])
        if reads[name].parity_ok:
            return Note("frame", fields)
        return Note("frame", {**fields, "error": "parity"}, "parity")

    def _told(self, value: int, size: int) -> Note:
        """A board's word for the card: the parities were right, and are gone."""
        readings = self._readings(size)
        if not readings:
            return Note("frame", {"bits": size, "error": "length"}, "length")
        name, format_ = next(iter(readings.items()))
        fields = {"format": name, "bits": size} | self._fields(read(encode(value, format_), format_))
        return Note("frame", fields)

    def _readings(self, size: int) -> dict[str, Format]:
        return {name: format_ for name, format_ in self._formats.items() if len(format_.bits) == size}

    def _fields(self, card: Read) -> dict[str, Any]:
        if self._options.reverse and card.value_bits % 8 == 0:
            turned = int.from_bytes(card.value.to_bytes(card.value_bits // 8, "big"), "little")
            card = card._replace(value=turned, facility=turned >> 16, card=turned & 0xFFFF)
        fields: dict[str, Any] = {"facility": card.facility, "card": card.card, "value": card.value}
        if card.value_bits in (24, 32):
            low = card.value & 0xFFFFFF
            fields["printed"] = f"{card.value:010d} {low >> 16:03d},{low & 0xFFFF:05d}"
        return fields | {"parity_ok": card.parity_ok, "number": self._options.prefix + self._number(card)}

    def _number(self, card: Read) -> str:
        match self._options.number:
            case "hex":
                return f"{card.value:0{-(-card.value_bits // 4)}X}"
            case "decimal":
                return f"{card.value:010d}"
            case _ if card.facility is None:
                return f"{card.card:05d}"
            case _:
                return f"{card.facility:03d}{card.card:05d}"


def _between_frames(text: bytearray, place: int) -> int:
    """Where to cut so that no frame is: before the bits around `place`, unless they are too many for one."""
    before = len(text[:place].rstrip(b"01"))
    return before if place - before <= BITS_MAX else place


def encode_frame(value: int, name: str = "H10301") -> bytes:
    """The frame of a known format that carries `value`, as a line of text."""
    return encode(value, KNOWN[name]).encode() + b"\n"
