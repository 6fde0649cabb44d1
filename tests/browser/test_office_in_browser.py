"""Head office's pages as people use them: each in Chinese and in English, on a desk and on a telephone."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from demo.counts import STORE
from demo.people import KNOWN_STRIPES
from demo.stage import LOGIN, Stage
from tests.browser.watched import Watched, speak, spoken

PHONE = (390, 800)
PAGES = (
    "/",
    "/?days=7",
    "/members",
    "/members/new",
    "/sales",
    "/traffic",
    "/traffic?days=7",
    f"/traffic/dwell?store={STORE}",
    "/traffic/dwell?days=7&figure=visits",
    "/fleet",
    f"/fleet/{STORE}",
    f"/fleet/{STORE}/edit",
    "/fleet/demo-airport",
    "/fleet/new",
    "/fleet/orgs",
    "/aside",
    "/staff",
    "/staff/new",
    "/staff/1",
    "/audit",
    "/me",
)
FILES = (
    "/overview",
    "/members",
    "/sales",
    "/traffic",
    "/traffic/dwell",
    "/fleet",
    f"/fleet/{STORE}",
    "/staff",
    "/audit",
)


async def first(page: Page, listed: str, link: str) -> str:
    """Where the first row of a list leads."""
    await page.goto(listed)
    return await page.locator(link).first.get_attribute("href") or ""


async def sideways_px(page: Page) -> int:
    """How far the page reaches beyond a telephone's screen."""
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    return int(await page.evaluate("document.documentElement.scrollWidth")) - PHONE[0]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_speaks_both_languages_and_fits_desk_and_telephone(desk: Any, path: str) -> None:
    await check_in_both_languages(await desk(path, lang=""))


@pytest.mark.parametrize(
    ("listed", "link"), [("/members", "td a"), ("/sales?days=7", "td a[href^='/sales/']")]
)
async def test_what_a_list_leads_to_does_too(desk: Any, listed: str, link: str) -> None:
    watched = await desk(listed, lang="")
    await watched.page.goto(await first(watched.page, listed, link))
    await check_in_both_languages(watched)


async def check_in_both_languages(watched: Watched) -> None:
    page = watched.page
    await expect(page.locator("h1")).to_have_count(1)
    now = await spoken(page)
    for lang in (now, "en" if now == "zh_CN" else "zh_CN"):
        await speak(page, lang)
        await watched.speaks(lang, "central_server")
        assert await sideways_px(page) <= 0, lang


