"""Making cards: numbers from the programme's range, that nobody can guess, each with its check digit.

    prefix of the programme | random digits | Luhn

The numbers leave here once, in clear, to whoever prints the cards; what stays is a token and four digits.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Conflict, Invalid
from central_server.keys import Keys
from central_server.ledger.cards import life
from central_server.ledger.cards.programmes import must_run, programme
from central_server.ledger.cards.rules import Numbers
from central_server.ledger.models.cards import Card, CardBatch, CardMove
from central_server.web.text import N_
from sync.contract.tokens import card_token

BATCH_MAX = 10_000
CARD_ID_BYTES = 10
AT_ONCE = 500
_TRIES_MAX = 8
_NUMBER_BYTES = 16  # of chance for one number: what the division leaves uneven cannot be noticed

RandomBytes = Callable[[int], bytes]


class Made(NamedTuple):
    """A card that was made: its id, and the number that goes on it."""

    id: str
    number: str


async def make_cards(
    session: AsyncSession,
    *,
    keys: Keys,
    programme_id: str,
    count: int,
    batch: str,
    random_bytes: RandomBytes,
    by: str,
    at_ms: int,
    why: str = "",
) -> list[Made]:
    """Make `count` cards as one batch; the only time their numbers are told.

    Raises NotFound, Invalid (no range of numbers, or not 1 to `BATCH_MAX`), Conflict (the batch is there, the
    programme is stopped, or the range is as good as full).
    """
    theirs = await programme(session, programme_id)
    must_run(theirs)
    if theirs.rules.numbers is None:
        raise Invalid({"programme": N_("has no range of card numbers")})
    if not 1 <= count <= BATCH_MAX:
        raise Invalid({"count": N_("must be from 1 to 10,000")})
    if not batch or len(batch) > 64 or not batch.isprintable():
        raise Invalid({"batch": N_("needs a name of 1 to 64 characters")})
    if await session.get(CardBatch, batch) is not None:
        raise Conflict(N_("there is a batch {batch} already"), batch=batch)
    numbers = await _fresh_numbers(session, theirs.rules.numbers, count, keys, random_bytes)
    made = [Made(card_id(random_bytes), number) for number in numbers.values()]
    await bulk_insert(session, CardBatch, [(batch, programme_id, count, at_ms, by)])
    cards = [
        (card.id, token, card.number[-4:], programme_id, batch, life.MADE, "", "", at_ms, 0, None, at_ms, "")
        for card, token in zip(made, numbers, strict=True)
    ]
    await bulk_insert(session, Card, cards)
    await note_moves(session, [card.id for card in made], "make", "", life.MADE, by=by, why=why, at_ms=at_ms)
    return made


async def note_moves(
    session: AsyncSession,
    cards: Sequence[str],
    move: str,
    before: str,
    after: str,
    *,
    by: str,
    why: str,
    at_ms: int,
) -> None:
    """Write down the same move of several cards."""
    columns = ["card", "move", "before", "after", "at_ms", "by", "why"]
    rows = [(card, move, before, after, at_ms, by, why[:400]) for card in cards]
    await bulk_insert(session, CardMove, rows, columns=columns)


async def _fresh_numbers(
    session: AsyncSession, form: Numbers, count: int, keys: Keys, random_bytes: RandomBytes
) -> dict[str, str]:
    """`count` numbers that no card has, by their tokens."""
    numbers: dict[str, str] = {}
    for _ in range(_TRIES_MAX):
        while len(numbers) < count:
            number = card_number(form, random_bytes(_NUMBER_BYTES))
            numbers[card_token(keys.token_key, number)] = number
        tokens = list(numbers)
        taken: set[str] = set()
        for at in range(0, len(tokens), AT_ONCE):
            some = sa.select(Card.token).where(Card.token.in_(tokens[at : at + AT_ONCE]))
            taken |= set(await session.scalars(some))
        if not taken:
            return numbers
        numbers = {token: number for token, number in numbers.items() if token not in taken}
    raise Conflict(N_("this range of numbers is as good as full"))


def card_number(form: Numbers, random: bytes) -> str:
    """A number of that form, made of random bytes."""
    digits = form.digits - len(form.prefix) - 1
    plain = form.prefix + str(int.from_bytes(random) % 10**digits).zfill(digits)
    return plain + luhn_digit(plain)


def luhn_digit(plain: str) -> str:
    """The check digit that goes behind: ``luhn_digit("7992739871") == "3"`` (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, sign in enumerate(reversed(plain)):
        digit = int(sign) * (1 if place % 2 else 2)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def card_id(random_bytes: RandomBytes) -> str:
    """``C`` and sixteen of A-Z and 2-7."""
    return "C" + base64.b32encode(random_bytes(CARD_ID_BYTES)).decode()[:16]
