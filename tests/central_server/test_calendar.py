"""A store's own days and hours, also where clocks are changed and hours are odd."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.calendar import (
    DAY_MS,
    HOUR_MS,
    QUARTER_MS,
    believed,
    calendar_of,
    day_number,
    day_of_number,
)
from sync.contract.clock import Stamp

ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Africa/Cairo",
]
NOW_MS = 1_795_000_000_000


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1000


@given(st.sampled_from(ZONES), st.integers(1_420_070_400_000, 2_000_000_000_000))
def test_a_moment_falls_into_the_day_and_hour_that_a_clock_on_the_wall_shows(zone: str, at_ms: int) -> None:
    calendar = calendar_of(zone)
    day, hour_ms = calendar.place(at_ms)
    wall = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    assert day == day_number(wall.date())
    assert hour_ms <= at_ms < hour_ms + HOUR_MS
    assert calendar.hour_of(hour_ms) == wall.hour
    first, end = calendar.bounds(day_of_number(day))
    assert first <= hour_ms <= at_ms < end


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Shanghai", date(2026, 11, 22), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Kathmandu", date(2026, 1, 1), 24),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # the clocks skipped midnight
    ],
)
def test_a_day_has_the_hours_it_has(zone: str, day: date, hours: int) -> None:
    calendar = calendar_of(zone)
    first, end = calendar.bounds(day)
    assert end - first == hours * HOUR_MS
    starts = calendar.hours(day)
    assert len(starts) == hours
    assert starts[0][1] == first
    assert {calendar.place(at_ms)[1] for at_ms in range(first, end, QUARTER_MS)} == {
        start for _, start in starts
    }


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    calendar = calendar_of("Europe/Berlin")
    first, second = ms(2026, 10, 25, 0, 30), ms(2026, 10, 25, 1, 30)  # both 02:30 on the wall
    assert calendar.place(first)[0] == calendar.place(second)[0] == 20261025
    assert calendar.place(second)[1] - calendar.place(first)[1] == HOUR_MS
    assert calendar.hour_of(first) == calendar.hour_of(second) == 2


def test_a_zone_nobody_knows_is_utc() -> None:
    assert calendar_of("Mars/Olympus").place(ms(2026, 1, 1, 5, 59)) == (20260101, ms(2026, 1, 1, 5))


@pytest.mark.parametrize("wall_ms", [-1, 0, 1_000, NOW_MS + 2 * DAY_MS, 2**62])
def test_a_wall_clock_that_cannot_be_is_not_believed(wall_ms: int) -> None:
    assert believed(Stamp("0" * 8, 0, wall_ms, True), NOW_MS) == (NOW_MS, 0)
    assert believed(Stamp("0" * 8, 0, NOW_MS - DAY_MS, True), NOW_MS) == (NOW_MS - DAY_MS, 1)
    assert believed(Stamp("0" * 8, 0, NOW_MS - DAY_MS, False), NOW_MS) == (NOW_MS - DAY_MS, 0)
