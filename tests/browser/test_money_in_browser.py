"""Money at the till's page in a real browser, over simple rules: keys, screens, languages, what is kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from sync.contract.events import LeaseRecord, SaleCompleted, Tender
from sync.contract.questions import CardShown, Declined
from sync.contract.terminal import PinAwaited, PinGiven
from tests.browser.counter import CARD, OTHER, Counter, counter_of
from tests.edge_agent.web.till_money import PIN

TARGET_PX = 48


@pytest_asyncio.fixture(loop_scope="session")
async def counter(tmp_path: Path, browser: Browser) -> AsyncIterator[Counter]:
    async with counter_of(tmp_path, browser) as standing:
        yield standing


async def speak(page: Page, lang: str) -> None:
    await page.context.add_cookies([{"name": "tillbeam_lang", "value": lang, "url": page.url}])
    await page.reload()


async def test_paying_by_keyboard_alone(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("30.50")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "3050")
    await counter.press("Enter")
    await expect(counter.dialog).not_to_be_visible()
    await expect(counter.page.locator("#text")).to_be_focused()
    await counter.page.keyboard.type("138")
    await expect(counter.page.locator("#text")).to_have_value("138")
    await expect(counter.page.locator("#swipe [data-purse=value] dd")).to_have_text("¥69.50")


async def test_paying_by_touch_alone(counter: Counter) -> None:
    await counter.show_card()
    await counter.page.locator("[data-deed=pay]").click()
    for digit in ("1", "2", "back", "0", ".", "5"):
        await counter.dialog.locator(f"[data-digit='{digit}']").click()
    await expect(counter.amount).to_have_value("10.5")
    await counter.dialog.locator("button.primary").click()
    await expect(counter.answer).to_have_attribute("data-approved", "1050")
    await counter.dialog.locator("[data-close]").click()
    await expect(counter.dialog).not_to_be_visible()


async def test_a_wrong_pin_is_asked_again_and_the_right_one_pays_what_there_is(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("120")
    await counter.press("Enter")
    pin = counter.dialog.locator("input[name=pin]")
    await expect(pin).to_be_focused()
    await expect(pin).to_have_attribute("type", "password")
    await counter.page.keyboard.type("1111")
    await counter.press("Enter")
    await expect(counter.dialog.locator("[data-reason=pin_wrong]")).to_be_visible()
    await expect(pin).to_have_value("")
    await counter.page.keyboard.type(PIN)
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-rest", "2000")
    assert PIN not in await counter.page.content()
    kept = await counter.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])"
    )
    assert PIN not in kept
    questions = [each for each in counter.rules.asked if getattr(each, "pin", None) is not None]
    assert len({each.txn for each in questions}) == 1  # type: ignore[attr-defined]


async def test_a_reload_in_the_middle_pays_once_and_shows_what_came_of_it(counter: Counter) -> None:
    await counter.show_card()
    # The answer is lost on its way to the page, as when somebody loads it anew.
    await counter.page.route("**/till/pay", lose_the_answer)
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("30")
    await counter.press("Enter")
    await expect(counter.page.locator("#toast")).to_be_visible()
    await counter.page.unroute("**/till/pay")
    await counter.page.reload()
    await expect(counter.answer).to_have_attribute("data-approved", "3000")
    assert counter.rules.left == 7_000
    forgive_the_lost_answer(counter)


async def test_pressing_again_after_no_answer_is_the_same_question(counter: Counter) -> None:
    await counter.show_card()
    await counter.page.route("**/till/pay", lose_the_answer)
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("30")
    await counter.press("Enter")
    await expect(counter.page.locator("#toast")).to_be_visible()
    await counter.page.unroute("**/till/pay")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "3000")
    assert counter.rules.left == 7_000
    forgive_the_lost_answer(counter)


def forgive_the_lost_answer(counter: Counter) -> None:
    """The console's word about the answer that the test has lost."""
    assert "ERR_FAILED" in counter.watched.wrong.pop()


async def lose_the_answer(route: Any) -> None:
    await route.fetch()
    await route.abort()


async def test_the_amount_may_be_typed_before_the_card_is_shown(counter: Counter) -> None:
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await expect(counter.dialog.locator("button.primary")).to_be_disabled()
    await counter.page.keyboard.type("12")
    await counter.edge.till.present("1", CardShown(number=CARD, technology="magstripe"))
    await expect(counter.dialog.locator("button.primary")).to_be_enabled()
    await expect(counter.amount).to_have_value("12")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "1200")


