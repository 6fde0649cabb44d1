"""What stores say about themselves, and how the fleet page judges it."""

from __future__ import annotations

import csv
import io

import pytest
import sqlalchemy as sa

from central_server.stores import service
from central_server.stores.models import Happening, HealthHour
from central_server.web.deps import Viewer
from sync.contract.events import Alarm, DeviceState, Heartbeat

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def beat(**more: object) -> Heartbeat:
    well = {
        "version": "1.0",
        "uptime_s": 60,
        "outbox_rows": 0,
        "oldest_s": 0,
        "disk_free_mib": 9000,
        "clock_skew_ms": 5,
        "clock_sure": True,
        "devices_up": 3,
        "devices_down": 0,
    }
    return Heartbeat(**(well | more))  # type: ignore[arg-type]


async def states_of(database, viewer: Viewer, now_ms: int) -> dict[str, tuple[str, list[str]]]:
    async with database.reading() as session:
        rows = await service.fleet(session, viewer, now_ms=now_ms)
    return {row.store.id: (str(row.state), list(row.reasons)) for row in rows}


@pytest.mark.parametrize(
    ("silent_ms", "state"),
    [(0, "online"), (90_000, "online"), (90_001, "late"), (300_000, "late"), (300_001, "offline")],
)
async def test_a_store_is_late_after_one_and_a_half_heartbeats(
    database, add_store, clock, root, silent_ms, state
) -> None:
    await add_store("s1")
    async with database.transaction() as session:
        await service.heard(session, "s1", clock.now_ms)
    assert (await states_of(database, root, clock.now_ms + silent_ms))["s1"][0] == state


async def test_those_that_need_somebody_stand_first(database, add_store, clock, root, facts) -> None:
    now = clock.now_ms
    for store in ("a-new", "b-well", "c-alarm", "d-full", "e-gone"):
        await add_store(store)
    async with database.transaction() as session:
        for store, event in (("b-well", beat()), ("c-alarm", beat()), ("d-full", beat(disk_free_mib=3))):
            await service.heartbeats(session, store, facts((event, now)), now)
        await service.alarms(session, "c-alarm", facts((Alarm(name="lane_stuck", raised=True), now)), now)
        await service.heard(session, "e-gone", now - HOUR_MS)
    states = await states_of(database, root, now)
    assert states == {
        "e-gone": ("offline", ["not heard"]),
        "c-alarm": ("online", ["alarm"]),
        "d-full": ("online", ["disk full"]),
        "b-well": ("online", []),
        "a-new": ("new", []),
    }
    assert list(states) == ["e-gone", "c-alarm", "d-full", "b-well", "a-new"]


async def test_an_hour_keeps_the_worst_of_its_heartbeats(database, add_store, clock, facts) -> None:
    hour = clock.now_ms // HOUR_MS * HOUR_MS
    async with database.transaction() as session:
        for rows, disk, skew in ((5, 900, -70), (9, 800, 20)):
            event = beat(outbox_rows=rows, disk_free_mib=disk, clock_skew_ms=skew)
            await service.heartbeats(session, "s1", facts((event, hour), (beat(), hour + 1)), hour)
        await service.heartbeats(session, "s1", facts((beat(), hour + HOUR_MS)), hour + HOUR_MS)
    async with database.reading() as session:
        first, second = await service.hours(session, "s1", 0)
    assert (first.hour_ms, first.beats, first.outbox_rows_most) == (hour, 4, 9)
    assert (first.disk_free_mib_least, first.clock_skew_ms_most) == (800, 70)
    assert (second.hour_ms, second.beats) == (hour + HOUR_MS, 1)


async def test_a_clock_that_cannot_be_right_counts_from_arrival(database, clock, facts) -> None:
    async with database.transaction() as session:
        await service.heartbeats(session, "s1", facts((beat(), 5)), clock.now_ms)
    async with database.reading() as session:
        (hour,) = await service.hours(session, "s1", 0)
    assert hour.hour_ms == clock.now_ms // HOUR_MS * HOUR_MS


async def test_a_device_shows_since_when_it_is_as_it_is(database, clock, facts) -> None:
    now = clock.now_ms
    ups_and_downs = facts(
        (DeviceState(device="till", state="up"), now),
        (DeviceState(device="door", state="up"), now + 1),
        (DeviceState(device="till", state="down", detail="unplugged"), now + 2),
        (DeviceState(device="till", state="down", detail="still"), now + 3),
    )
    async with database.transaction() as session:
        await service.device_states(session, "s1", ups_and_downs[:2], now)
        await service.device_states(session, "s1", ups_and_downs[2:], now)
    async with database.reading() as session:
        door, till = await service.devices(session, "s1")
        told = await service.happenings(session, "s1", 10)
    assert (door.state, door.since_ms, door.changes) == ("up", now + 1, 1)
    assert (till.state, till.since_ms, till.detail, till.changes) == ("down", now + 2, "still", 2)
    assert [one.state for one in told] == ["down", "down", "up", "up"]


