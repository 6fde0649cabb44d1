"""A box that was switched off is a gap; one that was only offline is none, once it has told of that time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.calendar import DAY_MS, HOUR_MS, calendar_of
from central_server.db import Database
from central_server.stores import service as stores
from central_server.traffic import service
from central_server.traffic.absence import HABIT_MS, LEARNING_MS, RESTART_MS, in_hours
from central_server.traffic.coverage import Span
from sync.contract.events import Heartbeat, Passed
from tests.central_server.traffic.conftest import NOW_MS

EVER = {"from_ms": 0, "until_ms": 2**60}
SHANGHAI = calendar_of("Asia/Shanghai")
MINUTE_MS = 60_000
NOON_MS = NOW_MS // HOUR_MS * HOUR_MS - 7 * HOUR_MS  # 12:00 in Shanghai


def beat(uptime_ms: int = 0) -> Heartbeat:
    numbers: dict[str, Any] = dict.fromkeys(("outbox_rows", "oldest_s", "disk_free_mib", "clock_skew_ms"), 0)
    return Heartbeat(
        version="1", uptime_s=uptime_ms // 1000, clock_sure=True, devices_up=1, devices_down=0, **numbers
    )


class Box:
    """A store's box, as the centre hears it."""

    def __init__(self, database: Database, facts: Any) -> None:
        self._database, self._facts, self._first = database, facts, 0

    async def says(self, *events: Any, at_ms: int, heard_ms: int = 0) -> None:
        """At `at_ms`; it is heard at once, or later."""
        facts = self._facts(*events, first=self._first + 1, at_ms=at_ms)
        self._first += len(events)
        take: Any = service.box_beats if isinstance(events[0], Heartbeat) else service.record
        async with self._database.transaction() as session:
            await take(session, "s1", facts, heard_ms or at_ms)
            await stores.heard(session, "s1", heard_ms or at_ms)

    async def say_together(self, *told: tuple[Heartbeat, int]) -> None:
        """In one batch, each at its time; heard at the last one."""
        facts = []
        for event, at_ms in told:
            self._first += 1
            facts += self._facts(event, first=self._first, at_ms=at_ms)
        async with self._database.transaction() as session:
            await service.box_beats(session, "s1", facts, at_ms)

    async def runs(self, from_ms: int, until_ms: int, every_ms: int = HOUR_MS) -> None:
        for at_ms in range(from_ms, until_ms + 1, every_ms):
            await self.says(beat(at_ms - from_ms), at_ms=at_ms)

    async def blind(self, now_ms: int, **span: int) -> list[Span]:
        async with self._database.reading() as session:
            blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **{**EVER, **span})
        return blind.of("s1", "cam")


@pytest.fixture
def box(database: Database, facts: Any) -> Box:
    return Box(database, facts)


async def test_a_box_that_was_switched_off_is_a_gap_until_it_was_on_again(box: Box) -> None:
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    await box.runs(NOON_MS + 4 * HOUR_MS, NOON_MS + 5 * HOUR_MS)
    now_ms = NOON_MS + 5 * HOUR_MS
    assert await box.blind(now_ms) == [(NOON_MS, NOON_MS + 4 * HOUR_MS)]
    assert await box.blind(now_ms, until_ms=NOON_MS) == []
    assert await box.blind(now_ms, from_ms=NOON_MS + 4 * HOUR_MS) == []


async def test_the_agent_is_there_since_it_began_not_since_it_is_heard(box: Box) -> None:
    """A full disk took the first heartbeats of that run."""
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    await box.says(beat(3 * HOUR_MS), at_ms=NOON_MS + 4 * HOUR_MS)
    assert await box.blind(NOON_MS + 4 * HOUR_MS) == [(NOON_MS, NOON_MS + HOUR_MS)]


async def test_an_agent_that_is_started_anew_leaves_no_gap(box: Box) -> None:
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    await box.runs(NOON_MS + RESTART_MS, NOON_MS + 6 * HOUR_MS)
    assert await box.blind(NOON_MS + RESTART_MS + 5 * HOUR_MS) == []


async def test_a_box_that_is_offline_is_a_gap_until_it_has_told_of_that_time(box: Box) -> None:
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    back_ms = NOON_MS + 3 * HOUR_MS
    assert await box.blind(NOON_MS + 5 * MINUTE_MS) == []
    assert await box.blind(back_ms) == [(NOON_MS, back_ms)]
    for at_ms in range(NOON_MS + 15 * MINUTE_MS, back_ms, 15 * MINUTE_MS):
        await box.says(beat(at_ms - NOON_MS + HOUR_MS), at_ms=at_ms, heard_ms=back_ms)
    assert await box.blind(back_ms) == []


async def test_a_power_cut_while_it_was_offline_is_the_gap_and_nothing_else(box: Box) -> None:
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    back_ms = NOON_MS + 5 * HOUR_MS
    for at_ms in (NOON_MS + HOUR_MS, NOON_MS + 2 * HOUR_MS):
        await box.says(beat(at_ms - NOON_MS + HOUR_MS), at_ms=at_ms, heard_ms=back_ms)
    for at_ms in (NOON_MS + 4 * HOUR_MS, back_ms):
        await box.says(beat(at_ms - NOON_MS - 4 * HOUR_MS), at_ms=at_ms, heard_ms=back_ms)
    assert await box.blind(back_ms) == [(NOON_MS + 2 * HOUR_MS, NOON_MS + 4 * HOUR_MS)]


