"""Wrong PINs that stores tell of, counted for the whole chain: three in each of a hundred stores are many.

A store locks a card by itself after three wrong ones, in its memory. Head office counts those of every store;
after so many within a day of the first (`leases.pin_wrong_max`) it tells no store the card's check any more,
so nobody can try further, and its own desk takes no PIN either. A day after the last wrong one it is over, or
when the desk unlocks it or sets a new PIN. What a store was told before it may still use for half an hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.facts import Fact
from central_server.keys import Keys
from central_server.ledger.models.cards import Pin
from central_server.ledger.purses.purses import Presented, holder_of, purses_of_token
from sync.contract.events import CardRefused

DAY_MS: Final = 24 * 3_600_000
WRONG_MAX: Final = 10  # within a day, unless the settings say otherwise


async def wrong_pins(
    session: AsyncSession, store: str, facts: Sequence[Fact[CardRefused]], now_ms: int, *, keys: Keys
) -> None:
    """Count the wrong PINs among what tills refused, by whose PIN it is. Their time is ours."""
    cards = Counter(fact.event.card for fact in facts if fact.event.reason == "pin" and fact.event.card)
    wrong: Counter[str] = Counter()
    for card, times in cards.items():
        shown = await purses_of_token(session, card, keys=keys, now_ms=now_ms)
        if shown.member or shown.card:
            wrong[holder_of(member=shown.member, card=shown.card)] += times
    for holder in sorted(wrong):
        row = await session.get(Pin, holder, populate_existing=True, with_for_update=True)
        if row is None:
            continue
        if now_ms - row.wrong_since_ms > DAY_MS:
            row.wrong, row.wrong_since_ms = 0, now_ms
        row.wrong, row.wrong_ms = row.wrong + wrong[holder], now_ms
    await session.flush()


async def is_locked(session: AsyncSession, holder: str, *, now_ms: int, wrong_max: int = WRONG_MAX) -> bool:
    """Whether so many wrong ones were tried that no PIN of `holder` is taken."""
    row = await session.get(Pin, holder)
    return row is not None and row.wrong >= wrong_max and now_ms - row.wrong_ms <= DAY_MS


async def unless_locked(session: AsyncSession, shown: Presented, *, now_ms: int, wrong_max: int) -> Presented:
    """What a store may be told: while the PIN is locked its salt alone, by which the till knows why."""
    if not shown.pin_check:
        return shown
    holder = holder_of(member=shown.member, card=shown.card)
    locked = await is_locked(session, holder, now_ms=now_ms, wrong_max=wrong_max)
    return replace(shown, pin_check="") if locked else shown


async def unlock(session: AsyncSession, holder: str) -> bool:
    """Forget the wrong ones; whether there were any."""
    row = await session.get(Pin, holder, populate_existing=True, with_for_update=True)
    if row is None or not row.wrong:
        return False
    row.wrong, row.wrong_since_ms, row.wrong_ms = 0, 0, 0
    await session.flush()
    return True
