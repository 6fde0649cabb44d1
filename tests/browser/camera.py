"""A camera's page in a browser, and what a technician does there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.watched import Watched
from tests.edge_agent.web.camera_house import CameraHouse

PAGE = "/edge/camera/entrance"
PHONE = {"width": 360, "height": 740}
LIMIT_MS = 10_000


@asynccontextmanager
async def pages_of(shop: CameraHouse, browser: Browser) -> AsyncIterator[Callable[..., Awaitable[Watched]]]:
    """`await opens(lang=…, phone=…)`; at the end nothing may have gone wrong."""
    opened: list[Watched] = []

    async def opens(*, lang: str = "en", phone: bool = False) -> Watched:
        how: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if phone else {}
        context = await browser.new_context(base_url=shop.url, **how)
        context.set_default_timeout(LIMIT_MS)
        await context.add_cookies([{"name": "tillbeam_lang", "value": lang, "url": shop.url}])
        watched = Watched(await context.new_page())
        opened.append(watched)
        await watched.page.goto(PAGE)
        await expect(watched.page.locator("#state")).to_have_class("state up")
        return watched

    yield opens
    for watched in opened:
        await watched.page.context.close()
    assert not [each for watched in opened for each in watched.wrong]


async def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the picture, on the screen."""
    await page.locator("#stage").scroll_into_view_if_needed()
    box = await page.locator("#drawn").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


async def drag(page: Page, tool: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    await page.locator(f"[data-draw={tool}]").click()
    await page.mouse.move(*await spot(page, *start))
    await page.mouse.down()
    await page.mouse.move(*await spot(page, *end), steps=4)
    await page.mouse.up()


async def save(page: Page) -> None:
    async with page.expect_response("**/save"):
        await page.locator("#save").click()
    await expect(page.locator("#saved")).to_have_text(re.compile("As in the settings file|与设置文件一致"))
