"""``http-listen://address:port?cert=…&key=…&answer_s=30``: requests by HTTP/1.1, as a stream of bytes.

The decoder reads and answers whole messages in the form of `drivers/http_frames.py`; here is all that is
HTTP: h11 is the protocol, asyncio the wire. With `cert` and `key` (PEM files, read when the port opens) it
speaks TLS.
Several connections at once, kept alive; bodies with a length or in chunks; Expect: 100-continue.

        what is too much                      what happens
        CONNECTIONS_MAX connections           the next one is told 503 and closed
        HEAD_BYTES_MAX of start and headers   431, closed
        BODY_BYTES_MAX of one body            413, closed
        BODIES_BYTES_MAX of bodies at once    503, closed
        REQUEST_WAIT_S for a whole request    408, closed; the same for a TLS handshake
        IDLE_WAIT_S between two requests      closed
        answer_s without an answer            504; if the decoder has not seen the request, it never will

Where money hangs on it, a driver's `port_defaults` have ``{"fates": "yes"}``: then the decoder is told what
became of every request that it has seen, once (`Response` in drivers/http_frames.py). An answer has arrived
when the client's machine has acknowledged its last byte; a client that hangs up or falls silent before that
has none, and is noticed while the decoder still thinks.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections import deque
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack, closing
from typing import Any, TypeVar

import h11

from drivers.errors import PortGone, PortHeld
from drivers.http_frames import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    METHODS,
    NUMBER_HEADER,
    TARGET_BYTES_MAX,
    Headers,
    HttpReader,
    Response,
    reason,
    write_fate,
    write_request,
)
from drivers.ports.base import READ_BYTES, WRITE_WAIT_S, PortUrl

PARAMETERS = ("cert", "key", "answer_s")
ANSWER_S = "30"  # when neither the URL nor the driver says
ANSWER_S_MAX = 600
CONNECTIONS_MAX = 32
BODIES_BYTES_MAX = 4 * BODY_BYTES_MAX
REQUEST_WAIT_S = 20.0
IDLE_WAIT_S = 75.0
LINGER_S = 2.0  # a client that is still sending what we refused would not see why
ARRIVAL_WAIT_S = 10.0  # for the client's machine to acknowledge an answer: three retransmissions and more
_ARRIVAL_LOOKS_S = (0.001, 0.1)  # the first look, and the longest time between two
_ALIVE = (1, 8)  # TCP_ESTABLISHED, TCP_CLOSE_WAIT: linux/tcp_states.h
# What was between the client and this server; the decoder sees a body of a length, whole.
_HOP = {
    b"connection",
    b"content-length",
    b"expect",
    b"keep-alive",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    NUMBER_HEADER.lower().encode(),
}
_OURS = {"content-length", "transfer-encoding", NUMBER_HEADER.lower()}  # in an answer
T = TypeVar("T")


class Refused(Exception):
    """A request that is answered here, and its connection closed."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"{status} {reason(status)}")


