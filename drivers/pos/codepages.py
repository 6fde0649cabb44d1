"""Bytes of text → characters: code pages of printers and displays, and a judgement when nobody says.

Many tills send GBK to a Chinese printer without a word about it, and its library has just said `ESC t 0`
for the heading. So page 0 (the power-on page) is a hint and not a fact: where the bytes form Chinese of the
everyday kind they are read as GBK. A page chosen on purpose weighs more, and `FS .` rules Chinese out.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from drivers.pos import code_tables as tables

# ESC t n, as "number codec". Where Python has no codec for a page its nearest relation stands in.
_PAGES = """
    0 cp437       1 cp932       2 cp850       3 cp860       4 cp863       5 cp865      11 cp851
   12 cp853      13 cp857      14 cp737      15 iso8859_7  16 cp1252     17 cp866      18 cp852
   19 cp858      20 cp874      21 cp874      22 cp874      23 cp874      24 cp874      25 cp874
   26 cp874      30 cp1258     31 cp1258     32 cp720      33 cp775      34 cp855      35 cp861
   36 cp862      37 cp864      38 cp869      39 iso8859_2  40 iso8859_15 41 cp864      42 cp775
   43 cp775      44 cp1125     45 cp1250     46 cp1251     47 cp1253     48 cp1254     49 cp1255
   50 cp1256     51 cp1257     52 cp1258     53 kz1048
""".split()  # noqa: SIM905
CODE_PAGES: dict[int, str] = dict(zip(map(int, _PAGES[::2]), _PAGES[1::2], strict=True))
DEFAULT_PAGE = "cp437"
_LATIN = {
    *("cp437", "cp850", "cp858", "cp860", "cp863", "cp865", "cp852", "cp1252", "cp1250", "cp1254", "cp857"),
    *("iso8859_2", "iso8859_15"),
}

# ESC R n: what stands at these twelve places of ASCII
_COUNTRY_PLACES = "#$@[\\]^`{|}~"
_COUNTRIES: dict[int, str] = {
    1: "#$à°ç§^`éùè¨",
    2: "#$§ÄÖÜ^`äöüß",
    3: "£$@[\\]^`{|}~",
    4: "#$@ÆØÅ^`æøå~",
    5: "#¤ÉÄÖÅÜéäöåü",
    6: "#$@°\\é^ùàòèì",
    7: "₧$@¡Ñ¿^`¨ñ}~",
    8: "#$@[¥]^`{|}~",
    9: "#¤ÉÆØÅÜéæøåü",
    10: "#$ÉÆØÅÜéæøåü",
    11: "#$á¡Ñ¿é`íñóú",
    12: "#$á¡Ñ¿éüíñóú",
    13: "#$@[₩]^`{|}~",
    14: "#$ŽŠĐĆČžšđćč",
    15: "#¥@[\\]^`{|}~",
}
_COUNTRY_TABLES = {n: str.maketrans(_COUNTRY_PLACES, row) for n, row in _COUNTRIES.items()}

_ASCII = bytes(range(128))
_PAIR = re.compile(rb"([\x81-\xfe])([\x40-\x7e\x80-\xfe])|([\x80-\xff])")
# Level 1 of GB 2312: 3,755 characters, 99 % of what is printed; and punctuation
_ALL_EVERYDAY = re.compile(rb"(?:[\x00-\x7f]|[\xb0-\xd7\xa1-\xa3][\xa1-\xfe])*+")
_ALL_UTF8 = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*+"
)
_LONG = re.compile(rb"[\xe0-\xf4]")  # the first byte of a character of three bytes or four
_LATIN_UTF8 = re.compile(rb"(?<![\x80-\xff])(?:\xc2[\xa0-\xbf]|\xc3[\x80-\xbf])(?![\x80-\xff])")
_RULE = re.compile(rb"([\x80-\xff])\1{3,}")  # lines drawn with C4 or CD are no Chinese
_UNPRINTABLE = dict.fromkeys([*range(32), *range(127, 160)])


class Style(NamedTuple):
    """How the printer was told to read the bytes."""

    page: int | None = None  # of ESC t; None: never said
    two_byte: str | None = None  # codec of the two-byte mode (FS &); "" after FS .; None: never said
    country: int = 0  # of ESC R


class Piece(msgspec.Struct, gc=False):
    """Bytes under one style."""

    style: Style
    raw: bytes


def known(encoding: str) -> bool:
    """Whether there is a codec of that name, of Python's or of ours."""
    if encoding in tables.TABLES:
        return True
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


