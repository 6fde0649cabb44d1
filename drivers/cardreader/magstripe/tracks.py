"""What a track says, and whose card it is.

    track 1   % B 6287019900000010 ^ DOE/JANE MEMBER ^ 3012 101 0000000 ?
                format  number       surname/given     YYMM service  discretionary
    track 2   ; 6287019900000010 = 3012 101 0000000 ?
    track 3   ; or +  01 6287019900000010 = …  ?        (ISO 4909: the format has two digits)

Source: ISO/IEC 7811-2, 7813. Stored-value and loyalty cards keep less: 10, 19 or 21 digits, no check digit,
no '=', a month 51; so all of it but the number may be missing. A bank card is told by its number alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

TRACK_CHARACTERS_MAX = 120  # track 3 has 107
_TRACK1 = re.compile(r"([A-Z]?)([0-9][0-9 ]{2,39}[0-9])(?:\^([^^]*)(?:\^(.*))?)?", re.DOTALL)
_TRACK2 = re.compile(r"([0-9]{4,40})(?:[=D](.*))?", re.DOTALL)
_LOOSE = re.compile(r"([0-9]{4,40})(?:[^0-9](.*))?", re.DOTALL)
_AFTER = re.compile(r"(\d{2}(?:0[1-9]|1[0-2]))?(\d{3})?(.*)", re.DOTALL)
# Issuers' numbers of payment cards: 3 travel and JCB, 4 Visa, 5 Mastercard, 6 Discover, UnionPay, Maestro,
# and Mastercard's second row 2221 to 2720. At one length only, for others may begin so too: Mir 2200 to 2204,
# RuPay 81 and 82, Uzcard 8600, Humo 9860, Troy 9792, and UATP's 1 with 15 digits.
_PAYMENT = re.compile(
    r"[3456]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|(?:220[0-4]|8[12]\d\d|8600|9860|9792)\d{12}$|1\d{14}$"
)


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit (ISO/IEC 7812-1) of the others."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def luhn_of(number: str) -> bool | None:
    """`luhn`, or None for a number too short or long to be one of ISO/IEC 7812."""
    return luhn(number) if 13 <= len(number) <= 19 else None


def is_payment_card(number: str, prefixes: Sequence[str]) -> bool:
    """A bank's card, and not one of ours, whose numbers begin with `prefixes`."""
    return bool(_PAYMENT.match(number) and luhn_of(number) and not number.startswith(tuple(prefixes)))


def masked(number: str) -> str:
    """First six and last four: the most of a bank card that may be shown (PCI DSS 3.4)."""
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"


def read_track(track: int, body: str) -> dict[str, Any] | None:
    """The fields of a track's `body`, the text between its sentinels; None when it has no number."""
    return (read_track1, read_track2, read_track3)[track - 1](body)


def read_track1(body: str) -> dict[str, Any] | None:
    # Track 1 knows no small letters: those come from a keyboard with caps lock on.
    found = _TRACK1.fullmatch(body.upper())
    if found is None:
        return None
    name, after = found[3] or "", found[4]
    if after is None and name.isdecimal():
        name, after = "", name  # gift cards have no name, and not always its place
    surname, slash, given = name.partition("/")
    return {
        "format": found[1] or None,
        "number": found[2].replace(" ", ""),
        "surname": surname.strip() or None,
        "given": given.strip() if slash else None,
        **_after(after),
    }


def read_track2(body: str) -> dict[str, Any] | None:
    found = _TRACK2.fullmatch(body) or _LOOSE.fullmatch(body)
    return None if found is None else {"number": found[1], **_after(found[2])}


def read_track3(body: str) -> dict[str, Any] | None:
    found = _LOOSE.fullmatch(body)
    if found is None:
        return None
    number, rest = found[1], found[2]
    iso4909 = rest is not None and len(number) >= 10
    return {
        "format": number[:2] if iso4909 else None,
        "number": number[2:] if iso4909 else number,
        "discretionary": rest,
    }


def _after(rest: str | None) -> dict[str, str | None]:
    """What follows the number. A date with a month 51 is no date, and then all of it is discretionary."""
    found = _AFTER.fullmatch(rest or "")
    assert found is not None
    expiry, service_code, discretionary = found.groups()
    if expiry is None:
        service_code, discretionary = None, rest
    return {"expiry": expiry, "service_code": service_code, "discretionary": discretionary or None}


def xor_lrc(track: int, body: str) -> str | None:
    """The check character of a track, sentinels included; None when it has characters it cannot have."""
    base, most = (0x20, 0x3F) if track == 1 else (0x30, 0x0F)
    sentinel = "%" if track == 1 else ";"
    values = [ord(character) - base for character in f"{sentinel}{body}?"]
    if not all(0 <= value <= most for value in values):
        return None
    check = 0
    for value in values:
        check ^= value
    return chr(base + check)
