"""The pictures of money: a card that pays at the till, what is owed then, and both sides of it reconciled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import Page

from demo.people import KNOWN_STRIPES
from demo.stage import Stage
from drivers.cardreader.magstripe.protocol import encode_text, track1, track2
from drivers.pos.escpos_tap.encoder import encode_receipt
from sync.contract.events import SaleCompleted, SaleLine, Tender
from sync.contract.money import format_minor

CURRENCY: Final = "CNY"
PAID: Final = (("拿铁", 2_600), ("三明治", 980), ("水果篮", 12_800))  # the last is in the picture
SETTLED_MS: Final = 1_500  # a card was read, and head office has answered

Picture = Callable[[Page, str], Awaitable[None]]


async def take_money(page: Page, house: Stage, picture: Picture) -> None:
    """`pay`, `liability` and `reconciliation`, in the language of the page. The till's page must be open."""
    for number, (goods, amount_minor) in enumerate(PAID, 1):
        await _pay(
            page, house, KNOWN_STRIPES[-number], f"{90_000_000 + number}", goods, amount_minor, picture
        )
    await page.locator(".badge[data-link=online][data-unsent='0']").wait_for()
    centre = house.places.central_url
    for path, name in (
        ("/cards/reports/liability", "liability"),
        ("/reconciliation?days=1", "reconciliation"),
    ):
        await page.goto(f"{centre}{path}")
        await page.wait_for_load_state("load")
        await picture(page, name)


async def _pay(
    page: Page, house: Stage, card: str, receipt: str, goods: str, minor: int, picture: Picture
) -> None:
    """The card is shown, pays, and the till prints the receipt that says so."""
    house.shop.say("reader", encode_text(track1(card), track2(card)))
    await page.wait_for_timeout(SETTLED_MS)
    await page.locator("#swipe .card:not([data-aside]) [data-purse=value] small").wait_for()
    await page.keyboard.press("F6")
    amount = page.locator("#deed input.amount")
    await page.locator("#deed input[name=receipt]").fill(receipt)
    await amount.click()
    await page.keyboard.type(format_minor(minor, CURRENCY))
    if (goods, minor) == PAID[-1]:
        await picture(page, "pay")
        await amount.click()
    await page.keyboard.press("Enter")
    await page.locator(f"#deed [data-approved='{minor}']").wait_for()
    await page.keyboard.press("Enter")
    await page.locator("#deed").wait_for(state="hidden")
    sale = SaleCompleted(
        till="1",
        receipt=receipt,
        currency=CURRENCY,
        total_minor=minor,
        lines=(SaleLine(name=goods, amount_minor=minor),),
        tenders=(Tender("value", minor),),
    )
    house.shop.say("receipts", encode_receipt(sale, "gbk", "zh", "好邻居便利店"))
    await page.locator("#swipe [data-aside=receipt]").wait_for()  # it was read, and ends this card's turn
