"""Debian's mbpoll (libmodbus) asks our unit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.counter.unit_line import MUST, UNIT, Failed, UnitLine

_VALUE = re.compile(r"^\[(\d+)\]:\s+(\d+)", re.MULTILINE)


class Mbpoll:
    """One run for one question."""

    def __init__(self, program: Path) -> None:
        self._program = program

    async def read(self, line: Path, address: int, count: int) -> list[int]:
        wrote = await self._run(line, "-r", str(address), "-c", str(count))
        values = [int(value) for _, value in _VALUE.findall(wrote)]
        if len(values) != count:
            raise Failed(wrote)
        return values

    async def write(self, line: Path, address: int, value: int) -> None:
        if "Written 1 references" not in (wrote := await self._run(line, "-r", str(address), value=value)):
            raise Failed(wrote)

    async def _run(self, line: Path, *options: str, value: int | None = None) -> str:
        how = ("-m", "rtu", "-b", "9600", "-P", "none", "-0", "-1", "-o", "0.4", "-a", str(UNIT), "-t", "4")
        values = [] if value is None else [str(value)]
        process = await asyncio.create_subprocess_exec(
            *(self._program, *how, *options, line, *values),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(10):
                wrote, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise Failed("it does not end") from None
        return wrote.decode(errors="replace")


@pytest.mark.parametrize("must", MUST, ids=lambda must: must.__name__)
async def test_mbpoll(unit_line: UnitLine, must: Any, needs: Callable[[str, str], Path]) -> None:
    await must(unit_line, Mbpoll(needs("mbpoll", "mbpoll")))
