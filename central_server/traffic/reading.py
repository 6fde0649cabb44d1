"""What was counted, and what was not: read by pages, the API and reports."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import DAY_MS
from central_server.errors import Invalid
from central_server.traffic.absence import absences, stores_away
from central_server.traffic.coverage import Blind, Camera, Span
from central_server.traffic.models import CameraGap, DeviceOutage, Outage, TrafficLoss, TrafficQuarter
from central_server.web.text import N_

EXPECTED_MS = 28 * DAY_MS  # a device that has been out for longer is taken for one that was taken away
LINES_MAX = 200  # offered to choose from
ROWS_MAX = 400_000  # quarters read at once: a year of ten lines


class Quarter(NamedTuple):
    """Fifteen minutes at one door (all its lines, unless asked by line)."""

    store: str
    quarter_ms: int
    device: str
    inward: int
    outward: int
    unsure: int
    untimed: int


async def quarters(
    session: AsyncSession,
    *,
    stores: Collection[str],
    from_ms: int,
    until_ms: int,
    device: str = "",
    line: str | None = None,
) -> list[Quarter]:
    """The quarters that begin in the span, by store and time. Raises Invalid past `ROWS_MAX`."""
    table = TrafficQuarter
    statement = (
        sa.select(
            table.store,
            table.quarter_ms,
            table.device,
            *(sa.func.sum(column) for column in (table.inward, table.outward, table.unsure, table.untimed)),
        )
        .where(table.store.in_(stores), table.quarter_ms >= from_ms, table.quarter_ms < until_ms)
        .group_by(table.store, table.quarter_ms, table.device)
        .order_by(table.store, table.quarter_ms, table.device)
        .limit(ROWS_MAX)
    )
    if device:
        statement = statement.where(table.device == device)
    if line is not None:
        statement = statement.where(table.line == line)
    # PostgreSQL's sum of bigint is numeric, which arrives as Decimal.
    rows = [Quarter(*row[:3], *map(int, row[3:])) for row in await session.execute(statement)]
    if len(rows) == ROWS_MAX:
        raise Invalid({"days": N_("too much to add up at once: choose fewer days or stores")})
    return rows


async def devices_of(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int
) -> dict[str, list[str]]:
    """The devices that were to count in each of these stores in the span.

    They did, or they were out for some of it, or their box was, and counted within `EXPECTED_MS` before or
    after: whoever counts nobody for a whole day, being broken, must not look like an empty shop.
    """
    table = TrafficQuarter
    counted = sa.select(table.store, table.device).where(
        table.store.in_(stores), table.quarter_ms >= from_ms, table.quarter_ms < until_ms
    )
    around = (table.quarter_ms >= from_ms - EXPECTED_MS, table.quarter_ms < until_ms + EXPECTED_MS)
    missing = [
        sa.select(out.store, out.device).where(
            out.store.in_(stores),
            *_touching(out, from_ms, until_ms),
            sa.exists().where(table.store == out.store, table.device == out.device, *around),
        )
        for out in (DeviceOutage, CameraGap)
    ]
    seen = {(store, device) for store, device in await session.execute(counted.union(*missing))}
    gone = await stores_away(session, stores=stores, from_ms=from_ms, until_ms=until_ms)
    gone -= {store for store, _ in seen}  # of the others enough is known
    if gone:
        expected = sa.select(table.store, table.device).where(table.store.in_(gone), *around).distinct()
        seen |= {(store, device) for store, device in await session.execute(expected)}
    found: dict[str, list[str]] = {}
    for store, device in sorted(seen):
        found.setdefault(store, []).append(device)
    return found


async def lines_of(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, device: str = ""
) -> list[str]:
    """The names of the lines that were crossed, of one door if said."""
    table = TrafficQuarter
    statement = sa.select(table.line).where(
        table.store.in_(stores), table.quarter_ms >= from_ms, table.quarter_ms < until_ms, table.line != ""
    )
    if device:
        statement = statement.where(table.device == device)
    return sorted(await session.scalars(statement.distinct().limit(LINES_MAX)))


async def blind_spots(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, now_ms: int
) -> Blind:
    """What these stores did not count in the span; what lasts ends, for now, at `now_ms`."""
    outages: dict[Camera, list[Span]] = {}
    for table in (DeviceOutage, CameraGap):
        spans = sa.select(table.store, table.device, table.from_ms, table.until_ms).where(
            table.store.in_(stores), *_touching(table, from_ms, until_ms)
        )
        for store, device, begins_ms, ends_ms in await session.execute(spans):
            outages.setdefault((store, device), []).append((begins_ms, ends_ms or now_ms))
    losses: dict[str, list[tuple[int, int]]] = {}
    for store, at_ms, numbers in await session.execute(
        sa.select(TrafficLoss.store, TrafficLoss.at_ms, TrafficLoss.numbers)
        .where(TrafficLoss.store.in_(stores), TrafficLoss.at_ms >= from_ms, TrafficLoss.at_ms < until_ms)
        .order_by(TrafficLoss.at_ms)
    ):
        losses.setdefault(store, []).append((at_ms, numbers))
    away = await absences(session, stores=stores, from_ms=from_ms, until_ms=until_ms, now_ms=now_ms)
    return Blind(outages, losses, away)


def _touching(table: type[Outage], from_ms: int, until_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Which outages lie in the span, or reach into it."""
    return table.from_ms < until_ms, sa.or_(table.until_ms.is_(None), table.until_ms > from_ms)