async def test_an_alarm_is_open_until_it_is_over(database, clock, facts) -> None:
    now = clock.now_ms
    raised, again, over = facts(
        (Alarm(name="disk_full", raised=True, detail="3 MiB"), now),
        (Alarm(name="disk_full", raised=True, detail="2 MiB"), now + 1),
        (Alarm(name="disk_full", raised=False), now + 2),
    )
    async with database.transaction() as session:
        await service.alarms(session, "s1", [raised, again], now)
        (alarm,) = await service.open_alarms(session, "s1")
        assert (alarm.since_ms, alarm.detail) == (now, "2 MiB")
        await service.alarms(session, "s1", [over], now)
        assert await service.open_alarms(session, "s1") == []
        both = facts((Alarm(name="x", raised=True), now), (Alarm(name="x", raised=False), now))
        await service.alarms(session, "s1", [*both, *facts((Alarm(name="x", raised=True), now))], now)
        assert len(await service.open_alarms(session, "s1")) == 1


async def test_history_is_forgotten_in_time_and_what_is_now_stays(database, clock, facts) -> None:
    async with database.transaction() as session:
        await service.heartbeats(session, "s1", facts((beat(), clock.now_ms)), clock.now_ms)
        state = DeviceState(device="till", state="up")
        await service.device_states(session, "s1", facts((state, clock.now_ms)), clock.now_ms)
    await service.prune(database, clock.now_ms + 31 * 24 * HOUR_MS, health_days=30)
    async with database.reading() as session:
        assert (await session.scalars(sa.select(HealthHour))).all() == []
        assert (await session.scalars(sa.select(Happening))).all() == []
        assert len(await service.devices(session, "s1")) == 1


async def test_the_fleet_and_a_store_as_pages_files_and_json(
    client, as_viewer, database, add_store, clock, facts
) -> None:
    now = clock.now_ms
    await add_store("s1", region="=East")
    await add_store("s2")
    async with database.transaction() as session:
        await service.heartbeats(session, "s1", facts((beat(outbox_rows=1234, oldest_s=700), now)), now)
        down = DeviceState(device="front-till", state="down", detail="<unplugged>")
        await service.device_states(session, "s1", facts((down, now)), now)
    as_viewer("admin")
    fleet = (await client.get("/fleet")).text
    assert "1,234" in fleet
    assert "events wait" in fleet
    assert fleet.index("Store s1") < fleet.index("Store s2")
    assert "Store s2" not in (await client.get("/fleet?state=online")).text
    assert "No store here" in (await client.get("/fleet?q=nowhere")).text
    page = (await client.get("/fleet/s1")).text
    assert "&lt;unplugged&gt;" in page
    assert "data-chart" in page
    rows = list(csv.reader(io.StringIO((await client.get("/fleet.csv")).text.lstrip("\ufeff"))))
    assert rows[1][:4] == ["s1", "Store s1", "'=East", "online"]
    history = list(csv.reader(io.StringIO((await client.get("/fleet/s1.csv")).text.lstrip("\ufeff"))))
    assert history[1][1:] == ["front-till", "", "down", "<unplugged>"]
    state = (await client.get("/api/v1/stores/s1")).json()
    assert state["now"]["reasons"] == ["events wait"]
    assert state["devices"][0]["state"] == "down"
    assert [row["store"] for row in (await client.get("/api/v1/fleet")).json()] == ["s1", "s2"]
    assert (await client.get("/api/v1/stores/s1/health")).json()[0]["beats"] == 1
    assert (await client.get("/fleet/s3")).status_code == 404


async def test_who_may_see_some_stores_sees_only_those(client, as_viewer, add_store) -> None:
    await add_store("s1")
    await add_store("s2")
    header = as_viewer("manager", stores=frozenset({"s2"}))
    assert [row["store"] for row in (await client.get("/api/v1/fleet")).json()] == ["s2"]
    assert "Store s1" not in (await client.get("/fleet")).text
    for method, path in (
        ("GET", "/fleet/s1"),
        ("GET", "/fleet/s1.csv"),
        ("GET", "/fleet/s1/edit"),
        ("POST", "/fleet/s1/code"),
        ("POST", "/fleet/s1/revoke"),
        ("POST", "/fleet/s1/edit"),
        ("GET", "/api/v1/stores/s1"),
        ("POST", "/api/v1/stores/s1/code"),
        ("DELETE", "/api/v1/stores/s1/edge"),
        ("GET", "/api/v1/stores/s1/health"),
    ):
        assert (await client.request(method, path, headers=header)).status_code == 404, path
