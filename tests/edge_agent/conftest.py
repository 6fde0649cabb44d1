"""A store's box in pieces: a clock to wind, a disk in a folder, the centre's hello taken as heard."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clocks import Calendar
from edge_agent.store.database import open_database
from edge_agent.store.lines import Connect, connect_inline
from edge_agent.store.outbox import Limits, Outbox
from sync.contract.ids import Lane
from tests.edge_agent.money_shop import Shop, open_shop

LIMIT_S = 5.0


class WoundClock:
    """A clock that stands still until somebody winds it."""

    def __init__(self, wall_ms: int = 1_700_000_000_000, mono_ms: int = 1_000) -> None:
        self.wall, self.mono = wall_ms, mono_ms

    def wall_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def wind(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


async def _until(true: Callable[[], bool]) -> None:
    """Waits for a condition, five seconds at most."""
    async with asyncio.timeout(LIMIT_S):
        while not true():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def _running(*works: Awaitable[Any]) -> AsyncIterator[list[asyncio.Future[Any]]]:
    """The coroutines as tasks for as long as the block lasts."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _open_outbox(
    path: Path,
    clock: WoundClock,
    *,
    connect: Connect = connect_inline,
    limits: Limits | None = None,
    boot: str = "0000beef",
    size_max_mib: int = 64,
    hello: bool = True,
) -> AsyncIterator[Outbox]:
    """An outbox on its file, its writer running; `hello`: greeted by a centre that has what it confirmed."""
    db = await open_database(path, connect, os.urandom, size_max_mib)
    try:
        calendar = await Calendar.open(db, clock, boot, lambda: False)
        outbox = await Outbox.open(db, clock, calendar, limits)
        if hello:
            await outbox.greeted({lane: outbox.confirmed(lane) for lane in Lane})
        async with _running(outbox.run()):
            yield outbox
    finally:
        await db.close()


@pytest.fixture
def until() -> Any:
    """`await until(condition)`."""
    return _until


@pytest.fixture
def running() -> Any:
    """`async with running(coroutine, …)`."""
    return _running


@pytest.fixture
def open_outbox() -> Any:
    """`async with open_outbox(path, clock, …) as outbox`."""
    return _open_outbox


@pytest.fixture
async def shop(tmp_path: Path, clock: WoundClock) -> AsyncIterator[Shop]:
    """A shop whose cards pay; a file of tests with another idea of a shop has its own."""
    async with open_shop(tmp_path / "edge.db", clock, _running) as opened:
        yield opened
