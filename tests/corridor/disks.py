"""Disks of a simulated world: all slow, some full or busy, and a crash ends what they were at.

Files are real SQLite files with the programs' own SQL; only time, room and luck are simulated.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import deque
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from edge_agent.store.lines import Role, Work
from edge_agent.store.room import Disk
from tests.corridor.simloop import make_inline

T = TypeVar("T")
WRITE_S = (0.001, 0.02)  # before a write is on disk, and again until who waits is told
NO_END_PAGES = 2**30


class SimDisk(Disk):
    """The disk of a store's box; `full`: somebody else has taken all the room."""

    size_max_mib = 64

    def __init__(self) -> None:
        self.full = False
        self._held = False

    def free_bytes(self) -> int:
        return 0 if self.full else 1 << 40

    def hold_ballast(self) -> bool:
        self._held = self._held or not self.full
        return self._held

    def let_go(self) -> bool:
        had, self._held = self._held, False
        return had


class SimLine:
    """A `Line` to an edge's database. Work is done whole and in turn, a moment after it was asked for.

    As with the real one, cancelling who waits does not stop the work; only `kill`, the power cut, does.
    """

    def __init__(self, path: Path, role: Role, disk: SimDisk, chance: random.Random) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        self._role, self._disk, self._chance = role, disk, chance
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._pinned = False
        self._dead = False

    async def run(self, work: Work[T], brief: bool = False) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._dead:
            self._waiting.append((work, future))
            self._due = max(self._due, self._loop.time()) + self._delay_s()
            self._loop.call_at(self._due, self._do_next)
        return await future

    async def close(self) -> None:
        self.kill()

    def kill(self) -> None:
        """The power goes: what was not done is not done, and nobody is told anything."""
        self._dead = True
        self._waiting.clear()
        self._sql.close()

    def _do_next(self) -> None:
        if self._dead:
            return
        work, future = self._waiting.popleft()
        self._feel_the_disks_end()
        try:
            result = work(self._sql)
        except Exception as error:  # noqa: BLE001 (whatever it is, it belongs to who waits)
            self._loop.call_later(self._delay_s(), self._tell, future, None, error)
        else:
            self._loop.call_later(self._delay_s(), self._tell, future, result, None)

    def _tell(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        if self._dead or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _delay_s(self) -> float:
        return self._chance.uniform(*WRITE_S) if self._role is Role.WRITE else 0.0005

    def _feel_the_disks_end(self) -> None:
        """A full disk lets no file grow: SQLite is told so in its own words."""
        if self._role is not Role.WRITE or not (self._disk.full or self._pinned):
            return
        self._pinned = self._disk.full
        pages = self._sql.execute("PRAGMA page_count").fetchone()[0] if self._pinned else NO_END_PAGES
        self._sql.execute(f"PRAGMA max_page_count={max(1, pages)}").fetchall()


class SimAnchor:
    """The file beside the database: it stays when the database is put back."""

    def __init__(self) -> None:
        self.content: bytes | None = None

    def read(self) -> bytes | None:
        return self.content

    async def write(self, offset: int, data: bytes) -> None:
        await asyncio.sleep(WRITE_S[0])
        found = bytearray((self.content or b"").ljust(offset + len(data), b"\0"))
        found[offset : offset + len(data)] = data
        self.content = bytes(found)


class CentreConnection(aiosqlite.Connection):
    """A connection of the centre's whose commits take a while and, when `busy`, sometimes fail.

    A failed commit may have taken effect all the same, as when a database fails over during it.
    """

    trouble: CentreTrouble

    def __del__(self) -> None:
        """Without a word: a centre that crashes in the simulation closes nothing."""

    async def commit(self) -> None:
        await asyncio.sleep(self.trouble.commit_s())
        if self.trouble.strikes():
            raise _busy()
        await super().commit()
        await asyncio.sleep(self.trouble.commit_s())
        if self.trouble.strikes():
            raise _busy()


class CentreTrouble:
    """How the centre's database is today."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.slow_s = WRITE_S
        self.busy = 0.0

    def commit_s(self) -> float:
        return self._chance.uniform(*self.slow_s)

    def strikes(self) -> bool:
        return self.busy > 0 and self._chance.random() < self.busy


def connect_centre(path: Path, trouble: CentreTrouble) -> CentreConnection:
    """For `Database(async_creator=…)`: not awaited here, as SQLAlchemy awaits it."""
    connection = CentreConnection(lambda: sqlite3.connect(path), iter_chunk_size=64)
    connection.trouble = trouble
    make_inline(connection)
    return connection


def copy_database(path: Path, copy: Path) -> None:
    """A backup of the database as it stands, however its files lie."""
    copy.unlink(missing_ok=True)
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()


def put_back(copy: Path, path: Path) -> None:
    """The database is again what it was when it was copied."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(copy.read_bytes())


def _busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error
