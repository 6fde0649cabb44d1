"""Members swipe their cards; now and then one backwards, half read, or a bank's card by mistake."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.magstripe.protocol import (
    MagstripeOptions,
    encode_bits,
    encode_keys,
    encode_text,
    track1,
    track2,
)

SOME_CARDS = tuple(f"62870199{n:08d}" for n in range(10, 50))
TEST_BANK_CARD = "4111111111111111"  # a scheme's published test number


def simulate(
    options: MagstripeOptions, chance: random.Random, cards: Sequence[str] = SOME_CARDS
) -> Iterator[Scene]:
    """A swipe every 5 to 40 seconds, without end."""
    while True:
        wait_ms = chance.randint(5_000, 40_000)
        yield Scene(wait_ms, swipe(chance.choice(cards), options, chance))
        if chance.random() < 0.05:
            yield Scene(chance.randint(2_000, 5_000), swipe(TEST_BANK_CARD, options, chance))


def swipe(number: str, options: MagstripeOptions, chance: random.Random) -> bytes:
    """One swipe as the options' form has it (auto: text)."""
    if options.form == "bits":
        bits = encode_bits(track2(number))
        return (bits[::-1] if chance.random() < 0.2 else bits) + b"\n"
    if options.form == "evdev":
        return encode_keys(track2(number))
    if chance.random() < 0.05:
        return encode_text(track1(number), ";E?")
    return encode_text(track1(number), track2(number))
