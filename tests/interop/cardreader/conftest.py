"""A line under /dev with our PN532 at its end, and cards for other people's readers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.cardreader.pn532.chip import Chip
from drivers.cardreader.pn532.simulator import serve
from drivers.errors import PortGone
from drivers.ports import open_port
from sync.clock import SystemClock
from tests.interop.wire import Wire

PROGRAM_S = 20  # longer than any of the programs takes, line or no line


class ChipLine:
    """A PN532 on a line whose name stands in /dev, where libnfc and nfcpy look for it."""

    def __init__(self, wire: Wire, device: Path) -> None:
        self.wire, self.device = wire, device
        self.chip = Chip()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Chip]:
        """The chip answers; freshly powered, on a line that is whole."""
        cards, self.chip = self.chip.cards, Chip()
        self.chip.hold(*cards)
        self.wire.mend()
        port = await open_port(self.wire.box, clock=SystemClock())
        serving = asyncio.create_task(serve(self.chip, port))
        try:
            yield self.chip
        finally:
            serving.cancel()
            ended = await asyncio.gather(serving, return_exceptions=True)
            await port.close()
            assert isinstance(ended[0], asyncio.CancelledError | PortGone), ended[0]

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
async def chip_line(make_wire: Callable[[], Wire]) -> AsyncIterator[ChipLine]:
    wire = make_wire()
    device = Path(f"/dev/ttyTB{os.getpid()}")
    try:
        device.symlink_to(wire.till)
    except OSError as error:
        pytest.skip(f"a line in /dev is wanted ({error.strerror}): sudo ./run test tests/interop/cardreader")
    yield ChipLine(wire, device)
    device.unlink()
