"""The line between a store and the centre, with scissors: a TCP relay that can be cut and mended."""

from __future__ import annotations

import asyncio
import contextlib
import socket

CHUNK_BYTES = 64 * 1024


class Line:
    """Relays `127.0.0.1:<port>` to a target; while cut, connections are reset and refused."""

    def __init__(self, target_port: int, port: int = 0) -> None:
        self._target_port = target_port
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.whole = True

    @property
    def port(self) -> int:
        """Where the store dials."""
        assert self._server is not None, "the line is not laid yet"
        return int(self._server.sockets[0].getsockname()[1])

    async def lay(self) -> None:
        """Start relaying. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    def cut(self) -> None:
        """Every connection breaks at once, and no new one comes through."""
        self.whole = False
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """New connections come through again."""
        self.whole = True

    async def take_up(self) -> None:
        """Stop for good."""
        self.cut()
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        for each in (writer, far_writer):
            # Two Nagles in a row would add 40 ms to every receipt.
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._open.add(sink)
            task = asyncio.ensure_future(self._pour(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK_BYTES):
                sink.write(chunk)
                await sink.drain()
        self._open.discard(sink)
        sink.close()
