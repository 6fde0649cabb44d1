"""What a payment terminal asks beyond moving money: who pays, is it final, what was before, the day's sums.

Our agent is the terminal and a till its master, so a payment has two ends. It is taken with `Pay(held=True)`,
and on disk when `Paid` is told; it is *final* when the till has acknowledged that (`Confirm`), and undone by
itself when the till never does: its line is cut, or this box starts anew (ZVT PA00P015 2.2.8 says the same).

Questions are never stored and never travel. An empty `till` is the one that the device belongs to.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sync.contract.questions import Declined, MoneyAnswer


class CardAwaited(msgspec.Struct, frozen=True, tag_field="type", tag="card_awaited", kw_only=True):
    """Whose card is at the till, or will be within `limit_ms`? CardThere, or Declined `no_card`.

    Its answer comes when it comes: what is asked meanwhile is answered before it. While another device waits
    at that till, it is Declined at once, and so is a PIN. A till that has read the
    card itself gives its `number`: it is as if it was shown at the reader now.
    """

    limit_ms: int
    number: str = ""
    technology: str = "keyboard"  # of `number`, as `CardShown` has it
    amount_minor: int = 0  # for the till's page, which asks for the card
    currency: str = ""
    till: str = ""
    device: str = ""  # who waits; its session says it

    def __repr__(self) -> str:
        return f"CardAwaited({self.till!r}, {self.amount_minor})"  # never the number


class PinAwaited(msgspec.Struct, frozen=True, tag_field="type", tag="pin_awaited", kw_only=True):
    """The PIN, typed at the till's page within `limit_ms`: PinGiven, or Declined `pin_needed`."""

    limit_ms: int
    amount_minor: int = 0
    currency: str = ""
    again: bool = False  # the one before was wrong
    till: str = ""
    device: str = ""  # as of CardAwaited


class NeverMind(msgspec.Struct, frozen=True, tag_field="type", tag="never_mind", kw_only=True):
    """The device waits for no card and no PIN any more; its wait is Declined. Has no answer of its own."""

    till: str = ""
    device: str = ""  # as of CardAwaited


class Confirm(msgspec.Struct, frozen=True, tag_field="type", tag="confirm", kw_only=True):
    """The till has acknowledged the payment `txn`: Confirmed, or Declined `undone` or `unknown_sale`."""

    txn: str
    till: str = ""


class TxnAsked(msgspec.Struct, frozen=True, tag_field="type", tag="txn_asked", kw_only=True):
    """What became of the transaction `txn`, or of the newest whose number begins and ends so?

    TxnTold, or Declined `unknown_sale`.
    """

    txn: str = ""
    prefix: str = ""
    suffix: str = ""
    kind: str = ""  # the newest of this kind
    till: str = ""


class TxnsAsked(msgspec.Struct, frozen=True, tag_field="type", tag="txns_asked", kw_only=True):
    """The payments of that `prefix` since the till's sums were last closed: TxnsTold."""

    prefix: str
    limit: int  # so many of the newest
    till: str = ""


class DayAsked(msgspec.Struct, frozen=True, tag_field="type", tag="day_asked", kw_only=True):
    """The till's sums since they were last closed: Day. With `txn` it closes them, once."""

    txn: str = ""
    currency: str = ""
    till: str = ""


class CardThere(msgspec.Struct, frozen=True, tag_field="type", tag="card_there", kw_only=True):
    """A card or a member is at the till."""

    card: str  # token
    member: str = ""
    name: str = ""  # masked


class PinGiven(msgspec.Struct, frozen=True, tag_field="type", tag="pin_given", kw_only=True):
    """What the customer typed; for `Pay.pin`, and for nothing else."""

    pin: str

    def __repr__(self) -> str:
        return "PinGiven()"


class Confirmed(msgspec.Struct, frozen=True, tag_field="type", tag="confirmed", kw_only=True):
    """The payment is final, on disk."""


class Day(msgspec.Struct, frozen=True, tag_field="type", tag="day", omit_defaults=True, kw_only=True):
    """What a till did with members' money since its sums were last closed; payments undone are none."""

    number: int = 1  # of the closing that these sums belong to, or will
    since_ms: int = 0  # wall time of the closing before; 0: there was none
    currency: str = ""
    paid: int = 0
    paid_minor: int = 0
    refunded: int = 0
    refunded_minor: int = 0
    topped: int = 0
    topped_minor: int = 0


class TxnTold(msgspec.Struct, frozen=True, tag_field="type", tag="txn", kw_only=True):
    """A transaction as the till's journal has it."""

    txn: str
    kind: Literal["pay", "refund", "top", "undo", "close"]
    state: Literal["held", "done", "undone"]
    currency: str
    amount_minor: int
    returned_minor: int = 0  # of a payment, given back since
    closed: bool = False  # the till's sums with it in them were closed
    receipt: str = ""
    cashier: str = ""
    wall_ms: int = 0
    age_ms: int = 0  # by this box's clock, which may be wrong across a restart; never below 0
    answer: MoneyAnswer | Day | None = None  # what the till was told


class TxnsTold(msgspec.Struct, frozen=True, tag_field="type", tag="txns", kw_only=True):
    """Payments that stand, oldest first: neither undone nor waiting for their till's word."""

    txns: tuple[TxnTold, ...] = ()


TerminalQuestion = CardAwaited | PinAwaited | NeverMind | Confirm | TxnAsked | TxnsAsked | DayAsked
TerminalAnswer = CardThere | PinGiven | Confirmed | TxnTold | TxnsTold | Day | Declined
