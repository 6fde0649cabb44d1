"""Lines to SQLite: a piece of work is handed over and done whole, in one hop, never cut in the middle.

aiosqlite gives every connection a thread; a hop there and back costs 50 to 100 µs, so a transaction is one
hop (`run(work)`), not one per statement. Cancelling whoever waits does not stop the work: it ends, committed
or rolled back, and the line is free for the next. `InlineLine` does the same without a thread, for tests
under simulated time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite

T = TypeVar("T")
_CACHED_STATEMENTS = 64


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

    async def run(self, work: Work[T]) -> T:
        """`work(connection)`, whole and in its turn. Raises what it raises (sqlite3.Error)."""
        ...

    async def close(self) -> None: ...


class Role(Enum):
    """What a line is for. A swipe must wait neither for a commit's fsync nor for a batch being read."""

    WRITE = "write"
    READ = "read"
    ASK = "ask"


Connect = Callable[[Path, Role], Awaitable[Line]]


class ThreadLine(aiosqlite.Connection):
    """A connection with a thread of its own."""

    async def run(self, work: Work[T]) -> T:
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return result


class InlineLine:
    """A connection that does its work at once, in the caller's thread."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, work: Work[T]) -> T:
        return work(self._connection)

    async def close(self) -> None:
        self._connection.close()


async def connect_in_thread(path: Path, role: Role) -> Line:
    """A line for the agent as it runs in a store. Raises sqlite3.Error."""
    line = ThreadLine(lambda: _connect(path), iter_chunk_size=64)
    await line
    return line


async def connect_inline(path: Path, role: Role) -> Line:
    """A line for simulated time: same file, same SQL, no thread."""
    return InlineLine(_connect(path))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, cached_statements=_CACHED_STATEMENTS)
