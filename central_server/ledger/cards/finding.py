"""Finding cards: by their own number, by their id, by the member's number, telephone or name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.keys import Keys
from central_server.ledger.cards.life import STATES
from central_server.ledger.models.cards import Card, CardBatch, CardMove
from central_server.membership import service as membership
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.tokens import card_token

QUERY_MAX: Final = 80
MEMBERS_MAX: Final = 20  # of one search by name or telephone
HISTORY_MAX: Final = 500
_BETWEEN: Final = re.compile(r"[\s-]")


class Found(NamedTuple):
    """Cards, and the members who were found though they have no card of ours."""

    cards: list[Card]
    members: list[membership.Profile]
    next: str | None  # cursor for those that follow


async def find_cards(
    session: AsyncSession,
    *,
    keys: Keys,
    query: str = "",
    state: str = "",
    programme: str = "",
    country: str = "86",
    after: str = "",
    limit: int = 50,
) -> Found:
    """Cards that fit, the newest first. A `query` is a card's number or id, or leads to a member first."""
    wanted = sa.select(Card).order_by(Card.changed_ms.desc(), Card.id.desc()).limit(limit + 1)
    if state in STATES:
        wanted = wanted.where(Card.state == state)
    if programme:
        wanted = wanted.where(Card.programme == programme)
    members: list[membership.Profile] = []
    if query := query.strip()[:QUERY_MAX]:
        own = await card_of(session, query, keys=keys)
        if own is None:
            members, _ = await membership.find(
                session, keys=keys, query=query, limit=MEMBERS_MAX, country=country
            )
        wanted = wanted.where(
            Card.id == own.id if own else Card.member.in_([member.id for member in members])
        )
    changed, _, id_ = after.partition(".")
    if changed.isascii() and changed.isdigit() and len(changed) < 19:
        wanted = wanted.where(sa.tuple_(Card.changed_ms, Card.id) < sa.tuple_(int(changed), id_))
    rows = list(await session.scalars(wanted))
    cursor = f"{rows[limit - 1].changed_ms}.{rows[limit - 1].id}" if len(rows) > limit else None
    return Found(rows[:limit], members, cursor)


async def card_of(session: AsyncSession, text: str, *, keys: Keys) -> Card | None:
    """The card with that id or number; None when we made no such card."""
    if not text.isprintable():
        return None
    known = await session.get(Card, text.strip())
    if known is not None:
        return known
    with suppress(BadId):
        token = card_token(keys.token_key, _BETWEEN.sub("", text))
        found: Card | None = await session.scalar(sa.select(Card).where(Card.token == token))
        return found
    return None


async def card_with(session: AsyncSession, id_: str) -> Card:
    """The card. Raises NotFound."""
    row = await session.get(Card, id_) if id_.isprintable() else None
    if row is None:
        raise NotFound(N_("there is no such card"))
    return row


async def cards_of_members(session: AsyncSession, members: Sequence[str]) -> list[Card]:
    """The cards that are theirs, the newest first."""
    query = sa.select(Card).where(Card.member.in_(members)).order_by(Card.changed_ms.desc(), Card.id)
    return list(await session.scalars(query.limit(HISTORY_MAX)))


async def moves_of(session: AsyncSession, card: str) -> list[CardMove]:
    """What was done with a card, the newest first."""
    query = sa.select(CardMove).where(CardMove.card == card).order_by(CardMove.id.desc())
    return list(await session.scalars(query.limit(HISTORY_MAX)))


async def batches(session: AsyncSession, *, limit: int = 100) -> list[tuple[CardBatch, dict[str, int]]]:
    """The newest first, each with how many of its cards are in which state."""
    rows = list(
        await session.scalars(
            sa.select(CardBatch).order_by(CardBatch.made_ms.desc(), CardBatch.id).limit(limit)
        )
    )
    counts: dict[str, dict[str, int]] = {row.id: {} for row in rows}
    counted = await session.execute(
        sa.select(Card.batch, Card.state, sa.func.count())
        .where(Card.batch.in_(sorted(counts)))
        .group_by(Card.batch, Card.state)
    )
    for batch, state, count in counted:
        counts[batch][state] = count
    return [(row, counts[row.id]) for row in rows]
