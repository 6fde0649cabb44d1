"""When a store's box was not there to count: switched off, or its agent stopped.

    heartbeats   ●──●──●──●                 ●──●──●──●     each says for how long its agent has been running
    there        ██████████                ███████████
    absent                 ░░░░░░░░░░░░░░░░
                           last heartbeat   the first one after, less its uptime

A box that is merely offline keeps its heartbeats and its counts, and sends them later: their uptimes leave
no hole, however long it takes. Until they come nobody knows what it counts, so since the last one it is
absent for now.

Hours of the day in which nobody has been counted lately are closed hours: a box that is switched off for the
night misses nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import DAY_MS, HOUR_MS, QUARTER_MS, Calendar, believed
from central_server.db import bulk_insert
from central_server.facts import Fact
from central_server.sales.zones import calendar_of_store
from central_server.stores import service as stores_service
from central_server.traffic.coverage import Span
from central_server.traffic.models import BoxAbsence, BoxPresence, DwellHour, TrafficQuarter
from sync.contract.events import Heartbeat

RESTART_MS: Final = 2 * 60_000  # an agent that is back so soon after a heartbeat was started anew, no more
HABIT_MS: Final = 28 * DAY_MS  # the hours in which people come are those of so many days before
LEARNING_MS: Final = 7 * DAY_MS  # for so long a store has no habits yet: every hour counts


async def box_beats(session: AsyncSession, store: str, facts: Sequence[Fact[Heartbeat]], now_ms: int) -> None:
    """The handler of `Heartbeat`: what lies between two runs of the store's agent is an absence."""
    if not facts:
        return
    there = await session.get(BoxPresence, store)
    for fact in facts:
        at_ms = min(believed(fact.stamp, now_ms)[0], now_ms)
        began_ms = max(at_ms - max(fact.event.uptime_s, 0) * 1000, 0)
        if there is None:
            there = BoxPresence(store=store, since_ms=began_ms, until_ms=at_ms)
            session.add(there)
        elif began_ms > there.until_ms + RESTART_MS:
            calendar = await calendar_of_store(session, store)
            hours = await _busy_hours(session, there, calendar)
            spans = in_hours((there.until_ms, began_ms), hours, calendar)
            await bulk_insert(session, BoxAbsence, [(store, *span) for span in spans])
        there.until_ms = max(there.until_ms, at_ms)
    await session.flush()


async def absences(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, now_ms: int
) -> dict[str, list[Span]]:
    """When the boxes of these stores were away, as far as it touches the span, by store.

    A store that is offline is away since its last heartbeat, until it says that it was not.
    """
    found: dict[str, list[Span]] = {}
    rows = sa.select(BoxAbsence.store, BoxAbsence.from_ms, BoxAbsence.until_ms).where(
        BoxAbsence.store.in_(stores), BoxAbsence.from_ms < until_ms, BoxAbsence.until_ms > from_ms
    )
    for store, begins_ms, ends_ms in await session.execute(rows):
        found.setdefault(store, []).append((begins_ms, ends_ms))
    last = sa.select(BoxPresence.store, BoxPresence.until_ms).where(
        BoxPresence.store.in_(stores), BoxPresence.until_ms < min(until_ms, now_ms)
    )
    silent = await stores_service.silent(session, stores, now_ms=now_ms)
    for store, begins_ms in await session.execute(last):
        if store in silent:
            found.setdefault(store, []).append((begins_ms, now_ms))
    return found


async def stores_away(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int
) -> set[str]:
    """Those of `stores` whose box was away for some of the span, or has not told of all of it yet."""
    away = sa.select(BoxAbsence.store).where(
        BoxAbsence.store.in_(stores), BoxAbsence.from_ms < until_ms, BoxAbsence.until_ms > from_ms
    )
    behind = sa.select(BoxPresence.store).where(
        BoxPresence.store.in_(stores), BoxPresence.until_ms < until_ms - RESTART_MS
    )
    return set(await session.scalars(away.union(behind)))


def in_hours(span: Span, hours: Collection[int], calendar: Calendar) -> Iterator[Span]:
    """What of `span` lies in these local hours of the day, in order; all of one longer than a habit."""
    at_ms, until_ms = span
    if until_ms - at_ms > HABIT_MS or len(hours) == 24:
        yield span
        return
    begins_ms = at_ms
    while at_ms < until_ms:
        hour_ms = calendar.place(at_ms)[1]
        end_ms = min(hour_ms + HOUR_MS, until_ms)
        if calendar.hour_of(hour_ms) not in hours:
            if begins_ms < at_ms:
                yield begins_ms, at_ms
            begins_ms = end_ms
        at_ms = end_ms
    if begins_ms < until_ms:
        yield begins_ms, until_ms


async def _busy_hours(session: AsyncSession, there: BoxPresence, calendar: Calendar) -> Collection[int]:
    """The local hours of the day in which anybody has been counted in this store lately."""
    if there.until_ms - there.since_ms < LEARNING_MS:
        return range(24)
    since_ms = there.until_ms - HABIT_MS
    quarters = sa.select(TrafficQuarter.quarter_ms).where(
        TrafficQuarter.store == there.store, TrafficQuarter.quarter_ms.between(since_ms, there.until_ms)
    )
    visits = sa.select(DwellHour.hour_ms).where(
        DwellHour.store == there.store, DwellHour.hour_ms.between(since_ms, there.until_ms)
    )
    times = await session.scalars(quarters.union(visits).limit(HABIT_MS // QUARTER_MS))
    return {calendar.hour_of(at_ms) for at_ms in times}
