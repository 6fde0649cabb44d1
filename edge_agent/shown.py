"""What the pages of a till show as it happens: cards, money that moved, and what has become known since."""

from __future__ import annotations

import datetime as dt
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sync.contract.questions import (
    Answer,
    MemberKnown,
    MoneyQuestion,
    Paid,
    Refunded,
    ToppedUp,
    Undone,
)

BIRTHDAY_NEAR_DAYS = 3


class Swipe(msgspec.Struct, frozen=True):
    """What a till page shows: a card or telephone number, and the answer."""

    till: str
    wall_ms: int
    card: str = ""  # token; empty when refused
    technology: str = ""
    answer: Answer | None = None
    refused: str = ""  # payment_card, misread, track_mismatch; then there is no answer
    birthday_near: bool = False
    aside: Literal["", "receipt", "paid", "long_ago"] = ""  # why it must be shown again before it pays
    receipt: str = ""  # that took it, when the till printed a number

    @property
    def known(self) -> bool:
        return isinstance(self.answer, MemberKnown)

    @property
    def member(self) -> str:
        return self.answer.member if isinstance(self.answer, MemberKnown) else ""

    @property
    def name(self) -> str:
        """Masked; empty when nobody is known by it."""
        return self.answer.name if isinstance(self.answer, MemberKnown) else ""


class ShownCard(NamedTuple):
    """The last card of a till, waiting for its receipt."""

    card: str  # token
    member: str
    mono_ms: int
    paid: str = ""  # `txn` of what a payment terminal did with it: it does no more for one until shown again


class Deed(msgspec.Struct, frozen=True):
    """Money has moved at a till; the question is without its PIN."""

    till: str
    question: MoneyQuestion
    answer: Paid | Refunded | ToppedUp | Undone


class News(msgspec.Struct, frozen=True):
    """More is known of the card that stands on a till's page: what it holds."""

    till: str


class Claimed(msgspec.Struct, frozen=True):
    """A receipt printed at a till; the card shown before it is on it, and pays no more unless shown again."""

    till: str
    receipt: str
    card: str = ""  # token; empty: nobody had shown one


class Wanted(msgspec.Struct, frozen=True):
    """A payment terminal waits at the till for a card or a PIN; with neither, it does not any more."""

    till: str
    what: Literal["card", "pin", ""]
    amount_minor: int = 0
    currency: str = ""
    again: bool = False  # the PIN before was wrong
    number: int = 0  # of the wait: the page sends it back with the PIN


Shown = Swipe | Deed | News | Claimed | Wanted


def birthday_near(birthday: str, now_ms: int, zone: ZoneInfo | None = None) -> bool:
    """Whether the MM-DD is within three days of that moment, in the store's time zone (None: the box's)."""
    try:
        today = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).astimezone(zone).date()
        month, day = (int(part) for part in birthday.split("-"))
        days = [
            dt.date(year, month, min(day, 28) if month == 2 else day)
            for year in range(today.year - 1, today.year + 2)
        ]
    except (ValueError, OverflowError, OSError):
        return False
    return any(abs((each - today).days) <= BIRTHDAY_NEAR_DAYS for each in days)
