from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.keys import Keys
from central_server.ledger.books.verify import look_through
from central_server.ledger.cards.programmes import change_programme, make_programme, programme
from central_server.ledger.cards.rules import Rules, Tiers
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses import expiry, spending, tiers
from central_server.ledger.purses.counting import When, counted, read, without, written
from central_server.ledger.purses.earning import earned
from central_server.ledger.purses.lots import lots_of
from central_server.ledger.purses.purses import purses_of_member
from central_server.membership import service as membership
from sync.contract.clock import Stamp
from sync.contract.events import SaleCompleted, SaleLine, Tender
from sync.contract.ids import EventId, Lane

CheckLots = Callable[[AsyncSession], Awaitable[None]]
DAY_MS = 86_400_000
POINTS: dict[str, Any] = {
    "kind": "points",
    "unit": "PTS",
    "zh": "积分",
    "en": "Points",
    "holder": "member",
    "earn": [{"gives": 0, "skus": ["TOBACCO"]}, {"gives": 3, "skus": ["WINE"]}, {"gives": 1}],
    "expiry": {"months": 12, "to_end_of": "year"},
}
STEPS = [
    {"id": "silver", "zh": "银", "en": "Silver", "reach": 100_000, "keep": 50_000, "times_bp": 15_000},
    {"id": "gold", "zh": "金", "en": "Gold", "reach": 500_000, "keep": 300_000, "times_bp": 20_000},
]
COUPONS = {
    "kind": "coupon",
    "zh": "返券",
    "en": "Coupons",
    "holder": "member",
    "earn": [{"gives": 5_000, "per": 30_000}],
    "expiry": {"days": 30},
}
ANNA, BERT = "MAAAAAAAAAAAA", "MBBBBBBBBBBBB"
A_SUNDAY = When(20261122, 6)


def sale(total: int, receipt: str = "R1", *lines: tuple[str, int], **more: Any) -> SaleCompleted:
    said = tuple(SaleLine(name=sku, sku=sku, amount_minor=amount) for sku, amount in lines)
    more = {"member": ANNA} | more
    return SaleCompleted(till="1", receipt=receipt, currency="CNY", total_minor=total, lines=said, **more)


@dataclass
class Shop:
    session: AsyncSession
    keys: Keys
    now_ms: int
    number: int = field(default=0)

    def facts(self, *events: SaleCompleted, at_ms: int | None = None) -> list[Fact[Any]]:
        made = []
        for event in events:
            self.number += 1
            stamp = Stamp("0" * 8, self.number, (at_ms or self.now_ms) + self.number, True)
            id_ = EventId("s1", "0" * 16, Lane.TILL, self.number)
            made.append(Fact(fact_key(1, self.number), id_, stamp, event))
        return made

    async def sell(self, *events: SaleCompleted, at_ms: int | None = None) -> None:
        facts = self.facts(*events, at_ms=at_ms)
        for _ in range(2):  # the inbox may do it again
            await earned(self.session, "s1", facts, at_ms or self.now_ms, keys=self.keys)

    async def points(self, member: str = ANNA) -> int:
        return sum(each.balance for each in await purses_of_member(self.session, member))

    async def purse(self) -> Purse:
        return (await self.session.scalars(sa.select(Purse))).one()

    async def tier(self, member: str = ANNA) -> str:
        return (await membership.profile(self.session, keys=self.keys, member=member)).tier


@pytest.fixture
async def shop(database: Database, keys: Keys, now_ms: int, check_lots: CheckLots) -> AsyncIterator[Shop]:
    async with database.transaction() as session:
        for member, name in ((ANNA, "王安娜"), (BERT, "李伯特")):
            await membership.enrol(
                session, keys=keys, member=member, person={"name": name}, by="anna", at_ms=now_ms
            )
        yield Shop(session, keys, now_ms)
        await check_lots(session)
        assert (await look_through(session)).wrong is None


async def make(shop: Shop, rules: dict[str, Any] = POINTS, id_: str = "points", **more: Any) -> None:
    await make_programme(shop.session, id_, rules | more, by="anna", at_ms=shop.now_ms)


def rules(**more: Any) -> Rules:
    return Rules.model_validate(POINTS | more)


def test_the_first_rule_that_fits_takes_a_line() -> None:
    event = sale(1_000, "R1", ("WINE-1", 500), ("TOBACCO-2", 300), ("BREAD", 200))
    what = counted(rules(), event, tier="", when=A_SUNDAY)
    assert (what.earned, what.spend) == (15 + 2, 700)
    assert read(written(what)) == what


