"""The sample programmes, each from the printing of a card to its end, through the service alone."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.downlink.feed import after
from central_server.errors import CentreError, Conflict, Invalid
from central_server.facts import Fact, fact_key
from central_server.keys import Keys
from central_server.ledger import service as ledger
from central_server.ledger.books.verify import look_through
from central_server.membership import service as membership
from sync.contract.clock import Stamp
from sync.contract.events import SaleCompleted
from sync.contract.ids import EventId, Lane
from sync.contract.tokens import card_token
from sync.contract.told import EVERYONE, ProgrammeTold

CheckLots = Callable[[AsyncSession], Awaitable[None]]
ANNA = "MAAAAAAAAAAAA"
COMPANY = ledger.Buyer("unit", name="某某公司", paper="license", number="91310000MA1K", account="1001")
PERSON = ledger.Buyer(name="王安娜", paper="id", number="310000199001011234", account="6222")
YEAR_MS = 366 * 86_400_000


class House:
    """Head office with the samples loaded and one member."""

    def __init__(self, session: AsyncSession, keys: Keys, now_ms: int) -> None:
        self.session, self.keys, self.now_ms = session, keys, now_ms
        self.drawn = 0

    async def open(self) -> None:
        await ledger.load_samples(self.session, by="anna", at_ms=self.now_ms)
        person = {"name": "王安娜", "phone": "13800138000"}
        await membership.enrol(
            self.session, keys=self.keys, member=ANNA, person=person, by="anna", at_ms=self.now_ms
        )

    @property
    def who(self) -> dict[str, Any]:
        return {"by": "anna", "keys": self.keys}

    def random_bytes(self, count: int) -> bytes:
        self.drawn += 1
        return hashlib.shake_256(str(self.drawn).encode()).digest(count)

    async def make(self, programme: str, count: int) -> list[ledger.Made]:
        made = {"programme_id": programme, "count": count, "batch": f"{programme} 1"}
        return await ledger.make_cards(
            self.session, **made, random_bytes=self.random_bytes, at_ms=self.now_ms, **self.who
        )

    async def sell(self, card: str, **more: Any) -> Any:
        said = {"tender": "card", "now_ms": self.now_ms} | more
        return await ledger.activate_card(self.session, request=f"sell {card}", card=card, **said, **self.who)

    async def shown(self, made: ledger.Made) -> ledger.Presented:
        token = card_token(self.keys.token_key, made.number)
        return await ledger.purses_of_token(self.session, token, keys=self.keys, now_ms=self.now_ms)

    async def refused(self, work: Awaitable[Any], error: type[CentreError]) -> None:
        with pytest.raises(error):
            async with self.session.begin_nested():
                await work


@pytest.fixture
async def house(database: Database, keys: Keys, now_ms: int, check_lots: CheckLots) -> Any:
    async with database.transaction() as session:
        house = House(session, keys, now_ms)
        await house.open()
        yield house
        await check_lots(session)
        assert (await look_through(session)).wrong is None


async def test_tills_know_every_programme(house: House) -> None:
    told = [each.word for each in await after(house.session, EVERYONE, 0, 100)]
    names = {each.programme: each.zh for each in told if isinstance(each, ProgrammeTold)}
    assert names == {
        "points": "会员积分",
        "value": "储值卡",
        "gift": "周年纪念卡",
        "bank": "银行联名卡",
        "coupons": "返券",
    }


async def test_a_stored_value_card_from_the_press_to_its_end(house: House) -> None:
    made, *_ = cards = await house.make("value", 3)
    await ledger.stock_cards(house.session, [made.id], place="s1", by="anna", at_ms=house.now_ms)
    await ledger.issue_card(house.session, made.id, member=ANNA, at_ms=house.now_ms, **house.who)
    sold = await house.sell(made.id, amount=100_000)
    assert (sold["balance"], set(sold["purses"])) == (108_000, {"value", "points"})
    purse = sold["purses"]["value"]
    paid = await ledger.spend(
        house.session, request="p", purse=purse, amount=10_000, by="anna", now_ms=house.now_ms
    )
    await ledger.refund(
        house.session,
        request="r",
        purse=purse,
        amount=3_000,
        of=bytes.fromhex(paid["transfer"]),
        by="anna",
        now_ms=house.now_ms,
    )
    await ledger.lose_card(house.session, made.id, why="left in a taxi", at_ms=house.now_ms, **house.who)
    await ledger.replace_card(
        house.session,
        request="n",
        card=made.id,
        new=cards[1].id,
        why="lost",
        now_ms=house.now_ms,
        **house.who,
    )
    shown = await house.shown(cards[1])
    assert [(each.programme.id, each.balance) for each in shown.purses] == [("value", 101_000), ("points", 0)]
    ended = await ledger.refund_card(
        house.session,
        request="e",
        card=cards[1].id,
        tender="transfer",
        payee=PERSON,
        why="moves away",
        now_ms=house.now_ms,
        **house.who,
    )
    # 10,000 took the bonus of 8,000 first; of the 3,000 that came back 2,000 were paid money, the rest bonus.
    assert ended == {"paid_out": 100_000, "fee": 0, "bonus_gone": 1_000}


async def test_a_commemorative_card_is_sold_by_the_batch_and_never_paid_out(house: House) -> None:
    made = await house.make("gift", 50)
    sale = {"batch": "gift 1", "now_ms": house.now_ms, **house.who}
    await house.refused(
        ledger.activate_batch(house.session, request="a", tender="transfer", **sale), Invalid
    )  # ¥10,000 of bearer cards want a name
    await house.refused(
        ledger.activate_batch(house.session, request="b", tender="cash", buyer=COMPANY, **sale), Invalid
    )  # and a unit pays ¥5,000 and more by transfer
    sold = await ledger.activate_batch(house.session, request="c", tender="transfer", buyer=COMPANY, **sale)
    assert sold == {"cards": 50, "paid": 1_000_000}
    (purse,) = (await house.shown(made[7])).purses
    assert purse.balance == 20_000
    more = {"purse": purse.purse, "amount": 100, "tender": "cash", "now_ms": house.now_ms, **house.who}
    await house.refused(ledger.load(house.session, request="d", **more), Conflict)
    await house.refused(ledger.cash_out(house.session, request="e", payee=PERSON, **more), Conflict)
    house.now_ms += 6 * YEAR_MS
    assert (await house.shown(made[7])).reason == "expired"
    done = await ledger.revive_card(
        house.session, request="f", card=made[7].id, why="asked", now_ms=house.now_ms, **house.who
    )
    assert (done["revived"], (await house.shown(made[7])).ok) == (0, True)  # the job had not come by yet


async def test_a_joint_card_is_in_a_name_and_has_the_banks_range(house: House) -> None:
    (made,) = await house.make("bank", 1)
    assert (len(made.number), made.number[:6]) == (19, "626688")
    await house.refused(ledger.issue_card(house.session, made.id, at_ms=house.now_ms, **house.who), Invalid)
    await ledger.issue_card(house.session, made.id, member=ANNA, at_ms=house.now_ms, **house.who)
    await house.sell(made.id, amount=500_000)
    shown = await house.shown(made)
    assert [each.balance for each in shown.purses] == [500_000, 0]
    partner = shown.purses[0].programme.rules.partner
    assert partner is not None
    assert (partner.id, partner.share_bp) == ("citybank", 150)
    more = {"purse": shown.purses[0].purse, "amount": 1, "tender": "cash", "now_ms": house.now_ms}
    await house.refused(ledger.load(house.session, request="m", **more, **house.who), Conflict)


async def test_points_and_coupons_from_the_till_to_the_shelf(house: House) -> None:
    sold = SaleCompleted(till="1", receipt="R1", currency="CNY", total_minor=220_000, member=ANNA)
    back = SaleCompleted(till="1", receipt="R2", currency="CNY", total_minor=-20_000, refers_to="R1")
    facts = [
        Fact(fact_key(1, number), EventId("s1", "0" * 16, Lane.TILL, number), stamp, event)
        for number, event in enumerate((sold, back), 1)
        for stamp in [Stamp("0" * 8, number, house.now_ms + number, True)]
    ]
    await ledger.earned(house.session, "s1", facts, house.now_ms, keys=house.keys)
    held = {each.programme.id: each for each in await ledger.purses_of_member(house.session, ANNA)}
    # A Wednesday counts twice; ¥2,000 make six coupons, where ¥2,200 made seven.
    assert (held["points"].balance, held["coupons"].balance) == (4_000, 30_000)
    who = {"purse": held["points"].purse, "by": "anna", "now_ms": house.now_ms}
    await ledger.redeem(house.session, request="i", item="umbrella", **who)
    told = (await membership.told_members(house.session, [ANNA]))[ANNA]
    assert (told.points, told.tier, told.value_minor) == (1_000, "silver", 0)
    assert [each.state for each in await ledger.wallet(house.session, held["coupons"].purse)] == ["open"]
