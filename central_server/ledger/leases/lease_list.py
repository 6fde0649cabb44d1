"""Leases as head office looks at them: which there are, what each still holds, what was written of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.ledger.models.leases import (
    DOUBT,
    FROZEN,
    HOLDING,
    Lease,
    LeaseEntry,
    LeaseWaiting,
    LeasingStore,
)
from central_server.web.text import N_

LIST_MAX: Final = 500
ENTRIES_MAX: Final = 1_000
UNSURE: Final = (DOUBT, FROZEN)  # what a person should look at


class Sum(NamedTuple):
    """What leases of one state and unit hold together."""

    state: str
    unit: str
    leases: int
    escrow: int


async def leases(
    session: AsyncSession,
    *,
    states: Collection[str] = HOLDING,
    stores: Collection[str] | None = None,
    store: str = "",
    purse: str = "",
    limit: int = 100,
) -> list[Lease]:
    """The newest first: of some states, of the stores that may be seen (None: all), of one store or purse."""
    query = _seen(sa.select(Lease), stores).where(Lease.state.in_(sorted(states)))
    if store:
        query = query.where(Lease.store == store)
    if purse:
        query = query.where(Lease.purse == purse)
    query = query.order_by(Lease.granted_ms.desc(), Lease.id).limit(min(limit, LIST_MAX))
    return list(await session.scalars(query))


async def sums(session: AsyncSession, *, stores: Collection[str] | None = None) -> list[Sum]:
    """How many leases hold how much, by state and unit."""
    query = sa.select(Lease.state, Lease.unit, sa.func.count(), sa.func.sum(Lease.escrow))
    query = query.where(Lease.state.in_(HOLDING)).group_by(Lease.state, Lease.unit)
    if stores is not None:
        query = query.where(Lease.store.in_(sorted(stores)))
    rows = await session.execute(query.order_by(Lease.state, Lease.unit))
    return [Sum(state, unit, count, int(held or 0)) for state, unit, count, held in rows]


async def lease_with(session: AsyncSession, id_: str, *, stores: Collection[str] | None = None) -> Lease:
    """One lease. Raises NotFound, also for a lease of a store that may not be seen."""
    row = await session.get(Lease, id_)
    if row is None or (stores is not None and row.store not in stores):
        raise NotFound(N_("there is no such lease"))
    return row


async def store_with(session: AsyncSession, store: str) -> LeasingStore | None:
    """A store as leases see it; None when it never asked for any."""
    return await session.get(LeasingStore, store)


async def entries(session: AsyncSession, id_: str) -> list[LeaseEntry]:
    """Its records, as far as they were applied, in their order."""
    query = sa.select(LeaseEntry).where(LeaseEntry.lease == id_).order_by(LeaseEntry.number)
    return list(await session.scalars(query.limit(ENTRIES_MAX)))


async def waiting_entries(session: AsyncSession, id_: str) -> list[LeaseWaiting]:
    """Records that cannot be applied yet."""
    query = sa.select(LeaseWaiting).where(LeaseWaiting.lease == id_)
    return list(await session.scalars(query.order_by(LeaseWaiting.number).limit(ENTRIES_MAX)))


def _seen(query: sa.Select[tuple[Lease]], stores: Collection[str] | None) -> sa.Select[tuple[Lease]]:
    return query if stores is None else query.where(Lease.store.in_(sorted(stores)))
