"""The technician's pages of cameras: who may, what they see, and what they write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from demo.programs import free_port
from drivers.counter.camera.eye import CrossedNow, Look, Past, Recount
from edge_agent.web.render import LANGUAGE_COOKIE
from tests.edge_agent.web.camera_house import JPEG, CameraHouse, camera_house, settings_text

PAGE = "/edge/camera/entrance"
DRAWING: dict[str, Any] = {
    "lines": {"door": {"a": [0.2, 0.5], "b": [0.8, 0.5], "in": "down"}},
    "zones": {"shoes": [[0.1, 0.6], [0.4, 0.6], [0.4, 0.95], [0.1, 0.95]]},
    "masks": [],
    "persons": [],
    "anchor": "foot",
}
SIDE = {"a": [0.1, 0.1], "b": [0.1, 0.9], "in": "left"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CameraHouse]:
    async with camera_house(tmp_path, free_port()) as standing:
        yield standing


@pytest.fixture
async def browser(house: CameraHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with technician(house) as client:
        yield client


def technician(house: CameraHouse) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=house.url)


async def token(browser: httpx.AsyncClient, path: str = "/till") -> dict[str, str]:
    page = (await browser.get(path)).text
    return {"x-tillbeam-token": page.partition('name="tillbeam-token" content="')[2].partition('"')[0]}


async def stands(browser: httpx.AsyncClient, path: str = PAGE) -> dict[str, Any]:
    page = (await browser.get(path)).text
    text = page.partition('id="stands">')[2].partition("</script>")[0]
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


async def save(browser: httpx.AsyncClient, revision: str, **more: Any) -> httpx.Response:
    body = {"revision": revision, "drawing": DRAWING | more}
    return await browser.post(f"{PAGE}/save", json=body, headers=await token(browser))


async def test_the_list_has_each_camera_with_what_its_worker_says_and_no_other_device(
    browser: httpx.AsyncClient, house: CameraHouse
):
    house.eye.goes_on(state="covered")
    page = (await browser.get("/edge/cameras")).text
    assert 'href="/edge/camera/entrance"' in page
    assert "something is before the lens" in page
    assert 'href="/edge/camera/back"' in page  # its worker does not answer
    assert "reader" not in page
    assert "/edge/cameras" in (await browser.get("/edge")).text


async def test_why_no_picture_comes_is_told_in_the_readers_language(
    browser: httpx.AsyncClient, house: CameraHouse
):
    detail = "127.0.0.1:18999: it answers, but gives no picture; are path and password right?"
    house.eye.goes_on(state="down", detail=detail)
    in_english = (await browser.get(f"{PAGE}/look")).content.partition(b"\n")[0]
    assert msgspec.json.decode(in_english)["detail"] == detail
    browser.cookies.set(LANGUAGE_COOKIE, "zh_CN")
    in_chinese = msgspec.json.decode((await browser.get(f"{PAGE}/look")).content.partition(b"\n")[0])[
        "detail"
    ]
    assert in_chinese.startswith("127.0.0.1:18999：")
    assert "picture" not in in_chinese
    assert in_chinese in (await browser.get("/edge/cameras")).text


async def test_the_picture_comes_with_who_is_seen_and_is_stored_by_nobody(
    browser: httpx.AsyncClient, house: CameraHouse
):
    answer = await browser.get(f"{PAGE}/look")
    line, _, picture = answer.content.partition(b"\n")
    said = msgspec.json.decode(line)
    assert picture == JPEG
    assert said["people"][0]["track"] == 7
    assert said["totals"] == {"door": [3, 1]}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    for path in house.edge.settings.state_dir.rglob("*"):
        if path.is_file():
            assert JPEG[:64] not in path.read_bytes()


async def test_the_last_minutes_come_in_pieces_and_are_counted_by_other_lines(
    browser: httpx.AsyncClient, house: CameraHouse
):
    house.eye.pictures_s = (90.0, 90.25, 90.5)
    house.eye.crossed = (
        CrossedNow(t_s=90.3, line="side", way="in"),
        CrossedNow(t_s=99.0, line="side", way="in"),
    )
    piece = await browser.get(f"{PAGE}/past", params={"after": 90.0, "most": 500})
    assert piece.content.endswith(JPEG + JPEG)
    assert house.eye.asked[-1] == Past(after_s=90.0, most=120)
    mask = [[0, 0], [0.2, 0], [0.2, 0.3]]
    drawn = DRAWING | {"lines": {"side": SIDE}, "masks": [mask], "persons": [[0.1, 0.1, 0.2, 0.3]]}
    wanted = {**drawn, "from_s": 90, "until_s": 91}
    counted = await browser.post(f"{PAGE}/recount", json=wanted, headers=await token(browser))
    assert [one["t_s"] for one in msgspec.json.decode(counted.content)["crossed"]] == [90.3]
    question = house.eye.asked[-1]
    assert isinstance(question, Recount)
    assert question.masks == (tuple(map(tuple, mask)),)
    assert question.persons == ((0.1, 0.1, 0.2, 0.3),)


async def test_a_camera_that_is_down_says_so_and_can_still_be_drawn_on(browser: httpx.AsyncClient):
    answer = await browser.get("/edge/camera/back/look")
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content)["say"] == "shut"
    there = await stands(browser, "/edge/camera/back")
    body = {"revision": there["revision"], "drawing": there["drawing"] | {"lines": {"x": SIDE}}}
    saved = await browser.post("/edge/camera/back/save", json=body, headers=await token(browser))
    assert saved.status_code == 200


async def test_what_is_saved_stands_in_the_file_beside_its_remarks_and_is_in_force(
    browser: httpx.AsyncClient, house: CameraHouse
):
    before = house.file.read_text()
    there = await stands(browser)
    assert there["drawing"] == DRAWING
    answer = await save(browser, there["revision"], lines={"door": DRAWING["lines"]["door"], "侧门": SIDE})
    now = answer.json()
    assert answer.status_code == 200
    assert now["said"] == "Saved in edge.yaml. The camera counts by it now."
    added = "        侧门: {a: [0.1, 0.1], b: [0.1, 0.9], in: left}\n"
    assert house.file.read_text().replace(added, "") == before
    assert house.devices()["entrance"].options.lines["侧门"].inward == "left"
    assert now["undo"]
    taken_back = await browser.post(
        f"{PAGE}/undo", json={"revision": now["revision"]}, headers=await token(browser)
    )
    said = taken_back.json()["said"]
    assert said == "The last save of this camera is taken back in edge.yaml. The camera counts by it now."
    assert house.file.read_text() == before
    assert list(house.devices()["entrance"].options.lines) == ["door"]


async def test_what_is_drawn_stays_in_the_order_of_the_file(browser: httpx.AsyncClient):
    zones = dict.fromkeys(("shoes", "till", "entry"), DRAWING["zones"]["shoes"])
    now = (await save(browser, (await stands(browser))["revision"], zones=zones)).json()
    assert list(now["drawing"]["zones"]) == list(zones)
    assert list((await stands(browser))["drawing"]["zones"]) == list(zones)


async def test_saves_are_taken_back_step_by_step_whatever_was_saved_for_another_camera(
    browser: httpx.AsyncClient, house: CameraHouse
):
    before, key = house.file.read_text(), await token(browser)
    for name in ("first", "second"):
        assert (
            await save(browser, (await stands(browser))["revision"], lines={name: SIDE})
        ).status_code == 200
    there = await stands(browser, "/edge/camera/back")
    body = {"revision": there["revision"], "drawing": there["drawing"] | {"lines": {"other": SIDE}}}
    assert (await browser.post("/edge/camera/back/save", json=body, headers=key)).status_code == 200
    now = await stands(browser)
    for lines in (["first"], ["door"]):
        assert now["undo"]
        now = (await browser.post(f"{PAGE}/undo", json={"revision": now["revision"]}, headers=key)).json()
        assert list(house.devices()["entrance"].options.lines) == lines
        assert list(house.devices()["back"].options.lines) == ["other"]
    assert not now["undo"]
    assert set(before.splitlines()) < set(house.file.read_text().splitlines())


async def test_who_saves_over_a_changed_file_is_told_and_may_then(
    browser: httpx.AsyncClient, house: CameraHouse
):
    there = await stands(browser)
    house.file.write_text(house.file.read_text().replace("keep_days: 7", "keep_days: 9"))
    refused = await save(browser, there["revision"], lines={})
    assert refused.status_code == 409
    assert "somebody changed the settings file" in refused.json()["said"]
    assert "door:" in house.file.read_text()
    again = await save(browser, refused.json()["revision"], lines={})
    assert again.status_code == 200
    assert "A restart is needed for other changes in the file: outbox" in again.json()["said"]
    assert "door:" not in house.file.read_text()


async def test_a_drawing_that_the_settings_do_not_allow_is_refused_with_its_reason(
    browser: httpx.AsyncClient, house: CameraHouse
):
    there, before = await stands(browser), house.file.read_text()
    spaces = await save(browser, there["revision"], zones={"a b": DRAWING["zones"]["shoes"]})
    assert spaces.status_code == 422
    assert "edge.yaml" in spaces.json()["said"]
    for wrong in (
        {"masks": [[[0, 0], [1, 1]]]},
        {"persons": [[0, 0, 1, 1]] * 3},
        {"anchor": "head"},
        {"x": 1},
    ):
        answer = await save(browser, there["revision"], **wrong)
        assert answer.status_code == 422, wrong
    assert house.file.read_text() == before


async def test_with_mistakes_in_the_file_the_page_shows_what_is_in_force(
    browser: httpx.AsyncClient, house: CameraHouse
):
    house.file.write_text(settings_text(1) + "oops: 1\n")
    page = await browser.get(PAGE)
    assert "The settings file has mistakes" in page.text
    assert "oops" in page.text
    there = await stands(browser)
    assert (there["drawing"], there["revision"]) == (DRAWING, "")


@pytest.mark.parametrize(
    "now", ["name: side\n    driver: counter.camera", "name: back\n    driver: counter.beam"]
)
async def test_a_camera_that_is_none_any_more_in_the_file_is_shown_and_not_written(
    browser: httpx.AsyncClient, house: CameraHouse, now: str
):
    page = "/edge/camera/back"
    before = await stands(browser, page)
    there = house.file.read_text()
    house.file.write_text(there.replace("name: back\n    driver: counter.camera", now))
    stood = await stands(browser, page)
    assert (stood["drawing"], stood["revision"]) == (before["drawing"], "")
    body = {"revision": before["revision"], "drawing": DRAWING}
    answer = await browser.post(f"{page}/save", json=body, headers=await token(browser))
    told = "There is no such camera in the settings any more."
    assert (answer.status_code, answer.json()["said"], stood["trouble"]) == (409, told, told)


async def test_a_camera_that_nobody_has_heard_of_gets_a_friendly_answer(browser: httpx.AsyncClient):
    for name in ("nobody", "reader", "%3Cb%3E"):
        answer = await browser.get(f"/edge/camera/{name}")
        assert answer.status_code == 404
        assert "/edge/cameras" in answer.text
        assert "<b>" not in answer.text


async def test_a_worker_is_looked_at_four_times_a_second_however_many_pages_there_are(
    browser: httpx.AsyncClient, house: CameraHouse
):
    import asyncio
    import time

    began = time.monotonic()
    await asyncio.gather(*(browser.get(f"{PAGE}/look") for _ in range(4)))
    assert time.monotonic() - began >= 0.7
    assert [type(one) for one in house.eye.asked] == [Look] * 4


# Who may

ELSEWHERE = {"x-forwarded-for": "192.0.2.7"}


async def test_without_a_pin_the_pages_open_on_the_box_alone(browser: httpx.AsyncClient):
    for path in ("/edge/cameras", PAGE):
        assert (await browser.get(path)).status_code == 200
        away = await browser.get(path, headers=ELSEWHERE)
        assert away.status_code == 403
        assert "technician_pin" in away.text
    for path in (f"{PAGE}/look", f"{PAGE}/past"):
        away = await browser.get(path, headers=ELSEWHERE)
        assert (away.status_code, away.text) == (403, "This page opens on the box itself only.")
    key = await token(browser)
    for path in (f"{PAGE}/save", f"{PAGE}/undo", f"{PAGE}/recount"):
        assert (await browser.post(path, json={}, headers=key | ELSEWHERE)).status_code == 403
        assert (await browser.post(path, json={})).status_code == 403  # not without the page's token


@pytest.fixture
async def shut(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before a box whose settings have a PIN."""
    async with (
        camera_house(tmp_path, free_port(), web=", technician_pin: '246810'") as house,
        technician(house) as client,
    ):
        yield client


