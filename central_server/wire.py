"""Where the centre's broker is: one that somebody else runs, or our own in a process beside us."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Sequence

from central_server.broker.launch import RunningBroker, start_broker
from central_server.broker.settings import BrokerSettings, BrokerTls
from central_server.errors import Misconfigured
from config.central import CentralSettings, EmbeddedBroker, ExternalBroker
from config.parts import on_this_machine
from sync.contract.topics import CENTRE_LOGIN
from sync.link.base import Connection, Dialler, LinkDown, full_jitter_s
from sync.link.mqtt import MqttDialler, Tls

log = logging.getLogger(__name__)


def dialler_for(settings: CentralSettings) -> Dialler:
    """The way to a broker that somebody else runs."""
    broker = settings.broker
    assert isinstance(broker, ExternalBroker)
    return MqttDialler(
        broker.url,
        login=broker.login or CENTRE_LOGIN,
        password=broker.password.get_secret_value() if broker.password else "",
        client_id=_client_id(broker.login or CENTRE_LOGIN),
        tls=Tls(broker.ca, broker.certificate, broker.key) if broker.url.startswith("mqtts:") else None,
    )


class CentreBroker:
    """Our own broker, started again when it ends, and the `Dialler` that knows today's secret.

    The centre comes in on the inside, without TLS: the certificate names the outside.
    """

    def __init__(self, settings: CentralSettings) -> None:
        assert isinstance(settings.broker, EmbeddedBroker)
        self._settings = _broker_settings(settings.broker, settings.database_url())
        self._running: RunningBroker | None = None

    async def start(self) -> None:
        """Start it. Raises Misconfigured (PortTaken)."""
        self._running = await start_broker(self._settings)
        if self._settings.tls is None and not on_this_machine(self._settings.host):
            log.warning(
                "the broker listens on %s without TLS: logins and what stores say can be read on the way; "
                "give broker.certificate and broker.key",
                self._settings.host,
            )

    async def run(self, chance: random.Random) -> None:
        """Whenever it ends, start it again, for ever."""
        pauses_s = full_jitter_s(chance, first_s=1.0)
        while True:
            if self._running is not None:
                status = await self._running.ended()
                log.error("the broker has ended with status %s and is started again", status)
                self._running = None
            await asyncio.sleep(next(pauses_s))
            try:
                await self.start()
            except Misconfigured as error:
                log.error("%s", error)
            else:
                pauses_s = full_jitter_s(chance, first_s=1.0)

    async def stop(self) -> None:
        """End it."""
        if self._running is not None:
            await self._running.stop()

    async def dial(self, subscribe: Sequence[str]) -> Connection:
        """`Dialler.dial` to whichever process runs now. Raises LinkDown."""
        running = self._running
        if running is None:
            raise LinkDown("the broker is being started")
        dialler = MqttDialler(
            running.url,
            login=running.login,
            password=running.secret,
            client_id=_client_id(running.login),
        )
        return await dialler.dial(subscribe)


def _client_id(login: str) -> str:
    """Several centre processes share a login; a client id belongs to one connection."""
    return f"{login}/{socket.gethostname()[:16]}-{os.getpid()}-{secrets.token_hex(3)}"


def _broker_settings(broker: EmbeddedBroker, database_url: str) -> BrokerSettings:
    tls = None
    if broker.certificate is not None and broker.key is not None:
        tls = BrokerTls(str(broker.certificate), str(broker.key), str(broker.client_ca or ""))
    return BrokerSettings(host=broker.host, port=broker.port, tls=tls, database_url=database_url)
