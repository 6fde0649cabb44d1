"""Money: integer minor units and a currency (ISO 4217), never a float."""

from __future__ import annotations

import re
from typing import Self

import msgspec

from sync.contract.errors import BadId

# Digits after the point; ISO 4217 lists the few currencies that do not have two. Points are whole.
_EXPONENT = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "TND": 3, "PTS": 0}
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,16})(?:\.([0-9]{1,3}))?")
MINOR_MAX = 2**53  # stays exact in every JSON reader, and is more than any shop will ever owe


def exponent(currency: str) -> int:
    """How many digits stand after the point. Raises BadId when `currency` is no ISO 4217 code."""
    if not _CURRENCY.fullmatch(currency):
        raise BadId(f"{currency!r} is no currency: three capital letters, as CNY")
    return _EXPONENT.get(currency, 2)


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount in minor units (fen, cent) of one currency."""

    minor: int
    currency: str

    def __add__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.minor - other.minor, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{format_minor(self.minor, self.currency)} {self.currency}"

    def _same(self, other: Self) -> None:
        if self.currency != other.currency:
            raise BadId(f"cannot add {other.currency} to {self.currency}: convert first")


def parse_minor(text: str, currency: str) -> int:
    """Minor units of a plain decimal: ``parse_minor("12.5", "CNY") == 1250``.

    Raises BadId when it is no number, has more decimals than the currency, or is past `MINOR_MAX`.
    """
    digits = exponent(currency)
    match = _AMOUNT.fullmatch(text.strip())
    if not match or len(match[3] or "") > digits:
        raise BadId(f"{text!r} is no amount of {currency}: digits and at most {digits} decimals")
    scale: int = 10**digits
    minor = int(match[2]) * scale + int((match[3] or "").ljust(digits, "0") or 0)
    if minor > MINOR_MAX:
        raise BadId(f"{text!r} is more than any amount of {currency} can be")
    return -minor if match[1] == "-" else minor


def format_minor(minor: int, currency: str) -> str:
    """``format_minor(1250, "CNY") == "12.50"``; the sign in front, no grouping."""
    digits = exponent(currency)
    sign, whole = ("-" if minor < 0 else ""), abs(minor)
    if digits == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"
