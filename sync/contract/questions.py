"""What a till or a reader asks, and what it is told. Questions are never stored and never travel.

Questions about money (`Pay`, `Refund`, `TopUp`, `Undo`) have the till's own number of the transaction, `txn`:
asked again with the same number and the same words, they have the same answer and no second effect.

A reader's decoder says `CardShown`, with the number in clear, in memory; the session makes the token,
asks `edge_agent/till.py`, and stores only the token.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class CardShown(msgspec.Struct, frozen=True, tag_field="type", tag="card", omit_defaults=True):
    """A card is at the reader: who is it? `number` is a card number or a UID in capitals."""

    number: str
    technology: str  # magstripe, rfid125, iso14443, …: drivers/cardreader/README.md has them all
    confidence: str = ""  # "single-track" when the other track was misread

    def __repr__(self) -> str:
        return f"CardShown({self.technology!r})"  # never the number


class PhoneGiven(msgspec.Struct, frozen=True, tag_field="type", tag="phone"):
    """The cashier typed a telephone number."""

    phone: str


Question = CardShown | PhoneGiven


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of a member's last visits, anywhere in the chain."""

    wall_ms: int
    store: str
    total_minor: int
    currency: str


class PurseShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """One purse of a member or card, as head office last knew it."""

    purse: str
    unit: str  # a currency, or PTS
    programme: str  # as `ProgrammeTold` names it
    balance: int  # minor units, or points; what leases hold included


class MemberKnown(msgspec.Struct, frozen=True, tag_field="type", tag="known", omit_defaults=True):
    """The member, as the replica has been told: the name is masked already."""

    member: str
    name: str  # masked: 王**
    tier: str = ""
    points: int = 0
    value_minor: int = 0
    currency: str = "CNY"
    birthday: str = ""  # MM-DD
    flags: tuple[str, ...] = ()  # blocked, vip …
    visits: tuple[Visit, ...] = ()
    purses: tuple[PurseShown, ...] = ()


class NobodyKnown(msgspec.Struct, frozen=True, tag_field="type", tag="unknown"):
    """No member has this card or number, as far as this store has been told."""

    reason: Literal["unknown", "archived", "lost"] = "unknown"


Answer = MemberKnown | NobodyKnown


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────

TXN_MAX = 48  # characters of a till's own number of a transaction


class Pay(msgspec.Struct, frozen=True, tag_field="type", tag="pay", omit_defaults=True, kw_only=True):
    """Take `amount_minor` from a card, or as much as there is.

    With neither `card` nor `member` it is the card last shown at the till (`edge_agent/till.py` knows it).
    """

    till: str
    txn: str
    amount_minor: int
    currency: str
    card: str = ""  # token
    member: str = ""
    receipt: str = ""
    cashier: str = ""
    pin: str = ""
    partial: bool = True  # less will do: the rest is paid in another way
    points: bool = False  # points may pay, where their programme lets them
    held: bool = False  # final only after a `Confirm` (sync/contract/terminal.py); else undone by itself

    def __repr__(self) -> str:
        return f"Pay({self.till!r}, {self.txn!r}, {self.amount_minor} {self.currency})"  # never the PIN


class Refund(msgspec.Struct, frozen=True, tag_field="type", tag="refund", omit_defaults=True, kw_only=True):
    """Give `amount_minor` back to the cards that paid: those of the payment `of_txn`, or of `of_receipt`.

    A receipt number that came again, another day or at another till, is declined as `ambiguous_sale` unless
    the rest of the question says which sale is meant.
    With neither it is `card` or `member`, who gets back of its own last payments in this store.
    """

    till: str
    txn: str
    amount_minor: int
    currency: str
    of_txn: str = ""  # made at `of_till`
    of_till: str = ""  # empty: this till; for a receipt that it does not have, any other of this store
    of_receipt: str = ""  # made at `of_till`
    card: str = ""  # token; only when the sale is not named
    member: str = ""
    receipt: str = ""  # of the return itself
    cashier: str = ""


class TopUp(msgspec.Struct, frozen=True, tag_field="type", tag="top_up", omit_defaults=True, kw_only=True):
    """`amount_minor` was taken from the customer and goes onto the card."""

    till: str
    txn: str
    amount_minor: int
    currency: str
    card: str = ""  # token; see `Pay`
    member: str = ""
    purse: str = ""  # empty: the first of the card that may be topped up
    tender: str = "cash"
    receipt: str = ""
    cashier: str = ""


class Undo(msgspec.Struct, frozen=True, tag_field="type", tag="undo", omit_defaults=True, kw_only=True):
    """The till never acted on the payment `txn`: all of it goes back, and no such payment can come later."""

    till: str
    txn: str
    cashier: str = ""
    unless_final: bool = False  # a payment that was `held` and has been acknowledged stands: Declined `final`


