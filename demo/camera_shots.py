"""The picture of a camera that a technician draws on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import Page, ViewportSize

from demo.areas import CAMERA
from demo.stage import Stage

LINE: Final = ((0.08, 0.72), (0.92, 0.72))  # parts of the picture's width and height
SIZE: Final[ViewportSize] = {"width": 1040, "height": 720}  # a camera's picture takes many bytes
TRIED_MS: Final = 8_000  # until the new line has counted somebody, or nobody comes

Picture = Callable[[Page, str], Awaitable[None]]


async def take_technician(page: Page, house: Stage, picture: Picture, name: str) -> None:
    """The technician's page, with a line that is tried and not saved yet, while somebody walks by."""
    before = page.viewport_size
    assert before
    await page.set_viewport_size(SIZE)
    await page.goto(f"{house.places.edge_url}/edge/camera/{CAMERA}")
    await page.locator("#state.up").wait_for()
    await page.locator("#figures:not(:empty)").wait_for()
    await page.locator("[data-draw=line]").click()
    stage = await page.locator("#drawn").bounding_box()
    assert stage
    places = [(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]) for x, y in LINE]
    await page.mouse.move(*places[0])
    await page.mouse.down()
    await page.mouse.move(*places[1], steps=4)
    await page.mouse.up()
    await page.wait_for_timeout(TRIED_MS)
    await page.locator(".seen.sure").first.wait_for()
    await picture(page, name)
    await page.locator("#discard").click()  # or leaving the page would ask
    await page.set_viewport_size(before)
