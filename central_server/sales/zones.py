"""The calendar of a store, by the time zone that `stores` keeps for it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import Calendar, calendar_of
from central_server.errors import NotFound
from central_server.stores import service as stores

ELSEWHERE = "Asia/Shanghai"  # of a store that was deleted, or never entered: its facts are kept all the same


async def calendar_of_store(session: AsyncSession, store: str) -> Calendar:
    """Where moments fall in that store's own days and hours."""
    try:
        return calendar_of(await stores.timezone_of(session, store))
    except NotFound:
        return calendar_of(ELSEWHERE)


async def calendars_of_stores(session: AsyncSession, named: Collection[str]) -> dict[str, Calendar]:
    """Those of many stores, asked at once."""
    zones = await stores.timezones_of(session, named)
    return {store: calendar_of(zones.get(store, ELSEWHERE)) for store in named}
