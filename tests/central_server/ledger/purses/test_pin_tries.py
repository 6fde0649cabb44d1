"""Wrong PINs of all stores together: at last no store is told the check, and the desk takes none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from central_server.facts import Fact
from central_server.ledger.cards import pins
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.purses.pin_tries import DAY_MS, is_locked, unless_locked, unlock, wrong_pins
from central_server.ledger.purses.purses import purses_of_token
from sync.contract.clock import Stamp
from sync.contract.events import CardRefused
from sync.contract.ids import EventId, Lane

TOKEN = f"{7:032x}"
HOLDER = "card:C7"
Hear = Callable[..., Awaitable[None]]


def refused(number: int, card: str = TOKEN, reason: Any = "pin") -> Fact[CardRefused]:
    stamp = Stamp(wall_ms=1, sure=True, boot="b", mono_ms=1)
    return Fact(number, EventId("s1", "e1" * 8, Lane.TILL, number), stamp, CardRefused("1", reason, card))


@pytest.fixture
def hear(database, keys, now_ms) -> Hear:
    """Hears of so many wrong PINs of the card from a store."""

    async def heard(times: int, store: str = "s1", *, after_ms: int = 0, card: str = TOKEN) -> None:
        facts = [refused(number, card) for number in range(times)]
        facts.append(refused(99, card, "misread"))
        async with database.transaction() as session:
            await wrong_pins(session, store, facts, now_ms + after_ms, keys=keys)

    return heard


@pytest.fixture
async def told(database, keys, now_ms, new_purse) -> Any:
    """What a store is told of the card's PIN: whether there is a salt, and a check."""
    async with database.transaction() as session:
        card = Card(id="C7", token=TOKEN, last4="0000", programme="gift", batch="B", state="active")
        card.made_ms = card.changed_ms = now_ms
        session.add(card)
        await session.flush()
        await pins.set_pin(session, HOLDER, b"s" * 16, b"c" * 32, keys=keys, by="li", at_ms=now_ms)

    async def told_now(after_ms: int = 0) -> tuple[bool, bool]:
        async with database.reading() as session:
            shown = await purses_of_token(session, TOKEN, keys=keys, now_ms=now_ms + after_ms)
            shown = await unless_locked(session, shown, now_ms=now_ms + after_ms, wrong_max=10)
        return bool(shown.pin_salt), bool(shown.pin_check)

    return told_now


async def test_ten_wrong_ones_in_several_stores_lock_it_in_all_for_a_day(told, hear) -> None:
    for number in range(3):
        await hear(3, f"s{number}")
    assert await told() == (True, True)
    await hear(1, "s9")
    assert await told() == (True, False)  # the salt says that there is one
    assert await told(DAY_MS) == (True, False)
    assert await told(DAY_MS + 1) == (True, True)


async def test_wrong_ones_of_another_day_do_not_count(told, hear) -> None:
    await hear(9)
    await hear(9, after_ms=DAY_MS + 1)
    assert await told(DAY_MS + 1) == (True, True)
    await hear(1, after_ms=DAY_MS + 2)
    assert await told(DAY_MS + 2) == (True, False)


async def test_the_desk_unlocks_it_and_so_does_a_new_pin(told, hear, database, keys, now_ms) -> None:
    await hear(10)
    async with database.transaction() as session:
        assert await is_locked(session, HOLDER, now_ms=now_ms)
        assert await unlock(session, HOLDER)
        assert not await unlock(session, HOLDER)
    assert await told() == (True, True)
    await hear(10)
    async with database.transaction() as session:
        await pins.set_pin(session, HOLDER, b"t" * 16, b"d" * 32, keys=keys, by="li", at_ms=now_ms)
    assert await told() == (True, True)


async def test_a_card_that_nobody_knows_or_without_a_pin_counts_for_nobody(told, hear, database) -> None:
    await hear(20, card="f" * 32)
    await hear(20, card="")
    async with database.reading() as session:
        assert (await session.get_one(Pin, HOLDER)).wrong == 0
