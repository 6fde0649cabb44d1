"""amqtt with its doors closed.

amqtt 0.12 as it comes ends another client's session before it has looked at the password, passes on wills
without asking for rights, keeps dead connections for ever, reads packets of any size and queues without
limit. Everything here is one of those doors. Rights are `sync.contract.topics`; sessions are always clean;
nothing is retained, there are no wills, no QoS 2 and no `$SYS`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, ListenerConfig
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connack import NOT_AUTHORIZED, SERVER_UNAVAILABLE, ConnackPacket
from amqtt.mqtt.constants import QOS_2
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import Session

from central_server.broker.logins import Logins, client_id_fits
from central_server.broker.settings import BrokerSettings
from central_server.errors import Busy
from sync.contract.message import PAYLOAD_MAX_BYTES
from sync.contract.topics import CENTRE_LOGIN, CENTRE_READS, may_publish, may_read

PACKET_MAX_BYTES = PAYLOAD_MAX_BYTES + 4096  # a payload and its topic; more ends the connection
CLOSE_WAIT_S = 2.0  # who does not read while we say goodbye is cut off
KEEPALIVE_FACTOR = 1.5  # MQTT 3.1.1, 3.1.2.10
KEEPALIVE_MAX_S = 120  # also for clients that want none
RECEIVED_MAX = 64  # taken from one client and not yet passed on; then its acknowledgements wait
ROUTING_MAX = 256  # messages of all clients on their way inside; then everybody waits
UNACKED_MAX = 1000  # sent or to be sent to one client and not acknowledged; more is dropped

log = logging.getLogger(__name__)


class _Reader(StreamReaderAdapter):
    """Reads no packet that is too large, nor anything while too much waits to be passed on."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._over = False
        self._room = asyncio.Semaphore(RECEIVED_MAX)

    async def read(self, n: int = -1) -> bytes:
        if n > PACKET_MAX_BYTES:
            self._over = True
        if self._over:  # the stream has lost its step: nothing behind it can be read either
            raise ConnectionResetError("a packet too large")
        if self._room.locked():
            async with self._room:
                pass
        return await super().read(n)

    def taking(self) -> asyncio.Semaphore:
        """To be held while a message is passed on."""
        return self._room


class _Writer(StreamWriterAdapter):
    """Does not wait for ever for a peer that does not read."""

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                await super().close()
        except (TimeoutError, OSError):
            self._writer.transport.abort()

    def abort(self) -> None:
        self._writer.transport.abort()


class _Handler(BrokerProtocolHandler):
    """Ends a connection whose client is silent for too long, or wants QoS 2, which we have no use for."""

    def handle_read_timeout(self) -> None:
        if self.reader is not None:
            self.reader.feed_eof()

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        if not isinstance(self.reader, _Reader):
            return
        if publish_packet.qos == QOS_2:
            self.reader.feed_eof()
            return
        async with self.reader.taking():
            await super().handle_publish(publish_packet)


def _listeners(settings: BrokerSettings) -> dict[str, dict[str, Any]]:
    outside: dict[str, Any] = {
        "type": "tcp",
        "bind": f"{settings.host}:{settings.port}",
        "max_connections": settings.connections_max,
    }
    if settings.tls is None:
        return {"default": outside}
    outside |= {
        "ssl": True,
        "certfile": settings.tls.certificate_file,
        "keyfile": settings.tls.key_file,
        "cafile": settings.tls.client_ca_file or None,
    }
    # The certificate names the address that stores dial; the centre has a door inside, on this machine only.
    return {"default": outside | {"bind": "127.0.0.1:0", "ssl": False}, "outside": outside}


