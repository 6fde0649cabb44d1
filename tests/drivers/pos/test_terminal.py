"""The engine of all payment terminals, asked by hand: what a till's journal says is what the test says."""

from __future__ import annotations

import pytest

from drivers.pos.conversations import Habits, shown
from drivers.pos.terminal import Terminal
from sync.contract.questions import Paid, Undo, Undone
from sync.contract.terminal import CardAwaited, TxnAsked, TxnTold

ROUND = Habits(scheme="zvt", currency="CNY", count_most=9_999)


def newest(count: int, state: str = "done", kind: str = "pay") -> TxnTold:
    return TxnTold(
        txn=f"zvt:#{count}",
        kind=kind,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        currency="CNY",
        amount_minor=500,
        answer=Paid(approved_minor=500),
    )


@pytest.mark.parametrize(
    ("last", "receipt", "meant"),
    [(7, 7, "#7"), (7, 5, "#5"), (9_999, 9_999, "#9999"), (10_003, 4, "#10003"), (10_003, 9_999, "#9999")],
)
def test_a_receipt_number_that_came_round_means_the_newest_that_had_it(
    last: int, receipt: int, meant: str
) -> None:
    terminal = Terminal(ROUND)
    terminal.reverse(of_count=receipt)
    assert terminal.questions() == [TxnAsked(prefix="zvt:")]
    terminal.answer(newest(last))
    assert terminal.questions() == [TxnAsked(prefix="zvt:", suffix=meant, kind="pay")]
    assert shown(ROUND, int(meant[1:])) == receipt


def test_a_receipt_number_that_is_still_to_come_means_nothing() -> None:
    terminal = Terminal(ROUND)
    terminal.reverse(of_count=8)
    terminal.answer(newest(7))
    (outcome,) = terminal.outcomes()
    assert (outcome.kind, outcome.reason) == ("reverse", "unknown_sale")


def test_a_payment_of_another_amount_is_not_the_one_that_is_meant() -> None:
    terminal = Terminal(Habits(scheme="zvt", currency="CNY"))
    terminal.reverse(of_count=7, amount_minor=400)
    terminal.answer(newest(7))
    assert [each.reason for each in terminal.outcomes()] == ["unknown_sale"]


@pytest.mark.parametrize(
    ("told", "undone"),
    [(newest(8), True), (newest(8, "undone"), False), (newest(9), False), (newest(8, kind="refund"), False)],
)
def test_a_payment_that_the_till_never_heard_of_is_undone_when_it_says_what_it_saw_last(
    told: TxnTold, undone: bool
) -> None:
    terminal = Terminal(ROUND)
    terminal.resync(7)
    terminal.questions()
    terminal.answer(told)
    assert [isinstance(each, Undo) for each in terminal.questions()] == ([True] if undone else [])
    if undone:
        terminal.answer(Undone(amount_minor=500))
    assert [(each.kind, each.good) for each in terminal.outcomes()] == [("resync", True)]


def test_a_card_is_waited_for_as_long_as_was_asked() -> None:
    terminal = Terminal(ROUND)
    terminal.card(wait_ms=15_000)
    (asked,) = terminal.questions()
    assert isinstance(asked, CardAwaited)
    assert asked.limit_ms == 15_000
