"""What stores' own records say of members' money, by receipt: for whoever compares it with the receipts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.models.leases import LeaseEntry, LeaseWaiting
from sync.contract.leases import POINTS

ROWS_MAX: Final = 200_000
_KINDS: Final = ("spend", "refund", "top")


class Recorded(NamedTuple):
    """One record of a store that moved money. Amounts are positive, as the kind says which way."""

    store: str
    till: str
    receipt: str
    at_ms: int
    kind: str  # spend, refund, top
    unit: str
    amount: int


async def recorded(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int
) -> list[Recorded]:
    """The records of these stores in the span, the oldest first; at most ROWS_MAX. Points are left out."""
    columns = [getattr(LeaseEntry, name) for name in Recorded._fields]
    rows = await session.execute(
        sa.select(*columns)
        .where(
            LeaseEntry.store.in_(stores),
            LeaseEntry.at_ms >= from_ms,
            LeaseEntry.at_ms < until_ms,
            LeaseEntry.kind.in_(_KINDS),
            LeaseEntry.unit != POINTS,
        )
        .order_by(LeaseEntry.at_ms, LeaseEntry.lease, LeaseEntry.number)
        .limit(ROWS_MAX)
    )
    return [Recorded(*row) for row in rows]


async def waiting(session: AsyncSession, *, stores: Collection[str]) -> dict[str, int]:
    """How many records of each store wait for one before them, and are in no figure yet."""
    rows = await session.execute(
        sa.select(LeaseWaiting.store, sa.func.count())
        .where(LeaseWaiting.store.in_(stores))
        .group_by(LeaseWaiting.store)
    )
    return {row[0]: row[1] for row in rows}
