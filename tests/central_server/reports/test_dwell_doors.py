"""How long people stay, on the page, in the files and the API: a small shop worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from html import unescape
from typing import Any

import httpx
import pytest

from central_server.calendar import HOUR_MS
from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.traffic import service as traffic
from sync.contract.clock import Stamp
from sync.contract.events import CameraState, Occupancy, Visited
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 2026-11-18 (a Wednesday) 19:06:40 in Shanghai, 12:06:40 in Berlin
WEEK_MS = 7 * 24 * HOUR_MS
FOUR_PM_MS = NOW_MS // HOUR_MS * HOUR_MS - 3 * HOUR_MS


def facts_at(*events: tuple[Any, int]) -> list[Fact[Any]]:
    return [
        Fact(
            fact_key(1, 8000 + n),
            EventId("s1", "0" * 16, Lane.COUNT, 8000 + n),
            Stamp("0" * 8, n, at_ms, True),
            event,
        )
        for n, (event, at_ms) in enumerate(events)
    ]


def visits(zone: str, from_ms: int, *dwells_s: int) -> list[tuple[Visited, int]]:
    """Visits that began a minute apart."""
    return [
        (Visited(device="cam", zone=zone, dwell_ms=s * 1000), from_ms + n * 60_000 + s * 1000)
        for n, s in enumerate(dwells_s)
    ]


@pytest.fixture
async def shop(office: Database) -> Database:
    """Today in s1: 16:00 shoes 30, 60, 90, 300 s and hats 4 s; 18:00 shoes 20 s. In s2 one of 600 s.

    A week ago: 16:00 40 and 80 s, 17:00 three of 700 s, 21:00 one of 500 s. The camera of s1 was covered
    today from 17:00 to 18:00.
    """
    async with office.transaction() as session:
        rows = [
            *visits("shoes", FOUR_PM_MS, 30, 60, 90, 300),
            *visits("hats", FOUR_PM_MS + 120_000, 4),
            *visits("shoes", FOUR_PM_MS + 2 * HOUR_MS, 20),
            *visits("shoes", FOUR_PM_MS - WEEK_MS, 40, 80),
            *visits("shoes", FOUR_PM_MS - WEEK_MS + HOUR_MS, 700, 700, 700),
            *visits("shoes", FOUR_PM_MS - WEEK_MS + 5 * HOUR_MS, 500),
        ]
        await traffic.visited(session, "s1", facts_at(*rows), NOW_MS)
        elsewhere = visits("shoes", NOW_MS - 2 * HOUR_MS, 600)
        await traffic.visited(session, "s2", facts_at(*elsewhere), NOW_MS)
        samples = [
            (Occupancy(device="cam", zone="shoes", people=people), FOUR_PM_MS + minute * 60_000)
            for minute, people in ((0, 1), (5, 4), (10, 0), (120, 2), (181, 3), (186, 1))
        ]
        await traffic.occupied(session, "s1", facts_at(*samples), NOW_MS)
        covered = facts_at(
            (CameraState(device="cam", state="covered"), FOUR_PM_MS + HOUR_MS),
            (CameraState(device="cam", state="clear"), FOUR_PM_MS + 2 * HOUR_MS),
        )
        await traffic.camera_states(session, "s1", covered, NOW_MS)
    return office


async def test_mean_and_distribution_of_each_area_and_hour(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    seen = (await client.get("/api/traffic/dwell?store=s1", headers=as_("analyst"))).json()
    shoes, hats = seen["zones"]
    assert [one["zone"] for one in seen["zones"]] == ["shoes", "hats"]
    assert (shoes["visits"], shoes["mean_s"], shoes["median_s"]) == (5, 100.0, 75.0)
    assert (hats["visits"], hats["mean_s"], hats["median_s"]) == (1, 4.0, 2.5)
    hours = {(one["zone"], one["hour"]): one for one in seen["hours"]}
    four = hours["shoes", 16]
    assert (four["visits"], four["mean_s"], four["coverage"], four["gap"]) == (4, 120.0, 1.0, False)
    lengths = {seen["bounds_s"][n]: count for n, count in enumerate(four["classes"]) if count}
    assert lengths == {45: 1, 90: 1, 120: 1, 450: 1}  # under 45 s, under 1:30, under 2:00, under 7:30
    assert sum(four["classes"]) == 4
    assert seen["total"]["visits"] == 6


async def test_an_hour_in_which_the_camera_was_covered_is_a_gap_and_not_a_zero(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    seen = (await client.get("/api/traffic/dwell?store=s1", headers=as_("analyst"))).json()
    hours = {(one["zone"], one["hour"]): one for one in seen["hours"]}
    five = hours["shoes", 17]
    assert (five["visits"], five["mean_s"], five["coverage"], five["gap"]) == (None, None, 0, True)
    assert (hours["hats", 18]["visits"], hours["hats", 18]["gap"]) == (0, False)
    assert max(hour for _, hour in hours) == 18
    assert seen["total"]["coverage"] == pytest.approx(1 - 1 / 19.11, abs=0.001)
    page = (await client.get("/traffic/dwell?store=s1", headers=as_("analyst"))).text
    heat, by_hour, lengths, people = (
        json.loads(unescape(one)) for one in re.findall(r'data-chart="([^"]*)"', page)
    )
    at_five = by_hour["xAxis"]["data"].index("17:00")
    assert [[x, y] for x, y in heat["series"][1]["data"]] == [[at_five, 0], [at_five, 1]]
    assert [part["xAxis"] for part in by_hour["series"][0]["markArea"]["data"][0]] == [at_five, at_five]
    assert by_hour["series"][0]["data"][at_five] is None
    assert sum(lengths["series"][0]["data"]) == pytest.approx(100, abs=0.3)
    assert people["series"][0]["name"] == "shoes"


async def test_hours_that_are_over_are_held_against_the_same_hours_before(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    seen = (await client.get("/api/traffic/dwell?store=s1", headers=as_("analyst"))).json()
    shoes = seen["zones"][0]
    assert seen["back_days"] == 7
    assert (shoes["before"]["visits"], shoes["before"]["mean_s"]) == (
        2,
        60.0,
    )  # not those of the gap, nor of 21:00
    assert shoes["visits_change"] == pytest.approx(1.5)
    assert shoes["mean_change"] == pytest.approx(100 / 60 - 1)
    assert seen["stores"][0]["coverage"] < 0.95
    assert (
        seen["stores"][0]["visits_change"] is None
    )  # a store is told as a whole, and an hour of it is missing
    week = (await client.get("/api/traffic/dwell?first=2026-11-11", headers=as_("analyst"))).json()
    assert week["total"]["visits"] == 13


async def test_stores_of_two_time_zones_add_up_by_their_own_clocks(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    seen = (await client.get("/api/traffic/dwell", headers=as_("analyst"))).json()
    hours = {(one["zone"], one["hour"]): one["visits"] for one in seen["hours"]}
    assert (hours["shoes", 16], hours["shoes", 10]) == (4, 1)
    assert {one["store"]: one["visits"] for one in seen["stores"]} == {"s1": 6, "s2": 1}
    only = (await client.get("/api/traffic/dwell?zone=hats", headers=as_("analyst"))).json()
    assert (only["total"]["visits"], [one["zone"] for one in only["zones"]]) == (1, ["hats"])


async def test_files_hold_each_day_hour_and_area_and_are_noted(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    answer = await client.get("/traffic/dwell.csv?days=8", headers=as_("analyst"))
    header, *rows = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert header[:6] == ["Store", "Day", "Hour", "Area", "Visits", "Mean, s"]
    assert header[9:11] == ["< 0:05", "0:05 – 0:10"]
    assert [row[:6] for row in rows] == [
        ["s1", "2026-11-11", "16", "shoes", "2", "60.0"],
        ["s1", "2026-11-11", "17", "shoes", "3", "700.0"],
        ["s1", "2026-11-11", "21", "shoes", "1", "500.0"],
        ["s1", "2026-11-18", "16", "hats", "1", "4.0"],
        ["s1", "2026-11-18", "16", "shoes", "4", "120.0"],
        ["s1", "2026-11-18", "18", "shoes", "1", "20.0"],
        ["s2", "2026-11-18", "10", "shoes", "1", "600.0"],
    ]
    assert all(sum(map(int, row[9:])) == int(row[4]) for row in rows)
    sheet = await client.get("/traffic/dwell.xlsx?store=s1&zone=hats", headers=as_("analyst"))
    with zipfile.ZipFile(io.BytesIO(sheet.content)) as book:
        body = book.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r"<t>(.*?)</t>", body)[-3:] == ["s1", "2026-11-18", "hats"]


async def test_people_in_an_area_by_the_quarter_and_now(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    seen = (await client.get("/api/traffic/zones?store=s1", headers=as_("analyst"))).json()
    [shoes] = seen["zones"]
    slots = {slot["time"]: (slot["mean"], slot["most"]) for slot in shoes["slots"]}
    assert len(slots) == 96
    assert slots["16:00"] == (pytest.approx(25 / 15), 4)
    assert slots["16:30"] == (None, None)  # it had said nothing for longer than a camera is ever silent
    assert slots["19:00"] == (3.0, 3)
    [now] = seen["now"]
    assert (now["people"], now["at_ms"]) == (1, FOUR_PM_MS + 186 * 60_000)
    async with shop.transaction() as session:
        down = facts_at((CameraState(device="cam", state="down"), NOW_MS))
        await traffic.camera_states(session, "s1", down, NOW_MS)
    seen = (await client.get("/api/traffic/zones?store=s1&grain=hour", headers=as_("analyst"))).json()
    assert seen["now"][0]["people"] is None
    assert len(seen["zones"][0]["slots"]) == 24


async def test_an_area_of_any_name_may_be_asked_for(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    assert (await client.get("/traffic?device=%00", headers=as_("analyst"))).status_code == 422
    for zone in ("%00", "%ED%A0%80", "';--", "x" * 64, "%F0%9F%91%9F", "<odd>"):
        for path in ("/traffic/dwell", "/traffic/dwell.csv", "/api/traffic/dwell", "/api/traffic/zones"):
            answer = await client.get(f"{path}?zone={zone}", headers=as_("analyst"))
            assert answer.status_code in (200, 400, 422), (path, zone)
            assert "<odd>" not in answer.text
    assert (
        await client.get(f"/api/traffic/dwell?zone={'x' * 65}", headers=as_("analyst"))
    ).status_code == 422


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_the_page_opens_for_a_store_a_chain_an_area_and_nothing(
    client: httpx.AsyncClient, as_: Any, shop: Database, lang: str
) -> None:
    for query in ("", "?store=s1", "?days=92&figure=visits", "?zone=hats&figure=median", "?store=s1&days=7"):
        response = await client.get(f"/traffic/dwell{query}", headers=as_("admin", lang))
        assert response.status_code == 200, response.text[:2000]
        assert "None" not in response.text, query
        assert "shoes" in response.text
    empty = await client.get("/traffic/dwell?day=2020-01-01", headers=as_("admin", lang))
    assert 'class="empty"' in empty.text


async def test_who_may_see_one_store_sees_no_area_of_another(
    client: httpx.AsyncClient, as_: Any, shop: Database
) -> None:
    only = as_("manager", "en", "s2")
    for path in ("/api/traffic/dwell?store=s1", "/api/traffic/zones?store=s1"):
        assert (await client.get(path, headers=only)).json()["zones"] == []
    assert "hats" not in (await client.get("/traffic/dwell", headers=only)).text
    for path in ("/traffic/dwell", "/traffic/dwell.csv", "/api/traffic/dwell", "/api/traffic/zones"):
        assert (await client.get(path, headers=as_("nobody"))).status_code == 403
    assert (await client.get("/traffic/dwell.csv", headers=as_("traffic.read"))).status_code == 403
