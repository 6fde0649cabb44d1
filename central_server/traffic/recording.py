"""Counts arrive: thousands of facts become a few sums. Fed by the inbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import believed
from central_server.db import bulk_insert, bulk_upsert_add
from central_server.facts import Fact
from central_server.sales.zones import calendar_of_store
from central_server.traffic.levels import Sample, fold
from central_server.traffic.models import (
    CameraGap,
    DeviceOutage,
    DwellHour,
    Outage,
    TrafficLoss,
    TrafficQuarter,
    ZoneNow,
    ZoneQuarter,
)
from central_server.traffic.tally import plain, samples_by_zone, tally, tally_visits
from sync.contract.events import CameraState, Devices, DeviceState, Dropped, Occupancy, Passed, Visited

DETAIL_MAX = 200
_KEY = ("store", "quarter_ms", "device", "line")
_SUMS = ("inward", "outward", "unsure", "untimed")
_DWELL_SUMS: Final = tuple(
    column.name for column in DwellHour.__table__.columns if not column.primary_key
)  # as `Dwell.sums`
_DWELL_KEY = ("store", "hour_ms", "device", "zone")
_ZONE_KEY = ("store", "quarter_ms", "device", "zone")
_ZONE_SUMS = ("known_ms", "people_ms")
_BLIND = ("down", "blocked")
_UNSEEING = ("down", "frozen", "dark", "covered", "moved", "flooded")
ZONES_MAX = 2_000  # areas of one store whose newest sample is kept; a box has some dozens


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


async def visited(session: AsyncSession, store: str, facts: Sequence[Fact[Visited]], now_ms: int) -> None:
    """Add visits to the hours in which they began. Raises ValueError for one that cannot be."""
    calendar = await calendar_of_store(session, store)
    visits = tally_visits(facts, calendar, now_ms)
    rows = [(store, *place, *dwell.sums) for place, dwell in visits.items()]
    await bulk_upsert_add(session, DwellHour, _DWELL_KEY, _DWELL_SUMS, rows)


async def occupied(session: AsyncSession, store: str, facts: Sequence[Fact[Occupancy]], now_ms: int) -> None:
    """Add samples of areas to their quarters of an hour, and keep the newest of each."""
    known = {
        (row.device, row.zone): row
        for row in await session.scalars(sa.select(ZoneNow).where(ZoneNow.store == store).limit(ZONES_MAX))
    }
    rows: list[tuple[Any, ...]] = []
    for place, samples in samples_by_zone(facts, now_ms).items():
        row = known.get(place)
        quarters, last = fold(samples, Sample(row.at_ms, row.people) if row else None)
        rows += [
            (store, quarter_ms, *place, level.known_ms, level.people_ms, level.most)
            for quarter_ms, level in quarters.items()
        ]
        if last is None:
            continue
        if row is not None:
            row.since_ms = min(row.since_ms, samples[0].at_ms)
            row.at_ms, row.people = last
        elif len(known) < ZONES_MAX:
            device, zone = place
            known[place] = ZoneNow(store=store, device=device, zone=zone, since_ms=samples[0].at_ms)
            known[place].at_ms, known[place].people = last
            session.add(known[place])
    await bulk_upsert_add(session, ZoneQuarter, _ZONE_KEY, _ZONE_SUMS, rows, most=("most",))


async def device_states(
    session: AsyncSession, store: str, facts: Sequence[Fact[DeviceState]], now_ms: int
) -> None:
    """Keep when a device did not count: from `down` or `blocked` until it says something else."""
    await _outages(session, DeviceOutage, store, facts, now_ms, _BLIND)


async def camera_states(
    session: AsyncSession, store: str, facts: Sequence[Fact[CameraState]], now_ms: int
) -> None:
    """Keep when a camera did not see its place: from `down`, `covered` … until it sees it, or rests.

    Apart from the device's own outages, for its process may be up while the camera is down, and the other way
    round; a gap is when either is so.
    """
    await _outages(session, CameraGap, store, facts, now_ms, _UNSEEING)


async def devices_wanted(
    session: AsyncSession, store: str, facts: Sequence[Fact[Devices]], now_ms: int
) -> None:
    """The handler of `Devices`: what a box's settings no longer name is not missed from then on."""
    for fact in facts:
        at_ms, names = believed(fact.stamp, now_ms)[0], [plain(name) for name in fact.event.names]
        for table in (DeviceOutage, CameraGap):
            # What began later is of a device that was put back: its states of the same batch came first.
            gone = (table.device.not_in(names), table.from_ms <= at_ms, table.until_ms.is_(None))
            await session.execute(sa.update(table).where(table.store == store, *gone).values(until_ms=at_ms))


async def _outages(
    session: AsyncSession,
    table: type[Outage],
    store: str,
    facts: Sequence[Fact[DeviceState]] | Sequence[Fact[CameraState]],
    now_ms: int,
    blind: Collection[str],
) -> None:
    """Open and close spans of `table`: one begins with a state that is `blind`, and ends with another."""
    if not facts:
        return
    names = sorted({plain(fact.event.device) for fact in facts})
    rows = await session.scalars(
        sa.select(table).where(table.store == store, table.device.in_(names), table.until_ms.is_(None))
    )
    open_ = {row.device: row for row in rows}
    for fact in facts:
        event, device, at_ms = fact.event, plain(fact.event.device), believed(fact.stamp, now_ms)[0]
        outage = open_.get(device)
        if outage is None and event.state in blind:
            outage = table()
            outage.store, outage.device, outage.from_ms, outage.until_ms = store, device, at_ms, None
            outage.state, outage.detail = event.state, plain(event.detail, DETAIL_MAX)
            open_[device] = await session.merge(outage)
        elif outage is not None and event.state not in blind:
            outage.until_ms = max(at_ms, outage.from_ms)
            del open_[device]
    await session.flush()