class HttpListenPort:
    """Requests of all connections, one after the other; answers find their connection by the number."""

    def __init__(self, name: str, answer_wait_s: float, *, fates: bool = False) -> None:
        self.name = name
        self.address: tuple[str, int] = ("", 0)
        self.answer_wait_s = answer_wait_s
        self.fates = fates
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[int, bytes]] = deque()  # requests that `read` has not given yet
        self._given = memoryview(b"")  # what is left of the one it is giving
        self._arrived = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self._reader = HttpReader()
        self._number = 0
        self._bodies_bytes = 0
        self._closed = False

    async def listen(self, host: str, number: int, tls: ssl.SSLContext | None) -> None:
        """Raises OSError when the address is taken."""
        handshake_s = REQUEST_WAIT_S if tls else None
        self._server = await asyncio.start_server(
            self._called, host, number, ssl=tls, ssl_handshake_timeout=handshake_s, start_serving=False
        )
        async with AsyncExitStack() as undone:  # cancelled, too: nobody else would let go of the address
            undone.push_async_callback(self.close)
            await self._server.start_serving()
            undone.pop_all()
        self.address = self._server.sockets[0].getsockname()[:2]

    async def read(self) -> bytes:
        while not self._given:
            if self._closed:
                raise PortGone(f"{self.name}: closed")
            if self._waiting:
                _, request = self._waiting.popleft()
                self._given = memoryview(request)
            else:
                self._arrived.clear()
                await self._arrived.wait()
        chunk, self._given = bytes(self._given[:READ_BYTES]), self._given[READ_BYTES:]
        return chunk

    async def write(self, chunk: bytes) -> None:
        if self._closed:
            raise PortGone(f"{self.name}: closed")
        for piece in self._reader.feed(chunk):
            if isinstance(piece, Response):
                answer = self._answers.pop(piece.number, None)
                if answer is not None and not answer.done():
                    answer.set_result(piece)

    async def close(self) -> None:
        self._closed = True
        self._arrived.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed or len(self._connections) >= CONNECTIONS_MAX:
            writer.write(
                b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            writer.close()
            return
        connection = asyncio.create_task(_Connection(self, reader, writer).serve(), name=f"http {self.name}")
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    # What connections ask of the port.

    def make_room(self, count: int) -> None:
        """For so many more bytes of bodies. Raises Refused."""
        if self._bodies_bytes + count > BODIES_BYTES_MAX:
            raise Refused(503)
        self._bodies_bytes += count

    def give_room(self, count: int) -> None:
        self._bodies_bytes -= count

    def ask(self, request: h11.Request, body: bytes) -> tuple[int, asyncio.Future[Response]]:
        """The request's number, and what the decoder will say; `over` must follow."""
        self._number += 1
        number = self._number
        target = request.target.decode("latin-1")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw_items()
            if name.lower() not in _HOP
        ]
        whole = write_request(number, request.method.decode("latin-1"), target, headers, body)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._waiting.append((number, whole))
        self._arrived.set()
        return number, answer

    def over(self, number: int, *, arrived: bool) -> None:
        """The client has the answer to its request, or will never have one."""
        # Whoever was told 504, or went away, is not to be served behind his back.
        self._answers.pop(number, None)
        unseen = next((each for each in self._waiting if each[0] == number), None)
        if unseen is not None:
            self._waiting.remove(unseen)
        elif self.fates:
            self._waiting.append((0, write_fate(number, arrived=arrived)))
            self._arrived.set()


