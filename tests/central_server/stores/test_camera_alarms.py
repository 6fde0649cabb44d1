"""What is wrong with a camera's picture is an alarm of its store until the picture is well."""

from __future__ import annotations

import pytest

from central_server.stores import service
from central_server.stores.alarm_words import ALARMS
from sync.contract.events import CameraState


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
