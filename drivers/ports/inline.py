"""``inline:serial:///dev/till,serial:///dev/printer``: we stand between a till and its device, and pass on.

    till ═══ till side ──► read here, by the decoder ──► device side ═══ printer or display
                  ▲                                          │
                  └────────────── passed back ◄──────────────┘

Both ways are carried by tasks of their own that know nothing of decoders. They go on while our own program
is slow, and for LINGER_S after it has let go of the port: a decoder that fails, or settings read again, cost
no receipt its end; whoever opens the port within that time goes on with it. What nobody has fetched is kept
up to KEPT_BYTES; past that the oldest is forgotten here, never by the printer. A device that takes nothing
(no paper) is waited for, while the till's line fills and pushes back. What a decoder writes goes to the
device, between two chunks of the till's. A line that vanishes ends the port; the session opens both again.

Parameters behind ``?`` belong to both lines: a till and its printer speak at one speed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from drivers.errors import PortGone
from drivers.ports.base import FdPort, Port, PortUrl

KEPT_BYTES = 4 * 1024 * 1024  # a long report with its logo; an hour of a busy printer's line
LINGER_S = 12.0  # longer than a device's session waits before it opens its port again

SIDES = ("serial", "tcp", "tcp-listen", "pty")

OpenSide = Callable[[str], Awaitable[Port]]


class InlinePort:
    """The till's side is read here; what is written goes to the device."""

    def __init__(self, name: str, till: Port, device: Port) -> None:
        self.name = name
        self.forgotten_bytes = 0  # of the till's, that nobody fetched in time
        self._till, self._device = till, device
        if isinstance(device, FdPort):
            device.write_wait_s = None
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._news = asyncio.Event()
        self._gone: PortGone | None = None
        self._speaking = asyncio.Lock()  # one at a time writes to the device
        self._lingering: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._carrying = [
            asyncio.create_task(self._carry(till, self._to_device), name=f"{name} to the device"),
            asyncio.create_task(self._carry(device, till.write), name=f"{name} to the till"),
        ]

    async def read(self) -> bytes:
        """What the till says. Raises PortGone when either line has gone, and all was read."""
        while not self._kept:
            if self._gone is not None:
                raise self._gone
            self._news.clear()
            await self._news.wait()
        chunk = self._kept.popleft()
        self._kept_bytes -= len(chunk)
        return chunk

    async def write(self, chunk: bytes) -> None:
        """To the device, between two chunks of the till's."""
        if self._gone is not None:
            raise self._gone
        async with self._speaking:
            await self._device.write(chunk)

    async def close(self) -> None:
        """Both lines when one has gone; else they are carried on for LINGER_S, unless opened before."""
        if self._gone is not None:
            await self._let_go()
        elif self._lingering is None:
            loop = asyncio.get_running_loop()
            self._lingering = loop.call_later(LINGER_S, self._let_go_soon)
            _left_open(loop)[self.name] = self

    def taken_up(self) -> bool:
        """Somebody has it again; False when a line has gone meanwhile."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        return self._gone is None

    def _let_go_soon(self) -> None:
        _left_open(asyncio.get_running_loop()).pop(self.name, None)
        self._closing = asyncio.create_task(self._let_go(), name=f"{self.name} closes")

    async def _let_go(self) -> None:
        self._end(PortGone(f"{self.name}: closed"))
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        await self._till.close()
        await self._device.close()

    async def _carry(self, source: Port, to: Callable[[bytes], Awaitable[None]]) -> None:
        try:
            while True:
                await to(await source.read())
        except PortGone as error:
            self._end(error)

    async def _to_device(self, chunk: bytes) -> None:
        async with self._speaking:
            await self._device.write(chunk)
        # Only what the printer has is a receipt; and nothing that happens below keeps it from the printer.
        self._kept.append(chunk)
        self._kept_bytes += len(chunk)
        while self._kept_bytes > KEPT_BYTES:
            oldest = self._kept.popleft()
            self._kept_bytes -= len(oldest)
            self.forgotten_bytes += len(oldest)
        self._news.set()

    def _end(self, error: PortGone) -> None:
        self._gone = self._gone or error
        self._news.set()


async def open_inline(url: PortUrl, open_side: OpenSide) -> InlinePort:
    """`open_side` opens one line by its URL. Raises BadPort, or PortGone (PortHeld: somebody has one)."""
    till_url, device_url = sides(url)
    left = _left_open(asyncio.get_running_loop()).pop(url.text, None)
    if left is not None:
        if left.taken_up():
            return left
        await left.close()
    till = await open_side(till_url)
    try:
        device = await open_side(device_url)
    except BaseException:
        await till.close()
        raise
    return InlinePort(url.text, till, device)


def sides(url: PortUrl) -> tuple[str, str]:
    """The URLs of the till's line and of the device's. Raises BadPort."""
    parts = url.place.split(",")
    if len(parts) != 2 or not all(_is_side(part) for part in parts):
        raise url.wrong(f"two lines are wanted, the till's and the device's, each {', '.join(SIDES)}")
    query = url.text.partition("?")[2]
    till, device = (f"{part}?{query}" if query and part.startswith("serial:") else part for part in parts)
    return till, device


def _is_side(part: str) -> bool:
    kind, _, place = part.partition(":")
    return kind in SIDES and (kind != "serial" or place.removeprefix("//").startswith("/"))


_LEFT: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, InlinePort]] = WeakKeyDictionary()


def _left_open(loop: asyncio.AbstractEventLoop) -> dict[str, InlinePort]:
    """The ports of this loop that are still carried though nobody has them, by URL."""
    return _LEFT.setdefault(loop, {})
