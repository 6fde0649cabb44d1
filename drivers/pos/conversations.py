"""What a payment terminal and the till's journal say to each other, each conversation a generator.

It yields a question and is sent its answer, so it reads as it goes: is it a repetition, whose card, what came
of it. They wait for nothing and keep nothing that the journal has.

A transaction's number is ``scheme:reference#k``. The reference is the till's own (a ticket, a service id), or
empty where the protocol has none; k counts all of them on from the newest in the journal, through restarts.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from drivers.base import Asked, Told
from sync.contract.questions import (
    TXN_MAX,
    Balance,
    BalanceAsked,
    CardShown,
    Declined,
    Paid,
    Pay,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.terminal import (
    CardAwaited,
    CardThere,
    Confirm,
    PinAwaited,
    PinGiven,
    TxnAsked,
    TxnTold,
)

PIN_TRIES = 3
COUNT_DIGITS = 9
_PIN_ASKED = ("pin_needed", "pin_wrong")
_KINDS = {"pay": "pay", "refund": "refund", "top": "top_up", "close": "day", "undo": "reverse"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a conversation ended. `reason`: empty when it went well, else a Reason, ``aborted`` or ``busy``."""

    kind: str  # pay, refund, top_up, reverse, balance, day, lookup, sales, card, confirm
    reason: str = ""
    txn: str = ""
    count: int = 0  # k of the transaction's number: what a protocol shows as its receipt number
    amount_minor: int = 0  # that moved
    rest_minor: int = 0  # of a payment, to be paid in another way
    limit_minor: int = 0  # so much would have been possible, when declined
    again: bool = False  # a repetition: this is what was recorded
    final: bool = True  # False: a payment that waits for the till's acknowledgement
    wall_ms: int = 0  # of a recorded one
    told: Told | None = None  # all that was told: Paid, Balance, Day, TxnTold, CardThere …

    @property
    def good(self) -> bool:
        return not self.reason


Conversation: TypeAlias = Generator[Asked, Told, Outcome]


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a terminal behaves, from its driver's options."""

    scheme: str  # of transaction numbers: "zvt"
    currency: str
    card_wait_ms: int = 60_000
    pin_wait_ms: int = 60_000
    repeat_ms: int = 600_000  # as long the same reference and amount are a repetition, not a new sale
    partial: bool = False  # a payment may take less than was asked
    points: bool = False
    unique: bool = False  # a reference is never used again: of what was given back, it has no new payment
    count_most: int = 0  # the numbers of transactions that its till sees begin anew after so many; 0: never


def pay(
    habits: Habits,
    amount_minor: int,
    reference: str,
    receipt: str,
    cashier: str,
    held: bool,
    named: CardShown | None = None,
) -> Conversation:
    if (known := (yield from _repeated(habits, "pay", reference, amount_minor))) is not None:
        return known
    txn, count = yield from _next(habits, reference)
    there = yield from _whose(habits, amount_minor, named)
    if not isinstance(there, CardThere):
        return declined("pay", there, txn, count)
    question = Pay(
        till="",
        txn=txn,
        amount_minor=amount_minor,
        currency=habits.currency,
        card=there.card,
        member=there.member,
        receipt=receipt,
        cashier=cashier,
        partial=habits.partial,
        points=habits.points,
        held=held,
    )
    answer = yield question
    for tried in range(PIN_TRIES):
        if not isinstance(answer, Declined) or answer.reason not in _PIN_ASKED:
            break
        pin = yield PinAwaited(
            limit_ms=habits.pin_wait_ms,
            amount_minor=amount_minor,
            currency=habits.currency,
            again=tried > 0,
        )
        if not isinstance(pin, PinGiven):
            break
        answer = yield msgspec.structs.replace(question, pin=pin.pin)
    if not isinstance(answer, Paid):
        return declined("pay", answer, txn, count)
    return Outcome(
        kind="pay",
        txn=txn,
        count=count,
        amount_minor=answer.approved_minor,
        rest_minor=answer.rest_minor,
        final=not held,
        told=answer,
    )


