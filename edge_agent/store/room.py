"""Room on the disk: kept in reserve, made when needed, found again.

On a really full disk even DELETE fails, so there is a ballast file to let go, and the database has a soft
limit below the disk's end (`max_page_count`), at which DELETE still works. Room is made in this order: the
ballast goes and the file may grow no more; confirmed rows go; the oldest unsent counts, then health, become
one `dropped/1` under the same numbers. Till rows are never touched.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from edge_agent.store.database import SIZE_MAX_MIB, Database, is_full, limit_pages
from edge_agent.store.lines import Sql
from sync.contract.events import Dropped, encode_event
from sync.contract.ids import Lane

BALLAST_BYTES = 8 * 1024 * 1024
RESERVE_LEAST_BYTES = 1024 * 1024  # also for who holds no ballast: about what a checkpoint moves
PRUNE_STEP = 2_000  # rows in one transaction: a few ms, so that no `accept` waits long behind it
THIN_STEP = 5_000
_ROOMY = 0.9  # of the soft limit in use: below, there is room again


class Disk:
    """The disk that the database is on. The default has no ballast and no end: for tests."""

    size_max_mib = SIZE_MAX_MIB
    reserve_bytes = BALLAST_BYTES  # less is free, and the disk counts as full; twice as much, and it has room

    def free_bytes(self) -> int:
        return 1 << 62

    def hold_ballast(self) -> bool:
        """Takes the reserve if it is not held and the disk has twice as much free; whether it is held."""
        return False

    def let_go(self) -> bool:
        """Gives the reserve back to the disk; whether there was any."""
        return False


class RealDisk(Disk):
    """The disk under `folder`."""

    def __init__(
        self, folder: Path, size_max_mib: int = SIZE_MAX_MIB, ballast_bytes: int = BALLAST_BYTES
    ) -> None:
        self.size_max_mib = size_max_mib
        self._folder, self._ballast_bytes = folder, ballast_bytes
        self._ballast = folder / "ballast"
        self.reserve_bytes = max(ballast_bytes, RESERVE_LEAST_BYTES)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def hold_ballast(self) -> bool:
        if self._ballast.exists():
            return True
        if self.free_bytes() < 2 * self._ballast_bytes:
            return False
        partial = self._ballast.with_suffix(".new")
        try:
            with partial.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._ballast_bytes)
            partial.rename(self._ballast)
        except OSError:  # no room after all, or a file system that reserves nothing
            partial.unlink(missing_ok=True)
            return False
        return True

    def let_go(self) -> bool:
        try:
            self._ballast.unlink()
        except FileNotFoundError:
            return False
        return True


async def make_room(
    db: Database, disk: Disk, confirmed: Mapping[Lane, int], sent: Mapping[Lane, int]
) -> bool:
    """One step towards room; whether anything was found. Raises sqlite3.Error other than SQLITE_FULL."""
    try:
        if disk.free_bytes() < disk.reserve_bytes and disk.let_go():
            await db.bare(lambda sql: limit_pages(sql, None))
            return True
        return await db.write(lambda sql: _prune(sql, confirmed) or _thin(sql, sent))
    except sqlite3.Error as error:
        if is_full(error):
            return False
        raise


async def has_room(db: Database, disk: Disk) -> bool:
    """Whether there is room again; takes the ballast back and lifts the pin if so."""
    limit = disk.size_max_mib * 1024 * 1024
    used = await db.read(_used_bytes)
    if used > _ROOMY * limit or disk.free_bytes() < 2 * disk.reserve_bytes:
        return False
    disk.hold_ballast()
    await db.bare(lambda sql: limit_pages(sql, disk.size_max_mib))
    return True


def last_hour(sql: Sql) -> int:
    """The last running hour of which it is noted how far the lanes were confirmed; 0 before the first."""
    return int(sql.execute("SELECT coalesce(max(hour), 0) FROM hour").fetchone()[0])


def prune_hours(sql: Sql, before: int, confirmed: Mapping[Lane, int]) -> None:
    """One step of removing rows that were confirmed by hour `before`, and still are."""
    rows = sql.execute(
        "SELECT lane, max(confirmed) FROM hour WHERE hour <= ? GROUP BY lane", (before,)
    ).fetchall()
    marks = {Lane(lane): min(int(mark), confirmed[Lane(lane)]) for lane, mark in rows}
    if marks and not _prune(sql, marks):
        sql.execute("DELETE FROM hour WHERE hour < ?", (before,))


def _prune(sql: Sql, marks: Mapping[Lane, int]) -> bool:
    for lane, mark in marks.items():
        numbers = sql.execute(
            "SELECT max(number) FROM (SELECT number FROM row WHERE lane = ? AND number <= ?"
            " AND number < (SELECT max(number) FROM row WHERE lane = ?) ORDER BY number LIMIT ?)",
            (lane, mark, lane, PRUNE_STEP),
        ).fetchone()
        if numbers[0] is not None:
            sql.execute("DELETE FROM row WHERE lane = ? AND number <= ?", (lane, numbers[0]))
            return True
    return False


def _thin(sql: Sql, sent: Mapping[Lane, int]) -> bool:
    for lane in (Lane.COUNT, Lane.HEALTH):
        start = sent[lane]
        rows = sql.execute(
            "SELECT number, boot, mono_ms FROM row WHERE lane = ? AND number > ? ORDER BY number LIMIT ?",
            (lane, start, THIN_STEP),
        ).fetchall()
        if len(rows) < 2:  # one row for one row wins nothing
            continue
        number, boot, mono_ms = rows[-1]
        # The row before may be one `dropped` that ends at `start` or spans it; numbers begin where it ends.
        body = encode_event(Dropped(numbers=number - start))
        sql.execute("DELETE FROM row WHERE lane = ? AND number > ? AND number <= ?", (lane, start, number))
        sql.execute(
            "INSERT INTO row (lane, number, boot, mono_ms, body) VALUES (?, ?, ?, ?, ?)",
            (lane, number, boot, mono_ms, body),
        )
        return True
    return False


def _used_bytes(sql: Sql) -> int:
    pages, free, size = (
        int(sql.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
