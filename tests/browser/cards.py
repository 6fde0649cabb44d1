"""A card at a till, and the page that has heard of it.

A till's page shows the card that stood there before it was opened, perhaps another test's: whoever waits
for *a* card may find that one. These wait for *another*.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, expect

from demo.stage import Stage
from drivers.cardreader.magstripe.protocol import encode_text, track1, track2

LATE_MS = 20_000


def stripe(number: str) -> bytes:
    """What the reader says of a member card."""
    return encode_text(track1(number), track2(number))


async def online(page: Page) -> None:
    """The box has its line, and says so on the page."""
    await expect(page.locator("#badge .badge")).to_have_attribute("data-link", "online", timeout=LATE_MS)


@asynccontextmanager
async def another_card(page: Page) -> AsyncIterator[None]:
    """What is done in the block shows a card at the till; when it ends, the page shows that card."""
    before = await page.locator("#swipe .card").get_attribute("data-at")
    yield
    await expect(page.locator(f'#swipe .card[data-at]:not([data-at="{before}"])')).to_be_visible()


async def swipe(page: Page, house: Stage, number: str) -> None:
    """The card goes through the till's reader, and stands on the page."""
    async with another_card(page):
        house.shop.say("reader", stripe(number))
