"""Money at the till of the standing demo: real programs and leases, a cut line, a cashier with keys."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from demo.cashier import captured_minor
from demo.money import PIN
from demo.people import KNOWN_STRIPES
from demo.stage import Stage
from drivers.pos.escpos_tap.encoder import encode_receipt
from sync.contract.events import SaleCompleted
from tests.browser.cards import LATE_MS, online, swipe

# Each test has a card of its own, so that none finds what another has left; these are at the list's end.
CARDS = iter(KNOWN_STRIPES[12:])
RECEIPTS = {"zh_CN": "70000123", "en": "70000124"}


async def a_card_is_ready(page: Page, house: Stage, number: str) -> None:
    """The card is read by the till's reader, and head office has set something aside for it here."""
    await online(page)
    await swipe(page, house, number)
    ready = page.locator("#swipe [data-purse=value] small")
    await expect(ready).to_have_text(re.compile(r"[1-9]"), timeout=LATE_MS)


async def type_amount(page: Page, key: str, amount: str) -> None:
    await page.keyboard.press(key)
    await expect(page.locator("#deed input.amount")).to_be_focused()
    await page.keyboard.type(amount)
    await page.keyboard.press("Enter")


def answer(page: Page) -> Any:
    return page.locator("#deed [data-outcome]")


async def done(page: Page) -> None:
    await page.keyboard.press("Enter")
    await expect(page.locator("#deed")).not_to_be_visible()


async def at_the_centre(house: Stage, minor: int) -> None:
    async with asyncio.timeout(LATE_MS / 1000):
        while await captured_minor(house.database) != minor:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
async def test_a_member_pays_and_head_office_knows(till: Any, house: Stage, lang: str) -> None:
    watched = await till()
    page = watched.page
    await page.context.add_cookies([{"name": "tillbeam_lang", "value": lang, "url": page.url}])
    await page.reload()
    before = await captured_minor(house.database)
    await a_card_is_ready(page, house, next(CARDS))
    await type_amount(page, "F6", "12.50")
    await expect(answer(page)).to_have_attribute("data-approved", "1250")
    await watched.speaks(lang, "edge_agent")
    await done(page)
    await at_the_centre(house, before + 1_250)


async def test_above_the_limit_the_pin_is_asked_and_what_is_missing_is_another_tenders(
    till: Any, house: Stage
) -> None:
    page = (await till()).page
    await a_card_is_ready(page, house, next(CARDS))
    await type_amount(page, "F6", "900")
    pin = page.locator("#deed input[name=pin]")
    await expect(pin).to_be_focused(timeout=LATE_MS)
    await page.keyboard.type("1593")
    await page.keyboard.press("Enter")
    await expect(page.locator("#deed [data-reason=pin_wrong]")).to_be_visible()
    await page.keyboard.type(PIN)
    await page.keyboard.press("Enter")
    await expect(answer(page)).to_have_attribute("data-approved", "55000")  # 500 and 30 bonus, a coupon of 20
    await expect(answer(page)).to_have_attribute("data-rest", "35000")
    await done(page)


async def test_with_the_line_cut_a_card_pays_and_is_topped_up_and_gets_its_money_back(
    till: Any, house: Stage
) -> None:
    page = (await till()).page
    before = await captured_minor(house.database)
    badge = page.locator("#badge .badge")
    await a_card_is_ready(page, house, next(CARDS))
    house.line.cut()
    try:
        await expect(badge).to_have_attribute("data-link", "offline", timeout=LATE_MS)
        await type_amount(page, "F6", "30")
        await expect(answer(page)).to_have_attribute("data-approved", "3000")
        number = await answer(page).locator(".number").inner_text()
        await done(page)
        await type_amount(page, "F7", "100")
        await expect(answer(page)).to_have_attribute("data-approved", "10000")
        await done(page)
        await page.keyboard.press("F8")
        refund = page.locator("#deed [data-refund]").first
        await expect(refund).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#deed input.amount")).to_have_value("30.00")
        await page.keyboard.type("10")
        await page.keyboard.press("Enter")
        await expect(answer(page)).to_have_attribute("data-rest", "2000")
        await done(page)
    finally:
        house.line.mend()
    await expect(badge).to_have_attribute("data-unsent", "0", timeout=LATE_MS * 2)
    await at_the_centre(house, before + 2_000)
    await page.keyboard.press("F8")  # the number is the one it had with the line down
    txn = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", number)
    assert txn
    await expect(page.locator("#deed .payments li").first).to_contain_text(txn[0])


