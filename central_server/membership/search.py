"""Finding members: by id, telephone, card or name; or all of them, the newest first."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.membership.models import ACTIVE, MERGED, Member, MemberCard, NamePiece
from central_server.membership.pieces import asked_pieces, fits
from central_server.membership.profile import Profile, opened, text_of
from central_server.membership.records import blind_piece
from sync.contract.errors import BadId
from sync.contract.ids import is_member_id
from sync.contract.tokens import card_token, phone_token

QUERY_MAX = 80
CANDIDATES_MAX = 500  # members opened for one search by name; a commoner name needs another word
AT_ONCE = 500  # ids or tokens in one IN (…)
_NUMBER = re.compile(r"\+?[0-9A-Za-z().\s-]*\d[0-9A-Za-z().\s-]*")

# Made once: to make a statement anew takes as long as to ask it.
_TOKENS: sa.BindParameter[Any] = sa.bindparam("tokens", expanding=True)
_PHONES = (
    sa.select(Member.phone_token, Member.id)
    .where(Member.phone_token.in_(_TOKENS))
    .order_by(Member.status.desc())
)
_CARDS = sa.select(MemberCard.token, MemberCard.member).where(MemberCard.token.in_(_TOKENS))
_TODAY = sa.select(Member.id, Member.merged_into).where(Member.id.in_(sa.bindparam("ids", expanding=True)))

Status = Literal["active", "archived", "merged", "erased", ""]


async def find(
    session: AsyncSession,
    *,
    keys: Keys,
    query: str,
    status: str = ACTIVE,
    limit: int = 50,
    after: str = "",
    country: str = "86",
) -> tuple[list[Profile], str | None]:
    """Members that fit `query` (none: all of them), and the cursor for those after them, if any.

    A query with a digit is an id, a telephone number or a card, or else a name. A member who was merged
    is found as whom they became. `status` "" finds every status.
    """
    query = query.strip()[:QUERY_MAX]
    if not query:
        return await _newest(session, keys, status, limit, after)
    rows = await _by_number(session, keys, query, status, country) if _NUMBER.fullmatch(query) else []
    rows = rows or await _by_name(session, keys, query, status)
    return [opened(row, keys) for row in rows[:limit]], None


async def members_of(session: AsyncSession, tokens: Sequence[str], members: Sequence[str]) -> dict[str, str]:
    """Who each of these is today: token or id → id of the member, merges followed. Unknown ones are left out.

    A token may be that of a card or of a telephone number.
    """
    # A NUL in a text is an error for PostgreSQL; what cannot be printed is nobody's token or id.
    tokens = [token for token in dict.fromkeys(tokens) if token and token.isprintable()]
    found: dict[str, str] = {member: member for member in members if member and member.isprintable()}
    for at in range(0, len(tokens), AT_ONCE):
        some = tokens[at : at + AT_ONCE]
        phones = await session.execute(_PHONES, {"tokens": some})
        found |= {row.phone_token: row.id for row in phones}  # ordered so that "active" comes last and wins
        cards = await session.execute(_CARDS, {"tokens": some})
        found |= {row.token: row.member for row in cards}
    ids = sorted(set(found.values()))
    today: dict[str, str] = {}
    for at in range(0, len(ids), AT_ONCE):
        rows = await session.execute(_TODAY, {"ids": ids[at : at + AT_ONCE]})
        today |= {id_: merged_into or id_ for id_, merged_into in rows}
    return {key: today[member] for key, member in found.items() if member in today}


async def all_profiles(
    session: AsyncSession, *, keys: Keys, query: str = "", status: str = ACTIVE, country: str = "86"
) -> AsyncIterator[Profile]:
    """Every member that fits `query` as `find` has it, for an export; reads as it goes."""
    cursor: str | None = ""
    while cursor is not None:
        some, cursor = await find(
            session, keys=keys, query=query, status=status, limit=AT_ONCE, after=cursor, country=country
        )
        for one in some:
            yield one
        session.expunge_all()


async def counts(session: AsyncSession) -> dict[str, int]:
    """How many members there are of each status."""
    rows = await session.execute(sa.select(Member.status, sa.func.count()).group_by(Member.status))
    return {row[0]: row[1] for row in rows}


async def _newest(
    session: AsyncSession, keys: Keys, status: str, limit: int, after: str
) -> tuple[list[Profile], str | None]:
    statement = sa.select(Member).order_by(Member.joined_ms.desc(), Member.id.desc()).limit(limit + 1)
    if status:
        statement = statement.where(Member.status == status)
    joined, _, id_ = after.partition(".")
    if joined.isascii() and joined.isdigit() and len(joined) < 19:
        statement = statement.where(sa.tuple_(Member.joined_ms, Member.id) < sa.tuple_(int(joined), id_))
    rows = list(await session.scalars(statement))
    cursor = f"{rows[limit - 1].joined_ms}.{rows[limit - 1].id}" if len(rows) > limit else None
    return [opened(row, keys) for row in rows[:limit]], cursor


async def _by_number(
    session: AsyncSession, keys: Keys, query: str, status: str, country: str
) -> list[Member]:
    tokens = []
    with suppress(BadId):
        tokens.append(phone_token(keys.token_key, query, country))
    with suppress(BadId):
        tokens.append(card_token(keys.token_key, re.sub(r"[\s-]", "", query)))
    ids = [query.upper()] if is_member_id(query.upper()) else []
    found = dict.fromkeys((await members_of(session, tokens, ids)).values())
    if status == MERGED:
        found = dict.fromkeys(ids)
    rows = [await session.get(Member, member) for member in found]
    return [row for row in rows if row is not None and status in ("", row.status)]


async def _by_name(session: AsyncSession, keys: Keys, query: str, status: str) -> list[Member]:
    pieces = [blind_piece(keys, piece) for piece in sorted(asked_pieces(query))]
    if not pieces:
        return []
    having = (
        sa.select(NamePiece.member)
        .where(NamePiece.piece.in_(pieces))
        .group_by(NamePiece.member)
        .having(sa.func.count() == len(pieces))
    )
    statement = sa.select(Member).where(Member.id.in_(having)).limit(CANDIDATES_MAX)
    if status:
        statement = statement.where(Member.status == status)
    named = [(text_of(row, "name", keys), row) for row in await session.scalars(statement)]
    return [row for name, row in sorted(named, key=lambda pair: (pair[0], pair[1].id)) if fits(query, name)]