class Reader:
    """Reads the pieces of one receipt, having looked at all of them."""

    def __init__(
        self, pieces: Iterable[Piece], forced: str = "", pages: Mapping[int, str] | None = None
    ) -> None:
        self._pages = {**CODE_PAGES, **pages} if pages else CODE_PAGES
        self._forced = forced
        self._used: dict[str, list[bytes]] = {}  # by codec: what it read of what is above ASCII
        open_: list[bytes] = []
        on_purpose: list[bytes] = []
        for piece in pieces:
            if piece.style.two_byte is None and not piece.raw.isascii():
                (on_purpose if piece.style.page else open_).append(piece.raw)
        self._open = "" if forced else _judged(open_, few=1)
        self._purpose = "" if forced else _judged(on_purpose, few=4)

    @property
    def encoding(self) -> str:
        """The codec that read most of the bytes above ASCII, or would have."""
        if len(self._used) > 1:
            return max(self._used, key=lambda codec: sum(_written(raw) for raw in self._used[codec]))
        return next(iter(self._used), self._forced or DEFAULT_PAGE)

    def read(self, piece: Piece) -> str:
        """The characters of `piece`; what its codec does not know becomes U+FFFD."""
        raw = piece.raw
        if raw.isascii():
            text = raw.decode("ascii")
        else:
            codec = self._codec(piece.style)
            self._used.setdefault(codec, []).append(raw)
            text = tables.decoded(raw, codec)
        if piece.style.country in _COUNTRY_TABLES:
            text = text.translate(_COUNTRY_TABLES[piece.style.country])
        return text.translate(_UNPRINTABLE) if not text.isprintable() else text

    def _codec(self, style: Style) -> str:
        if self._forced:
            return self._forced
        if style.two_byte:
            return style.two_byte
        page = self._pages.get(style.page or 0, DEFAULT_PAGE)
        if style.two_byte is None and not style.page and self._open:
            return self._open
        if style.two_byte is None and style.page and self._purpose and page in _LATIN:
            return self._purpose
        return tables.KATAKANA if page == "cp932" and style.two_byte == "" else page


def _judged(pieces: list[bytes], few: int) -> str:
    """``"gbk"``, ``"utf-8"`` or ``""`` (neither): what unlabelled bytes are. `few`: characters it takes."""
    if not pieces:
        return ""
    utf8 = [piece for piece in pieces if _is_utf8(piece)]
    if len(utf8) * 2 > len(pieces):
        return "utf-8"
    written = _RULE.sub(b"", b"\n".join(pieces))
    if _ALL_EVERYDAY.fullmatch(written):  # as nearly every receipt is that has any
        return "gbk" if _high(written) // 2 >= few else ""
    everyday = other = 0
    for piece in pieces:
        common, rare = _chinese(_RULE.sub(b"", piece))
        if common >= 4 * rare:
            everyday += common
        elif _high(piece) * 3 < len(piece):
            other += rare  # a few accents in plain text; where most is above ASCII and no Chinese it is noise
    return "gbk" if everyday >= few and everyday >= 4 * other else ""


def _high(raw: bytes) -> int:
    """How many bytes are above ASCII."""
    return len(raw.translate(None, _ASCII))


def _written(raw: bytes) -> int:
    """How many bytes are above ASCII and no drawn line."""
    return _high(_RULE.sub(b"", raw))


def _chinese(raw: bytes) -> tuple[int, int]:
    """How many pairs are everyday Chinese, and how many bytes or pairs nobody would print."""
    everyday = other = 0
    for match in _PAIR.finditer(raw):
        lead, trail, alone = match.groups()
        if alone is not None:
            other += 2
        elif (b"\xb0" <= lead <= b"\xd7" or b"\xa1" <= lead <= b"\xa3") and trail >= b"\xa1":
            everyday += 1
        elif not (b"\xd8" <= lead <= b"\xf7" and trail >= b"\xa1"):
            other += 1  # level 2 counts for neither: names of goods have it, and Cyrillic looks like it
    return everyday, other


def _is_utf8(raw: bytes) -> bool:
    if not _ALL_UTF8.fullmatch(raw):
        return False
    # Two-byte forms alone may as well be GBK: 茅台 is C3 A9 CC A8, which is also "ę́"
    return bool(_LONG.search(raw)) or len(_LATIN_UTF8.findall(raw)) * 2 == _high(raw) > 0
