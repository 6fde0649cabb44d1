"""A line that can fall silent or become slow: a TCP proxy that stops forwarding and says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Line:
    """Between a client and a broker."""

    def __init__(self, port: int) -> None:
        self.url = ""
        self.bytes_per_s = math.inf  # each way, each connection
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def fall_silent(self) -> None:
        self._open.clear()

    def speak_again(self) -> None:
        self._open.set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(self._chunk_bytes()):
                await self._open.wait()
                sink.write(chunk)
                await sink.drain()
                await asyncio.sleep(len(chunk) / self.bytes_per_s)
            await self._open.wait()
        except OSError:
            pass
        finally:
            sink.close()
            with contextlib.suppress(OSError):
                await sink.wait_closed()

    def _chunk_bytes(self) -> int:
        return int(min(65536, self.bytes_per_s / 10))

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def line_to(url: str, port: int = 0) -> AsyncIterator[Line]:
    """A line to the broker at `url`, to be dialled at `port` (0: any)."""
    line = Line(int(url.rsplit(":", 1)[1]))
    server = await asyncio.start_server(line.join, "127.0.0.1", port)
    line.url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await line.end()
        await server.wait_closed()
