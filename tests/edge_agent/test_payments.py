"""Paying at a till whose line is up or down, and its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.leasing import Habits
from edge_agent.paying import Caps
from edge_agent.store.lines import connect_in_thread
from sync.contract.events import LeaseRecord
from sync.contract.questions import Declined, Paid, Refunded, Undo
from sync.contract.told import EVERYONE, MemberTold
from tests.edge_agent.money_asks import back, pay
from tests.edge_agent.money_shop import CARD, GIFT, MEMBER, PHONE, VALUE, WANG, MemoryAnchor, Shop, open_shop


class TestPaying:
    async def test_a_card_that_was_presented_pays_at_once(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        answer = await shop.payments.pay(pay(2_500))
        assert isinstance(answer, Paid)
        assert (answer.approved_minor, answer.rest_minor, answer.points_used) == (2_500, 0, 0)
        opened, spent = await shop.records()
        assert (spent.kind, spent.amount, spent.txn, spent.receipt, spent.cashier) == (
            "spend",
            2_500,
            "t1",
            "r-t1",
            "anna",
        )
        assert opened.lease == spent.lease
        assert len(shop.office.asks) == 1
        assert await shop.left() == 7_500

    async def test_of_a_stopped_programme_not_even_what_was_set_aside_pays(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        await shop.tell(msgspec.structs.replace(VALUE, stopped=True), feed=EVERYONE)
        assert await shop.payments.pay(pay(2_500, txn="t2")) == Declined("stopped")
        assert isinstance(await shop.payments.refund(back(2_500)), Refunded)
        await shop.tell(VALUE, feed=EVERYONE)
        assert isinstance(await shop.payments.pay(pay(2_500, txn="t3")), Paid)

    async def test_with_the_line_down_it_pays_the_same_way(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        shop.online = False
        assert isinstance(await shop.payments.pay(pay(2_500)), Paid)

    async def test_the_same_question_has_the_same_answer_and_no_second_effect(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        answers = [await shop.payments.pay(pay(2_500)) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert await shop.left() == 7_500
        assert await shop.payments.pay(pay(2_500, pin="1234")) == answers[0]  # the PIN is no part of it

    async def test_asked_twice_at_once_it_is_paid_once(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        async with open_shop(tmp_path / "e.db", clock, running, connect=connect_in_thread) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 10_000)
            answers = await asyncio.gather(*(shop.payments.pay(pay(2_500)) for _ in range(8)))
            assert len(set(answers)) == 1
            assert await shop.left() == 7_500

    async def test_another_question_under_the_same_number_is_refused(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        for other in (pay(2_501), pay(2_500, receipt="r9"), pay(2_500, partial=False)):
            assert await shop.payments.pay(other) == Declined("txn_reused")
        assert await shop.payments.refund(back(1, txn="t1")) == Declined("txn_reused")
        assert isinstance(await shop.payments.pay(pay(2_500, till="2")), Paid)  # another till has its own

    async def test_it_pays_what_there_is_and_the_rest_is_paid_otherwise(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        answer = await shop.payments.pay(pay(12_000))
        assert isinstance(answer, Paid)
        assert (answer.approved_minor, answer.rest_minor) == (10_000, 2_000)
        assert await shop.payments.pay(pay(1, txn="t2")) == Declined("empty")

    async def test_a_till_that_wants_no_part_gets_none(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        assert await shop.payments.pay(pay(12_000, partial=False)) == Declined("short", 10_000)
        assert await shop.left() == 10_000

    async def test_when_it_is_short_head_office_is_asked_for_the_rest(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        shop.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
        answer = await shop.payments.pay(pay(12_000))
        assert isinstance(answer, Paid)
        assert answer.approved_minor == 12_000
        assert len(answer.parts) == 2
        assert shop.office.asks[-1].wants == {"CNY": 2_000}

    async def test_it_waits_a_moment_for_a_silent_head_office_and_no_longer(self, shop: Shop) -> None:
        shop.office.silent = True
        shop.leasing.habits = Habits(ask_wait_s=0.05)
        async with asyncio.timeout(2):
            assert await shop.payments.pay(pay(100)) == Declined("offline")

    async def test_coupons_go_first_then_points_if_they_may_then_value(self, shop: Shop) -> None:
        shop.office.grants[CARD] = [
            ("P1", "CNY", "value", 10_000),
            ("P2", "PTS", "points", 400),
            ("P3", "CNY", "coupon", 1_000),
        ]
        answer = await shop.payments.pay(pay(1_502))
        assert isinstance(answer, Paid)
        assert [(p.programme, p.amount, p.worth_minor) for p in answer.parts] == [
            ("coupon", 1_000, 1_000),
            ("value", 502, 502),
        ]
        answer = await shop.payments.pay(pay(1_503, txn="t2", points=True))
        assert isinstance(answer, Paid)
        assert [(p.programme, p.amount, p.worth_minor) for p in answer.parts] == [
            ("points", 300, 1_500),
            ("value", 3, 3),
        ]
        assert answer.points_used == 300

    async def test_a_programme_pays_no_more_at_once_than_it_may(self, shop: Shop) -> None:
        await shop.tell(msgspec.structs.replace(VALUE, pay_max=1_000))
        shop.office.grants[CARD] = [("P1", "CNY", "value", 600), ("P1", "CNY", "value", 9_000)]
        answer = await shop.payments.pay(pay(1_500))
        assert isinstance(answer, Paid)
        assert (answer.approved_minor, answer.rest_minor) == (1_000, 500)

    async def test_a_card_that_the_store_does_not_know_pays_from_what_it_asked_for(self, shop: Shop) -> None:
        shop.office.grants[GIFT] = [("P9", "CNY", "value", 5_000)]
        assert isinstance(await shop.payments.pay(pay(5_000, card=GIFT)), Paid)
        assert await shop.payments.pay(pay(1, txn="t2", card="8" * 32)) == Declined("empty")

    async def test_what_the_telephone_number_asked_for_pays_with_the_card_too(self, shop: Shop) -> None:
        await shop.grant(PHONE, "P1", "CNY", "value", 5_000)
        shop.online = False
        assert isinstance(await shop.payments.pay(pay(1_000)), Paid)
        assert isinstance(await shop.payments.pay(pay(1_000, txn="t2", card="", member=MEMBER)), Paid)

    @pytest.mark.parametrize("reason", ["unknown", "lost", "frozen", "card_cap", "store_cap", "velocity"])
    async def test_what_head_office_refuses_is_said(self, shop: Shop, reason: Any) -> None:
        shop.office.refused = reason
        assert await shop.payments.pay(pay(100, card=GIFT)) == Declined(reason)

    async def test_a_lost_card_and_a_blocked_member_pay_nothing(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(100))
        changed = msgspec.structs.replace(WANG, cards=(), lost_cards=(CARD,))
        await shop.tell(changed)
        assert await shop.payments.pay(pay(100, txn="t2")) == Declined("lost")
        assert isinstance(await shop.payments.pay(pay(100)), Paid)  # what was answered stays answered
        await shop.tell(msgspec.structs.replace(WANG, flags=("blocked",)))
        assert await shop.payments.pay(pay(100, txn="t3")) == Declined("blocked")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount_minor": 0},
            {"amount_minor": -5},
            {"amount_minor": 2**60},
            {"txn": ""},
            {"txn": "~t1"},
            {"txn": "x" * 49},
            {"till": ""},
            {"till": "x" * 65},
            {"receipt": "x" * 65},
            {"cashier": "x" * 65},
        ],
    )
    async def test_nonsense_is_refused(self, shop: Shop, wrong: dict[str, Any]) -> None:
        assert await shop.payments.pay(
            pay(100, **{"txn": "t1"} | wrong) if "amount_minor" not in wrong else pay(wrong["amount_minor"])
        ) == Declined("wrong")

    async def test_a_currency_that_is_not_on_the_card(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        assert await shop.payments.pay(pay(100, currency="JPY")) == Declined("currency")

    async def test_nobody(self, shop: Shop) -> None:
        assert await shop.payments.pay(pay(100, card="")) == Declined("no_card")
        assert await shop.payments.pay(pay(100, card="", member="M999999999999")) == Declined("unknown")


class TestLimits:
    @pytest.fixture
    def caps(self) -> Caps:
        return Caps(offline_card=3_000, offline_store=4_000, pays_per_hour=3, offline_top_store=5_000)

    @pytest.fixture
    async def shop(self, tmp_path: Path, clock: Any, running: Any, caps: Caps) -> AsyncIterator[Shop]:
        async with open_shop(tmp_path / "edge.db", clock, running, caps=caps) as opened:
            yield opened

    async def test_what_one_card_and_all_may_pay_in_one_outage(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.grant(GIFT, "P9", "CNY", "value", 10_000)
        assert isinstance(await shop.payments.pay(pay(5_000, txn="t0")), Paid)
        await shop.leasing.tend()
        shop.online = False
        answer = await shop.payments.pay(pay(3_500))
        assert isinstance(answer, Paid)
        assert (answer.approved_minor, answer.rest_minor) == (3_000, 500)
        assert await shop.payments.pay(pay(1, txn="t2")) == Declined("offline_cap")
        assert await shop.payments.pay(pay(1_500, txn="t3", card=GIFT, partial=False)) == Declined(
            "offline_cap", 1_000
        )
        answer = await shop.payments.pay(pay(1_500, txn="t4", card=GIFT))
        assert isinstance(answer, Paid)
        assert answer.approved_minor == 1_000

    async def test_the_next_outage_counts_anew_and_a_restart_does_not(
        self, tmp_path: Path, clock: Any, running: Any, caps: Caps
    ) -> None:
        anchor = MemoryAnchor()
        path = tmp_path / "e.db"
        async with open_shop(path, clock, running, caps=caps, anchor=anchor) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 10_000)
            await shop.leasing.tend()
            shop.online = False
            assert isinstance(await shop.payments.pay(pay(3_000)), Paid)
        async with open_shop(path, clock, running, caps=caps, anchor=anchor) as shop:
            shop.online = False
            await shop.leasing.tend()
            assert await shop.payments.pay(pay(1, txn="t2")) == Declined("offline_cap")
            shop.online = True
            await shop.leasing.tend()
            shop.online = False
            await shop.leasing.tend()
            assert isinstance(await shop.payments.pay(pay(1, txn="t3")), Paid)

    async def test_how_often_a_card_may_pay_in_an_hour(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        for number in range(3):
            assert isinstance(await shop.payments.pay(pay(1, txn=f"t{number}")), Paid)
        assert await shop.payments.pay(pay(1, txn="t9")) == Declined("velocity")
        shop.clock.wind(-100)
        shop.clock.wall += 10**9  # a clock that is set changes nothing
        assert await shop.payments.pay(pay(1, txn="t9")) == Declined("velocity")
        await shop.payments.undo(Undo(till="1", txn="t0"))
        assert isinstance(await shop.payments.pay(pay(1, txn="t9")), Paid)
        shop.clock.wind(3_600_001)
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        assert isinstance(await shop.payments.pay(pay(1, txn="t10")), Paid)


async def test_the_replicas_words_survive_a_lease_that_nobody_knows(shop: Shop) -> None:
    lin = MemberTold(member="M000000000002", name="林**", cards=("7" * 32,))
    word = shop.office.lease(
        type("A", (), {"epoch": shop.outbox.epoch, "request": "gone", "card": GIFT})(),  # type: ignore[arg-type]
        "P9",
        "CNY",
        "value",
        700,
    )
    await shop.tell(word, lin)
    kinds = [(each.kind, each.amount) for each in await shop.records() if isinstance(each, LeaseRecord)]
    assert kinds == [("open", 700), ("close", 700)]
    assert await shop.payments.balance(card="7" * 32) == await shop.payments.balance(member="M000000000002")
