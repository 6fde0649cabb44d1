"""Counts arrive: thousands of facts become a few sums. Fed by the inbox."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import believed
from central_server.db import bulk_insert, bulk_upsert_add
from central_server.facts import Fact
from central_server.traffic.models import DeviceOutage, TrafficLoss, TrafficQuarter
from central_server.traffic.tally import plain, tally
from sync.contract.events import DeviceState, Dropped, Passed

DETAIL_MAX = 200
_KEY = ("store", "quarter_ms", "device", "line")
_SUMS = ("inward", "outward", "unsure", "untimed")
_BLIND = ("down", "blocked")


async def record(session: AsyncSession, store: str, facts: Sequence[Fact[Passed]], now_ms: int) -> None:
    """Add people to their quarters of an hour."""
    rows = [(store, *place, *cell) for place, cell in tally(facts, now_ms).items()]
    await bulk_upsert_add(session, TrafficQuarter, _KEY, _SUMS, rows)


async def dropped(session: AsyncSession, store: str, facts: Sequence[Fact[Dropped]], now_ms: int) -> None:
    """Mark where a full disk took counts: the sums around it are too low, and nobody knows by how much."""
    rows = [
        (fact.key, store, believed(fact.stamp, now_ms)[0], fact.event.numbers, plain(fact.event.reason))
        for fact in facts
    ]
    await bulk_insert(session, TrafficLoss, rows)


async def device_states(
    session: AsyncSession, store: str, facts: Sequence[Fact[DeviceState]], now_ms: int
) -> None:
    """Keep when a device did not count: from `down` or `blocked` until it says something else."""
    if not facts:
        return
    names = sorted({plain(fact.event.device) for fact in facts})
    open_ = {
        row.device: row
        for row in await session.scalars(
            sa.select(DeviceOutage).where(
                DeviceOutage.store == store,
                DeviceOutage.device.in_(names),
                DeviceOutage.until_ms.is_(None),
            )
        )
    }
    for fact in facts:
        event, device, at_ms = fact.event, plain(fact.event.device), believed(fact.stamp, now_ms)[0]
        outage = open_.get(device)
        if outage is None and event.state in _BLIND:
            outage = DeviceOutage(store=store, device=device, from_ms=at_ms, until_ms=None)
            outage.state, outage.detail = event.state, plain(event.detail, DETAIL_MAX)
            open_[device] = await session.merge(outage)
        elif outage is not None and event.state not in _BLIND:
            outage.until_ms = max(at_ms, outage.from_ms)
            del open_[device]
    await session.flush()
