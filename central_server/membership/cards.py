"""The cards of a member: added, lost, replaced. Known by their tokens; of a number the last four stay."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound
from central_server.keys import Keys
from central_server.membership.changes import note_change
from central_server.membership.models import ACTIVE, ARCHIVED, LOST, REPLACED, CardSwipe, Member, MemberCard
from central_server.membership.records import must_be, row_of
from central_server.membership.telling import retell
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.tokens import card_token

CARDS_MAX = 50  # of one member, lost ones included
_BETWEEN = re.compile(r"[\s-]")


async def add_card(
    session: AsyncSession, *, keys: Keys, member: str, number: str, technology: str, by: str, at_ms: int
) -> str:
    """Give the member a card by its number; gives the token. Adding a card they have lost finds it again.

    Raises NotFound, Invalid (no card number), Conflict (somebody else's card, or `CARDS_MAX` reached).
    """
    row = await row_of(session, member)
    must_be(row, ACTIVE, ARCHIVED)
    plain = _BETWEEN.sub("", number)
    try:
        token = card_token(keys.token_key, plain)
    except BadId:
        raise Invalid({"number": N_("this is no card number: 4 to 64 letters and digits")}) from None
    card = await session.get(MemberCard, token)
    if card is not None and card.member != member:
        raise Conflict(
            N_("the card {card} belongs to member {member}"), card=shown(plain[-4:]), member=card.member
        )
    await give_card(
        session, row, token, last4=plain[-4:].upper(), technology=technology, keys=keys, by=by, at_ms=at_ms
    )
    await retell(session, row, keys)
    return token


async def lose_card(
    session: AsyncSession, *, keys: Keys, member: str, token: str, by: str, at_ms: int
) -> None:
    """Say that a card is lost: tills will say so to whoever shows it. Raises NotFound."""
    row = await row_of(session, member)
    card = await _card(session, member, token)
    if card.state == ACTIVE:
        card.state, card.changed_ms = LOST, at_ms
        _note(session, keys, "card_lost", card, "", by, at_ms)
        await retell(session, row, keys)


async def replace_card(
    session: AsyncSession,
    *,
    keys: Keys,
    member: str,
    token: str,
    number: str,
    technology: str,
    by: str,
    at_ms: int,
) -> str:
    """Put a new card in the place of an old one; gives the new token. Raises as `add_card`, and NotFound."""
    old = await _card(session, member, token)
    new = await add_card(
        session, keys=keys, member=member, number=number, technology=technology, by=by, at_ms=at_ms
    )
    if new == token:
        raise Conflict(N_("that is the same card"))
    old.state, old.replaced_by, old.changed_ms = REPLACED, new, at_ms
    _note(session, keys, "card_replaced", old, shown(number[-4:]), by, at_ms)
    await retell(session, await row_of(session, member), keys)
    return new


async def put_card(
    session: AsyncSession,
    *,
    keys: Keys,
    token: str,
    last4: str,
    member: str,
    state: str = ACTIVE,
    replaced_by: str = "",
    by: str,
    at_ms: int,
) -> None:
    """A card that we made is now this member's, in that state; nobody's when `member` is empty.

    For the ledger, whose cards have a life of their own: what it does with one shows in the member's cards,
    and tills are told. Raises NotFound, Conflict (erased, or `CARDS_MAX` reached).
    """
    card = await session.get(MemberCard, token, populate_existing=True)
    people = sorted({card.member if card is not None else "", member} - {""})
    rows = {each: await row_of(session, each) for each in people}  # locked, in the order of their ids
    if card is not None and card.member != member:
        _note(session, keys, "card_gone", card, "", by, at_ms)
        await session.delete(card)
        await session.flush()
        card = None
    if member:
        must_be(rows[member], ACTIVE, ARCHIVED)
        if card is None:
            await give_card(
                session, rows[member], token, last4=last4, technology="", keys=keys, by=by, at_ms=at_ms
            )
            card = await session.get_one(MemberCard, token)
        if (card.state, card.replaced_by) != (state, replaced_by):
            card.state, card.replaced_by, card.changed_ms = state, replaced_by, at_ms
            what = {ACTIVE: "card_added", LOST: "card_lost"}.get(state, "card_replaced")
            _note(session, keys, what, card, shown(last4) if state != LOST else "", by, at_ms)
    for row in rows.values():
        if row.status in (ACTIVE, ARCHIVED):
            await retell(session, row, keys)


async def give_card(
    session: AsyncSession,
    row: Member,
    token: str,
    *,
    last4: str,
    technology: str,
    keys: Keys,
    by: str,
    at_ms: int,
) -> bool:
    """Write the card to the member, without telling. Gives False when it is somebody else's already.

    Swipes of the card while it was nobody's become the member's. Raises Conflict at `CARDS_MAX`.
    """
    card = await session.get(MemberCard, token)
    if card is not None and card.member != row.id:
        return False
    if card is not None:
        if card.state != ACTIVE:
            card.state, card.replaced_by, card.changed_ms = ACTIVE, "", at_ms
            _note(session, keys, "card_added", card, shown(card.last4), by, at_ms)
        return True
    count = await session.scalar(
        sa.select(sa.func.count()).select_from(MemberCard).where(MemberCard.member == row.id)
    )
    if (count or 0) >= CARDS_MAX:
        raise Conflict(N_("a member can have at most {most} cards"), most=CARDS_MAX)
    card = MemberCard(token=token, member=row.id, last4=last4, technology=technology[:32], state=ACTIVE)
    card.replaced_by, card.added_ms, card.changed_ms = "", at_ms, at_ms
    session.add(card)
    _note(session, keys, "card_added", card, shown(last4), by, at_ms)
    await session.execute(
        sa.update(CardSwipe).where(CardSwipe.card == token, CardSwipe.member == "").values(member=row.id)
    )
    return True


def shown(last4: str) -> str:
    """How a card is named on a page: ``… 1234``."""
    return f"… {last4}" if last4 else "…"


def _note(
    session: AsyncSession, keys: Keys, what: str, card: MemberCard, new: str, by: str, at_ms: int
) -> None:
    old = "" if what == "card_added" else shown(card.last4)
    note_change(session, keys, member=card.member, field=what, old=old, new=new, by=by, at_ms=at_ms)


async def _card(session: AsyncSession, member: str, token: str) -> MemberCard:
    card = await session.get(MemberCard, token)
    if card is None or card.member != member:
        raise NotFound(N_("the member has no such card"))
    return card
