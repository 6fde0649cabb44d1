"""A driver's simulator on the far end of a line: a pseudo-terminal, as good as a serial line, or TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from drivers.base import Scene
from drivers.errors import PortGone, PortHeld
from drivers.ports import open_port
from drivers.ports.base import Port, PortUrl, sleep_until
from drivers.ports.pseudo import open_pty
from sync.contract.clock import Clock

RETRY_S = 1.0  # between two tries to reach who is to listen
LOST_S = 0.1  # after a connection that stood: who hangs up at once must not keep us busy


def _nothing() -> None: ...


async def play_on_pty(
    scenes: Iterator[Scene],
    link: Path,
    clock: Clock,
    *,
    speed: float = 1.0,
    begun: Callable[[], None] = _nothing,
) -> None:
    """Make a pseudo-terminal with a link at `link` and say the scenes on it, until their end or cancelled.

    What nobody reads is lost once the kernel's 4 KiB are full, as on a real line. Whatever is written to the
    device is taken and forgotten. `begun` is called when the link is there.
    Raises BadPort when a real file stands at `link`, PortGone when no link can be made.
    """
    port = open_pty(PortUrl(f"pty:{link}", "pty", str(link)))
    listening = asyncio.create_task(_take(port))
    try:
        begun()
        async for chunk in _in_time(scenes, clock, speed):
            with suppress(BlockingIOError):
                port.say(chunk)
    finally:
        listening.cancel()
        await port.close()


async def play_on_tcp(
    scenes: Iterator[Scene],
    url: str,
    clock: Clock,
    *,
    speed: float = 1.0,
    begun: Callable[[], None] = _nothing,
) -> None:
    """Say the scenes on ``tcp-listen://host:port`` (who calls hears them) or ``tcp://host:port`` (we call).

    The story goes on whether or not anybody listens, as a device's does; a lost connection is made again.
    `begun` is called when the address is ours, or was dialled once.
    Returns at the scenes' end. Raises BadPort, and PortHeld when the address is taken.
    """
    line = _Line(url, clock)
    await line.open()
    keeping = asyncio.create_task(line.keep())
    try:
        begun()
        async for chunk in _in_time(scenes, clock, speed):
            await line.say(chunk)
    finally:
        keeping.cancel()
        await line.close()


class _Line:
    """A connection that is made again whenever it is lost."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._port: Port | None = None

    async def open(self) -> None:
        """Raises BadPort, PortHeld; that nobody listens yet is no mistake."""
        try:
            self._port = await open_port(self._url, clock=self._clock)
        except PortHeld:
            raise
        except PortGone:
            return

    async def keep(self) -> None:
        while True:
            wait_s = RETRY_S
            with suppress(PortGone):
                if self._port is None:
                    await self.open()
                if self._port is not None:
                    wait_s = LOST_S
                    await _take(self._port)
            await self.close()
            await asyncio.sleep(wait_s)

    async def say(self, chunk: bytes) -> None:
        with suppress(PortGone):
            if self._port is not None:
                await self._port.write(chunk)

    async def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await port.close()


async def _in_time(scenes: Iterator[Scene], clock: Clock, speed: float) -> AsyncIterator[bytes]:
    due_ms = float(clock.mono_ms())
    for scene in scenes:
        due_ms += scene.wait_ms / speed
        await sleep_until(clock, round(due_ms))
        yield scene.chunk


async def _take(port: Port) -> None:
    while True:
        await port.read()