async def test_a_clock_that_cannot_be_makes_no_gap_that_is_not_there(box: Box) -> None:
    await box.runs(NOON_MS - HOUR_MS, NOON_MS)
    for at_ms in (0, NOON_MS - DAY_MS, NOON_MS + DAY_MS // 2):
        await box.says(beat(2**61), at_ms=at_ms, heard_ms=NOON_MS)
        await box.says(beat(-(2**61)), at_ms=at_ms, heard_ms=NOON_MS)
    assert await box.blind(NOON_MS) == []


async def test_a_box_that_is_switched_off_for_the_night_misses_nobody(box: Box) -> None:
    """People come from nine to eight, also on the day whose afternoon it misses."""
    first_ms = NOON_MS - 9 * DAY_MS
    for day in range(9):
        nine_ms = first_ms + day * DAY_MS - 3 * HOUR_MS
        await box.runs(nine_ms - 10 * MINUTE_MS, nine_ms + 11 * HOUR_MS)
        for hour in range(11):
            await box.says(Passed(device="cam", inward=1), at_ms=nine_ms + hour * HOUR_MS)
    closing_ms = nine_ms + 11 * HOUR_MS - 10 * MINUTE_MS
    assert await box.blind(closing_ms, from_ms=first_ms + LEARNING_MS + DAY_MS) == []
    await box.runs(NOON_MS - 4 * HOUR_MS, NOON_MS)
    await box.says(beat(), at_ms=NOON_MS + DAY_MS)
    assert await box.blind(NOON_MS + DAY_MS, from_ms=NOON_MS - 5 * HOUR_MS) == [
        (NOON_MS, NOON_MS + 8 * HOUR_MS),
        (NOON_MS + 21 * HOUR_MS, NOON_MS + 24 * HOUR_MS),
    ]


async def test_a_box_that_is_off_for_the_night_misses_nobody_while_it_is(box: Box) -> None:
    """People come from noon to two; next morning's first heartbeat comes late."""
    for day in range(-9, 1):
        await box.runs(NOON_MS + day * DAY_MS, NOON_MS + day * DAY_MS + 3 * HOUR_MS)
        await box.says(*[Passed(device="cam", inward=1)] * 2, at_ms=NOON_MS + day * DAY_MS)
        await box.says(Passed(device="cam", inward=1), at_ms=NOON_MS + day * DAY_MS + HOUR_MS)
    lately, next_ms = {"from_ms": NOON_MS}, NOON_MS + DAY_MS
    assert await box.blind(NOON_MS + 9 * HOUR_MS, **lately) == []
    assert await box.blind(next_ms, **lately) == []
    assert await box.blind(next_ms + HOUR_MS // 2, **lately) == [(next_ms, next_ms + HOUR_MS // 2)]
    assert await box.blind(next_ms + HOUR_MS // 2, from_ms=NOON_MS, until_ms=next_ms) == []
    assert await box.blind(next_ms + 9 * HOUR_MS, **lately) == [(next_ms, next_ms + 2 * HOUR_MS)]


async def test_the_habits_of_a_box_are_those_before_the_gap_also_where_one_batch_tells_of_both(
    box: Box,
) -> None:
    await box.says(Passed(device="cam", inward=1), at_ms=NOON_MS)
    month, back = beat(HABIT_MS), beat()
    await box.say_together((month, NOON_MS + HOUR_MS // 2), (back, NOON_MS + 3 * HOUR_MS))
    assert await box.blind(NOON_MS + 3 * HOUR_MS) == [(NOON_MS + HOUR_MS // 2, NOON_MS + HOUR_MS)]


async def test_who_counts_nobody_all_day_is_still_a_counter(box: Box, database: Database) -> None:
    await box.says(Passed(device="cam", inward=3), at_ms=NOON_MS - DAY_MS)
    await box.runs(NOON_MS - DAY_MS, NOON_MS - DAY_MS)
    day = {"from_ms": NOON_MS - 12 * HOUR_MS, "until_ms": NOON_MS}
    async with database.reading() as session:
        for stores_, found in ((["s1"], {"s1": ["cam"]}), (["s2"], {})):
            assert await service.devices_of(session, stores=stores_, **day) == found


@given(st.integers(0, 26 * 60), st.integers(0, 80 * 60), st.frozensets(st.integers(0, 23)))
def test_what_of_an_absence_lies_in_busy_hours(begin: int, length: int, hours: frozenset[int]) -> None:
    span = (NOON_MS + begin * MINUTE_MS, NOON_MS + (begin + length) * MINUTE_MS)
    spans = list(in_hours(span, hours, SHANGHAI))
    minutes = [at_ms for first, last in spans for at_ms in range(first, last, MINUTE_MS)]
    assert minutes == [at_ms for at_ms in range(*span, MINUTE_MS) if SHANGHAI.hour_of(at_ms) in hours]
    assert all(one[1] < other[0] for one, other in pairwise(spans))


def test_an_absence_of_a_month_is_one() -> None:
    span = (NOON_MS, NOON_MS + HABIT_MS + 1)
    assert list(in_hours(span, {12}, SHANGHAI)) == [span]
