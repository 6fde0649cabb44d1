"""Sales and returns as they arrive, on both databases: once, linked, and adding up to the till's total."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from central_server.calendar import calendar_of
from central_server.db import Database
from central_server.errors import NotFound
from central_server.keys import Keys
from central_server.membership import service as membership
from central_server.sales import service
from central_server.sales.models import Sale, SalesHour
from sync.contract.events import ReceiptUnreadable, SaleCompleted, SaleLine, Tender
from sync.contract.tokens import card_token

WANG = "MWANG23456AAA"


def sale(receipt: str = "R1", total: int = 2200, **more: Any) -> SaleCompleted:
    sign = -1 if total < 0 else 1
    lines = (
        SaleLine("农夫山泉 550ml", total // 2, 2000 * sign, total // 4, "6921168509256"),
        SaleLine("Tea", total - total // 2, 1500 * sign),
    )
    return SaleCompleted(
        till="till1", receipt=receipt, currency="CNY", total_minor=total, lines=lines,
        tenders=(Tender("cash", total),), cashier="07", **more,
    )  # fmt: skip


def wanted(now_ms: int, **more: Any) -> service.Wanted:
    today = calendar_of("Asia/Shanghai").day(now_ms)
    return service.Wanted(first=today - timedelta(days=7), last=today, **more)


async def hours(database: Database) -> list[service.Hour]:
    async with database.reading() as session:
        return await service.hours(session, stores=["s1"], from_ms=0, until_ms=2**60)


async def test_a_receipt_is_read_back_as_it_was_printed(database: Database, now_ms: int, facts: Any) -> None:
    [fact] = facts(sale())
    async with database.transaction() as session:
        await service.record(session, "s1", [fact], now_ms)
    async with database.reading() as session:
        receipt = await service.receipt(session, sale=fact.key)
        with pytest.raises(NotFound):
            await service.receipt(session, sale=fact.key, stores={"s2"})
        with pytest.raises(NotFound):
            await service.receipt(session, sale=2**80)
    assert (receipt.sale.day, receipt.sale.kind, receipt.sale.total_minor) == (20261118, "sale", 2200)
    assert receipt.lines_minor == 2200
    assert receipt.lines[0] == (1, "农夫山泉 550ml", "6921168509256", 2000, 550, 1100)
    assert receipt.tenders == [("cash", 2200)]
    assert await hours(database) == [
        service.Hour("s1", now_ms - now_ms % 3_600_000, "CNY", 1, 0, 2200, 3500, 0, 0)
    ]


async def test_a_return_is_linked_with_what_it_takes_back_and_nets_to_the_till(
    database: Database, now_ms: int, facts: Any
) -> None:
    old, other, newer, back = facts(
        sale("R1", 1000), sale("R2", 500), sale("R1", 2000), sale("R3", -2000, refers_to="R1")
    )
    async with database.transaction() as session:
        await service.record(session, "s1", [old, other], now_ms)
        await service.record(session, "s1", [newer, back], now_ms)
        await service.record(session, "s1", facts(sale("R9", -1, refers_to="R8"), first=9), now_ms)
    async with database.reading() as session:
        assert (await service.receipt(session, sale=newer.key)).returned[0].id == back.key
        original = (await service.receipt(session, sale=back.key)).original
        assert original is not None
        assert original.id == newer.key  # receipt numbers come round again: the last one before it
        assert (await service.receipt(session, sale=old.key)).returned == []
        assert await service.totals(session, wanted(now_ms)) == [("CNY", 5, 1499)]
    [hour] = await hours(database)
    assert (hour.sales, hour.returns, hour.revenue_minor) == (3, 2, 1499)


async def test_a_sale_is_its_members_and_tills_hear_of_the_visit(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    how = {"keys": keys, "by": "li", "at_ms": now_ms}
    async with database.transaction() as session:
        await membership.enrol(session, member=WANG, person={"name": "王小明"}, **how)
        card = await membership.add_card(session, member=WANG, number="GC001", technology="magstripe", **how)
        by_card, by_id, back = facts(
            sale("R1", card=card), sale("R2", member=WANG), sale("R3", -700, card=card)
        )
        await service.record(session, "s1", [by_card, by_id, back], now_ms)
    async with database.reading() as session:
        assert [one.receipt for one in await service.of_member(session, member=WANG)] == ["R3", "R2", "R1"]
        assert await service.spent_by_member(session, member=WANG) == [("CNY", 2, 1, 3700)]
        told = (await membership.profile(session, keys=keys, member=WANG)).told
    assert told is not None
    assert [visit.total_minor for visit in told.visits] == [2200, 2200]
    [hour] = await hours(database)
    assert (hour.member_sales, hour.member_revenue_minor) == (2, 3700)


async def test_sales_on_a_card_of_nobody_find_their_member_when_it_is_registered(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    card = card_token(keys.token_key, "GC001")
    how = {"keys": keys, "by": "li", "at_ms": now_ms}
    async with database.transaction() as session:
        await service.record(session, "s1", facts(sale("R1", card=card), sale("R2", -200, card=card)), now_ms)
        await service.link_pending(session)
        await membership.enrol(session, member=WANG, person={"name": "王小明"}, **how)
        await membership.add_card(session, member=WANG, number="GC001", technology="magstripe", **how)
        assert await service.of_member(session, member=WANG) == []
        for _ in range(2):  # doing it again changes nothing
            assert await service.link_pending(session) is None
        assert len(await service.of_member(session, member=WANG)) == 2
    [hour] = await hours(database)
    assert (hour.sales, hour.returns, hour.member_sales, hour.member_revenue_minor) == (1, 1, 1, 2000)


async def test_purchases_of_a_merged_member_are_not_lost(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    how = {"keys": keys, "by": "li", "at_ms": now_ms}
    async with database.transaction() as session:
        for member in (WANG, "MOTHER34567BB"):
            await membership.enrol(session, member=member, person={"name": "王小明"}, **how)
        await service.record(session, "s1", facts(sale("R1", member="MOTHER34567BB")), now_ms)
        await membership.merge(session, keep=WANG, gone="MOTHER34567BB", **how)
        await service.record(session, "s1", facts(sale("R2", member="MOTHER34567BB"), first=2), now_ms)
        assert len(await service.of_member(session, member=WANG)) == 2


async def test_however_sales_are_cut_into_batches_the_hours_are_the_same(
    database: Database, now_ms: int, facts: Any
) -> None:
    chance = random.Random(7)
    all_ = [
        fact
        for n in range(60)
        for fact in facts(
            sale(f"R{n}", chance.randrange(-900, 3000)), first=n + 1, at_ms=now_ms - n * 400_000
        )
    ]
    async with database.transaction() as session:
        rest = list(all_)
        while rest:
            size = chance.randrange(1, 9)
            await service.record(session, "s1", rest[:size], now_ms)
            rest = rest[size:]
        await service.record(session, "s2", [], now_ms)
        by_hour = dict(
            (
                await session.execute(
                    sa.select(Sale.hour_ms, sa.func.sum(Sale.total_minor)).group_by(Sale.hour_ms)
                )
            ).all()
        )
    got = {hour.hour_ms: hour.revenue_minor for hour in await hours(database)}
    assert got == by_hour
    assert sum(got.values()) == sum(fact.event.total_minor for fact in all_)


async def test_a_list_is_filtered_and_read_page_by_page(database: Database, now_ms: int, facts: Any) -> None:
    async with database.transaction() as session:
        await service.record(session, "s1", facts(*(sale(f"R{n}", 100 * n + 100) for n in range(25))), now_ms)
        other = facts(sale("X", -50), first=100, at_ms=now_ms - 86_400_000)
        await service.record(session, "s2", other, now_ms)
    async with database.reading() as session:
        some, cursor = await service.listed(session, wanted(now_ms, stores=["s1"]), limit=20)
        rest, end = await service.listed(session, wanted(now_ms, stores=["s1"]), limit=20, after=cursor or "")
        assert [one.receipt for one in some + rest] == [f"R{n}" for n in reversed(range(25))]
        assert end is None
        assert len([one async for one in service.every(session, wanted(now_ms))]) == 26
        for more, receipts in (
            ({"receipt": "R7"}, ["R7"]),
            ({"kind": "return"}, ["X"]),
            ({"stores": []}, []),
            ({"till": "till9"}, []),
            ({"least_minor": 2400}, ["R24", "R23"]),
            ({"most_minor": 100}, ["R0", "X"]),
        ):
            found, _ = await service.listed(session, wanted(now_ms, **more), limit=50, after="not.one")
            assert [one.receipt for one in found] == receipts


@pytest.mark.parametrize(
    "event", [sale(total=2**60), sale().__class__(till="t", receipt="r", currency="¥", total_minor=1)]
)
async def test_what_can_be_no_sale_is_refused_for_the_inbox_to_set_aside(
    database: Database, now_ms: int, facts: Any, event: SaleCompleted
) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValueError):
            await service.record(session, "s1", facts(sale(), event), now_ms)


async def test_odd_text_and_clocks_do_no_harm(database: Database, now_ms: int, facts: Any) -> None:
    odd = SaleCompleted(
        till="t\x00\n", receipt="r" * 500, currency="CNY", total_minor=1, card="\x00", member="\x00",
        lines=(SaleLine("a\x00b" * 400, 1),), cashier="\u2028",
    )  # fmt: skip
    [fact] = facts(odd, at_ms=5)
    async with database.transaction() as session:
        await service.record(session, "s1", [fact], now_ms)
        receipt = await service.receipt(session, sale=fact.key)
    assert (receipt.sale.at_ms, receipt.sale.sure, receipt.sale.till) == (now_ms, 0, "t  ")
    assert len(receipt.sale.receipt) == 64
    assert receipt.lines[0].name.startswith("a b")


async def test_unreadable_receipts_are_counted(database: Database, now_ms: int, facts: Any) -> None:
    async with database.transaction() as session:
        events = [ReceiptUnreadable(till="t", reason="picture")] * 3
        await service.record_unreadable(session, "s1", facts(*events), now_ms)
        assert await service.unreadable(session, stores=["s1"], from_ms=0, until_ms=2**60) == {"s1": 3}


async def test_two_currencies_are_never_added(database: Database, now_ms: int, facts: Any) -> None:
    yen = SaleCompleted(till="t", receipt="r", currency="JPY", total_minor=300)
    async with database.transaction() as session:
        await service.record(session, "s1", facts(sale(), yen), now_ms)
        assert await service.totals(session, wanted(now_ms)) == [("CNY", 1, 2200), ("JPY", 1, 300)]
        assert await session.scalar(sa.select(sa.func.count()).select_from(SalesHour)) == 2