async def test_a_wrong_password_is_said_in_words_and_the_right_one_lets_in(
    house: Stage, browser: Any
) -> None:
    context = await browser.new_context(base_url=house.places.central_url, locale="zh-CN")
    watched = Watched(await context.new_page())
    watched.refusals_expected = True
    page = watched.page
    await page.goto("/members")
    await expect(page.locator("#f-login")).to_be_focused()
    await watched.speaks("zh_CN", "central_server")
    await page.locator("#f-login").fill(LOGIN)
    await page.locator("#f-password").fill("not the password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await watched.speaks("zh_CN", "central_server")
    await page.locator("#f-password").fill(house.password)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/members")
    await page.locator("details.menu summary").click()
    await page.locator("form[action='/logout'] button").click()
    await page.goto("/members")
    await expect(page.locator("#f-login")).to_be_visible()
    await context.close()
    assert not watched.wrong


@pytest.mark.parametrize("path", ["/", "/traffic", "/traffic/dwell", f"/fleet/{STORE}"])
async def test_charts_are_drawn_and_their_figures_stand_in_a_table(desk: Any, path: str) -> None:
    page = (await desk(path)).page
    chart = page.locator(".chart").first
    canvas = chart.locator("canvas").first  # a heat map has three, one on another
    await expect(canvas).to_be_visible()
    coloured = await canvas.evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let at = 0; at < data.length; at += 4)
            if (data[at + 3]) seen.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
          return seen.size;
        }"""
    )
    assert coloured > 20, "axes, letters and bars have more colours than an empty canvas"
    await page.locator("details.figures summary").first.click()
    assert await page.locator("details.figures table").first.locator("tbody tr").count() > 0


async def test_the_tiles_have_small_lines(desk: Any) -> None:
    page = (await desk("/")).page
    await expect(page.locator(".kpi svg.sparkline path")).to_have_count(6)


@pytest.mark.parametrize("path", FILES)
async def test_a_file_is_downloaded_that_a_spreadsheet_opens(desk: Any, path: str) -> None:
    watched = await desk("/" if path == "/overview" else path)
    page = watched.page
    async with page.expect_download() as coming:
        await page.locator("a[download]").first.click()
    download = await coming.value
    assert download.suggested_filename.endswith(".csv")
    text = Path(await download.path()).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows
    assert all(len(row) == len(rows[0]) for row in rows)


@pytest.mark.parametrize("path", ["/members", "/sales?days=7"])
async def test_a_long_list_leads_to_its_next_page(desk: Any, path: str) -> None:
    page = (await desk(path)).page
    before = await page.locator("tbody tr td a").first.get_attribute("href")
    await page.locator("a[rel=next]").click()
    await page.wait_for_url("**after=**")
    assert await page.locator("tbody tr td a").first.get_attribute("href") != before


async def test_a_member_is_found_by_telephone_card_and_name(desk: Any) -> None:
    page = (await desk("/members")).page
    for asked in ("13800000001", KNOWN_STRIPES[0]):
        await page.locator("input[type=search]").fill(asked)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**q=**")
        await expect(page.locator("tbody tr")).to_have_count(1)
    await page.goto("/members?q=nobody-of-that-name")
    await expect(page.locator(".empty")).to_be_visible()


async def test_a_member_made_at_head_office_is_known_at_the_till_within_seconds(desk: Any, till: Any) -> None:
    counter = (await till()).page
    await expect(counter.locator("#badge .badge")).to_have_attribute("data-link", "online", timeout=20_000)
    page = (await desk("/members/new")).page
    await page.locator("#f-name").fill("司徒静")
    await page.locator("#f-phone").fill("13922223333")
    await page.locator("#f-tier").fill("金卡")
    await page.locator("form.stack button[type=submit]").click()
    await expect(page.locator("h1")).to_have_text("司徒静")
    for _ in range(20):
        await counter.locator("#text").fill("13922223333")
        await counter.keyboard.press("Enter")
        await counter.wait_for_timeout(500)
        if await counter.locator("#swipe .card.known h1").count():
            break
    await expect(counter.locator("#swipe h1")).to_have_text("司**")
    await expect(counter.locator("#swipe .chip").first).to_have_text("金卡")
    await page.get_by_role("link", name="修改", exact=True).click()
    await page.locator("#f-tier").fill("白金卡")
    await page.locator("form.stack button[type=submit]").click()
    await expect(page.locator("h1")).to_have_text("司徒静")
    await expect(page.locator("body")).to_contain_text("白金卡")
    history = page.locator("section", has=page.get_by_role("heading", name="变更记录"))
    await expect(history.locator("tbody")).to_contain_text("金卡")


async def test_a_member_without_a_name_is_refused_at_its_field(desk: Any) -> None:
    watched = await desk("/members/new")
    watched.refusals_expected = True
    page = watched.page
    await page.locator("#f-name").fill("无名")
    await page.locator("#f-phone").fill("12")
    await page.locator("form.stack button[type=submit]").click()
    await expect(page.locator(".field.wrong input")).to_have_attribute("aria-invalid", "true")
    await watched.speaks("zh_CN", "central_server")


async def test_a_store_is_entered_and_gets_a_code_for_its_box(desk: Any) -> None:
    watched = await desk("/fleet/new")
    page = watched.page
    await page.locator("#f-id").fill("new-shop")
    await page.locator("#f-name").fill("新店")
    await page.locator("form.stack button[type=submit]").click()
    await page.wait_for_url("**/fleet/new-shop")
    await page.get_by_role("button", name="新设备注册码").click()
    await expect(page.locator(".secret")).to_be_visible()
    await watched.speaks("zh_CN", "central_server")


async def test_the_fleet_says_that_the_stores_box_is_there(desk: Any) -> None:
    watched = await desk("/fleet")
    row = watched.page.locator("tbody tr", has=watched.page.locator(f"a[href='/fleet/{STORE}']"))
    await expect(row.locator(".chip").first).to_have_text("在线")


async def test_head_office_is_walked_through_by_keyboard_alone(desk: Any) -> None:
    page = (await desk("/")).page
    await page.keyboard.press("Tab")
    await expect(page.locator("a.skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#content")).to_be_focused()
    await page.reload()
    for _ in range(4):  # past the skip link, the mark and the overview
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/members")
    await expect(page.locator("input[name=q]")).to_be_focused()  # by itself, once the page stands
    await page.keyboard.type("13800000002")
    await expect(page.locator("input[name=q]")).to_have_value("13800000002")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**q=13800000002**")
    link = page.locator("tbody a").first
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await link.evaluate("(one) => one === document.activeElement"):
            break
    assert await link.evaluate("(one) => getComputedStyle(one).outlineStyle") != "none"
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/members/M*")
    await page.keyboard.press("Shift+Tab")
    await page.go_back()


async def test_without_scripts_every_page_still_says_its_figures(
    house: Stage, office: BrowserContext
) -> None:
    assert office.browser is not None
    plain = await office.browser.new_context(
        base_url=house.places.central_url,
        storage_state=await office.storage_state(),
        java_script_enabled=False,
    )
    page = await plain.new_page()
    await page.goto("/")
    assert await page.locator("details.figures tbody tr").count() > 5
    await page.goto(await first(page, "/members", "td a"))
    await page.locator("#purchases a").click()
    await page.wait_for_url("**/sales?member=M*")
    await plain.close()
