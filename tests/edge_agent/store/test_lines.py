"""A commit that takes less than a hop to another thread is done without one, and only then."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edge_agent.store.lines import QUICK_MS, QUICK_NEEDED, ThreadLine

HERE = threading.get_ident()


class Seconds:
    """A clock that says how long each work took."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest_asyncio.fixture
async def line(tmp_path: Path, seconds: Seconds) -> AsyncIterator[ThreadLine]:
    opened = ThreadLine(lambda: sqlite3.connect(tmp_path / "x.db", check_same_thread=False), seconds)
    await opened
    yield opened
    await opened.close()


def work(seconds: Seconds, takes_ms: float) -> Any:
    def done(_: Any) -> bool:
        seconds.now_s += takes_ms / 1000
        return threading.get_ident() == HERE

    return done


async def quick(line: ThreadLine, seconds: Seconds, times: int = QUICK_NEEDED) -> None:
    for _ in range(times):
        await line.run(work(seconds, QUICK_MS / 2), brief=True)


async def test_brief_work_has_no_thread_once_the_disk_has_shown_that_it_is_quick(
    line: ThreadLine, seconds: Seconds
) -> None:
    await quick(line, seconds, QUICK_NEEDED - 1)
    assert not await line.run(work(seconds, QUICK_MS / 2), brief=True)
    assert await line.run(work(seconds, QUICK_MS / 2), brief=True)


async def test_work_that_is_not_brief_always_has_the_thread(line: ThreadLine, seconds: Seconds) -> None:
    await quick(line, seconds)
    assert not await line.run(work(seconds, 0))


async def test_a_stall_holds_up_the_loop_once_in_many(line: ThreadLine, seconds: Seconds) -> None:
    await quick(line, seconds)
    assert await line.run(work(seconds, 500), brief=True)
    here = [await line.run(work(seconds, QUICK_MS / 2), brief=True) for _ in range(QUICK_NEEDED + 1)]
    assert here == [False] * QUICK_NEEDED + [True]


async def test_a_slow_disk_always_has_the_thread(line: ThreadLine, seconds: Seconds) -> None:
    assert not any([await line.run(work(seconds, QUICK_MS), brief=True) for _ in range(3 * QUICK_NEEDED)])


async def test_brief_work_waits_its_turn_behind_other_work(line: ThreadLine, seconds: Seconds) -> None:
    await quick(line, seconds)
    go_on, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    done: list[str] = []

    def long(_: Any) -> None:
        loop.call_soon_threadsafe(began.set)
        assert go_on.wait(5)
        done.append("long")

    first = asyncio.ensure_future(line.run(long))
    await began.wait()
    second = asyncio.ensure_future(line.run(lambda _: done.append("brief"), brief=True))
    await asyncio.sleep(0)
    assert done == []
    go_on.set()
    await asyncio.gather(first, second)
    assert done == ["long", "brief"]


async def test_what_fails_is_raised_and_counts_as_work(line: ThreadLine, seconds: Seconds) -> None:
    await quick(line, seconds)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            await line.run(lambda sql: sql.execute("SELECT nothing FROM nowhere"), brief=True)
    assert await line.run(work(seconds, 0), brief=True)
