"""Who bought value or was paid it back: kept closed, as long as the law wants it."""

from __future__ import annotations

from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.ledger.models.cards import CardPurchase

YEAR_MS = 366 * 24 * 3_600_000
TEXT_MAX = 120


class Buyer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person or a unit (a company), and the paper that says so."""

    kind: Literal["person", "unit"] = "person"
    name: str = ""
    paper: str = ""  # 居民身份证, passport, business licence …
    number: str = ""
    phone: str = ""
    account: str = ""  # the bank account of the same name, for what is paid out

    @property
    def is_named(self) -> bool:
        """Whether this is a real name in the sense of the law."""
        return bool(self.name.strip() and self.number.strip())


async def keep_buyer(
    session: AsyncSession,
    request: str,
    buyer: Buyer,
    amount: int,
    unit: str,
    tender: str,
    *,
    keys: Keys,
    by: str,
    at_ms: int,
) -> None:
    """Write down who bought `amount` (below zero: was paid it) with that request; once for each."""
    if await session.get(CardPurchase, request) is not None:
        return
    cut = {name: getattr(buyer, name)[:TEXT_MAX] for name in buyer.__struct_fields__}
    closed = keys.encrypt(msgspec.json.encode(cut).decode())
    row = CardPurchase(
        request=request, kind=buyer.kind, amount=amount, unit=unit, tender=tender, buyer=closed
    )
    row.at_ms, row.by = at_ms, by
    session.add(row)
    await session.flush()


async def buyer_of(session: AsyncSession, request: str, *, keys: Keys) -> Buyer | None:
    """Who it was, in clear; None when nobody was written down."""
    row = await session.get(CardPurchase, request)
    return msgspec.json.decode(keys.decrypt(bytes(row.buyer)), type=Buyer) if row is not None else None


async def forget_buyers(session: AsyncSession, *, years: int, now_ms: int, limit: int = 5_000) -> int:
    """Forget those of more than `years` ago; gives how many."""
    old = sa.select(CardPurchase.request).where(CardPurchase.at_ms < now_ms - years * YEAR_MS).limit(limit)
    gone = await session.execute(sa.delete(CardPurchase).where(CardPurchase.request.in_(old)))
    return int(getattr(gone, "rowcount", 0))
