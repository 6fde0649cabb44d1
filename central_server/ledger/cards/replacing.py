"""A card gives its place to another, or ends: replaced, merged, paid back.

The old card stays as it is in the books: a tombstone that says what became of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict
from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards import life
from central_server.ledger.cards.buyers import Buyer
from central_server.ledger.cards.cards import card_row, move_card, purses_of_card
from central_server.ledger.cards.programmes import card_until, programme
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.models.lots import BONUS, COUPON, EARNED, PAID, Purse
from central_server.ledger.purses.expiry import revive_lots
from central_server.ledger.purses.legs import CENTRE, Leg, available_in, locked, posted
from central_server.ledger.purses.lots import Take, sums
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import holder_of, open_purse
from central_server.ledger.purses.value import cash_out, move_between
from central_server.web.text import N_

_FREE = (BONUS, EARNED, COUPON)  # came from the shop, and goes back to it


async def replace_card(
    session: AsyncSession, *, request: str, card: str, new: str, keys: Keys, by: str, why: str, now_ms: int
) -> Done:
    """Put the fresh card `new` in the place of a lost, worn or expired one; ``{new, purses}``.

    Purses go over as they are: what stores hold of them comes back to the same purse. Raises NotFound and
    Conflict (`new` is not fresh or of another programme, `card` not replaceable).
    """

    async def work() -> Done:
        first, second = sorted((card, new))
        rows = {first: await card_row(session, first), second: await card_row(session, second)}
        old, fresh = rows[card], rows[new]
        if fresh.programme != old.programme or fresh.state not in (life.MADE, life.STOCK, life.ISSUED):
            raise Conflict(N_("the new card must be a fresh one of the same programme"))
        if fresh.member and fresh.member != old.member:
            raise Conflict(N_("the new card was issued to somebody else"))
        was_expired, ended_ms = old.state == life.EXPIRED, old.expires_ms
        old.replaced_by = fresh.id
        if fresh.state != life.ISSUED:
            await move_card(session, fresh, "issue", keys=keys, by=by, why=why, at_ms=now_ms)
        fresh.member, fresh.place = old.member, fresh.place or old.place
        await move_card(session, fresh, "activate", keys=keys, by=by, why=why, at_ms=now_ms)
        await move_card(
            session, old, "replace", keys=keys, by=by, why=why, at_ms=now_ms, replaced_by=fresh.token
        )
        theirs = await programme(session, old.programme)
        fresh.activated_ms = now_ms
        fresh.expires_ms = card_until(theirs, fresh.member, now_ms) if was_expired else ended_ms
        purses = await purses_of_card(session, card)
        for row in await session.scalars(sa.select(Purse).where(Purse.holder == holder_of(card=card))):
            row.holder = holder_of(card=new)
        pin = await session.get(Pin, holder_of(card=card))
        if pin is not None:
            pin.holder = holder_of(card=new)
        await session.flush()
        for purse in purses if was_expired else ():
            await revive_lots(session, request, purse, now_ms=now_ms, lasting_beyond_ms=ended_ms)
        return {"new": new, "purses": purses}

    body = {"card": card, "new": new}
    return await once(session, request, "replace", body, work, by=by, now_ms=now_ms)


async def merge_cards(
    session: AsyncSession, *, request: str, card: str, into: str, keys: Keys, by: str, why: str, now_ms: int
) -> Done:
    """Move all that is on `card` to another of the same programme, and end it; ``{moved, balance}``.

    Raises NotFound and Conflict: not both active, another programme, over a limit, or a store has some of it.
    """

    async def work() -> Done:
        first, second = sorted((card, into))
        rows = {first: await card_row(session, first), second: await card_row(session, second)}
        gone, kept = rows[card], rows[into]
        if card == into or gone.programme != kept.programme or {gone.state, kept.state} != {life.ACTIVE}:
            raise Conflict(N_("only two active cards of the same programme can be merged"))
        moved = {}
        for purse in await purses_of_card(session, card):
            place = await locked(session, purse)
            amount = await _all_there(session, purse, place.unit)
            to = await open_purse(session, holder_of(card=into), place.programme, at_ms=now_ms)
            if amount:
                id_ = posting_id("merge", request, purse)
                await move_between(session, id_, purse, to, amount, about=request, now_ms=now_ms)
            moved[to] = amount
        gone.replaced_by = into
        await move_card(session, gone, "cancel", keys=keys, by=by, why=why, at_ms=now_ms)
        return {"moved": moved, "balance": await sums(session, moved)}

    return await once(session, request, "merge", {"card": card, "into": into}, work, by=by, now_ms=now_ms)


async def refund_card(
    session: AsyncSession,
    *,
    request: str,
    card: str,
    tender: str,
    payee: Buyer,
    keys: Keys,
    by: str,
    why: str,
    now_ms: int,
    store: str = CENTRE,
    approval: str = "",
    approve_above: int = 0,
) -> Done:
    """Pay back all that was paid in, and end the card; ``{paid_out, fee, bonus_gone}``.

    Bonus and coupons on the card go back to the shop. Raises as `value.cash_out`, and Conflict while a store
    holds some of it or the card is neither active nor expired.
    """

    async def work() -> Done:
        row = await card_row(session, card)
        paid_out = fee = gone = 0
        for purse in await purses_of_card(session, card):
            if row.state == life.EXPIRED:
                await revive_lots(session, request, purse, now_ms=now_ms, kinds=(PAID,))
            place = await locked(session, purse, stopped_too=True)
            await _all_there(session, purse, place.unit)
            paid = (await sums(session, [purse], (PAID,)))[purse]
            if paid:
                done = await cash_out(
                    session,
                    request=f"{request}/{purse}",
                    purse=purse,
                    amount=paid,
                    tender=tender,
                    payee=payee,
                    by=by,
                    now_ms=now_ms,
                    keys=keys,
                    store=store,
                    approval=approval,
                    approve_above=approve_above,
                )
                paid_out, fee = paid_out + done["paid_out"], fee + done["fee"]
            free = (await sums(session, [purse], _FREE))[purse]
            if free:
                shop = AccountName("bonus", place.programme.id, place.unit)
                leg = Leg(
                    posting_id("gone", request, purse),
                    available(purse, place.unit),
                    shop,
                    free,
                    "gone",
                    request,
                )
                await posted(session, [leg], [Take(leg.id, purse, free, "gone", _FREE)], now_ms)
                gone += free
        await move_card(session, row, "refund", keys=keys, by=by, why=why, at_ms=now_ms)
        return {"paid_out": paid_out, "fee": fee, "bonus_gone": gone}

    body = {"card": card, "tender": tender, "store": store}
    return await once(session, request, "refund_card", body, work, by=by, now_ms=now_ms)


async def _all_there(session: AsyncSession, purse: str, unit: str) -> int:
    """All that is in the purse. Raises Conflict when a store or a hold has some of it."""
    amount = (await sums(session, [purse]))[purse]
    if await available_in(session, purse, unit) != amount:
        raise Conflict(N_("some of it is held, or is out at a store: try again when it has come back"))
    return amount


async def follow(session: AsyncSession, card: str) -> Card:
    """The card that `card` has become, by however many replacements. Raises NotFound."""
    row = await card_row(session, card)
    while row.replaced_by:
        row = await card_row(session, row.replaced_by)
    return row
