"""The temporary folders of all tests stand in memory, if there is room: most of what they hold is fsynced."""

from __future__ import annotations

import os

from tests.memory_disk import memory_disk


def pytest_configure() -> None:
    place = memory_disk()
    if place:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)
