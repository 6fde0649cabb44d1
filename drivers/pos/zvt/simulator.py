"""A till in a shop: it registers, sells, gives back now and then, and closes its day, on a serial line.

It answers what a terminal would have said by then, without hearing it: a simulator only talks. A till that
listens stands in tests/drivers/pos/zvt_ecr.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.pos.zvt import ecr
from drivers.pos.zvt.framing import ACK, encode_frame
from drivers.pos.zvt.options import ZvtOptions

SALES_A_DAY = 40
ANSWER_MS = 400  # from a terminal's word to the till's
_ACK = bytes([ACK])


def simulate(options: ZvtOptions, chance: random.Random) -> Iterator[Scene]:
    """A customer every minute to six, without end."""
    password = options.password or "000000"
    while True:
        config = 0x9A if chance.random() < 0.5 else 0x92  # with and without intermediate statuses
        opening = ecr.registration(config, password=password, currency=options.currency_number())
        yield from _conversation(opening, chance, wait_ms=chance.randint(1_000, 5_000), answers=1)
        for _ in range(chance.randint(SALES_A_DAY // 2, SALES_A_DAY)):
            wait_ms = chance.randint(60_000, 360_000)
            yield from _conversation(_wish(options, password, chance), chance, wait_ms=wait_ms, answers=2)
        yield from _conversation(ecr.end_of_day(password=password), chance, wait_ms=5_000, answers=2)


def _wish(options: ZvtOptions, password: str, chance: random.Random) -> bytes:
    amount_minor = chance.randrange(100, 20_000)
    match chance.randrange(12):
        case 0:
            return ecr.refund(amount_minor, password=password)
        case 1:
            return ecr.balance()
        case 2:
            return ecr.repeat_receipt(password=password)
        case 3:
            return ecr.status_enquiry(password=password)
    return ecr.authorisation(amount_minor, currency=options.currency_number())


def _conversation(raw: bytes, chance: random.Random, *, wait_ms: int, answers: int) -> Iterator[Scene]:
    """One command, the ACK of 80 00 00, and an answer to each of the terminal's messages."""
    frame = encode_frame(raw)
    if chance.random() < 0.05:  # a line in a shop: cut off once, and said again
        yield Scene(wait_ms, frame[: len(frame) // 2])
        wait_ms = 5_000
    yield Scene(wait_ms, frame)
    yield Scene(ANSWER_MS, _ACK)
    for _ in range(answers):
        yield Scene(ANSWER_MS, _ACK + encode_frame(ecr.OK))