def refund(
    habits: Habits,
    amount_minor: int,
    of: str,
    of_count: int,
    reference: str,
    receipt: str,
    cashier: str,
    named: CardShown | None = None,
) -> Conversation:
    if (known := (yield from _repeated(habits, "refund", reference, amount_minor))) is not None:
        return known
    txn, count = yield from _next(habits, reference)
    of_txn, card, member = "", "", ""
    if of or of_count:
        found = yield from _chosen(habits, of, of_count, "pay")
        if not isinstance(found, TxnTold):
            return declined("refund", found, txn, count)
        of_txn = found.txn
    else:
        there = yield from _whose(habits, amount_minor, named)
        if not isinstance(there, CardThere):
            return declined("refund", there, txn, count)
        card, member = there.card, there.member
    answer = yield Refund(
        till="",
        txn=txn,
        amount_minor=amount_minor,
        currency=habits.currency,
        of_txn=of_txn,
        card=card,
        member=member,
        receipt=receipt,
        cashier=cashier,
    )
    if not isinstance(answer, Refunded):
        return declined("refund", answer, txn, count)
    return Outcome(kind="refund", txn=txn, count=count, amount_minor=answer.amount_minor, told=answer)


def top_up(
    habits: Habits,
    amount_minor: int,
    reference: str,
    receipt: str,
    cashier: str,
    tender: str,
    named: CardShown | None = None,
) -> Conversation:
    if (known := (yield from _repeated(habits, "top", reference, amount_minor))) is not None:
        return known
    txn, count = yield from _next(habits, reference)
    there = yield from _whose(habits, amount_minor, named)
    if not isinstance(there, CardThere):
        return declined("top_up", there, txn, count)
    answer = yield TopUp(
        till="",
        txn=txn,
        amount_minor=amount_minor,
        currency=habits.currency,
        card=there.card,
        member=there.member,
        tender=tender,
        receipt=receipt,
        cashier=cashier,
    )
    if not isinstance(answer, ToppedUp):
        return declined("top_up", answer, txn, count)
    return Outcome(kind="top_up", txn=txn, count=count, amount_minor=answer.amount_minor, told=answer)


def reverse(
    habits: Habits, of: str, of_count: int, cashier: str, amount_minor: int | None = None
) -> Conversation:
    found = yield from _chosen(habits, of, of_count, "pay")
    if not isinstance(found, TxnTold):
        return declined("reverse", found)
    if amount_minor is not None and amount_minor != found.amount_minor:
        return Outcome(kind="reverse", reason="unknown_sale", txn=found.txn, count=count_of(found.txn))
    if found.state == "undone":
        return Outcome(kind="reverse", reason="undone", txn=found.txn, count=count_of(found.txn))
    if found.closed:
        return (yield from _give_back_closed(habits, found, cashier))
    return (yield from undo(found.txn, count_of(found.txn), cashier=cashier))


def _give_back_closed(habits: Habits, found: TxnTold, cashier: str) -> Conversation:
    """All of a payment that stands in closed sums: those stay what they were told, the next have a refund."""
    count = count_of(found.txn)
    left = found.amount_minor - found.returned_minor
    if left <= 0:
        return Outcome(kind="reverse", reason="undone", txn=found.txn, count=count)
    txn, _ = yield from _next(habits, "")
    answer = yield Refund(
        till="", txn=txn, amount_minor=left, currency=found.currency, of_txn=found.txn, cashier=cashier
    )
    if not isinstance(answer, Refunded):
        return declined("reverse", answer, found.txn, count)
    return Outcome(kind="reverse", txn=found.txn, count=count, amount_minor=answer.amount_minor, told=answer)


def balance(habits: Habits, named: CardShown | None = None) -> Conversation:
    there = yield from _whose(habits, 0, named)
    if not isinstance(there, CardThere):
        return declined("balance", there)
    answer = yield BalanceAsked(till="", card=there.card, member=there.member)
    if not isinstance(answer, Balance):
        return declined("balance", answer)
    return Outcome(kind="balance", told=answer)


def card(habits: Habits, named: CardShown | None = None) -> Conversation:
    there = yield from _whose(habits, 0, named)
    if not isinstance(there, CardThere):
        return declined("card", there)
    return Outcome(kind="card", told=there)


def resync(habits: Habits, last_seen: int) -> Conversation:
    """`last_seen`: the number that the till saw last. A payment after it, unknown to the till, is undone."""
    newest = yield TxnAsked(prefix=f"{habits.scheme}:")
    if isinstance(newest, TxnTold) and newest.kind == "pay" and newest.state != "undone":
        count = count_of(newest.txn)
        if count > 1 and shown(habits, count - 1) == last_seen:
            undone = yield from undo(newest.txn, count)
            return msgspec.structs.replace(undone, kind="resync")
    return Outcome(kind="resync")


def lookup(habits: Habits, of: str, of_count: int, kind: str = "") -> Conversation:
    found = yield from _chosen(habits, of, of_count, kind)
    if not isinstance(found, TxnTold):
        return declined("lookup", found)
    return _recorded("lookup", found)


