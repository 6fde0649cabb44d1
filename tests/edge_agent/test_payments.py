"""Paying, giving back, topping up, at a till whose line is up or down."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.errors import AnchorBroken
from edge_agent.leasing import Habits
from edge_agent.paying import Caps
from edge_agent.pins import KEPT_MS
from edge_agent.store.lines import connect_in_thread
from sync.contract.events import CardRefused, LeaseRecord
from sync.contract.questions import (
    Declined,
    Paid,
    Pay,
    PurseShown,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.told import MemberTold
from tests.edge_agent.money_shop import (
    CARD,
    GIFT,
    MEMBER,
    PHONE,
    VALUE,
    WANG,
    MemoryAnchor,
    Shop,
    open_shop,
    quick_hash,
)


@pytest.fixture
async def shop(tmp_path: Path, clock: Any, running: Any) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path / "edge.db", clock, running) as opened:
        yield opened


def pay(amount: int, txn: str = "t1", **changed: Any) -> Pay:
    asked: dict[str, Any] = {
        "till": "1",
        "txn": txn,
        "amount_minor": amount,
        "currency": "CNY",
        "card": CARD,
        "receipt": f"r-{txn}",
        "cashier": "anna",
    }
    return Pay(**asked | changed)


def back(amount: int, txn: str = "b1", of: str = "t1", **changed: Any) -> Refund:
    asked: dict[str, Any] = {"till": "1", "txn": txn, "amount_minor": amount, "currency": "CNY", "of_txn": of}
    return Refund(**asked | changed)


def top(amount: int, txn: str = "u1", **changed: Any) -> TopUp:
    asked: dict[str, Any] = {
        "till": "1",
        "txn": txn,
        "amount_minor": amount,
        "currency": "CNY",
        "card": CARD,
        "receipt": f"r-{txn}",
    }
    return TopUp(**asked | changed)


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


class TestThePin:
    @pytest.fixture
    async def shop(self, tmp_path: Path, clock: Any, running: Any) -> AsyncIterator[Shop]:
        async with open_shop(tmp_path / "edge.db", clock, running) as opened:
            opened.office.pin = ("aa", (await quick_hash("1234", b"\xaa")).hex())
            await opened.tell(msgspec.structs.replace(VALUE, pin_above=1_000))
            await opened.grant(CARD, "P1", "CNY", "value", 10_000)
            yield opened

    async def test_a_payment_above_the_limit_asks_for_it(self, shop: Shop) -> None:
        assert isinstance(await shop.payments.pay(pay(1_000, txn="t0")), Paid)
        assert await shop.payments.pay(pay(1_001)) == Declined("pin_needed", 1_000)
        assert await shop.payments.pay(pay(1_001, pin="4321")) == Declined("pin_wrong", 1_000)
        assert isinstance(await shop.payments.pay(pay(1_001, pin="1234")), Paid)

    async def test_three_wrong_ones_lock_it_however_often_the_card_is_shown(self, shop: Shop) -> None:
        said = [await shop.payments.pay(pay(1_001, pin="0000")) for _ in range(4)]
        assert [each.reason for each in said if isinstance(each, Declined)] == [
            "pin_wrong",
            "pin_wrong",
            "pin_locked",
            "pin_locked",
        ]
        assert await shop.payments.pay(pay(1_001, pin="1234")) == Declined("pin_locked", 1_000)
        assert isinstance(await shop.payments.pay(pay(1_000, txn="t2")), Paid)
        refused = [each for each in await shop.said() if isinstance(each, CardRefused)]
        assert refused == [CardRefused(till="1", reason="pin")]
        await self._shown_again(shop)
        assert await shop.payments.pay(pay(1_001, txn="t3", pin="1234")) == Declined("pin_locked", 1_000)
        shop.clock.wind(KEPT_MS)
        await self._shown_again(shop)
        assert isinstance(await shop.payments.pay(pay(1_001, txn="t4", pin="1234")), Paid)

    async def test_a_new_pin_opens_a_card_that_is_locked(self, shop: Shop) -> None:
        for _ in range(3):
            await shop.payments.pay(pay(1_001, pin="0000"))
        shop.office.pin = ("bb", (await quick_hash("9876", b"\xbb")).hex())
        await self._shown_again(shop)
        assert isinstance(await shop.payments.pay(pay(1_001, pin="9876")), Paid)

    async def test_being_told_the_same_pin_again_forgets_no_guess(self, shop: Shop) -> None:
        said = []
        for _ in range(3):
            said.append(await shop.pins.check(CARD, "0000"))
            shop.pins.told(CARD, *shop.office.pin)
        assert said == ["pin_wrong", "pin_wrong", "pin_locked"]

    async def _shown_again(self, shop: Shop) -> None:
        shop.clock.wind(5_000)
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)

    async def test_a_card_without_one_pays_no_more_than_the_limit(self, shop: Shop) -> None:
        shop.office.pin = ("", "")
        shop.office.grants[PHONE] = [("P1", "CNY", "value", 5_000)]
        assert await shop.payments.pay(pay(1_001, card=PHONE, pin="1234")) == Declined("pin_unset", 1_000)

    async def test_after_a_restart_nobody_can_check_it_with_the_line_down(self, shop: Shop) -> None:
        shop.pins._known.clear()
        shop.online = False
        assert await shop.payments.pay(pay(1_001, pin="1234")) == Declined("pin_offline", 1_000)
        shop.online = True
        assert isinstance(await shop.payments.pay(pay(1_001, pin="1234")), Paid)  # asked for it


class TestGivingBack:
    async def test_it_goes_back_to_where_it_came_from_and_never_more(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        answer = await shop.payments.refund(back(1_000))
        assert isinstance(answer, Refunded)
        assert (answer.amount_minor, answer.left_minor) == (1_000, 1_500)
        assert await shop.payments.refund(back(1_000)) == answer
        assert await shop.left() == 8_500
        assert await shop.payments.refund(back(1_501, txn="b2")) == Declined("too_much", 1_500)
        assert isinstance(
            await shop.payments.refund(back(1_500, txn="b3", of="", of_receipt="r-t1")), Refunded
        )
        assert await shop.payments.refund(back(1, txn="b4")) == Declined("too_much")
        assert await shop.left() == 10_000
        spent = (await shop.records())[1]
        assert (await shop.records())[2].refers_to == f"{spent.lease}/{spent.number}"

    async def test_two_cards_on_one_receipt_get_theirs_back_the_last_one_first(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.grant(GIFT, "P9", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_000, receipt="r1"))
        await shop.payments.pay(pay(3_000, txn="t2", card=GIFT, receipt="r1"))
        answer = await shop.payments.refund(back(4_000, of="", of_receipt="r1"))
        assert isinstance(answer, Refunded)
        assert [(part.purse, part.amount) for part in answer.parts] == [("P9", 3_000), ("P1", 1_000)]
        shown = await shop.payments.payments_of("r1")
        assert [(each.txn, each.amount_minor, each.refunded_minor) for each in shown] == [
            ("t1", 2_000, 1_000),
            ("t2", 3_000, 3_000),
        ]

    async def test_points_come_back_whole_when_all_is_given_back(self, shop: Shop) -> None:
        await shop.grant(CARD, "P2", "PTS", "points", 400)
        paid = await shop.payments.pay(pay(500, points=True))
        assert isinstance(paid, Paid)
        assert paid.points_used == 100
        backs = [await shop.payments.refund(back(166, txn=f"b{n}")) for n in range(3)]
        backs.append(await shop.payments.refund(back(2, txn="b9")))
        assert [each.points_back for each in backs if isinstance(each, Refunded)] == [33, 33, 33, 1]
        assert await shop.left() == 400

    async def test_with_the_line_down_and_the_lease_gone_a_new_one_of_our_own_takes_it(
        self, shop: Shop
    ) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        shop.clock.wind(3_600_000)
        shop.online = False
        await shop.leasing.tend()
        assert await shop.left() == 0
        assert isinstance(await shop.payments.refund(back(1_000)), Refunded)
        records = await shop.records()
        assert [(each.kind, each.amount) for each in records[-2:]] == [("open", 0), ("refund", 1_000)]
        assert records[-1].purse == "P1"
        answer = await shop.payments.pay(pay(400, txn="t2"))  # and what came back can be spent again
        assert isinstance(answer, Paid)

    async def test_what_was_never_paid_here_is_not_given_back(self, shop: Shop) -> None:
        assert await shop.payments.refund(back(1)) == Declined("unknown_sale")
        assert await shop.payments.refund(back(1, of="", of_receipt="")) == Declined("unknown_sale")
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(100))
        assert await shop.payments.refund(back(1, currency="JPY")) == Declined("currency")


class TestTakingBack:
    async def test_a_payment_that_the_till_did_not_act_on(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        await shop.payments.refund(back(500))
        said = [await shop.payments.undo(Undo(till="1", txn="t1")) for _ in range(2)]
        assert said == [Undone(amount_minor=2_000)] * 2
        assert await shop.left() == 10_000
        assert await shop.payments.pay(pay(2_500)) == Declined("undone")
        assert await shop.payments.refund(back(1, txn="b2")) == Declined("unknown_sale")

    async def test_one_that_comes_before_its_payment(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        assert [await shop.payments.undo(Undo(till="1", txn="t1")) for _ in range(2)] == [Undone()] * 2
        assert await shop.payments.pay(pay(2_500)) == Declined("undone")
        assert await shop.left() == 10_000

    async def test_a_top_up_is_not_taken_back_so(self, shop: Shop) -> None:
        await shop.payments.top_up(top(1_000))
        assert await shop.payments.undo(Undo(till="1", txn="u1")) == Declined("wrong")


class TestToppingUp:
    @pytest.mark.parametrize("online", [True, False])
    async def test_it_can_be_spent_at_once(self, shop: Shop, online: bool) -> None:
        shop.online = online
        answer = await shop.payments.top_up(top(3_000))
        assert answer == ToppedUp(amount_minor=3_000, purse="P1", programme="value")
        assert await shop.payments.top_up(top(3_000)) == answer
        assert isinstance(await shop.payments.pay(pay(2_000)), Paid)
        assert [(each.kind, each.amount) for each in await shop.records()] == [
            ("open", 0),
            ("top", 3_000),
            ("spend", 2_000),
        ]

    async def test_into_a_lease_that_is_there(self, shop: Shop) -> None:
        granted = await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.top_up(top(3_000))
        assert (await shop.records())[-1].lease == granted.lease

    async def test_one_receipt_is_one_top_up(self, shop: Shop) -> None:
        await shop.payments.top_up(top(3_000))
        assert await shop.payments.top_up(top(3_000, txn="u2", receipt="r-u1")) == Declined("receipt_used")
        assert isinstance(
            await shop.payments.top_up(top(3_000, txn="u2", receipt="r-u1", till="2")), ToppedUp
        )

    async def test_limits_of_the_programme_and_of_the_settings(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        caps = Caps(balance=100_000, offline_top_store=60_000)
        async with open_shop(tmp_path / "e.db", clock, running, caps=caps) as shop:
            assert await shop.payments.top_up(top(50_001)) == Declined("top_max", 50_000)
            assert isinstance(await shop.payments.top_up(top(50_000)), ToppedUp)
            # 30,000 were told, 50,000 came since.
            assert await shop.payments.top_up(top(20_001, txn="u2")) == Declined("balance_max", 20_000)
            await shop.tell(msgspec.structs.replace(WANG, purses=(PurseShown("P1", "CNY", "value", 80_000),)))
            assert await shop.payments.top_up(top(20_001, txn="u2")) == Declined("balance_max", 20_000)
            await shop.tell(msgspec.structs.replace(VALUE, balance_max=90_000))
            assert await shop.payments.top_up(top(20_000, txn="u2")) == Declined("balance_max", 10_000)
            await shop.tell(
                VALUE, msgspec.structs.replace(WANG, purses=(PurseShown("P1", "CNY", "value", 0),))
            )
            shop.online = False
            assert isinstance(await shop.payments.top_up(top(40_000, txn="u3")), ToppedUp)
            assert await shop.payments.top_up(top(20_001, txn="u4")) == Declined("offline_cap", 20_000)

    async def test_what_is_not_topped_up_at_a_till(self, shop: Shop) -> None:
        assert await shop.payments.top_up(top(100, purse="P3")) == Declined("no_reload")
        assert await shop.payments.top_up(top(100, currency="JPY")) == Declined("currency")
        shop.office.refused = "unknown"
        assert await shop.payments.top_up(top(100, card=GIFT)) == Declined("unknown")

    async def test_a_card_that_only_head_office_knows(self, shop: Shop) -> None:
        shop.office.purses = (PurseShown("P9", "CNY", "value", 1_000),)
        assert isinstance(await shop.payments.top_up(top(100, card=GIFT)), ToppedUp)
        shop.online = False
        assert isinstance(await shop.payments.pay(pay(100, card=GIFT)), Paid)


class TestTheBalance:
    async def test_it_is_what_was_told_and_what_happened_here_since(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(2_500))
        await shop.payments.top_up(top(300))
        await shop.payments.refund(back(200))
        answer = await shop.payments.balance(card=CARD)
        assert not isinstance(answer, Declined)
        value, points, coupon = answer.purses
        assert (value.purse, value.balance, value.ready, value.zh, value.reload) == (
            "P1",
            28_000,
            8_000,
            "储值卡",
            True,
        )
        assert (points.kind, points.balance, points.ready) == ("points", 400, 0)
        assert coupon.kind == "coupon"
        await shop.payments.undo(Undo(till="1", txn="t1"))
        again = await shop.payments.balance(member=MEMBER)
        assert not isinstance(again, Declined)
        assert again.purses[0].balance == 30_300

    async def test_of_nobody(self, shop: Shop) -> None:
        assert await shop.payments.balance(card=GIFT) == Declined("unknown")
        assert await shop.payments.balance() == Declined("no_card")


class TestTheDisk:
    async def test_an_answer_waits_for_the_anchor_and_nothing_is_said_without_it(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        shop.anchor.fails = OSError(5, "no medium")
        with pytest.raises(AnchorBroken):
            await shop.payments.pay(pay(2_500))
        assert await shop.payments.pay(pay(1, txn="t2")) == Declined("trouble")
        await shop.leasing.tend()
        assert ("anchor_broken", True) in [alarm[:2] for alarm in shop.alarms]
        shop.anchor.fails = None
        answer = await shop.payments.pay(pay(2_500))  # it had been done, and now it may be said
        assert isinstance(answer, Paid)
        assert await shop.left() == 7_500

    async def test_a_disk_put_back_spends_nothing_until_head_office_was_heard(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        anchor, path = MemoryAnchor(), tmp_path / "e.db"
        async with open_shop(path, clock, running, anchor=anchor) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 11_000)
            assert isinstance(await shop.payments.pay(pay(1_000, txn="t0")), Paid)
            office = shop.office
        copy = path.read_bytes()
        async with open_shop(path, clock, running, anchor=anchor, office=office) as shop:
            shop.online = False
            assert isinstance(await shop.payments.refund(back(1_000, of="t0")), Refunded)
            assert isinstance(await shop.payments.pay(pay(10_000)), Paid)
        path.write_bytes(copy)
        async with open_shop(path, clock, running, anchor=anchor, office=office, hello=False) as shop:
            epoch = shop.outbox.epoch
            shop.online = False
            assert await shop.payments.pay(pay(10_000, txn="t2")) == Declined("fenced")
            assert await shop.payments.top_up(top(100)) == Declined("fenced")
            await shop.leasing.say_doubt()
            assert ("leases_doubtful", True, "1") in shop.alarms
            await shop.outbox.greeted({})
            await shop.leasing.new_epoch()
            assert shop.outbox.epoch != epoch
            assert await shop.payments.pay(pay(10_000, txn="t2")) == Declined("offline")
            assert await shop.payments.refund(back(1_000, of="t0")) == Declined("unknown_sale")
            assert await shop.payments.undo(Undo(till="1", txn="t0")) == Declined("unknown_sale")
            assert isinstance(await shop.payments.pay(pay(1_000, txn="t0")), Paid)  # as it was answered
            await shop.leasing.tend()
            assert await shop.left() == 10_000  # never given back, either
            shop.online = True
            await shop.grant(CARD, "P1", "CNY", "value", 500)
            assert isinstance(await shop.payments.pay(pay(500, txn="t3")), Paid)
        async with open_shop(path, clock, running, anchor=anchor, office=office) as shop:
            assert isinstance(await shop.payments.pay(pay(500, txn="t3")), Paid)  # trusted again

    async def test_a_disk_whose_anchor_was_taken_away_spends_nothing(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        path = tmp_path / "e.db"
        async with open_shop(path, clock, running) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        async with open_shop(path, clock, running, hello=False) as shop:
            assert await shop.payments.pay(pay(1)) == Declined("fenced")

    async def test_nothing_on_it_says_a_card_a_name_or_a_pin(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        path = tmp_path / "e.db"
        async with open_shop(path, clock, running) as shop:
            shop.office.pin = ("aa", (await quick_hash("738291", b"\xaa")).hex())
            await shop.tell(msgspec.structs.replace(VALUE, pin_above=0))
            shop.office.grants[GIFT] = [("P9", "CNY", "value", 10_000)]
            assert isinstance(await shop.payments.pay(pay(100, card=GIFT, pin="738291")), Paid)
            assert isinstance(await shop.payments.top_up(top(100)), ToppedUp)
            await shop.payments.refund(back(50))
            found = b"".join(each.read_bytes() for each in tmp_path.iterdir())
        for secret in (GIFT, CARD, "738291", shop.office.pin[1]):
            assert secret.encode() not in found
            assert secret.encode().hex().encode() not in found

    async def test_a_full_disk_declines_and_changes_nothing(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        pages = await shop.db.bare(lambda sql: sql.execute("PRAGMA page_count").fetchone()[0])
        await shop.db.bare(lambda sql: sql.execute(f"PRAGMA max_page_count={pages}").fetchall())
        answers: list[Any] = []
        while len(answers) < 3_000 and Declined("disk_full") not in answers:
            answers.append(await shop.payments.pay(pay(1, txn=f"t{len(answers)}", receipt="r" * 60)))
            await shop.payments.undo(Undo(till="1", txn=f"t{len(answers) - 1}"))
        assert Declined("disk_full") in answers
        assert await shop.left() in (10_000, 9_999)

    async def test_the_tables_themselves_let_no_more_be_given_back(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(100))
        with pytest.raises(sqlite3.IntegrityError):
            await shop.db.write(lambda sql: sql.execute("UPDATE part SET returned = 101"))


async def test_old_entries_go_and_the_newest_stays(tmp_path: Path, clock: Any, running: Any) -> None:
    habits = Habits(ask_wait_s=0.1, journal_days=1)
    async with open_shop(tmp_path / "e.db", clock, running, habits=habits) as shop:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        for txn in ("t1", "t2"):
            await shop.payments.pay(pay(100, txn=txn))
        for _ in range(30):
            clock.wind(3_600_000)
            await shop.leasing.tend()
        assert await shop.payments.refund(back(100)) == Declined("unknown_sale")
        assert isinstance(await shop.payments.refund(back(100, of="t2")), Refunded)


def test_the_pin_is_in_no_log() -> None:
    assert "1234" not in repr(pay(100, pin="1234"))


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
