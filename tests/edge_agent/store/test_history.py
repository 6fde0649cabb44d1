"""What the tills did, read back from a journal that real payments have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.store.history import History
from sync.contract.questions import Paid, Pay, Refund, Undo, Undone
from tests.edge_agent.money_shop import CARD, Shop, open_shop


@pytest.fixture
async def shop(tmp_path: Path, clock: Any, running: Any) -> Any:
    async with open_shop(tmp_path / "e.db", clock, running) as standing:
        await standing.grant(CARD, "P1", "CNY", "value", 20_000)
        yield standing


def pay(txn: str, amount: int, *, till: str = "1", receipt: str = "") -> Pay:
    return Pay(till=till, txn=txn, amount_minor=amount, currency="CNY", card=CARD, receipt=receipt)


async def test_a_tills_last_payments_newest_first_and_nobody_elses(shop: Shop) -> None:
    history = History(shop.db)
    for question in (pay("a", 100), pay("b", 200, till="2"), pay("c", 300)):
        assert isinstance(await shop.payments.pay(question), Paid)
    assert [(each.txn, each.amount_minor) for each in await history.recent("1", 10)] == [
        ("c", 300),
        ("a", 100),
    ]
    assert [each.txn for each in await history.recent("1", 1)] == ["c"]


async def test_what_was_given_back_of_a_payment_stands_beside_it(shop: Shop) -> None:
    history = History(shop.db)
    await shop.payments.pay(pay("a", 1_000, receipt="R7"))
    await shop.payments.refund(Refund(till="2", txn="r", amount_minor=400, currency="CNY", of_receipt="R7"))
    [found] = await history.of_receipt("R7")
    assert (found.till, found.amount_minor, found.refunded_minor) == ("1", 1_000, 400)
    assert await history.payment("1", "a") == found
    assert await history.payment("2", "a") is None


async def test_a_till_is_told_again_what_it_was_told(shop: Shop) -> None:
    history = History(shop.db)
    assert await history.told("1", "a") is None
    paid = await shop.payments.pay(pay("a", 1_000))
    assert await history.told("1", "a") == paid


async def test_what_was_taken_back_is_no_payment_to_give_back(shop: Shop) -> None:
    history = History(shop.db)
    await shop.payments.pay(pay("a", 1_000))
    await shop.payments.undo(Undo(till="1", txn="a"))
    assert await history.recent("1", 10) == []
    assert isinstance(await history.told("1", "a"), Undone)
