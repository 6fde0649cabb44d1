"""What a purse holds, as people look at it: where it is, in which lots, and what changed it last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.accounts import ESCROW, account_id, available, balances, held, history
from central_server.ledger.models.books import Account, Transfer
from central_server.ledger.models.leases import HOLDING, Lease
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.purses import Held, held_by
from central_server.ledger.purses.purses import held as held_in

TRANSFERS_MAX: Final = 200
LEASES_MAX: Final = 1_000  # closed ones of a purse whose records are looked for


@dataclass(frozen=True)
class PurseView:
    """A purse: `total` is available + held + escrow; `escrow` is what stores hold of it."""

    id: str
    holder: str
    programme: str
    zh: str
    en: str
    kind: str
    unit: str
    stopped: bool
    total: int
    available: int
    held: int
    escrow: int
    owed: int  # points that returned goods should have taken back, but were spent

    def name(self, lang: str) -> str:
        """What its programme is called."""
        return self.zh if lang == "zh_CN" else self.en


@dataclass(frozen=True)
class Change:
    """A transfer as it changed the purse."""

    at_ms: int
    kind: str
    about: str
    amount: int  # more for the holder; negative: less
    other: str  # the account on the other side, as kind/owner
    transfer: str


async def views_of(session: AsyncSession, holders: Iterable[str]) -> list[PurseView]:
    """Every purse of these holders, value first."""
    return await _viewed(session, await held_by(session, holders))


async def view_of(session: AsyncSession, purse: str) -> PurseView:
    """One purse. Raises NotFound."""
    return (await _viewed(session, [await held_in(session, purse)]))[0]


async def views(session: AsyncSession, held: Sequence[Held]) -> list[PurseView]:
    """These purses."""
    return await _viewed(session, held)


async def changes_of(session: AsyncSession, purse: PurseView, *, limit: int = TRANSFERS_MAX) -> list[Change]:
    """What came to the holder or left them, the newest first; not what only moved into leases."""
    leases = await session.scalars(
        sa.select(Lease.id)
        .where(Lease.purse == purse.id)
        .order_by(Lease.granted_ms.desc(), Lease.id)
        .limit(LEASES_MAX)
    )
    mine = [account_id(available(purse.id, purse.unit)), account_id(held(purse.id, purse.unit))]
    mine += await session.scalars(
        sa.select(Account.id).where(Account.kind == ESCROW, Account.owner.in_(leases.all()))
    )
    touched = history(sa.select(Account.id).where(Account.id.in_(mine)))
    query = (
        sa.select(Transfer)
        .where(Transfer.seq.in_(sa.select(touched.c.seq)))
        .where(sa.not_(sa.and_(Transfer.debit.in_(mine), Transfer.credit.in_(mine))))
        .order_by(Transfer.at_ms.desc(), Transfer.seq.desc())
        .limit(min(limit, TRANSFERS_MAX))
    )
    rows = list(await session.scalars(query))
    ours = set(mine)
    others = {row.debit if row.credit in ours else row.credit for row in rows}
    found = await session.execute(
        sa.select(Account.id, Account.kind, Account.owner).where(Account.id.in_(sorted(others)))
    )
    names = {number: f"{kind}/{owner}" for number, kind, owner in found}
    return [
        Change(
            row.at_ms,
            row.kind,
            row.about,
            row.amount if row.credit in ours else -row.amount,
            names.get(row.debit if row.credit in ours else row.credit, ""),
            row.id.hex(),
        )
        for row in rows
    ]


async def _viewed(session: AsyncSession, held_rows: Sequence[Held]) -> list[PurseView]:
    ids = [each.purse for each in held_rows]
    names = [
        name for each in held_rows for name in (available(each.purse, each.unit), held(each.purse, each.unit))
    ]
    there = await balances(session, names)
    out = await session.execute(
        sa.select(Lease.purse, sa.func.sum(Lease.escrow))
        .where(Lease.purse.in_(ids), Lease.state.in_(HOLDING))
        .group_by(Lease.purse)
    )
    escrow = {purse: int(held_there) for purse, held_there in out}
    owed = {
        row.id: row.owed
        for row in await session.execute(sa.select(Purse.id, Purse.owed).where(Purse.id.in_(ids)))
    }
    return [
        PurseView(
            id=each.purse,
            holder=each.holder,
            programme=each.programme.id,
            zh=each.programme.rules.zh,
            en=each.programme.rules.en,
            kind=each.programme.rules.kind,
            unit=each.unit,
            stopped=each.programme.stopped,
            total=each.balance,
            available=there[available(each.purse, each.unit)],
            held=there[held(each.purse, each.unit)],
            escrow=escrow.get(each.purse, 0),
            owed=owed.get(each.purse, 0),
        )
        for each in held_rows
    ]
