"""Answers to reset: what a card says of itself when it is powered, or its reader for a contactless one.

    3B | 8F | 80 | 01 | 80 4F 0C A0 00 00 03 06 | 03 | 00 01 | 00 00 00 00 | 6A
    TS   T0   TD1  TD2  historical: tag 4F, RID   SS   name    RFU           TCK, the XOR from T0 on is 0
         15 historical bytes

Source: ISO/IEC 7816-3; PC/SC v2 part 3, 3.1.3.2.3, and its supplement, from which the names are.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import NamedTuple

STORAGE_CARD = bytes.fromhex("804f0c")  # of the historical bytes, before the RID
PCSC_RID = "A000000306"
STANDARDS = {
    0x00: "no information",
    0x01: "ISO 14443 A part 1", 0x02: "ISO 14443 A part 2", 0x03: "ISO 14443 A part 3",
    0x05: "ISO 14443 B part 1", 0x06: "ISO 14443 B part 2", 0x07: "ISO 14443 B part 3",
    0x09: "ISO 15693 part 1", 0x0A: "ISO 15693 part 2", 0x0B: "ISO 15693 part 3", 0x0C: "ISO 15693 part 4",
    0x0D: "contact, I2C", 0x0E: "contact, extended I2C", 0x0F: "contact, 2WBP", 0x10: "contact, 3WBP",
    0x11: "FeliCa",
}  # fmt: skip
NAMES = {
    0x0001: "MIFARE Classic 1K", 0x0002: "MIFARE Classic 4K", 0x0003: "MIFARE Ultralight",
    0x0004: "SLE55R_XXXX", 0x0006: "SR176", 0x0007: "SRI X4K", 0x0008: "AT88RF020",
    0x0009: "AT88SC0204CRF", 0x000A: "AT88SC0808CRF", 0x000B: "AT88SC1616CRF", 0x000C: "AT88SC3216CRF",
    0x000D: "AT88SC6416CRF", 0x000E: "SRF55V10P", 0x000F: "SRF55V02P", 0x0010: "SRF55V10S",
    0x0011: "SRF55V02S", 0x0012: "TAG-it", 0x0013: "LRI512", 0x0014: "ICODE SLI", 0x0016: "ICODE 1",
    0x0021: "LRI64", 0x0024: "LRI12", 0x0025: "LRI128", 0x0026: "MIFARE Mini", 0x0027: "my-d move",
    0x0028: "my-d NFC", 0x002F: "Jewel", 0x0030: "Topaz", 0x0036: "MIFARE Plus SL1 2K",
    0x0037: "MIFARE Plus SL1 4K", 0x0038: "MIFARE Plus SL2 2K", 0x0039: "MIFARE Plus SL2 4K",
    0x003A: "MIFARE Ultralight C", 0x003B: "FeliCa", 0x003D: "MIFARE Ultralight EV1",
    0xF004: "Topaz, Jewel", 0xF011: "FeliCa 212K", 0xF012: "FeliCa 424K",  # the ACR122U's own
}  # fmt: skip
FELICA = (0x003B, 0xF011, 0xF012)


class Atr(NamedTuple):
    """An answer to reset, taken apart."""

    historical: bytes
    protocols: tuple[int, ...]
    contactless: bool  # it has the form that readers of contactless cards make up
    rid: str = ""
    standard: int | None = None  # of a storage card, by STANDARDS
    name: int | None = None  # of a storage card, by NAMES

    @property
    def technology(self) -> str:
        """As `CardShown` names it: iso14443, iso15693, felica, or chip for one with contacts."""
        if self.standard == 0x11 or self.name in FELICA:
            return "felica"
        if self.standard is not None and 0x09 <= self.standard <= 0x0C:
            return "iso15693"
        contacts = self.standard is not None and 0x0D <= self.standard <= 0x10
        return "iso14443" if self.contactless and not contacts else "chip"


def read_atr(atr: bytes) -> Atr | None:
    """None when it is none: cut off, a wrong first byte, a check byte that does not fit."""
    if len(atr) < 2 or atr[0] not in (0x3B, 0x3F):
        return None
    place, present, protocols = 2, atr[1] >> 4, list[int]()
    while present:
        place += (present & 0x07).bit_count()  # TA, TB, TC
        if not present & 0x08:
            break
        if place >= len(atr):
            return None
        protocols.append(atr[place] & 0x0F)
        present = atr[place] >> 4
        place += 1
    end = place + (atr[1] & 0x0F)
    checked = any(protocols)  # T=0 alone has no check byte
    if len(atr) < end + checked or (checked and reduce(xor, atr[1 : end + 1])):
        return None
    historical = atr[place:end]
    found = Atr(
        historical=historical,
        protocols=tuple(dict.fromkeys(protocols)) or (0,),
        contactless=atr[1] & 0xF0 == 0x80 and protocols[:2] == [0, 1],
    )
    if historical.startswith(STORAGE_CARD) and len(historical) >= 11:
        name = int.from_bytes(historical[9:11], "big")
        return found._replace(rid=historical[3:8].hex().upper(), standard=historical[8], name=name)
    return found


def storage_card_atr(name: int, standard: int = 0x03) -> bytes:
    """What a reader says for a card of that name, as in NAMES."""
    historical = (
        STORAGE_CARD + bytes.fromhex(PCSC_RID) + bytes([standard]) + name.to_bytes(2, "big") + bytes(4)
    )
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    return b"\x3b" + body + bytes([reduce(xor, body)])
