"""The keys of personal fields: whether they are the right ones; after a new one, all is closed anew."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.membership.models import PERSONAL_FIELDS, Member, MemberChange

AT_ONCE = 500
SAMPLE = 20  # members whose names are tried; ids are random, so the first of them are any


async def check_keys(session: AsyncSession, *, keys: Keys) -> None:
    """Make sure that these keys belong to this database. Raises CannotDecrypt."""
    some = sa.select(Member.name).where(Member.name.is_not(None)).order_by(Member.id).limit(SAMPLE)
    for closed in await session.scalars(some):
        if closed:
            keys.decrypt(bytes(closed))


async def reclose_members(session: AsyncSession, *, keys: Keys, after: str = "") -> str | None:
    """Close the next members after id `after` with the newest key; gives where to go on, None at the end."""
    rows = list(
        await session.scalars(
            sa.select(Member).where(Member.id > after).order_by(Member.id).limit(AT_ONCE).with_for_update()
        )
    )
    for row in rows:
        for name in PERSONAL_FIELDS:
            _reclose(row, name, keys)
    return rows[-1].id if len(rows) == AT_ONCE else None


async def reclose_history(session: AsyncSession, *, keys: Keys, after: int = 0) -> int | None:
    """The same for the next lines of history after number `after`."""
    rows = list(
        await session.scalars(
            sa.select(MemberChange).where(MemberChange.id > after).order_by(MemberChange.id).limit(AT_ONCE)
        )
    )
    for row in rows:
        for name in ("old", "new"):
            _reclose(row, name, keys)
    return rows[-1].id if len(rows) == AT_ONCE else None


def _reclose(row: Member | MemberChange, name: str, keys: Keys) -> None:
    closed: bytes | None = getattr(row, name)
    if closed and keys.needs_rotation(bytes(closed)):
        setattr(row, name, keys.encrypt(keys.decrypt(bytes(closed))))
