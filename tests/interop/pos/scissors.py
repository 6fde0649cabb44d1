"""A cable between a till and a box's TCP port, on a loopback address of its own, with scissors.

    the till ──► scissors.host:8443 ═══ recorded, cut ═══ the box's port

A cut is a place in one connection, so many bytes in one direction; then both ends lose it at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal, NamedTuple

End = Literal["till", "box"]
PORT = 8443  # where Adyen's library looks for every terminal


class Place(NamedTuple):
    """After so many bytes by one end."""

    by: End
    after_bytes: int


class Scissors:
    """One cable. `said` is what was said on the last whole connection."""

    def __init__(self, box_port: int) -> None:
        self.host = "127.{}.{}.{}".format(*(1 + byte % 250 for byte in os.urandom(3)))
        self.said: list[tuple[End, int]] = []
        self._box_port = box_port
        self._cut: Place | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, box_port: int) -> AsyncIterator[Scissors]:
        cable = cls(box_port)
        server = await asyncio.start_server(cable._called, cable.host, PORT)
        try:
            yield cable
        finally:
            server.close()
            for connection in cable._connections:
                connection.cancel()
            await asyncio.gather(*cable._connections, return_exceptions=True)

    def cut_at(self, place: Place) -> None:
        """The next connection goes when that place is reached."""
        self._cut = place

    def mend(self) -> None:
        self._cut = None

    def places(self) -> list[Place]:
        """Every place in the last connection: after each piece, and in the middle of each."""
        counts: dict[End, int] = {"till": 0, "box": 0}
        found = [Place("till", 0)]
        for by, size in self.said:
            found.append(Place(by, counts[by] + size // 2))
            counts[by] += size
            found.append(Place(by, counts[by]))
        return found

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._join(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.said = []
        cut, self._cut = self._cut, None
        try:
            box_reader, box_writer = await asyncio.open_connection("127.0.0.1", self._box_port)
        except OSError:  # between two callers the box's port is closed for a moment
            writer.transport.abort()
            return
        ways = (
            asyncio.create_task(self._carry("till", reader, box_writer, cut)),
            asyncio.create_task(self._carry("box", box_reader, writer, cut)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED if cut else asyncio.ALL_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, box_writer):
                end.transport.abort()

    async def _carry(
        self, by: End, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Place | None
    ) -> None:
        left = cut.after_bytes if cut and cut.by == by else None
        with suppress(OSError):
            while left is None or left > 0:
                chunk = await reader.read(65536)
                if not chunk:
                    break
                if left is not None:
                    chunk = chunk[:left]
                    left -= len(chunk)
                self.said.append((by, len(chunk)))
                writer.write(chunk)
                await writer.drain()
            if left is None and not cut:
                writer.write_eof()
