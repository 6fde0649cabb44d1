"""Cards on PC/SC readers: who is there, asked for with one APDU, as lines of JSON.

    port   {"reader": "ACS ACR122U PICC 00 00", "atr": "3B8F8001804F0CA0000003…6A"}     a card has come
    we     {"apdu": "FFCA000000"}                                                       which one is it?
    port   {"apdu": "FFCA000000", "response": "04A1B2C3D4E5809000"}                     UID, 9000: well
           {"apdu": "FFCA000000", "error": "80100069"}                                  or PC/SC's own word
    port   {"removed": true}                                                            it is gone

FF CA 00 00 00 is answered by the reader, not the card: PC/SC v2 part 3, 3.2.2.1.3. Recordings may be of any
shape of JSON that has these fields; what else they have is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from drivers.base import Heard, Note, Options
from drivers.cardreader.pcsc.atr import NAMES, PCSC_RID, STANDARDS, Atr, read_atr
from drivers.cardreader.pcsc.recording import Objects
from drivers.cardreader.presence import Presence
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

GET_UID = "FFCA000000"
GET_RESPONSE = "00C00000"
TRIES_MAX = 3
PAUSE_MS = 200  # a line comes whole; what has not ended by then does not
DEPTH_MAX = 8  # of objects within objects that recordings may have
WELL = "9000"
STATUS = {
    "6A81": "not_supported", "6D00": "not_supported", "6E00": "not_supported", "6300": "failed",
    "6A82": "not_found", "6700": "length", "6982": "security", "6985": "conditions", "6282": "end_of_data",
}  # fmt: skip
SCARD = {
    "80100069": "removed",  # SCARD_W_REMOVED_CARD
    "8010000C": "removed",  # SCARD_E_NO_SMARTCARD
    "80100066": "mute",  # SCARD_W_UNRESPONSIVE_CARD
    "80100067": "mute",  # SCARD_W_UNPOWERED_CARD
    "80100068": "reset",  # SCARD_W_RESET_CARD: by another program
    "8010000B": "held",  # SCARD_E_SHARING_VIOLATION
}
_SCARD_CODE = re.compile(r"(?:0[xX])?8010[0-9A-Fa-f]{4}")
AGAIN = ("failed", "reset")  # worth another try: the card moved, or somebody else spoke to it


class PcscOptions(Options):
    """When a card counts again."""

    silence_ms: int = Field(
        default=500, ge=0, le=60_000, description="A card is new again after it was away for so long."
    )
    till: str = Field(default="", max_length=64, description="The till that the reader stands at.")


class PcscDecoder:
    """Asks every card that comes for its UID."""

    def __init__(self, options: PcscOptions) -> None:
        self._options = options
        self._objects = Objects()
        self._presence = Presence(options.silence_ms)
        self._technology = "iso14443"
        self._there = ""  # the number of the card on the reader
        self._tries = 0
        self._out = bytearray()
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        found = self._objects.feed(chunk)
        self.wake_at_ms = now_ms + PAUSE_MS if self._objects.waiting else None
        return [heard for at_byte, said in found for heard in self._hear(at_byte, said, now_ms)]

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        self.wake_at_ms = None
        found = self._objects.pause()
        return [heard for at_byte, said in found for heard in self._hear(at_byte, said, now_ms)]

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._out)
        self._out.clear()
        return said

    def _hear(self, at_byte: int, said: dict[str, Any], now_ms: int) -> Iterator[Heard]:
        for one in _known(said):
            for what in self._judge(one, now_ms):
                yield Heard(at_byte, what)

    def _judge(self, said: dict[str, Any], now_ms: int) -> list[Note | CardShown | CardRefused]:
        if (atr := _hex(said, "atr")) is not None:
            return self._come(said, atr)
        if (answer := _hex(said, "response")) is not None:
            return self._answered(_text(said, "apdu"), answer, now_ms)
        if error := _text(said, "error"):
            return self._failed(_text(said, "apdu"), error)
        self._gone(now_ms)
        return [
            Note("removed", {"error": "removed"})
        ]  # the word of SCARD_W_REMOVED_CARD, but nothing is wrong

    def _come(self, said: dict[str, Any], raw: bytes) -> list[Note | CardShown | CardRefused]:
        atr = read_atr(raw)
        fields: dict[str, Any] = {"atr": raw.hex().upper()}
        if reader := _text(said, "reader"):
            fields["reader"] = reader
        self._technology = atr.technology if atr else "iso14443"
        self._tries = 0
        self._ask(GET_UID)
        if atr is None:
            return [Note("atr", {**fields, "error": "atr"}, "atr")]
        return [Note("atr", fields | _atr_fields(atr))]

    def _answered(self, apdu: str, answer: bytes, now_ms: int) -> list[Note | CardShown | CardRefused]:
        data, status = answer[:-2], answer[-2:].hex().upper()
        fields: dict[str, Any] = {"apdu": apdu, "response": answer.hex().upper(), "sw": status.lower()}
        if len(status) != 4:
            return [Note("apdu", {**fields, "error": "truncated"}, "truncated")]
        asks_uid = apdu.startswith((GET_UID[:8], GET_RESPONSE)) or not apdu
        if status.startswith(("6C", "61")):
            self._ask((apdu[:8] if status.startswith("6C") else GET_RESPONSE) + status[2:])
            return [Note("apdu", fields)]
        if status != WELL:
            error = STATUS.get(status, "status")
            note = Note("apdu", {**fields, "error": error}, error)
            return [note, *self._refused(error)] if asks_uid else [note]
        if not asks_uid or not data:
            return [Note("apdu", fields | ({"data": data.hex()} if data else {}))]
        return self._shown(fields, data, now_ms)

    def _shown(self, fields: dict[str, Any], uid: bytes, now_ms: int) -> list[Note | CardShown | CardRefused]:
        problem = _problem(uid)
        fields |= {"uid": uid.hex()} | ({"error": problem} if problem else {})
        number = uid.hex().upper()
        self._there = "" if problem else number
        note = Note("apdu", fields, problem)
        if problem or not self._presence.is_new(number, now_ms):
            return [note]
        return [CardShown(number, self._technology), note]

    def _failed(self, apdu: str, code: str) -> list[Note | CardShown | CardRefused]:
        error = SCARD.get(code.upper().removeprefix("0X"), "exchange")
        note = Note("apdu", {"apdu": apdu, "code": code, "error": error}, error)
        return [note] if error == "removed" else [note, *self._refused(error)]

    def _refused(self, error: str) -> list[CardRefused]:
        """Asks again where that may help, else the card is one that we cannot read."""
        self._tries += 1
        if error in AGAIN and self._tries < TRIES_MAX:
            self._ask(GET_UID)
            return []
        return [CardRefused(till=self._options.till, reason="misread")]

    def _gone(self, now_ms: int) -> None:
        if self._there:
            self._presence.is_new(self._there, now_ms)  # it was there until now
        self._there = ""

    def _ask(self, apdu: str) -> None:
        self._out += encode_line({"apdu": apdu})


def encode_line(said: dict[str, Any]) -> bytes:
    """One object as a line, as the port says and takes them."""
    return json.dumps(said, separators=(", ", ": "), ensure_ascii=True).encode() + b"\n"


def _known(said: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The objects that say something to us, in a recording of whatever shape."""
    if isinstance(said, dict):
        if {"atr", "response", "removed"} & said.keys() or _SCARD_CODE.fullmatch(_text(said, "error")):
            yield said
            return
        said = list(said.values())
    if isinstance(said, list) and depth < DEPTH_MAX:
        for one in said:
            yield from _known(one, depth + 1)


def _hex(said: dict[str, Any], key: str) -> bytes | None:
    """Hex digits, with or without spaces and colons; None when it is none."""
    try:
        return bytes.fromhex(_text(said, key).replace(":", " ")) if key in said else None
    except ValueError:
        return None


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    if isinstance(value, int):
        return f"{value:08X}"  # how some write PC/SC's codes
    return value[:1024] if isinstance(value, str) else ""


def _problem(uid: bytes) -> str:
    """Why a UID is no member's: new at every tap, or none at all."""
    if len(uid) == 4 and uid[0] == 0x08:
        return "random_id"
    return "" if any(uid) and 4 <= len(uid) <= 16 else "all-zero" if not any(uid) else "uid_length"


def _atr_fields(atr: Atr) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "historical": atr.historical.hex().upper(),
        "protocols": [f"T={number}" for number in atr.protocols],
        "technology": atr.technology,
    }
    if atr.standard is None or atr.name is None:
        return fields
    fields |= {"rid": atr.rid, "standard": f"{atr.standard:02X} ({STANDARDS.get(atr.standard, 'unknown')})"}
    name = NAMES.get(atr.name, "unknown") if atr.rid == PCSC_RID else "unknown"
    return fields | {"card_name": f"{atr.name:04X} {name}"}
