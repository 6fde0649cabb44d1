"""Guessing costs time: failed attempts are counted per key in the database, and the pause doubles.

An attempt is counted before it is looked at and forgiven when it was right, so a hundred guesses at once
are a hundred guesses. Keys are texts such as ``user:alice`` and ``ip:192.0.2.7``; a name that does not exist
is slowed like one that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import TooMany
from central_server.staff.models import Throttle
from central_server.web.text import N_

FIRST_PAUSE_MS: Final = 2_000
LONGEST_PAUSE_MS: Final = 15 * 60_000  # longer would let anybody lock anybody out
FORGOTTEN_AFTER_MS: Final = 60 * 60_000
_KEY_MAX: Final = 200


async def attempt(session: AsyncSession, keys: Mapping[str, int], *, now_ms: int) -> float:
    """Counts an attempt under each key; how many seconds to wait first, 0 when it may go on.

    `keys` says how many failures each key has free; each further one doubles the pause. While one of them has
    to wait, nothing is counted. The count must be kept, so commit, and only then raise (`slow_down`).
    """
    rows = [(await _row(session, key[:_KEY_MAX], now_ms), free) for key, free in sorted(keys.items())]
    # Further off than the longest pause: the clock has been set back.
    waits_ms = [row.until_ms - now_ms for row, _ in rows if row.until_ms <= now_ms + LONGEST_PAUSE_MS]
    if max(waits_ms, default=0) > 0:
        return max(waits_ms) / 1000
    for row, free in rows:
        if now_ms - row.last_ms > FORGOTTEN_AFTER_MS:
            row.failures = 0
        row.failures += 1
        row.last_ms = now_ms
        row.until_ms = now_ms + _pause_ms(row.failures - free)
    return 0.0


async def forgive(session: AsyncSession, key: str, *, now_ms: int) -> None:
    """The attempt was right after all; what is old under any key is forgotten with it."""
    old = Throttle.last_ms < now_ms - FORGOTTEN_AFTER_MS
    await session.execute(sa.delete(Throttle).where(sa.or_(Throttle.key == key[:_KEY_MAX], old)))


def slow_down(after_s: float) -> None:
    """Raises TooMany unless `after_s` is 0."""
    if after_s > 0:
        raise TooMany(
            N_("too many attempts; try again in {seconds} seconds"), after_s=after_s, seconds=int(after_s) + 1
        )


def _pause_ms(excess: int) -> int:
    if excess < 0:
        return 0
    return min(FIRST_PAUSE_MS << min(excess, 20), LONGEST_PAUSE_MS)


async def _row(session: AsyncSession, key: str, now_ms: int) -> Throttle:
    row = await session.get(Throttle, key, with_for_update=True)
    if row is None:
        row = Throttle(key=key, failures=0, last_ms=now_ms, until_ms=0)
        try:
            async with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another process was first
            row = await session.get_one(Throttle, key, with_for_update=True)
    return row
