"""RDM6300 and its kin: 125 kHz readers that say the tag's number, again and again while it is near.

    02 | V V | T T T T T T T T | C C | [0D 0A] | 03        9600 8N1, about every 65 ms
    STX  version   tag            sum   ID-20LA   ETX      VV, TT…, CC are ASCII hex

CC is the XOR of the five bytes before it, the version among them (one firmware leaves it out, Bruce#2014). It
is weak: of eight phantom tags that people have met (esp-rfid#411: 000000000000, 000000078F88, F000060007F1,
B59A99E5A9FA …) all have a right sum. So a tag counts only when the same frame is heard twice within
`agree_ms`, and once until it has been silent for `silence_ms`; all zeros never.
"""

from __future__ import annotations

import re

from pydantic import Field

from drivers.base import Heard, Note, Options, QuietDecoder
from drivers.frames import Window
from sync.contract.questions import CardShown

FRAME_BYTES_MAX = 16
TAGS_NEAR_MAX = (
    16  # the antenna reads one tag at a time; more at once is nonsense, and the oldest is forgotten
)
_FRAME = re.compile(rb"\x02([0-9A-Fa-f]{12})(\r\n)?\x03")


class Rdm6300Options(Options):
    """How sure to be of a tag before it counts."""

    agree: int = Field(
        default=2, ge=1, le=10, description="Equal frames that make a card; 1 lets phantom tags through."
    )
    agree_ms: int = Field(default=300, ge=50, le=5000, description="The equal frames come within this time.")
    silence_ms: int = Field(
        default=500, ge=100, le=60_000, description="A card is new again after this much silence."
    )
    sum_without_version: bool = Field(
        default=False, description="The reader leaves the version out of its check sum; take that too."
    )


class Rdm6300Decoder(QuietDecoder):
    """Frames become notes; a tag that was heard often enough becomes `CardShown`, once per presence."""

    def __init__(self, options: Rdm6300Options) -> None:
        self._options = options
        self._window = Window()
        self._near: dict[
            str, list[int]
        ] = {}  # tag: when heard (the last `agree`); [-1, last] once it was shown

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._window.add(chunk)
        heard: list[Heard] = []
        done = 0
        for frame in _FRAME.finditer(self._window.bytes):
            done = frame.end()
            at_byte = self._window.start + frame.start()
            lenient = self._options.sum_without_version
            note = read_frame(frame[1], id20la=frame[2] is not None, lenient=lenient)
            heard.append(Heard(at_byte, note))
            if not note.problem and self._is_new(number := frame[1][:10].decode().upper(), now_ms):
                heard.append(Heard(at_byte, CardShown(number, "rfid125")))
        self._window.forget(done)
        self._window.keep_last(FRAME_BYTES_MAX - 1)
        return heard

    def _is_new(self, number: str, now_ms: int) -> bool:
        options = self._options
        for tag, times in tuple(self._near.items()):
            if now_ms - times[-1] >= options.silence_ms:
                del self._near[tag]
        times = self._near.pop(number, [])  # and put in last, so that the first is the oldest
        if times and times[0] < 0:
            self._near[number] = [-1, now_ms]
            return False
        times = [*(t for t in times if now_ms - t <= options.agree_ms), now_ms][-options.agree :]
        if len(self._near) >= TAGS_NEAR_MAX:
            del self._near[next(iter(self._near))]
        new = len(times) >= options.agree
        self._near[number] = [-1, now_ms] if new else times
        return new


def read_frame(digits: bytes, *, id20la: bool = False, lenient: bool = False) -> Note:
    """What the twelve hex digits of a frame say. `tag_decimal` is what is printed on many cards; others
    have `facility`, `card`: the low 24 bits as 8 and 16; `printed` has both as they stand on the plastic.
    `lenient` also takes a sum that leaves the version out; those frames have `version_in_checksum: false`."""
    *number, checksum = bytes.fromhex(digits.decode())
    tag = int.from_bytes(number[1:], "big")
    good = xor(bytes(number)) == checksum
    versionless = not good and xor(bytes(number[1:])) == checksum
    fields = {
        "version": f"{number[0]:02X}",
        "tag": f"{tag:08X}",
        "tag_decimal": tag,
        "facility": tag >> 16 & 0xFF,
        "card": tag & 0xFFFF,
        "printed": f"{tag:010d} {tag >> 16 & 0xFF:03d},{tag & 0xFFFF:05d}",
        "checksum_ok": good,
        "variant": "ID-20LA" if id20la else "RDM6300",
    }
    if versionless:
        fields["version_in_checksum"] = False
    problem = "all-zero" if not any(number) else "" if good or (versionless and lenient) else "checksum"
    if not problem:
        return Note("frame", fields)
    return Note("frame", {**fields, "error": problem, "raw": digits.decode()}, problem)


def encode_frame(number: str, *, id20la: bool = False) -> bytes:
    """The frame that says `number`: ten hex digits, version and tag."""
    checksum = xor(bytes.fromhex(number))
    return b"\x02%s%02X%s\x03" % (number.upper().encode(), checksum, b"\r\n" if id20la else b"")


def xor(number: bytes) -> int:
    """All bytes of it, XORed."""
    checksum = 0
    for byte in number:
        checksum ^= byte
    return checksum
