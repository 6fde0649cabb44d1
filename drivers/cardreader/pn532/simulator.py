"""Cards held to a PN532 as a host that polls sees it; and the chip itself, on a line, for other hosts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.cardreader.pn532.chip import Card, Chip
from drivers.cardreader.pn532.frames import HOST, WAKE, encode_frame
from drivers.cardreader.pn532.host import FIELD_OFF, SETUP
from drivers.cardreader.pn532.protocol import POLLS, Pn532Options
from drivers.ports.base import Port

IDLE_MS = 1000  # between two answers that nobody is there; a real line has ten of them in this time
SOME_CARDS = tuple(f"04{0xA1B2C3D4E000 + 37 * n:012X}" for n in range(40))
PHONE = "08"  # a telephone's UID begins so, and is new each time


def simulate(
    options: Pn532Options, chance: random.Random, cards: Sequence[str] = SOME_CARDS
) -> Iterator[Scene]:
    """A member every 5 to 20 seconds, without end; now and then a telephone, or a broken answer."""
    chip, poll = Chip(), _say(POLLS["a"])
    yield Scene(0, b"".join(chip.feed(WAKE + _say(command)) for command in SETUP))
    while True:
        for _ in range(chance.randint(5, 20)):
            yield Scene(IDLE_MS, chip.feed(poll))
        phone = chance.random() < 0.1
        chip.hold(card(PHONE + chance.randbytes(3).hex() if phone else chance.choice(cards)))
        for _ in range(chance.randint(2, 10)):
            answer = chip.feed(poll) + chip.feed(_say(FIELD_OFF))
            if chance.random() < 0.02:
                answer = answer[:-3]
            yield Scene(options.poll_ms, answer)
        chip.hold()


def card(uid: str) -> Card:
    """A card with this UID: an NTAG with seven bytes, a MIFARE Classic with four."""
    number = bytes.fromhex(uid)
    return Card(number) if len(number) == 7 else Card(number, b"\x00\x04", 0x08)


async def serve(chip: Chip, port: Port) -> None:
    """Be the chip at the end of `port`, until it is gone (PortGone) or this is cancelled."""
    while True:
        if answer := chip.feed(await port.read()):
            await port.write(answer)


def _say(command: bytes) -> bytes:
    return encode_frame(bytes([HOST]) + command)
