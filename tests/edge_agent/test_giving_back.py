"""Money goes back to the purses that paid, and no further, at a till whose line is up or down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.leasing import Habits
from edge_agent.store.journal import SALE_MS
from sync.contract.questions import Declined, Paid, Refunded, Undo, Undone
from tests.edge_agent.money_asks import back, pay, top
from tests.edge_agent.money_shop import CARD, GIFT, MemoryAnchor, Shop, open_shop


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


class TestAReceiptNumberThatCameAgain:
    """Numbers of many tills begin anew every day: the number alone may mean another sale."""

    @pytest.fixture(autouse=True)
    async def money(self, shop: Shop) -> None:
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)

    async def test_two_payments_of_one_sale_are_one(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        shop.clock.wind(SALE_MS)
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(200, txn="t2", receipt="42"))
        answer = await shop.payments.refund(back(300, of="", of_receipt="42"))
        assert isinstance(answer, Refunded)

    async def test_on_another_day_it_is_another_sale_and_the_payment_must_be_named(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        shop.clock.wind(SALE_MS + 1)
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        await shop.payments.pay(pay(200, txn="t2", receipt="42"))
        left = await shop.left()
        assert await shop.payments.refund(back(100, of="", of_receipt="42")) == Declined("ambiguous_sale")
        assert await shop.left() == left
        assert isinstance(await shop.payments.refund(back(100, of="t1")), Refunded)
        # All of the first is back, and still the number alone may mean it.
        by_number = back(100, txn="b2", of="", of_receipt="42")
        assert await shop.payments.refund(by_number) == Declined("ambiguous_sale")

    async def test_in_the_next_shift_it_is_another_sale(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        shop.clock.wind(60_000)
        await shop.db.write(
            lambda sql: sql.execute(
                "INSERT INTO sheet VALUES ('1', 1, 'e', 0, ?, x'')", (shop.clock.wall_ms(),)
            )
        )
        shop.clock.wind(60_000)
        await shop.payments.pay(pay(200, txn="t2", receipt="42"))
        assert await shop.payments.refund(back(100, of="", of_receipt="42")) == Declined("ambiguous_sale")

    async def test_the_end_of_another_tills_shift_parts_nothing(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        await shop.db.write(
            lambda sql: sql.execute(
                "INSERT INTO sheet VALUES ('2', 1, 'e', 0, ?, x'')", (shop.clock.wall_ms(),)
            )
        )
        await shop.payments.pay(pay(200, txn="t2", receipt="42"))
        assert isinstance(await shop.payments.refund(back(300, of="", of_receipt="42")), Refunded)

    async def test_after_a_restart_nobody_knows_how_long_it_was(
        self, tmp_path: Path, clock: Any, running: Any
    ) -> None:
        anchor, path = MemoryAnchor(), tmp_path / "e.db"
        async with open_shop(path, clock, running, anchor=anchor) as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 10_000)
            await shop.payments.pay(pay(100, receipt="42"))
            office = shop.office
        async with open_shop(path, clock, running, anchor=anchor, office=office, boot="0000cafe") as shop:
            await shop.grant(CARD, "P1", "CNY", "value", 10_000)
            assert isinstance(await shop.payments.pay(pay(200, txn="t2", receipt="42")), Paid)
            answer = await shop.payments.refund(back(100, of="", of_receipt="42"))
            assert answer == Declined("ambiguous_sale")

    async def test_this_tills_sale_goes_before_anothers(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        await shop.payments.pay(pay(200, till="2", receipt="42"))
        by_number = back(101, of="", of_receipt="42")
        assert await shop.payments.refund(by_number) == Declined("too_much", 100)
        assert isinstance(
            await shop.payments.refund(back(101, of="", of_receipt="42", of_till="2")), Refunded
        )

    async def test_of_other_tills_only_one_may_have_it(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, till="2", receipt="42"))
        assert isinstance(await shop.payments.refund(back(10, of="", of_receipt="42")), Refunded)
        await shop.payments.pay(pay(200, till="3", receipt="42"))
        by_number = back(10, txn="b2", of="", of_receipt="42")
        assert await shop.payments.refund(by_number) == Declined("ambiguous_sale")
        assert isinstance(await shop.payments.refund(back(10, of="", of_receipt="42")), Refunded)  # as told

    async def test_a_till_that_is_named_and_never_had_it_stands_for_no_other(self, shop: Shop) -> None:
        await shop.payments.pay(pay(100, receipt="42"))
        asked = back(10, of="", of_receipt="42", of_till="3")
        assert await shop.payments.refund(asked) == Declined("unknown_sale")


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
