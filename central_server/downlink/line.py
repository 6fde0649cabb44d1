"""The centre's line to the broker: dialled again with full jitter whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from sync.contract.clock import Clock
from sync.contract.topics import CENTRE_READS
from sync.link.base import Connection, Dialler, LinkDown, LinkRefused, full_jitter_s

STEADY_AFTER_MS = 30_000  # a connection that held so long starts the waiting times afresh
PUBLISH_TIMEOUT_S = 1.5 * 15 + 5  # as at the edge: keepalive would have noticed a dead wire before

log = logging.getLogger(__name__)


class Line:
    """One connection at a time; `publish` fails at once while there is none."""

    def __init__(
        self,
        dialler: Dialler,
        clock: Clock,
        chance: random.Random,
        *,
        publish_timeout_s: float = PUBLISH_TIMEOUT_S,
    ) -> None:
        self._dialler = dialler
        self._clock = clock
        self._chance = chance
        self._publish_timeout_s = publish_timeout_s
        self._connection: Connection | None = None
        self._given_up: LinkDown | None = None  # why we ended this connection ourselves
        self.why_down = "not dialled yet"

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Put a message on the wire. Raises LinkDown.

        A broker that answers pings and acknowledges nothing for 27.5 s is left: the inbox waits behind it.
        """
        connection = self._connection
        if connection is None:
            raise LinkDown(self.why_down)
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                await connection.publish(topic, payload)
        except TimeoutError:
            why = LinkDown(f"the broker has acknowledged nothing for {self._publish_timeout_s:g} s")
            if self._connection is connection:
                self._connection, self._given_up = None, why
            await connection.close()  # and so `receive` in `run` ends too
            raise why from None

    async def run(self, receive: Callable[[Connection], Awaitable[None]]) -> None:
        """Dial, `receive(connection)` until it raises LinkDown, and dial again, for ever."""
        pauses_s = full_jitter_s(self._chance)
        while True:
            try:
                connection = await self._dialler.dial([CENTRE_READS])
            except LinkDown as error:
                self._down(error)
            else:
                dialled_ms = self._clock.mono_ms()
                log.info("the line to the broker is up")
                self._connection, self._given_up = connection, None
                try:
                    await receive(connection)
                except LinkDown as error:
                    self._down(self._given_up or error)
                finally:
                    self._connection = None
                    await connection.close()
                if self._clock.mono_ms() - dialled_ms >= STEADY_AFTER_MS:
                    pauses_s = full_jitter_s(self._chance)
            await asyncio.sleep(next(pauses_s))

    def _down(self, error: LinkDown) -> None:
        why = str(error) or type(error).__name__
        if why != self.why_down:  # once, not with every try
            say = log.error if isinstance(error, LinkRefused) else log.warning
            say("the line to the broker is down: %s", why)
        self.why_down = why
