"""Numbers as tills print them: 1,234.50  1.234,50  ¥7.0  5.00-  -€ 3,20  0.452."""

from __future__ import annotations

import re

CURRENCY = r"[¥$€£]"
# Ç, ╒, ı and so on: what becomes of a euro sign that the printer has on another code page
_LATER_SIGN = r"(?:\s?(?:[€$£¥元Ç╒ıÕñ¤�?]|EUR|RMB|CNY|USD|GBP|JPY))?"
_CODE = r"(?:\s?[*#]|\s?[A-Z]{1,2})?"  # a tax letter, or a star for what earns no points
TRAILER = _LATER_SIGN + _CODE
_NO_FIGURE, _NO_DIGIT = re.compile(r"[^\d.,']"), re.compile(r"\D")

# What is printed in full width, or as another character for the same thing; one for one, so places stay
_PLAIN = str.maketrans(
    "０１２３４５６７８９．，：；（）－−＋＊／％＃￥＄　ＸｘＡＢＣＤ×｜|│┃║",
    "0123456789.,:;()--+*/%#¥$ XxABCDx     ",
)


def plain(line: str) -> str:
    """The line with half-width digits and signs, as long as before, so that places in it are the same."""
    return line.translate(_PLAIN)


def money_pattern(digits: int, *, whole: bool = False) -> str:
    """An expression for an amount with up to `digits` decimals; `whole` admits one without a point."""
    grouped = r"\d{1,3}(?:[,.']\d{3}){1,3}"
    if digits == 0:
        number = rf"(?:{grouped}|\d{{1,9}})"
    else:
        number = rf"(?:{grouped}|\d{{1,9}})[.,]\d{{1,{digits}}}"
        if whole:
            number = rf"(?:{number}|\d{{1,9}})"
    return rf"(?:-?(?:{CURRENCY}\s?)?-?{number}(?!\d)-?)"


def printed(text: str) -> str:
    """The amount as printed, without currency, the minus in front: ``printed("¥ 5.00-") == "-5.00"``."""
    digits = _NO_FIGURE.sub("", text)
    return f"-{digits}" if "-" in text else digits


def minor(text: str, digits: int) -> int:
    """Minor units of an amount as `printed` gives it; more decimals than `digits` are rounded half up."""
    return _scaled(text, digits)


def milli(text: str) -> int:
    """Thousandths of a quantity: ``milli("0,452") == 452``."""
    return _scaled(text, 3, thousands=False)


def _scaled(text: str, digits: int, *, thousands: bool = True) -> int:
    whole, _, fraction = text.partition(".")
    if len(fraction) == digits and whole.isdecimal() and (fraction.isdecimal() or not digits):
        return int(whole + fraction)  # as most are
    sign = -1 if "-" in text else 1
    bare = _NO_FIGURE.sub("", text)
    cut = max(bare.rfind("."), bare.rfind(","))
    fraction = bare[cut + 1 :] if cut >= 0 else ""
    if cut < 0 or (thousands and len(fraction) == 3 and digits < 3):
        whole, fraction = bare, ""
    else:
        whole = bare[:cut]
    whole = _NO_DIGIT.sub("", whole) or "0"
    padded = fraction.ljust(digits + 1, "0")
    value = int(whole) * 10**digits + int(padded[:digits] or 0)
    rounded: int = value + (1 if padded[digits] >= "5" else 0)
    return sign * rounded
