"""The store's file: settings, epoch, damage."""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path

import pytest

from edge_agent.errors import StoreBroken, StoreTooNew
from edge_agent.store.database import Database, open_database
from edge_agent.store.lines import Connect, connect_in_thread, connect_inline


async def opened(path: Path, connect: Connect = connect_inline) -> Database:
    return await open_database(path, connect, os.urandom)


@pytest.mark.parametrize("connect", [connect_inline, connect_in_thread])
async def test_a_commit_is_on_disk_and_the_epoch_stays(tmp_path: Path, connect: Connect) -> None:
    db = await opened(tmp_path / "edge.db", connect)
    epoch = db.epoch
    modes = await db.bare(
        lambda sql: [sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    await db.close()
    again = await opened(tmp_path / "edge.db", connect)
    assert modes == ["wal", 2]
    assert len(epoch) == 16
    assert again.epoch == epoch
    await again.close()


async def test_a_question_waits_for_no_transaction(tmp_path: Path) -> None:
    db = await opened(tmp_path / "edge.db", connect_in_thread)
    await db.bare(lambda sql: sql.execute("BEGIN IMMEDIATE"))
    assert await db.ask(lambda sql: sql.execute("SELECT count(*) FROM row").fetchone()[0]) == 0
    await db.bare(lambda sql: sql.execute("ROLLBACK"))
    await db.close()


async def test_work_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    db = await opened(tmp_path / "edge.db")

    def work(sql: sqlite3.Connection) -> None:
        sql.execute("INSERT INTO feed VALUES ('*', 1)")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        await db.write(work)
    assert await db.read(lambda sql: sql.execute("SELECT count(*) FROM feed").fetchone()[0]) == 0
    await db.close()


@pytest.mark.parametrize("where", [0, 100, 4096, 8192])
async def test_a_damaged_file_is_moved_aside_and_a_new_epoch_begun(tmp_path: Path, where: int) -> None:
    path = tmp_path / "edge.db"
    db = await opened(path)
    epoch = db.epoch
    await db.write(
        lambda sql: sql.executemany(
            "INSERT INTO row VALUES (1, ?, 'b', 0, ?)", [(n, bytes(100)) for n in range(1, 1000)]
        )
    )
    await db.close()
    raw = bytearray(path.read_bytes())
    raw[where : where + 300] = b"\xa5" * 300
    path.write_bytes(raw)
    again = await opened(path)
    assert again.epoch != epoch
    assert again.moved_aside is not None
    assert again.moved_aside.read_bytes()[where : where + 300] == b"\xa5" * 300
    await again.close()


async def test_a_file_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "edge.db"
    db = await opened(path)
    await db.bare(lambda sql: sql.execute("PRAGMA user_version=99"))
    await db.close()
    with pytest.raises(StoreTooNew):
        await opened(path)
    assert path.exists()


async def test_a_folder_that_cannot_be_is_said_clearly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreBroken, match="file"):
        await opened(tmp_path / "file" / "edge.db")


async def test_many_damages_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "edge.db"
    names = []
    for _ in range(3):
        path.write_bytes(b"not a database at all, and long enough to be looked at" * 20)
        db = await opened(path)
        assert db.moved_aside is not None
        names.append(db.moved_aside.name)
        await db.close()
    assert len(set(names)) == 3
    assert all(a < b for a, b in itertools.pairwise(names))