class BalanceAsked(
    msgspec.Struct, frozen=True, tag_field="type", tag="balance_asked", omit_defaults=True, kw_only=True
):
    """What is on a card? With neither `card` nor `member` the one last shown at the till, as for `Pay`."""

    till: str
    card: str = ""  # token
    member: str = ""


class PaidPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one purse paid."""

    purse: str
    programme: str
    unit: str
    amount: int  # in that unit: minor units, or points
    worth_minor: int  # in the currency of the payment


class Paid(msgspec.Struct, frozen=True, tag_field="type", tag="paid", omit_defaults=True, kw_only=True):
    """It is paid and on disk, `rest_minor` excepted."""

    approved_minor: int
    rest_minor: int = 0  # to be paid in another way
    points_used: int = 0
    parts: tuple[PaidPart, ...] = ()


class Refunded(
    msgspec.Struct, frozen=True, tag_field="type", tag="refunded", omit_defaults=True, kw_only=True
):
    """It is back on the cards, on disk."""

    amount_minor: int
    points_back: int = 0
    left_minor: int = 0  # of what these payments took, still not given back
    parts: tuple[PaidPart, ...] = ()


class ToppedUp(
    msgspec.Struct, frozen=True, tag_field="type", tag="topped_up", omit_defaults=True, kw_only=True
):
    """It is on the card, on disk."""

    amount_minor: int
    purse: str
    programme: str = ""


class Undone(msgspec.Struct, frozen=True, tag_field="type", tag="undone", omit_defaults=True, kw_only=True):
    """The payment has no effect any more, or never had one (`amount_minor` 0)."""

    amount_minor: int = 0
    points_back: int = 0


Reason = Literal[
    "wrong",  # the question itself: an amount below 1, a name too long, no txn
    "not_enrolled",
    "fenced",  # this disk was put back in time; head office must be heard first
    "disk_full",
    "busy",  # a payment of this till still waits for its word: ask again in a moment
    "trouble",  # the box can promise nothing just now; a technician must look
    "txn_reused",  # the till has used this number for something else
    "undone",  # this payment was taken back
    "final",  # … was not: its till has acknowledged it
    "no_card",
    "unknown",
    "lost",
    "archived",
    "blocked",
    "frozen",
    "expired",
    "stopped",
    "currency",  # nothing on the card is in this currency
    "empty",
    "short",  # less than asked, and the till wants no part of it
    "offline",  # nothing was set aside here while the line was up
    "offline_cap",  # as much as may be paid while the line is down
    "velocity",  # too many payments in an hour
    "card_cap",
    "store_cap",
    "epoch",
    "pin_needed",
    "pin_wrong",
    "pin_locked",
    "pin_unset",  # the amount asks for a PIN and the card has none
    "pin_offline",  # … and nobody can check it while the line is down
    "no_reload",  # the programme is not topped up at a till
    "top_max",
    "balance_max",
    "receipt_used",  # another top-up had this receipt
    "unknown_sale",  # no payment of that number or receipt in this store's journal
    "ambiguous_sale",  # several sales had this receipt: `of_txn` or `of_till` must say which
    "too_much",  # more than is left to give back, which is `limit_minor`
]


class Declined(msgspec.Struct, frozen=True, tag_field="type", tag="declined", omit_defaults=True):
    """Nothing was changed. `limit_minor`: so much would have been possible, where that can be said."""

    reason: Reason
    limit_minor: int = 0


class PurseNow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A purse as a till may show it."""

    purse: str
    unit: str
    programme: str
    kind: str = "value"  # value, points, coupon
    zh: str = ""  # the programme's name
    en: str = ""
    balance: int | None = None  # told by head office, and what this store did since; None: never told
    ready: int = 0  # of it, set aside here: can be spent with the line down
    reload: bool = False
    top_max: int = 0  # by one top-up at a till; 0: not said
    pays_minor: int = 0  # points: what all of `ready` pays


class Balance(msgspec.Struct, frozen=True, tag_field="type", tag="balance", omit_defaults=True, kw_only=True):
    """What is on a card, as far as this store knows."""

    purses: tuple[PurseNow, ...] = ()
    name: str = ""  # masked, when head office said it
    pin_above_minor: int | None = None  # a payment above asks for the PIN
    pin: Literal["unknown", "set", "unset", "locked"] = "unknown"


MoneyQuestion = Pay | Refund | TopUp | Undo
MoneyAnswer = Paid | Refunded | ToppedUp | Undone | Declined