async def test_another_card_in_the_middle_of_a_pin_ends_that_attempt(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("60")
    await counter.press("Enter")
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.edge.till.present("1", CardShown(number=OTHER, technology="magstripe"))
    await expect(counter.page.locator("#toast")).to_be_visible()
    await expect(counter.dialog.locator(".whose")).to_have_text("李**")
    await expect(counter.amount).to_have_value("60")
    assert counter.rules.left == 10_000


async def test_a_receipt_in_the_middle_of_a_pin_ends_that_attempt_and_keeps_the_amount(
    counter: Counter,
) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("60")
    await counter.press("Enter")
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    counter.edge.till.claim("1", "000123")
    await counter.page.keyboard.type(PIN)
    await counter.press("Enter")
    await expect(counter.page.locator("#toast")).to_be_visible()
    await expect(counter.dialog.locator(".whose.waiting")).to_be_visible()
    await expect(counter.amount).to_have_value("60")
    await counter.edge.till.present("1", CardShown(number=CARD, technology="magstripe"))
    await expect(counter.dialog.locator("button.primary")).to_be_enabled()
    assert counter.rules.left == 10_000


async def test_what_is_typed_while_the_form_is_opened_anew_is_not_lost(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("12")
    typed = asyncio.Event()

    async def slowly(route: Any) -> None:
        await typed.wait()
        await route.continue_()

    await counter.page.route("**/till/money/pay*", slowly)
    async with counter.page.expect_request("**/till/money/pay*"):
        counter.edge.till.claim("1", "000123")
    await counter.page.keyboard.type(".5")
    typed.set()
    await expect(counter.dialog.locator("button.primary")).to_be_disabled()
    await counter.page.keyboard.type("0")
    await expect(counter.amount).to_have_value("12.50")
    await counter.page.unroute("**/till/money/pay*")


async def test_a_card_read_by_the_keyboards_reader_closes_the_dialog_and_is_shown(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type(f";{OTHER}=30121010000000?")
    await counter.press("Enter")
    await expect(counter.page.locator("#swipe h1")).to_have_text("李**")
    await expect(counter.dialog).not_to_be_visible()


async def test_topping_up_by_keyboard_and_the_limit_in_words(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F7")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("2000")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-outcome", "top_max")
    await expect(counter.answer).to_contain_text("1000.00")
    await counter.press("Tab", "Enter")  # change the amount
    await expect(counter.amount).to_have_value("2000")
    await counter.dialog.locator("[data-amount='200']").click()
    await counter.amount.focus()
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-approved", "20000")
    assert counter.rules.left == 30_000


async def test_giving_back_by_keyboard_part_and_then_all(counter: Counter) -> None:
    await counter.show_card()
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("30")
    await counter.press("Enter")
    await expect(counter.answer).to_be_visible()
    await counter.press("Enter", "F8")
    await expect(counter.dialog.locator("[data-refund]")).to_be_focused()
    await counter.press("Enter")
    await expect(counter.amount).to_have_value("30.00")
    await counter.page.keyboard.type("10")  # in the place of all of it
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-rest", "2000")
    await counter.press("Enter", "F8")
    await expect(counter.dialog.locator("[data-refund]")).to_be_focused()
    await counter.press("Enter")
    await expect(counter.amount).to_have_value("20.00")
    await counter.press("Enter")
    await expect(counter.answer).to_have_attribute("data-rest", "0")
    await counter.press("Enter", "F8")
    await expect(counter.dialog.locator(".payments .done")).to_be_visible()
    assert counter.rules.left == 10_000


async def test_a_shift_is_seen_closed_and_goes_on(counter: Counter) -> None:
    await counter.edge.outbox.accept(
        [
            SaleCompleted(
                till="1",
                receipt="00001234",
                currency="CNY",
                total_minor=5_000,
                tenders=(Tender("value", 4_500), Tender("cash", 1_000)),
                change_minor=500,
            ),
            LeaseRecord(
                lease="L", number=2, kind="top", purse="P", unit="CNY", amount=20_000, mac="m", till="1"
            ),
        ]
    )
    page = counter.page
    await page.locator("#cashier").fill("张敏")
    await counter.press("Tab", "F10")
    await expect(page.locator("[data-row=cash] .n").last).to_have_text("¥205.00")
    await expect(page.locator("[data-alone=printed]")).to_contain_text("00001234")
    await expect(page.locator("#close [name=cashier]")).to_have_value("张敏")
    await page.locator("#close [name=counted]").fill("200")
    await page.locator("#close [name=sure]").press("Space")
    await counter.press("Enter")
    await expect(page.locator("[data-row=counted] .n").last).to_have_text("-¥5.00")
    await page.locator("a.button").last.click()
    await expect(page.locator("h1")).to_contain_text("2")
    await counter.press("Escape")
    await expect(page.locator("#swipe")).to_be_visible()


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
async def test_every_form_fits_the_tills_screen_with_keys_for_thumbs(counter: Counter, lang: str) -> None:
    page = counter.page
    await speak(page, lang)
    await counter.show_card()
    await expect(page.locator("html")).to_have_attribute("lang", lang.replace("_", "-"))
    for key in ("F6", "F7", "F8"):
        await counter.press(key)
        await expect(counter.dialog).to_be_visible()
        wrong = await page.evaluate(
            """(least) => {
              const dialog = document.getElementById("deed"), found = [];
              const seen = "button, input:not([type=hidden]):not([type=checkbox])";
              if (dialog.scrollHeight > dialog.clientHeight + 1) found.push("scrolls");
              if (dialog.getBoundingClientRect().bottom > innerHeight) found.push("below the screen");
              for (const one of dialog.querySelectorAll(seen)) {
                const box = one.getBoundingClientRect();
                if (box.height < least || box.width < least) found.push(one.outerHTML.slice(0, 60));
              }
              return found;
            }""",
            TARGET_PX,
        )
        assert not wrong, (key, wrong)
        await counter.press("Escape")
    beside = await page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll(".front, .deeds, .deeds > *")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML.slice(0, 60))"""
    )
    assert not beside


async def test_the_customers_screen_shows_paid_and_rest(counter: Counter) -> None:
    display = await counter.page.context.new_page()
    await display.goto("/till/display")
    await display.wait_for_timeout(300)  # the stream has no sign of being open on this page
    await counter.show_card()
    await expect(display.locator("h1")).to_contain_text("王**")
    await counter.press("F6")
    await expect(counter.amount).to_be_focused()
    await counter.page.keyboard.type("120")
    await counter.press("Enter")
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.page.keyboard.type(PIN)
    await counter.press("Enter")
    await expect(display.locator("[data-deed=paid]")).to_contain_text("¥100.00")
    await expect(display.locator(".rest")).to_contain_text("¥20.00")
    await display.close()


async def test_what_comes_out_of_the_printer_is_the_sheet_alone(counter: Counter) -> None:
    await counter.page.goto("/till/shift")
    await counter.page.emulate_media(media="print")
    await expect(counter.page.locator("header")).not_to_be_visible()
    await expect(counter.page.locator("aside")).not_to_be_visible()
    await expect(counter.page.locator(".sheet h1")).to_have_text(re.compile("s001"))


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
async def test_a_pin_that_a_payment_terminal_waits_for_is_typed_here(counter: Counter, lang: str) -> None:
    await speak(counter.page, lang)
    asked = PinAwaited(till="1", limit_ms=30_000, amount_minor=90_000, currency="CNY")
    waits = counter.edge.till.waits
    waiting = asyncio.ensure_future(waits.pin(asked))
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.watched.speaks(lang, "edge_agent")
    await counter.page.keyboard.type(PIN)
    await counter.press("Enter")
    assert await asyncio.wait_for(waiting, 5) == PinGiven(pin=PIN)
    await expect(counter.dialog).not_to_be_visible()
    await expect(counter.page.locator("#wanted [data-wanted]")).to_have_count(0)
    waiting = asyncio.ensure_future(waits.pin(asked))
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.press("Escape")  # the form is put away, and can be had again
    await expect(counter.dialog).not_to_be_visible()
    await counter.page.locator("#wanted [data-pin]").click()
    await expect(counter.dialog.locator("input[name=pin]")).to_be_focused()
    await counter.press("Escape")
    await counter.page.locator("#wanted [data-never]").click()
    assert await asyncio.wait_for(waiting, 5) == Declined("pin_needed")
