"""A chain with programmes, the time, and the one thing that must hold after everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.cards.programmes import make_programme, programmes
from central_server.ledger.models.books import Account
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Lot, LotUse, Purse
from central_server.ledger.purses.purses import open_purse

NOW_MS = 1_795_000_000_000  # 2026-11-18 19:06:40 in Shanghai
DAY_MS = 86_400_000
VALUE = {"kind": "value", "unit": "CNY", "zh": "储值卡", "en": "Stored value", "reload": True}
POINTS = {"kind": "points", "unit": "PTS", "zh": "积分", "en": "Points", "holder": "member"}

OpenPurse = Callable[..., Awaitable[str]]
CheckLots = Callable[[AsyncSession], Awaitable[None]]


@pytest.fixture
def now_ms() -> int:
    return NOW_MS


@pytest.fixture
def new_purse() -> OpenPurse:
    """A purse of `holder` in the programme `id_`, which is made as `rules` say if it is not there."""

    async def make(session: AsyncSession, holder: str = "card:C1", id_: str = "value", **rules: Any) -> str:
        known = (await programmes(session, [id_])).get(id_)
        base = POINTS if rules.get("kind") == "points" else VALUE
        if known is None:
            known = await make_programme(session, id_, base | rules, by="anna", at_ms=NOW_MS)
        return await open_purse(session, holder, known, at_ms=NOW_MS)

    return make


@pytest.fixture
def check_lots() -> CheckLots:
    return _check_lots


async def _check_lots(session: AsyncSession) -> None:
    """Σ left of each purse is what its accounts hold; each lot is what came in less its uses; 0 in all."""
    await session.flush()
    columns = Account.kind, Account.owner, Account.unit, Account.balance
    accounts = (await session.execute(sa.select(*columns))).all()
    escrow_of = {row.id: row.purse for row in await session.execute(sa.select(Lease.id, Lease.purse))}
    held: dict[str, int] = {}
    sums: dict[str, int] = {}
    for kind, owner, unit, balance in accounts:
        sums[unit] = sums.get(unit, 0) + balance
        purse = escrow_of.get(owner) if kind == "escrow" else owner if kind in ("available", "held") else None
        if purse is not None:
            assert balance >= 0
            held[purse] = held.get(purse, 0) + balance
    assert not any(sums.values()), sums
    lots = (await session.execute(sa.select(Lot.id, Lot.purse, Lot.amount, Lot.left))).all()
    uses = sa.select(LotUse.lot, sa.func.sum(LotUse.amount)).group_by(LotUse.lot)
    used = {lot: int(amount) for lot, amount in await session.execute(uses)}
    left: dict[str, int] = dict.fromkeys(await session.scalars(sa.select(Purse.id)), 0)
    for id_, purse, amount, there in lots:
        assert there == amount - used.get(id_, 0), f"lot {id_}"
        left[purse] += there
    assert left == {purse: held.get(purse, 0) for purse in left}
