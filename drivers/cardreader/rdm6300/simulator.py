"""Cards held to the reader for a moment, some twice, with a phantom and a broken frame now and then."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.rdm6300.protocol import Rdm6300Options, encode_frame

REPEAT_MS = 65
PHANTOM = "F000060007"  # met in the field, with a right sum (esp-rfid#411)
SOME_CARDS = tuple(f"62{0xE3086C00 + 37 * n:08X}" for n in range(40))


def simulate(
    options: Rdm6300Options, chance: random.Random, cards: Sequence[str] = SOME_CARDS
) -> Iterator[Scene]:
    """A member every 5 to 40 seconds, without end."""
    while True:
        yield from hold(chance.choice(cards), chance, first_wait_ms=chance.randint(5_000, 40_000))
        if chance.random() < 0.1:
            yield Scene(chance.randint(1_000, 5_000), encode_frame(PHANTOM))
        if chance.random() < 0.1:
            yield Scene(chance.randint(1_000, 5_000), encode_frame(chance.choice(cards))[:-3])


def hold(number: str, chance: random.Random, *, first_wait_ms: int = 0) -> Iterator[Scene]:
    """One card (ten hex digits) held to the reader for a third of a second to a second."""
    frame = encode_frame(number)
    yield Scene(first_wait_ms, frame)
    for _ in range(chance.randint(4, 15)):
        yield Scene(REPEAT_MS, frame)
