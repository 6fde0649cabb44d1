from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.ledger.cards.programmes import make_programme
from central_server.ledger.models.lots import BONUS, EARNED, PAID
from central_server.ledger.purses.lots import (
    GRACE_MS,
    Add,
    GiveBack,
    Move,
    Short,
    Take,
    lots_of,
    settle_lots,
    sums,
)
from central_server.ledger.purses.purses import open_purse

VALUE = {"kind": "value", "unit": "CNY", "zh": "储值卡", "en": "Stored value", "reload": True}
POINTS = {"kind": "points", "unit": "PTS", "zh": "积分", "en": "Points", "holder": "member"}
DAY_MS = 86_400_000


async def purse(session: AsyncSession, now_ms: int, holder: str = "card:C1", **more: object) -> str:
    programme = await make_programme(session, f"p-{len(holder)}", VALUE | more, by="anna", at_ms=now_ms)
    return await open_purse(session, holder, programme, at_ms=now_ms)


async def test_bonus_goes_before_paid_and_the_nearest_expiry_first(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        adds = [
            Add(b"1", mine, 100, PAID),
            Add(b"2", mine, 10, BONUS),
            Add(b"3", mine, 20, BONUS, now_ms + 2 * DAY_MS),
            Add(b"4", mine, 30, BONUS, now_ms + DAY_MS),
        ]
        one, two, three, four = [parts[0].lot for parts in await settle_lots(session, adds, now_ms=now_ms)]
        (taken,) = await settle_lots(session, [Take(b"t", mine, 70)], now_ms=now_ms)
        assert [(part.lot, part.amount) for part in taken] == [(four, 30), (three, 20), (two, 10), (one, 10)]
        assert await sums(session, [mine]) == {mine: 90}


async def test_paid_is_taken_first_where_the_programme_says_so(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms, bonus_first=False)
        await settle_lots(session, [Add(b"1", mine, 10, BONUS), Add(b"2", mine, 10, PAID)], now_ms=now_ms)
        (taken,) = await settle_lots(session, [Take(b"t", mine, 15)], now_ms=now_ms)
        assert [(part.kind, part.amount) for part in taken] == [(PAID, 10), (BONUS, 5)]


async def test_a_refund_goes_back_in_reverse_and_never_more_than_was_taken(
    database: Database, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        await settle_lots(session, [Add(b"1", mine, 100, PAID), Add(b"2", mine, 50, BONUS)], now_ms=now_ms)
        await settle_lots(session, [Take(b"t", mine, 80)], now_ms=now_ms)
        first, second, third = await settle_lots(
            session,
            [
                GiveBack(b"r1", mine, 20, of=b"t"),
                GiveBack(b"r2", mine, 20, of=b"t"),
                GiveBack(b"r3", mine, 45, of=b"t"),
            ],
            now_ms=now_ms,
        )
        assert [(part.kind, part.amount) for part in first] == [(PAID, 20)]
        assert [(part.kind, part.amount) for part in second] == [(PAID, 10), (BONUS, 10)]
        # 40 of it had been taken; for the 5 beyond, the customer's own money, there is a new lot.
        assert [(part.kind, part.amount) for part in third] == [(BONUS, 40), (PAID, 5)]
        assert await sums(session, [mine], [BONUS]) == {mine: 50}


async def test_a_transfer_is_settled_once_however_often_it_is_said(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        uses = [Add(b"1", mine, 100, PAID), Take(b"t", mine, 30), GiveBack(b"r", mine, 10, of=b"t")]
        for _ in range(2):
            await settle_lots(session, [each for each in uses for _ in range(2)], now_ms=now_ms)
    for _ in range(2):
        async with database.transaction() as session:
            settled = await settle_lots(session, uses, now_ms=now_ms)
            assert [[part.amount for part in parts] for parts in settled] == [[100], [30], [10]]
            assert await sums(session, [mine]) == {mine: 80}


async def test_a_refund_that_names_no_payment_goes_back_to_the_last_ones(
    database: Database, now_ms: int
) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        await settle_lots(session, [Add(b"1", mine, 50, BONUS)], now_ms=now_ms)
        await settle_lots(session, [Take(b"t", mine, 50)], now_ms=now_ms + 1)
        (back,) = await settle_lots(session, [GiveBack(b"r", mine, 50)], now_ms=now_ms + 2)
        assert [(part.kind, part.amount) for part in back] == [(BONUS, 50)]  # never turned into money


async def test_what_comes_back_to_an_expired_lot_lives_some_days(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        await settle_lots(session, [Add(b"1", mine, 50, BONUS, now_ms + 5)], now_ms=now_ms)
        await settle_lots(session, [Take(b"t", mine, 50)], now_ms=now_ms)
        (back,) = await settle_lots(session, [GiveBack(b"r", mine, 50, of=b"t")], now_ms=now_ms + DAY_MS)
        assert back[0].expires_ms == now_ms + DAY_MS + GRACE_MS


async def test_what_moves_to_another_purse_is_as_old_as_it_was(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine, theirs = await purse(session, now_ms), await purse(session, now_ms, "card:C22")
        await settle_lots(session, [Add(b"1", mine, 10, PAID)], now_ms=now_ms)
        await settle_lots(session, [Add(b"2", mine, 10, PAID)], now_ms=now_ms + DAY_MS)
        await settle_lots(session, [Move(b"m", mine, theirs, 15)], now_ms=now_ms + 400 * DAY_MS)
        ages = {lot.made_ms: lot.amount for lot in await lots_of(session, theirs)}
        assert ages == {now_ms: 10, now_ms + DAY_MS: 5}


async def test_a_move_takes_kind_and_expiry_with_it(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine, theirs = await purse(session, now_ms), await purse(session, now_ms, "card:C22")
        adds = [Add(b"1", mine, 50, PAID), Add(b"2", mine, 10, BONUS, now_ms + 7), Add(b"3", mine, 10, BONUS)]
        await settle_lots(session, adds, now_ms=now_ms)
        for _ in range(2):
            await settle_lots(session, [Move(b"m", mine, theirs, 65)], now_ms=now_ms)
        lots = await lots_of(session, theirs)
        assert [(lot.kind, lot.left, lot.expires_ms) for lot in lots] == [
            (BONUS, 10, now_ms + 7),
            (BONUS, 10, None),
            (PAID, 45, None),
        ]
        assert await sums(session, [mine, theirs]) == {mine: 5, theirs: 65}


async def test_more_than_there_is_cannot_be_taken(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        mine = await purse(session, now_ms)
        await settle_lots(session, [Add(b"1", mine, 50, PAID), Add(b"2", mine, 9, BONUS)], now_ms=now_ms)
        with pytest.raises(Short):
            await settle_lots(session, [Take(b"t", mine, 51, only=(PAID,))], now_ms=now_ms)


async def test_points_are_lots_too(database: Database, now_ms: int) -> None:
    async with database.transaction() as session:
        programme = await make_programme(session, "points", POINTS, by="anna", at_ms=now_ms)
        mine = await open_purse(session, "member:M1", programme, at_ms=now_ms)
        await settle_lots(session, [Add(b"1", mine, 50, EARNED, now_ms + DAY_MS)], now_ms=now_ms)
        assert await sums(session, [mine]) == {mine: 50}
