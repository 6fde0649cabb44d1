"""What receipts say was paid with one kind of tender."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_number
from central_server.sales.models import Sale

ROWS_MAX: Final = 200_000
_tenders = msgspec.json.Decoder(list[tuple[str, int]])


class Tendered(NamedTuple):
    """One receipt; `amount` is below zero for a return."""

    id: int
    store: str
    till: str
    receipt: str
    day: int
    at_ms: int
    currency: str
    amount: int


_COLUMNS: Final = (Sale.id, Sale.store, Sale.till, Sale.receipt, Sale.day, Sale.at_ms, Sale.currency)


async def tendered(
    session: AsyncSession, *, kind: str, stores: Collection[str], first: date, last: date
) -> list[Tendered]:
    """The receipts of these days with a tender of that kind, the oldest first; at most ROWS_MAX."""
    days = [day_number(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    has_it = Sale.tenders.contains(f'["{kind}",', autoescape=True)
    rows = await session.execute(
        sa.select(*_COLUMNS, Sale.tenders, Sale.total_minor)
        .where(Sale.day.in_(days), Sale.store.in_(stores), has_it)
        .order_by(Sale.at_ms, Sale.id)
        .limit(ROWS_MAX)
    )
    found = []
    for id_, store, till, receipt, day, at_ms, currency, tenders, total in rows:
        amount = sum(much for name, much in _tenders.decode(tenders) if name == kind)
        if total < 0 < amount:  # some tills print what a return gives back without its sign
            amount = -amount
        found.append(Tendered(id_, store, till, receipt, day, at_ms, currency, amount))
    return found
