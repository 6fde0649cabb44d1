"""What cameras saw of sales areas: read by pages, files and the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Invalid
from central_server.traffic.coverage import Camera
from central_server.traffic.dwell import Dwell
from central_server.traffic.levels import Level
from central_server.traffic.models import DwellHour, ZoneNow, ZoneQuarter
from central_server.traffic.reading import EXPECTED_MS, ROWS_MAX
from central_server.web.text import N_

DWELL_COLUMNS: Final = tuple(column for column in DwellHour.__table__.columns if not column.primary_key)


class ZoneHour(NamedTuple):
    """The visits of an area that began in one hour."""

    store: str  # empty: of several stores together
    zone: str
    hour_ms: int  # the moment at which the local hour began
    dwell: Dwell


class ZoneLevel(NamedTuple):
    """How many people were in an area in a quarter of an hour."""

    store: str
    device: str
    zone: str
    quarter_ms: int
    level: Level


async def dwell_hours(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, zone: str = ""
) -> list[ZoneHour]:
    """Hours of all these stores together; they should stand in one time zone. Raises Invalid past `ROWS_MAX`.

    So a chain of any size is as many rows as one store: hours × areas.
    """
    table = DwellHour
    statement = (
        _summed(table.zone, table.hour_ms)
        .where(*_wanted(stores, from_ms, until_ms, zone))
        .group_by(table.zone, table.hour_ms)
        .limit(ROWS_MAX)
    )
    # PostgreSQL's sum of bigint is numeric, which arrives as Decimal.
    rows = [
        ZoneHour("", zone_, hour_ms, Dwell.of([*map(int, sums)]))
        for zone_, hour_ms, *sums in await session.execute(statement)
    ]
    if len(rows) == ROWS_MAX:
        raise Invalid({"days": N_("too much to add up at once: choose fewer days or stores")})
    return rows


async def dwell_by_store(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, zone: str = ""
) -> dict[str, Dwell]:
    """The visits of each store in the span, of one area if said."""
    statement = _summed(DwellHour.store).where(*_wanted(stores, from_ms, until_ms, zone))
    rows = await session.execute(statement.group_by(DwellHour.store))
    return {store: Dwell.of([*map(int, sums)]) for store, *sums in rows}


async def every_dwell_hour(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, zone: str = ""
) -> AsyncIterator[ZoneHour]:
    """Every hour of every store and area in the span, in that order, read while it is taken."""
    table = DwellHour
    place = (table.store, table.hour_ms, table.zone)
    statement = _summed(table.store, table.zone, table.hour_ms).where(
        *_wanted(stores, from_ms, until_ms, zone)
    )
    rows = await session.stream(statement.group_by(*place).order_by(*place))
    async for store, zone_, hour_ms, *sums in rows:
        yield ZoneHour(store, zone_, hour_ms, Dwell.of([*map(int, sums)]))


async def zones_of(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int
) -> dict[Camera, list[str]]:
    """The areas that each camera was to watch in the span: it told of visits there, or of people lately."""
    seen = sa.select(DwellHour.store, DwellHour.device, DwellHour.zone).where(
        *_wanted(stores, from_ms, until_ms, "")
    )
    known = sa.select(ZoneNow.store, ZoneNow.device, ZoneNow.zone).where(
        ZoneNow.store.in_(stores), ZoneNow.since_ms < until_ms, ZoneNow.at_ms >= from_ms - EXPECTED_MS
    )
    found: dict[Camera, list[str]] = {}
    for store, device, zone in sorted({tuple(row) for row in await session.execute(seen.union(known))}):
        found.setdefault((store, device), []).append(zone)
    return found


async def zones_now(session: AsyncSession, *, stores: Collection[str]) -> list[ZoneNow]:
    """The newest sample of each area, whenever that was."""
    place = (ZoneNow.store, ZoneNow.zone, ZoneNow.device)
    rows = await session.scalars(sa.select(ZoneNow).where(ZoneNow.store.in_(stores)).order_by(*place))
    return list(rows.all())


async def zone_levels(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int, zone: str = ""
) -> list[ZoneLevel]:
    """Quarters of an hour that begin in the span. Raises Invalid past `ROWS_MAX`."""
    table = ZoneQuarter
    place = (table.store, table.device, table.zone, table.quarter_ms)
    statement = sa.select(*place, table.known_ms, table.people_ms, table.most).where(
        table.store.in_(stores), table.quarter_ms >= from_ms, table.quarter_ms < until_ms
    )
    if zone:
        statement = statement.where(table.zone == zone)
    rows = [ZoneLevel(*row[:4], Level(*row[4:])) for row in await session.execute(statement.limit(ROWS_MAX))]
    if len(rows) == ROWS_MAX:
        raise Invalid({"days": N_("too much to add up at once: choose fewer days or stores")})
    return rows


def _summed(*place: Any) -> sa.Select[Any]:
    return sa.select(*place, *(sa.func.sum(column) for column in DWELL_COLUMNS))


def _wanted(
    stores: Collection[str], from_ms: int, until_ms: int, zone: str
) -> tuple[sa.ColumnElement[bool], ...]:
    table = DwellHour
    span = (table.store.in_(stores), table.hour_ms >= from_ms, table.hour_ms < until_ms)
    return (*span, table.zone == zone) if zone else span
