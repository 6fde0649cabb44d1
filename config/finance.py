"""The settings of head office's server about the finance department."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from config.mistakes import _
from config.shape import Section


def _code(default: str, description: str) -> Any:
    return Field(default=default, pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$", description=description)


class FinanceSettings(Section):
    """Which of the finance department's accounts each kind of account in the ledger is booked to.

    The codes are texts: put them in quotes. Two kinds may have the same. Points have the same codes with a P
    in front.
    """

    available: str = _code("2205.01", _("What holders of cards may spend."))
    held: str = _code("2205.02", _("What is set aside for payments under way."))
    escrow: str = _code("2205.03", _("What stores hold to be paid with."))
    cash: str = _code("1001.01", _("Cash taken for cards and top-ups."))
    bank: str = _code("1002.01", _("Money taken for cards and top-ups by any other tender."))
    adjusted: str = _code("6711.02", _("Corrections of what is on cards: no money was taken or paid."))
    refunded: str = _code("1001.02", _("Cash paid back to holders of cards."))
    captured: str = _code("6001.01", _("Sales that were paid by card."))
    bonus: str = _code("6601.01", _("Bonus money given with top-ups."))
    forfeited: str = _code("6301.01", _("Value that expired and was not re-activated."))
    loss: str = _code("6711.01", _("What stores were declared to have lost."))
    partner: str = _code("2241.01", _("What partners are owed."))
