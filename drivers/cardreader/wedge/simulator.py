"""Members swipe at a keyboard reader; now and then caps lock is on, a track fails, or it is a bank's card."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.keyboard import encode_keys
from drivers.cardreader.magstripe.protocol import track1, track2
from drivers.cardreader.wedge.protocol import WedgeOptions

SOME_CARDS = tuple(f"62870199{n:08d}" for n in range(60, 100))
TEST_BANK_CARD = "4111111111111111"  # a scheme's published test number


def simulate(
    options: WedgeOptions, chance: random.Random, cards: Sequence[str] = SOME_CARDS
) -> Iterator[Scene]:
    """A swipe every 5 to 40 seconds, without end."""
    while True:
        number = chance.choice(cards)
        first = "%E?" if chance.random() < 0.05 else track1(number)
        yield Scene(
            chance.randint(5_000, 40_000), encode_keys(first + track2(number), caps=chance.random() < 0.1)
        )
        if chance.random() < 0.05:
            yield Scene(chance.randint(2_000, 5_000), encode_keys(track2(TEST_BANK_CARD)))
