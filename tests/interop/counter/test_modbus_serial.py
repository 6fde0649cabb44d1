"""npm's modbus-serial 8.0.25 asks our unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.counter.unit_line import MUST, Failed, UnitLine
from tests.interop.peers import Peer

SCRIPT = Path(__file__).with_name("modbus_serial_master.js")


class ModbusSerial:
    """In a process of its own."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def read(self, line: Path, address: int, count: int) -> list[int]:
        said = await self._ask("read", line=str(line), address=address, count=count)
        return list(said["values"])

    async def write(self, line: Path, address: int, value: int) -> None:
        await self._ask("write", line=str(line), address=address, value=value)

    async def _ask(self, do: str, **named: Any) -> Any:
        said = await self._peer.ask(do, **named)
        if "failed" in said:
            raise Failed(said["failed"])
        return said


@pytest.mark.parametrize("must", MUST, ids=lambda must: must.__name__)
async def test_modbus_serial(
    unit_line: UnitLine, must: Any, npm: dict[str, str], needs: Callable[[str, str], Path], start_peer: Any
) -> None:
    peer = await start_peer([needs("nodejs", "node"), SCRIPT], npm)
    await must(unit_line, ModbusSerial(peer))
