"""The wire over MQTT 3.1.1: paho-mqtt's protocol machine on asyncio, with no thread of its own.

paho is given a socket that is connected (and through its TLS handshake) already; the event loop tells it
when to read and write, and a timer lets it send its pings. Whatever a caller waits for ends when the
connection is lost, for any reason: there is one way out, `_fail`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from sync.link.base import MESSAGES_WAITING_MAX, PUBLISHES_UNACKED_MAX, LinkDown, LinkRefused, Message
from sync.link.dial import open_socket

# While a publisher waits for the broker's acknowledgement we must read on, or a caller who publishes between
# two `receive` would wait for ever; this is where even that ends.
_MESSAGES_WAITING_LIMIT = 4 * MESSAGES_WAITING_MAX
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_NOT_FOR_US = {
    "Unsupported protocol version",
    "Client identifier not valid",
    "Bad user name or password",
    "Not authorized",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tls:
    """Files for `mqtts://`. The broker's certificate and name are always verified."""

    ca_file: Path | None = None  # None: the authorities that the system trusts
    certificate_file: Path | None = None  # ours, if the broker asks for one
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Reads the files afresh, so that a renewed certificate is used at the next dial. Raises OSError."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate_file:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


class MqttDialler:
    """Knows a broker (``mqtt://host[:1883]``, ``mqtts://host[:8883]``) and who we are. Raises ValueError."""

    def __init__(
        self,
        url: str,
        *,
        login: str,
        password: str,
        client_id: str,
        tls: Tls | None = None,
        keepalive_s: int = 15,
        dial_timeout_s: float = 10.0,
        clean_session: bool = True,
    ) -> None:
        parts = urlsplit(url)
        if (
            parts.scheme not in _PORTS
            or not parts.hostname
            or "@" in parts.netloc
            or parts.path not in ("", "/")
        ):
            raise ValueError("a broker is written mqtt://host:port or mqtts://host:port, with no login in it")
        self.host = parts.hostname
        self.port = parts.port or _PORTS[parts.scheme]
        self._tls = (tls or Tls()) if parts.scheme == "mqtts" else None
        self._login, self._password, self._client_id = login, password, client_id
        # paho pings after this long in silence and gives up after as long again: 1.5 x keepalive_s together.
        self._ping_s = max(1, keepalive_s * 3 // 4)
        self._dial_timeout_s, self._clean_session = dial_timeout_s, clean_session

    async def dial(self, subscribe: Sequence[str]) -> MqttConnection:
        """Connect and subscribe at QoS 1. Raises LinkDown, LinkRefused."""
        connection: MqttConnection | None = None
        try:
            async with asyncio.timeout(self._dial_timeout_s):
                sock = await open_socket(self.host, self.port, self._tls.context if self._tls else None)
                connection = MqttConnection(self._client(sock), sock, self._ping_s)
                await connection.greet(self.host, self.port, self._ping_s)
                await connection.subscribe(subscribe)
                return connection
        except BaseException as error:
            if connection:
                connection.lose("dialling was given up")
            if isinstance(error, TimeoutError):
                raise LinkDown(
                    f"no answer from {self.host}:{self.port} in {self._dial_timeout_s:g} s"
                ) from None
            raise

    def _client(self, sock: socket.socket) -> _Paho:
        client = _Paho(sock, self._client_id, self._clean_session)
        client.username_pw_set(self._login, self._password)
        return client


class _Paho(paho.Client):
    """paho on a socket that stands already. The two private names used here are all that we borrow."""

    def __init__(self, sock: socket.socket, client_id: str, clean_session: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=clean_session,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,  # else paho answers a refusal by dialling with another version
            manual_ack=True,
        )
        self._given = sock
        self.max_inflight_messages_set(PUBLISHES_UNACKED_MAX)

    def _create_socket(self) -> socket.socket:
        return self._given

    def heard(self) -> None:
        """Anything the broker says is as good as its answer to a ping, which may stand behind it."""
        self._ping_t = 0.0


class MqttConnection:
    """A `Connection`. Made by `MqttDialler.dial`."""

    def __init__(self, client: _Paho, sock: socket.socket, ping_s: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, self._sock, self._fd = client, sock, sock.fileno()
        self._tick_s = min(1.0, ping_s / 4)
        self._timer: asyncio.TimerHandle | None = None
        self._lost: LinkDown | None = None
        self._trouble = ""  # the last thing paho complained of: the reason, when the connection goes
        self._step: asyncio.Future[None] = self._loop.create_future()  # of dialling: greeted, then subscribed
        self._greeted = False
        self._inbox: deque[paho.MQTTMessage] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(PUBLISHES_UNACKED_MAX)
        self._publishers_waiting = 0
        self._reading = False
        client.on_socket_register_write = lambda *_: self._loop.add_writer(self._fd, self._writable)
        client.on_socket_unregister_write = self._on_written
        client.on_socket_close = self._on_closing
        client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect

    async def greet(self, host: str, port: int, ping_s: int) -> None:
        """CONNECT and wait for CONNACK. Raises LinkDown."""
        self._client.connect(host, port, ping_s)
        self._mind_reading()
        self._timer = self._loop.call_later(self._tick_s, self._tick)
        await self._step

    async def subscribe(self, filters: Sequence[str]) -> None:
        """SUBSCRIBE and wait for SUBACK. Raises LinkDown; LinkRefused when one is denied."""
        if filters and self._lost is None:
            self._step = self._loop.create_future()
            self._client.subscribe([(each, 1) for each in filters])
            await self._step

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._room.locked() and self._lost is None:
            self._publishers_waiting += 1
            self._mind_reading()
            try:
                await self._room.acquire()
            finally:
                self._publishers_waiting -= 1
        else:
            await self._room.acquire()
        if self._lost is not None:
            self._room.release()  # and so wakes the next who waits, to the same end
            raise self._lost
        info = self._client.publish(topic, payload, qos=1)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.lose(f"cannot publish: {paho.error_string(info.rc)}")
            raise LinkDown(f"cannot publish: {paho.error_string(info.rc)}")

    async def receive(self) -> Message:
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        if self._lost is None:
            self._client.ack(message.mid, message.qos)
            self._mind_reading()
        return Message(message.topic, bytes(message.payload))

    async def close(self) -> None:
        if self._lost is None:
            self._trouble = "closed by us"
            with self._losing_on_error():
                self._client.disconnect()
                self._client.loop_write()  # as far as the socket takes it
        self.lose("closed by us")

    def lose(self, why: str) -> None:
        """The one way out: everybody who waits is told; the first reason stands."""
        self._fail(LinkDown(why))

    def _fail(self, error: LinkDown) -> None:
        if self._lost is not None:
            return
        self._lost = error
        if self._timer:
            self._timer.cancel()
        self._unwatch()
        self._sock.close()
        if not self._step.done():
            self._step.set_exception(error)
            self._step.exception()  # seen: nobody may be waiting any more
        self._arrived.set()
        self._room.release()

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._reading = False

    def _mind_reading(self) -> None:
        """Stop reading while nobody takes what has come, so that the broker waits (but see above)."""
        waiting = len(self._inbox)
        if self._publishers_waiting and waiting >= _MESSAGES_WAITING_LIMIT:
            self.lose(f"{waiting} messages wait to be taken, and the broker's acknowledgement behind them")
        want = self._lost is None and (waiting < MESSAGES_WAITING_MAX or self._publishers_waiting > 0)
        if want and not self._reading:
            self._loop.add_reader(self._fd, self._readable)
            if self._decrypted():
                self._loop.call_soon(self._readable)
        elif self._reading and not want:
            self._loop.remove_reader(self._fd)
        self._reading = want

    def _readable(self) -> None:
        with self._losing_on_error():
            if self._reading:
                self._client.loop_read()
            while self._reading and self._decrypted():
                self._client.loop_read()

    def _decrypted(self) -> bool:
        """Whether TLS holds bytes of which the selector does not know."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _writable(self) -> None:
        with self._losing_on_error():
            self._client.loop_write()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._tick_s, self._tick)
        with self._losing_on_error():
            if not self._reading:
                self._client.heard()  # not reading, we cannot see the answer: ping on, ask for no proof
            self._client.loop_misc()

    @contextlib.contextmanager
    def _losing_on_error(self) -> Any:
        """paho's own faults and a broker that talks nonsense end the connection, never leave half of one."""
        try:
            yield
        except (OSError, ValueError, IndexError, struct.error) as error:
            self.lose(f"the broker cannot be understood: {error!r}")
        except BaseException:
            self.lose("a mistake of ours, see the log")
            raise

    def _on_written(self, *_: Any) -> None:
        self._loop.remove_writer(self._fd)

    def _on_closing(self, *_: Any) -> None:
        self._unwatch()

    def _on_log(self, _client: Any, _data: Any, level: int, text: str) -> None:
        if level == paho.MQTT_LOG_ERR:
            self._trouble = text

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if self._greeted:
            self.lose("the broker greets twice")
        elif not reason.is_failure:
            self._greeted = True
            self._step.set_result(None)
        elif reason.getName() in _NOT_FOR_US:
            self._fail(LinkRefused(f"the broker refuses us: {reason.getName()}"))
        else:
            self.lose(f"the broker does not take us: {reason.getName()}")

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        self._client.heard()
        if any(each.is_failure for each in reasons):
            self._fail(LinkRefused("the broker does not let us read what we asked for"))
        elif self._greeted and not self._step.done():  # a broker may say the same thing twice
            self._step.set_result(None)

    def _on_publish(self, *_: Any) -> None:
        self._client.heard()
        self._room.release()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._client.heard()
        self._inbox.append(message)
        self._arrived.set()
        self._mind_reading()

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self.lose(self._trouble or _words(reason))


def _words(reason: ReasonCode) -> str:
    if reason.getName() == "Keep alive timeout":
        return "the broker does not answer any more"
    return "the broker closed the connection"