def test_what_falls_to_one_rule_counts_together_and_discounts_on_all_alike() -> None:
    event = sale(900, "R1", ("A", 550), ("B", 450), ("", 0))
    assert counted(rules(), event, tier="", when=A_SUNDAY).earned == 9
    assert counted(rules(), sale(199), tier="", when=A_SUNDAY).earned == 1


def test_tender_tier_weekday_and_day_count() -> None:
    paid = sale(1_000, tenders=(Tender("value", 600), Tender("cash", 400)))
    assert counted(rules(), paid, tier="", when=A_SUNDAY).earned == 4
    stepped = rules(tiers={"steps": STEPS})
    assert counted(stepped, sale(1_000), tier="silver", when=A_SUNDAY).earned == 15
    days = rules(
        earn=[{"gives": 2, "weekdays": [6], "first_day": 20261101, "last_day": 20261130}, {"gives": 1}]
    )
    assert counted(days, sale(1_000), tier="", when=A_SUNDAY).earned == 20
    assert counted(days, sale(1_000), tier="", when=When(20261123, 0)).earned == 10
    assert counted(days, sale(1_000), tier="", when=When(20261206, 6)).earned == 10
    gold = rules(earn=[{"gives": 5, "tiers": ["gold"]}, {"gives": 1}])
    assert counted(gold, sale(1_000), tier="gold", when=A_SUNDAY).earned == 50


def test_goods_that_come_back_were_never_bought() -> None:
    bought = counted(rules(), sale(1_000, "R1", ("WINE", 500), ("A", 500)), tier="", when=A_SUNDAY)
    assert bought.earned == 20
    half = without(bought, rules(), sale(-250, "R2", ("WINE", -250)), tier="", when=A_SUNDAY)
    assert half.earned == 6 + 5  # 250 // 100 * 3 + 500 // 100
    nothing = without(half, rules(), sale(-750, "R3", ("WINE", -250), ("A", -500)), tier="", when=A_SUNDAY)
    assert nothing.earned == 0
    changed = rules(earn=[{"gives": 7}])  # the rules are others by now: it comes out of what there is
    assert without(bought, changed, sale(-1_000), tier="", when=A_SUNDAY).earned == 0


@given(
    bought=st.lists(st.tuples(st.sampled_from(["WINE", "A", "TOBACCO"]), st.integers(1, 50_000)), min_size=1),
    data=st.data(),
)
def test_whatever_is_returned_in_whatever_parts_takes_back_what_was_earned(
    bought: list[tuple[str, int]], data: st.DataObject
) -> None:
    event = sale(sum(amount for _, amount in bought), "R1", *bought)
    left, points = counted(rules(), event, tier="", when=A_SUNDAY), []
    for sku, amount in data.draw(st.permutations(bought)):
        part = data.draw(st.integers(0, amount))
        for back in (part, amount - part):
            if back:
                left = without(left, rules(), sale(-back, "R2", (sku, -back)), tier="", when=A_SUNDAY)
                points.append(left.earned)
    assert points == sorted(points, reverse=True)
    assert (left.earned, left.spend) == (0, 0)


async def test_a_member_earns_once_per_receipt_and_nobody_else_does(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(1_050), sale(1_000, "R2", member=""), sale(500, "R3", member=BERT))
    assert (await shop.points(), await shop.points(BERT)) == (10, 5)
    told = (await membership.told_members(shop.session, [ANNA]))[ANNA]
    assert told.points == 10
    (lot,) = await lots_of(shop.session, told.purses[0].purse)
    assert lot.about == "s1/R1"


async def test_a_return_takes_back_what_its_goods_had_earned(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(1_000, "R1", ("WINE", 500), ("A", 500)))
    await shop.sell(sale(-500, "R2", ("WINE", -500), member="", refers_to="R1"))
    assert await shop.points() == 5
    await shop.sell(sale(-500, "R3", ("A", -500), member=BERT, refers_to="R1"))
    assert (await shop.points(), await shop.points(BERT)) == (0, 0)


async def test_points_that_were_spent_are_owed_and_taken_from_the_next(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000))
    purse = await shop.purse()
    await spending.spend(shop.session, request="p", purse=purse.id, amount=80, by="anna", now_ms=shop.now_ms)
    await shop.sell(sale(-10_000, "R2", refers_to="R1"))
    assert (await shop.points(), (await shop.purse()).owed) == (0, 80)
    await shop.sell(sale(5_000, "R3"))
    assert (await shop.points(), (await shop.purse()).owed) == (0, 30)
    await shop.sell(sale(5_000, "R4"))
    assert (await shop.points(), (await shop.purse()).owed) == (20, 0)


async def test_a_return_that_names_no_receipt_takes_from_the_card_shown(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000))
    await shop.sell(sale(-3_000, "R2"))
    assert await shop.points() == 70


