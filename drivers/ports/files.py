"""``file:path`` reads a file once; ``replay:path?speed=10`` plays a recording back with its own timing.

A recording is JSON lines, one for each chunk that was read: ``{"t_ms": 1200, "hex": "02363245…"}``.
"""

from __future__ import annotations

import asyncio
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec

from drivers.errors import PortEnded, PortGone
from drivers.ports.base import READ_BYTES, Port, PortUrl, sleep_until
from sync.contract.clock import Clock

LINE_BYTES_MAX = 4 * READ_BYTES  # a chunk in hex, its time and its braces


class Recorded(msgspec.Struct, frozen=True):
    """One line of a recording."""

    t_ms: int  # since the recording began
    hex: str


class FilePort:
    """A file as if a device had said it all at once; then the port is gone. Forgets what is written."""

    def __init__(self, name: str, source: BufferedReader) -> None:
        self.name = name
        self._source = source
        # A pipe or a keyboard's event file may have more to say when opened again; a file says the same.
        self._gone = PortEnded if stat.S_ISREG(os.fstat(source.fileno()).st_mode) else PortGone

    async def read(self) -> bytes:
        chunk = b"" if self._source.closed else await asyncio.to_thread(self._source.read1, READ_BYTES)
        if not chunk:
            raise self._gone(f"{self.name}: at its end")
        return chunk

    async def write(self, chunk: bytes) -> None:
        return None

    async def close(self) -> None:
        self._source.close()


class ReplayPort(FilePort):
    """A recording, on the clock it is given."""

    def __init__(self, name: str, source: BufferedReader, clock: Clock, speed: float) -> None:
        super().__init__(name, source)
        self._clock = clock
        self._speed = speed
        self._began_ms = clock.mono_ms()
        self._line = 0

    async def read(self) -> bytes:
        while not self._source.closed and (line := self._source.readline(LINE_BYTES_MAX)):
            self._line += 1
            try:
                said = msgspec.json.decode(line, type=Recorded)
                chunk = bytes.fromhex(said.hex)
            except (msgspec.DecodeError, ValueError) as error:
                raise PortGone(f"{self.name}: line {self._line} is not of a recording: {error}") from error
            await sleep_until(self._clock, self._began_ms + round(said.t_ms / self._speed))
            if chunk:
                return chunk
        raise self._gone(f"{self.name}: at its end")


def open_file(url: PortUrl) -> FilePort:
    """Raises BadPort, or PortGone when there is no such file."""
    url.only()
    return FilePort(url.text, _source(url))


def open_replay(url: PortUrl, clock: Clock) -> ReplayPort:
    """Raises BadPort, or PortGone when there is no such file."""
    url.only("speed")
    speed = url.number("speed", "1", 0.01, 100_000)
    return ReplayPort(url.text, _source(url), clock, speed)


def _source(url: PortUrl) -> BufferedReader:
    path = Path(url.place.removeprefix("//"))
    if not url.place:
        raise url.wrong("it needs a path")
    try:
        return path.open("rb")
    except OSError as error:
        raise PortGone(f"{url.text}: {error.strerror}") from error


class RecordingPort:
    """Another port, with a recording made of all that is read from it. The file is flushed at every chunk."""

    def __init__(self, port: Port, into: BinaryIO, clock: Clock) -> None:
        self.name = port.name
        self._port = port
        self._into = into
        self._clock = clock
        self._began_ms = clock.mono_ms()

    async def read(self) -> bytes:
        chunk = await self._port.read()
        said = Recorded(self._clock.mono_ms() - self._began_ms, chunk.hex())
        self._into.write(msgspec.json.encode(said) + b"\n")
        self._into.flush()
        return chunk

    async def write(self, chunk: bytes) -> None:
        await self._port.write(chunk)

    async def close(self) -> None:
        await self._port.close()
