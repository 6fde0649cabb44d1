"""What one person may do alone at the desk: a large sum in small pieces is a large sum.

    if not await alone(session, desk, LOAD, unit, amount, purse):
        return await _ask(…)      a second person is needed

Three sums decide: the request itself and all that was done alone with the same purse in the last day, by
whomever, against `…_above`; and all that the same person did alone in the last day against `…_day_above`.
Deeds under one limit are one kind: topping up and activating, giving back and moving, paying out and
refunding a card. What two people did counts for nothing here.

The sums are kept by the hour, so a day is 24 to 25 hours. Of each there is a row for the hour 0 besides, with
nothing in it: whoever adds holds it, so two requests at one moment cannot both be the last that fits.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_upsert_add
from central_server.ledger.desk.doors import Desk
from central_server.ledger.models.approvals import Alone
from config.central import SecondPersonSettings
from sync.contract.leases import POINTS

LOAD, REFUND, CASH_OUT = "load", "refund", "cash_out"
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


async def alone(
    session: AsyncSession,
    desk: Desk,
    kind: str,
    unit: str,
    amount: int,
    purse: str,
    *,
    programme_max: int = 0,
) -> bool:
    """Whether the asker may do this without a second person; then it is counted, in this transaction.

    `programme_max`: the programme's own limit for one request; 0: it has none. `purse` empty: of none alone.
    """
    once, day = _limits(desk.second, kind, unit)
    if programme_max:
        once = min(once, programme_max)
    if amount > once:
        return False
    sums = [(f"user:{desk.viewer.user_id}", day)]
    if purse:
        sums.append((f"purse:{purse}", once))
    for about, most in sorted(sums):
        if await _today(session, about, kind, unit, desk.now_ms) + amount > most:
            return False
    hour_ms = desk.now_ms // HOUR_MS * HOUR_MS
    await bulk_upsert_add(
        session, Alone, _KEY, ["amount"], [(about, kind, unit, hour_ms, amount) for about, _ in sums]
    )
    return True


async def forget_alone(session: AsyncSession, *, now_ms: int, limit: int = 5_000) -> int:
    """Let go of what is no longer within a day, and of rows that nobody adds to; how many."""
    old = sa.select(*_PLACE).where(Alone.hour_ms < now_ms - DAY_MS - HOUR_MS).limit(limit)
    gone = await session.execute(sa.delete(Alone).where(sa.tuple_(*_PLACE).in_(old)))
    return int(getattr(gone, "rowcount", 0))


_KEY: Final = ["about", "kind", "unit", "hour_ms"]
_PLACE: Final = (Alone.about, Alone.kind, Alone.unit, Alone.hour_ms)


async def _today(session: AsyncSession, about: str, kind: str, unit: str, now_ms: int) -> int:
    """The sum of the last day; whoever has read it is the only one who may add until the commit."""
    await bulk_upsert_add(session, Alone, _KEY, ["amount"], [(about, kind, unit, 0, 0)])
    total = await session.scalar(
        sa.select(sa.func.sum(Alone.amount)).where(
            Alone.about == about,
            Alone.kind == kind,
            Alone.unit == unit,
            Alone.hour_ms > now_ms - DAY_MS - HOUR_MS,
        )
    )
    return int(total or 0)


def _limits(second: SecondPersonSettings, kind: str, unit: str) -> tuple[int, int]:
    """(for one request and one purse, for one person in a day)."""
    if unit == POINTS:
        return second.points_above, second.points_day_above
    return {
        LOAD: (second.load_above, second.load_day_above),
        REFUND: (second.refund_above, second.refund_day_above),
        CASH_OUT: (second.cash_out_above, second.cash_out_day_above),
    }[kind]
