"""Our PN532 at the end of a line under /dev, for other people's readers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from drivers.cardreader.pn532.chip import Chip
from drivers.errors import PortGone
from drivers.ports.pseudo import PtyPort

TRIES = 5  # of a program that gives a chip less time than a machine may need that runs many tests at once
PROGRAM_S = 20  # longer than any of the programs takes, line or no line


class Cut(NamedTuple):
    """The line goes at the chip's so-many-th answer: before it, in its midst, or after it."""

    answer: int
    share: float


class ChipLine:
    """A PN532 on a line whose name stands in /dev, where libnfc and nfcpy look for it."""

    def __init__(self, device: Path) -> None:
        self.device = device
        self.answers = 0  # of the last conversation
        self.was_cut = False

    @asynccontextmanager
    async def served(self, chip: Chip, cut: Cut | None = None) -> AsyncIterator[None]:
        """The chip answers, until the line is cut."""
        self.answers, self.was_cut = 0, False
        port = PtyPort(self.device)
        serving = asyncio.create_task(self._serve(chip, port, cut))
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await port.close()

    async def _serve(self, chip: Chip, port: PtyPort, cut: Cut | None) -> None:
        while True:
            try:
                answer = chip.feed(await port.read())
                if not answer:
                    continue
                self.answers += 1
                if cut and self.answers == cut.answer:
                    await port.write(answer[: round(len(answer) * cut.share)])
                    await port.close()
                    self.was_cut = True
                    return
                await port.write(answer)
            except PortGone:
                return

    async def run(self, *command: str | Path, env: dict[str, str] | None = None) -> tuple[int | None, str]:
        """A program's exit status and what it wrote; the test fails when it does not end."""
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | (env or {}),
        )
        try:
            wrote, _ = await asyncio.wait_for(process.communicate(), PROGRAM_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, wrote.decode("utf-8", "replace")


@pytest.fixture
def chip_line() -> Iterator[ChipLine]:
    device = Path(f"/dev/ttyTB{os.getpid()}")
    if not os.access(device.parent, os.W_OK):
        pytest.skip("a line in /dev is wanted: sudo ./run test tests/interop/cardreader")
    yield ChipLine(device)
    device.unlink(missing_ok=True)
