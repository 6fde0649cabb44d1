"""Lines to SQLite: a piece of work is handed over and done whole, in one hop, never cut in the middle.

aiosqlite gives every connection a thread; a hop there and back costs 50 to 120 µs, so a transaction is one
hop (`run(work)`), not one per statement. Cancelling whoever waits does not stop the work: it ends, committed
or rolled back, and the line is free for the next. `InlineLine` does the same without a thread, for tests
under simulated time.

On an SSD a commit takes less than the hop. Work that its caller calls brief is therefore done in the event
loop's own thread as long as the line is idle and the last `QUICK_NEEDED` brief works all took less than
`QUICK_MS`; one that takes longer sends the next ones to the thread again. So a disk that stalls holds up the
loop at most once in `QUICK_NEEDED` brief works, and an SD card (5 to 20 ms a commit) never does.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite

T = TypeVar("T")
_CACHED_STATEMENTS = 64
QUICK_MS = 1.0
QUICK_NEEDED = 64


class Cursor(Protocol):
    """As much of a cursor as the store uses."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Sql(Protocol):
    """As much of `sqlite3.Connection` as the store uses, so that a test may put another SQLite under it."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any: ...


Work = Callable[[Any], T]  # given a `Sql`


class Line(Protocol):
    """One connection, and whatever runs it."""

    async def run(self, work: Work[T], brief: bool = False) -> T:
        """`work(connection)`, whole and in its turn. Raises what it raises (sqlite3.Error).

        `brief`: a few rows and a commit, nothing that grows; it may be done without a thread.
        """
        ...

    async def close(self) -> None: ...


class Role(Enum):
    """What a line is for. A swipe must wait neither for a commit's fsync nor for a batch being read."""

    WRITE = "write"
    READ = "read"
    ASK = "ask"


Connect = Callable[[Path, Role], Awaitable[Line]]


class ThreadLine(aiosqlite.Connection):
    """A connection with a thread of its own, which brief work need not wait for while the disk is quick."""

    def __init__(
        self, connector: Callable[[], sqlite3.Connection], seconds: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._seconds = seconds
        self._handed = 0  # counted by the loop alone
        self._finished = 0  # counted by the thread alone: equal when the line is idle
        self._quick = 0  # brief works in a row that took less than QUICK_MS

    async def run(self, work: Work[T], brief: bool = False) -> T:
        if brief and self._quick >= QUICK_NEEDED and self._handed == self._finished:
            return self._timed(work)
        self._handed += 1
        result: T = await self._execute(self._counted, work, brief)  # type: ignore[no-untyped-call]
        return result

    def _counted(self, work: Work[T], brief: bool) -> T:
        try:
            return self._timed(work) if brief else work(self._conn)
        finally:
            self._finished += 1

    def _timed(self, work: Work[T]) -> T:
        began_s = self._seconds()
        try:
            return work(self._conn)
        finally:
            self._quick = self._quick + 1 if (self._seconds() - began_s) * 1000 < QUICK_MS else 0


class InlineLine:
    """A connection that does its work at once, in the caller's thread."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, work: Work[T], brief: bool = False) -> T:
        return work(self._connection)

    async def close(self) -> None:
        self._connection.close()


async def connect_in_thread(path: Path, role: Role) -> Line:
    """A line for the agent as it runs in a store. Raises sqlite3.Error."""
    line = ThreadLine(lambda: _connect(path))
    await line
    return line


async def connect_inline(path: Path, role: Role) -> Line:
    """A line for simulated time: same file, same SQL, no thread."""
    return InlineLine(_connect(path))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        isolation_level=None,
        cached_statements=_CACHED_STATEMENTS,
        check_same_thread=False,  # brief work comes from the loop's thread, never while the other has any
    )
