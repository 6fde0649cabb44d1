"""Port numbers for peers that must be told one before anybody listens."""

from __future__ import annotations

import random
import socket

FIRST, LAST = (
    20_000,
    32_000,
)  # below what the system gives to whoever calls out: none of them takes it meanwhile
TRIES = 50


def free_port() -> int:
    """One of the loopback address that nobody has."""
    for number in random.SystemRandom().sample(range(FIRST, LAST), TRIES):
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    raise OSError(f"none of {TRIES} ports between {FIRST} and {LAST} is free")
