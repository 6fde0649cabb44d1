"""Keys for programs: a name, some of their owner's rights, an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.staff.audit import record_change
from central_server.staff.models import Token
from central_server.staff.rights import RIGHTS
from central_server.staff.sessions import digest
from central_server.web.deps import Viewer
from central_server.web.security import new_token
from central_server.web.text import N_

TOKENS_MAX: Final = 50  # of one user
TOKEN_DAYS_MAX: Final = 730
PREFIX: Final = "tbk_"  # lets secret scanners know one when they see it
_DAY_MS: Final = 24 * 3_600_000


async def tokens(session: AsyncSession, user_id: int) -> list[Token]:
    """The user's keys for programs, the newest first."""
    mine = sa.select(Token).where(Token.user_id == user_id)
    return list((await session.scalars(mine.order_by(Token.id.desc()).limit(TOKENS_MAX * 4))).all())


async def add_token(
    session: AsyncSession, viewer: Viewer, name: str, rights: Sequence[str], days: int, *, now_ms: int
) -> tuple[Token, str]:
    """A key for a program, and its text, which is told once.

    Raises Invalid, Conflict over TOKENS_MAX, Refused for rights the viewer has not.
    """
    wrong: dict[str, str] = {}
    if not name.strip() or len(name) > 80:
        wrong["name"] = N_("is needed")
    if not rights or any(right not in RIGHTS for right in rights):
        wrong["rights"] = N_("is none of the choices")
    if not 1 <= days <= TOKEN_DAYS_MAX:
        wrong["days"] = N_("must be between 1 and 730")
    if wrong:
        raise Invalid(wrong)
    if not viewer.rights >= set(rights) or viewer.token_id is not None:
        raise Refused(N_("nobody can give rights that they do not have"))
    live = [one for one in await tokens(session, viewer.user_id) if one.revoked_ms is None]
    if len(live) >= TOKENS_MAX:
        raise Conflict(N_("there are too many keys; revoke one first"))
    text = PREFIX + new_token()
    token = Token(
        token_sha256=digest(text),
        user_id=viewer.user_id,
        name=name.strip(),
        rights=sorted(set(rights)),
        created_ms=now_ms,
        expires_ms=now_ms + days * _DAY_MS,
        seen_ms=None,
        revoked_ms=None,
    )
    session.add(token)
    await session.flush()
    new = {"name": token.name, "rights": token.rights, "expires_ms": token.expires_ms}
    await record_change(session, viewer, "created", "token", token.id, None, new, now_ms)
    return token, text


async def revoke_tokens(session: AsyncSession, viewer: Viewer, user_id: int, *, now_ms: int) -> int:
    """Shuts every key of a user, as whoever took over their account may have made one; gives how many."""
    live = sa.select(Token).where(Token.user_id == user_id, Token.revoked_ms.is_(None))
    found = (await session.scalars(live)).all()
    for token in found:
        token.revoked_ms = now_ms
        await record_change(session, viewer, "revoked", "token", token.id, None, None, now_ms)
    return len(found)


async def revoke_token(session: AsyncSession, viewer: Viewer, token_id: int, *, now_ms: int) -> None:
    """Shuts a key: one's own, or anybody's for who may change staff. Raises NotFound."""
    token = await session.get(Token, token_id)
    if token is None or not (token.user_id == viewer.user_id or viewer.may("staff.write")):
        raise NotFound(N_("there is no such key"))
    if token.revoked_ms is None:
        token.revoked_ms = now_ms
        await record_change(session, viewer, "revoked", "token", token_id, None, None, now_ms)
