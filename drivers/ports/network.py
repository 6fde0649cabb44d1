"""``tcp://host:port``, ``tcp-listen://address:port`` (one device at a time), ``udp://address:port``."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import cast

from drivers.errors import PortGone, PortHeld, PortRested
from drivers.ports.base import READ_BYTES, WRITE_WAIT_S, PortUrl

DIAL_WAIT_S = 5.0
DATAGRAMS_WAITING_MAX = 256  # more are dropped, newest first: UDP promises nothing anyway
# A serial server that loses power says nothing; the kernel asks after 10 s, then thrice every 5 s.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))


class TcpPort:
    """A connection. asyncio's stream stops reading the socket at 64 KiB unread: that pushes back."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            wire.setsockopt(socket.IPPROTO_TCP, option, value)

    async def read(self) -> bytes:
        try:
            chunk = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise PortGone(f"{self.name}: {error}") from error
        if not chunk:
            raise PortGone(f"{self.name}: it hung up")
        return chunk

    async def write(self, chunk: bytes) -> None:
        try:
            self._writer.write(chunk)
            async with asyncio.timeout(WRITE_WAIT_S):
                await self._writer.drain()
        except TimeoutError:
            raise PortGone(f"{self.name}: took nothing for {WRITE_WAIT_S:g} s") from None
        except OSError as error:
            raise PortGone(f"{self.name}: {error}") from error

    async def close(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()


async def open_tcp(url: PortUrl) -> TcpPort:
    """Raises BadPort, or PortGone when nobody answers within DIAL_WAIT_S."""
    url.only()
    host, number = url.host_and_port()
    try:
        async with asyncio.timeout(DIAL_WAIT_S):
            reader, writer = await asyncio.open_connection(host, number)
    except TimeoutError:
        raise PortGone(f"{url.text}: no answer for {DIAL_WAIT_S:g} s") from None
    except OSError as error:
        raise PortGone(f"{url.text}: {error}") from error
    return TcpPort(url.text, reader, writer)


class TcpListenPort:
    """Waits for the device to dial in; a second caller is sent away while the first is there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address: tuple[str, int] = ("", 0)
        self._server: asyncio.Server | None = None
        self._caller: asyncio.Future[TcpPort] = asyncio.get_running_loop().create_future()

    async def listen(self, host: str, number: int) -> None:
        self._server = await asyncio.start_server(self._called, host, number, start_serving=False)
        async with AsyncExitStack() as undone:  # cancelled, too: nobody else would let go of the address
            undone.push_async_callback(self.close)
            await self._server.start_serving()
            undone.pop_all()
        self.address = self._server.sockets[0].getsockname()[:2]

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._caller.done():
            writer.close()
        else:
            self._caller.set_result(TcpPort(self.name, reader, writer))

    async def read(self) -> bytes:
        try:
            return await (await asyncio.shield(self._caller)).read()
        except PortGone as error:
            raise PortRested(str(error)) from error

    async def write(self, chunk: bytes) -> None:
        if self._caller.done():
            try:
                await self._caller.result().write(chunk)
            except PortGone as error:
                raise PortRested(str(error)) from error

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._caller.done() and not self._caller.cancelled():
            await self._caller.result().close()
        self._caller.cancel()


async def open_tcp_listen(url: PortUrl) -> TcpListenPort:
    """Raises BadPort, or PortHeld when the address is taken."""
    url.only()
    host, number = url.host_and_port()
    port = TcpListenPort(url.text)
    try:
        await port.listen(host, number)
    except OSError as error:
        raise PortHeld(f"{url.text}: {error}") from error
    return port


class UdpPort(asyncio.DatagramProtocol):
    """Datagrams from anyone; what is written goes to whoever spoke last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dropped = 0
        self._waiting: asyncio.Queue[bytes | PortGone] = asyncio.Queue(DATAGRAMS_WAITING_MAX)
        self._wire: asyncio.DatagramTransport | None = None
        self._last: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # In Python 3.11 asyncio's own transport does not descend from DatagramTransport.
        self._wire = cast(asyncio.DatagramTransport, transport)

    @property
    def address(self) -> tuple[str, int]:
        assert self._wire is not None
        host, number = self._wire.get_extra_info("sockname")[:2]
        return str(host), int(number)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._last = addr
        if self._waiting.full():
            self.dropped += 1
        elif data:
            self._waiting.put_nowait(data)

    async def read(self) -> bytes:
        chunk = await self._waiting.get()
        if isinstance(chunk, PortGone):
            raise chunk
        return chunk

    async def write(self, chunk: bytes) -> None:
        if self._wire is None:
            raise PortGone(f"{self.name}: closed")
        if self._last is not None:
            self._wire.sendto(chunk, self._last)

    async def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
            if not self._waiting.full():
                self._waiting.put_nowait(PortGone(f"{self.name}: closed"))


async def open_udp(url: PortUrl) -> UdpPort:
    """Raises BadPort, or PortHeld when the address is taken."""
    url.only()
    address = url.host_and_port()
    try:
        _, port = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: UdpPort(url.text), local_addr=address
        )
    except OSError as error:
        raise PortHeld(f"{url.text}: {error}") from error
    return port
