"""The last minutes once more: a count by hand is held against what those very pictures tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from demo.programs import free_port
from drivers.counter.camera.eye import CrossedNow, Recount
from tests.browser.camera import drag, pages_of, save
from tests.edge_agent.web.camera_house import CameraHouse, camera_house


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path) -> AsyncIterator[CameraHouse]:
    """Twenty seconds are kept, in which three went in."""
    async with camera_house(tmp_path, free_port()) as standing:
        standing.eye.pictures_s = tuple(60 + n / 4 for n in range(81))
        standing.eye.crossed = tuple(CrossedNow(t_s=60 + n, line="door", way="in") for n in (2, 5, 9))
        yield standing


@pytest_asyncio.fixture(loop_scope="session")
async def page(shop: CameraHouse, browser: Browser) -> AsyncIterator[Page]:
    async with pages_of(shop, browser) as opens:
        yield (await opens()).page


def inward(page: Page, what: str) -> Locator:
    """A cell of the row of those who went in."""
    return page.locator(f"#compared tr[data-way=in] {what}")


async def load(page: Page) -> None:
    await page.locator("#load").click()
    await expect(inward(page, "[data-counted]")).to_have_text("3")
    await expect(page.locator("#span")).to_have_text("Compared: 20 s of 20 s")


async def test_pictures_that_another_worker_kept_are_compared_with_nothing(
    page: Page, shop: CameraHouse
) -> None:
    await load(page)
    for _ in range(3):
        await page.locator("[data-hand=in]").click()
    await expect(inward(page, "[data-off]")).to_have_text("0")
    await page.locator("#lines [data-turn]").click()
    # Its clock began anew and has by now come to where the old one was: others crossed at the same moments.
    shop.eye.worker, shop.eye.crossed = "second", shop.eye.crossed[:1]
    await save(page)
    await expect(page.locator("#span")).to_contain_text("Load the last minutes again")
    await page.locator("#anchor").select_option("centroid")
    await page.wait_for_timeout(500)  # it would have been counted anew by now
    await expect(inward(page, "[data-counted]")).to_have_text("–")
    await expect(inward(page, "[data-off]")).to_have_text("–")
    await expect(inward(page, "input")).to_have_value("3")
    shop.eye.pictures_s = ()
    await page.locator("#load").click()
    await expect(page.locator("#loaded")).to_contain_text("kept from now on")
    await expect(page.locator("#replaying")).to_be_hidden()  # the picture is the one of now again


async def test_a_drawing_is_tried_only_on_what_the_worker_that_answers_has_seen(
    page: Page, shop: CameraHouse
) -> None:
    await drag(page, "line", (0.25, 0.25), (0.75, 0.25))
    shop.eye.worker = "second"
    shop.eye.goes_on(t_s=500.0)  # later on its clock than the drawing was on the clock of the first
    asked = shop.eye.asked
    await expect(page.locator('#lines [data-name="line"] [data-in]')).to_have_text("0")
    for _ in range(60):
        if any(isinstance(one, Recount) and one.from_s == 500.0 for one in asked):
            return
        await page.wait_for_timeout(100)
    raise AssertionError([one for one in asked if isinstance(one, Recount)])


async def test_what_the_camera_has_forgotten_since_is_left_out_of_both_counts(
    page: Page, shop: CameraHouse
) -> None:
    await load(page)
    for second, way in ((2, "in"), (3, "out"), (5, "in"), (9, "in"), (19.75, "out")):
        await page.locator("#at").fill(str(round(second * 4)))
        await page.locator(f"[data-hand={way}]").click()
    await expect(inward(page, "input")).to_have_value("3")
    await expect(inward(page, "[data-off]")).to_have_text("0")
    shop.eye.forgot_s = 64.0
    await page.locator("#lines [data-turn]").click()
    span = page.locator("#span")
    await expect(span).to_have_text(
        "Compared: 16 s of 20 s · The camera no longer knows the first 4 s:"
        " they are left out, and so are 2 counted by hand in them."
    )
    await expect(inward(page, "[data-counted]")).to_have_text("2")
    await expect(inward(page, "input")).to_have_value("2")
    await expect(inward(page, "[data-off]")).to_have_text("0")
    await inward(page, "input").fill("4")  # of the span that is told: those before it stay left out
    await expect(inward(page, "[data-off]")).to_have_text("−2")
    await expect(span).to_contain_text("so are 2 counted by hand")
    shop.eye.forgot_s = 90.0
    await page.locator("#lines [data-turn]").click()
    await expect(span).to_have_text(
        "The camera no longer has these minutes to compare with. Load the last minutes again."
    )
    await expect(inward(page, "[data-counted]")).to_have_text("–")  # not nobody


async def test_a_number_typed_for_a_longer_time_is_held_against_nothing(
    page: Page, shop: CameraHouse
) -> None:
    await load(page)
    await inward(page, "input").fill("3")
    await expect(inward(page, "[data-off]")).to_have_text("0")
    shop.eye.forgot_s = 61.0  # a mask was drawn at once: next to nothing is missing
    await page.locator("#lines [data-turn]").click()
    await expect(page.locator("#span")).to_have_text("Compared: 19 s of 20 s")
    await expect(inward(page, "[data-off]")).to_have_text("0")
    shop.eye.forgot_s = 64.0
    await page.locator("#lines [data-turn]").click()
    await expect(inward(page, "[data-counted]")).to_have_text("2")
    await expect(inward(page, "[data-off]")).to_have_text("–")
    await expect(page.locator("#span")).to_contain_text("No difference is told")
    await inward(page, "input").fill("2")  # counted anew, of what is left
    await expect(inward(page, "[data-off]")).to_have_text("0")


async def test_the_minutes_loaded_before_stay_until_the_next_ones_are_there(page: Page) -> None:
    await load(page)
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/past?after=*", late)
    await page.locator("#load").click()
    await page.locator("[data-hand=in]").click()
    await expect(inward(page, "[data-off]")).to_have_text("+2")
    held.set()
    await expect(inward(page, "input")).to_have_value("")  # another count begins with them
    await expect(inward(page, "[data-counted]")).to_have_text("3")
