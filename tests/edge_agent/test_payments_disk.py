"""What the disk and its anchor promise about money, and what stands on them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.errors import AnchorBroken
from sync.contract.questions import Declined, Paid, Refunded, ToppedUp, Undo
from tests.edge_agent.money_asks import back, pay, top
from tests.edge_agent.money_shop import CARD, GIFT, VALUE, MemoryAnchor, Shop, open_shop, quick_hash


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
