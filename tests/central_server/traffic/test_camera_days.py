"""Three days of a camera that is unplugged, frozen, covered, moved and put to rest, and of its box, which is
switched off and offline for a while: all of it is told.

The facts are those of tests/drivers/counter/camera_days.py; here they also reach the centre's tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central_server.db import Database
from central_server.traffic import service
from central_server.traffic.coverage import covered
from sync.contract.events import CameraState, Heartbeat, Occupancy, Passed
from tests.central_server.traffic.conftest import NOW_MS
from tests.drivers.counter.camera_days import DAY_S, FAULTS, HOUR_S, KILLED_H, Counting, Days, Fault

SOON_S = 150.0  # a fault is told so long after it began, with a picture every 14 s, and its end too
GROWTH_BYTES_MAX = 3_000_000  # of the second and third day together
CUT_H = (28.0, 29.5)  # the box has no power, and nobody says so
OFFLINE_H = (40.0, 49.0)  # it has no line: it says it is there four times an hour instead of sixty
BEGAN_MS = NOW_MS - round(3 * DAY_S * 1000)


class Story:
    """What the three days left."""

    def __init__(self) -> None:
        days = Days()
        days.run(24)
        first = _resident_bytes()
        days.run(72)
        self.growth_bytes = _resident_bytes() - first
        days.run(72.2)
        self.days, self.facts = days, days.facts
        self.states = [(at_s, event) for at_s, event in days.facts if isinstance(event, CameraState)]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


@pytest.fixture(scope="module")
def story() -> Story:
    Counting.pictures = 0
    return Story()


def test_every_fault_is_told_and_so_is_its_end_and_nothing_else(story: Story) -> None:
    expected = [(0.0, "up"), *((hour, "up") for hour in KILLED_H)]
    for fault in FAULTS:
        after = "up" if fault.state in ("down", "resting") else "clear"
        expected += [(fault.from_h, fault.state), (fault.until_h, after)]
    expected.sort()
    assert [event.state for _, event in story.states] == [state for _, state in expected]
    for (at_s, event), (at_h, _) in zip(story.states, expected, strict=True):
        assert 0 <= at_s - at_h * HOUR_S < SOON_S, event


def test_who_was_counted_is_told_once_and_nobody_is_while_it_is_blind(story: Story) -> None:
    rows = [(at_s, event) for at_s, event in story.facts if isinstance(event, Passed)]
    counted = sum(event.inward for _, event in rows)
    blind_at_first = round(sum(fault.state != "down" for fault in FAULTS) * SOON_S / 14)
    assert Counting.pictures - blind_at_first <= counted <= Counting.pictures
    assert counted > 8000
    for fault in FAULTS:
        within = (fault.from_h * HOUR_S + SOON_S + 60, fault.until_h * HOUR_S)
        assert [at_s for at_s, _ in rows if within[0] < at_s < within[1]] == [], fault
        samples = [at_s for at_s, event in story.facts if isinstance(event, Occupancy)]
        assert [at_s for at_s in samples if within[0] < at_s < within[1]] == [], fault


def test_nothing_grows(story: Story) -> None:
    assert story.growth_bytes < GROWTH_BYTES_MAX
    assert story.days.stats > 72 * 3600 / 15
    assert story.days.opened < 2000  # every ten seconds while it was down


def heartbeats() -> Iterator[tuple[int, Heartbeat]]:
    numbers: dict[str, Any] = dict.fromkeys(("outbox_rows", "oldest_s", "disk_free_mib", "clock_skew_ms"), 0)
    for began_h, ended_h in ((0.0, CUT_H[0]), (CUT_H[1], 72.0)):
        for minute in range(round(began_h * 60), round(ended_h * 60)):
            if minute % 15 and OFFLINE_H[0] <= minute / 60 < OFFLINE_H[1]:
                continue
            uptime_s = minute * 60 - round(began_h * HOUR_S)
            yield (
                minute * 60_000,
                Heartbeat(
                    version="1",
                    uptime_s=uptime_s,
                    clock_sure=True,
                    devices_up=1,
                    devices_down=0,
                    **numbers,
                ),
            )


async def test_every_gap_is_a_gap_at_the_centre(story: Story, database: Database, facts: Any) -> None:
    kept = [
        fact
        for number, (at_s, event) in enumerate(story.facts)
        if isinstance(event, CameraState)
        for fact in facts(event, first=number + 1, at_ms=BEGAN_MS + round(at_s * 1000))
    ]
    assert not [at_s for at_s, _ in story.states if CUT_H[0] <= at_s / HOUR_S < CUT_H[1]]
    beats = [fact for at_ms, beat in heartbeats() for fact in facts(beat, at_ms=BEGAN_MS + at_ms)]
    async with database.transaction() as session:
        await service.camera_states(session, "s1", kept, NOW_MS)
        await service.box_beats(session, "s1", beats, NOW_MS)
    async with database.reading() as session:
        blind = await service.blind_spots(
            session, stores=["s1"], from_ms=BEGAN_MS, until_ms=NOW_MS, now_ms=NOW_MS
        )
    outages = {"": blind.of("s1", "")}
    gaps = [*(fault for fault in FAULTS if fault.state != "resting"), Fault("down", *CUT_H)]
    for fault in gaps:
        span = (BEGAN_MS + round(fault.from_h * 3_600_000), BEGAN_MS + round(fault.until_h * 3_600_000))
        lasted_s = (fault.until_h - fault.from_h) * HOUR_S
        assert covered(outages, [""], span) < SOON_S / lasted_s + 0.01, fault
    for hour in range(72):
        if all(fault.until_h + 0.1 <= hour or fault.from_h >= hour + 1 for fault in gaps):
            span = (BEGAN_MS + hour * 3_600_000, BEGAN_MS + (hour + 1) * 3_600_000)
            assert covered(outages, [""], span) == 1.0, hour
