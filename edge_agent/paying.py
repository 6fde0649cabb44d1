"""What a payment, a top-up and a return do to leases and journal; each within one transaction.

Nothing here waits or knows the line: what can be known is handed in as a `Counter`, and what comes out is
what the till is told. A decline changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from edge_agent.store.journal import Entry, Journal, NewEntry, Part
from edge_agent.store.leases import Lease, Leases, Slip
from edge_agent.store.lines import Sql
from sync.contract.leases import POINTS
from sync.contract.questions import (
    Declined,
    MoneyAnswer,
    Paid,
    PaidPart,
    Pay,
    Reason,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.told import ProgrammeTold

A = TypeVar("A", Paid, Refunded, ToppedUp)
UNDOING = "~"  # before the number of a payment: the entry that takes it back; no till may use such a number
LEASES_MAX = 32  # that one payment takes from


@dataclass(frozen=True, slots=True)
class Caps:
    """How much and how often, in the store's settings; minor units of its currency."""

    offline_card: int = 50_000  # one card, while the line is down once
    offline_store: int = 200_000  # all cards
    offline_top_store: int = 500_000  # all top-ups
    top: int = 100_000  # one top-up, unless its programme says less
    balance: int = 500_000  # what a top-up may bring a purse to, unless its programme says less
    pays_per_hour: int = 10  # one card
    own_lease_s: int = 3600  # a lease we opened ourselves for a top-up or a return


class Counter(NamedTuple):
    """What is known at the counter when somebody asks."""

    asked: bytes  # a digest of the question
    who: bytes  # whose payments are counted together: the member's, or the card's
    digest: bytes  # of the card's token; empty when none was shown
    purses: Sequence[str]  # that the card or member is known to have
    programmes: Mapping[str, ProgrammeTold]  # of those that were told
    online: bool
    caps: Caps
    boot: str
    mono_ms: int
    wall_ms: int
    new_lease: Callable[[], str]  # gives a new `lease_id`, should one be needed
    pin_right: bool = False


class Share(NamedTuple):
    """What one lease pays."""

    lease: Lease
    amount: int  # in its unit
    worth: int  # in the payment's currency


class PurseKnown(NamedTuple):
    """A purse that may be topped up, and what is known of it."""

    purse: str
    unit: str
    programme: str
    balance: int  # as told …
    since: int  # … when this was the journal's last entry


# ── paying ──────────────────────────────────────────────────────────────────────────────────────────────────


def pay(sql: Sql, leases: Leases, question: Pay, at: Counter, why_short: Reason) -> Paid | Declined:
    """Takes what there is, up to what is asked and allowed. `why_short` is said when there is nothing."""
    journal = Journal(sql)
    if (known := journal.find(question.till, question.txn)) is not None:
        return repeated(known, at.asked, Paid)
    outage = 0 if at.online else journal.outage()
    if journal.payments_within_hour(at.who, at.boot, at.mono_ms, at.wall_ms) >= at.caps.pays_per_hour:
        return Declined("velocity")
    limit = question.amount_minor
    if outage:
        by_card = at.caps.offline_card - journal.in_outage(outage, "pay", at.who)
        by_all = at.caps.offline_store - journal.in_outage(outage, "pay")
        limit = min(limit, by_card, by_all)
        if limit <= 0:
            return Declined("offline_cap")
    found = leases.usable(digest=at.digest, purses=at.purses)
    shares = shared(found, limit, question.currency, at.programmes, points=question.points)
    approved = sum(share.worth for share in shares)
    if approved < limit and not shares:
        stopped = any(told.stopped for each in found if (told := at.programmes.get(each.programme)))
        return Declined("stopped" if stopped else why_short)
    if approved < question.amount_minor and not question.partial:
        return Declined("short" if approved < limit else "offline_cap", approved)
    pin_above = pin_limit(shares, at.programmes)
    if pin_above is not None and not at.pin_right:
        return Declined("pin_needed", pin_above)
    slip = _slip(question, question.receipt)
    parts: list[Part] = []
    for share in shares:
        spent = leases.spend(share.lease.lease, share.amount, slip)
        parts.append(_part(parts, leases, spent, share.amount, share.worth))
    points = sum(share.amount for share in shares if share.lease.unit == POINTS)
    answer = Paid(
        approved_minor=approved,
        rest_minor=question.amount_minor - approved,
        points_used=points,
        parts=_shown(parts),
    )
    new = _entry("pay", question, at, answer, outage)
    _write(journal, new._replace(amount=approved, points=points, held=question.held), parts)
    return answer


def pin_limit(shares: Sequence[Share], programmes: Mapping[str, ProgrammeTold]) -> int | None:
    """Above which amount these shares ask for the PIN; None: they do not."""
    by_programme: dict[str, int] = {}
    for share in shares:
        by_programme[share.lease.programme] = by_programme.get(share.lease.programme, 0) + share.amount
    passed = [
        told.pin_above
        for name, amount in by_programme.items()
        if (told := programmes.get(name)) is not None
        and told.pin_above is not None
        and amount > told.pin_above
    ]
    return min(passed, default=None)


