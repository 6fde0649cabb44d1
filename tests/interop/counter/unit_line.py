"""A counting unit of ours on a line, and what any other's Modbus master must make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from drivers.counter.modbus.options import ModbusOptions
from drivers.counter.modbus.slave import Slave
from drivers.errors import PortGone
from drivers.ports import open_port
from sync.clock import SystemClock
from tests.interop.wire import Wire, places

UNIT = 17
COUNTS = [0, 1234, 1, 4464, 1]  # in 1234, out 70000, all is well
PIECE_GAP_S = 0.01
TRIES = 5  # of a master that waits shortly for its answer, at a machine that runs many tests at once
BROKEN_S = 1  # a line that was cut by the question of a master is gone by then

Answer = TypeVar("Answer")


class Failed(Exception):
    """A master got no answer, or one that it could not use."""


class Master(Protocol):
    """Somebody else's program or library. Opens the line for each question, as after an unplugging."""

    async def read(self, line: Path, address: int, count: int) -> list[int]:
        """Holding registers of UNIT. Raises Failed."""
        ...

    async def write(self, line: Path, address: int, value: int) -> None:
        """One register. Raises Failed."""
        ...


class UnitLine:
    """The unit, and the wire it hangs on."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.pieces = 1
        self.slave = Slave(ModbusOptions(units={UNIT: ""}))
        self.slave.walk(UNIT, inward=1234, outward=70_000)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Path]:
        """The unit answers as long as the block lasts, or until the wire is cut; gives the master's end."""
        port = await open_port(self.wire.box, clock=SystemClock())

        async def answer() -> None:
            with suppress(PortGone):
                while chunk := await port.read():
                    said = self.slave.feed(chunk)
                    size = -(-len(said) // self.pieces) or 1
                    for at in range(0, len(said), size):
                        await port.write(said[at : at + size])
                        await asyncio.sleep(PIECE_GAP_S if self.pieces > 1 else 0)

        answering = asyncio.create_task(answer())
        try:
            yield self.wire.till
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            await port.close()
            self.slave.hang_up()


async def again(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """As any master does it: the question is asked again when its answer came too late. Raises Failed."""
    for _ in range(TRIES - 1):
        with suppress(Failed):
            return await ask()
    return await ask()


async def reads_and_writes(unit: UnitLine, master: Master) -> None:
    """It reads what the unit counted, writes, and understands an exception."""
    async with unit.served() as line:
        assert await again(lambda: master.read(line, 0, 5)) == COUNTS
        await again(lambda: master.write(line, 4, 0))
        assert unit.slave.value(UNIT, "state") == 0
        assert await again(lambda: master.read(line, 4, 1)) == [0]
        with pytest.raises(Failed):
            await master.read(line, 100, 1)


async def takes_three_pieces(unit: UnitLine, master: Master) -> None:
    """An answer in pieces, a little silence between them, is one answer."""
    unit.pieces = 3

    async def read() -> list[int]:
        unit.wire.said.clear()
        return await master.read(line, 0, 5)

    async with unit.served() as line:
        assert await again(read) == COUNTS
    assert len([said for said in unit.wire.said if said.by == "box"]) == 3


async def outlives_every_cut(unit: UnitLine, master: Master) -> None:
    """Wherever the line is cut it has the right counts or an error, never others, and then it goes on."""

    async def read() -> list[int]:
        unit.wire.said.clear()
        return await master.read(line, 0, 5)

    async with unit.served() as line:
        await again(read)
    cuts = places(unit.wire.said)
    assert {cut.by for cut in cuts} == {"till", "box"}
    for cut in cuts:
        unit.wire.mend()
        unit.wire.cut_at(cut)
        async with unit.served() as line:
            await again(lambda: _until_cut(unit, master, line))
        unit.wire.mend()
        async with unit.served() as line:
            assert await again(lambda: master.read(line, 0, 5)) == COUNTS


async def _until_cut(unit: UnitLine, master: Master, line: Path) -> None:
    """Raises Failed when the line outlived the question: its answer was not waited for."""
    with suppress(Failed):
        assert await master.read(line, 0, 5) == COUNTS
    try:
        await asyncio.wait_for(unit.wire.broken.wait(), BROKEN_S)
    except TimeoutError:
        raise Failed("the line is not cut") from None


MUST: list[Callable[[UnitLine, Master], object]] = [reads_and_writes, takes_three_pieces, outlives_every_cut]