async def test_with_a_pin_whoever_types_it_may_and_nobody_else_even_here(shut: httpx.AsyncClient):
    away = await shut.get(PAGE)
    assert away.headers["location"] == "/edge/door?to=%2Fedge%2Fcamera%2Fentrance"
    assert (await shut.get(f"{PAGE}/look")).status_code == 401
    key = await token(shut, "/edge/door")
    wrong = await shut.post("/edge/door", json={"pin": "000000"}, headers=key)
    assert (wrong.status_code, wrong.text) == (422, "This is not the PIN.")
    right = await shut.post("/edge/door", json={"pin": "246810"}, headers=key | ELSEWHERE)
    assert right.status_code == 204
    for part in ("HttpOnly", "SameSite=strict", "Path=/edge"):
        assert part in right.headers["set-cookie"]
    assert (await shut.get(f"{PAGE}/look", headers=ELSEWHERE)).status_code == 200
    assert 'id="leave"' in (await shut.get("/edge/cameras")).text
    await shut.post("/edge/door/leave", headers=key)
    assert (await shut.get(f"{PAGE}/look")).status_code == 401


async def test_nobody_tries_all_pins(shut: httpx.AsyncClient):
    key = await token(shut, "/edge/door")
    tried = [await shut.post("/edge/door", json={"pin": f"{n:06}"}, headers=key) for n in range(11)]
    assert [answer.status_code for answer in tried] == [422] * 10 + [429]
    right = await shut.post("/edge/door", json={"pin": "246810"}, headers=key)
    assert right.status_code == 429


async def test_the_door_leads_nowhere_else(browser: httpx.AsyncClient):
    for to in ("https://evil.example", "//evil.example", "/till"):
        answer = await browser.get("/edge/door", params={"to": to})
        assert answer.headers["location"] == "/edge/cameras"


def test_the_pages_bring_no_library_of_pictures_into_the_agent():
    code = "import sys, edge_agent.web.cameras; assert not {'cv2', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=Path(__file__).parents[3])
