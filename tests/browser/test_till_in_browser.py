"""The till's page as a cashier uses it: real devices' bytes, a real line that is cut, a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from demo.people import KNOWN_STRIPES
from demo.stage import Stage
from drivers.cardreader.magstripe.protocol import track2
from drivers.cardreader.magstripe.simulator import TEST_BANK_CARD
from tests.browser.cards import another_card, online, stripe, swipe

UNKNOWN_CARD = "6287019999999991"
MASKED = re.compile(r"^\S\*+$")
TARGET_PX = 48


def card(page: Page, sound: str) -> Any:
    return page.locator(f"#swipe .card[data-sound={sound}]")


async def test_a_swipe_shows_the_masked_member_and_sounds_good(till: Any, house: Stage) -> None:
    page = (await till()).page
    await online(page)
    await swipe(page, house, KNOWN_STRIPES[0])
    await expect(card(page, "ok")).to_be_visible()
    await expect(card(page, "ok").locator("h1")).to_have_text(MASKED)
    await expect(page.locator("#recent li").first).to_contain_text("*")


async def test_a_card_that_nobody_knows_calls_for_attention(till: Any, house: Stage) -> None:
    page = (await till()).page
    await online(page)
    await swipe(page, house, UNKNOWN_CARD)
    await expect(card(page, "attention")).to_contain_text("F4")


async def test_a_bank_card_is_refused_and_its_number_shown_nowhere(till: Any, house: Stage) -> None:
    page = (await till()).page
    await online(page)
    await swipe(page, house, TEST_BANK_CARD)
    await expect(card(page, "refused")).to_be_visible()
    assert TEST_BANK_CARD[-6:] not in await page.content()


async def test_a_keyboard_reader_works_wherever_the_focus_is(till: Any) -> None:
    page = (await till()).page
    await page.locator("#sound").focus()
    async with another_card(page):
        await page.keyboard.type(track2(KNOWN_STRIPES[1]))
        await page.keyboard.press("Enter")
    await expect(card(page, "ok").locator("h1")).to_have_text(MASKED)
    await page.locator("#swipe").click()  # on nothing that takes keys
    async with another_card(page):
        await page.keyboard.type(track2(UNKNOWN_CARD))
        await page.keyboard.press("Enter")
    await expect(card(page, "attention")).to_be_visible()
    await expect(page.locator("#text")).to_have_value("")


async def test_a_member_is_found_by_telephone(till: Any) -> None:
    page = (await till()).page
    async with another_card(page):
        await page.locator("#text").fill("138 0000 0003")
        await page.locator("#lookup button").click()
    await expect(card(page, "ok").locator("h1")).to_have_text(MASKED)


async def test_what_is_no_number_is_said_in_words(till: Any) -> None:
    watched = await till()
    watched.refusals_expected = True
    await watched.page.locator("#text").fill("12")
    await watched.page.keyboard.press("Enter")
    await expect(watched.page.locator("#toast")).to_be_visible()
    await watched.speaks("zh_CN", "edge_agent")


async def test_somebody_joins_at_the_till_and_stands_in_head_office(till: Any, desk: Any) -> None:
    page = (await till()).page
    await page.keyboard.press("F4")
    await expect(page.locator("#join input[name=name]")).to_be_focused()
    await page.keyboard.type("欧阳晓")
    await page.locator("#join input[name=phone]").fill("13911112222")
    await page.locator("#join input[name=consent]").check()
    await page.locator("#join button").click()
    await expect(card(page, "ok").locator("h1")).to_have_text("欧**")
    await expect(page.locator("#text")).to_be_focused()
    seen = await desk("/members?q=13911112222")
    for _ in range(50):
        if await seen.page.get_by_role("link", name="欧阳晓").count():
            break
        await seen.page.wait_for_timeout(200)
        await seen.page.reload()
    await expect(seen.page.get_by_role("link", name="欧阳晓")).to_be_visible()


async def test_nobody_joins_twice(till: Any) -> None:
    watched = await till()
    watched.refusals_expected = True
    page = watched.page
    await page.keyboard.press("F4")
    await page.locator("#join input[name=name]").fill("再来")
    await page.locator("#join input[name=phone]").fill("13800000003")
    await page.locator("#join input[name=consent]").check()
    await page.keyboard.press("Enter")
    await expect(page.locator("#toast")).to_contain_text("会员")


async def test_with_the_line_cut_the_till_works_on_and_counts_what_waits(till: Any, house: Stage) -> None:
    page = (await till()).page
    badge = page.locator("#badge .badge")
    await online(page)
    house.line.cut()
    try:
        await expect(badge).to_have_attribute("data-link", "offline", timeout=20_000)
        await swipe(page, house, KNOWN_STRIPES[4])
        await expect(card(page, "ok").locator("h1")).to_have_text(MASKED)
        await expect(badge.locator("b")).to_have_text(re.compile(r"\d"))
    finally:
        house.line.mend()
    await expect(badge).to_have_attribute("data-link", "online", timeout=30_000)
    await expect(badge).to_have_attribute("data-unsent", "0", timeout=30_000)


async def test_the_language_is_switched_by_a_link_and_kept(till: Any) -> None:
    watched = await till()
    await watched.speaks("zh_CN", "edge_agent")
    await watched.page.get_by_role("link", name="English").click()
    await watched.page.locator("html[lang=en]").wait_for()
    await watched.speaks("en", "edge_agent")
    await watched.page.reload()
    await watched.speaks("en", "edge_agent")


@pytest.mark.parametrize("path", ["/till", "/till/display", "/edge"])
async def test_every_page_of_the_box_speaks_both_languages(till: Any, path: str) -> None:
    watched = await till(path)
    await watched.speaks("zh_CN", "edge_agent")
    await watched.page.context.add_cookies(
        [{"name": "tillbeam_lang", "value": "en", "url": watched.page.url}]
    )
    await watched.page.reload()
    await watched.speaks("en", "edge_agent")


async def test_function_keys_do_what_they_say(till: Any) -> None:
    page = (await till()).page
    text, sound = page.locator("#text"), page.locator("#sound")
    await page.keyboard.press("F4")
    await expect(page.locator("#join input[name=name]")).to_be_focused()
    await page.keyboard.press("F2")
    await expect(text).to_be_focused()
    await text.fill("half a num")
    await page.keyboard.press("Escape")
    await expect(text).to_have_value("")
    await expect(sound).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("F9")
    await expect(sound).to_have_attribute("aria-pressed", "false")
    await page.reload()
    await expect(sound).to_have_attribute("aria-pressed", "false")


async def test_the_till_fits_its_screen_with_everything_open(till: Any, house: Stage) -> None:
    page = (await till()).page
    await online(page)
    await swipe(page, house, KNOWN_STRIPES[0])
    await expect(card(page, "ok")).to_be_visible()
    await page.keyboard.press("F4")
    overflowing = await page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll("main, aside, #swipe, .card")]
        .filter((one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)
        .map((one) => one.tagName + " " + one.scrollHeight + "/" + one.clientHeight)"""
    )
    assert not overflowing


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
async def test_every_target_is_big_enough_for_a_thumb(till: Any, lang: str) -> None:
    page = (await till()).page
    await page.context.add_cookies([{"name": "tillbeam_lang", "value": lang, "url": page.url}])
    await page.reload()
    await page.keyboard.press("F4")
    small = await page.evaluate(
        """(most) => [...document.querySelectorAll("a, button, summary, input")]
        .map((one) => one.type === "checkbox" ? one.closest("label") : one)
        .filter((one) => one.checkVisibility())
        .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
        .filter(([, box]) => box.height < most || box.width < most)
        .map(([html, box]) => `${html}: ${box.width} x ${box.height}`)""",
        TARGET_PX,
    )
    assert not small


async def test_the_customer_sees_a_welcome_and_only_a_masked_name(till: Any, house: Stage) -> None:
    page = (await till("/till/display")).page
    await expect(page.locator("h1")).to_have_text("欢迎光临")
    await page.wait_for_timeout(500)  # the stream has no sign of being open on this page
    house.shop.say("reader", stripe(KNOWN_STRIPES[2]))
    await expect(page.locator("h1")).to_contain_text("*")


async def test_the_box_shows_each_device_and_the_line(till: Any) -> None:
    page = (await till("/edge")).page
    await expect(page.locator("tr[data-state=up]")).to_have_count(5)
    await expect(page.locator(".badge")).to_have_attribute("data-link", "online")


async def test_nothing_scrolls_sideways_on_a_telephone(till: Any) -> None:
    for path in ("/till", "/till/display", "/edge"):
        page = (await till(path, size=(375, 700))).page
        assert await page.evaluate("document.documentElement.scrollWidth") <= 375, path
