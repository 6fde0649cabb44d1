"""pymodbus 3.16.1 on both sides: its client asks our unit, and a whole box asks its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import PortGone
from drivers.ports import open_port
from edge_agent import supervisor
from sync.clock import SystemClock
from sync.contract.events import Passed, decode_event
from tests.edge_agent.terminal_box import TerminalBox
from tests.interop.conftest import running
from tests.interop.counter.unit_line import MUST, PIECE_GAP_S, UNIT, Failed, UnitLine
from tests.interop.wire import Wire, places

ANSWER_S = 0.4
WITHIN_S = 20
OPTIONS: dict[str, Any] = {
    "units": {UNIT: "door"},
    "poll_s": 0.05,
    "answer_ms": 300,
    "map": {
        "in": {"address": 0, "width": 32},
        "out": {"address": 2, "width": 32, "words": "low_first"},
        "state": {"address": 4},
    },
}


@pytest.fixture(scope="session")
def pymodbus() -> Any:
    return pytest.importorskip("pymodbus", reason="pymodbus is missing: pip install pymodbus==3.16.1")


class PymodbusClient:
    """Its client, opened for each question."""

    async def read(self, line: Path, address: int, count: int) -> list[int]:
        return list((await self._do(line, "read_holding_registers", address, count=count)).registers)

    async def write(self, line: Path, address: int, value: int) -> None:
        await self._do(line, "write_register", address, value)

    async def _do(self, line: Path, what: str, *args: Any, **named: Any) -> Any:
        from pymodbus.client import AsyncModbusSerialClient
        from pymodbus.exceptions import ModbusException

        client = AsyncModbusSerialClient(
            str(line), baudrate=9600, timeout=ANSWER_S, retries=0, reconnect_delay=0
        )
        try:
            if not await client.connect():
                raise Failed("no line")
            said = await getattr(client, what)(*args, device_id=UNIT, **named)
        except (ModbusException, OSError) as error:
            raise Failed(str(error)) from error
        finally:
            client.close()
        if said.isError():
            raise Failed(str(said))
        return said


@pytest.mark.parametrize("must", MUST, ids=lambda must: must.__name__)
async def test_pymodbus_client(unit_line: UnitLine, must: Any, pymodbus: Any) -> None:
    await must(unit_line, PymodbusClient())


class Unit:
    """What pymodbus serves: its registers, changed as people pass."""

    def __init__(self) -> None:
        self.inward = self.outward = 0
        self.registers = [0, 0, 0, 0, 1]

    def walk(self, inward: int, outward: int) -> None:
        self.inward, self.outward = self.inward + inward, self.outward + outward
        high_first, low_first = divmod(self.inward, 65536), divmod(self.outward, 65536)[::-1]
        self.registers = [*high_first, *low_first, 1]

    def device(self) -> Any:
        from pymodbus.simulator import DataType, SimData, SimDevice

        registers = SimData(0, values=list(self.registers), datatype=DataType.REGISTERS)
        return SimDevice(id=UNIT, simdata=[registers])

    @asynccontextmanager
    async def served(self, line: Path) -> AsyncIterator[Any]:
        """Its server on that end of the line; gives what is to be awaited after `walk`."""
        from pymodbus.framer import FramerType
        from pymodbus.server import ModbusSerialServer

        server = ModbusSerialServer(self.device(), framer=FramerType.RTU, port=str(line), baudrate=9600)
        await server.serve_forever(background=True)

        async def shown() -> None:
            await server.async_setValues(UNIT, 16, 0, list(self.registers))

        try:
            yield shown
        finally:
            await server.shutdown()


def on(box: TerminalBox, port: str, **options: Any) -> AbstractAsyncContextManager[Any]:
    return box.device("counter.modbus", port, **OPTIONS | options)


async def counted(box: TerminalBox) -> tuple[int, int]:
    """Who passed, as the box has it on its disk."""
    bodies = await box.shop.db.read(lambda sql: sql.execute("SELECT body FROM row").fetchall())
    events = [decode_event(body) for (body,) in bodies]
    passed = [each for each in events if isinstance(each, Passed)]
    return sum(each.inward for each in passed), sum(each.outward for each in passed)


async def becomes(box: TerminalBox, people: tuple[int, int]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while (found := await counted(box)) != people:
            assert all(one <= most for one, most in zip(found, people, strict=True)), "counted twice"
            await asyncio.sleep(0.02)


async def asked(wire: Wire, times: int = 2) -> None:
    """Until the unit has answered so often again."""
    until = len([said for said in wire.said if said.by == "till"]) + times
    async with asyncio.timeout(WITHIN_S):
        while len([said for said in wire.said if said.by == "till"]) < until:
            await asyncio.sleep(0.01)


async def test_a_box_counts_what_its_server_says(
    make_wire: Callable[[], Wire], open_till_box: Any, pymodbus: Any
) -> None:
    wire, unit = make_wire(), Unit()
    unit.walk(70_000, 65_535)
    async with unit.served(wire.till) as shown, open_till_box() as box, on(box, wire.box):
        await asked(wire)
        unit.walk(3, 2)
        await shown()
        await becomes(box, (3, 2))


async def test_answers_in_three_pieces_count_as_whole_ones(
    make_wire: Callable[[], Wire], open_till_box: Any, pymodbus: Any
) -> None:
    wire, far, unit = make_wire(), make_wire(), Unit()
    near_port = await open_port(f"serial://{wire.till}", clock=SystemClock())
    far_port = await open_port(far.box, clock=SystemClock())

    async def carry(this: Any, that: Any, pieces: int) -> None:
        with suppress(PortGone):
            while chunk := await this.read():
                size = -(-len(chunk) // pieces)
                for at in range(0, len(chunk), size):
                    await that.write(chunk[at : at + size])
                    await asyncio.sleep(PIECE_GAP_S)

    carrying = running(carry(near_port, far_port, 1), carry(far_port, near_port, 3))
    patient = {"answer_ms": 5_000}  # an answer that is too late would be a problem
    async with (
        carrying,
        unit.served(far.till) as shown,
        open_till_box() as box,
        on(box, wire.box, **patient),
    ):
        await asked(wire, 6)
        unit.walk(3, 2)
        await shown()
        await becomes(box, (3, 2))
        assert box.supervisor.status()[0].problems_total == 0
    await near_port.close()
    await far_port.close()


async def test_a_box_asks_its_server_on_the_network(open_till_box: Any, pymodbus: Any) -> None:
    from pymodbus.server import ModbusTcpServer

    unit, sent = Unit(), asyncio.Semaphore(0)

    def trace(sending: bool, packet: bytes) -> bytes:
        if sending:
            sent.release()
        return packet

    server = ModbusTcpServer(unit.device(), address=("127.0.0.1", 0), trace_packet=trace)
    await server.serve_forever(background=True)
    number = server.transport.sockets[0].getsockname()[1]
    async with open_till_box() as box, on(box, f"tcp://127.0.0.1:{number}", framing="tcp"):
        for people in ((3, 2), (10, 2)):
            for _ in range(3):
                await asyncio.wait_for(sent.acquire(), WITHIN_S)
            unit.walk(people[0] - unit.inward, people[1] - unit.outward)
            await server.async_setValues(UNIT, 16, 0, list(unit.registers))
            await becomes(box, people)
    await server.shutdown()


async def test_an_exception_of_a_unit_that_is_not_its_own_is_a_fault_and_nobody(
    make_wire: Callable[[], Wire], open_till_box: Any, pymodbus: Any
) -> None:
    wire, unit = make_wire(), Unit()
    async with unit.served(wire.till), open_till_box() as box, on(box, wire.box, units={99: ""}):
        async with asyncio.timeout(WITHIN_S):
            while box.supervisor.status()[0].state != "blocked":
                await asyncio.sleep(0.01)
        assert await counted(box) == (0, 0)


async def test_a_line_cut_at_every_step_loses_nobody(
    make_wire: Callable[[], Wire], open_till_box: Any, pymodbus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_MOST_S", 0.1)
    wire, unit = make_wire(), Unit()
    async with open_till_box() as box, on(box, wire.box):
        async with unit.served(wire.till):
            await asked(wire)
        question = next(said for said in wire.said if said.by == "box")
        answer = next(said for said in wire.said if said.by == "till")
        for cut in places([question, answer]):
            unit.walk(5, 1)
            wire.mend()
            wire.cut_at(cut)
            async with unit.served(wire.till):
                await asyncio.wait_for(wire.broken.wait(), WITHIN_S)
            unit.walk(2, 4)
            wire.mend()
            async with unit.served(wire.till):
                await becomes(box, (unit.inward, unit.outward))
