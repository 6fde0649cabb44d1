"""When a camera is to look."""

from __future__ import annotations

import pytest

from drivers.counter.camera.schedule import open_at, read_hours


def minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


@pytest.mark.parametrize(
    ("hours", "now", "open_"),
    [
        ("", "03:00", True),
        ("08:00-22:00", "07:59", False),
        ("08:00-22:00", "08:00", True),
        ("08:00-22:00", "21:59", True),
        ("08:00-22:00", "22:00", False),
        ("00:00-24:00", "23:59", True),
        ("18:00-02:00", "17:59", False),
        ("18:00-02:00", "23:59", True),
        ("18:00-02:00", "00:00", True),
        ("18:00-02:00", "02:00", False),
        ("08:00-12:00,14:00-18:00", "13:00", False),
        ("08:00-12:00,14:00-18:00", "14:00", True),
        ("08:00-08:00", "07:59", True),
    ],
)
def test_a_camera_looks_in_its_hours(hours: str, now: str, open_: bool):
    assert open_at(read_hours(hours), minute(now)) is open_
