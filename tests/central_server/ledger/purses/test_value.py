from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, balances
from central_server.ledger.cards.buyers import Buyer, buyer_of
from central_server.ledger.models.lots import BONUS, PAID
from central_server.ledger.purses import expiry, spending, value
from central_server.ledger.purses.lots import sums
from central_server.ledger.purses.operations import forget_operations

OpenPurse = Callable[..., Awaitable[str]]
CheckLots = Callable[[AsyncSession], Awaitable[None]]
BONUSES = [{"from_amount": 10_000, "amount": 1_000}, {"from_amount": 50_000, "share_bp": 1_000}]
ANNA = Buyer(name="王安娜", paper="id", number="310000199001011234", account="6222…")


async def loaded(
    session: AsyncSession,
    keys: Keys,
    now_ms: int,
    purse: str,
    amount: int,
    request: str = "load-1",
    **more: Any,
) -> Any:
    return await value.load(
        session,
        request=request,
        purse=purse,
        amount=amount,
        tender=more.pop("tender", "cash"),
        by="anna",
        now_ms=now_ms,
        keys=keys,
        **more,
    )


async def test_a_load_gives_the_bonus_of_the_highest_threshold_it_reaches(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        assert await loaded(session, keys, now_ms, mine, 9_999) == {
            "paid": 9_999,
            "bonus": 0,
            "balance": 9_999,
        }
        done = await loaded(session, keys, now_ms, mine, 50_000, "load-2")
        assert done == {"paid": 50_000, "bonus": 5_000, "balance": 64_999}
        await check_lots(session)


async def test_the_same_request_has_the_first_answer_and_another_body_is_a_conflict(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        first = await loaded(session, keys, now_ms, mine, 10_000)
    async with database.transaction() as session:
        await spending.spend(session, request="pay-1", purse=mine, amount=500, by="anna", now_ms=now_ms)
        assert await loaded(session, keys, now_ms + 5, mine, 10_000) == first
        with pytest.raises(Conflict):
            await loaded(session, keys, now_ms, mine, 10_001)
        assert (await sums(session, [mine]))[mine] == 10_500
        await check_lots(session)


async def test_a_request_that_comes_again_after_it_was_forgotten_moves_nothing(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        await loaded(session, keys, now_ms, mine, 10_000, buyer=ANNA)
        await spending.spend(session, request="pay-1", purse=mine, amount=500, by="anna", now_ms=now_ms)
    async with database.transaction() as session:
        assert await forget_operations(session, before_ms=now_ms) == 0
        assert await forget_operations(session, before_ms=now_ms + 1, limit=1) == 1
        assert await forget_operations(session, before_ms=now_ms + 1) == 1
    async with database.transaction() as session:
        await loaded(session, keys, now_ms + 5, mine, 10_000, buyer=ANNA)
        await spending.spend(session, request="pay-1", purse=mine, amount=500, by="anna", now_ms=now_ms + 5)
        assert (await sums(session, [mine]))[mine] == 10_500
        await check_lots(session)


async def test_a_refund_returns_the_lots_and_never_more_than_was_paid(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        await loaded(session, keys, now_ms, mine, 10_000)
        paid = await spending.spend(
            session, request="pay", purse=mine, amount=1_500, by="anna", now_ms=now_ms
        )
        of, who = bytes.fromhex(paid["transfer"]), {"purse": mine, "by": "anna", "now_ms": now_ms}
        back = await spending.refund(session, request="back-1", amount=1_000, of=of, **who)
        assert back["balance"] == 10_500
        assert await sums(session, [mine], [PAID]) == {mine: 10_000}
        again = await spending.refund(session, request="back-1", amount=1_000, of=of, **who)
        assert again == back
        with pytest.raises(Conflict, match=r"5\.00"):
            await spending.refund(session, request="back-2", amount=501, of=of, **who)
        await spending.refund(session, request="back-3", amount=500, of=of, **who)
        with pytest.raises(Conflict):
            await spending.refund(session, request="back-4", amount=1, of=of, **who)
        with pytest.raises(NotFound):
            await spending.refund(session, request="back-5", amount=1, of=b"0" * 16, **who)
        assert await sums(session, [mine], [BONUS]) == {mine: 1_000}
        await check_lots(session)


async def test_a_hold_is_captured_in_part_and_the_rest_goes_back(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session)
        await loaded(session, keys, now_ms, mine, 10_000)
        held = await spending.hold(
            session, request="h", purse=mine, amount=8_000, by="anna", now_ms=now_ms, for_s=60
        )
        with pytest.raises(Conflict):
            await spending.spend(session, request="p", purse=mine, amount=2_001, by="anna", now_ms=now_ms)
        await check_lots(session)
        id_ = bytes.fromhex(held["hold"])
        done = await spending.capture(session, hold=id_, amount=3_000, by="anna", now_ms=now_ms)
        assert done["balance"] == 7_000
        assert await spending.capture(session, hold=id_, amount=3_000, by="anna", now_ms=now_ms) == done
        await check_lots(session)


async def test_bonus_is_never_paid_out_and_neither_is_more_cash_than_the_law_lets(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        await loaded(session, keys, now_ms, mine, 20_000)

        async def out(request: str, amount: int, tender: str = "transfer", payee: Buyer = ANNA) -> Any:
            async with session.begin_nested():  # what is refused leaves nothing behind
                return await value.cash_out(
                    session,
                    request=request,
                    purse=mine,
                    amount=amount,
                    tender=tender,
                    payee=payee,
                    by="anna",
                    now_ms=now_ms,
                    keys=keys,
                )

        with pytest.raises(Invalid):
            await out("a", 10_001, "cash")
        with pytest.raises(Invalid):
            await out("b", 100, "cash", Buyer())
        await out("c", 10_000, "cash")
        await out("d", 9_999, "cash")
        with pytest.raises(Conflict):
            await out("e", 2)
        assert (await out("f", 1))["balance"] == 1_000
        with pytest.raises(Conflict):
            await out("g", 1)
        assert (await buyer_of(session, "c", keys=keys)) == ANNA
        await check_lots(session)


async def test_a_correction_needs_a_second_person_and_a_reason(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session)
        who: dict[str, Any] = {"purse": mine, "by": "anna", "now_ms": now_ms}
        with pytest.raises(Refused):
            await value.correct(session, request="a", amount=5, approval="", why="mistyped", **who)
        with pytest.raises(Invalid):
            await value.correct(session, request="b", amount=5, approval="A1", why=" ", **who)
        more = await value.correct(session, request="c", amount=50, approval="A1", why="x", **who)
        less = await value.correct(session, request="d", amount=-20, approval="A1", why="x", **who)
        assert (more, less) == ({"balance": 50}, {"balance": 30})
        drawer, ours = AccountName("cash", "centre", "CNY"), AccountName("adjusted", "value", "CNY")
        assert await balances(session, [drawer, ours]) == {drawer: 0, ours: -30}  # no money was taken
        with pytest.raises(Conflict):
            await value.correct(session, request="e", amount=-31, approval="A1", why="x", **who)
        await check_lots(session)


async def test_a_load_over_the_limit_of_one_person_needs_two(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, load_max=5_000)
        await loaded(session, keys, now_ms, mine, 5_000)
        with pytest.raises(Refused):
            await loaded(session, keys, now_ms, mine, 5_001, "b")
        await loaded(session, keys, now_ms, mine, 5_001, "b", approval="A1")


@pytest.mark.parametrize(("holder", "most"), [("card:C1", 100_000), ("member:M1", 500_000)])
async def test_no_card_holds_more_than_the_law_lets_it(
    database: Database,
    keys: Keys,
    new_purse: OpenPurse,
    check_lots: CheckLots,
    now_ms: int,
    holder: str,
    most: int,
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, holder, bonus=BONUSES)
        await loaded(session, keys, now_ms, mine, most - 1, "a")  # the bonus does not count
        await loaded(session, keys, now_ms, mine, 1, "b")
        with pytest.raises(Conflict):
            await loaded(session, keys, now_ms, mine, 1, "c")
        await check_lots(session)


async def test_value_moves_within_its_programme_with_its_lots(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine, theirs = await new_purse(session, bonus=BONUSES), await new_purse(session, "card:C2")
        other = await new_purse(session, "card:C2", "other")
        await loaded(session, keys, now_ms, mine, 10_000)
        who: dict[str, Any] = {"purse": mine, "by": "anna", "now_ms": now_ms}
        done = await value.move_value(session, request="m", to=theirs, amount=3_000, **who)
        assert done == {"balance": 8_000, "other_balance": 3_000}
        assert await sums(session, [mine, theirs], [BONUS]) == {mine: 0, theirs: 1_000}
        with pytest.raises(Conflict):
            await value.move_value(session, request="n", to=other, amount=1, **who)
        await check_lots(session)


async def test_a_purse_pays_no_more_and_no_oftener_than_its_programme_lets_it(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, pay_max=500, day_max=900, day_count=3)
        await loaded(session, keys, now_ms, mine, 10_000)

        async def pay(request: str, amount: int, at_ms: int = now_ms) -> None:
            async with session.begin_nested():
                await spending.spend(
                    session, request=request, purse=mine, amount=amount, by="anna", now_ms=at_ms
                )

        with pytest.raises(Conflict, match=r"5\.00"):
            await pay("a", 501)
        await pay("b", 500)
        with pytest.raises(Conflict, match=r"9\.00"):
            await pay("c", 401)
        await pay("d", 100)
        await pay("e", 100)
        with pytest.raises(Conflict, match="3 times"):
            await pay("f", 1)
        await pay("g", 500, now_ms + 24 * 3_600_000)
        await check_lots(session)


async def test_what_is_held_counts_as_paid_for_the_limits_of_a_day(
    database: Database, keys: Keys, new_purse: OpenPurse, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, day_max=900, day_count=2)
        await loaded(session, keys, now_ms, mine, 10_000)
        who: dict[str, Any] = {"purse": mine, "by": "anna", "now_ms": now_ms}
        held = await spending.hold(session, request="h", amount=600, for_s=60, **who)
        with pytest.raises(Conflict, match=r"9\.00"):
            async with session.begin_nested():
                await spending.hold(session, request="i", amount=301, for_s=60, **who)
        await spending.capture(
            session, hold=bytes.fromhex(held["hold"]), amount=100, by="anna", now_ms=now_ms
        )
        await spending.hold(session, request="j", amount=301, for_s=60, **who)
        with pytest.raises(Conflict, match="2 times"):
            async with session.begin_nested():
                await spending.spend(session, request="k", amount=1, **who)


async def test_what_is_held_expires_when_it_has_come_back(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session, bonus_expiry={"days": 1})
        who: dict[str, Any] = {"purse": mine, "by": "anna", "now_ms": now_ms}
        await value.correct(session, request="c", amount=100, kind="bonus", approval="A1", why="gift", **who)
        held = await spending.hold(session, request="h", amount=70, for_s=60, **who)
        later_ms = now_ms + 2 * 24 * 3_600_000
        await expiry.expire_lots(session, now_ms=later_ms)
        assert await sums(session, [mine]) == {mine: 70}
        await check_lots(session)
        await spending.void(session, hold=bytes.fromhex(held["hold"]), now_ms=later_ms)
        await expiry.expire_lots(session, now_ms=later_ms)
        assert await sums(session, [mine]) == {mine: 0}
        await check_lots(session)


async def test_what_was_not_paid_in_cash_is_in_no_drawer(
    database: Database, keys: Keys, new_purse: OpenPurse, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await new_purse(session)
        for tender, amount in (("cash", 500), ("transfer", 300), ("mobile", 20)):
            await loaded(session, keys, now_ms, mine, amount, tender, tender=tender)
        drawer, bank = AccountName("cash", "centre", "CNY"), AccountName("bank", "centre", "CNY")
        assert await balances(session, [drawer, bank]) == {drawer: -500, bank: -320}
