"""What is left of a personal field when it may be recognised but not read. Pure.

A till shows every customer behind it what it says, so names leave the centre masked: ``王**``, ``J*** D**``.
"""

from __future__ import annotations

import re

STARS_MAX = 8  # a longer word shows no more of its length than this
_WORD = re.compile(r"\S+")
_NON_DIGIT = re.compile(r"\D")


def masked_name(name: str) -> str:
    """``王小明`` → ``王**``, ``John Doe`` → ``J*** D**``; a name of one character shows nothing of it."""
    name = name.strip()
    if len(name) == 1:
        return "*"
    return _WORD.sub(lambda word: word[0][0] + "*" * min(len(word[0]) - 1, STARS_MAX), name)


def masked_phone(phone: str) -> str:
    """``+8613800138000`` → ``138****8000``; shorter ones show last digits only, never more than half."""
    digits = _NON_DIGIT.sub("", phone.removeprefix("+86"))
    if len(digits) < 4:
        return "*" * len(digits)
    head, tail = (3, 4) if len(digits) >= 11 else (0, min(4, len(digits) // 2))
    return digits[:head] + "*" * (len(digits) - head - tail) + digits[len(digits) - tail :]


def masked_email(email: str) -> str:
    """``jane@example.com`` → ``j***@example.com``."""
    local, at, domain = email.rpartition("@")
    if not at or not local:
        return "***" if email else ""
    return f"{local[0]}***@{domain}"


def masked(field: str, value: str) -> str:
    """`value` of the member's `field` as somebody without `members.personal` sees it."""
    if not value:
        return ""
    if field == "name":
        return masked_name(value)
    if field == "phone":
        return masked_phone(value)
    if field == "email":
        return masked_email(value)
    return "***"