class TillbeamBroker(Broker):
    """The broker. Raises amqtt.errors.BrokerError from `start` when it cannot listen."""

    def __init__(self, settings: BrokerSettings, logins: Logins) -> None:
        self._settings, self._logins = settings, logins
        super().__init__({"listeners": _listeners(settings), "plugins": {}})
        self._broadcast_queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(ROUTING_MAX)
        self._deliveries: set[asyncio.Task[Any]] = set()
        self._recheck_task: asyncio.Task[None] | None = None
        self.dropped = 0

    def ports(self) -> tuple[int, int]:
        """(port for stores, port for the centre) once started; they differ with TLS."""
        ports = [int(each.instance.sockets[0].getsockname()[1]) for each in self._servers.values()]
        return ports[-1], ports[0]

    async def start(self) -> None:
        await super().start()
        self._recheck_task = asyncio.create_task(self._recheck())

    async def shutdown(self) -> None:
        if self._recheck_task:
            self._recheck_task.cancel()
        for task in self._deliveries:
            task.cancel()
        await super().shutdown()

    # Coming in ------------------------------------------------------------------------------------------

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        ours = _Writer(writer)
        try:
            await self._client_connected(listener_name, _Reader(reader), ours)
        except OSError as error:
            log.info("a connection was lost: %s", error)
        finally:
            ours.abort()

    async def _initialize_client_session(
        self, reader: Any, writer: Any, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        try:
            async with asyncio.timeout(self._settings.connect_wait_s):
                handler, session = await _Handler.init_from_connect(reader, writer, self.plugins_manager)
        except (AMQTTError, MQTTError, NoDataError, TimeoutError, OSError, ValueError) as error:
            raise AMQTTError(f"no CONNECT from {remote_address}: {error}") from error
        refusal = await self._refusal(session)
        if refusal is not None:
            code, why = refusal
            log.warning("refused %r from %s: %s", session.username, remote_address, why)
            await ConnackPacket.build(0, code).to_stream(writer)
            await writer.close()
            raise AMQTTError(why)
        session.clean_session = True
        session.parent = 0
        keep_alive_s = min(session.keep_alive or KEEPALIVE_MAX_S, KEEPALIVE_MAX_S)
        session.keep_alive = int(keep_alive_s * KEEPALIVE_FACTOR) + 1
        session.delivered_message_queue = asyncio.Queue(RECEIVED_MAX)
        await self._end(str(session.client_id))
        return handler, session

    async def _refusal(self, session: Session) -> tuple[int, str] | None:
        login, secret = session.username, session.password
        if not login or secret is None:
            return NOT_AUTHORIZED, "no login"
        if not client_id_fits(login, session.client_id or ""):
            return NOT_AUTHORIZED, "a client id that is not its own"
        if session.will_flag:
            return NOT_AUTHORIZED, "a will"
        if not self._certificate_fits(session):
            return NOT_AUTHORIZED, "a certificate of somebody else"
        try:
            known = await self._logins.check(login, secret)
        except Busy as error:
            return SERVER_UNAVAILABLE, str(error)
        return None if known else (NOT_AUTHORIZED, "wrong login or secret")

    def _certificate_fits(self, session: Session) -> bool:
        """With client certificates, a store's must carry its login; the centre comes from this machine."""
        if not (self._settings.tls and self._settings.tls.client_ca_file) or session.username == CENTRE_LOGIN:
            return True
        certificate = session.ssl_object.getpeercert() if session.ssl_object else None
        subject = (certificate or {}).get("subject", ())
        return any(pair == ("commonName", session.username) for row in subject for pair in row)

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        return True  # done before anything else could happen, in `_initialize_client_session`

    @staticmethod
    def _create_ssl_context(listener: ListenerConfig) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=listener.cafile)
        context.load_cert_chain(str(listener.certfile), str(listener.keyfile))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Optional for TLS, because the centre itself has none; `_certificate_fits` asks it of every store.
        context.verify_mode = ssl.CERT_OPTIONAL if listener.cafile else ssl.CERT_NONE
        return context

    async def _recheck(self) -> None:
        """Who has been revoked meanwhile is sent away."""
        while True:
            await asyncio.sleep(self._settings.recheck_s)
            for client_id, (session, _) in list(self._sessions.items()):
                try:
                    known = await self._logins.check(session.username or "", session.password or "")
                except Busy as error:
                    log.warning("logins cannot be checked again: %s", error)
                    break
                if not known:
                    log.warning("%s is no longer known and is sent away", session.username)
                    await self._end(client_id)

    async def _end(self, client_id: str) -> None:
        """End the session of this client id, if there is one, and its connection."""
        _, handler = self._sessions.get(client_id, (None, None))
        writer = handler.writer if handler else None
        await self._cleanup_session(client_id)
        if isinstance(writer, _Writer):
            writer.abort()

    # Passing on -----------------------------------------------------------------------------------------

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        login = session.username or ""
        return may_publish(login, topic) if action == Action.PUBLISH else may_read(login, topic)

    async def retain_message(self, *_: Any, **__: Any) -> None:
        return None  # delivered to who is there, kept for nobody

    async def _run_broadcast(self, running_tasks: Any) -> None:
        message = await self._broadcast_queue.get()
        topic, data = message["topic"], message["data"]
        # Rights let nobody subscribe to anything else, so there is nothing to search.
        self._deliver(topic, topic, data)
        if self._matches(topic, CENTRE_READS):
            self._deliver(CENTRE_READS, topic, data)

    def _deliver(self, topic_filter: str, topic: str, data: bytes) -> None:
        for session, qos in self._subscriptions.get(topic_filter, ()):
            handler = self._get_handler(session)
            if handler is None or session.transitions.state != "connected":
                continue
            if len(session.inflight_out) >= UNACKED_MAX:
                self.dropped += 1
                continue
            task = asyncio.ensure_future(handler.mqtt_publish(topic, data, qos, retain=False))
            self._deliveries.add(task)
            task.add_done_callback(partial(self._delivered, session))

    def _delivered(self, session: Session, task: asyncio.Task[Any]) -> None:
        self._deliveries.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("not delivered to %s: %r", session.client_id, error)
