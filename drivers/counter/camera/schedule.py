"""When a camera is to look: `08:00-22:00`, in the store's own time. Pure."""

from __future__ import annotations

Hours = tuple[tuple[int, int], ...]
"""Spans of minutes since midnight; one whose end is not behind its beginning goes past midnight."""


def read_hours(text: str) -> Hours:
    """`text` as `CameraOptions.hours` lets it in; empty for always."""
    return tuple((_minute(span[:5]), _minute(span[6:])) for span in text.split(",") if span)


def open_at(hours: Hours, minute: int) -> bool:
    """Whether that minute of the day (0 to 1439) is in one of them; without any, every minute is."""
    return not hours or any(
        start <= minute < end if start < end else minute >= start or minute < end for start, end in hours
    )


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
