"""What points are good for at head office: items of a catalogue, or value on a card.

redeem     available → captured("centre")     in points; the stock falls in the same transaction
exchange   the same, and bonus(programme) → available of a value purse, at the programme's rate
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.programmes import programme
from central_server.ledger.models.cards import CatalogueItem, Redemption
from central_server.ledger.models.lots import BONUS
from central_server.ledger.purses.expiry import term_of
from central_server.ledger.purses.legs import (
    CENTRE,
    Leg,
    check_known,
    check_room,
    lock_purses,
    locked,
    positive,
    posted,
)
from central_server.ledger.purses.lots import Add, GiveBack, Take, sums
from central_server.ledger.purses.operations import Done, once
from central_server.web.text import N_

ITEMS_MAX = 2_000
COUNT_MAX = 1_000
STOCK_MAX = 10**9


async def put_item(
    session: AsyncSession,
    id_: str,
    *,
    programme_id: str,
    zh: str,
    en: str,
    points: int,
    stock: int,
    each_max: int = 0,
    stopped: bool = False,
    at_ms: int,
) -> CatalogueItem:
    """Put an item into the catalogue, or change it. Raises NotFound (no programme), Invalid, Conflict."""
    theirs = await programme(session, programme_id)
    wrong = {}
    if theirs.rules.kind != "points":
        wrong["programme"] = N_("must be one of points")
    if not (zh.strip() and en.strip()) or max(len(id_), len(zh), len(en)) > 64 or not id_:
        wrong["name"] = N_("needs an id and two names of at most 64 characters")
    if points <= 0 or not 0 <= stock <= STOCK_MAX or each_max < 0:
        wrong["points"] = N_("must be more than nothing, and the stock not less")
    if wrong:
        raise Invalid(wrong)
    row = await session.get(CatalogueItem, id_, populate_existing=True, with_for_update=True)
    if row is None:
        count = await session.scalar(sa.select(sa.func.count()).select_from(CatalogueItem))
        if (count or 0) >= ITEMS_MAX:
            raise Conflict(N_("there can be at most {most} items"), most=ITEMS_MAX)
        row = CatalogueItem(id=id_)
        session.add(row)
    row.programme, row.zh, row.en, row.points, row.stock = programme_id, zh.strip(), en.strip(), points, stock
    row.each_max, row.stopped, row.changed_ms = each_max, int(stopped), at_ms
    await session.flush()
    return row


async def items(session: AsyncSession, *, programme_id: str = "", all_: bool = False) -> list[CatalogueItem]:
    """The catalogue, by points; with `all_` also what is stopped."""
    wanted = sa.select(CatalogueItem).order_by(CatalogueItem.points, CatalogueItem.id).limit(ITEMS_MAX)
    if programme_id:
        wanted = wanted.where(CatalogueItem.programme == programme_id)
    if not all_:
        wanted = wanted.where(CatalogueItem.stopped == 0)
    return list(await session.scalars(wanted.execution_options(populate_existing=True)))


async def redeem(
    session: AsyncSession, *, request: str, purse: str, item: str, by: str, now_ms: int, count: int = 1
) -> Done:
    """Have an item for points; ``{points, balance, stock}``. Points and stock go together, or not at all.

    Raises NotFound, Invalid, and Conflict: not enough points, none left, more than one person may have.
    """

    async def work() -> Done:
        place = await locked(session, purse)
        await check_known(session)
        if await session.get(Redemption, request) is not None:  # older than what `once` remembers
            raise Conflict(N_("this id was used for another request"))
        taken = await session.execute(
            sa.update(CatalogueItem)
            .where(CatalogueItem.id == item, CatalogueItem.stock >= count, CatalogueItem.stopped == 0)
            .values(stock=CatalogueItem.stock - count)
            .returning(
                CatalogueItem.points, CatalogueItem.stock, CatalogueItem.programme, CatalogueItem.each_max
            ),
            execution_options={"synchronize_session": False},
        )
        row = taken.one_or_none()
        if row is None:
            raise await _why_not(session, item)
        if row.programme != place.programme.id:
            raise Conflict(N_("this item is for points of another programme"))
        if row.each_max and await _had(session, purse, item) + count > row.each_max:
            raise Conflict(N_("one person may have {most} of it"), most=row.each_max)
        points = row.points * count
        leg = Leg(
            posting_id("redeem", request),
            available(purse, place.unit),
            AccountName("captured", CENTRE, place.unit),
            points,
            "redeem",
            f"{item} × {count}",
        )
        session.add(_redemption(request, purse, item, count, points, by, now_ms))
        await posted(session, [leg], [Take(leg.id, purse, points)], now_ms)
        return {"points": points, "balance": (await sums(session, [purse]))[purse], "stock": row.stock}

    if not 1 <= count <= COUNT_MAX:
        raise Invalid({"count": N_("must be from 1 to 1,000")})
    body = {"purse": purse, "item": item, "count": count}
    return await once(session, request, "redeem", body, work, by=by, now_ms=now_ms)


async def take_back(session: AsyncSession, *, request: str, redeemed: str, by: str, now_ms: int) -> Done:
    """An item comes back: points to their lots, the item to the stock; ``{points, balance}``.

    `redeemed` is the request that had it. Raises NotFound, Conflict (it came back already).
    """

    async def work() -> Done:
        purse = await session.scalar(sa.select(Redemption.purse).where(Redemption.request == redeemed))
        if purse is None:
            raise NotFound(N_("nothing was had by that request"))
        place = await locked(session, purse, stopped_too=True)
        row = await session.get_one(Redemption, redeemed, populate_existing=True)
        if row.taken_back_ms:
            raise Conflict(N_("it came back already"))
        row.taken_back_ms = now_ms
        await session.flush()
        await session.execute(
            sa.update(CatalogueItem)
            .where(CatalogueItem.id == row.item)
            .values(stock=CatalogueItem.stock + row.count),
            execution_options={"synchronize_session": False},
        )
        leg = Leg(
            posting_id("unredeem", redeemed),
            AccountName("captured", CENTRE, place.unit),
            available(purse, place.unit),
            row.points,
            "refund",
            redeemed,
        )
        back = GiveBack(leg.id, purse, row.points, of=posting_id("redeem", redeemed))
        await posted(session, [leg], [back], now_ms)
        return {"points": row.points, "balance": (await sums(session, [purse]))[purse]}

    return await once(session, request, "take_back", {"redeemed": redeemed}, work, by=by, now_ms=now_ms)


async def exchange(
    session: AsyncSession, *, request: str, purse: str, to: str, points: int, by: str, now_ms: int
) -> Done:
    """Turn points into value on a purse, as bonus; ``{value, balance, other_balance}``.

    Raises NotFound and Conflict: points of this programme pay nothing or in another currency, or too few.
    """

    async def work() -> Done:
        await lock_purses(session, purse, to)
        source, target = await locked(session, purse), await locked(session, to)
        await check_known(session)
        rules = source.programme.rules
        if rules.kind != "points" or not rules.pay_per_unit or not target.programme.is_value:
            raise Conflict(N_("these points cannot be turned into value"))
        if target.unit != rules.currency:
            raise Conflict(N_("these points are worth {currency}"), currency=rules.currency)
        value = points * rules.pay_per_unit
        await check_room(session, target, 0, value)
        legs = [
            Leg(
                posting_id("exchange", request),
                available(purse, source.unit),
                AccountName("captured", CENTRE, source.unit),
                points,
                "exchange",
                request,
            ),
            Leg(
                posting_id("exchanged", request),
                AccountName("bonus", target.programme.id, target.unit),
                available(to, target.unit),
                value,
                "bonus",
                request,
            ),
        ]
        until_ms = term_of(BONUS, target.programme.rules, now_ms)
        take, add = Take(legs[0].id, purse, points), Add(legs[1].id, to, value, BONUS, until_ms, request)
        await posted(session, legs, [take, add], now_ms)
        left = await sums(session, [purse, to])
        return {"value": value, "balance": left[purse], "other_balance": left[to]}

    body = {"purse": purse, "to": to, "points": positive(points)}
    return await once(session, request, "exchange", body, work, by=by, now_ms=now_ms)


async def redemptions(session: AsyncSession, purse: str, *, limit: int = 200) -> list[Redemption]:
    """What was had for the points of a purse, the newest first."""
    wanted = sa.select(Redemption).where(Redemption.purse == purse)
    return list(await session.scalars(wanted.order_by(Redemption.at_ms.desc()).limit(limit)))


async def _had(session: AsyncSession, purse: str, item: str) -> int:
    had = await session.scalar(
        sa.select(sa.func.sum(Redemption.count)).where(
            Redemption.purse == purse, Redemption.item == item, Redemption.taken_back_ms == 0
        )
    )
    return int(had or 0)


async def _why_not(session: AsyncSession, item: str) -> NotFound | Conflict:
    row: Any = await session.get(CatalogueItem, item, populate_existing=True)
    if row is None or row.stopped:
        return NotFound(N_("there is no such item"))
    return Conflict(N_("only {left} of it are left"), left=row.stock)


def _redemption(
    request: str, purse: str, item: str, count: int, points: int, by: str, now_ms: int
) -> Redemption:
    row = Redemption(request=request, purse=purse, item=item, count=count, points=points)
    row.at_ms, row.by, row.taken_back_ms = now_ms, by, 0
    return row
