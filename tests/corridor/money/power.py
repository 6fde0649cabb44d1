"""The power of a simulated machine, which goes at exactly the worst moment; and disks that feel it.

    power.arm(3)            the third moment from now at which something becomes lasting is the last
    … PowerCut              raised there: before the commit, after it, before or after a file is synced

A `PowerCut` is no Exception: no program catches it. Whatever a program still says once the power is off was
never said: whoever drives it looks at `power.off` before believing an answer.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from edge_agent.store.lines import Role, Work
from tests.corridor.simloop import make_inline

T = TypeVar("T")
PAUSES_MAX = (
    3  # turns of the loop that a piece of work may wait for its disk, when several things happen at once
)


class PowerCut(BaseException):
    """The power is gone, here and now."""


class Power:
    """One machine's. `moment` is called where something is about to last, and again where it has."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.off = False
        self.together = False  # several things happen at once: work waits for its disk, by luck
        self._left = 0

    @classmethod
    def steady(cls) -> Power:
        """Power that never goes."""
        return cls(random.Random(0))

    def arm(self, moments: int) -> None:
        """The power goes at that moment from now; 0: not at all."""
        self._left = moments

    def moment(self) -> None:
        """Raises PowerCut when it is the one, and ever after."""
        if self._left:
            self._left -= 1
            self.off = self.off or not self._left
        if self.off:
            raise PowerCut

    async def pause(self) -> None:
        """A few turns of the loop when several things happen at once, so that they come in any order."""
        if self.together:
            for _ in range(self._chance.randrange(PAUSES_MAX)):
                await asyncio.sleep(0)


class FeelingConnection(sqlite3.Connection):
    """A connection whose commits are moments of its machine's power."""

    power: Power

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.power.moment()
            done = super().execute(sql)
            self.power.moment()
            return done
        return super().execute(sql, parameters)


class FeelingLine:
    """A `Line` to an edge's database: inline, in turn, and ended by a power cut."""

    def __init__(self, path: Path, power: Power) -> None:
        self.sql = sqlite3.connect(
            path, isolation_level=None, cached_statements=128, factory=FeelingConnection
        )
        self.sql.power = power
        self._power = power

    async def run(self, work: Work[T], brief: bool = False) -> T:
        await self._power.pause()
        if self._power.off:
            raise PowerCut
        result = work(self.sql)
        await self._power.pause()
        return result

    async def close(self) -> None:
        self.sql.close()


def one_line(power: Power, made: list[FeelingLine]) -> Callable[[Path, Role], Any]:
    """`Connect` for `open_database`: the same connection for all roles, which are one thread here anyway."""

    async def connect(path: Path, role: Role) -> FeelingLine:
        if not made:
            made.append(FeelingLine(path, power))
        return made[0]

    return connect


class CentreConnection(aiosqlite.Connection):
    """A connection of the centre's: its commits are moments too, and fail when `busy` says so.

    A commit that fails may have taken effect all the same, as when a database fails over during it.
    """

    power: Power
    busy: list[bool]  # for each commit to come: the database is busy before (False) or after (True) it

    def __del__(self) -> None:
        """Without a word: a centre that crashes in the walk closes nothing."""

    async def commit(self) -> None:
        strike = self.busy.pop() if self.busy else None
        self.power.moment()
        if strike is False:
            raise _locked()
        await super().commit()
        self.power.moment()
        if strike is True:
            raise _locked()


def connect_centre(path: Path, power: Power, busy: list[bool]) -> CentreConnection:
    """For `Database(async_creator=…)`: not awaited here, as SQLAlchemy awaits it."""
    connection = CentreConnection(
        lambda: sqlite3.connect(path, cached_statements=512, check_same_thread=False), iter_chunk_size=64
    )
    connection.power, connection.busy = power, busy
    make_inline(connection)
    return connection


class FeelingAnchorDisk:
    """Where the anchor lies: writing it is a moment before and one after, and may be torn in between."""

    def __init__(self, path: Path, power: Power, chance: random.Random) -> None:
        self._path, self._power, self._chance = path, power, chance

    def read(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    async def write(self, offset: int, data: bytes) -> None:
        await self._power.pause()
        try:
            self._power.moment()
        except PowerCut:
            if self._chance.random() < 0.5:
                self._put(offset, data[: self._chance.randrange(len(data))])
            raise
        self._put(offset, data)
        self._power.moment()

    def _put(self, offset: int, data: bytes) -> None:
        before = self._path.read_bytes() if self._path.exists() else b""
        self._path.write_bytes(before[:offset].ljust(offset, b"\0") + data + before[offset + len(data) :])


def _locked() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error
