"""What a wire is to those who use it: dial, publish, receive, and it may go down at any moment.

Nothing here promises delivery. The broker's acknowledgement confirms nothing (the centre's receipt does),
so `publish` only waits as long as the wire is full.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

MESSAGES_WAITING_MAX = (
    256  # received and not yet taken; then we stop reading the socket, and the broker waits
)
PUBLISHES_UNACKED_MAX = 64  # sent and not yet acknowledged by the broker; then `publish` waits


class LinkDown(ConnectionError):
    """There is no connection, or it has just been lost; dial again after a while. Says why."""


class LinkRefused(LinkDown):
    """The broker knows us not: wrong login, certificate or right. A person must mend that first."""


class Message(NamedTuple):
    """What arrived."""

    topic: str
    payload: bytes


class Connection(Protocol):
    """One connection, from dial to loss. Not to be used again after LinkDown."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Put a message on the wire at QoS 1; waits while `PUBLISHES_UNACKED_MAX` are unacknowledged.

        Raises LinkDown.
        """
        ...

    async def receive(self) -> Message:
        """The next message, in the broker's order. Raises LinkDown when the connection is lost."""
        ...

    async def close(self) -> None:
        """Say goodbye if possible; never raises, may be called twice."""
        ...


class Dialler(Protocol):
    """Knows where the broker is and who we are."""

    async def dial(self, subscribe: Sequence[str]) -> Connection:
        """Connect and subscribe, or raise LinkDown (LinkRefused) within its own time limit."""
        ...


def full_jitter_s(chance: random.Random, first_s: float = 0.5, most_s: float = 30.0) -> Iterator[float]:
    """Waiting times before each next try: uniform in 0 … min(most, first x 2^n).

    Without jitter a whole chain comes back in the same instant after an outage.
    Source: M. Brooker, "Exponential Backoff And Jitter", 2015.
    """
    ceiling_s = first_s
    while True:
        yield chance.uniform(0, ceiling_s)
        ceiling_s = min(most_s, ceiling_s * 2)
