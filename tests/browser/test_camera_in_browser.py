"""The technician draws on a camera's picture: with mouse, finger, keys; tries, saves, takes back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from demo.programs import free_port
from drivers.counter.camera.eye import CrossedNow, DetectorNow, Past
from tests.browser.camera import LIMIT_MS, PAGE, PHONE, drag, pages_of, save, spot
from tests.browser.watched import Watched
from tests.edge_agent.web.camera_house import CameraHouse, camera_house


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path) -> AsyncIterator[CameraHouse]:
    async with camera_house(tmp_path, free_port()) as standing:
        yield standing


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(shop: CameraHouse, browser: Browser) -> AsyncIterator[Any]:
    async with pages_of(shop, browser) as opens:
        yield opens


async def finger(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A touch that moves, as the browser gets it from a screen."""
    session = await page.context.new_cdp_session(page)
    (x1, y1), (x2, y2) = await spot(page, *start), await spot(page, *end)
    touch = "Input.dispatchTouchEvent"
    await session.send(touch, {"type": "touchStart", "touchPoints": [{"x": x1, "y": y1}]})
    for n in (1, 2, 3, 4):
        point = {"x": x1 + (x2 - x1) * n / 4, "y": y1 + (y2 - y1) * n / 4}
        await session.send(touch, {"type": "touchMove", "touchPoints": [point]})
    await session.send(touch, {"type": "touchEnd", "touchPoints": []})


async def test_a_line_drawn_by_mouse_and_named_stands_in_the_yaml_and_is_taken_back(
    open_page: Any, shop: CameraHouse
) -> None:
    before = shop.file.read_text()
    page = (await open_page()).page
    await expect(page.locator("#picture")).to_have_attribute("width", "64")  # the picture has come
    await drag(page, "line", (0.25, 0.25), (0.75, 0.25))
    name = page.locator('#lines [data-name="line"] input')
    await name.click(click_count=3)
    await page.keyboard.type("侧 门")
    await page.locator('#lines [data-name="侧-门"] [data-turn]').click()
    await drag(page, "person", (0.7, 0.5), (0.8, 0.9))
    await save(page)
    text = shop.file.read_text()
    assert [line for line in before.splitlines() if line not in text.splitlines()] == []
    line = shop.devices()["entrance"].options.lines["侧-门"]
    assert (line.a.x, line.b.x, line.inward) == (
        pytest.approx(0.25, abs=0.01),
        pytest.approx(0.75, abs=0.01),
        "up",
    )
    assert shop.devices()["entrance"].options.persons[0].h == pytest.approx(0.4, abs=0.01)
    await page.locator("#undo").click()
    await expect(page.locator('#lines [data-name="侧-门"]')).to_have_count(0)
    assert shop.file.read_text() == before


