"""What staff's tables forget in time; central_server/periodic.py says when."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.staff.models import Change, Session, Throttle, Token

_DAY_MS: Final = 24 * 3_600_000


async def prune(database: Database, now_ms: int, *, sessions_days: int, audit_days: int) -> None:
    """Forgets sessions and keys that ended, failed attempts and changes from before those many days."""
    ended_ms, changed_ms = now_ms - sessions_days * _DAY_MS, now_ms - audit_days * _DAY_MS

    async def pruned(session: AsyncSession) -> None:
        await session.execute(sa.delete(Session).where(Session.seen_ms < ended_ms))
        await session.execute(sa.delete(Token).where(Token.expires_ms < ended_ms))
        await session.execute(sa.delete(Throttle).where(Throttle.last_ms < ended_ms))
        await session.execute(sa.delete(Change).where(Change.at_ms < changed_ms))

    await database.run(pruned)
