"""What happens to a card: stocked, issued, activated, frozen, lost, replaced, revived, refunded, cancelled.

Every step is a move of the table in `life`, written down with who, when and why. A card of a member is a card
of theirs in membership too, and stays in step there. Whatever moves value does it once per `request`.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound
from central_server.keys import Keys
from central_server.ledger.cards import life
from central_server.ledger.cards.law import law_of
from central_server.ledger.cards.making import AT_ONCE, BATCH_MAX, note_moves
from central_server.ledger.cards.programmes import Programme, card_until, must_run, programme
from central_server.ledger.leases.leases import recall
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.lots import sums
from central_server.ledger.purses.purses import holder_of, tell_members
from central_server.membership import service as membership
from central_server.web.text import N_

# What a card is to its member; in every other state it is simply theirs.
_AT_MEMBERS = {life.LOST: "lost", life.REFUNDED: "lost", life.CANCELLED: "lost", life.REPLACED: "replaced"}
_BLOCKED = {life.FROZEN, life.LOST, life.REPLACED, life.EXPIRED, life.REFUNDED, life.CANCELLED}


async def card_row(session: AsyncSession, card: str) -> Card:
    """The card, locked until the commit. Raises NotFound."""
    await session.flush()
    row = await session.get(Card, card, populate_existing=True, with_for_update=True)
    if row is None:
        raise NotFound(N_("there is no such card"))
    return row


async def move_card(
    session: AsyncSession,
    row: Card,
    move: str,
    *,
    keys: Keys,
    by: str,
    why: str,
    at_ms: int,
    replaced_by: str = "",
) -> None:
    """One move of the table, written down, and in step at the member's. Raises Conflict when not legal.

    `replaced_by` is the token of the card that takes its place. What stores hold of a card that may no longer
    be used is called back.
    """
    before, row.state = row.state, life.after(row.state, move)
    row.changed_ms = at_ms
    await session.flush()
    await note_moves(session, [row.id], move, before, row.state, by=by, why=why, at_ms=at_ms)
    if row.state in _BLOCKED:
        for purse in await purses_of_card(session, row.id):
            await recall(session, purse, keys=keys, now_ms=at_ms)
    if row.member:
        await in_step(session, row, keys=keys, by=by, at_ms=at_ms, replaced_by=replaced_by)


async def in_step(
    session: AsyncSession, row: Card, *, keys: Keys, by: str, at_ms: int, replaced_by: str = ""
) -> None:
    """Say to membership whose card this is, and how it is; of a replaced one, the token of the new."""
    await membership.put_card(
        session,
        keys=keys,
        token=row.token,
        last4=row.last4,
        member=row.member,
        state=_AT_MEMBERS.get(row.state, "active"),
        replaced_by=replaced_by,
        by=by,
        at_ms=at_ms,
    )


async def stock_cards(
    session: AsyncSession, cards: Iterable[str], *, place: str, by: str, at_ms: int, why: str = ""
) -> int:
    """Cards that were made lie in stock at `place` (a store, or head office); gives how many.

    All or none: raises NotFound and Conflict.
    """
    wanted = sorted(set(cards))
    if len(wanted) > BATCH_MAX:
        raise Invalid({"cards": N_("at most 10,000 at once")})
    for at in range(0, len(wanted), AT_ONCE):
        some = wanted[at : at + AT_ONCE]
        wanted_rows = sa.select(Card).where(Card.id.in_(some)).order_by(Card.id).with_for_update()
        rows = (await session.scalars(wanted_rows)).all()
        if len(rows) != len(some):
            raise NotFound(N_("there is no such card"))
        for row in rows:
            row.state, row.place, row.changed_ms = life.after(row.state, "stock"), place, at_ms
        await session.flush()
        await note_moves(session, some, "stock", life.MADE, life.STOCK, by=by, why=why or place, at_ms=at_ms)
    return len(wanted)


async def cards_of_batch(session: AsyncSession, batch: str, *states: str) -> list[str]:
    """The cards of a batch that are in one of `states`."""
    wanted = sa.select(Card.id).where(Card.batch == batch, Card.state.in_(states)).order_by(Card.id)
    return list(await session.scalars(wanted))


async def issue_card(
    session: AsyncSession,
    card: str,
    *,
    keys: Keys,
    by: str,
    at_ms: int,
    member: str = "",
    place: str = "",
    why: str = "",
) -> Card:
    """Give a card to a member, or (without one) to its bearer. It can be used when it is activated.

    Raises NotFound, Conflict (not from that state, or the programme is stopped), Invalid (the programme's
    cards are in somebody's name, or the law wants a real one).
    """
    row = await card_row(session, card)
    theirs = await programme(session, row.programme)
    must_run(theirs)
    if theirs.rules.is_registered and not member:
        raise Invalid({"member": N_("cards of this programme are in somebody's name")})
    if member:
        await named(session, theirs, member, keys=keys)
    row.member, row.place = member, place or row.place
    await move_card(session, row, "issue", keys=keys, by=by, why=why, at_ms=at_ms)
    return row


async def named(session: AsyncSession, theirs: Programme, member: str, *, keys: Keys) -> None:
    """Raises Invalid when the law wants a real name on such a card and the member has given none."""
    profile = await membership.profile(session, keys=keys, member=member)
    law = law_of(theirs.rules.unit)
    if theirs.is_value and law.needs_name(0, registered=True) and not profile.fields["name"].strip():
        raise Invalid({"member": N_("a card in a person's name needs that name")})


async def freeze_card(
    session: AsyncSession, card: str, *, keys: Keys, by: str, why: str, at_ms: int, frozen: bool = True
) -> Card:
    """Let nobody use it for now, or let them again. Raises NotFound, Conflict, Invalid (no reason)."""
    return await _plain_move(session, card, "freeze" if frozen else "unfreeze", keys, by, why, at_ms)


async def lose_card(
    session: AsyncSession, card: str, *, keys: Keys, by: str, why: str, at_ms: int, found: bool = False
) -> Card:
    """Reported lost, or found again: then it is as it was when it was active. Raises as `freeze_card`."""
    return await _plain_move(session, card, "find" if found else "lose", keys, by, why, at_ms)


async def cancel_card(session: AsyncSession, card: str, *, keys: Keys, by: str, why: str, at_ms: int) -> Card:
    """The end of a card with nothing left on it. Raises Conflict while there is, and as `freeze_card`."""
    row = await card_row(session, card)
    if any((await sums(session, await purses_of_card(session, card))).values()):
        raise Conflict(N_("there is value on this card: pay it back or move it first"))
    return await _plain_move(session, row.id, "cancel", keys, by, why, at_ms)


async def hand_over(
    session: AsyncSession, card: str, *, member: str, keys: Keys, by: str, why: str, at_ms: int
) -> Card:
    """Give an active card, with what is on it, to another member; its PIN no longer counts.

    Raises NotFound, Invalid, and Conflict: not active, or the purse is not the card's but the member's own.
    """
    row = await card_row(session, card)
    theirs = await programme(session, row.programme)
    if row.state != life.ACTIVE:
        raise Conflict(N_("a card that is {state} cannot {move}"), state=row.state, move="change hands")
    if theirs.rules.holder == "member":
        raise Conflict(N_("what this card opens is the member's own: move the value instead"))
    await named(session, theirs, member, keys=keys)
    before, row.member, row.changed_ms = row.member, member, at_ms
    if row.expires_ms is not None:
        row.expires_ms = card_until(theirs, member, row.activated_ms)
    await session.execute(sa.delete(Pin).where(Pin.holder == holder_of(card=card)))
    await session.flush()
    note = f"{before or '-'} → {member}: {_reason(why)}"
    await note_moves(session, [card], "hand over", row.state, row.state, by=by, why=note, at_ms=at_ms)
    await in_step(session, row, keys=keys, by=by, at_ms=at_ms)
    await tell_members(session, [each for each in (before, member) if each], at_ms=at_ms)
    return row


async def purses_of_card(session: AsyncSession, card: str, *, kind: str = "") -> list[str]:
    """The purses that are this card's own."""
    wanted = sa.select(Purse.id).where(Purse.holder == holder_of(card=card)).order_by(Purse.id)
    return list(await session.scalars(wanted.where(Purse.kind == kind) if kind else wanted))


async def _plain_move(
    session: AsyncSession, card: str, move: str, keys: Keys, by: str, why: str, at_ms: int
) -> Card:
    row = await card_row(session, card)
    await move_card(session, row, move, keys=keys, by=by, why=_reason(why), at_ms=at_ms)
    return row


def _reason(why: str) -> str:
    if not why.strip():
        raise Invalid({"why": N_("needs a reason")})
    return why.strip()
