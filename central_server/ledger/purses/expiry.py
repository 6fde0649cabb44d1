"""What time does to purses and cards: lots expire, cards expire, pending points become spendable.

    expire     available → forfeited(programme)     what a store holds expires when it has come back
    revive     forfeited(programme) → available     what has expired is kept apart, never taken away
    mature     bonus(programme) → available         points whose return period is over

An expired card's value expires with it, and comes back with it. The jobs go through everything in steps, each
a transaction: they give where to go on, None at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, available, balances
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards import life
from central_server.ledger.cards.cards import card_row, move_card, purses_of_card
from central_server.ledger.cards.programmes import card_until, programme
from central_server.ledger.cards.rules import Rules
from central_server.ledger.models.cards import Card
from central_server.ledger.models.lots import BONUS, PAID, Lot, LotUse, Purse
from central_server.ledger.purses.legs import Leg, lock_purses, locked, posted
from central_server.ledger.purses.lots import Take, sums
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import tell_purses

LOTS_AT_ONCE = 200
CARDS_AT_ONCE = 50


async def expire_lots(session: AsyncSession, *, now_ms: int, after: int = 0) -> int | None:
    """Let lots expire whose time is over; a step of a job."""
    due = sa.select(Lot).where(Lot.left > 0, Lot.expires_ms <= now_ms, Lot.id > after)
    return await _forfeit_some(session, due, now_ms)


async def expire_with_cards(session: AsyncSession, *, now_ms: int, after: int = 0) -> int | None:
    """Let expire what is on expired cards, also what has come back to them since; a step of a job."""
    due = (
        sa.select(Lot)
        .join(Purse, Purse.id == Lot.purse)
        .join(Card, Purse.holder == sa.literal("card:") + Card.id)
        .where(Card.state == life.EXPIRED, Lot.left > 0, Lot.id > after)
    )
    return await _forfeit_some(session, due, now_ms)


async def expire_cards(session: AsyncSession, *, keys: Keys, now_ms: int) -> bool:
    """Let cards expire whose time is over; gives whether there may be more. A step of a job."""
    due = sa.select(Card.id).where(Card.expires_ms <= now_ms, Card.state.in_(life.MOVES["expire"].before))
    cards = list(await session.scalars(due.order_by(Card.id).limit(CARDS_AT_ONCE)))
    for card in cards:
        row = await card_row(session, card)
        if row.state in life.MOVES["expire"].before:
            await move_card(session, row, "expire", keys=keys, by="", why="its time is over", at_ms=now_ms)
    return len(cards) == CARDS_AT_ONCE


async def mature_lots(session: AsyncSession, *, now_ms: int, after: int = 0) -> int | None:
    """Make pending points spendable whose time has come, less what is owed; a step of a job."""
    due = sa.select(Lot).where(Lot.pending > 0, Lot.from_ms <= now_ms, Lot.id > after)
    lots = await _locked_lots(session, due)
    purses = await _purses(session, lots)
    legs, adds = [], []
    for lot in lots:
        purse = purses[lot.purse]
        net = max(lot.pending - purse.owed, 0)
        purse.owed -= lot.pending - net
        if net:
            source = AccountName("bonus", purse.programme, purse.unit)
            legs.append(Leg(lot.transfer, source, available(purse.id, purse.unit), net, "earn", lot.about))
        adds.append((lot, net))
    if legs:
        await posted(session, legs, [], now_ms)
    for lot, net in adds:
        lot.pending, lot.amount, lot.left = 0, lot.amount + net, lot.left + net
    await session.flush()
    await tell_purses(session, purses, at_ms=now_ms)
    return lots[-1].id if len(lots) == LOTS_AT_ONCE else None


async def revive_purse(
    session: AsyncSession, *, request: str, purse: str, by: str, now_ms: int, kinds: Sequence[str] = ()
) -> Done:
    """Give a purse back what has expired in it, for another term; ``{revived, balance}``. Raises NotFound."""

    async def work() -> Done:
        revived = await revive_lots(session, request, purse, now_ms=now_ms, kinds=kinds)
        return {"revived": revived, "balance": (await sums(session, [purse]))[purse]}

    body = {"purse": purse, "kinds": list(kinds)}
    return await once(session, request, "revive", body, work, by=by, now_ms=now_ms)


async def revive_lots(
    session: AsyncSession,
    request: str,
    purse: str,
    *,
    now_ms: int,
    kinds: Sequence[str] = (),
    lasting_beyond_ms: int | None = None,
) -> int:
    """`revive_purse` without its request; only lots that were to last beyond a moment, if one is given."""
    place = await locked(session, purse)
    due = sa.select(Lot).where(Lot.purse == purse, Lot.expired > 0)
    if kinds:
        due = due.where(Lot.kind.in_(kinds))
    if lasting_beyond_ms is not None:
        due = due.where(sa.or_(Lot.expires_ms.is_(None), Lot.expires_ms > lasting_beyond_ms))
    lots = (await session.scalars(due.order_by(Lot.id).execution_options(populate_existing=True))).all()
    source = AccountName("forfeited", place.programme.id, place.unit)
    legs = [
        Leg(
            posting_id("revive", request, str(lot.id)),
            source,
            available(purse, place.unit),
            lot.expired,
            "revive",
            request,
        )
        for lot in lots
    ]
    if legs:
        await posted(session, legs, [], now_ms)
    for lot, leg in zip(lots, legs, strict=True):
        session.add(_revival(leg, lot, now_ms))
        if lot.expires_ms is not None and lot.expires_ms <= now_ms:
            lot.expires_ms = term_of(lot.kind, place.programme.rules, now_ms)
        lot.left, lot.expired = lot.left + lot.expired, 0
    await session.flush()
    await tell_purses(session, [purse], at_ms=now_ms)
    return sum(leg.amount for leg in legs)


async def revive_card(
    session: AsyncSession, *, request: str, card: str, keys: Keys, by: str, why: str, now_ms: int
) -> Done:
    """Let an expired card, and what expired with it, live for another term; ``{revived, expires_ms}``.

    Raises NotFound, and Conflict when it is not expired.
    """

    async def work() -> Done:
        row = await card_row(session, card)
        if row.state == life.ACTIVE and row.expires_ms is not None and row.expires_ms <= now_ms:
            await move_card(session, row, "expire", keys=keys, by=by, why="its time is over", at_ms=now_ms)
        ended_ms = row.expires_ms or now_ms
        await move_card(session, row, "revive", keys=keys, by=by, why=why, at_ms=now_ms)
        row.expires_ms = card_until(await programme(session, row.programme), row.member, now_ms)
        revived = 0
        for purse in await purses_of_card(session, card):
            revived += await revive_lots(session, request, purse, now_ms=now_ms, lasting_beyond_ms=ended_ms)
        return {"revived": revived, "expires_ms": row.expires_ms}

    return await once(session, request, "revive_card", {"card": card}, work, by=by, now_ms=now_ms)


def term_of(kind: str, rules: Rules, from_ms: int) -> int | None:
    """When a lot of that kind ends which begins then; None: never."""
    if kind == PAID:
        return None
    expiry = rules.bonus_expiry if kind == BONUS else rules.expiry
    return expiry.after(from_ms) if expiry else None


async def _forfeit_some(session: AsyncSession, due: sa.Select[Lot], now_ms: int) -> int | None:
    lots = await _locked_lots(session, due)
    purses = await _purses(session, lots)
    names = {purse.id: available(purse.id, purse.unit) for purse in purses.values()}
    free = await balances(session, names.values())
    legs, uses = [], []
    for lot in lots:
        purse, mine = purses[lot.purse], names[lot.purse]
        amount = min(lot.left, free[mine])
        if not amount:
            continue
        free[mine] -= amount
        id_ = posting_id("expire", str(lot.id), str(lot.expired), str(lot.left), str(now_ms))
        target = AccountName("forfeited", purse.programme, purse.unit)
        legs.append(Leg(id_, mine, target, amount, "expire", f"lot {lot.id}"))
        uses.append(Take(id_, purse.id, amount, "expire", lot=lot.id))
    if legs:
        await posted(session, legs, uses, now_ms)
        for use in uses:
            await session.execute(
                sa.update(Lot).where(Lot.id == use.lot).values(expired=Lot.expired + use.amount)
            )
    return lots[-1].id if len(lots) == LOTS_AT_ONCE else None


async def _locked_lots(session: AsyncSession, due: sa.Select[Lot]) -> list[Lot]:
    """The next lots, read again once their purses are locked."""
    due = due.order_by(Lot.id).limit(LOTS_AT_ONCE)
    purses = {lot.purse for lot in await session.scalars(due)}
    if not purses:
        return []
    await lock_purses(session, *purses)
    again = due.where(Lot.purse.in_(purses)).execution_options(populate_existing=True)
    return list(await session.scalars(again))


async def _purses(session: AsyncSession, lots: Sequence[Lot]) -> dict[str, Purse]:
    wanted = sa.select(Purse).where(Purse.id.in_(sorted({lot.purse for lot in lots})))
    found = await session.scalars(wanted.execution_options(populate_existing=True))
    return {purse.id: purse for purse in found}


def _revival(leg: Leg, lot: Lot, now_ms: int) -> LotUse:
    use = LotUse(transfer=leg.id, lot=lot.id, purse=lot.purse, place=0, amount=-leg.amount, kind="revive")
    use.returned, use.at_ms = 0, now_ms
    return use
