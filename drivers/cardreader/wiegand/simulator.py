"""Cards at a Wiegand reader, once each as they come near; now and then a pulse is lost or turned over."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.wiegand.protocol import WiegandOptions, encode_frame

SOME_CARDS = tuple(0x5A0144 + 37 * n for n in range(40))


def simulate(
    options: WiegandOptions, chance: random.Random, cards: Sequence[int] = SOME_CARDS
) -> Iterator[Scene]:
    """A card every 5 to 40 seconds, without end, by the first format of the options that we know."""
    name = options.formats[0] if options.formats else "H10301"
    while True:
        frame = encode_frame(chance.choice(cards), name)
        wait_ms = chance.randint(5_000, 40_000)
        if chance.random() < 0.05:
            lost = chance.randrange(len(frame) - 1)
            yield Scene(wait_ms, frame[:lost] + frame[lost + 1 :])
            wait_ms = chance.randint(800, 3_000)
        if chance.random() < 0.05:
            yield Scene(wait_ms, frame.translate(bytes.maketrans(b"01", b"10")))
            wait_ms = chance.randint(800, 3_000)
        yield Scene(wait_ms, frame)
