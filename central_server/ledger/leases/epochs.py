"""Which epoch of a store's disk is the current one. Leases are granted to no other.

An epoch that was followed by another is over for ever: a greeting that the broker kept back, or a copied
disk, must not bring it back. So a store that was heard in the wrong order is granted nothing until it begins
one more epoch; its money is safe meanwhile.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.ledger.leases.lease_alarms import Raised, raise_alarms
from central_server.ledger.models.leases import DOUBT, OPEN, Lease, LeasingStore, StoreEpoch

ECHOES_MAX = 3  # greetings that the broker may have kept back; past it they are another box's
EPOCHS_MAX = 1_000  # of one store; past it a new one is not taken: nothing is granted to it

# Made once: to make a statement anew takes as long as to ask it.
_OF_STORE = (
    sa.select(LeasingStore)
    .where(LeasingStore.store == sa.bindparam("of"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_EPOCH = sa.select(StoreEpoch).where(
    StoreEpoch.store == sa.bindparam("of"), StoreEpoch.epoch == sa.bindparam("named")
)


async def of_store(session: AsyncSession, store: str) -> LeasingStore:
    """The store as leases see it, its row locked: whoever grants to it or gives it an epoch stands in
    line.
    """
    row = await session.scalar(_OF_STORE, {"of": store})
    if row is None:
        columns = ["store", "epoch", "stopped", "unknown_hour_ms", "unknown"]
        await bulk_insert(session, LeasingStore, [(store, "", False, 0, 0)], columns=columns, skip_known=True)
        row = (await session.scalars(_OF_STORE, {"of": store})).one()
    return row


async def new_epoch(session: AsyncSession, store: str, epoch: str, now_ms: int) -> int:
    """The store was heard in `epoch`. If that is new, what older epochs of it hold is in doubt from now.

    Gives how many leases came into doubt. An epoch that is known already, current or over, changes nothing.
    """
    if await _known(session, store, epoch) is not None:
        return 0
    row = await of_store(session, store)
    if await _known(session, store, epoch) is not None:
        return 0  # another process was quicker
    known = await session.scalar(
        sa.select(sa.func.count()).select_from(StoreEpoch).where(StoreEpoch.store == store)
    )
    if (known or 0) >= EPOCHS_MAX:
        return 0
    await _end_current(session, store, now_ms)
    session.add(StoreEpoch(store=store, epoch=epoch, first_ms=now_ms))
    row.epoch = epoch
    await session.flush()
    return await _into_doubt(session, store, epoch, now_ms)


async def echoed(session: AsyncSession, store: str, epoch: str, now_ms: int) -> None:
    """The store greeted in `epoch`. In one that is over, again and again: there are two boxes, an alarm."""
    known = await _known(session, store, epoch)
    if known is None or known.ended_ms is None:
        return
    known.echoes += 1
    await session.flush()
    if known.echoes >= ECHOES_MAX:
        detail = f"{epoch} has ended and was heard {known.echoes} times since"
        await raise_alarms(session, store, [Raised("two_boxes", "", detail)], now_ms)


async def fence(session: AsyncSession, store: str, now_ms: int) -> int:
    """Head office knows that the store's box is gone: its epoch is over, what it holds is in doubt.

    Gives how many leases came into doubt. The box, should it speak after all, is granted nothing until it has
    begun another epoch; what it wrote down still settles.
    """
    row = await of_store(session, store)
    await _end_current(session, store, now_ms)
    row.epoch = ""
    await session.flush()
    return await _into_doubt(session, store, "", now_ms)


async def set_stopped(session: AsyncSession, store: str, stopped: bool) -> None:
    """Grant the store nothing from now on, or again. What it holds it may still spend."""
    (await of_store(session, store)).stopped = stopped
    await session.flush()


async def _known(session: AsyncSession, store: str, epoch: str) -> StoreEpoch | None:
    found: StoreEpoch | None = await session.scalar(_EPOCH, {"of": store, "named": epoch})
    return found


async def _end_current(session: AsyncSession, store: str, now_ms: int) -> None:
    await session.execute(
        sa.update(StoreEpoch)
        .where(StoreEpoch.store == store, StoreEpoch.ended_ms.is_(None))
        .values(ended_ms=now_ms)
    )


async def _into_doubt(session: AsyncSession, store: str, current: str, now_ms: int) -> int:
    done = await session.execute(
        sa.update(Lease)
        .where(Lease.store == store, Lease.state == OPEN, Lease.epoch != current)
        .values(state=DOUBT, doubt_ms=now_ms)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
