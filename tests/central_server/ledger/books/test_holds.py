"""Holds at the centre: captured in part, voided, expired; each asked twice."""

from __future__ import annotations

import asyncio

import pytest

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.ledger.books import holds
from central_server.ledger.books.accounts import AccountName, accounts_of, available, balances, held
from central_server.ledger.books.deciding import Outcome
from central_server.ledger.books.posting import NewTransfer, OtherBody, Short, post, posting_id

A, H = available("P1", "CNY"), held("P1", "CNY")
SHOP = AccountName("captured", "shop", "CNY")
CASH = AccountName("cash", "shop", "CNY")
ID = b"h" * 16


@pytest.fixture(autouse=True)
async def _a_purse_with_100(database: Database) -> None:
    async with database.transaction() as session:
        ids = await accounts_of(session, [CASH, A])
        await post(session, [NewTransfer(posting_id("in"), ids[CASH], ids[A], "CNY", 100, "top", "", 1)])


async def hold(database: Database, amount: int, id_: bytes = ID, expires_ms: int = 1_000) -> Outcome:
    async with database.transaction() as session:
        return await holds.hold(
            session, id_, purse="P1", unit="CNY", amount=amount, about="web/1", at_ms=5, expires_ms=expires_ms
        )


async def capture(database: Database, amount: int, to: AccountName = SHOP) -> bytes:
    async with database.transaction() as session:
        return await holds.capture(session, ID, amount, to=to, about="web/1", at_ms=6)


async def void(database: Database) -> None:
    async with database.transaction() as session:
        await holds.void(session, ID, at_ms=7)


async def stand(database: Database) -> list[int]:
    """available, held, captured"""
    async with database.reading() as session:
        return list((await balances(session, [A, H, SHOP])).values())


async def test_what_is_captured_goes_to_the_shop_and_the_rest_goes_back(database: Database) -> None:
    assert await hold(database, 70) is Outcome.POSTED
    assert await stand(database) == [30, 70, 0]
    transfer = await capture(database, 45)
    assert transfer == posting_id("capture", ID.hex())
    assert await stand(database) == [55, 0, 45]


async def test_all_of_it_may_be_captured(database: Database) -> None:
    await hold(database, 100)
    await capture(database, 100)
    assert await stand(database) == [0, 0, 100]


async def test_a_voided_hold_gives_all_back(database: Database) -> None:
    await hold(database, 70)
    await void(database)
    await void(database)
    assert await stand(database) == [100, 0, 0]
    with pytest.raises(Conflict):
        await capture(database, 1)


async def test_more_than_there_is_cannot_be_held_nor_captured(database: Database) -> None:
    with pytest.raises(Short):
        await hold(database, 101)
    await hold(database, 60)
    with pytest.raises(Short):
        await hold(database, 41, b"i" * 16)
    for amount in (61, 0, -1):
        with pytest.raises(Invalid):
            await capture(database, amount)
    assert await stand(database) == [40, 60, 0]


async def test_each_step_asked_twice_is_done_once(database: Database) -> None:
    assert [await hold(database, 70), await hold(database, 70)] == [Outcome.POSTED, Outcome.KNOWN]
    assert await capture(database, 45) == await capture(database, 45)
    assert await hold(database, 70) is Outcome.KNOWN
    assert await stand(database) == [55, 0, 45]


async def test_a_step_asked_again_otherwise_is_a_conflict(database: Database) -> None:
    await hold(database, 70)
    with pytest.raises(OtherBody):
        await hold(database, 71)
    await capture(database, 45)
    with pytest.raises(Conflict):
        await capture(database, 44)
    with pytest.raises(Conflict):
        await capture(database, 45, to=AccountName("captured", "other", "CNY"))
    with pytest.raises(Conflict):
        await void(database)
    assert await stand(database) == [55, 0, 45]


async def test_no_hold_no_capture(database: Database) -> None:
    with pytest.raises(NotFound):
        await capture(database, 1)
    with pytest.raises(Invalid):
        await hold(database, 1, b"short")


async def test_what_nobody_comes_for_goes_back_when_its_time_is_over(database: Database) -> None:
    await hold(database, 30, ID, expires_ms=1_000)
    await hold(database, 30, b"i" * 16, expires_ms=1_001)
    assert await holds.expire(database, 1_000) == 1
    assert await stand(database) == [70, 30, 0]
    async with database.reading() as session:
        assert [row.id for row in await holds.held_by(session, "P1")] == [b"i" * 16]
    with pytest.raises(Conflict):
        await capture(database, 30)
    assert await holds.expire(database, 5_000) == 1
    assert await stand(database) == [100, 0, 0]


async def test_a_capture_and_a_void_at_once_end_it_one_way(database: Database) -> None:
    await hold(database, 70)
    answers = await asyncio.gather(
        capture(database, 70), void(database), void(database), capture(database, 70), return_exceptions=True
    )
    refused = [isinstance(each, Conflict) for each in answers]
    assert refused in ([False, True, True, False], [True, False, False, True])
    assert await stand(database) in ([30, 0, 70], [100, 0, 0])