class _Connection:
    """One client, one request at a time."""

    def __init__(
        self, port: HttpListenPort, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._port, self._reader, self._writer = port, reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._body_bytes = 0  # that we have room for at the port

    async def serve(self) -> None:
        try:
            while await self._one_request():
                self._http.start_next_cycle()
        except (OSError, TimeoutError, h11.LocalProtocolError):
            pass  # it hung up, or said goodbye while we were talking: it will ask again
        finally:
            self._port.give_room(self._body_bytes)
            self._writer.close()

    async def _one_request(self) -> bool:
        """Whether there may be another."""
        try:
            request = await self._request()
            if request is None:
                return False
            body = await self._body(request)
        except Refused as refused:
            await self._refuse(refused.status)
            return False
        except h11.RemoteProtocolError as wrong:
            await self._refuse(wrong.error_status_hint)
            return False
        await self._answer(request, body)
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _answer(self, request: h11.Request, body: bytes) -> None:
        """Raises OSError when the client goes before it has its answer, TimeoutError when it takes none."""
        number, answer = self._port.ask(request, body)
        arrived = False
        try:
            said = await self._said(answer)
            self._port.give_room(self._body_bytes)
            self._body_bytes = 0
            if said is None:
                await self._send(504, {}, b"")
                return
            # Of our own, because asyncio closes the other as soon as the client has said goodbye.
            with closing(self._writer.get_extra_info("socket").dup()) as wire:
                await self._send(said.status, said.headers, b"" if request.method == b"HEAD" else said.body)
                arrived = not self._port.fates or await self._arrived(wire)
        finally:
            self._port.over(number, arrived=arrived)

    async def _said(self, answer: asyncio.Future[Response]) -> Response | None:
        """What the decoder says; None when it says nothing in time."""
        hanging_up = asyncio.create_task(self._hung_up()) if self._port.fates else None
        awaited: set[asyncio.Future[Any]] = {answer, hanging_up} if hanging_up else {answer}
        try:
            await asyncio.wait(awaited, timeout=self._port.answer_wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if hanging_up is not None:
                hanging_up.cancel()
                await asyncio.gather(hanging_up, return_exceptions=True)
        if hanging_up is not None and (not hanging_up.cancelled() or self._reader.at_eof()):
            raise ConnectionError("it hung up")
        return answer.result() if answer.done() else None

    async def _hung_up(self) -> None:
        """Returns when the client has gone; what it says meanwhile is for later."""
        ahead_bytes = 0
        while chunk := await self._reader.read(READ_BYTES):
            self._http.receive_data(chunk)
            ahead_bytes += len(chunk)
            if ahead_bytes > HEAD_BYTES_MAX:
                await asyncio.Event().wait()  # no more of it before the answer

    async def _arrived(self, wire: socket.socket) -> bool:
        """Whether the client's machine acknowledges all that was written, within ARRIVAL_WAIT_S."""
        wait_s, longest_s = _ARRIVAL_LOOKS_S
        try:
            async with asyncio.timeout(ARRIVAL_WAIT_S):
                while self._writer.transport.get_write_buffer_size() or _on_the_way_bytes(wire):
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, longest_s)
        except TimeoutError:
            return False
        # A connection that was reset has nothing on the way either.
        state: int = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state in _ALIVE

    async def _request(self) -> h11.Request | None:
        """The next request's head; None when the client has no more."""
        if not self._http.trailing_data[0]:
            try:
                async with asyncio.timeout(IDLE_WAIT_S):
                    first = await self._reader.read(READ_BYTES)
            except TimeoutError:
                return None
            self._http.receive_data(first)
        event = await self._within(self._event())
        if not isinstance(event, h11.Request):
            return None  # ConnectionClosed
        if len(event.target) > TARGET_BYTES_MAX:
            raise Refused(414)
        if event.method not in METHODS:
            raise Refused(501)
        return event

    async def _body(self, request: h11.Request) -> bytes:
        length = next((value for name, value in request.headers if name == b"content-length"), b"0")
        if int(length) > BODY_BYTES_MAX:
            raise Refused(413)  # before it is told to continue
        if self._http.they_are_waiting_for_100_continue:
            await self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        return await self._within(self._whole_body())

    async def _whole_body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            if len(body) + len(event.data) > BODY_BYTES_MAX:
                raise Refused(413)
            self._port.make_room(len(event.data))
            self._body_bytes += len(event.data)
            body += event.data
        return bytes(body)

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(READ_BYTES))
        return event

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(REQUEST_WAIT_S):
                return await work
        except TimeoutError:
            raise Refused(408) from None

    async def _refuse(self, status: int) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        await self._send(status, {"connection": "close"}, b"")
        if self._writer.can_write_eof():
            self._writer.write_eof()
        async with asyncio.timeout(LINGER_S):
            while await self._reader.read(READ_BYTES):
                pass

    async def _send(self, status: int, headers: Headers, body: bytes) -> None:
        said = {name: value for name, value in headers.items() if name not in _OURS}
        said["content-length"] = str(len(body))
        start = h11.Response(status_code=status, headers=list(said.items()), reason=reason(status))
        chunk = self._http.send(start) or b""
        chunk += self._http.send(h11.Data(data=body)) or b""
        chunk += self._http.send(h11.EndOfMessage()) or b""
        await self._write(chunk)

    async def _write(self, chunk: bytes | None) -> None:
        self._writer.write(chunk or b"")
        async with asyncio.timeout(WRITE_WAIT_S):
            await self._writer.drain()


def _on_the_way_bytes(wire: socket.socket) -> int:
    """Written, and not acknowledged yet: SIOCOUTQ, tcp(7)."""
    (count,) = struct.unpack("i", fcntl.ioctl(wire.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)


async def open_http_listen(url: PortUrl, defaults: Mapping[str, str]) -> HttpListenPort:
    """Raises BadPort, PortGone for a certificate of no use, or PortHeld when the address is taken."""
    url.only(*PARAMETERS)
    host, number = url.host_and_port()
    answer_wait_s = url.number("answer_s", defaults.get("answer_s", ANSWER_S), 1, ANSWER_S_MAX)
    port = HttpListenPort(url.text, answer_wait_s, fates="fates" in defaults)
    try:
        await port.listen(host, number, _tls(url))
    except OSError as error:
        raise PortHeld(f"{url.text}: {error}") from error
    return port


def _tls(url: PortUrl) -> ssl.SSLContext | None:
    cert, key = url.given.get("cert", ""), url.given.get("key", "")
    if not cert and not key:
        return None
    if not cert or not key:
        raise url.wrong("it needs cert and key, or neither")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else OpenSSL asks on the terminal
    except (OSError, ValueError) as error:
        raise PortGone(f"{url.text}: {cert} and {key}: {error}") from error
    return context
