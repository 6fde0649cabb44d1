"""Whose hands a login has been in: who else could have signed in as its user.

Whoever makes a login, sets its password, gives it roles or opens it again may use it before its user does. So
may whoever did the same to *their* login: it goes on from hand to hand. The audit trail says who did.
What the command line did counts for nobody: whoever has the machine needs no second person.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.staff.models import Change

AT_ONCE: Final = 500  # users in one IN (…)
_GIVES: Final = sa.or_(
    Change.action.in_(("created", "set password")),
    sa.and_(
        Change.action == "changed",
        sa.or_(Change.new["roles"].as_string().is_not(None), Change.new["active"].as_string().is_not(None)),
    ),
)


async def hands(session: AsyncSession, user_id: int, *, since_ms: int) -> set[int]:
    """The user, and everybody who could have signed in as them by what was changed since `since_ms`."""
    found, fresh = {user_id}, {user_id}
    while fresh:
        makers: set[int] = set()
        theirs = sorted(str(each) for each in fresh)
        for at in range(0, len(theirs), AT_ONCE):
            rows = await session.scalars(
                sa.select(Change.actor_id)
                .where(Change.subject_kind == "user", Change.subject_id.in_(theirs[at : at + AT_ONCE]))
                .where(Change.at_ms >= since_ms, Change.actor_id.is_not(None), _GIVES)
                .distinct()
            )
            makers.update(each for each in rows if each is not None)
        fresh = makers - found
        found |= fresh
    return found
