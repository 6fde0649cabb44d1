"""Topping up at a till whose line is up or down, and what it says is on a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.paying import Caps
from sync.contract.questions import Declined, Paid, PurseShown, ToppedUp, Undo
from tests.edge_agent.money_asks import back, pay, top
from tests.edge_agent.money_shop import CARD, GIFT, MEMBER, VALUE, WANG, Shop, open_shop


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
