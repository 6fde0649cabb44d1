from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.books.verify import look_through
from central_server.ledger.cards.programmes import make_programme, programme, programmes, word_of
from central_server.ledger.cards.samples import SAMPLES, load_samples
from central_server.ledger.models.lots import BONUS
from central_server.ledger.purses import catalogue, coupons, expiry, spending, value
from central_server.ledger.purses.lots import sums
from central_server.ledger.purses.purses import holder_of, open_purse, purses_of_member
from central_server.membership import service as membership

CheckLots = Callable[[AsyncSession], Awaitable[None]]
DAY_MS = 86_400_000
ANNA = "MAAAAAAAAAAAA"


@dataclass
class Shop:
    """The sample programmes, and a member with 10,000 points."""

    session: AsyncSession
    keys: Keys
    now_ms: int
    points: str

    @property
    def who(self) -> dict[str, Any]:
        return {"by": "anna", "now_ms": self.now_ms}

    async def left(self, purse: str = "") -> int:
        return (await sums(self.session, [purse or self.points]))[purse or self.points]

    async def stock(self, item: str) -> int:
        return {each.id: each.stock for each in await catalogue.items(self.session)}[item]


@pytest.fixture
async def shop(database: Database, keys: Keys, now_ms: int, check_lots: CheckLots) -> AsyncIterator[Shop]:
    async with database.transaction() as session:
        known = await load_samples(session, by="anna", at_ms=now_ms)
        person = {"name": "王安娜"}
        await membership.enrol(session, keys=keys, member=ANNA, person=person, by="anna", at_ms=now_ms)
        purse = await open_purse(session, holder_of(member=ANNA), known["points"], at_ms=now_ms)
        await value.correct(
            session,
            request="welcome",
            purse=purse,
            amount=10_000,
            approval="A1",
            why="welcome",
            by="anna",
            now_ms=now_ms,
        )
        yield Shop(session, keys, now_ms, purse)
        await check_lots(session)
        assert (await look_through(session)).wrong is None


async def test_the_samples_load_once_and_are_told(shop: Shop) -> None:
    assert set(await load_samples(shop.session, by="bert", at_ms=shop.now_ms)) == set(SAMPLES)
    known = await programmes(shop.session)
    assert {each.version for each in known.values()} == {1}
    assert known["bank"].rules.partner is not None
    told = word_of("value", known["value"].rules)
    assert (told.reload, told.balance_max, told.pin_above) == (True, 100_000, 20_000)
    assert word_of("bank", known["bank"].rules).balance_max == 500_000
    assert word_of("points", known["points"].rules).pay_per_unit == 1


async def test_points_and_stock_go_together(shop: Shop) -> None:
    for _ in range(2):
        done = await catalogue.redeem(
            shop.session, request="r", purse=shop.points, item="mug", count=2, **shop.who
        )
        assert done == {"points": 3_000, "balance": 7_000, "stock": 498}
    for request, wanted in (("a", {"item": "oil-5l", "count": 2}), ("b", {"item": "oil-5l", "count": 81})):
        with pytest.raises(Conflict):
            async with shop.session.begin_nested():
                await catalogue.redeem(shop.session, request=request, purse=shop.points, **wanted, **shop.who)
    assert (await shop.left(), await shop.stock("oil-5l")) == (7_000, 80)
    with pytest.raises(NotFound):
        await catalogue.redeem(shop.session, request="c", purse=shop.points, item="car", **shop.who)


async def test_an_item_comes_back_once_and_the_points_with_it(shop: Shop) -> None:
    await catalogue.redeem(shop.session, request="r", purse=shop.points, item="mug", **shop.who)
    for _ in range(2):
        done = await catalogue.take_back(shop.session, request="t", redeemed="r", **shop.who)
        assert done == {"points": 1_500, "balance": 10_000}
    with pytest.raises(Conflict):
        await catalogue.take_back(shop.session, request="u", redeemed="r", **shop.who)
    assert await shop.stock("mug") == 500


async def test_one_person_has_no_more_than_is_allowed(shop: Shop) -> None:
    await catalogue.put_item(
        shop.session,
        "pen",
        programme_id="points",
        zh="笔",
        en="Pen",
        points=10,
        stock=5,
        each_max=2,
        at_ms=shop.now_ms,
    )
    await catalogue.redeem(shop.session, request="a", purse=shop.points, item="pen", count=2, **shop.who)
    with pytest.raises(Conflict):
        async with shop.session.begin_nested():
            await catalogue.redeem(shop.session, request="b", purse=shop.points, item="pen", **shop.who)
    assert await shop.stock("pen") == 3


async def test_points_become_value_as_bonus(shop: Shop) -> None:
    card = await open_purse(
        shop.session, "card:C1", await programme(shop.session, "value"), at_ms=shop.now_ms
    )
    done = await catalogue.exchange(
        shop.session, request="x", purse=shop.points, to=card, points=4_000, **shop.who
    )
    assert done == {"value": 4_000, "balance": 6_000, "other_balance": 4_000}
    assert await sums(shop.session, [card], [BONUS]) == {card: 4_000}
    with pytest.raises(Conflict):
        await catalogue.exchange(shop.session, request="y", purse=card, to=card, points=1, **shop.who)


async def test_a_wallet_shows_what_was_issued_used_and_expired(shop: Shop) -> None:
    given = {"programme_id": "coupons", "members": [ANNA], **shop.who}
    for request, amount, days in (("a", 5_000, 1), ("b", 3_000, 60), ("c", 2_000, 90)):
        for _ in range(2):
            await coupons.give_coupons(
                shop.session,
                request=request,
                amount=amount,
                expires_ms=shop.now_ms + days * DAY_MS,
                why="birthday",
                **given,
            )
    held = {each.programme.id: each for each in await purses_of_member(shop.session, ANNA)}
    purse = held["coupons"].purse
    assert held["coupons"].balance == 10_000
    await spending.spend(shop.session, request="p", purse=purse, amount=1_000, **shop.who)
    await expiry.expire_lots(shop.session, now_ms=shop.now_ms + 2 * DAY_MS)
    await spending.spend(shop.session, request="q", purse=purse, amount=3_500, **shop.who)
    shown = [
        (each.issued, each.state, each.used, each.expired, each.left)
        for each in await coupons.wallet(shop.session, purse)
    ]
    assert shown == [
        (2_000, "open", 500, 0, 1_500),
        (3_000, "used", 3_000, 0, 0),
        (5_000, "expired", 1_000, 4_000, 0),
    ]
    with pytest.raises(Invalid):
        await coupons.give_coupons(shop.session, request="d", amount=1, expires_ms=shop.now_ms, **given)


async def test_many_coupons_at_once_need_two_people(shop: Shop) -> None:
    rules = SAMPLES["coupons"] | {"load_max": 9_999}
    await make_programme(shop.session, "rare", rules, by="anna", at_ms=shop.now_ms)
    given = {"programme_id": "rare", "members": [ANNA], "amount": 10_000, **shop.who}
    with pytest.raises(Refused):
        async with shop.session.begin_nested():
            await coupons.give_coupons(shop.session, request="d", **given)
    await coupons.give_coupons(shop.session, request="d", approval="A1", **given)
