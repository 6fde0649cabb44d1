"""What a frame of the PN532 says: cards in the field, for the decoder, and fields, for the technician.

Source: NXP UM0701-02, section 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.base import Note
from drivers.cardreader.pn532.frames import CHIP, FAULT, HOST, Frame

GET_FIRMWARE_VERSION, SAM_CONFIGURATION, RF_CONFIGURATION = 0x02, 0x14, 0x32
IN_LIST_PASSIVE_TARGET = 0x4A
WITH_STATUS = (0x16, 0x40, 0x42, 0x44, 0x4E, 0x50, 0x52, 0x54, 0x56)  # whose answer begins with one, 00: well
TYPE_A, FELICA_212, FELICA_424, TYPE_B, JEWEL = range(5)  # BrTy
RANDOM_UID = 0x08  # the first of four bytes (ISO/IEC 14443-3, table 7): new at every tap, as telephones do


class Target(NamedTuple):
    """A card in the field."""

    number: bytes  # UID, or IDm of a FeliCa, or PUPI of a type B
    technology: str  # "iso14443" or "felica"
    fields: dict[str, Any]

    @property
    def problem(self) -> str:
        """Why this number is no member's; empty when it may be one's."""
        if self.technology == "iso14443" and "pupi" in self.fields:
            return "random_id"  # a type B card may say another PUPI each time
        if len(self.number) == 4 and self.number[0] == RANDOM_UID:
            return "random_id"
        if not any(self.number):
            return "all-zero"
        return "" if len(self.number) in (4, 7, 8, 10) else "uid_length"


def read_targets(data: bytes, brty: int | None = None) -> list[Target] | None:
    """The cards of an InListPassiveTarget answer, from NbTg on; None when it is not as long as it says.

    Their kind is what was asked for (`brty`); not knowing it, it is told from what the first one says.
    """
    if not data:
        return None
    count, rest = data[0], data[1:]
    kind = _kind(rest) if brty is None else brty
    targets: list[Target] = []
    for _ in range(count):
        read = _READERS.get(kind, _type_a)(rest)
        if read is None:
            return None
        target, size = read
        targets.append(target)
        rest = rest[size:]
    return targets


def _kind(target: bytes) -> int:
    if target[1:3] in (b"\x12\x01", b"\x14\x01"):
        return FELICA_212
    return TYPE_B if target[1:2] == b"\x50" else TYPE_A


def _type_a(data: bytes) -> tuple[Target, int] | None:
    """Tg, SENS_RES 2, SEL_RES, length, NFCID1, and of an ISO/IEC 14443-4 card its ATS."""
    if len(data) < 5 or len(data) < 5 + data[4]:
        return None
    end = 5 + data[4]
    fields: dict[str, Any] = {"atqa": data[1:3].hex(), "sak": data[3:4].hex(), "uid": data[5:end].hex()}
    uid = data[5:end]
    if data[3] & 0x20 and end < len(data) and 1 <= data[end] <= len(data) - end:
        fields["ats"] = data[end : end + data[end]].hex()
        end += data[end]
    return Target(uid, "iso14443", fields), end


def _felica(data: bytes) -> tuple[Target, int] | None:
    """Tg, length of POL_RES with itself, 01, IDm 8, PMm 8, perhaps a system code."""
    if len(data) < 2 or data[1] < 18 or len(data) < 1 + data[1]:
        return None
    end = 1 + data[1]
    fields: dict[str, Any] = {"uid": data[3:11].hex(), "idm": data[3:11].hex(), "pmm": data[11:19].hex()}
    if end > 19:
        fields["system_code"] = data[19:end].hex()
    return Target(data[3:11], "felica", fields), end


def _type_b(data: bytes) -> tuple[Target, int] | None:
    """Tg, ATQB 12 (50, PUPI 4, application data 4, protocol info 3), length, ATTRIB_RES."""
    if len(data) < 14 or len(data) < 14 + data[13]:
        return None
    pupi = data[2:6]
    fields: dict[str, Any] = {"uid": pupi.hex(), "pupi": pupi.hex(), "atqb": data[1:13].hex()}
    return Target(pupi, "iso14443", fields), 14 + data[13]


def _jewel(data: bytes) -> tuple[Target, int] | None:
    """Tg, SENS_RES 2, JEWELID 4."""
    if len(data) < 7:
        return None
    return Target(data[3:7], "iso14443", {"atqa": data[1:3].hex(), "uid": data[3:7].hex()}), 7


_READERS: dict[int, Callable[[bytes], tuple[Target, int] | None]] = {
    TYPE_A: _type_a,
    FELICA_212: _felica,
    FELICA_424: _felica,
    TYPE_B: _type_b,
    JEWEL: _jewel,
}


def note_of(frame: Frame, targets: list[Target] | None) -> Note:
    """The frame for the technician; `targets` are those of an InListPassiveTarget answer."""
    if frame.kind in ("ack", "nack"):
        return Note(frame.kind)
    if frame.kind == "bad":
        return Note("frame", {"error": frame.problem, "raw": frame.body.hex()}, frame.problem)
    body = frame.body
    if body[0] == FAULT:
        return Note("error", {"code": body[0]}, "chip_error")
    if len(body) < 2 or body[0] not in (HOST, CHIP):
        return Note("frame", {"error": "tfi", "raw": body.hex()}, "tfi")
    kind = "command" if body[0] == HOST else "response"
    fields: dict[str, Any] = {
        "tfi": body[:1].hex(),
        "cmd": body[1:2].hex(),
        "length": len(body),
        "extended": frame.extended,
    }
    if frame.woken:
        fields["wakeup"] = True
    code, data = body[1], body[2:]
    if kind == "command" and code == IN_LIST_PASSIVE_TARGET and len(data) >= 2:
        fields |= {"max_targets": data[0], "brty": data[1]}
    elif kind == "response" and code == GET_FIRMWARE_VERSION + 1 and len(data) == 4:
        fields |= {"ic": data[:1].hex(), "ver": f"{data[1]}.{data[2]}", "support": data[3:].hex()}
    elif kind == "response" and code == IN_LIST_PASSIVE_TARGET + 1:
        return _list_note(fields, data, targets)
    elif data:
        fields["data"] = data.hex()
        if kind == "response" and code - 1 in WITH_STATUS:
            fields["status"] = data[:1].hex()
    return Note(kind, fields)


def _list_note(fields: dict[str, Any], data: bytes, targets: list[Target] | None) -> Note:
    if targets is None:
        return Note("response", {**fields, "data": data.hex(), "error": "truncated"}, "truncated")
    fields["targets"] = len(targets)
    if targets:
        fields |= targets[0].fields
    if len(targets) > 1:
        fields["uids"] = [target.fields["uid"] for target in targets]
    problem = next((target.problem for target in targets if target.problem), "")
    return Note("response", fields | ({"error": problem} if problem else {}), problem)
