"""A store's own days and hours, and which wall clocks are believed. Pure.

Every time zone of today stands a whole number of quarters of an hour from UTC and changes its clocks on
one, so where a moment falls is worked out once a quarter and remembered. An hour is named by the moment at
which it began, so the two hours called 02:00 on the night the clocks go back stay two.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sync.contract.clock import Stamp

QUARTER_MS = 900_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FLOOR_MS = 1_420_070_400_000  # 2015: a wall clock before that was never set
AHEAD_MS = DAY_MS  # a wall clock further ahead of ours than that is not believed either
_PLACES_MAX = 40_000  # quarters remembered of one zone: more than a year
_ZONES_MAX = 512


def believed(stamp: Stamp, now_ms: int) -> tuple[int, int]:
    """When it happened, and 1 if that is sure; a time that cannot be is replaced by that of arrival."""
    if FLOOR_MS <= stamp.wall_ms <= now_ms + AHEAD_MS:
        return stamp.wall_ms, int(stamp.sure)
    return now_ms, 0


class Calendar:
    """Where moments fall in one time zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._places: dict[int, tuple[int, int]] = {}

    def place(self, at_ms: int) -> tuple[int, int]:
        """(day as 20261122, the moment its local hour began)."""
        quarter = at_ms // QUARTER_MS
        place = self._places.get(quarter)
        if place is None:
            if len(self._places) >= _PLACES_MAX:
                self._places.clear()
            place = self._places[quarter] = self._placed(quarter * QUARTER_MS)
        return place

    def _placed(self, quarter_ms: int) -> tuple[int, int]:
        local = datetime.fromtimestamp(quarter_ms // 1000, self.zone)
        return day_number(local.date()), quarter_ms - local.minute * 60_000

    def day(self, at_ms: int) -> date:
        """The local date of a moment."""
        return datetime.fromtimestamp(at_ms // 1000, self.zone).date()

    def bounds(self, day: date) -> tuple[int, int]:
        """When a local day begins and ends: 23, 24 or 25 hours apart."""
        return self._midnight(day), self._midnight(day + timedelta(days=1))

    def hours(self, day: date) -> list[tuple[int, int]]:
        """(local hour 0–23, the moment it began) for each hour of the day; 23, 24 or 25 of them."""
        first, end = self.bounds(day)
        starts = dict.fromkeys(self.place(at_ms)[1] for at_ms in range(first, end, QUARTER_MS))
        return [(datetime.fromtimestamp(start // 1000, self.zone).hour, start) for start in starts]

    def hour_of(self, at_ms: int) -> int:
        """The local hour, 0 to 23, of a moment."""
        return datetime.fromtimestamp(at_ms // 1000, self.zone).hour

    def _midnight(self, day: date) -> int:
        # Where the clocks skip midnight, this is the moment they do: what the day then begins with.
        return (
            int(datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC).timestamp()) * 1000
        )


@lru_cache(maxsize=_ZONES_MAX)
def calendar_of(zone: str) -> Calendar:
    """The calendar of a zone called as `Asia/Shanghai`; one that nobody knows is UTC."""
    try:
        return Calendar(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return Calendar(ZoneInfo("UTC"))


def day_number(day: date) -> int:
    """``date(2026, 11, 22)`` → 20261122."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of_number(number: int) -> date:
    """``20261122`` → ``date(2026, 11, 22)``. Raises ValueError."""
    return date(number // 10_000, number // 100 % 100, number % 100)
