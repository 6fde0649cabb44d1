"""An event loop whose time jumps: a week of outages takes a second, and one seed replays everything.

Nothing here waits for the machine. When no callback is ready the loop's clock moves to the next timer.
SQLite runs inline (`inline_sqlite`), so that no thread brings in the machine's own order.
"""

from __future__ import annotations

import asyncio
import selectors
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiosqlite

T = TypeVar("T")


class Stalled(AssertionError):
    """The world waits for something that can never happen: no callback is ready and no timer is set."""


class _JumpingSelector(selectors.BaseSelector):
    """A selector that never waits: it moves the clock instead."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        self._keys[fileobj] = selectors.SelectorKey(fileobj, fd, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("the world waits for something that can never happen")
        self.now_s += max(timeout, 0.0)
        return []

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys


class SimLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` is the simulated clock in seconds, starting at 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class SimClock:
    """`Clock` of one simulated box: monotonic time from the loop, wall time at will."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wall_ms: int = 1_790_000_000_000) -> None:
        self._loop = loop
        self._wall_base_ms = wall_ms
        self._mono_base_ms = 5_000

    def wall_ms(self) -> int:
        return self._wall_base_ms + int(self._loop.time() * 1000)

    def mono_ms(self) -> int:
        return self._mono_base_ms + int(self._loop.time() * 1000)

    def jump(self, by_ms: int) -> None:
        """The wall clock is set; monotonic time goes on as before."""
        self._wall_base_ms += by_ms

    def reboot(self) -> None:
        """Monotonic time starts again, as after a power cut."""
        self._mono_base_ms = 5_000 - int(self._loop.time() * 1000)


def run_simulated(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` to its end on a fresh `SimLoop`; leftover tasks are cancelled."""
    loop = SimLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main())
    finally:
        leftover = asyncio.all_tasks(loop)
        for task in leftover:
            task.cancel()
        if leftover:
            loop.run_until_complete(asyncio.gather(*leftover, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


class _InlineQueue:
    """Takes the place of aiosqlite's queue: what is put is done at once, in this thread."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except BaseException as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _NoThread:
    daemon = True

    def start(self) -> None:
        return None

    def join(self, timeout: float | None = None) -> None:
        return None


class _Inline(aiosqlite.Connection):
    def __del__(self) -> None:
        """Without a word: a program that crashes in the simulation closes nothing."""


def inline_sqlite(path: str, **options: Any) -> aiosqlite.Connection:
    """As `aiosqlite.connect`, without its thread; for SQLAlchemy give it as `async_creator_fn`."""
    connection = _Inline(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)
    make_inline(connection)
    return connection


def make_inline(connection: aiosqlite.Connection) -> None:
    """Takes the thread from a connection that has not been opened yet."""
    connection._tx = _InlineQueue()  # type: ignore[assignment]
    connection._thread = _NoThread()  # type: ignore[assignment]
