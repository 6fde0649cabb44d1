"""What a camera says as it arrives, on both databases: hours and quarters add up, and gaps are marked."""

from __future__ import annotations

import random
from typing import Any

import sqlalchemy as sa

from central_server.calendar import HOUR_MS, QUARTER_MS
from central_server.db import Database
from central_server.traffic import service
from central_server.traffic.levels import HOLD_MS
from central_server.traffic.models import CameraGap, DwellHour, ZoneNow, ZoneQuarter
from sync.contract.events import CameraState, Devices, DeviceState, Occupancy, Visited

MINUTE_MS = 60_000
EVER = {"from_ms": 0, "until_ms": 2**60}


async def test_visits_add_up_however_they_are_cut_and_land_in_their_own_hours(
    database: Database, now_ms: int, facts: Any
) -> None:
    chance = random.Random(5)
    all_ = [
        fact
        for n in range(150)
        for fact in facts(
            Visited(device="cam", zone=chance.choice("ab"), dwell_ms=chance.randrange(600_000)),
            at_ms=now_ms - n * 30 * MINUTE_MS,  # three days that come at once
        )
    ]
    rest = list(all_)
    chance.shuffle(rest)
    async with database.transaction() as session:
        while rest:
            size = chance.randrange(1, 40)
            await service.visited(session, "s1", rest[:size], now_ms)
            rest = rest[size:]
    async with database.reading() as session:
        rows = (await session.scalars(sa.select(DwellHour))).all()
    for zone in "ab":
        mine = [row for row in rows if row.zone == zone]
        dwells_ms = [fact.event.dwell_ms for fact in all_ if fact.event.zone == zone]
        assert sum(row.visits for row in mine) == len(dwells_ms)
        assert sum(row.dwell_ms for row in mine) == sum(dwells_ms)
        assert sum(row.under_60_s for row in mine) == sum(45_000 <= one < 60_000 for one in dwells_ms)
    assert {row.hour_ms % HOUR_MS for row in rows} == {0}
    assert len({row.hour_ms for row in rows}) > 70


async def test_samples_that_come_one_by_one_or_all_at_once_make_the_same_quarters(
    database: Database, now_ms: int, facts: Any
) -> None:
    at_ms = now_ms // QUARTER_MS * QUARTER_MS
    people = [(0, 1), (2, 4), (5, 2), (20, 0), (29, 3), (90, 5)]
    row = [
        facts(Occupancy(device="cam", zone="till", people=count), at_ms=at_ms + minute * MINUTE_MS)[0]
        for minute, count in people
    ]
    async with database.transaction() as session:
        await service.occupied(session, "s1", row, now_ms + 24 * HOUR_MS)
        for each in row:
            await service.occupied(session, "s2", [each], now_ms + 24 * HOUR_MS)
    found = {}
    async with database.reading() as session:
        for store in ("s1", "s2"):
            rows = await session.scalars(
                sa.select(ZoneQuarter).where(ZoneQuarter.store == store).order_by(ZoneQuarter.quarter_ms)
            )
            found[store] = [
                ((each.quarter_ms - at_ms) // MINUTE_MS, each.known_ms, each.people_ms, each.most)
                for each in rows
            ]
            now = await session.get(ZoneNow, (store, "cam", "till"))
            assert now is not None
            assert (now.people, now.at_ms) == (5, at_ms + 90 * MINUTE_MS)
    assert found["s1"] == found["s2"]
    quarter = 15 * MINUTE_MS
    assert found["s1"] == [
        (0, quarter, (2 * 1 + 3 * 4 + 10 * 2) * MINUTE_MS, 4),
        (15, quarter, (5 * 2 + 9 * 0 + 1 * 3) * MINUTE_MS, 3),
        (30, quarter, 3 * quarter, 3),
        (45, HOLD_MS - 16 * MINUTE_MS, 3 * (HOLD_MS - 16 * MINUTE_MS), 3),
        (90, 0, 0, 5),
    ]


async def test_a_camera_that_sees_nothing_is_a_gap_until_it_sees_or_rests(
    database: Database, now_ms: int, facts: Any
) -> None:
    blind_states = ("down", "frozen", "dark", "covered", "moved", "flooded")
    cases = [(state, end) for state in blind_states for end in ("up", "clear", "resting", "late")]
    span = (now_ms - 5 * HOUR_MS, now_ms - 2 * HOUR_MS)
    async with database.transaction() as session:
        for state, end in cases:
            for hours, each in ((9, "up"), (5, state), (4, "dark"), (2, end), (1, "clear")):
                event = CameraState(device=f"{state} {end}", state=each)  # type: ignore[arg-type]
                row = facts(event, at_ms=now_ms - hours * HOUR_MS)
                await service.camera_states(session, "s1", row, now_ms)
        gaps = (await session.scalars(sa.select(CameraGap))).all()
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
    assert {(gap.device, gap.state) for gap in gaps} == {(f"{state} {end}", state) for state, end in cases}
    assert blind.outages == {("s1", f"{state} {end}"): [span] for state, end in cases}


async def test_closed_hours_are_no_gap(database: Database, now_ms: int, facts: Any) -> None:
    states = [CameraState(device="cam", state=state) for state in ("up", "resting", "up", "late")]
    async with database.transaction() as session:
        await service.camera_states(session, "s1", facts(*states), now_ms)
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
    assert blind.outages == {}


async def test_a_covered_camera_stays_a_gap_while_its_device_comes_and_goes(
    database: Database, now_ms: int, facts: Any
) -> None:
    async with database.transaction() as session:
        covered = facts(CameraState(device="cam", state="covered"), at_ms=now_ms - 3 * HOUR_MS)
        await service.camera_states(session, "s1", covered, now_ms)
        states = [DeviceState(device="cam", state="down"), DeviceState(device="cam", state="up")]
        await service.device_states(session, "s1", facts(*states, at_ms=now_ms - HOUR_MS), now_ms)
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
    assert sorted(blind.outages["s1", "cam"]) == [
        (now_ms - 3 * HOUR_MS, now_ms),
        (now_ms - HOUR_MS, now_ms - HOUR_MS + 1000),
    ]


async def test_a_camera_that_was_taken_away_is_a_gap_no_longer(
    database: Database, now_ms: int, facts: Any
) -> None:
    """The last was taken away and put back, covered, while the box was offline: states come before names."""
    covered = [CameraState(device=name, state="covered") for name in ("left", "stays")]
    async with database.transaction() as session:
        await service.camera_states(session, "s1", facts(*covered, at_ms=now_ms - 9 * HOUR_MS), now_ms)
        down = facts(DeviceState(device="left", state="down"), at_ms=now_ms - 8 * HOUR_MS)
        await service.device_states(session, "s1", down, now_ms)
        back = facts(CameraState(device="back", state="covered"), at_ms=now_ms - HOUR_MS)
        await service.camera_states(session, "s1", back, now_ms)
        for names, hours in ((("stays",), 7), (("stays", "new"), 5), (("stays", "back"), 2)):
            said = facts(Devices(names=names), at_ms=now_ms - hours * HOUR_MS)
            await service.devices_wanted(session, "s1", said, now_ms)
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
    assert {device: sorted(spans) for (_, device), spans in blind.outages.items()} == {
        "left": [
            (now_ms - 9 * HOUR_MS, now_ms - 7 * HOUR_MS),
            (now_ms - 8 * HOUR_MS, now_ms - 7 * HOUR_MS),
        ],
        "stays": [(now_ms - 9 * HOUR_MS + 1000, now_ms)],
        "back": [(now_ms - HOUR_MS, now_ms)],
    }
