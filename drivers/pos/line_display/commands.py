"""The words that displays know, of both dialects at once, each with the number of its argument bytes.

    1B 51 41 'Milk' 0D      CD5220   ESC Q A text CR: the upper line, whole
    1B 6C 01 02             CD5220   ESC l column row
    1F 24 01 02             Epson    US $ column row
    0C  0B  18              both     clear, home, clear this line

No word means one thing in one dialect and another in the other, so what a till speaks need not be known.
From Epson's "DM-D series" guides, Partner Tech's CD5220 manual and those of their relatives.
"""

from __future__ import annotations

from collections.abc import Callable

MORE = -1  # the head of the command is not whole
HELD_MAX_BYTES = 1024  # glyphs for 95 characters of 5 bytes are 577; what is longer is no command

Length = int | Callable[[bytes], int]
"""Argument bytes, or a function of those that are there: how many in all, or MORE."""

ESC, FS, US, DLE = 0x1B, 0x1C, 0x1F, 0x10
STARTERS = frozenset({ESC, FS, US, DLE})


def _glyphs(args: bytes) -> int:
    """ESC & s n m, then for each character from n to m its width a and a·s bytes; or 5 bytes (CD5220)."""
    if len(args) < 4:
        return MORE
    rows, first, last = args[0], args[1], args[2]
    if not 1 <= rows <= 3 or first > last:
        return 3
    end = 3
    for _ in range(first, last + 1):
        if end >= len(args):
            return MORE
        if args[end] > 8:  # no width: CD5220 has five bytes for each character, and no heads
            return 3 + 5 * (last - first + 1)
        end += 1 + rows * args[end]
    return end


def _window(args: bytes) -> int:
    """Epson: ESC W n m, and two corners when m chooses the window. CD5220: ESC W s x1 x2 y."""
    if len(args) < 2:
        return MORE
    if args[0] == 0 or args[1] not in (0, 1, 48, 49):
        return 4
    return 6 if args[1] in (1, 49) else 2


def _greeting(args: bytes) -> int:
    """ESC b line C8 line C8 (CD5220): shown after power-on."""
    end = args.find(0xC8, args.find(0xC8) + 1) if args.count(0xC8) > 1 else -1
    return end + 1 if end >= 0 else MORE if len(args) < 64 else 0


def _extended(args: bytes) -> int:
    """US ( x pL pH, then p bytes."""
    if len(args) < 3:
        return MORE
    return min(3 + args[1] + 256 * args[2], HELD_MAX_BYTES)


def _place(args: bytes) -> int:
    """US $ column row. LCDd writes both as two decimal digits, with a NUL behind: nobody has 48 columns."""
    if len(args) < 2:
        return MORE
    return 4 if args[:2].isdigit() else 2


def _all(starter: int, sizes: dict[int, bytes]) -> dict[bytes, Length]:
    return {bytes([starter, op]): size for size, ops in sizes.items() for op in ops}


LENGTHS: dict[bytes, Length] = {
    **_all(ESC, {0: b"@\x11\x12\x13", 1: b"=tRfc*_?%[sdQu#", 2: b"l"}),
    **_all(US, {0: b"\x01\x02\x03\x0a\x0dB@:U", 1: b"CXErv.,;", 2: b"T^#"}),
    **_all(FS, {0: b"&."}),
    **_all(DLE, {1: b"\x04\x05"}),
    b"\x1b&": _glyphs,
    b"\x1bW": _window,
    b"\x1bb": _greeting,
    b"\x1f(": _extended,
    b"\x1f$": _place,
}
BINARY = frozenset({b"\x1b&", b"\x1f("})  # arguments that may be any bytes, ESC among them


def length(command: bytes) -> int | None:
    """How long the command is that begins so, its two bytes included; MORE, or None when there is none."""
    known = LENGTHS.get(command[:2])
    if known is None:
        return None
    size = known if isinstance(known, int) else known(command[2:])
    return MORE if size == MORE else 2 + size
