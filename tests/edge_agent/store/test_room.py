"""When a disk counts as full, and when there is room again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.store.database import open_database
from edge_agent.store.lines import connect_inline
from edge_agent.store.room import RealDisk, has_room

MIB = 1024 * 1024


@pytest.mark.parametrize(("ballast_mib", "free_mib", "room"), [(1, 3, True), (1, 1, False), (8, 12, False)])
async def test_a_small_disk_with_a_small_ballast_has_room_again(
    tmp_path: Path, ballast_mib: int, free_mib: int, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = RealDisk(tmp_path, 64, ballast_mib * MIB)
    monkeypatch.setattr(disk, "free_bytes", lambda: free_mib * MIB)
    database = await open_database(tmp_path / "edge.db", connect_inline, os.urandom)
    try:
        assert await has_room(database, disk) is room
    finally:
        await database.close()


def test_without_a_ballast_there_is_still_a_limit(tmp_path: Path) -> None:
    assert RealDisk(tmp_path, 64, 0).reserve_bytes == MIB
