"""Members' money at each store: what its records say beside what its receipts say. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import calendar_of, day_number
from central_server.ledger.reports import till_money
from central_server.reports.reconciling import Difference, Paid, StoreDay, reconcile
from central_server.sales.choice import Choice
from central_server.sales.tendered import ROWS_MAX, Tendered, tendered

TENDER: Final = "value"  # as UnifiedPOS calls stored value
_SIGN: Final = {"spend": 1, "refund": -1}


@dataclass(frozen=True)
class Reconciliation:
    """The chosen days. `cut`: there was more than one look can take; choose fewer stores or days."""

    days: list[StoreDay]
    differences: list[Difference]
    waiting: dict[str, int]  # store → records that wait for one before them
    cut: bool

    def sums(self) -> list[StoreDay]:
        """One row a currency, over all stores and days."""
        found: dict[str, StoreDay] = {}
        for each in self.days:
            total = found.setdefault(each.currency, StoreDay("", 0, each.currency))
            for name in ("spends", "refunds", "tops", "recorded", "tendered"):
                setattr(total, name, getattr(total, name) + getattr(each, name))
            for why, count in each.counts.items():
                total.counts[why] = total.counts.get(why, 0) + count
        return [found[currency] for currency in sorted(found)]


async def reconciliation(session: AsyncSession, choice: Choice) -> Reconciliation:
    """Both sides of the chosen stores and days, and a day more at each end for what stands over midnight."""
    first, last = choice.first - timedelta(days=1), choice.last + timedelta(days=1)
    zones = {store.id: calendar_of(store.timezone) for store in choice.stores}
    if not zones:
        return Reconciliation([], [], {}, cut=False)
    spans = [calendar.bounds(day) for calendar in set(zones.values()) for day in (first, last)]
    records = await till_money.recorded(
        session,
        stores=zones,
        from_ms=min(begin for begin, _ in spans),
        until_ms=max(end for _, end in spans),
    )
    receipts = await tendered(session, kind=TENDER, stores=zones, first=first, last=last)
    placed = [(each, zones[each.store].place(each.at_ms)[0]) for each in records]
    ours = [
        Paid(each.store, day, each.unit, each.till, each.receipt, _SIGN[each.kind] * each.amount)
        for each, day in placed
        if each.kind in _SIGN
    ]
    days, differences = reconcile(ours, map(_paid, receipts), _neighbours(first, last))
    wanted = range(day_number(choice.first), day_number(choice.last) + 1)
    found = {(one.store, one.day, one.currency): one for one in days}
    for each, day in placed:
        key = (each.store, day, each.unit)
        row = found.setdefault(key, StoreDay(*key))
        _count(row, each.kind, each.amount)
    return Reconciliation(
        [found[key] for key in sorted(found) if key[1] in wanted],
        [one for one in differences if one.day in wanted],
        await till_money.waiting(session, stores=zones),
        cut=len(records) == till_money.ROWS_MAX or len(receipts) == ROWS_MAX,
    )


def _paid(each: Tendered) -> Paid:
    return Paid(each.store, each.day, each.currency, each.till, each.receipt, each.amount)


def _count(row: StoreDay, kind: str, amount: int) -> None:
    if kind == "spend":
        row.spends += amount
    elif kind == "refund":
        row.refunds += amount
    else:
        row.tops += amount


def _neighbours(first: date, last: date) -> dict[int, tuple[int, int]]:
    days: Sequence[date] = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    step = timedelta(days=1)
    return {day_number(day): (day_number(day - step), day_number(day + step)) for day in days}
