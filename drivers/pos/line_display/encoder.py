"""Two lines → the bytes that show them, in either dialect: the reader's other half.

    CD5220   0C  1B 2A 04  1B 51 41 …20 bytes… 0D  1B 51 42 …20 bytes… 0D
    Epson    0C  1F 58 04  1B 74 10  1F 24 01 01 …20 bytes…  1F 24 01 02 …20 bytes…

A display never answers, so every screen says all there is to say: one that was switched on meanwhile, or
lost a byte, is right again with the next.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

from drivers.pos.codepages import CODE_PAGES
from drivers.pos.line_display.screen import COLUMNS, Screen

Dialect = Literal["cd5220", "epson"]

WIDE = "gbk"  # the page in which a character above ASCII takes two places
_PAGE_NUMBERS = {codec: number for number, codec in reversed(CODE_PAGES.items())}
# What accents do not account for: unicodedata takes no letter apart that is one of its own.
_LATIN_PLAIN = 'ss ae AE oe OE o O l L d D d D th Th i \' \' " " " - - ... . x *'.split()  # noqa: SIM905
_LATIN = str.maketrans(dict(zip("ßæÆœŒøØłŁđĐðÐþÞı’‘“”„–—…·×●", _LATIN_PLAIN, strict=True)))


def pages() -> list[str]:
    """The code pages that can be chosen."""
    return ["ascii", WIDE, *sorted({codec for codec in CODE_PAGES.values() if _python_has(codec)})]


def characters(text: str, page: str) -> tuple[bytes, bool]:
    """The text in `page`, and whether every letter of it is there.

    What the page lacks becomes its nearest relative, or is left out: never a byte that shows as something
    else, and never one that the display would take for a command.
    """
    out, whole = bytearray(), True
    for char in text:
        raw = _character(char, page)
        whole = whole and (bool(raw) or not char.isalpha())
        out += raw
    return bytes(out), whole


def encode_screen(
    dialect: Dialect,
    upper: bytes,
    lower: bytes,
    *,
    page: str = "ascii",
    brightness: int = 0,
    first: bytes = b"",
) -> bytes:
    """A whole screen of two lines; what does not fit is cut, never in the middle of a character.

    `brightness` 1 to 4, or 0: as it is. `first`: bytes of the display's own, sent behind the clearing.
    """
    lines = [fitted(line, COLUMNS, page) for line in (upper, lower)]
    if dialect == "cd5220":
        bright = b"\x1b*" + bytes([brightness]) if brightness else b""
        return b"\x0c" + bright + first + b"".join(_string(row, line) for row, line in enumerate(lines))
    bright = b"\x1fX" + bytes([brightness]) if brightness else b""
    table = b"\x1bt" + bytes([_PAGE_NUMBERS[page]]) if page in _PAGE_NUMBERS else b""
    placed = b"".join(b"\x1f$" + bytes([1, row]) + line for row, line in enumerate(lines, 1))
    return b"\x0c" + bright + table + first + b"\x1f\x01" + placed


def encode_again(dialect: Dialect, screen: Screen, *, locked: bool, first: bytes = b"") -> bytes:
    """What another program had shown, in the bytes it had said, with the cursor where it had left it."""
    rows = [b"".join(cell.raw[:1] if cell else b" " for cell in row) for row in screen.rows]
    if dialect == "cd5220" and locked:
        return b"\x0c" + first + b"".join(_string(row, line) for row, line in enumerate(rows))
    goto, mode = (b"\x1bl", b"\x1b") if dialect == "cd5220" else (b"\x1f$", b"\x1f")
    modes = {"overwrite": 1, "vertical": 2, "horizontal": 3}
    base = 0x10 if dialect == "cd5220" else 0
    page = next((cell.style.page for row in screen.rows for cell in row if cell), None)
    table = b"\x1bt" + bytes([page]) if dialect == "epson" and page is not None else b""
    placed = b"".join(goto + bytes([1, row]) + line for row, line in enumerate(rows, 1))
    back = goto + bytes([screen.column + 1, screen.row + 1])
    mode_back = mode + bytes([base + modes[screen.mode]]) if screen.mode != "overwrite" else b""
    return b"\x0c" + table + first + mode + bytes([base + 1]) + placed + back + mode_back


def fitted(raw: bytes, places: int, page: str) -> bytes:
    """Exactly so many places: padded with spaces, or cut between two characters."""
    if len(raw) > places:
        raw = raw[:places]
        if page == WIDE and _half_a_character(raw):
            raw = raw[:-1]
    return raw.ljust(places)


def _string(row: int, line: bytes) -> bytes:
    return b"\x1bQ" + b"AB"[row : row + 1] + line + b"\r"


def _character(char: str, page: str) -> bytes:
    for tried in (char, unicodedata.normalize("NFKC", char), _plain(char)):
        try:
            raw = tried.encode(page)
        except UnicodeEncodeError:
            continue
        if all(byte >= 0x20 and byte != 0x7F for byte in raw):
            return raw
    return b""


def _plain(char: str) -> str:
    """Without its accents."""
    parts = unicodedata.normalize("NFKD", char.translate(_LATIN))
    return "".join(part for part in parts if not unicodedata.combining(part))


def _half_a_character(raw: bytes) -> bool:
    """Whether the last byte is the first of two."""
    at = 0
    while at < len(raw):
        at += 2 if raw[at] >= 0x81 else 1
    return at > len(raw)


def _python_has(codec: str) -> bool:
    try:
        "".encode(codec)
    except LookupError:
        return False
    return True
