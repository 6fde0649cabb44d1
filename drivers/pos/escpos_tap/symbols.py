"""What bar codes hold, as a scanner would read it."""

from __future__ import annotations

from drivers.pos.code_tables import decoded

CODE128 = 73  # m of GS k
QR = 49  # cn of GS ( k; others are PDF417, MaxiCode, DataBar, Aztec, Data Matrix


def barcode_text(kind: int, raw: bytes) -> str:
    """The characters of a bar code of `kind`. Code 128 stays as the till wrote it, ``{B000412``, unless it
    packs digits in pairs (code set C), which nobody can read: ``{C\\x31\\x0c{B4`` is ``49124``."""
    if kind == CODE128 and b"{C" in raw:
        return _unpacked(raw)
    return decoded(raw, "utf-8")


def _unpacked(raw: bytes) -> str:
    text, pairs, place = "", False, 0
    while place < len(raw):
        byte = raw[place]
        if byte == ord("{") and place + 1 < len(raw):
            mark = raw[place + 1 : place + 2]
            pairs = mark == b"C" if mark in (b"A", b"B", b"C") else pairs
            text += "{" if mark == b"{" else ""  # {1 to {4 and {S are functions and print nothing
            place += 2
            continue
        text += f"{byte:02d}" if pairs and byte < 100 else chr(byte) if byte < 0x80 else "\ufffd"
        place += 1
    return text
