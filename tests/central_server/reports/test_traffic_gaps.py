"""What a camera or a door could not see is shown as a gap, never as an empty shop; a line is a door, too."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import Any

import httpx

from central_server.calendar import DAY_MS, HOUR_MS
from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.sales import service as sales
from central_server.stores import service as stores
from central_server.traffic import service as traffic
from sync.contract.clock import Stamp
from sync.contract.events import (
    CameraState,
    DeviceState,
    Heartbeat,
    Occupancy,
    Passed,
    SaleCompleted,
    Visited,
)
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 19:06:40 in Shanghai


def fact(event: Any, hours_ago: float) -> list[Fact[Any]]:
    stamp = Stamp("0" * 8, 0, NOW_MS - round(hours_ago * HOUR_MS), True)
    return [Fact(fact_key(1, 7000), EventId("s1", "0" * 16, Lane.COUNT, 7000), stamp, event)]


def beat(*, uptime_s: int) -> Heartbeat:
    numbers: dict[str, Any] = dict.fromkeys(("outbox_rows", "oldest_s", "disk_free_mib", "clock_skew_ms"), 0)
    return Heartbeat(version="1", uptime_s=uptime_s, clock_sure=True, devices_up=2, devices_down=0, **numbers)


async def test_a_covered_camera_is_a_gap_in_the_api_the_chart_and_the_file(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    async with office.transaction() as session:
        for line, inward, hours_ago in (("left", 3, 5), ("right", 4, 5), ("left", 1, 0.05)):
            await traffic.record(
                session, "s2", fact(Passed(device="cam", line=line, inward=inward), hours_ago), NOW_MS
            )
        for state, hours_ago in (("covered", 4.2), ("clear", 1)):
            await traffic.camera_states(
                session, "s2", fact(CameraState(device="cam", state=state), hours_ago), NOW_MS
            )
    seen = (await client.get("/api/traffic?store=s2", headers=as_("analyst"))).json()
    slots = {slot["time"]: slot for slot in seen["slots"]}  # 12:06:40 in Berlin
    assert [slots[f"{hour:02}:00"]["inward"] for hour in range(6, 14)] == [0, 7, None, None, None, 0, 1, None]
    assert [slots[f"{hour:02}:00"]["gap"] for hour in range(7, 12)] == [False, True, True, True, False]
    assert seen["coverage"] < 0.75
    page = (await client.get("/traffic?store=s2", headers=as_("analyst"))).text
    option = json.loads(unescape(re.search(r'data-chart="([^"]*)"', page)[1]))  # type: ignore[index]
    shaded = option["series"][0]["markArea"]["data"]
    assert [[part["xAxis"] for part in one] for one in shaded] == [[1, 3]]
    assert option["series"][0]["data"] == [7, None, None, None, 0, 1]
    text = (await client.get("/traffic.csv?store=s2", headers=as_("analyst"))).text.lstrip("\ufeff")
    lines = list(csv.reader(io.StringIO(text)))
    assert [row[2] for row in lines[7:12]] == ["0", "7", "", "", ""]


async def test_a_line_of_a_camera_is_counted_by_itself(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    async with office.transaction() as session:
        for line, inward in (("left", 3), ("right", 4)):
            await traffic.record(
                session, "s1", fact(Passed(device="cam", line=line, inward=inward), 1), NOW_MS
            )
    for query, inward in (("device=cam", 7), ("device=cam&line=left", 3), ("line=right", 4)):
        seen = (await client.get(f"/api/traffic?{query}", headers=as_("analyst"))).json()
        assert seen["inward"] == inward
    page = (await client.get("/traffic?device=cam&line=left", headers=as_("analyst"))).text
    assert '<option value="left" selected>left</option>' in page
    assert 'name="line"' not in (await client.get("/traffic?device=door", headers=as_("analyst"))).text


async def test_a_door_that_was_down_all_day_is_missed_and_one_that_was_taken_away_is_not(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    async with office.transaction() as session:
        for device, days_ago in (("cam", 2), ("sold", 40)):
            await traffic.record(session, "s2", fact(Passed(device=device, inward=9), days_ago * 24), NOW_MS)
        for device in ("cam", "sold", "printer"):
            down = fact(DeviceState(device=device, state="down"), 36)
            await traffic.device_states(session, "s2", down, NOW_MS)
    seen = (await client.get("/api/traffic?store=s2", headers=as_("analyst"))).json()
    assert (seen["coverage"], seen["inward"], seen["change"]) == (0, 0, None)
    assert {slot["inward"] for slot in seen["slots"]} == {None}
    async with office.reading() as session:
        day = {"from_ms": NOW_MS - DAY_MS, "until_ms": NOW_MS}
        assert await traffic.devices_of(session, stores=["s2"], **day) == {"s2": ["cam"]}


async def test_a_box_that_was_switched_off_is_a_gap_for_its_beams_its_cameras_and_their_areas(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    async with office.transaction() as session:
        for device in ("cam", "door"):
            await traffic.record(session, "s2", fact(Passed(device=device, inward=9), 6), NOW_MS)
        await traffic.visited(
            session, "s2", fact(Visited(device="cam", zone="till", dwell_ms=9000), 6), NOW_MS
        )
        await traffic.occupied(session, "s2", fact(Occupancy(device="cam", zone="till", people=1), 6), NOW_MS)
        for hours_ago in (5.15, 1.1):
            await traffic.box_beats(session, "s2", fact(beat(uptime_s=60), hours_ago), NOW_MS)
        await stores.heard(session, "s2", NOW_MS)
    seen = (await client.get("/api/traffic?store=s2", headers=as_("analyst"))).json()
    slots = {slot["time"]: slot["inward"] for slot in seen["slots"]}  # 12:06:40 in Berlin
    assert [slots[f"{hour:02}:00"] for hour in range(6, 13)] == [18, None, None, None, None, 0, 0]
    dwell = (await client.get("/api/traffic/dwell?store=s2", headers=as_("analyst"))).json()
    hours = {each["hour"]: each["visits"] for each in dwell["hours"]}
    assert hours == {6: 1, 7: None, 8: None, 9: None, 10: None}


async def test_what_was_not_counted_is_held_against_nothing(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    async with office.transaction() as session:
        for hours_ago, inward in ((6, 10), (4, 10), (7 * 24 + 6, 5), (7 * 24 + 3, 90)):
            await traffic.record(session, "s2", fact(Passed(device="cam", inward=inward), hours_ago), NOW_MS)
        for state, hours_ago in (("dark", 3.3), ("up", 1)):
            await traffic.camera_states(
                session, "s2", fact(CameraState(device="cam", state=state), hours_ago), NOW_MS
            )
    seen = (await client.get("/api/traffic?store=s2", headers=as_("analyst"))).json()
    assert (seen["inward"], seen["change"]) == (20, 3.0)


async def test_the_overview_shows_a_gap_and_takes_no_conversion_from_it(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    """The door of s1 was down from 17:06 to 18:06; sales went on."""
    async with office.transaction() as session:
        sale = SaleCompleted(till="1", receipt="G1", currency="CNY", total_minor=700)
        await sales.record(session, "s1", fact(sale, 1.5), NOW_MS)
    seen = (await client.get("/api/reports/overview?store=s1", headers=as_("analyst"))).json()
    hours = {one["hour"]: one for one in seen["hours"]}
    assert [hour for hour, one in hours.items() if one["gap"]] == [17]
    values = hours[17]["values"]
    assert [values[name] for name in ("visitors", "conversion", "sales", "revenue")] == [None, None, 1, 700]
    assert hours[16]["values"]["visitors"] == 20
    page = (await client.get("/?store=s1", headers=as_("analyst"))).text
    option = json.loads(unescape(re.search(r'data-chart="([^"]*)"', page)[1]))  # type: ignore[index]
    assert len(option["series"][0]["markArea"]["data"]) == 1
