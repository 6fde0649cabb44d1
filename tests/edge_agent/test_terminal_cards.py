"""Whose card a terminal is paid with: shown once for each payment, to the terminal that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from drivers.base import Heard
from edge_agent.shown import Swipe, Wanted
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown, Declined
from sync.contract.terminal import (
    CardAwaited,
    NeverMind,
    PinAwaited,
    PinGiven,
)
from sync.contract.tokens import card_token
from tests.edge_agent.terminal_box import CARD, CARD_NUMBER, TILL, TOKEN_KEY, TerminalBox, open_box
from tests.edge_agent.terminal_device import Device

OTHER_NUMBER = "6287019900000028"
BANK_NUMBER = "4111111111111111"


@pytest.fixture
async def box(tmp_path: Path, clock: Any, running: Any) -> AsyncIterator[TerminalBox]:
    async with open_box(tmp_path / "edge.db", clock, running) as opened:
        await opened.grant(10_000)
        yield opened


async def test_a_card_that_was_shown_once_does_not_pay_the_next_customers_goods(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    device.terminal.acknowledged()
    await device.until_over()
    standing = box.till.on_page(TILL)
    assert standing is not None
    assert standing.aside == "paid"
    device.terminal.pay(1_000)
    await device.go_on()
    assert device.terminal.waiting
    await box.show_card()
    assert (await device.until_over()).good
    claimed = box.till.claim(TILL, "R1")  # its receipt is printed only now
    assert claimed is not None
    assert claimed.card == CARD


async def test_a_card_whose_payment_was_undone_pays_without_being_shown_again(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    await device.pay(2_500)
    assert (box.till.on_page(TILL) or Swipe("", 0)).aside == "paid"
    device.terminal.unacknowledged()
    await device.until_over()
    assert (box.till.on_page(TILL) or Swipe("", 0)).aside == ""
    assert (await device.pay(1_000)).good


@pytest.mark.parametrize("deed", ["top_up", "refund"])
async def test_a_card_that_was_topped_up_or_given_back_to_is_shown_again_for_more(
    box: TerminalBox, deed: str
) -> None:
    device = Device(box)
    await box.purse(30_000)
    await box.show_card()
    await device.pay(2_500)
    device.terminal.acknowledged()
    await box.show_card()
    getattr(device.terminal, deed)(1_000)
    assert (await device.until_over()).good
    assert box.till.there(TILL) is None


async def test_the_terminal_waits_for_a_card_and_the_page_says_so(box: TerminalBox) -> None:
    device = Device(box)
    device.terminal.pay(2_500)
    await device.go_on()
    assert device.terminal.waiting
    await asyncio.sleep(0)
    assert box.till.waits.wanted(TILL) == Wanted(TILL, "card", 2_500, "CNY", number=1)
    await box.till.present(TILL, CardShown(CARD_NUMBER, "magstripe"))
    assert (await device.until_over()).good
    wanted = [each.what for each in box.shown if isinstance(each, Wanted)]
    assert wanted == ["card", ""]


async def test_nobody_shows_a_card_for_longer_than_the_limit(box: TerminalBox) -> None:
    asked = CardAwaited(till=TILL, limit_ms=1)
    assert await box.terminals.ask(asked) == Declined("no_card")
    assert await box.terminals.ask(NeverMind(till=TILL)) is None


async def test_a_card_that_the_till_has_read_itself_pays_without_a_wait(box: TerminalBox) -> None:
    device = Device(box)
    paid = await device.pay(2_500, named=CardShown(CARD_NUMBER, "magstripe"))
    assert (paid.good, await box.left()) == (True, 7_500)
    (shown,) = box.till.recent(TILL)
    assert shown.technology == "magstripe"


async def test_a_card_shown_while_the_tills_own_is_recorded_is_not_charged_for_it(box: TerminalBox) -> None:
    accept = box.till._outbox.accept

    async def meanwhile(events: Any) -> Any:
        box.till._outbox.accept = accept  # type: ignore[method-assign]
        await box.show_card()
        return await accept(events)

    box.till._outbox.accept = meanwhile  # type: ignore[method-assign]
    there = await box.till.named(TILL, CardShown(OTHER_NUMBER, "magstripe"))
    assert there is not None
    assert there.card == card_token(TOKEN_KEY, OTHER_NUMBER)
    assert (box.till.there(TILL) or there).card == CARD


async def test_a_card_that_a_till_has_read_is_not_another_terminals_that_waits(box: TerminalBox) -> None:
    waits = Device(box, name="other")
    waits.terminal.pay(9_000)
    await waits.go_on()
    await asyncio.sleep(0)
    assert (await Device(box).pay(2_500, named=CardShown(CARD_NUMBER, "magstripe"))).good
    assert waits.terminal.waiting
    assert await box.left() == 7_500


async def test_a_bank_card_that_the_till_has_read_is_refused_and_its_number_not_kept(
    box: TerminalBox,
) -> None:
    box.till._payment_card = lambda number: number == BANK_NUMBER
    accept, events = box.till._outbox.accept, list[Any]()

    async def recorded(new: Any) -> None:
        events.extend(new)
        await accept(new)

    box.till._outbox.accept = recorded  # type: ignore[method-assign,assignment]
    device = Device(box)
    assert (await device.pay(2_500, named=CardShown(BANK_NUMBER, "magstripe"))).reason == "unknown"
    (swipe,) = box.till.recent(TILL)
    assert (swipe.refused, swipe.card) == ("payment_card", "")
    assert events == [CardRefused(device="terminal", till=TILL, reason="payment_card")]


async def test_a_card_number_that_is_none_is_never_another_card_that_lies_there(box: TerminalBox) -> None:
    device = Device(box)
    await box.show_card()
    assert (await device.pay(2_500, named=CardShown("!", "keyboard"))).reason == "unknown"
    assert await box.left() == 10_000


@pytest.fixture
async def two(box: TerminalBox) -> tuple[Device, Device]:
    return Device(box, name="left"), Device(box, name="right")


async def test_another_terminal_of_the_till_is_busy_while_one_waits_for_a_card(
    box: TerminalBox, two: tuple[Device, Device]
) -> None:
    left, right = two
    left.terminal.pay(1_000)
    await left.go_on()
    await asyncio.sleep(0)
    right.terminal.pay(9_000)
    assert (await right.until_over()).reason == "no_card"
    assert left.terminal.waiting
    await box.show_card()
    assert ((await left.until_over()).good, await box.left()) == (True, 9_000)


async def test_a_pin_goes_to_the_amount_it_was_asked_for(box: TerminalBox) -> None:
    waits = box.till.waits
    small = PinAwaited(till=TILL, limit_ms=5_000, amount_minor=100, device="left")
    asked = asyncio.create_task(waits.pin(small))
    await asyncio.sleep(0)
    other = replace(small, amount_minor=90_000, device="right")
    assert await waits.pin(other) == Declined("pin_needed")
    wanted = waits.wanted(TILL)
    assert wanted is not None
    assert wanted.amount_minor == 100
    waits.never_mind(TILL, "right")
    assert waits.give_pin(TILL, wanted.number, "1234")
    assert await asked == PinGiven(pin="1234")
    assert await waits.pin(replace(other, limit_ms=1)) == Declined("pin_needed")  # and has had its turn


async def test_another_terminals_abort_ends_no_wait_but_its_own(
    box: TerminalBox, two: tuple[Device, Device]
) -> None:
    left, right = two
    left.terminal.pay(1_000)
    await left.go_on()
    await asyncio.sleep(0)
    await right.session.hear([Heard(0, NeverMind())])
    await box.show_card()
    assert (await left.until_over()).good
    left.terminal.acknowledged()
    left.terminal.pay(1_000)
    left.stirred.clear()
    await left.go_on()
    await left.session.hear([Heard(0, NeverMind())])
    assert (await left.until_over()).reason == "no_card"


def test_a_number_that_was_read_is_in_no_log() -> None:
    for said in (CardShown(CARD_NUMBER, "magstripe"), CardAwaited(limit_ms=1, number=CARD_NUMBER)):
        assert CARD_NUMBER not in repr(said)
