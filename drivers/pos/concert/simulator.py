"""A till that sells all day, looks now and then whether its terminal is there, and gives something back."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.pos.concert import messages
from drivers.pos.concert.messages import Ask, write_ask
from drivers.pos.concert.options import ConcertOptions
from drivers.pos.currency_numbers import NUMBERS
from drivers.pos.stx import ACK, ENQ, EOT, frame

ANSWERED_MS = 3_000  # a customer whose card lies ready


def simulate(options: ConcertOptions, chance: random.Random) -> Iterator[Scene]:
    """An ask every 10 to 60 seconds, without end."""
    while True:
        if chance.random() < 0.2:
            yield Scene(chance.randint(5_000, 20_000), bytes([ENQ]))
            yield Scene(100, bytes([EOT]))
        back = chance.random() < 0.1
        asked = Ask(
            pos="01",
            amount_minor=10 * chance.randint(100, 3_000),
            answer_flag=chance.choice("01"),
            mode=messages.CARD,
            type=messages.REFUND if back else messages.DEBIT,
            currency=f"{NUMBERS[options.currency]:03d}",
            private=" " * 10,
            delay="A010",
            auto="B010",
        )
        yield from ask(asked, wait_ms=chance.randint(10_000, 60_000))


def ask(asked: Ask, *, wait_ms: int = 0) -> Iterator[Scene]:
    """One ask, and the till's part of hearing what came of it."""
    yield Scene(wait_ms, bytes([ENQ]))
    yield Scene(50, frame(write_ask(asked)))
    yield Scene(100, bytes([EOT]))
    yield Scene(ANSWERED_MS, bytes([ACK]))
    yield Scene(200, bytes([ACK]))
