from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

import pytest

from central_server.downlink.line import Line
from sync.clock import SystemClock
from sync.link.base import Connection, LinkDown, Message


class Wire:
    """A connection to a broker that pings, and acknowledges only when it is `kind`."""

    def __init__(self, *, kind: bool) -> None:
        self._kind = kind
        self._closed = asyncio.Event()

    async def publish(self, topic: str, payload: bytes) -> None:
        if not self._kind:
            await self._closed.wait()
            raise LinkDown("closed by us")

    async def receive(self) -> Message:
        await self._closed.wait()
        raise LinkDown("closed by us")

    async def close(self) -> None:
        self._closed.set()


class Wires:
    """The first is dead, the next is well."""

    def __init__(self) -> None:
        self.dialled = 0

    async def dial(self, subscribe: Sequence[str]) -> Connection:
        self.dialled += 1
        return Wire(kind=self.dialled > 1)


async def receive(connection: Connection) -> None:
    while True:
        await connection.receive()


async def test_a_broker_that_acknowledges_nothing_is_left_and_dialled_again() -> None:
    wires = Wires()
    line = Line(wires, SystemClock(), random.Random(1), publish_timeout_s=0.05)
    running = asyncio.create_task(line.run(receive))
    try:
        async with asyncio.timeout(10):
            while not line.up:
                await asyncio.sleep(0.001)
            both = await asyncio.gather(
                line.publish("a", b""), line.publish("b", b""), return_exceptions=True
            )  # two wait: one is told by its own clock, the other by either
            assert [type(each) for each in both] == [LinkDown, LinkDown]
            with pytest.raises(LinkDown, match="acknowledged nothing"):
                await line.publish("c", b"")
            while not line.up:
                await asyncio.sleep(0.001)
            await line.publish("d", b"")
        assert wires.dialled == 2
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
