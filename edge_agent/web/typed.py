"""What somebody typed, or a keyboard-wedge reader typed for them, as questions to the till.

A wedge sends a card's tracks as text: those go through the same decoder as a serial reader's, so a bank
card is refused here too. Plain digits may be a card number or a telephone number: both are asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from drivers.base import Decoder
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown, PhoneGiven, Question

TYPED_MAX_CHARS = 300  # three tracks are 79 + 40 + 107
Refusal = Literal["payment_card", "misread", "track_mismatch"]

_TRACKS = re.compile(r"[%;+].*\?", re.DOTALL)
_SPACES = re.compile(r"[\s\-().]")
_PAN_DIGITS = range(13, 20)  # a bank card's number, ISO/IEC 7812
_PHONE_DIGITS = range(5, 16)  # a subscriber's number, ITU-T E.164


def read_typed(text: str, wedge: Callable[[], Decoder]) -> list[Question] | Refusal:
    """The questions that `text` may mean, likeliest first; or why it is refused.

    `wedge` gives a fresh magstripe decoder. Raises ValueError when it is neither card nor telephone number.
    """
    text = text.strip()[:TYPED_MAX_CHARS]
    if _TRACKS.search(text):
        return _from_tracks(text, wedge())
    plain = _SPACES.sub("", text)
    digits = plain.removeprefix("+")
    if digits.isascii() and digits.isdigit():
        return _from_digits(plain, digits, wedge)
    if 4 <= len(plain) <= 64 and plain.isascii() and plain.isalnum():
        return [CardShown(number=plain.upper(), technology="keyboard")]
    raise ValueError("neither a card nor a telephone number")


def _from_digits(plain: str, digits: str, wedge: Callable[[], Decoder]) -> list[Question] | Refusal:
    questions: list[Question] = []
    if len(digits) in _PAN_DIGITS and plain == digits:
        found = _from_tracks(f";{digits}?", wedge())
        if found == "payment_card":
            return found
    if len(digits) in _PHONE_DIGITS:
        questions.append(PhoneGiven(phone=plain))
    if plain == digits and 4 <= len(digits) <= 64:
        questions.append(CardShown(number=digits, technology="keyboard"))
    if not questions:
        raise ValueError("neither a card nor a telephone number")
    return questions


def _from_tracks(text: str, decoder: Decoder) -> list[Question] | Refusal:
    heard = decoder.feed(text.encode("ascii", "replace") + b"\r", 0)
    if decoder.wake_at_ms is not None:
        heard += decoder.wake(decoder.wake_at_ms)
    for each in heard:
        if isinstance(each.what, CardShown):
            return [
                CardShown(number=each.what.number, technology="keyboard", confidence=each.what.confidence)
            ]
        if isinstance(each.what, CardRefused) and each.what.reason != "pin":
            return each.what.reason
    return "misread"
