"""When a store's box was not there to count: switched off, or its agent stopped.

    heartbeats   ●──●──●──●                 ●──●──●──●     each says for how long its agent has been running
    there        ██████████                ███████████
    absent                 ░░░░░░░░░░░░░░░░
                           last heartbeat   the first one after, less its uptime

A box that is merely offline keeps its heartbeats and its counts, and sends them later: their uptimes leave
no hole, however long it takes. Until they come nobody knows what it counts, so since the last one it is
absent for now.

Hours of the day in which nobody has been counted lately are closed hours: a box that is switched off for the
night misses nobody, neither that night nor when one looks back at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import DAY_MS, HOUR_MS, Calendar, believed
from central_server.db import bulk_insert
from central_server.facts import Fact
from central_server.sales.zones import calendars_of_stores
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
            away = (there.until_ms, began_ms)
            missed = await _missed(session, {store: away}, {store: there.since_ms})
            await bulk_insert(session, BoxAbsence, [(store, *span) for span in missed[store]])
        there.until_ms = max(there.until_ms, at_ms)
    await session.flush()


async def absences(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, now_ms: int
) -> dict[str, list[Span]]:
    """When the boxes of these stores were away, as far as it touches the span, by store.

    A store that is offline is away since its last heartbeat, until it says that it was not; its closed hours
    are none of that, or each morning would begin with a gap.
    """
    found: dict[str, list[Span]] = {}
    rows = sa.select(BoxAbsence.store, BoxAbsence.from_ms, BoxAbsence.until_ms).where(
        BoxAbsence.store.in_(stores), BoxAbsence.from_ms < until_ms, BoxAbsence.until_ms > from_ms
    )
    for store, begins_ms, ends_ms in await session.execute(rows):
        found.setdefault(store, []).append((begins_ms, ends_ms))
    silent = await stores_service.silent(session, stores, now_ms=now_ms)
    last = sa.select(BoxPresence.store, BoxPresence.since_ms, BoxPresence.until_ms).where(
        BoxPresence.store.in_(silent), BoxPresence.until_ms < min(until_ms, now_ms)
    )
    boxes = list(await session.execute(last))
    away = {store: (gone_ms, now_ms) for store, _, gone_ms in boxes}
    for store, spans in (await _missed(session, away, {store: since for store, since, _ in boxes})).items():
        touching = [span for span in spans if span[0] < until_ms and span[1] > from_ms]
        if touching:
            found.setdefault(store, []).extend(touching)
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


async def _missed(
    session: AsyncSession, away: Mapping[str, Span], since_ms: Mapping[str, int]
) -> dict[str, Iterator[Span]]:
    """What of the time that each store's box is away lies in hours in which people come to it.

    `since_ms` says since when there has been such a box; `away` begins where its presence ends.
    """
    learnt = [store for store, (gone_ms, _) in away.items() if gone_ms - since_ms[store] >= LEARNING_MS]
    calendars = await calendars_of_stores(session, learnt)
    busy = await _busy_hours(session, calendars)
    return {
        store: in_hours(span, busy[store], calendars[store]) if store in busy else iter((span,))
        for store, span in away.items()
    }


async def _busy_hours(session: AsyncSession, calendars: Mapping[str, Calendar]) -> dict[str, set[int]]:
    """The local hours of the day in which anybody was counted in each store before its box was last there.

    A thousand stores are closed at the same time, so their quarters are brought together by the database, to
    one row for each quarter of a day: its first and its last time, for the clocks may have changed between.
    """
    hours: dict[str, set[int]] = {store: set() for store in calendars}
    for at_ms in (TrafficQuarter.quarter_ms, DwellHour.hour_ms):
        times = (
            sa.select(BoxPresence.store, sa.func.min(at_ms), sa.func.max(at_ms))
            .join(at_ms.class_, at_ms.class_.store == BoxPresence.store)
            .where(BoxPresence.store.in_(list(calendars)))
            .where(at_ms.between(BoxPresence.until_ms - HABIT_MS, BoxPresence.until_ms))
            .group_by(BoxPresence.store, at_ms % DAY_MS)
        )
        for store, first_ms, last_ms in await session.execute(times) if calendars else ():
            hours[store] |= {calendars[store].hour_of(first_ms), calendars[store].hour_of(last_ms)}
    return hours
