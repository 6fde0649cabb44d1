"""Card readers that are keyboards: key strokes become tracks or a line, those become a card.

    KEY_SEMICOLON 1, 0 | KEY_6 1, 0 | … | KEY_ENTER 1, 0        events of ../keyboard.py
           ;                6         …

Tracks follow the rules of the magnetic stripe (../magstripe/swipe.py): a bank's card is dropped, %E? is a
track that could not be read. Any other line of 4 to 64 letters and digits is a number: of a 125 kHz or
13.56 MHz reader, or of a bar code on a card.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from drivers.base import Heard, Note
from drivers.cardreader.keyboard import DROPPED
from drivers.cardreader.magstripe.keys import KeySwipes, Line
from drivers.cardreader.magstripe.options import StripeOptions
from drivers.cardreader.magstripe.swipe import Swipe, judge
from drivers.cardreader.magstripe.tracks import is_payment_card, masked
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

_NUMBER = re.compile(r"[0-9A-Za-z]{4,64}")
_BETWEEN = re.compile(r"[\s\-]")  # the groups in which some numbers are typed
_DECIMAL = re.compile(r"[0-9]{8,10}")


class WedgeOptions(StripeOptions):
    """Which lines are cards, and how their numbers are written."""

    lines: Literal["as_typed", "decimal_to_hex", "ignore"] = Field(
        default="as_typed",
        description="A line without tracks: its text is the number; or its 8 to 10 decimal digits are, as "
        "eight hex digits, so that it equals what other readers say; or it is nothing.",
    )
    prefix: str = Field(
        default="",
        pattern="^[0-9A-F]{0,16}$",
        description="Hex digits to stand before a line's number, to equal a reader that says more of it: an "
        "RDM6300 says the two of the tag's version too.",
    )


class WedgeDecoder:
    """Tracks and lines become cards or refusals."""

    def __init__(self, options: WedgeOptions) -> None:
        self._options = options
        self._keys = KeySwipes()
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        typed = self._keys.feed(chunk)
        self.wake_at_ms = now_ms + self._options.idle_ms if self._keys.waiting else None
        return self._judged(typed)

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        self.wake_at_ms = None
        return self._judged(self._keys.pause())

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""

    def _judged(self, typed: list[Swipe | Line]) -> list[Heard]:
        options = self._options
        heard: list[Heard] = []
        for one in typed:
            if isinstance(one, Swipe):
                heard += judge(one, till=options.till, prefixes=options.prefixes)
            elif one.terminator == DROPPED:
                heard.append(Heard(one.at_byte, Note("line", {"error": "dropped"}, "dropped")))
            elif options.lines != "ignore":
                heard += self._judge_line(one)
        return heard

    def _judge_line(self, line: Line) -> list[Heard]:
        options = self._options
        number = _BETWEEN.sub("", line.text)
        fields: dict[str, Any] = {"terminator": line.terminator or None, "event_size": line.event_size}
        if number.isdecimal() and is_payment_card(number, options.prefixes):
            fields |= {
                "kind": "payment_card",
                "must_not_store": True,
                "masked": masked(number),
                "error": "payment_card_refused",
            }
            return [
                Heard(line.at_byte, Note("line", fields, "payment_card")),
                Heard(line.at_byte, CardRefused(till=options.till, reason="payment_card")),
            ]
        if options.lines == "decimal_to_hex" and (number := _hex(number)) == "":
            fields["error"] = "not_decimal"
            return [Heard(line.at_byte, Note("line", fields, "not_decimal"))]
        number = options.prefix + number.upper()
        if not _NUMBER.fullmatch(number):
            # What it is we do not know, so it is not shown: it may have been typed by a person.
            fields |= {"characters": len(line.text), "error": "format"}
            return [Heard(line.at_byte, Note("line", fields, "format"))]
        fields |= {"text": line.text, "number": number, "kind": "member"}
        return [
            Heard(line.at_byte, Note("line", fields)),
            Heard(line.at_byte, CardShown(number, "keyboard")),
        ]


def _hex(number: str) -> str:
    """``0011649747`` as ``00B1C2D3``; empty when it is no decimal of 32 bits."""
    if not _DECIMAL.fullmatch(number) or int(number) >= 1 << 32:
        return ""
    return f"{int(number):08X}"