def shared(
    found: Sequence[Lease],
    limit: int,
    currency: str,
    programmes: Mapping[str, ProgrammeTold],
    *,
    points: bool,
) -> list[Share]:
    """Which leases pay how much: coupons, then points if they may, then value; soon to end goes first.

    No programme pays more of it than its `pay_max`; the rest is paid in another way.
    """
    kinds: dict[str, list[Lease]] = {"coupon": [], "points": [], "value": []}
    for lease in found:
        told = programmes.get(lease.programme)
        if told is not None and told.stopped:
            continue
        if lease.unit == POINTS:
            if points and told is not None and told.pay_per_unit > 0:
                kinds["points"].append(lease)
        elif lease.unit == currency:
            kinds["coupon" if told is not None and told.kind == "coupon" else "value"].append(lease)
    shares: list[Share] = []
    may = {told.programme: told.pay_max for told in programmes.values() if told.pay_max}
    for kind, leases in kinds.items():
        for lease in leases:
            rate = programmes[lease.programme].pay_per_unit if kind == "points" else 1
            # A point is whole: it never pays more than is asked.
            amount = min(lease.left, limit // rate, may.get(lease.programme, lease.left))
            if amount > 0 and len(shares) < LEASES_MAX:
                if lease.programme in may:
                    may[lease.programme] -= amount
                shares.append(Share(lease, amount, amount * rate))
                limit -= amount * rate
    return shares


# ── giving back ─────────────────────────────────────────────────────────────────────────────────────────────


def refund(sql: Sql, leases: Leases, question: Refund, at: Counter) -> Refunded | Declined:
    """Gives back to the purses that paid, the last one first; never more than they paid."""
    journal = Journal(sql)
    if (known := journal.find(question.till, question.txn)) is not None:
        return repeated(known, at.asked, Refunded)
    sales = _sales(journal, question, at)
    if len(sales) > 1:
        return Declined("ambiguous_sale")
    entries = sales[0] if sales else []
    if not entries or any(journal.in_doubt(entry) for entry in entries):
        return Declined("unknown_sale")
    if any(entry.currency != question.currency for entry in entries):
        return Declined("currency")
    paid = [part for entry in entries for part in journal.parts(entry.entry)]
    left = sum(part.worth - part.returned_worth for part in paid)
    if question.amount_minor > left:
        return Declined("too_much", left)
    parts = _give_back(journal, leases, paid, question.amount_minor, _slip(question, question.receipt), at)
    points = sum(part.amount for part in parts if part.unit == POINTS)
    answer = Refunded(
        amount_minor=question.amount_minor,
        points_back=points,
        left_minor=left - question.amount_minor,
        parts=_shown(parts),
    )
    new = _entry("refund", question, at, answer, _outage(journal, at))
    _write(journal, new._replace(amount=question.amount_minor, points=points), parts)
    return answer


def _sales(journal: Journal, question: Refund, at: Counter) -> list[list[Entry]]:
    """The sales that may be meant, each with its payments: this till's before those of others."""
    till = question.of_till or question.till
    if not question.of_txn and not question.of_receipt:
        return [journal.paid_by(at.who, question.amount_minor)]
    if question.of_txn:
        found = journal.find(till, question.of_txn)
        return [[found]] if found is not None and found.kind == "pay" and not found.undone else []
    sales = journal.sales(question.of_receipt)
    here = [sale for sale in sales if sale[0].till == till]
    return here if here or question.of_till else sales


def undo(sql: Sql, leases: Leases, question: Undo, at: Counter) -> Undone | Declined:
    """Gives all of a payment back that the till did not act on; a number not seen yet is used up by it."""
    journal = Journal(sql)
    known = journal.find(question.till, question.txn)
    if known is None:
        journal.write(_entry("undo", question, at, Undone(), 0)._replace(undone=True))
        return Undone()
    if known.undone:
        told = known.told()
        return told if isinstance(told, Undone) else Declined("wrong")
    if known.kind != "pay":
        return Declined("wrong")
    if question.unless_final and not known.held:
        return Declined("final")
    if journal.in_doubt(known):
        return Declined("unknown_sale")
    paid = journal.parts(known.entry)
    left = sum(part.worth - part.returned_worth for part in paid)
    parts = _give_back(journal, leases, paid, left, _slip(question, known.receipt), at)
    points = sum(part.amount for part in parts if part.unit == POINTS)
    answer = Undone(amount_minor=left, points_back=points)
    journal.undo(known.entry, answer)
    new = _entry("undo", question, at, answer, _outage(journal, at))
    new = new._replace(txn=UNDOING + question.txn, receipt=known.receipt, currency=known.currency)
    _write(journal, new._replace(amount=left, points=points), parts)
    return answer


def _give_back(
    journal: Journal, leases: Leases, paid: Sequence[Part], worth: int, slip: Slip, at: Counter
) -> list[Part]:
    parts: list[Part] = []
    for part in reversed(paid):
        back_worth = min(worth, part.worth - part.returned_worth)
        if back_worth <= 0:
            continue
        worth -= back_worth
        # A part of one point stays away until the rest of the payment is given back, too.
        back = part.amount * (part.returned_worth + back_worth) // part.worth - part.returned
        journal.give_back(part, back, back_worth)
        if back > 0:
            lease = _lease_for(leases, part.purse, part.unit, part.programme, at, first=part.lease)
            done = leases.refund(lease, back, slip, refers_to=f"{part.lease}/{part.number}")
            parts.append(_part(parts, leases, done, back, back_worth))
    return parts


# ── topping up ──────────────────────────────────────────────────────────────────────────────────────────────


def top_up(sql: Sql, leases: Leases, question: TopUp, at: Counter, purse: PurseKnown) -> ToppedUp | Declined:
    """Puts what was paid in onto the purse, with the line up or down."""
    journal = Journal(sql)
    if (known := journal.find(question.till, question.txn)) is not None:
        return repeated(known, at.asked, ToppedUp)
    if question.receipt and journal.top_up_had(question.till, question.receipt):
        return Declined("receipt_used")
    told = at.programmes.get(purse.programme)
    if told is None or not told.reload:
        return Declined("no_reload")
    amount, outage = question.amount_minor, _outage(journal, at)
    most = min(at.caps.top, told.top_max)
    if amount > most:
        return Declined("top_max", most)
    full = min(at.caps.balance, told.balance_max or at.caps.balance)
    room = full - purse.balance - journal.since(purse.purse, purse.since)
    if amount > room:
        return Declined("balance_max", max(0, room))
    if outage:
        room = at.caps.offline_top_store - journal.in_outage(outage, "top")
        if amount > room:
            return Declined("offline_cap", max(0, room))
    lease = _lease_for(leases, purse.purse, purse.unit, purse.programme, at, digest=at.digest)
    done = leases.top(lease, amount, _slip(question, question.receipt))
    answer = ToppedUp(amount_minor=amount, purse=purse.purse, programme=purse.programme)
    new = _entry("top", question, at, answer, outage)
    _write(
        journal,
        new._replace(amount=amount, tender=question.tender),
        [_part([], leases, done, amount, amount)],
    )
    return answer


# ── what they share ─────────────────────────────────────────────────────────────────────────────────────────


def repeated(known: Entry, asked: bytes, kind: type[A]) -> A | Declined:
    """The answer to a question whose number the till has used before."""
    if known.undone:
        return Declined("undone")
    told = known.told()
    return told if known.asked == asked and isinstance(told, kind) else Declined("txn_reused")


def _lease_for(
    leases: Leases,
    purse: str,
    unit: str,
    programme: str,
    at: Counter,
    *,
    first: str = "",
    digest: bytes = b"",
) -> str:
    """A lease of the purse that can take something: `first` if it can, else any, else one of our own."""
    found = [lease.lease for lease in leases.usable(purses=[purse])]
    if found:
        return first if first in found else found[0]
    ttl_s = at.caps.own_lease_s
    own = leases.open_own(
        at.new_lease(), purse=purse, unit=unit, programme=programme, ttl_s=ttl_s, digest=digest
    )
    return own.lease


def _outage(journal: Journal, at: Counter) -> int:
    return 0 if at.online else journal.outage()


def _slip(question: Pay | Refund | TopUp | Undo, receipt: str) -> Slip:
    return Slip(question.till, question.txn, receipt, question.cashier)


def _entry(
    kind: str, question: Pay | Refund | TopUp | Undo, at: Counter, answer: MoneyAnswer, outage: int
) -> NewEntry:
    return NewEntry(
        till=question.till,
        txn=question.txn,
        kind=kind,
        asked=at.asked,
        answer=answer,
        receipt="" if isinstance(question, Undo) else question.receipt,
        cashier=question.cashier,
        currency="" if isinstance(question, Undo) else question.currency,
        amount=0,
        points=0,
        digest=at.who,
        boot=at.boot,
        mono_ms=at.mono_ms,
        wall_ms=at.wall_ms,
        outage=outage,
    )


def _part(before: Sequence[Part], leases: Leases, lease: Lease, amount: int, worth: int) -> Part:
    """The record just made, as a part of its entry; behind it may stand the close of a lease that is full."""
    record = next(each for each in reversed(leases.records) if each.kind != "close")
    return Part(
        entry=0,
        part=len(before),
        lease=record.lease,
        number=record.number,
        kind=record.kind,
        purse=record.purse,
        programme=lease.programme,
        unit=record.unit,
        amount=amount,
        worth=worth,
    )


def _write(journal: Journal, new: NewEntry, parts: Sequence[Part]) -> None:
    entry = journal.write(new)
    journal.add_parts(part._replace(entry=entry) for part in parts)


def _shown(parts: Sequence[Part]) -> tuple[PaidPart, ...]:
    return tuple(PaidPart(each.purse, each.programme, each.unit, each.amount, each.worth) for each in parts)
