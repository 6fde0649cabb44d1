"""PINs and buyers are closed with the newest key again, after a new one was made."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.ledger.models.cards import CardPurchase, Pin

AT_ONCE = 500


async def reclose_pins(session: AsyncSession, *, keys: Keys, after: str = "") -> str | None:
    """Close the next PINs after holder `after` anew; gives where to go on, None at the end."""
    wanted = sa.select(Pin).where(Pin.holder > after).order_by(Pin.holder).limit(AT_ONCE)
    rows = list(await session.scalars(wanted.with_for_update()))
    for row in rows:
        row.closed = _anew(row.closed, keys)
    return rows[-1].holder if len(rows) == AT_ONCE else None


async def reclose_buyers(session: AsyncSession, *, keys: Keys, after: str = "") -> str | None:
    """The same for the next buyers after request `after`."""
    wanted = sa.select(CardPurchase).where(CardPurchase.request > after)
    rows = list(await session.scalars(wanted.order_by(CardPurchase.request).limit(AT_ONCE)))
    for row in rows:
        row.buyer = _anew(row.buyer, keys)
    return rows[-1].request if len(rows) == AT_ONCE else None


def _anew(closed: bytes, keys: Keys) -> bytes:
    body = bytes(closed)
    return keys.encrypt(keys.decrypt(body)) if keys.needs_rotation(body) else body
