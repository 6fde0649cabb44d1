"""Paying with a purse at the centre, at once or by a hold, and giving back what was paid.

    spend      available → captured(store)              lots as they come
    hold       available → held, then captured          lots when it is captured
    refund     captured(store) → available              the same lots, in reverse

Each is done once per `request` (`operations`).
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, NotFound
from central_server.ledger.books import holds
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.replacing import follow
from central_server.ledger.models.books import OPEN, Hold
from central_server.ledger.models.cards import Card
from central_server.ledger.models.lots import LotUse, Purse
from central_server.ledger.purses.legs import (
    CENTRE,
    Leg,
    Place,
    check_known,
    lock_purses,
    locked,
    positive,
    posted,
)
from central_server.ledger.purses.lots import GiveBack, Move, Take, settle_lots, sums
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import holder_of, open_purse, tell_purses
from central_server.web.formats import money
from central_server.web.text import N_

DAY_MS = 24 * 3_600_000


async def spend(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    by: str,
    now_ms: int,
    store: str = CENTRE,
    about: str = "",
) -> Done:
    """Pay with a purse at the centre; ``{transfer, balance}``, the transfer as hex, for a refund to name.

    Raises Short (a Conflict) when what is available is less, Conflict when the programme is stopped.
    """

    async def work() -> Done:
        place = await locked(session, purse)
        await check_known(session)
        await check_pace(session, place, amount, now_ms)
        leg = Leg(
            posting_id("spend", request),
            available(purse, place.unit),
            AccountName("captured", store, place.unit),
            amount,
            "spend",
            about or request,
        )
        await posted(session, [leg], [Take(leg.id, purse, amount)], now_ms)
        return {"transfer": leg.id.hex(), "balance": (await sums(session, [purse]))[purse]}

    body = {"purse": purse, "amount": positive(amount), "store": store, "about": about}
    return await once(session, request, "spend", body, work, by=by, now_ms=now_ms)


async def hold(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    by: str,
    now_ms: int,
    for_s: int,
    about: str = "",
) -> Done:
    """Set an amount aside for `for_s` seconds; ``{hold}``, its id as hex. Raises as `spend`."""

    async def work() -> Done:
        place = await locked(session, purse)
        await check_known(session)
        await check_pace(session, place, amount, now_ms)
        id_ = posting_id("hold", request)
        await holds.hold(
            session,
            id_,
            purse=purse,
            unit=place.unit,
            amount=amount,
            about=about or request,
            at_ms=now_ms,
            expires_ms=now_ms + for_s * 1000,
        )
        return {"hold": id_.hex()}

    body = {"purse": purse, "amount": positive(amount), "about": about, "for_s": for_s}
    return await once(session, request, "hold", body, work, by=by, now_ms=now_ms)


async def capture(
    session: AsyncSession,
    *,
    hold: bytes,
    amount: int,
    by: str,
    now_ms: int,
    store: str = CENTRE,
    about: str = "",
) -> Done:
    """Take part or all of what was set aside, the rest goes back; ``{transfer, balance}``.

    Once per hold, which is its own id: asked again it answers the same. Raises NotFound, Conflict, Invalid,
    and Busy while grants are stopped: what was set aside may have been granted to a store since the backup.
    """
    purse, unit = await _of_hold(session, hold)
    await check_known(session)
    await lock_purses(session, purse)
    to = AccountName("captured", store, unit)
    transfer = await holds.capture(session, hold, positive(amount), to=to, about=about or by, at_ms=now_ms)
    await settle_lots(session, [Take(transfer, purse, amount)], now_ms=now_ms)
    await tell_purses(session, [purse], at_ms=now_ms)
    return {"transfer": transfer.hex(), "balance": (await sums(session, [purse]))[purse]}


async def void(session: AsyncSession, *, hold: bytes, now_ms: int) -> Done:
    """Let all that was set aside go back; ``{balance}``. Raises NotFound, Conflict (captured already)."""
    purse, _ = await _of_hold(session, hold)
    await lock_purses(session, purse)
    await holds.void(session, hold, at_ms=now_ms)
    return {"balance": (await sums(session, [purse]))[purse]}


async def refund(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    of: bytes,
    by: str,
    now_ms: int,
    store: str = CENTRE,
    about: str = "",
) -> Done:
    """Give back what the transfer `of` took from this purse, all or a part; ``{transfer, balance}``.

    When the card was merged into another since, it goes on to that one's purse.
    Raises NotFound (no such payment of this purse) and Conflict (more than is left of it to give back).
    """

    async def work() -> Done:
        place = await locked(session, purse, stopped_too=True)
        left = await refundable(session, purse, of)
        if amount > left:
            shown = money(left, place.unit)
            raise Conflict(N_("only {left} of that payment can still be given back"), left=shown)
        leg = Leg(
            posting_id("refund", request),
            AccountName("captured", store, place.unit),
            available(purse, place.unit),
            amount,
            "refund",
            about or request,
        )
        await posted(session, [leg], [GiveBack(leg.id, purse, amount, of)], now_ms)
        today = await _follow(session, place, amount, request, now_ms)
        return {"transfer": leg.id.hex(), "balance": (await sums(session, [today]))[today]}

    body = {"purse": purse, "amount": positive(amount), "of": of.hex(), "store": store, "about": about}
    return await once(session, request, "refund", body, work, by=by, now_ms=now_ms)


async def refundable(session: AsyncSession, purse: str, of: bytes) -> int:
    """What of the payment `of` has not been given back yet. Raises NotFound."""
    left = await session.scalar(
        sa.select(sa.func.sum(LotUse.amount - LotUse.returned)).where(
            LotUse.transfer == of, LotUse.purse == purse, LotUse.kind == "spend"
        )
    )
    if left is None:
        raise NotFound(N_("there is no such payment with this purse"))
    return int(left)


async def check_pace(session: AsyncSession, place: Place, amount: int, now_ms: int) -> None:
    """Raises Conflict when one more payment of `amount` is over what the programme lets a purse pay.

    What was paid in the last 24 hours counts as far as we have heard of it, less what was given back, and
    what is held: it may be captured at any moment.
    """
    rules = place.programme.rules
    if rules.pay_max and amount > rules.pay_max:
        raise Conflict(N_("one payment may be {most} at most"), most=money(rules.pay_max, place.unit))
    if not (rules.day_max or rules.day_count):
        return
    lately = await session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(LotUse.amount - LotUse.returned), 0),
            sa.func.count(LotUse.transfer.distinct()),
        ).where(LotUse.purse == place.id, LotUse.kind == "spend", LotUse.at_ms > now_ms - DAY_MS)
    )
    paid, times = lately.one()
    aside = await session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(Hold.amount), 0), sa.func.count()).where(
            Hold.purse == place.id, Hold.state == OPEN
        )
    )
    held, holds_open = aside.one()
    paid, times = int(paid) + int(held), times + holds_open
    if rules.day_max and paid + amount > rules.day_max:
        raise Conflict(N_("this purse may pay {most} in 24 hours"), most=money(rules.day_max, place.unit))
    if rules.day_count and times >= rules.day_count:
        raise Conflict(N_("this purse may pay {most} times in 24 hours"), most=rules.day_count)


async def _follow(session: AsyncSession, place: Place, amount: int, request: str, now_ms: int) -> str:
    """Move what came back to the purse of the card that this one was merged into; gives where it is now."""
    purse = await session.get_one(Purse, place.id)
    kind, _, id_ = purse.holder.partition(":")
    card = await session.get(Card, id_, populate_existing=True) if kind == "card" else None
    if card is None or not card.replaced_by:
        return place.id
    today = await follow(session, card.id)
    to = await open_purse(session, holder_of(card=today.id), place.programme, at_ms=now_ms)
    mine, theirs = available(place.id, place.unit), available(to, place.unit)
    leg = Leg(posting_id("follow", request), mine, theirs, amount, "move", request)
    await posted(session, [leg], [Move(leg.id, place.id, to, amount)], now_ms)
    return to


async def _of_hold(session: AsyncSession, hold: bytes) -> tuple[str, str]:
    found = (await session.execute(sa.select(Hold.purse, Hold.unit).where(Hold.id == hold))).one_or_none()
    if found is None:
        raise NotFound(N_("there is no such hold"))
    return found[0], found[1]