async def test_a_return_of_what_earned_nothing_takes_nothing(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000), sale(5_000, "R2", member=""))
    await shop.sell(sale(-5_000, "R3", refers_to="R2"), sale(-10_000, "R4", refers_to="R9"))
    assert await shop.points() == 100
    elsewhere = shop.facts(sale(-2_000, "X1", refers_to="R1"))  # at another store, with the card
    await earned(shop.session, "s2", elsewhere, shop.now_ms, keys=shop.keys)
    assert await shop.points() == 80


async def test_points_are_pending_until_the_return_period_ends(shop: Shop) -> None:
    await make(shop, pending_days=14)
    await shop.sell(sale(10_000), sale(2_000, "R2"))
    assert await shop.points() == 0
    await shop.sell(sale(-2_500, "R3", refers_to="R1"))
    assert await expiry.mature_lots(shop.session, now_ms=shop.now_ms + 13 * DAY_MS) is None
    assert await shop.points() == 0
    for _ in range(2):
        await expiry.mature_lots(shop.session, now_ms=shop.now_ms + 15 * DAY_MS)
    assert await shop.points() == 95
    assert (await membership.told_members(shop.session, [ANNA]))[ANNA].points == 95


async def test_points_expire_at_the_end_of_the_next_year(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000))
    await expiry.expire_lots(shop.session, now_ms=1_830_268_800_000 - 9 * 3_600_000)  # 2027-12-31 23:00 there
    assert await shop.points() == 100
    await expiry.expire_lots(shop.session, now_ms=1_830_268_800_000)
    assert await shop.points() == 0


async def test_coupons_are_given_for_each_whole_amount_and_taken_back(shop: Shop) -> None:
    await make(shop, COUPONS, "coupons")
    await shop.sell(sale(65_000))
    assert await shop.points() == 10_000
    await shop.sell(sale(-10_000, "R2", refers_to="R1"))
    assert await shop.points() == 5_000


def test_a_tier_is_kept_by_less_than_it_takes_to_reach_it() -> None:
    steps = Tiers.model_validate({"steps": STEPS})
    assert [tiers.reached(steps, spent) for spent in (99_999, 100_000, 499_999, 500_000)] == [
        "", "silver", "silver", "gold"
    ]  # fmt: skip
    assert [tiers.kept(steps, "gold", spent) for spent in (300_000, 299_999, 50_000, 49_999)] == [
        "gold", "silver", "silver", ""
    ]  # fmt: skip


async def test_spending_raises_a_tier_and_a_return_takes_the_raise_back(shop: Shop) -> None:
    await make(shop, tiers={"steps": STEPS})
    await shop.sell(sale(99_999))
    assert await shop.tier() == ""
    await shop.sell(sale(1, "R2"))
    assert await shop.tier() == "silver"
    await shop.sell(sale(1_000, "R3"))
    assert await shop.points() == 999 + 15
    await shop.sell(sale(-50_000, "R4", refers_to="R1"))
    assert await shop.tier() == ""


async def test_at_the_end_of_its_term_a_tier_is_kept_or_lost(shop: Shop) -> None:
    await make(shop, tiers={"steps": STEPS})
    await shop.sell(sale(500_000))
    assert await shop.tier() == "gold"
    year_ms = shop.now_ms + 366 * DAY_MS
    await shop.sell(sale(60_000, "R2"), at_ms=shop.now_ms + 200 * DAY_MS)
    assert not await tiers.review_tiers(shop.session, keys=shop.keys, now_ms=year_ms)
    assert await shop.tier() == "silver"
    await tiers.review_tiers(shop.session, keys=shop.keys, now_ms=year_ms + 366 * DAY_MS)
    assert await shop.tier() == ""


async def test_whoever_was_merged_brings_their_purse_along(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000), sale(5_000, "R2", member=BERT))
    await membership.merge(shop.session, keys=shop.keys, keep=BERT, gone=ANNA, by="anna", at_ms=shop.now_ms)
    await shop.sell(sale(1_000, "R3"))
    assert await shop.points(BERT) == 160
    assert (await membership.told_members(shop.session, [BERT]))[BERT].points == 160


async def test_changed_rules_count_from_now_on(shop: Shop) -> None:
    await make(shop)
    await shop.sell(sale(10_000))
    version = (await programme(shop.session, "points")).version
    changed = POINTS | {"earn": [{"gives": 2}]}
    await change_programme(shop.session, "points", changed, version=version, by="anna", at_ms=shop.now_ms)
    await shop.sell(sale(10_000, "R2"))
    assert await shop.points() == 300
    await shop.sell(sale(-10_000, "R3", refers_to="R1"))
    assert await shop.points() == 200
