"""Whose token is this: sessions of people (cookie) and keys of programs (bearer).

Tokens are random and opaque; the database has only their SHA-256, so a stolen backup signs nobody in, and a
row deleted is a door shut.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.staff.models import Session, Token, User
from central_server.staff.rights import rights_of
from central_server.web.deps import Viewer
from central_server.web.security import csrf_token, new_token

IDLE_MS: Final = 12 * 3_600_000
LONGEST_MS: Final = 7 * 24 * 3_600_000  # however busy
SESSIONS_MAX: Final = 20  # of one user; the one longest unused goes
_SEEN_EVERY_MS: Final = 60_000  # so that reading pages is not writing rows
_AGENT_MAX: Final = 200


def digest(token: str) -> bytes:
    """What the database has of a token."""
    return sha256(token.encode()).digest()


async def open_session(session: AsyncSession, user: User, *, address: str, agent: str, now_ms: int) -> str:
    """A new session of `user`; its token, which is told once. Sessions that have ended are swept."""
    token = new_token()
    ended = sa.or_(Session.created_ms < now_ms - LONGEST_MS, Session.seen_ms < now_ms - LONGEST_MS)
    await session.execute(sa.delete(Session).where(ended))
    mine = sa.select(Session.token_sha256).where(Session.user_id == user.id)
    kept = mine.order_by(Session.seen_ms.desc()).limit(SESSIONS_MAX - 1)
    newest = (await session.scalars(kept)).all()
    await close_sessions(session, user.id, but=newest)
    session.add(
        Session(
            token_sha256=digest(token),
            user_id=user.id,
            created_ms=now_ms,
            seen_ms=now_ms,
            address=address,
            agent=agent[:_AGENT_MAX],
        )
    )
    return token


async def close_session(session: AsyncSession, token: str) -> None:
    """Ends the session with that token, if there is one."""
    await session.execute(sa.delete(Session).where(Session.token_sha256 == digest(token)))


async def close_sessions(session: AsyncSession, user_id: int, *, but: Sequence[bytes] = ()) -> None:
    """Ends every session of a user, but those with the digests in `but`."""
    mine = Session.user_id == user_id
    await session.execute(sa.delete(Session).where(mine, Session.token_sha256.not_in(but)))


async def viewer_of(
    database: Database, token: str, *, bearer: bool, now_ms: int, idle_ms: int = IDLE_MS
) -> Viewer | None:
    """Whose token that is (web.deps.ViewerOf): None when it is nobody's, has ended or its user may not."""
    if bearer:
        return await _of_program(database, token, now_ms)
    async with database.reading() as session:
        query = sa.select(Session, User).join(User, User.id == Session.user_id)
        found = (await session.execute(query.where(Session.token_sha256 == digest(token)))).one_or_none()
    if found is None:
        return None
    row, user = found
    too_old = now_ms - row.created_ms > LONGEST_MS or now_ms - row.seen_ms > idle_ms
    if too_old or not user.active:
        return None
    if abs(now_ms - row.seen_ms) > _SEEN_EVERY_MS:
        await database.run(lambda session: _seen(session, row.token_sha256, now_ms))
    rights = frozenset() if user.must_change else rights_of(user.roles)
    return Viewer(
        user_id=user.id,
        name=user.name,
        rights=rights,
        lang=user.lang,
        csrf=csrf_token(token),
        stores=None if user.stores is None else frozenset(user.stores),
        roles=frozenset(user.roles),
    )


async def _of_program(database: Database, token: str, now_ms: int) -> Viewer | None:
    async with database.reading() as session:
        query = sa.select(Token, User).join(User, User.id == Token.user_id)
        found = (await session.execute(query.where(Token.token_sha256 == digest(token)))).one_or_none()
    if found is None:
        return None
    row, user = found
    if row.revoked_ms is not None or now_ms > row.expires_ms or not user.active or user.must_change:
        return None
    if row.seen_ms is None or abs(now_ms - row.seen_ms) > _SEEN_EVERY_MS:
        await database.run(lambda session: _program_seen(session, row.id, now_ms))
    return Viewer(
        user_id=user.id,
        name=f"{user.name} ({row.name})",
        rights=rights_of(user.roles) & frozenset(row.rights),
        lang=user.lang,
        stores=None if user.stores is None else frozenset(user.stores),
        token_id=row.id,
    )


async def _seen(session: AsyncSession, token_sha256: bytes, now_ms: int) -> None:
    row = sa.update(Session).where(Session.token_sha256 == token_sha256)
    await session.execute(row.values(seen_ms=now_ms))


async def _program_seen(session: AsyncSession, token_id: int, now_ms: int) -> None:
    await session.execute(sa.update(Token).where(Token.id == token_id).values(seen_ms=now_ms))
