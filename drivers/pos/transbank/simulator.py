"""A till that sells all day: it looks for its terminal, sells, asks again now and then, closes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.pos.stx import ACK, frame
from drivers.pos.transbank import messages
from drivers.pos.transbank.options import TransbankOptions

SALES_A_DAY = 40
ANSWERED_MS = 3_000  # a customer whose card lies ready; the till acknowledges what came by then


def simulate(options: TransbankOptions, chance: random.Random) -> Iterator[Scene]:
    """A sale every 10 to 60 seconds, without end."""
    ticket = 0
    while True:
        yield Scene(1_000, frame(messages.write(messages.POLL)))
        yield Scene(500, frame(messages.write(messages.KEYS)))
        yield _acknowledged(1_000)
        for _ in range(SALES_A_DAY):
            ticket = ticket % 999_999 + 1
            amount, shows = 10 * chance.randint(30, 3_000), chance.random() < 0.5
            yield from sale(amount, f"{ticket:06d}", shows=shows, wait_ms=chance.randint(10_000, 60_000))
            if chance.random() < 0.1:  # the customer has a second thought about the receipt
                yield Scene(1_000, frame(messages.write(messages.LAST_SALE, bar=True)))
                yield _acknowledged(500)
            if chance.random() < 0.05:
                yield Scene(2_000, frame(messages.write(messages.REVERSAL, ticket, bar=True)))
                yield _acknowledged(500)
        yield Scene(5_000, frame(messages.write(messages.TOTALS, "", bar=True)))
        yield _acknowledged(500)
        yield Scene(1_000, frame(messages.write(messages.CLOSE, "", bar=True)))
        yield _acknowledged(500)


def sale(amount: int, ticket: str, *, shows: bool = False, wait_ms: int = 0) -> Iterator[Scene]:
    """One sale; with `shows` the till wants to know how it goes."""
    said = messages.write(messages.SALE, amount, ticket, "", "", int(shows), bar=True)
    yield Scene(wait_ms, frame(said))
    if shows:
        yield _acknowledged(400)
        yield _acknowledged(400)
    yield _acknowledged(ANSWERED_MS)


def _acknowledged(wait_ms: int) -> Scene:
    return Scene(wait_ms, bytes([ACK]))
