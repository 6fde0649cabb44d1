"""A PIN above the limit: asked for, guessed, locked, kept in memory alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.pins import KEPT_MS
from sync.contract.events import CardRefused
from sync.contract.questions import Declined, Paid
from tests.edge_agent.money_asks import pay
from tests.edge_agent.money_shop import CARD, PHONE, VALUE, Shop, open_shop, quick_hash


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
        assert (
            refused == [CardRefused(till="1", reason="pin", card=CARD)] * 3
        )  # each wrong one, once locked no more
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

    async def test_head_office_that_counted_too_many_in_all_stores_tells_no_check_and_none_is_taken(
        self, shop: Shop
    ) -> None:
        shop.office.pin = ("aa", "")
        shop.clock.wind(KEPT_MS + 1)  # what was told before is forgotten by then
        await self._shown_again(shop)
        assert await shop.payments.pay(pay(1_001, pin="1234")) == Declined("pin_locked", 1_000)
        assert [each for each in await shop.said() if isinstance(each, CardRefused)] == []
        assert isinstance(await shop.payments.pay(pay(1_000, txn="t2")), Paid)

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


def test_the_pin_is_in_no_log() -> None:
    assert "1234" not in repr(pay(100, pin="1234"))