async def test_on_a_telephone_a_finger_draws_an_area_and_moves_a_corner_in_chinese(
    open_page: Any, shop: CameraHouse
) -> None:
    shop.eye.pictures_s = (60.0, 60.25)
    watched = await open_page(lang="zh_CN", phone=True)
    page = watched.page
    await page.locator("[data-draw=zone]").tap()
    await finger(page, (0.5, 0.2), (0.9, 0.6))
    await finger(page, (0.9, 0.2), (0.95, 0.1))  # its right upper corner
    await save(page)
    zones = shop.devices()["entrance"].options.zones
    fresh = next(points for name, points in zones.items() if name != "shoes")
    assert fresh[1] == (pytest.approx(0.95, abs=0.02), pytest.approx(0.1, abs=0.02))
    assert fresh[3] == (pytest.approx(0.5, abs=0.02), pytest.approx(0.6, abs=0.02))
    await watched.speaks("zh_CN", "edge_agent")
    await page.locator("#load").tap()
    await expect(page.locator("#player")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await page.locator("[data-hand=in]").scroll_into_view_if_needed()
    await expect(page.locator("#stage")).to_be_in_viewport(ratio=0.9)  # who counts by hand must see
    small = await page.evaluate(
        """() => [...document.querySelectorAll("main button, main input, main select, main a")]
        .filter((one) => one.checkVisibility())
        .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
        .filter(([, box]) => box.height < 47.5 || box.width < 47.5).map(([html]) => html)"""
    )
    assert not small


async def test_a_corner_moves_as_far_as_the_finger_and_pressed_twice_it_goes(
    open_page: Any, shop: CameraHouse
) -> None:
    shop.eye.goes_on(persons=((0.4, 0.2, 0.1, 0.2), (0.4, 0.6, 0.1, 0.2)))
    page = (await open_page(phone=True)).page
    await expect(page.locator("#how")).to_contain_text("Press a corner twice")
    await expect(page.locator("#learned")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await page.locator('#zones [data-name="shoes"] [data-choose]').tap()
    await finger(page, (0.41, 0.62), (0.41, 0.62))  # beside its right upper corner, and no further
    await expect(page.locator("#saved")).to_have_text("As in the settings file")
    await page.wait_for_timeout(600)  # a second press so late is another first one
    await finger(page, (0.41, 0.62), (0.61, 0.42))
    await save(page)
    assert shop.devices()["entrance"].options.zones["shoes"][1] == (
        pytest.approx(0.6, abs=0.005),
        pytest.approx(0.4, abs=0.005),
    )
    await page.locator('#zones [data-name="shoes"] [data-choose]').tap()
    for _ in range(2):
        x, y = await spot(page, 0.6, 0.4)
        await page.touchscreen.tap(x, y)
    await expect(page.locator('[data-corner="3"]')).to_have_count(0)
    await expect(page.locator("#came")).to_be_empty()  # "saved" was said of the drawing before
    await save(page)
    assert len(shop.devices()["entrance"].options.zones["shoes"]) == 3


async def test_keys_draw_move_and_take_away(open_page: Any, shop: CameraHouse) -> None:
    page = (await open_page()).page
    await page.locator("[data-draw=mask]").focus()
    await page.keyboard.press("Enter")
    corner = page.locator('[aria-label^="Mask 1, corner 1"]')
    await expect(corner).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Shift+ArrowUp")
    await save(page)
    mask = shop.devices()["entrance"].options.masks[0]
    assert mask[0] == (pytest.approx(0.41), pytest.approx(0.35))
    await page.locator("#others [data-choose]").click()
    await corner.focus()
    await page.keyboard.press("Delete")  # a corner, while three are left
    await page.keyboard.press("Escape")
    await page.locator("#others [data-remove]").click()
    await save(page)
    assert shop.devices()["entrance"].options.masks == ()


async def test_counts_go_up_while_the_page_is_open_and_begin_from_zero(
    open_page: Any, shop: CameraHouse
) -> None:
    page = (await open_page()).page
    inside = page.locator('#lines [data-name="door"] [data-in]')
    await expect(inside).to_have_text("0")
    shop.eye.goes_on(totals={"door": (5, 1)}, t_s=101.0)
    await expect(inside).to_have_text("2")
    shop.eye.worker = "second"
    shop.eye.goes_on(totals={"door": (1, 0)}, t_s=2.0)
    await expect(inside).to_have_text("3")
    await page.locator("#reset").click()
    await expect(inside).to_have_text("0")
    shop.eye.goes_on(state="covered", picture_s=0.0)
    await expect(page.locator("#state")).to_have_text("something is before the lens")
    shop.eye.goes_on(persons=((0.1, 0.1, 0.05, 0.1), (0.5, 0.6, 0.1, 0.3)))
    await page.locator("#learned").click()
    await expect(page.locator("#learned")).to_be_hidden()
    await drag(page, "line", (0.25, 0.25), (0.75, 0.25))  # drawn though nothing is seen
    shop.eye.crossed = (CrossedNow(t_s=3.0, line="line", way="out"),)
    shop.eye.goes_on(t_s=4.0)
    await expect(page.locator('#lines [data-name="line"] [data-out]')).to_have_text("1")  # not saved yet
    await save(page)
    assert [box.h for box in shop.devices()["entrance"].options.persons] == [0.1, 0.3]


async def test_a_changed_line_is_held_against_a_count_by_hand(open_page: Any, shop: CameraHouse) -> None:
    shop.eye.pictures_s = tuple(60 + n / 4 for n in range(80))
    shop.eye.crossed = tuple(CrossedNow(t_s=60 + n, line="door", way="in") for n in (2, 5, 9))
    page = (await open_page()).page
    await page.locator("#load").click()
    await expect(page.locator("#replaying")).to_be_visible()
    row = page.locator("#compared tr[data-way=in]")
    await expect(row.locator("[data-counted]")).to_have_text("3")
    for _ in range(2):
        await page.locator("[data-hand=in]").click()
    await page.keyboard.press("i")
    await page.keyboard.press("i")
    await expect(row.locator("input")).to_have_value("4")
    await expect(row.locator("[data-off]")).to_have_text("−1")
    await row.locator("input").fill("2")
    await expect(row.locator("[data-off]")).to_have_text("+1")
    shop.eye.refuses = "no tracks are kept"
    await page.locator("#anchor").select_option("centroid")
    await expect(row.locator("[data-counted]")).to_have_text("–")  # not known is not nobody
    await expect(row.locator("[data-off]")).to_have_text("–")
    await page.locator("#speed").select_option("4")
    await page.locator("#play").click()
    await expect(page.locator("#at")).not_to_have_value("0")
    await page.locator("#live").click()
    await expect(page.locator("#player")).to_be_hidden()


async def test_of_a_crowd_the_pictures_come_a_few_at_a_time_and_all_of_them_do(
    open_page: Any, shop: CameraHouse
) -> None:
    shop.eye.pictures_s = tuple(60 + n / 4 for n in range(80))
    shop.eye.room = 30
    page = (await open_page()).page
    await page.locator("#load").click()
    await expect(page.locator("#replaying")).to_be_visible()
    assert await page.locator("#at").get_attribute("max") == "79"
    assert [one.after_s for one in shop.eye.asked if isinstance(one, Past) and one.most] == [
        -1.0,
        67.25,
        74.75,
    ]


async def test_why_it_was_not_saved_goes_away_once_it_is(open_page: Any) -> None:
    page = (await open_page()).page
    await drag(page, "line", (0.25, 0.25), (0.75, 0.25))
    name = page.locator('#lines [data-name="line"] input')
    await name.fill("door")
    await page.locator("#save").click()
    await expect(page.locator("#toast")).to_have_text("This name is there already.")
    await name.fill("side")
    await save(page)
    assert await page.locator("#toast").is_hidden()


async def test_without_a_picture_its_age_is_told_only_when_one_had_come(
    open_page: Any, shop: CameraHouse
) -> None:
    picture_s = shop.eye.sight.picture_s
    shop.eye.goes_on(picture_s=0.0)
    page = (await open_page()).page
    figures = page.locator("#figures")
    await expect(figures).to_have_text("No picture since this page was opened")
    shop.eye.goes_on(picture_s=picture_s)
    await expect(figures).to_contain_text("pictures/s")
    shop.eye.goes_on(picture_s=0.0)
    await expect(figures).to_have_text(re.compile(r"No picture for \d+ s"))


async def test_beside_what_a_picture_costs_stands_how_its_detector_does(
    open_page: Any, shop: CameraHouse
) -> None:
    shop.eye.sight = msgspec.structs.replace(
        shop.eye.sight, detector=DetectorNow(looks=9, look_ms=19.6, seen=7, unseen=1)
    )
    page = (await open_page()).page
    figures = page.locator("#figures")
    await expect(figures).to_contain_text("7 of 8 people seen, 20 ms a look", timeout=LIMIT_MS)
    shop.eye.sight = msgspec.structs.replace(shop.eye.sight, detector=DetectorNow(why="missing"))
    await expect(figures).to_contain_text("without its detector", timeout=LIMIT_MS)
    await expect(figures).to_contain_text("there is no such file", timeout=LIMIT_MS)


async def test_a_mask_is_tried_on_the_kept_pictures_before_it_is_saved(
    open_page: Any, shop: CameraHouse
) -> None:
    shop.eye.pictures_s = tuple(60 + n / 4 for n in range(80))
    shop.eye.crossed = tuple(CrossedNow(t_s=60 + n, line="door", way="in") for n in (2, 5, 9))
    shop.eye.waiting = 80
    page = (await open_page()).page
    await page.locator("#load").click()
    counted = page.locator("#compared tr[data-way=in] [data-counted]")
    await expect(counted).to_have_text("3")
    await expect(page.locator("#again")).to_be_hidden()
    await drag(page, "mask", (0.6, 0.1), (0.9, 0.4))
    again = page.locator("#again")
    await expect(again).to_contain_text("80 of 80 so far")
    await expect(counted).to_have_text("3")
    await page.locator("#live").click()
    await expect(page.locator("#trying")).to_contain_text("80 of 80 so far")  # the live test, too
    await page.locator("#discard").click()
    await drag(page, "line", (0.6, 0.1), (0.9, 0.1))
    await expect(page.locator("#trying")).to_contain_text("Counted by the lines as they are drawn now")


async def test_what_nobody_touched_goes_back_as_it_came_and_an_arrow_stays_on_its_side(
    open_page: Any,
) -> None:
    page = (await open_page()).page
    came, moved = await page.evaluate(
        """async () => {
          const { drawingOf, moveCorner, shapesOf, turn } = await import("/static/shapes.js");
          const drawing = {
            lines: { a: { a: [0.1234567, 0.5], b: [0.9, 0.5], in: "up" } },
            zones: { z: [[0, 0], [1, 0], [1, 1]] },
            masks: [], persons: [[0.1, 0.2, 0.3, 0.1]], anchor: "foot",
          };
          const came = JSON.stringify(drawingOf(shapesOf(drawing), "foot")) === JSON.stringify(drawing);
          const [line] = shapesOf(drawing);
          const moved = [];
          // Its right end goes round its left one, clockwise: in is left of who looks along it, all the way.
          for (let degrees = 0; degrees < 360; degrees += 15) {
            const [x, y] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
            moveCorner(line, 0, [0.5, 0.5], 640, 360);
            moveCorner(line, 1, [0.5 + 0.2 * x, 0.5 + 0.2 * y * (640 / 360)], 640, 360);
            if (degrees % 90 === 0) moved.push(line.way);
          }
          turn(line, 640, 360);
          return [came, [...moved, line.way]];
        }"""
    )
    assert came
    assert moved == ["up", "right", "down", "left", "down"]  # the last: turned, at 345 degrees


async def test_with_its_real_worker_a_camera_is_seen_drawn_on_and_counts_anew(
    tmp_path: Path, browser: Browser
) -> None:
    pytest.importorskip("cv2")
    async with camera_house(tmp_path, free_port(), camera="camera:sim:42") as shop:
        context = await browser.new_context(base_url=shop.url)
        page = await context.new_page()
        watched = Watched(page)
        await page.goto(PAGE)
        figures = page.locator("#figures")
        await expect(figures).to_contain_text("pictures/s", timeout=LIMIT_MS)
        colours = await page.evaluate(
            """() => { const at = document.getElementById("picture");
            return new Set(at.getContext("2d").getImageData(0, 0, at.width, at.height).data).size; }"""
        )
        assert colours > 10
        await drag(page, "line", (0.1, 0.3), (0.9, 0.3))
        await save(page)
        await expect(page.locator('#lines [data-name="line"]')).to_have_count(1)
        await expect(figures).to_contain_text("pictures/s", timeout=LIMIT_MS)  # its next worker
        await expect(page.locator("#state")).to_have_class("state up", timeout=LIMIT_MS)
        await page.locator("#load").click()
        await expect(page.locator("#loaded")).not_to_be_empty()
        await drag(page, "mask", (0.02, 0.02), (0.2, 0.2))
        # A new worker has kept none yet, and a drawing is tried every other second at most.
        some = re.compile(r"[1-9]\d* of \d+ so far")
        await expect(page.locator("#trying")).to_contain_text(some, timeout=LIMIT_MS)
        await page.locator("#load").click()
        await expect(page.locator("#span")).to_contain_text("Compared", timeout=LIMIT_MS)
        await save(page)  # and with it the worker goes that had these pictures
        await expect(page.locator("#span")).to_contain_text("Load the last minutes again", timeout=LIMIT_MS)
        await context.close()
        assert not watched.wrong
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"\xff\xd8\xff" in path.read_bytes()]  # how every JPEG begins
