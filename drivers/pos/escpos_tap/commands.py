"""The words a printer knows, each with its length: Epson's ESC/POS and what its clones added.

    ESC FS GS DLE  op  arguments            1B 61 01 = ESC a 1, centre
    ^^^^^^^^^^^^^  ^^  ^^^^^^^^^
    one of four    |   as many as the table says, or as the first arguments say

Nothing else frames the stream, so a wrong length turns a picture into text. The lengths are from Epson's
"ESC/POS Command Reference"; those marked *clone* from the programming manuals of Chinese printers.

A length is a number of argument bytes, or a function of what stands behind the opcode. Such a function also
answers MORE (the head is not whole yet) or WRONG (no printer would take this): junk on the line looks like
commands, and `GS v 0` followed by four random bytes would otherwise swallow the next hundred receipts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MORE = -1  # the head of the command is not whole
WRONG = -2  # arguments that no printer takes

HELD_MAX_BYTES = 8192  # the longest command kept whole: a QR code holds 7,089 digits
PICTURE_MAX_BYTES = 4 * 1024 * 1024  # the largest memory a receipt printer has for graphics

Length = Callable[[bytes, int], int]
"""(data, where the arguments start) → argument bytes in all, MORE or WRONG."""


class Command(NamedTuple):
    """One command of the table."""

    name: str
    length: int | Length
    picture: bool = False  # draws; its arguments are skipped as they pass, never kept


def _u16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _picture(size: int) -> int:
    return size if size <= PICTURE_MAX_BYTES else WRONG


def _one_of(first: bytes, size: int) -> Length:
    """`size` bytes, of which the first is one of `first`."""

    def length(data: bytes, at: int) -> int:
        if at >= len(data):
            return MORE
        return size if data[at] in first else WRONG

    return length


def _up_to_nul(most: int) -> Length:
    """Bytes up to and with NUL, at most `most` of them."""

    def length(data: bytes, at: int) -> int:
        end = data.find(0, at, at + most)
        if end >= 0:
            return end - at + 1
        return WRONG if len(data) - at >= most else MORE

    return length


def _cut(data: bytes, at: int) -> int:
    """GS V m, or GS V m n for the forms that feed first."""
    if at >= len(data):
        return MORE
    if data[at] in b"\x00\x0101":
        return 1
    return 2 if data[at] in b"ABabgh" else WRONG


def _bit_image(data: bytes, at: int) -> int:
    """ESC * m nL nH d…: n columns of one byte, or of three in the 24-dot modes."""
    if len(data) - at < 3:
        return MORE
    mode, columns = data[at], _u16(data, at + 1)
    if mode not in (0, 1, 32, 33) or columns > 2400:
        return WRONG
    return 3 + columns * (3 if mode >= 32 else 1)


def _own_characters(data: bytes, at: int) -> int:
    """ESC & y c1 c2 [x d1…d(y·x)]…: glyphs for the characters c1…c2."""
    if len(data) - at < 3:
        return MORE
    rows, first, last = data[at], data[at + 1], data[at + 2]
    if not (1 <= rows <= 6 and 32 <= first <= last <= 255):
        return WRONG
    end = at + 3
    for _ in range(first, last + 1):
        if end >= len(data):
            return MORE
        if data[end] > 32:
            return WRONG
        end += 1 + rows * data[end]
    return end - at


def _qr_of_clones(data: bytes, at: int) -> int:
    """ESC Z version level size nL nH d… (clone)."""
    if len(data) - at < 5:
        return MORE
    size = _u16(data, at + 3)
    plausible = data[at] <= 40 and data[at + 1] in b"\x00\x01\x02\x03LMQH" and 1 <= data[at + 2] <= 16
    return 5 + size if plausible and 0 < size <= 7089 else WRONG


def _barcode(data: bytes, at: int) -> int:
    """GS k m d… NUL for m ≤ 6; GS k m n d… from 65 on; GS k 97 v l nL nH d… is a QR code (clone)."""
    if at >= len(data):
        return MORE
    kind = data[at]
    if kind <= 6:
        length = _up_to_nul(256)(data, at + 1)
        return length if length < 0 else 1 + length
    if 65 <= kind <= 79:
        return MORE if at + 1 >= len(data) else 2 + data[at + 1]
    if kind == 97:
        if len(data) - at < 5:
            return MORE
        size = _u16(data, at + 3)
        return 5 + size if data[at + 1] <= 40 and 0 < size <= 7089 else WRONG
    return WRONG


def _raster(data: bytes, at: int) -> int:
    """GS v 0 m xL xH yL yH d…: x bytes a row, y rows. GS Q 0 has the same form."""
    if len(data) - at < 6:
        return MORE
    wide, high = _u16(data, at + 2), _u16(data, at + 4)
    if data[at] != 0x30 or data[at + 1] not in b"\x00\x01\x02\x030123" or not 0 < wide <= 1024:
        return WRONG
    return _picture(6 + wide * high)


def _own_picture(data: bytes, at: int) -> int:
    """GS * x y d…: 8x by 8y dots."""
    if len(data) - at < 2:
        return MORE
    wide, high = data[at], data[at + 1]
    return 2 + wide * high * 8 if wide and 1 <= high <= 48 and wide * high <= 1536 else WRONG


_EXTENDED_MAX = {
    0x4C: 0xFFFF,
    0x6B: 7200,
}  # GS ( L graphics, GS ( k two-dimensional codes; others are settings
_EXTENDED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_GRAPHICS = frozenset(
    {0, 1, 2, 3, 4, 48, 49, 50, 51, 52, 64, 65, 66, 67, 68, 69, 80, 81, 82, 83, 84, 85, 112, 113}
)


def _extended(data: bytes, at: int) -> int:
    """GS ( x, FS ( x, ESC ( x: pL pH, then p bytes."""
    if len(data) - at < 3:
        return MORE
    kind, size = data[at], _u16(data, at + 1)
    if kind not in _EXTENDED or size > _EXTENDED_MAX.get(kind, 1024):
        return WRONG
    if size > 1 and kind in _EXTENDED_MAX:
        if len(data) - at < 5:
            return MORE
        group, function = data[at + 3], data[at + 4]
        good = (
            function in _GRAPHICS and group in (0, 48)
            if kind == 0x4C
            else 48 <= group <= 56 and function >= 65
        )
        # Epson's m is 48; printers and escpos-tools take any, so only long ones must say it right
        if not good and size > 64:
            return WRONG
    return 3 + size


def _extended_long(data: bytes, at: int) -> int:
    """GS 8 L p1 p2 p3 p4, then p bytes: GS ( L for large pictures."""
    if len(data) - at < 7:
        return MORE
    if data[at] != 0x4C or data[at + 5] not in (0, 48) or data[at + 6] not in _GRAPHICS:
        return WRONG
    return _picture(5 + int.from_bytes(data[at + 1 : at + 5], "little"))


def _windows_bitmap(data: bytes, at: int) -> int:
    """GS D m fn a kc1 kc2 b, then a BMP file, which says its own size."""
    if len(data) - at < 12:
        return MORE
    if data[at] != 48 or data[at + 1] not in (67, 83) or data[at + 6 : at + 8] != b"BM":
        return WRONG
    return _picture(6 + int.from_bytes(data[at + 8 : at + 12], "little"))


def _counter(data: bytes, at: int) -> int:
    """GS C 0 m n; GS C 1 a b n r; GS C 2 n; GS C ; a ; b ; n ; r ; c ; in decimal digits."""
    if at >= len(data):
        return MORE
    fixed = {0x30: 3, 0x31: 7, 0x32: 3, 0: 3, 1: 7, 2: 3}.get(data[at])
    if fixed is not None:
        return fixed
    if data[at] != 0x3B:
        return WRONG
    end = at
    for _ in range(6):
        end = data.find(b";", end, at + 40) + 1
        if end == 0:
            return WRONG if len(data) - at >= 40 else MORE
    return end - at


def _memory(data: bytes, at: int) -> int:
    """FS g 1 m a1 a2 a3 a4 nL nH d… writes, FS g 2 m a1 a2 a3 a4 nL nH reads."""
    if len(data) - at < 8:
        return MORE
    size = _u16(data, at + 6)
    if data[at] not in b"12" or size > 1024:
        return WRONG
    return 8 + size if data[at] == 0x31 else 8


def _cheque(data: bytes, at: int) -> int:
    """FS a 0 n reads, FS a 1 puts the cheque in place, FS a 2 gives it out."""
    if at >= len(data):
        return MORE
    return {0: 2, 0x30: 2, 1: 1, 0x31: 1, 2: 1, 0x32: 1}.get(data[at], WRONG)


def _status(data: bytes, at: int) -> int:
    """DLE EOT n, or DLE EOT n a for the three that name a device."""
    if at >= len(data):
        return MORE
    if data[at] in (7, 8, 18):
        return 2
    return 1 if data[at] <= 8 else WRONG


def _real_time(data: bytes, at: int) -> int:
    """DLE DC4 fn …: drawer pulse, power off, buzzer, status, clear buffer."""
    if at >= len(data):
        return MORE
    return {1: 3, 2: 3, 3: 6, 7: 2, 8: 8}.get(data[at], WRONG)


def _stored_picture_head(data: bytes, at: int) -> int:
    """FS q n: the pictures themselves, each with its own head, are `stored_picture` n times."""
    if at >= len(data):
        return MORE
    return 1 if data[at] else WRONG


def stored_picture(data: bytes, at: int) -> int:
    """One picture of FS q: xL xH yL yH, then 8·x·y bytes. Length including the head, MORE or WRONG."""
    if len(data) - at < 4:
        return MORE
    wide, high = _u16(data, at), _u16(data, at + 2)
    return 4 + wide * high * 8 if 1 <= wide <= 1023 and 1 <= high <= 288 else WRONG


def _fixed(starter: bytes, sizes: dict[int, bytes]) -> dict[bytes, Command]:
    """Commands of fixed length that need no name of their own: {argument bytes: opcodes}."""
    return {starter + bytes([op]): Command("setting", size) for size, ops in sizes.items() for op in ops}


ESC, FS, GS, DLE = b"\x1b", b"\x1c", b"\x1d", b"\x10"

COMMANDS: dict[bytes, Command] = {
    **_fixed(
        ESC,
        {
            0: b"2<v0145oq",  # line spacing, home, paper status, slip; 0 1 4 5 spacing and italics (clone)
            1: b"! -%?=EFGMTUV{rau9s",  # styles; r colour, u status, F slip, 9 code (clone)
            2: b"cfB8",  # c and a digit: sensors; f wait; B buzzer, 8 sleep (clone)
            3: b"7C",  # heating, buzzer and light (clone)
            8: b"W",  # area in page mode
        },
    ),
    **_fixed(
        GS,
        {
            0: b":c<",  # macro, counter, home
            1: b"!BHhwfbar/IETjxn",  # styles, bar code settings, questions to the printer
            2: b"LWP\\$A",  # margins, motion unit, vertical places in page mode
            3: b"^z",  # run a macro, off-line wait
            4: b"g",  # maintenance counter
        },
    ),
    **_fixed(FS, {0: b"\x0e\x14", 1: b"!-W", 2: b"SDp?T"}),
    ESC + b"@": Command("initialise", 0),
    ESC + b"L": Command("page mode", 0),
    ESC + b"S": Command("standard mode", 0),
    ESC + b"\x0c": Command("print page", 0),
    ESC + b"i": Command("cut", 0),
    ESC + b"m": Command("cut", 0),
    ESC + b"d": Command("feed lines", 1),
    ESC + b"e": Command("feed back lines", 1),
    ESC + b"J": Command("feed dots", 1),
    ESC + b"K": Command("feed back dots", 1),
    ESC + b"3": Command("line spacing", 1),
    ESC + b"t": Command("code page", 1),
    ESC + b"R": Command("country", 1),
    ESC + b"$": Command("place", 2),
    ESC + b"\\": Command("move", 2),
    ESC + b"p": Command("drawer", 3),
    ESC + b"W": Command("page area", 8),
    ESC + b"D": Command("tabs", _up_to_nul(34)),
    ESC + b"c": Command("sensors", _one_of(b"012345", 2)),
    ESC + b"*": Command("picture", _bit_image, picture=True),
    ESC + b"&": Command("own characters", _own_characters),
    ESC + b"(": Command("setting", _extended),
    ESC + b"Z": Command("two-dimensional code", _qr_of_clones),
    GS + b"\x0c": Command("print label", 0),
    GS + b"$": Command("vertical place", 2),
    GS + b"\\": Command("vertical move", 2),
    GS + b"V": Command("cut", _cut),
    GS + b"k": Command("bar code", _barcode),
    GS + b"(": Command("extended", _extended),
    GS + b"8": Command("picture", _extended_long, picture=True),
    GS + b"v": Command("picture", _raster, picture=True),
    GS + b"Q": Command("picture", _raster, picture=True),
    GS + b"*": Command("own picture", _own_picture, picture=True),
    GS + b"D": Command("picture", _windows_bitmap, picture=True),
    GS + b"C": Command("counter", _counter),
    FS + b"&": Command("two-byte on", 0),
    FS + b".": Command("two-byte off", 0),
    FS + b"C": Command("two-byte code", 1),
    FS + b"a": Command("cheque reader", _cheque),
    FS + b"p": Command("print stored picture", 2, picture=True),
    FS + b"q": Command("store pictures", _stored_picture_head),
    FS + b"2": Command("own two-byte character", 74),
    FS + b"g": Command("memory", _memory),
    FS + b"(": Command("setting", _extended),
    DLE + b"\x04": Command("status", _status),
    DLE + b"\x05": Command("real-time request", _one_of(b"\x00\x01\x02", 1)),
    DLE + b"\x14": Command("real-time", _real_time),
}