async def test_a_card_that_was_never_shown_here_pays_nothing_while_the_line_is_cut(
    till: Any, house: Stage
) -> None:
    page = (await till()).page
    badge = page.locator("#badge .badge")
    await online(page)
    house.line.cut()
    try:
        await expect(badge).to_have_attribute("data-link", "offline", timeout=LATE_MS)
        await swipe(page, house, next(CARDS))
        await expect(page.locator("#swipe [data-purse=value]")).to_be_visible()
        await type_amount(page, "F6", "5")
        await expect(answer(page)).to_have_attribute("data-outcome", "offline")
        await done(page)
    finally:
        house.line.mend()
    await expect(badge).to_have_attribute("data-link", "online", timeout=LATE_MS * 2)


async def test_the_shift_has_what_cards_paid_and_its_number_goes_on(till: Any, house: Stage) -> None:
    page = (await till()).page
    await a_card_is_ready(page, house, next(CARDS))
    await type_amount(page, "F6", "8")
    await expect(answer(page)).to_have_attribute("data-approved", "800")
    await done(page)
    await page.keyboard.press("F10")
    await expect(page.locator("[data-alone=paid]").last).to_contain_text("8.00")
    number = int(await page.locator("main").get_attribute("data-number") or 0)
    await page.locator("#close [name=sure]").check()
    await page.locator("#close button").click()
    await expect(page.locator("#close")).not_to_be_visible()
    await page.goto("/till/shift?till=1")
    assert int(await page.locator("main").get_attribute("data-number") or 0) == number + 1
    await expect(page.locator("[data-alone]")).to_have_count(0)


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
async def test_a_receipt_that_prints_sets_the_card_aside_until_it_is_shown_again(
    till: Any, house: Stage, lang: str
) -> None:
    watched = await till()
    page = watched.page
    await page.context.add_cookies([{"name": "tillbeam_lang", "value": lang, "url": page.url}])
    await page.reload()
    number, receipt = next(CARDS), RECEIPTS[lang]
    await a_card_is_ready(page, house, number)
    await page.keyboard.press("F6")
    pay = page.locator("#deed button.primary")
    await expect(pay).to_be_enabled()
    await page.keyboard.type("12.50")
    sale = SaleCompleted(till="1", receipt=receipt, currency="CNY", total_minor=1_250)
    house.shop.say("receipts", encode_receipt(sale, language="zh"))
    await expect(page.locator("#swipe [data-aside=receipt] .chip.aside")).to_contain_text(receipt)
    await expect(pay).to_be_disabled()
    await expect(page.locator("#deed .whose.waiting")).to_be_visible()
    await expect(page.locator("#deed input.amount")).to_have_value("12.50")
    await watched.speaks(lang, "edge_agent")
    await page.reload()
    await expect(page.locator("#swipe [data-aside=receipt] .chip.aside")).to_contain_text(receipt)
    await type_amount(page, "F6", "12.50")
    await swipe(page, house, number)
    await expect(page.locator("#swipe [data-aside]")).to_have_count(0)
    await expect(pay).to_be_enabled()
    await expect(page.locator("#deed input.amount")).to_have_value("12.50")
    await page.keyboard.press("Enter")
    await expect(answer(page)).to_have_attribute("data-approved", "1250")
    await done(page)
