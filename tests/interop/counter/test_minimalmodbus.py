"""The PyPI package minimalmodbus 2.1.1 asks our unit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from tests.interop.counter.unit_line import MUST, UNIT, Failed, UnitLine

ANSWER_S = 0.4


class Minimalmodbus:
    """It blocks, so it works in a thread."""

    def __init__(self, package: Any) -> None:
        self._package = package

    async def read(self, line: Path, address: int, count: int) -> list[int]:
        return list(await self._do(line, lambda unit: unit.read_registers(address, count)))

    async def write(self, line: Path, address: int, value: int) -> None:
        await self._do(line, lambda unit: unit.write_register(address, value, functioncode=6))

    async def _do(self, line: Path, work: Callable[[Any], Any]) -> Any:
        def ask() -> Any:
            with serial.Serial(str(line), 9600, timeout=ANSWER_S) as opened:
                return work(self._package.Instrument(opened, UNIT))

        try:
            return await asyncio.to_thread(ask)
        except (self._package.ModbusException, OSError, ValueError) as error:
            raise Failed(str(error)) from error


@pytest.mark.parametrize("must", MUST, ids=lambda must: must.__name__)
async def test_minimalmodbus(unit_line: UnitLine, must: Any) -> None:
    package = pytest.importorskip(
        "minimalmodbus", reason="minimalmodbus is missing: pip install minimalmodbus==2.1.1"
    )
    await must(unit_line, Minimalmodbus(package))