def _whose(habits: Habits, amount_minor: int, named: CardShown | None) -> Generator[Asked, Told, Told]:
    """CardThere; anything else says why not."""
    asked = CardAwaited(limit_ms=habits.card_wait_ms, amount_minor=amount_minor, currency=habits.currency)
    if named is not None:
        asked = msgspec.structs.replace(asked, number=named.number, technology=named.technology)
    return (yield asked)


def prefix_of(habits: Habits, reference: str) -> str:
    """How the numbers of all transactions with that reference begin."""
    return f"{habits.scheme}:{reference}"[: TXN_MAX - COUNT_DIGITS - 1] + "#"


def _chosen(habits: Habits, of: str, of_count: int, kind: str = "") -> Generator[Asked, Told, Told]:
    """The transaction of that reference, of that number as the till sees it, or the newest."""
    if of_count and habits.count_most:
        newest = yield TxnAsked(prefix=f"{habits.scheme}:")
        if not isinstance(newest, TxnTold):
            return newest
        last = count_of(newest.txn)
        of_count = last - (last - of_count) % habits.count_most
        if of_count < 1:
            return Declined("unknown_sale")
    prefix = prefix_of(habits, of) if of else f"{habits.scheme}:"
    told = yield TxnAsked(prefix=prefix, suffix=f"#{of_count}" if of_count else "", kind=kind)
    return told


def shown(habits: Habits, count: int) -> int:
    """A transaction's number as the till sees it; 0 stays what it is: none."""
    return (count - 1) % habits.count_most + 1 if habits.count_most and count else count


def _next(habits: Habits, reference: str) -> Generator[Asked, Told, tuple[str, int]]:
    """The number of a new transaction."""
    newest = yield TxnAsked(prefix=f"{habits.scheme}:")
    count = count_of(newest.txn) + 1 if isinstance(newest, TxnTold) else 1
    return f"{prefix_of(habits, reference)}{count}", count


def _repeated(
    habits: Habits, kind: str, reference: str, amount_minor: int
) -> Generator[Asked, Told, Outcome | None]:
    """The recorded outcome, when the till asks what it has asked a moment ago.

    A payment that was given back since, or some of it, is not answered as if it stood: the same reference
    is another sale then, or ``undone`` where it can be none.
    """
    if not reference:
        return None
    newest = yield TxnAsked(prefix=prefix_of(habits, reference), kind=kind)
    if not isinstance(newest, TxnTold) or newest.age_ms > habits.repeat_ms or newest.state == "undone":
        return None
    asked_minor = newest.amount_minor
    if isinstance(newest.answer, Paid):
        asked_minor += newest.answer.rest_minor
    if asked_minor != amount_minor:
        return None
    if newest.returned_minor and not habits.unique:
        return None
    if newest.returned_minor:
        return Outcome(kind=_KINDS[kind], reason="undone", txn=newest.txn, count=count_of(newest.txn))
    return msgspec.structs.replace(_recorded("", newest), again=True)


def count_of(txn: str) -> int:
    """k of a transaction's number; 0 when it is none of ours."""
    _, _, digits = txn.rpartition("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= COUNT_DIGITS else 0


def _recorded(kind: str, found: TxnTold) -> Outcome:
    """What the journal has; `kind` empty: as what it was."""
    return Outcome(
        kind=kind or _KINDS[found.kind],
        txn=found.txn,
        count=count_of(found.txn),
        amount_minor=found.amount_minor,
        rest_minor=found.answer.rest_minor if isinstance(found.answer, Paid) else 0,
        final=found.state != "held",
        wall_ms=found.wall_ms,
        told=found,
    )


def declined(kind: str, answer: Told, txn: str = "", count: int = 0) -> Outcome:
    reason, limit = (answer.reason, answer.limit_minor) if isinstance(answer, Declined) else ("trouble", 0)
    return Outcome(kind=kind, reason=reason, txn=txn, count=count, limit_minor=limit, told=answer)


def confirm(txn: str, count: int) -> Conversation:
    answer = yield Confirm(txn=txn)
    if isinstance(answer, Declined):
        return declined("confirm", answer, txn, count)
    return Outcome(kind="confirm", txn=txn, count=count)


def undo(
    txn: str, count: int, *, cashier: str = "", silent: bool = False, unless_final: bool = False
) -> Conversation:
    answer = yield Undo(till="", txn=txn, cashier=cashier, unless_final=unless_final)
    kind = "" if silent else "reverse"
    if not isinstance(answer, Undone):
        return declined(kind, answer, txn, count)
    return Outcome(kind=kind, txn=txn, count=count, amount_minor=answer.amount_minor, told=answer)
