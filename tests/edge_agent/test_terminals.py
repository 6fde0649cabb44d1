"""Payments that wait for a till's word, the till's sums, and who waits for a card."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Heard
from drivers.pos.sums import CLOSE_AGAIN_MS
from edge_agent.terminals import HELD_MOST_MS
from sync.contract.questions import Declined, Paid, Pay, Undo, Undone
from sync.contract.terminal import (
    Confirm,
    Confirmed,
    Day,
    DayAsked,
    TxnAsked,
    TxnsTold,
    TxnTold,
)
from tests.edge_agent.money_shop import MemoryAnchor, Office
from tests.edge_agent.terminal_box import TILL, TerminalBox, open_box
from tests.edge_agent.terminal_device import HABITS, Device


@pytest.fixture
async def box(tmp_path: Path, clock: Any, running: Any) -> AsyncIterator[TerminalBox]:
    async with open_box(tmp_path / "edge.db", clock, running) as opened:
        await opened.grant(10_000)
        yield opened


async def test_a_payment_is_final_when_the_till_has_acknowledged_it(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    paid = await device.pay(2_500)
    assert (paid.good, paid.final, paid.amount_minor, paid.count) == (True, False, 2_500, 1)
    assert (await box.held(), (await box.day()).paid) == (1, 0)
    device.terminal.acknowledged()
    assert (await device.until_over()).kind == "confirm"
    assert (await box.held(), await box.left()) == (0, 7_500)
    await device.session.end()
    assert await box.left() == 7_500


async def test_a_line_that_is_cut_before_the_acknowledgement_undoes_it(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    await device.session.end()
    assert (await box.held(), await box.left()) == (0, 10_000)
    assert await box.terminals.confirm(Confirm(till=TILL, txn="test:#1")) == Declined("undone")


async def test_what_was_acknowledged_is_not_undone_by_a_line_that_is_cut_in_that_moment(
    box: TerminalBox,
) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    # The acknowledgement is on disk, and the device's task ends before it hears of that.
    assert await box.terminals.confirm(Confirm(till=TILL, txn="test:#1")) == Confirmed()
    await device.session.end()
    assert await box.left() == 7_500
    left_behind = Undo(till=TILL, txn="test:#1", unless_final=True)
    assert await box.till.ask(left_behind) == Declined("final")
    assert await box.till.ask(Undo(till=TILL, txn="test:#1")) == Undone(amount_minor=2_500)


@pytest.mark.parametrize("boot", ["0000cafe", "0000beef"])
async def test_an_agent_that_starts_anew_undoes_what_nobody_acknowledged(
    tmp_path: Path, clock: Any, running: Any, boot: str
) -> None:
    anchor, office = MemoryAnchor(), Office()
    async with open_box(tmp_path / "e.db", clock, running, anchor=anchor, office=office) as box:
        await box.grant(10_000)
        await box.show_card()
        await Device(box).pay(2_500)  # and then the power fails: no session ends
    async with open_box(tmp_path / "e.db", clock, running, anchor=anchor, office=office, boot=boot) as box:
        assert await box.held() == 0  # before any till is heard
        assert await box.terminals.confirm(Confirm(till=TILL, txn="test:#1")) == Declined("undone")
        told = await box.terminals.transaction(TxnAsked(till=TILL, prefix="test:"))
        assert isinstance(told, TxnTold)
        assert (told.state, told.amount_minor) == ("undone", 2_500)
        refunds = [each for each in await box.shop.records() if each.kind == "refund"]
        assert [each.amount for each in refunds] == [2_500]


async def test_an_acknowledgement_that_the_disk_cannot_take_is_owed_and_undoes_nothing(
    box: TerminalBox,
) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    box.shop.anchor.fails = OSError(5, "no medium")
    device.terminal.acknowledged()
    assert (await device.until_over()).good
    await device.session.end()
    box.shop.clock.wind(HELD_MOST_MS + 1)
    await box.terminals.undo_held()
    box.shop.anchor.fails = None
    await box.terminals.undo_held()
    assert (await box.held(), await box.left()) == (0, 7_500)


async def test_a_day_is_not_closed_over_a_payment_that_waits_for_its_till(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    closing = DayAsked(till=TILL, txn="test-day#1", currency="CNY")
    assert await box.terminals.day(closing) == Declined("busy")
    device.terminal.acknowledged()
    await device.until_over()
    assert isinstance(day := await box.terminals.day(closing), Day)
    assert day.paid_minor == 2_500


async def test_what_no_session_ended_is_undone_after_the_longest_any_till_takes(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    await box.terminals.undo_held()
    assert await box.held() == 1
    box.shop.clock.wind(HELD_MOST_MS + 1)
    await box.terminals.undo_held()
    assert (await box.held(), await box.left()) == (0, 10_000)


async def test_the_same_reference_and_amount_has_the_recorded_answer_for_a_while(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    first = await device.pay(2_500, reference="T7")
    again = await device.pay(2_500, reference="T7")  # its answer was lost on the line
    assert (again.txn, again.again, again.final) == (first.txn, True, False)
    device.terminal.acknowledged()
    await device.until_over()
    again = await device.pay(2_500, reference="T7")
    assert (again.again, again.final, await box.left()) == (True, True, 7_500)
    await box.show_card()
    assert not (await device.pay(2_400, reference="T7")).again
    await box.show_card()
    box.shop.clock.wind(HABITS.repeat_ms + 1)
    assert not (await device.pay(2_500, reference="T7")).again  # the ticket's number has come round


@pytest.mark.parametrize("back", [2_500, 500])
@pytest.mark.parametrize("closed", [True, False])
async def test_a_payment_that_was_given_back_is_no_answer_to_the_same_ticket(
    box: TerminalBox, back: int, closed: bool
) -> None:
    device = Device(box)
    await box.show_card()
    first = await device.pay(2_500, reference="T7")
    device.terminal.acknowledged()
    if closed:
        device.terminal.day(close=True)
    device.terminal.refund(back, of="T7")
    await device.until_over()
    await box.show_card()
    again = await device.pay(2_500, reference="T7")
    assert (again.good, again.again, again.txn == first.txn) == (True, False, False)
    assert await box.left() == 5_000 + back


async def test_where_a_reference_is_never_used_again_a_payment_that_was_given_back_is_told_undone(
    box: TerminalBox,
) -> None:
    device = Device(box, replace(HABITS, unique=True))
    await box.show_card()
    await device.pay(2_500, reference="S7")
    device.terminal.acknowledged()
    device.terminal.refund(2_500, of="S7")
    await device.until_over()
    await box.show_card()
    assert (await device.pay(2_500, reference="S7")).reason == "undone"
    assert await box.left() == 10_000


async def test_a_till_that_aborts_while_the_card_is_awaited_has_paid_nothing(box: TerminalBox) -> None:
    device = Device(box)
    device.terminal.pay(2_500)
    await device.go_on()
    device.terminal.abort()
    outcome = await device.until_over()
    assert (outcome.kind, outcome.reason, await box.left()) == ("pay", "aborted", 10_000)


async def test_an_abort_that_comes_too_late_undoes_the_payment(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    device.terminal.pay(2_500)
    asked = device.terminal.questions()
    while not any(isinstance(each, Pay) for each in asked):
        await device.session.hear([Heard(0, each) for each in asked])
        await asyncio.sleep(0)
        asked = device.terminal.questions()
    device.terminal.abort()
    await device.session.hear([Heard(0, each) for each in asked])
    await device.until_over()
    assert [each.reason for each in device.outcomes] == ["aborted"]
    assert (await box.held(), await box.left()) == (0, 10_000)


async def test_the_days_sums_close_once_under_one_number(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    device.terminal.acknowledged()
    await device.until_over()
    device.terminal.refund(500, of_count=1)
    assert (await device.until_over()).good
    closing = DayAsked(till=TILL, txn="test-day#1", currency="CNY")
    first, again = [await box.terminals.day(closing) for _ in range(2)]
    assert isinstance(first, Day)
    assert (first, first.number) == (again, 1)
    assert (first.paid, first.paid_minor, first.refunded_minor) == (1, 2_500, 500)
    assert await box.day() == Day(number=2, since_ms=box.shop.clock.wall_ms(), currency="CNY")


async def test_a_close_whose_answer_was_lost_has_the_recorded_sums_when_it_is_asked_again(
    box: TerminalBox,
) -> None:
    device = Device(box)

    async def close() -> tuple[int, int]:
        device.terminal.day(close=True)
        told = (await device.until_over()).told
        assert isinstance(told, Day)
        return told.number, told.paid_minor

    await box.show_card()
    await device.pay(2_500)
    device.terminal.acknowledged()
    assert [await close() for _ in range(3)] == [(1, 2_500)] * 3
    await box.show_card()
    await device.pay(1_000)
    device.terminal.acknowledged()
    assert [await close() for _ in range(2)] == [(2, 1_000)] * 2
    box.shop.clock.wind(CLOSE_AGAIN_MS + 1)
    assert await close() == (3, 0)  # a day on which nobody came


async def test_a_close_after_another_terminals_has_its_own_sums(box: TerminalBox) -> None:
    one, other = Device(box), Device(box, replace(HABITS, scheme="other"))
    told = []
    for device in (one, other, one):
        device.terminal.day(close=True)
        told.append((await device.until_over()).count)
    assert told == [1, 2, 3]


async def test_the_payments_since_the_sums_were_closed_are_told_one_by_one(box: TerminalBox) -> None:
    device = Device(box)

    async def paid() -> list[tuple[int, str]]:
        device.terminal.sales()
        told = (await device.until_over()).told
        assert isinstance(told, TxnsTold)
        return [(txn.amount_minor, txn.receipt) for txn in told.txns]

    assert await paid() == []
    for amount in (1_000, 2_000, 500):
        await box.show_card()
        await device.pay(amount, receipt=f"R{amount}")
        if amount != 500:  # what no till has acknowledged is none
            device.terminal.acknowledged()
    await device.until_over()
    assert await paid() == [(1_000, "R1000"), (2_000, "R2000")]
    device.terminal.reverse(of_count=1)
    await device.until_over()
    assert await paid() == [(2_000, "R2000")]
    device.terminal.day(close=True)
    await device.until_over()
    assert await paid() == []


async def test_the_last_payment_is_found_behind_a_refund(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(1_000)
    device.terminal.acknowledged()
    device.terminal.refund(400, of_count=1)
    await device.until_over()
    device.terminal.lookup(kind="pay")
    assert (await device.until_over()).count == 1


async def test_a_payment_is_reversed_by_its_count_once(box: TerminalBox) -> None:
    device = Device(box)
    for _ in range(2):
        await box.show_card()
        await device.pay(1_000)
        device.terminal.acknowledged()
    await device.until_over()
    device.terminal.reverse(of_count=1)
    assert (await device.until_over()).amount_minor == 1_000
    device.terminal.reverse(of_count=1)
    assert (await device.until_over()).reason == "undone"
    assert await box.left() == 9_000


async def test_a_payment_of_a_closed_day_is_reversed_as_a_refund_of_the_next(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(1_000, receipt="R1")
    device.terminal.acknowledged()
    device.terminal.day(close=True)
    await device.until_over()
    device.terminal.reverse(of_count=1)
    assert (await device.until_over()).amount_minor == 1_000
    day = await box.day()
    assert (day.number, day.paid, day.refunded, day.refunded_minor) == (2, 0, 1, 1_000)
    assert await box.left() == 10_000
    device.terminal.reverse(of_count=1)
    assert (await device.until_over()).reason == "undone"


async def test_money_is_given_back_to_the_card_that_is_shown_and_never_more_than_it_paid(
    box: TerminalBox,
) -> None:
    device = Device(box)
    for amount in (1_000, 2_000):
        await box.show_card()
        await device.pay(amount)
        device.terminal.acknowledged()
    await device.until_over()
    for amount, good in ((2_500, True), (501, False), (500, True)):
        await box.show_card()
        device.terminal.refund(amount)
        assert (await device.until_over()).good is good
    assert await box.left() == 10_000


async def test_confirming_what_is_not_there_says_so(box: TerminalBox) -> None:
    assert await box.terminals.confirm(Confirm(till=TILL, txn="x")) == Declined("unknown_sale")
    pay = Pay(till=TILL, txn="x", amount_minor=1, currency="CNY", card="", held=True)
    await box.show_card()
    assert isinstance(await box.till.ask(pay), Paid)
    assert [await box.terminals.confirm(Confirm(till=TILL, txn="x")) for _ in range(2)] == [Confirmed()] * 2


async def test_a_top_up_that_is_done_is_not_aborted(box: TerminalBox) -> None:
    device = Device(box)
    await box.purse(30_000)
    device.terminal.top_up(2_500)
    await device.go_on()
    await box.show_card()
    while device.terminal.waiting:
        await device.stirred.wait()
    device.terminal.abort()  # between the card and the question about the money
    outcome = await device.until_over()
    assert outcome.good
    assert (await box.day()).topped_minor == 2_500
