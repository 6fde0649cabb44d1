"""Cards laid on a PC/SC reader for a moment; now and then a telephone, or one taken away too soon."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.pcsc.atr import storage_card_atr
from drivers.cardreader.pcsc.protocol import GET_UID, PcscOptions, encode_line

READER = "Simulated Reader 00 00"
SOME_CARDS = tuple(f"04{0xC1D2E3F4A000 + 37 * n:012X}" for n in range(40))
ULTRALIGHT = storage_card_atr(0x0003)


def simulate(
    options: PcscOptions, chance: random.Random, cards: Sequence[str] = SOME_CARDS
) -> Iterator[Scene]:
    """A member every 5 to 40 seconds, without end."""
    while True:
        wait_ms = chance.randint(5_000, 40_000)
        if chance.random() < 0.1:
            yield from lay(_exchange(error="80100069"), first_wait_ms=wait_ms)
            wait_ms = chance.randint(800, 3_000)
        phone = chance.random() < 0.1
        uid = "08" + chance.randbytes(3).hex().upper() if phone else chance.choice(cards)
        yield from lay(_exchange(response=uid + "9000"), first_wait_ms=wait_ms)


def lay(exchange: bytes, *, first_wait_ms: int = 0) -> Iterator[Scene]:
    """One card that comes, is asked, and goes."""
    yield Scene(first_wait_ms, encode_line({"reader": READER, "atr": ULTRALIGHT.hex().upper()}))
    yield Scene(20, exchange)
    yield Scene(700, encode_line({"removed": True}))


def _exchange(**answer: str) -> bytes:
    return encode_line({"apdu": GET_UID, **answer})
