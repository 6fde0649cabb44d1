"""Another card at the till while somebody types: nothing is lost, paid by mistake, or seen of a PIN."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from sync.contract.questions import CardShown, Declined
from sync.contract.terminal import PinAwaited
from tests.browser.counter import CARD, OTHER, Counter, counter_of
from tests.edge_agent.web.till_money import PIN

KEY_MS = 40  # from one key to the next: a quick cashier, or a reader that types


@pytest_asyncio.fixture(loop_scope="session")
async def counter(tmp_path: Path, browser: Browser) -> AsyncIterator[Counter]:
    async with counter_of(tmp_path, browser) as standing:
        yield standing


async def present(counter: Counter, number: str, after_ms: int = 0) -> None:
    await asyncio.sleep(after_ms / 1000)
    await counter.edge.till.present("1", CardShown(number=number, technology="magstripe"))


async def pin_asked(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("60")
    await counter.press("Enter")
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()


@pytest.mark.parametrize("after_ms", [0, 20, 45, 70, 100])
async def test_an_amount_is_whole_whenever_another_card_comes_and_enter_does_not_pay_it(
    counter: Counter, after_ms: int
) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    coming = asyncio.ensure_future(present(counter, OTHER, after_ms))
    await counter.page.keyboard.type("150.25", delay=KEY_MS)
    await coming
    await expect(counter.dialog.locator(".whose b")).to_have_text("李**")
    await counter.press("Enter")
    await expect(counter.dialog.locator(".other")).to_contain_text("王**")
    await expect(counter.page.locator("#toast")).to_be_visible()
    await expect(counter.amount).to_have_value("150.25")
    assert not counter.rules.asked


async def test_digits_typed_before_the_form_is_there_stand_in_it(counter: Counter) -> None:
    await counter.show_card()
    typed = asyncio.Event()

    async def slowly(route: Route) -> None:
        await typed.wait()
        await route.continue_()

    await counter.page.route("**/till/money/pay*", slowly)
    await counter.press("F6")
    await counter.page.keyboard.type("12", delay=KEY_MS)
    await counter.press("Enter")
    typed.set()
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type(".5", delay=KEY_MS)
    await expect(counter.amount).to_have_value("12.5")
    assert await counter.page.locator("#text").input_value() == ""
    assert not counter.rules.asked
    await counter.page.unroute("**/till/money/pay*")


async def test_digits_touched_for_a_pin_are_not_taken_for_an_amount(counter: Counter) -> None:
    await pin_asked(counter)
    await present(counter, OTHER)
    await expect(counter.dialog.locator(".other")).to_be_visible()
    await counter.dialog.locator("[data-digit='7']").click()
    await expect(counter.amount).to_have_value("60")
    await counter.dialog.locator("button.primary").click()
    await expect(counter.page.locator("#deed.still")).to_be_visible()
    assert counter.rules.left == 10_000


async def test_who_types_on_slowly_without_looking_does_not_pay_with_the_other_card(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await present(counter, OTHER)
    await expect(counter.dialog.locator(".other")).to_be_visible()
    await counter.page.keyboard.type("1234", delay=400)  # longer than the lock, but never still
    await counter.press("Enter")
    await expect(counter.amount).to_have_value("1234")
    assert not counter.rules.asked
    await expect(counter.page.locator("#deed:not(.still)")).to_be_visible()
    await counter.press("Backspace", "Backspace", "Enter")  # somebody has looked
    await expect(counter.answer).to_have_attribute("data-approved", "1200")


async def test_the_same_card_once_more_changes_nothing(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    at = await counter.dialog.locator("form").get_attribute("data-at")
    await counter.page.keyboard.type("12")
    await present(counter, CARD)
    await expect(counter.dialog.locator(f'form:not([data-at="{at}"])')).to_be_visible()
    await expect(counter.dialog.locator(".other")).to_have_count(0)
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "1200")


@pytest.mark.parametrize("after_ms", [0, 45, 90])
async def test_a_pin_typed_while_another_card_comes_lands_in_no_other_field(
    counter: Counter, after_ms: int
) -> None:
    await pin_asked(counter)
    coming = asyncio.ensure_future(present(counter, OTHER, after_ms))
    await counter.page.keyboard.type("98765432", delay=KEY_MS)
    await coming
    await counter.press("Enter")
    await expect(counter.dialog.locator(".whose b")).to_have_text("李**")
    await counter.page.keyboard.type("1", delay=KEY_MS)
    await expect(counter.amount).to_have_value("60")
    assert await counter.dialog.locator("input[name=receipt]").input_value() == ""
    assert counter.rules.left == 10_000
    assert [each.pin for each in counter.rules.asked] == [""]  # type: ignore[attr-defined]


async def test_the_same_card_once_more_while_its_pin_is_asked_goes_on(counter: Counter) -> None:
    await pin_asked(counter)
    async with counter.page.expect_response("**/till/money/pay*"):
        await present(counter, CARD)
    await counter.page.keyboard.type(PIN, delay=KEY_MS)
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "6000")


async def test_a_pin_that_a_terminal_no_longer_waits_for_is_not_typed_into_the_page(counter: Counter) -> None:
    asked = PinAwaited(till="1", limit_ms=300, amount_minor=90_000, currency="CNY")
    waiting = asyncio.ensure_future(counter.edge.till.waits.pin(asked))
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.page.keyboard.type("9876543210", delay=KEY_MS * 2)
    await waiting
    await expect(counter.dialog).not_to_be_visible()
    await counter.page.keyboard.type("12", delay=KEY_MS)
    assert await counter.page.locator("#text").input_value() == ""


async def test_more_that_is_known_of_the_other_card_does_not_lock_the_form_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()

    async def nothing(card: str = "", member: str = "") -> Declined:
        return Declined("unknown")

    monkeypatch.setattr(counter.rules, "balance", nothing)
    await present(counter, OTHER)
    await expect(counter.page.locator("#deed.still .other")).to_be_visible()
    await expect(counter.page.locator("#deed:not(.still)")).to_be_visible()
    async with counter.page.expect_response("**/till/money/pay*"):
        counter.edge.till.news(counter.edge.till.recent("1")[0].card)
    await expect(counter.page.locator("#deed:not(.still) .other")).to_be_visible()
    await counter.page.keyboard.type("12")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "1200")
