"""The temporary folders of all tests stand in memory, if there is room: most of what they hold is fsynced.

Tests that run at the same time take their ports from places of their own: between the moment that one is
found free and that a program listens there, another's program could.
"""

from __future__ import annotations

import os

from tests.memory_disk import memory_disk


def pytest_configure() -> None:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 20_000 + worker % 12 * 1000
    os.environ["TILLBEAM_PORTS"] = f"{first}-{first + 999}"
    place = memory_disk()
    if place:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)
