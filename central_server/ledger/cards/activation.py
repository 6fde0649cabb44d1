"""Cards come into use: one at the counter, or a batch that was bought at once.

Activating opens the card's purses: of its own programme, and of those that the programme opens along with it.
What the card was sold for is its first load, so the rules on prepaid cards hold for it as for any other.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid
from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, available, taken_by
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards import life
from central_server.ledger.cards.buyers import Buyer, keep_buyer
from central_server.ledger.cards.cards import card_row, cards_of_batch, move_card
from central_server.ledger.cards.law import law_of
from central_server.ledger.cards.making import AT_ONCE, note_moves
from central_server.ledger.cards.programmes import Programme, card_until, must_run, programme, programmes
from central_server.ledger.models.cards import Card
from central_server.ledger.models.lots import PAID
from central_server.ledger.purses.legs import CENTRE, Leg, Place, needs_second, posted
from central_server.ledger.purses.lots import Add, add_lots
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import holder_of, open_purse, open_purses, purse_id
from central_server.ledger.purses.value import bonus_leg, load
from central_server.web.text import N_


async def activate_card(
    session: AsyncSession,
    *,
    request: str,
    card: str,
    tender: str,
    by: str,
    now_ms: int,
    keys: Keys,
    amount: int | None = None,
    store: str = CENTRE,
    buyer: Buyer | None = None,
    approval: str = "",
    why: str = "",
) -> Done:
    """Let an issued card be used, with `amount` on it (None: the face value); ``{purses, balance}``.

    `purses` by programme. Raises NotFound, Invalid, Conflict, Refused, as `value.load` does.
    """

    async def work() -> Done:
        row = await card_row(session, card)
        theirs = await programme(session, row.programme)
        must_run(theirs)
        await move_card(session, row, "activate", keys=keys, by=by, why=why, at_ms=now_ms)
        row.activated_ms, row.expires_ms = now_ms, card_until(theirs, row.member, now_ms)
        purses = await _open_purses(session, row, theirs, now_ms)
        first = theirs.rules.face if amount is None else amount
        if first:
            loaded = await load(
                session,
                request=f"{request}/load",
                purse=purses[theirs.id],
                amount=first,
                tender=tender,
                by=by,
                now_ms=now_ms,
                keys=keys,
                store=store,
                buyer=buyer,
                approval=approval,
                first=True,
            )
        return {"purses": purses, "balance": loaded["balance"] if first else 0}

    body = {"card": card, "amount": amount, "tender": tender, "store": store}
    return await once(session, request, "activate", body, work, by=by, now_ms=now_ms)


def check_sale(
    theirs: Programme,
    amount: int,
    *,
    cards: int = 1,
    registered: bool = False,
    tender: str,
    buyer: Buyer | None = None,
) -> None:
    """Whether rules and law let so many fresh cards be sold with `amount` on each, in one purchase.

    Raises Conflict (more than such a card may hold) and Invalid (a name or a transfer is needed).
    """
    if not amount or not theirs.is_value:
        return
    kind, named = (buyer.kind, registered or buyer.is_named) if buyer else ("person", registered)
    law = law_of(theirs.rules.unit)
    law.check_purchase(amount * cards, registered=registered, buyer=kind, named=named, tender=tender)
    law.check_balance(amount, registered=registered)


async def activate_batch(
    session: AsyncSession,
    *,
    request: str,
    batch: str,
    tender: str,
    by: str,
    now_ms: int,
    keys: Keys,
    store: str = CENTRE,
    buyer: Buyer | None = None,
    approval: str = "",
    why: str = "",
) -> Done:
    """Sell all that is left of a batch of bearer cards, each with its face value; ``{cards, paid}``.

    It is one purchase: the law's limits count for all of it. Raises Conflict (nothing left, stopped, or not
    for bearers), Invalid, Refused (more than `load_max` a card needs a second person).
    """

    async def work() -> Done:
        cards = await cards_of_batch(session, batch, life.MADE, life.STOCK, life.ISSUED)
        if not cards:
            raise Conflict(N_("no card of this batch is left to activate"))
        theirs = await programme(session, (await card_row(session, cards[0])).programme)
        must_run(theirs)
        if theirs.rules.is_registered:
            raise Conflict(N_("cards of this programme are in somebody's name: issue them one by one"))
        face = theirs.rules.face
        needs_second(face, theirs.rules.load_max, approval)
        check_sale(theirs, face, cards=len(cards), tender=tender, buyer=buyer)
        if buyer is not None and face:
            total = face * len(cards)
            unit = theirs.rules.unit
            await keep_buyer(session, request, buyer, total, unit, tender, keys=keys, by=by, at_ms=now_ms)
        for at in range(0, len(cards), AT_ONCE):
            some = cards[at : at + AT_ONCE]
            await _move_on(session, some, theirs, by=by, why=why or request, at_ms=now_ms)
            if face:
                await _load_faces(session, some, theirs, face, request, taken_by(tender), store, now_ms)
        return {"cards": len(cards), "paid": face * len(cards)}

    body = {"batch": batch, "tender": tender, "store": store}
    return await once(session, request, "activate_batch", body, work, by=by, now_ms=now_ms)


async def _open_purses(session: AsyncSession, row: Card, theirs: Programme, now_ms: int) -> dict[str, str]:
    along = await programmes(session, theirs.rules.also)
    purses = {}
    for each in (theirs, *along.values()):
        of_member = each.rules.holder == "member"
        if of_member and not row.member:
            if each.id == theirs.id:
                raise Invalid({"member": N_("cards of this programme are in somebody's name")})
            continue  # points want a person; they open when the card gets one
        holder = holder_of(member=row.member) if of_member else holder_of(card=row.id)
        purses[each.id] = await open_purse(session, holder, each, at_ms=now_ms)
    return purses


async def _move_on(
    session: AsyncSession, cards: Sequence[str], theirs: Programme, *, by: str, why: str, at_ms: int
) -> None:
    """Issue and activate bearer cards, whatever of it they still lack."""
    wanted = sa.select(Card).where(Card.id.in_(cards)).order_by(Card.id).with_for_update()
    rows = list(await session.scalars(wanted.execution_options(populate_existing=True)))
    for state in (life.MADE, life.STOCK):
        fresh = [row.id for row in rows if row.state == state]
        await note_moves(
            session, fresh, "issue", state, life.after(state, "issue"), by=by, why=why, at_ms=at_ms
        )
    until = theirs.rules.card_until(at_ms)
    for row in rows:
        row.state = life.after(life.ISSUED, "activate")
        row.activated_ms, row.expires_ms, row.changed_ms = at_ms, until, at_ms
    await session.flush()
    ids = [row.id for row in rows]
    await note_moves(session, ids, "activate", life.ISSUED, life.ACTIVE, by=by, why=why, at_ms=at_ms)
    along = await programmes(session, theirs.rules.also)
    bearers = [each for each in (theirs, *along.values()) if each.rules.holder == "card"]
    await open_purses(session, [(holder_of(card=id_), each) for id_ in ids for each in bearers], at_ms=at_ms)


async def _load_faces(
    session: AsyncSession,
    cards: Sequence[str],
    theirs: Programme,
    face: int,
    request: str,
    taken: str,
    store: str,
    now_ms: int,
) -> None:
    unit, bonus = theirs.rules.unit, theirs.rules.bonus_of(face)
    cash = AccountName(taken, store, unit)
    purses = {card: purse_id(holder_of(card=card), theirs.id) for card in cards}
    ids = {card: posting_id("load", request, card) for card in cards}
    legs = [Leg(ids[card], cash, available(purses[card], unit), face, "load", request) for card in cards]
    adds = [Add(ids[card], purses[card], face, PAID, None, request) for card in cards]
    for card in cards if bonus else ():
        leg, add = bonus_leg(Place(purses[card], unit, theirs, False), ids[card], bonus, now_ms)
        legs.append(leg)
        adds.append(add)
    await posted(session, legs, [], now_ms)
    await add_lots(session, adds, now_ms=now_ms)
