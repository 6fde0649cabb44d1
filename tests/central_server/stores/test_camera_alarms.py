"""What is wrong with a camera's picture is an alarm of its store until the picture is well."""

from __future__ import annotations

import pytest

from central_server.stores import service
from central_server.stores.alarm_words import ALARMS
from sync.contract.events import Alarm, CameraState, Devices, DeviceState


@pytest.mark.parametrize("end", ["up", "clear", "resting"])
async def test_a_covered_camera_is_an_alarm_until_it_is_not(database, clock, facts, end) -> None:
    now = clock.now_ms
    states = [("up", ""), ("covered", "bag"), ("covered", "coat"), ("dark", "night"), (end, "")]
    row = facts(*((CameraState(device="cam", state=s, detail=d), now + n) for n, (s, d) in enumerate(states)))
    seen = []
    async with database.transaction() as session:
        for fact in row:
            await service.camera_states(session, "s1", [fact], now)
            alarms = await service.open_alarms(session, "s1")
            seen.append([(one.name, one.device, one.detail, one.since_ms - now) for one in alarms])
        told = [one.state for one in await service.happenings(session, "s1", 10)]
    assert seen == [
        [],
        [("camera_covered", "cam", "bag", 1)],
        [("camera_covered", "cam", "coat", 1)],
        [("camera_dark", "cam", "night", 3)],
        [],
    ]
    assert told == [end, "dark", "covered", "covered", "up"]
    assert {"camera_covered", "camera_dark"} <= set(ALARMS)


async def test_two_cameras_are_two_alarms_and_both_come_in_one_batch(database, clock, facts) -> None:
    now = clock.now_ms
    states = [("a", "covered"), ("b", "down"), ("a", "clear"), ("a", "late")]
    row = facts(*((CameraState(device=device, state=state), now) for device, state in states))
    async with database.transaction() as session:
        await service.camera_states(session, "s1", row, now)
        alarms = await service.open_alarms(session, "s1")
    assert {(one.name, one.device) for one in alarms} == {("camera_down", "b"), ("camera_late", "a")}


async def test_what_the_settings_no_longer_name_is_no_device_and_nothing_is_wrong_with_it(
    database, clock, facts
) -> None:
    now = clock.now_ms
    async with database.transaction() as session:
        for name in ("cam", "door", "old"):
            await service.device_states(
                session, "s1", facts((DeviceState(device=name, state="down"), now)), now
            )
            await service.camera_states(
                session, "s1", facts((CameraState(device=name, state="covered"), now)), now
            )
        await service.alarms(session, "s1", facts((Alarm(name="disk_full", raised=True), now)), now)
        await service.camera_states(session, "s2", facts((CameraState(device="old", state="dark"), now)), now)
        said = facts((Devices(names=("cam",)), now), (Devices(names=("cam", "door")), now))
        await service.devices_wanted(session, "s1", said, now)
        alarms = await service.open_alarms(session, "s1")
        devices = await service.devices(session, "s1")
        elsewhere = await service.open_alarms(session, "s2")
        told = {one.device for one in await service.happenings(session, "s1", 10)}
    assert sorted((one.device, one.name) for one in alarms) == [
        ("", "disk_full"),
        ("cam", "camera_covered"),
        ("door", "camera_covered"),
    ]
    assert [one.name for one in devices] == ["cam", "door"]
    assert [one.device for one in elsewhere] == ["old"]
    assert "old" in told
