"""The sheet of a shift: one till's receipts and its members' money, added up and set side by side. Pure.

    paper      SaleCompleted   takings, cash taken less change, stored value and other tenders as printed
    members    LeaseRecord     payments, refunds and top-ups, by currency or points

A payment with stored value should stand on a receipt, and a receipt paid with stored value should have its
payment. They meet by the receipt's number where the payment names one, else by the amount; what meets
nothing is what somebody has to look for.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sync.contract.events import LeaseRecord, SaleCompleted
from sync.contract.leases import POINTS

T = TypeVar("T")

ALONE_MAX = 200  # payments, and receipts, that wait for their other half; beyond, the oldest is only counted
UNITS_MAX = 16  # currencies on one sheet
CASH, VALUE = "cash", "value"  # kinds of tender, as UnifiedPOS and `Tender.kind` say them
OTHERS = ("card", "mobile", "other")  # the rest of them; what is none of these is `other`


class Taken(msgspec.Struct):
    """What the receipts of one currency say, in minor units; returns are taken off."""

    receipts: int = 0
    total: int = 0
    cash: int = 0  # less change
    value: int = 0  # printed as paid with stored value
    others: dict[str, int] = {}  # by the `OTHERS` that occur


class Moved(msgspec.Struct):
    """What members' purses of one unit did, in minor units or points.

    One payment may be several records, one of each purse that paid; they come one after the other.
    """

    payments: int = 0
    paid: int = 0
    refunds: int = 0
    refunded: int = 0
    tops: int = 0
    topped: int = 0  # for cash
    elsewhere: int = 0  # topped up by another tender
    last_paid: str = ""  # the numbers of the till last counted
    last_refunded: str = ""

    @property
    def net(self) -> int:
        """Paid less refunded: what should stand on the receipts."""
        return self.paid - self.refunded


class Alone(msgspec.Struct):
    """A printed tender or a payment whose other half has not been found. A return's amount is below zero."""

    unit: str
    amount: int
    receipt: str
    txn: str  # empty for a printed one
    wall_ms: int


class Sheet(msgspec.Struct, kw_only=True):
    """One till from the end of the shift before to now, or to its own end."""

    from_ms: int = 0
    taken: dict[str, Taken] = {}
    moved: dict[str, Moved] = {}
    printed: list[Alone] = []  # stored value on paper without a payment
    paid: list[Alone] = []  # a payment without paper
    unlisted: int = 0  # of these two, how many more there are than are listed
    partial: bool = False  # some of the shift is no longer on this disk

    @property
    def units(self) -> list[str]:
        """Currencies and, last, points."""
        return sorted({*self.taken, *self.moved}, key=lambda unit: (unit == POINTS, unit))

    def taken_in(self, unit: str) -> Taken:
        return self.taken.get(unit) or Taken()

    def moved_in(self, unit: str) -> Moved:
        return self.moved.get(unit) or Moved()

    def difference(self, unit: str) -> int:
        """Stored value on paper less payments recorded: 0 when they agree."""
        return self.taken_in(unit).value - self.moved_in(unit).net

    def cash(self, unit: str) -> int:
        """What the drawer should have gained: cash of the receipts and of top-ups."""
        return self.taken_in(unit).cash + self.moved_in(unit).topped

    # ── adding up ───────────────────────────────────────────────────────────────────────────────────────

    def sale(self, sale: SaleCompleted, wall_ms: int) -> None:
        """One receipt."""
        taken = self._of(self.taken, sale.currency, Taken)
        if taken is None:
            return
        taken.receipts += 1
        taken.total += sale.total_minor
        taken.cash -= sale.change_minor
        value = 0
        for tender in sale.tenders:
            if tender.kind == CASH:
                taken.cash += tender.amount_minor
            elif tender.kind == VALUE:
                value += tender.amount_minor
            else:
                kind = tender.kind if tender.kind in OTHERS else OTHERS[-1]
                taken.others[kind] = taken.others.get(kind, 0) + tender.amount_minor
        taken.value += value
        if value:
            self._meet(Alone(sale.currency, value, sale.receipt, "", wall_ms), self.printed, self.paid)

    def record(self, record: LeaseRecord, wall_ms: int, tender: str = CASH) -> None:
        """One step of a lease; opening and closing are no business of the cashier's.

        `tender`: what a top-up was paid with.
        """
        if record.kind not in ("spend", "refund", "top"):
            return
        moved = self._of(self.moved, record.unit, Moved)
        if moved is None:
            return
        signed = record.amount
        match record.kind:
            case "spend":
                moved.payments += not record.txn or record.txn != moved.last_paid
                moved.last_paid = record.txn
                moved.paid += record.amount
            case "refund":
                moved.refunds += not record.txn or record.txn != moved.last_refunded
                moved.last_refunded = record.txn
                moved.refunded += record.amount
                signed = -record.amount
            case "top":
                moved.tops += 1
                if tender == CASH:
                    moved.topped += record.amount
                else:
                    moved.elsewhere += record.amount
                return
        if record.unit != POINTS:  # no receipt says how many points
            self._meet(
                Alone(record.unit, signed, record.receipt, record.txn, wall_ms), self.paid, self.printed
            )

    def _of(self, kept: dict[str, T], unit: str, make: type[T]) -> T | None:
        if unit not in kept:
            if len(kept) >= UNITS_MAX:
                self.partial = True
                return None
            kept[unit] = make()
        return kept[unit]

    def _meet(self, new: Alone, own: list[Alone], others: list[Alone]) -> None:
        """Takes off what others have for `new`; what is left of it waits among its own."""
        for other in list(others):
            if other.unit != new.unit or (other.amount > 0) != (new.amount > 0):
                continue
            named = bool(other.receipt and new.receipt)
            if named and other.receipt == new.receipt:
                met = min(abs(other.amount), abs(new.amount)) * (1 if new.amount > 0 else -1)
            elif not _payment_names_its_receipt(new, other) and other.amount == new.amount:
                met = new.amount
            else:
                continue
            other.amount -= met
            new.amount -= met
            if not other.amount:
                others.remove(other)
            if not new.amount:
                return
        own.append(new)
        if len(own) > ALONE_MAX:
            del own[0]
            self.unlisted += 1


def _payment_names_its_receipt(one: Alone, other: Alone) -> bool:
    return bool((one if one.txn else other).receipt)
