"""Bitmaps: the fields of a ZVT message, each a number and a value whose length the number gives.

    04 | 00 00 00 01 00 00      amount: six bytes of BCD
    22 | F1 F0 | …              LLVAR: F1 F0 says ten bytes; LLLVAR has three such digits
    06 | 0C | …                 a container of BER-TLV, by its own length

A bitmap that nobody knows has no length: reading stops there, and what came before stands. (PA00P015, 13)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.pos.zvt import tlv

LL, LLL, TLV = -2, -3, -6  # instead of a fixed length
LENGTHS: dict[int, int] = {
    **dict.fromkeys((0x01, 0x02, 0x03, 0x05, 0x19, 0x27, 0x72, 0x73, 0x74, 0x75, 0x8A, 0x8C, 0xA0), 1),
    **dict.fromkeys((0xD0, 0xD2, 0xD3, 0xE0, 0xE9, 0xEA, 0xF0, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD), 1),
    **dict.fromkeys((0x0D, 0x0E, 0x17, 0x3A, 0x49, 0x87), 2),
    **dict.fromkeys((0x0B, 0x0C, 0x37, 0x3D, 0x88, 0xAA), 3),
    **dict.fromkeys((0x29, 0x70, 0x71), 4),
    0xBA: 5,
    0x04: 6,
    **dict.fromkeys((0x3B, 0xEB), 8),
    0x2A: 15,
    **dict.fromkeys((0x22, 0x23, 0x2D, 0x4C, 0x8B, 0xA7, 0xD1), LL),
    **dict.fromkeys((*range(0xE1, 0xE9), *range(0xF1, 0xF9)), LL),
    **dict.fromkeys((0x24, 0x2E, 0x3C, 0x60, 0x92, 0x9A, 0xAF), LLL),
    0x06: TLV,
}


@dataclass(frozen=True)
class Bitmap:
    """One field, and where its value begins in the bytes that were read."""

    number: int
    value: bytes
    at: int


def bitmaps(data: bytes, at: int = 0) -> Iterator[Bitmap]:
    """Those that stand from `at` on; ends before one that is unknown or cut off."""
    while at < len(data):
        number = data[at]
        start, count = _extent(data, at + 1, LENGTHS.get(number, 0))
        if start < 0 or start + count > len(data):
            return
        yield Bitmap(number, data[start : start + count], start)
        at = start + count


def _extent(data: bytes, at: int, length: int) -> tuple[int, int]:
    if length > 0:
        return at, length
    if length == TLV:
        return tlv.length_at(data, at)
    return decimal_length_at(data, at, -length) if length else (-1, 0)


def decimal_length_at(data: bytes, at: int, digits: int) -> tuple[int, int]:
    """(where the contents begin, how many bytes they have) of ``Fx Fy …``; (-1, 0): there is none."""
    marks = data[at : at + digits]
    if len(marks) < digits or any(mark & 0xF0 != 0xF0 or mark & 0x0F > 9 for mark in marks):
        return -1, 0
    return at + digits, int("".join(str(mark & 0x0F) for mark in marks))


def encode(number: int, value: bytes) -> bytes:
    """The bitmap with its value. Raises ValueError when the value has not the length of its number."""
    length = LENGTHS[number]
    if length > 0:
        if len(value) != length:
            raise ValueError(f"bitmap {number:02X} has {length} bytes, not {len(value)}")
        return bytes([number]) + value
    if length == TLV:
        return bytes([number]) + tlv.encode_length(len(value)) + value
    return bytes([number]) + encode_decimal_length(len(value), -length) + value


def encode_decimal_length(count: int, digits: int) -> bytes:
    """``Fx Fy …``. Raises ValueError when the digits do not suffice."""
    if count >= 10**digits:
        raise ValueError(f"{count} bytes do not fit into {digits} digits")
    return bytes(0xF0 | int(digit) for digit in f"{count:0{digits}d}")


def bcd(number: int, count: int) -> bytes:
    """The last digits of `number` in `count` bytes."""
    return bytes.fromhex(f"{number % 10 ** (2 * count):0{2 * count}d}")


def from_bcd(value: bytes) -> int | None:
    """The number; None when some nibble is no digit."""
    digits = value.hex()
    return int(digits) if digits.isdecimal() else None
