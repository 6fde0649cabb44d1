"""A till page that keeps its watch: when each swipe was on the screen."""

from __future__ import annotations

import asyncio
import time
from collections import deque

CONNECT_RETRY_S = 0.2


class Screen:
    """Reads `/till/events` of one till, as a browser does."""

    def __init__(self, port: int, till: str) -> None:
        self._port, self._till = port, till
        self.shown_s: deque[float] = deque()
        self.open = asyncio.Event()

    async def watch(self) -> None:
        """For ever; comes back when the agent restarts."""
        while True:
            try:
                await self._read()
            except OSError:
                await asyncio.sleep(CONNECT_RETRY_S)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(
                f"GET /till/events?till={self._till} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Accept: text/event-stream\r\n\r\n".encode()
            )
            async for line in reader:
                self.open.set()
                if line == b"event: swipe\n":
                    self.shown_s.append(time.perf_counter())
        finally:
            writer.close()
