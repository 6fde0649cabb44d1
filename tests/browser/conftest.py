"""Centre, broker and edge as programs, once for all tests here, and a browser that misses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from demo import chromium
from demo.stage import LOGIN, Stage, stage
from tests.browser.watched import Watched, speak

DESK = (1280, 800)
TILL = (1024, 768)
LIMIT_MS = 10_000

Open = Callable[..., Awaitable[Watched]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skipif(
        not chromium.EXECUTABLE.exists(), reason=f"needs Chromium: {chromium.INSTALL}"
    )
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group("browser"))  # one house for all of them
            item.add_marker(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The demo, standing, with some days of history; its devices are silent until a test speaks for them."""
    async with stage(tmp_path_factory.mktemp("house"), days=9, people=120) as standing:
        yield standing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await chromium.launch(playwright)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def office(house: Stage, browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser that has signed in at head office."""
    context = await browser.new_context(base_url=house.places.central_url, accept_downloads=True)
    context.set_default_timeout(LIMIT_MS)
    page = await context.new_page()
    await sign_in(page, house)
    await page.close()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(office: BrowserContext) -> AsyncIterator[Open]:
    """`await desk("/members")` opens a page of head office; at the end nothing may have gone wrong."""
    opened: list[Watched] = []

    async def open_page(path: str, *, lang: str = "zh_CN") -> Watched:
        """`lang` empty: as the page comes."""
        watched = Watched(await office.new_page())
        opened.append(watched)
        await watched.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        await watched.page.goto(path)
        if lang:
            await speak(watched.page, lang)
        return watched

    yield open_page
    await close(opened)


@pytest_asyncio.fixture(loop_scope="session")
async def till(house: Stage, browser: Browser) -> AsyncIterator[Open]:
    """`await till()` opens the till's page, or another of the store's box, in a browser of its own."""
    opened: list[Watched] = []

    async def open_page(path: str = "/till", *, size: tuple[int, int] = TILL) -> Watched:
        context = await browser.new_context(
            base_url=house.places.edge_url, viewport={"width": size[0], "height": size[1]}
        )
        context.set_default_timeout(LIMIT_MS)
        watched = Watched(await context.new_page())
        opened.append(watched)
        await watched.page.goto(path)
        return watched

    yield open_page
    await close(opened)


async def sign_in(page: Page, house: Stage) -> None:
    await page.goto("/")
    await page.locator("#f-login").fill(LOGIN)
    await page.locator("#f-password").fill(house.password)
    await page.keyboard.press("Enter")
    await page.locator("details.menu").wait_for()


async def close(opened: list[Watched]) -> None:
    for watched in opened:
        await watched.page.close()
    wrong = [each for watched in opened for each in watched.wrong]
    assert not wrong, "\n".join(wrong)
