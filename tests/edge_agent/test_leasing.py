"""Leases are asked for, taken as told, waited for, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.leasing import QUEUE_MAX, REQUESTS_MAX, Habits
from sync.contract.message import Answered
from sync.contract.questions import Paid, Pay
from sync.contract.told import EVERYONE
from tests.edge_agent.money_shop import CARD, GIFT, MEMBER, PHONE, MemoryAnchor, Shop, open_shop, sealed


@pytest.fixture
async def shop(tmp_path: Path, clock: Any, running: Any) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path / "edge.db", clock, running) as opened:
        yield opened


async def kinds(shop: Shop) -> list[tuple[str, int]]:
    return [(each.kind, each.amount) for each in await shop.records()]


def pay(amount: int, txn: str) -> Pay:
    return Pay(till="1", txn=txn, amount_minor=amount, currency="CNY", card=CARD)


class TestAsking:
    async def test_a_card_is_asked_for_when_it_is_presented(self, shop: Shop) -> None:
        shop.leasing.presented(CARD, MEMBER)
        await shop.settle()
        (ask,) = shop.office.asks
        assert (ask.card, ask.epoch, ask.wants) == (CARD, shop.outbox.epoch, {})
        assert shop.news == [CARD]

    async def test_twice_in_a_moment_is_once(self, shop: Shop) -> None:
        for wait_ms in (0, 1_000, 2_500):
            shop.clock.wind(wait_ms)
            shop.leasing.presented(CARD)
            await shop.settle()
        assert len(shop.office.asks) == 2

    async def test_not_while_what_it_has_will_do(self, shop: Shop) -> None:
        shop.office.pin = ("aa", "bb")
        await shop.grant(CARD, "P1", "CNY", "value", 5_000)
        for wait_ms, asked in ((10_000, 1), (500_000, 1), (60_000, 2)):
            shop.clock.wind(wait_ms)
            shop.leasing.presented(CARD)
            await shop.settle()
            assert len(shop.office.asks) == asked

    async def test_a_line_that_is_down_is_not_asked(self, shop: Shop) -> None:
        shop.online = False
        shop.leasing.presented(CARD)
        assert shop.leasing.next_ask() is None
        assert await shop.leasing.want(CARD, {}, never) == "offline"

    async def test_what_waited_too_long_for_the_line_is_not_sent(self, shop: Shop) -> None:
        shop.leasing.presented(CARD)
        shop.clock.wind(6_000)
        await shop.settle()
        assert shop.office.asks == []

    async def test_what_nobody_sends_does_not_grow(self, shop: Shop) -> None:
        shop.leasing._wake = lambda: None
        for number in range(REQUESTS_MAX + 100):
            shop.leasing.presented(f"{number:032x}")
        assert len(shop.leasing._queue) == len(shop.leasing._wants) == QUEUE_MAX
        assert len(shop.leasing._requests) == REQUESTS_MAX
        ask = shop.leasing.next_ask()
        assert ask is not None
        assert int(ask.card, 16) == REQUESTS_MAX + 100 - QUEUE_MAX

    async def test_a_payment_waits_for_the_asking_that_is_under_way(self, shop: Shop) -> None:
        shop.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
        shop.leasing.presented(CARD)
        assert await shop.leasing.want(CARD, {"CNY": 10}, lambda: has(shop, 10)) == ""
        assert len(shop.office.asks) == 1

    async def test_and_asks_for_more_when_that_was_too_little(self, shop: Shop) -> None:
        shop.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
        shop.leasing.presented(CARD)
        assert await shop.leasing.want(CARD, {"CNY": 8_000}, lambda: has(shop, 8_000)) == ""
        assert [ask.wants for ask in shop.office.asks] == [{}, {"CNY": 8_000}]

    async def test_an_answer_that_promises_leases_is_waited_out(self, shop: Shop) -> None:
        shop.office.silent = True
        waiting = asyncio.ensure_future(shop.leasing.want(CARD, {}, lambda: has(shop, 5_000)))
        await asyncio.sleep(0.01)
        (ask,) = shop.office.asks
        word = shop.office.lease(ask, "P1", "CNY", "value", 5_000)
        await shop.leasing.answered(Answered(request=ask.request, leases=(word.lease,)))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await shop.tell(word)
        assert await waiting == ""

    async def test_answers_to_what_nobody_asked_change_nothing(self, shop: Shop) -> None:
        await shop.leasing.answered(Answered(request="gone", refused="lost"))
        assert shop.news == []


class TestTaking:
    async def test_a_lease_that_was_asked_for_can_be_spent(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 5_000)
        assert await kinds(shop) == [("open", 5_000)]
        assert await has(shop, 5_000)

    async def test_one_of_an_earlier_run_goes_back_at_once(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        anchor, path = MemoryAnchor(), tmp_path / "e.db"
        async with open_shop(path, clock, running, anchor=anchor) as shop:
            shop.office.silent = True
            shop.leasing.presented(CARD)
            await shop.settle()
            word = shop.office.lease(shop.office.asks[0], "P1", "CNY", "value", 5_000)
            office = shop.office
        async with open_shop(path, clock, running, anchor=anchor, office=office) as shop:
            await shop.tell(word)
            assert await kinds(shop) == [("open", 5_000), ("close", 5_000)]

    @pytest.mark.parametrize("known", [True, False])
    async def test_a_recall_gives_it_back_in_the_same_transaction(self, shop: Shop, known: bool) -> None:
        if known:
            word = await shop.grant(CARD, "P1", "CNY", "value", 5_000)
            assert isinstance(await shop.payments.pay(pay(2_000, "t1")), Paid)
        else:
            shop.leasing.presented(CARD)
            await shop.settle()
            word = shop.office.lease(shop.office.asks[0], "P1", "CNY", "value", 5_000)
        recall = sealed(word, recalled=True)
        await shop.tell(recall)
        await shop.tell(recall)
        assert (await kinds(shop))[-1] == ("close", 3_000 if known else 5_000)
        assert await shop.left() == 0
        await shop.tell(word)
        assert await shop.left() == 0
        assert not await has(shop, 1)

    async def test_a_forged_one_raises_an_alarm(self, shop: Shop) -> None:
        shop.leasing.presented(CARD)
        await shop.settle()
        word = shop.office.lease(shop.office.asks[0], "P1", "CNY", "value", 5_000)
        await shop.tell(msgspec.structs.replace(word, granted=500_000))
        assert shop.alarms == [("lease_forged", True, word.lease)]
        assert await shop.left() == 0

    async def test_in_everyones_feed_it_is_passed_by(self, shop: Shop) -> None:
        shop.leasing.presented(CARD)
        await shop.settle()
        await shop.tell(shop.office.lease(shop.office.asks[0], "P1", "CNY", "value", 5_000), feed=EVERYONE)
        assert await kinds(shop) == []

    async def test_a_full_disk_leaves_the_feed_where_it_was(self, shop: Shop) -> None:
        word = await shop.grant(CARD, "P1", "CNY", "value", 5_000)
        own = shop.replica.own
        shop.anchor.fails = OSError(5, "no medium")
        with pytest.raises(Exception, match="anchor"):
            await shop.tell(sealed(word, recalled=True))
        assert shop.replica.own == own
        shop.anchor.fails = None
        shop.office.numbers["hz-004"] -= 1
        await shop.tell(sealed(word, recalled=True))  # comes again, and is known
        assert await kinds(shop) == [("open", 5_000), ("close", 5_000)]


class TestGivingBack:
    async def test_what_is_late_goes_back_whatever_the_line(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 5_000)
        shop.online = False
        shop.clock.wind(587_000)
        await shop.leasing.tend()
        assert await shop.left() == 5_000
        shop.clock.wind(2_000)
        await shop.leasing.tend()
        assert await kinds(shop) == [("open", 5_000), ("close", 5_000)]

    async def test_what_is_idle_goes_back_while_the_line_is_up(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        habits = Habits(idle_s=60, keep=1_000)
        async with open_shop(tmp_path / "e.db", clock, running, habits=habits) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 5_000)
            await shop.grant(GIFT, "P9", "CNY", "value", 1_000)
            shop.online = False
            clock.wind(61_000)
            await shop.leasing.tend()
            assert await shop.left() == 6_000
            shop.online = True
            await shop.leasing.tend()
            assert await shop.left() == 1_000  # small enough to stay for the next outage
            shop.leasing.presented(CARD)  # what went back is asked for again
            await shop.settle()
            assert len(shop.office.asks) == 3

    async def test_after_a_reboot_all_goes_back_and_after_a_restart_nothing(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        anchor, path = MemoryAnchor(), tmp_path / "e.db"
        async with open_shop(path, clock, running, anchor=anchor) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 5_000)
        async with open_shop(path, clock, running, anchor=anchor) as shop:
            await shop.leasing.tend()
            assert isinstance(await shop.payments.pay(pay(1_000, "t1")), Paid)
        clock.mono = 5
        async with open_shop(path, clock, running, anchor=anchor, boot="0000cafe") as shop:
            assert not await has(shop, 1)
            await shop.leasing.tend()
            assert (await kinds(shop))[-1] == ("close", 4_000)

    async def test_many_go_back_in_steps(self, shop: Shop) -> None:
        shop.office.grants[CARD] = [(f"P{n}", "CNY", "value", 10) for n in range(120)]
        shop.leasing.presented(CARD)
        await shop.settle()
        shop.clock.wind(600_000)
        for left in (700, 200, 0):
            await shop.leasing.tend()
            assert await shop.left() == left


async def test_in_a_new_epoch_what_was_asked_before_is_void(shop: Shop) -> None:
    shop.office.silent = True
    shop.leasing.presented(CARD)
    await shop.settle()
    word = shop.office.lease(shop.office.asks[0], "P1", "CNY", "value", 5_000)
    await shop.outbox.new_epoch()
    await shop.leasing.new_epoch()
    await shop.tell(word)
    assert await kinds(shop) == []
    assert shop.vault._anchor.held is not None
    assert shop.vault._anchor.held.epoch == shop.outbox.epoch


async def test_it_runs_until_it_is_stopped(shop: Shop, running: Any, until: Any) -> None:
    await shop.grant(PHONE, "P1", "CNY", "value", 5_000)
    shop.clock.wind(600_000)
    async with running(shop.leasing.run()):
        await until(lambda: shop.outbox.last(0) >= 2)
    assert await shop.left() == 0


async def never() -> bool:
    return False


async def has(shop: Shop, amount: int) -> bool:
    balance = await shop.payments.balance(card=CARD)
    return sum(each.ready for each in getattr(balance, "purses", ())) >= amount
