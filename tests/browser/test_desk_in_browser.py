"""The desk of cards and money as people use it: by keyboard, in both languages, and by two people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from central_server.staff import service as staff
from central_server.staff.models import User
from central_server.staff.passwords import Passwords
from central_server.staff.rights import RIGHTS
from central_server.staff.service import NewUser
from central_server.web.deps import Viewer
from demo.stage import Stage
from tests.browser.test_office_in_browser import check_in_both_languages, first
from tests.browser.watched import Watched

ROOMS = ("/cards", "/cards/batches", "/cards/programmes", "/cards/programmes/new", "/cards/catalogue")
ROOMS_TOO = ("/cards/leases", "/approvals", "/approvals?state=done")
SECOND = ("second", "four eyes see more than two")


async def samples(page: Page) -> None:
    """The sample programmes, whoever comes first."""
    await page.goto("/cards/programmes")
    await page.locator("form[action='/cards/programmes/samples'] button").click()
    await expect(page.locator("a[href='/cards/programmes/value']")).to_be_visible()


async def card_of(page: Page, batch: str) -> tuple[str, str]:
    """The id and number of a stored-value card that was just made."""
    await page.goto("/cards/batches")
    await page.locator("#f-batch").fill(batch)
    await page.locator("#f-programme").select_option("value")
    await page.locator("#f-count").fill("1")
    await page.keyboard.press("Enter")
    listed = await page.locator("pre").inner_text()
    card, number = listed.strip().split(",")
    return card, number


async def do(page: Page, move: str, **fields: str) -> None:
    """Opens what can be done, fills the form and sends it by keyboard."""
    form = page.locator(f"details:has(input[value='{move}'])")
    await form.locator("summary").focus()
    await page.keyboard.press("Enter")
    for name, value in fields.items():
        field = form.locator(f"[name='{name}']")
        if await field.evaluate("each => each.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await form.locator("button[type=submit]").focus()
    async with page.expect_navigation():  # the old page's "loaded" would be true at once
        await page.keyboard.press("Enter")


@pytest.mark.parametrize("path", [*ROOMS, *ROOMS_TOO])
async def test_a_room_of_the_desk_speaks_both_languages_and_fits(desk: Any, path: str) -> None:
    watched = await desk("/cards", lang="")
    await samples(watched.page)
    await watched.page.goto(path)
    await check_in_both_languages(watched)


async def test_a_card_is_made_sold_found_and_reported_lost_by_keyboard(desk: Any) -> None:
    watched: Watched = await desk("/cards", lang="en")
    page = watched.page
    await samples(page)
    card, number = await card_of(page, "browser-1")
    await page.goto("/cards")
    await page.locator("#f-q").fill(number)
    await page.keyboard.press("Enter")
    await page.locator(f"a[href='/cards/{card}']").press("Enter")
    await expect(page.locator("h1")).to_contain_text(number[-4:])
    await do(page, "issue")
    await do(page, "activate", amount="300", tender="cash")
    await expect(page.locator("main")).to_contain_text("¥300.00")
    await check_in_both_languages(watched)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"/cards/{card}")
    await do(page, "lose", why="phoned")
    await expect(page.locator(".heading .chip")).to_have_class(re.compile("bad"))
    assert await page.locator("details:has(input[value='activate'])").count() == 0


async def test_the_numbers_of_a_new_batch_are_saved_as_a_file_from_that_page(desk: Any) -> None:
    page = (await desk("/cards", lang="en")).page
    await samples(page)
    card, number = await card_of(page, "browser-3")
    async with page.expect_download() as coming:
        await page.locator("a[download^='cards-']").press("Enter")
    download = await coming.value
    assert download.suggested_filename == "cards-browser-3.csv"
    assert f"{card},{number},browser-3," in Path(await download.path()).read_text("utf-8-sig")
    await page.goto("/cards/batches")
    assert await page.locator("a[download^='cards-']").count() == 0


async def test_a_correction_waits_until_another_person_allows_it(
    desk: Any, house: Stage, browser: Any
) -> None:
    watched: Watched = await desk("/cards", lang="en")
    page = watched.page
    await samples(page)
    card, _ = await card_of(page, "browser-2")
    await page.goto(f"/cards/{card}")
    await do(page, "issue")
    await do(page, "activate", amount="100")
    purse = await first(page, f"/cards/{card}", "a[href^='/cards/purses/']")
    await page.goto(purse)
    await check_in_both_languages(watched)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(purse)
    await do(page, "correct", amount="-30.50", why="typed wrong")
    await expect(page).to_have_url(re.compile("/approvals$"))
    await expect(page.locator("h1")).to_be_visible()
    assert await page.locator("button[value=yes]").count() == 0  # whoever asked cannot decide
    await decide_as_another(house, browser)
    await page.goto(purse)
    await expect(page.locator(".balance")).to_have_text("¥69.50")


async def decide_as_another(house: Stage, browser: Any) -> None:
    passwords = Passwords()
    new = NewUser(SECOND[0], "Second", ["finance"], None, "en", True)
    root = Viewer(1, "Root", frozenset(RIGHTS))
    long_ago_ms = 1_700_000_000_000  # whoever has just made a login is no second person with it
    user = await staff.add_user(house.database, passwords, root, new, SECOND[1], now_ms=long_ago_ms)
    async with house.database.transaction() as session:
        (await session.get_one(User, user)).must_change = False
    context = await browser.new_context(base_url=house.places.central_url, locale="en")
    page = await context.new_page()
    await page.goto("/login")
    await page.locator("#f-login").fill(SECOND[0])
    await page.locator("#f-password").fill(SECOND[1])
    await page.keyboard.press("Enter")
    await page.locator("details.menu").wait_for()
    await page.goto("/approvals")
    await page.locator("button[value=yes]").first.press("Enter")
    await expect(page.locator("main")).to_contain_text("Allowed")
    await context.close()
