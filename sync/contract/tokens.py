"""Names for secrets: a card number or telephone number as a keyed digest.

Edges never store a number in clear. The chain's `token_key`, given out at enrolment, turns what a reader
or a person says into the token that the centre indexes and that words and events carry. At rest in a
store the replica goes one step further and keys the token again with the store's own key
(`edge_agent/store/replica.py`), so that no two stores' disks can be joined.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from sync.contract.errors import BadId

TOKEN_HEX_DIGITS = 32
_CARD = re.compile(r"[0-9A-Za-z]{4,64}")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_TYPED_MAX = 64  # characters somebody may type for a telephone number


def card_token(token_key: bytes, number: str) -> str:
    """The token of a card number or UID: 32 hex digits; letters count as capitals. Raises BadId."""
    if not _CARD.fullmatch(number):
        raise BadId("no card number: 4 to 64 letters and digits")
    return _token(token_key, "card", number.upper())


def phone_token(token_key: bytes, phone: str, country: str = "86") -> str:
    """The token of a telephone number in international form. Raises BadId."""
    return _token(token_key, "phone", normal_phone(phone, country))


def normal_phone(phone: str, country: str = "86") -> str:
    """``normal_phone("138 0013-8000") == "+8613800138000"``. Raises BadId."""
    if len(phone) > _TYPED_MAX:
        raise BadId("no telephone number: too long")
    plain = re.sub(r"[\s().\-]", "", unicodedata.normalize("NFKC", phone))
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if not _PHONE.fullmatch(plain):
        raise BadId("no telephone number: 5 to 15 digits, perhaps with + in front")
    return plain if plain.startswith("+") else f"+{country}{plain.lstrip('0')}"


def _token(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()[:TOKEN_HEX_DIGITS]
