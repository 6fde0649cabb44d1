"""What the pages of a till show as it happens: cards, money that moved, and what has become known since."""

from __future__ import annotations

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


class Swipe(msgspec.Struct, frozen=True):
    """What a till page shows: a card or telephone number, and the answer."""

    till: str
    wall_ms: int
    card: str = ""  # token; empty when refused
    technology: str = ""
    answer: Answer | None = None
    refused: str = ""  # payment_card, misread, track_mismatch; then there is no answer
    birthday_near: bool = False

    @property
    def known(self) -> bool:
        return isinstance(self.answer, MemberKnown)

    @property
    def member(self) -> str:
        return self.answer.member if isinstance(self.answer, MemberKnown) else ""


class Deed(msgspec.Struct, frozen=True):
    """Money has moved at a till; the question is without its PIN."""

    till: str
    question: MoneyQuestion
    answer: Paid | Refunded | ToppedUp | Undone


class News(msgspec.Struct, frozen=True):
    """More is known of the card that stands on a till's page: what it holds."""

    till: str


Shown = Swipe | Deed | News
