"""A till's end of a terminal's line, time standing still in between; behind it a box with rules and disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from drivers.base import Heard, Note
from drivers.registry import driver
from edge_agent.session import Session
from edge_agent.tally import Tally
from tests.edge_agent.terminal_box import TILL, TerminalBox, open_box

TICK_MS = 10


class Clock:
    """Goes only when a test lets it."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def wall_ms(self) -> int:
        return 1_790_000_000_000 + self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class TillLine:
    """`said` is what the box said, each with its moment; `notes` what it made of the till's words."""

    def __init__(self, box: TerminalBox, clock: Clock, name: str, options: dict[str, Any]) -> None:
        self.box, self.clock = box, clock
        self.decoder = driver(name).decoder(driver(name).options(**options))
        self.said: list[tuple[int, bytes]] = []
        self.notes: list[Note] = []
        self.session = self._opened()

    def _opened(self) -> Session:
        clock = self.clock
        return Session(
            device="terminal",
            till_name=TILL,
            till=self.box.till,
            outbox=self.box.shop.outbox,
            tally=Tally(clock),
            answer=lambda told: self.decoder.answer(told, clock.now_ms),
            terminals=self.box.terminals,
        )

    async def cut(self, ms: int = 1_000) -> None:
        """The line is gone, and there again after that time; for a decoder that outlives it."""
        await self.session.end()
        self.clock.now_ms += ms
        self.session = self._opened()
        self.decoder.reopened(self.clock.now_ms)

    async def say(self, chunk: bytes, wait_ms: int = 0) -> bytes:
        """The till says it, then `wait_ms` pass; all that the box said meanwhile."""
        before = len(self.said)
        await self._hear(self.decoder.feed(chunk, self.clock.now_ms))
        await self.wait(wait_ms)
        return b"".join(raw for _, raw in self.said[before:])

    async def wait(self, ms: int) -> bytes:
        """Time passes; all that the box said meanwhile."""
        before, until_ms = len(self.said), self.clock.now_ms + ms
        while True:
            due_ms = self.decoder.wake_at_ms
            if due_ms is not None and due_ms <= self.clock.now_ms:
                await self._hear(self.decoder.wake(self.clock.now_ms))
            elif self.clock.now_ms < until_ms:
                self.clock.now_ms += min(TICK_MS, until_ms - self.clock.now_ms)
                await asyncio.sleep(0)
            else:
                return b"".join(raw for _, raw in self.said[before:])

    async def _hear(self, heard: list[Heard]) -> None:
        self.notes += [each.what for each in heard if isinstance(each.what, Note)]
        await self.session.hear(heard)
        if raw := self.decoder.replies():
            self.said.append((self.clock.now_ms, raw))


@asynccontextmanager
async def open_line(path: Path, name: str, **options: Any) -> AsyncIterator[TillLine]:
    """A till's line to a box whose card may spend 100.00."""
    clock = Clock()
    async with open_box(path / "edge.db", clock, _running) as box:
        await box.grant(10_000)
        line = TillLine(box, clock, name, options)
        yield line
        await line.session.end()


@asynccontextmanager
async def _running(*works: Awaitable[Any]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
