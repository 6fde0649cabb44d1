"""A counter's line is cut: whoever passes meanwhile is counted when it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from drivers.counter.modbus.options import ModbusOptions
from drivers.counter.modbus.slave import Slave
from sync.clock import SystemClock
from sync.contract.events import Passed, decode_event
from tests.edge_agent.terminal_box import open_box

WITHIN_S = 10
OPTIONS: dict[str, Any] = {"framing": "tcp", "poll_s": 0.05}


class Counter:
    """A unit on the network that can hang up on whoever asks it."""

    def __init__(self) -> None:
        self.slave = Slave(ModbusOptions(**OPTIONS))
        self.asked = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        while chunk := await reader.read(1000):
            writer.write(self.slave.feed(chunk))
            self.asked += 1
        writer.close()

    async def was_asked(self, times: int) -> None:
        until = self.asked + times
        while self.asked < until:
            await asyncio.sleep(0.01)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()


async def test_people_who_pass_while_the_line_is_cut_are_counted(tmp_path: Path, running: Any) -> None:
    counter = Counter()
    server = await asyncio.start_server(counter.serve, "127.0.0.1", 0)
    port = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with open_box(tmp_path / "box.db", SystemClock(), running) as box, asyncio.timeout(WITHIN_S):
        async with box.device("counter.modbus", port, **OPTIONS):
            await counter.was_asked(2)
            counter.hang_up()
            counter.slave.walk(1, inward=5, outward=2)
            await counter.was_asked(2)
            counter.slave.walk(1, inward=1)
            await counter.was_asked(2)
        bodies = await box.shop.db.read(
            lambda sql: sql.execute("SELECT body FROM row ORDER BY number").fetchall()
        )
    server.close()
    events = [decode_event(body) for (body,) in bodies]
    passed = [(each.inward, each.outward) for each in events if isinstance(each, Passed)]
    assert passed == [(5, 2), (1, 0)]
