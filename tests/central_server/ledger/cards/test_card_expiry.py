"""Cards and bonuses whose time is over: what was on them is kept apart and can come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.cards import cards, life
from central_server.ledger.cards.programmes import make_programme, programme
from central_server.ledger.models.lots import Lot
from central_server.ledger.purses import expiry, spending, value
from central_server.ledger.purses.purses import held_by, holder_of, open_purse
from tests.central_server.ledger.cards.card_world import BEARER, Desk

CheckLots = Callable[[AsyncSession], Awaitable[None]]
DAY_MS = 86_400_000
YEAR_MS = 366 * DAY_MS


async def test_an_expired_cards_value_is_kept_and_comes_back_with_it(
    desk: Desk, check_lots: CheckLots
) -> None:
    card = await desk.active(0)
    later_ms = desk.now_ms + 3 * YEAR_MS
    assert (await desk.shown(0, later_ms)).reason == "expired"
    assert not await expiry.expire_cards(desk.session, keys=desk.keys, now_ms=later_ms)
    assert await expiry.expire_with_cards(desk.session, now_ms=later_ms) is None
    assert await desk.state(card) == life.EXPIRED
    purses = await held_by(desk.session, [holder_of(card=card)])
    assert [each.balance for each in purses] == [0]
    await check_lots(desk.session)
    for _ in range(2):
        done = await expiry.revive_card(
            desk.session, request="r", card=card, why="asked", now_ms=later_ms, **desk.who
        )
        assert done["revived"] == 10_500
    shown = await desk.shown(0, later_ms)
    assert (shown.ok, shown.purses[0].balance) == (True, 10_500)


async def test_a_card_in_a_name_never_expires(desk: Desk) -> None:
    bearers, named = await desk.active(0), await desk.active(1, desk.member)
    ends = [(await cards.card_row(desk.session, card)).expires_ms for card in (bearers, named)]
    assert ends == [1_889_694_400_000, None]  # 2029-11-18 there
    await cards.hand_over(
        desk.session, bearers, member=desk.member, why="registers it", at_ms=desk.now_ms, **desk.who
    )
    assert (await cards.card_row(desk.session, bearers)).expires_ms is None


async def test_a_lot_of_bonus_expires_and_is_kept_apart(desk: Desk) -> None:
    await make_programme(
        desk.session,
        "short",
        BEARER | {"bonus_expiry": {"days": 30}, "numbers": None, "also": []},
        by="anna",
        at_ms=desk.now_ms,
    )
    purse = await open_purse(
        desk.session, "card:CX", await programme(desk.session, "short"), at_ms=desk.now_ms
    )
    await value.load(
        desk.session,
        request="l",
        purse=purse,
        amount=10_000,
        tender="cash",
        by="anna",
        now_ms=desk.now_ms,
        keys=desk.keys,
    )
    await spending.spend(desk.session, request="s", purse=purse, amount=100, by="anna", now_ms=desk.now_ms)
    later_ms = desk.now_ms + 31 * DAY_MS
    for _ in range(2):
        assert await expiry.expire_lots(desk.session, now_ms=later_ms) is None
    lots = await desk.session.execute(sa.select(Lot.kind, Lot.left, Lot.expired).where(Lot.purse == purse))
    assert {tuple(lot) for lot in lots} == {("paid", 10_000, 0), ("bonus", 0, 400)}
    done = await expiry.revive_purse(desk.session, request="v", purse=purse, by="anna", now_ms=later_ms)
    assert done == {"revived": 400, "balance": 10_400}
