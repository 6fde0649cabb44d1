"""Whether purses, their lots and their leases say what the accounts say.

    Σ left of a purse's lots = available + held + Σ escrow of its leases
    a lot's amount           = left + pending + what transfers took of it and did not give back
    a lease's escrow         = the balance of its account

Each is one question to the database, which answers with the first that does not fit.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.accounts import AVAILABLE, ESCROW, HELD
from central_server.ledger.books.findings import Found, Wrong
from central_server.ledger.models.books import Account
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Lot, LotUse, Purse
from central_server.web.text import N_

_ACCOUNTS: Any = Account.__table__
_LEASES: Any = Lease.__table__
_LOTS: Any = Lot.__table__
_USES: Any = LotUse.__table__
_PURSES: Any = Purse.__table__


async def check_purses(session: AsyncSession, found: Found) -> Wrong | None:
    """Lots by themselves, leases beside their accounts, and lots beside the accounts of each purse."""
    found.purses = (await session.execute(sa.select(sa.func.count()).select_from(_PURSES))).scalar_one()
    for check in (_check_owners, _check_lots, _check_leases, _check_sums):
        wrong = await check(session)
        if wrong is not None:
            return wrong
    return None


async def _check_owners(session: AsyncSession) -> Wrong | None:
    """Nothing lies in the account of a purse or lease that is not there; no lot is of no purse."""
    nobody = (
        sa.select(_ACCOUNTS.c.kind, _ACCOUNTS.c.owner, _ACCOUNTS.c.unit)
        .outerjoin(_PURSES, _PURSES.c.id == _ACCOUNTS.c.owner)
        .outerjoin(_LEASES, _LEASES.c.id == _ACCOUNTS.c.owner)
        .where(
            _ACCOUNTS.c.balance != 0,
            sa.or_(
                sa.and_(_ACCOUNTS.c.kind.in_((AVAILABLE, HELD)), _PURSES.c.id.is_(None)),
                sa.and_(_ACCOUNTS.c.kind == ESCROW, _LEASES.c.id.is_(None)),
            ),
        )
        .order_by(_ACCOUNTS.c.owner)
        .limit(1)
    )
    row = (await session.execute(nobody)).first()
    if row is not None:
        return Wrong(
            N_("account {name} has something in it, and there is no such purse or lease"),
            {"name": " ".join(row)},
        )
    lost = (
        sa.select(_LOTS.c.id, _LOTS.c.purse)
        .outerjoin(_PURSES, _PURSES.c.id == _LOTS.c.purse)
        .where(_PURSES.c.id.is_(None))
        .order_by(_LOTS.c.id)
        .limit(1)
    )
    row = (await session.execute(lost)).first()
    if row is not None:
        return Wrong(N_("lot {lot} is of purse {purse}, which is not there"), row._asdict() | {"lot": row.id})
    return None


async def _check_lots(session: AsyncSession) -> Wrong | None:
    """What is left of each lot is what was not taken of it."""
    taken = (
        sa.select(_USES.c.lot, sa.func.sum(_USES.c.amount).label("amount")).group_by(_USES.c.lot).subquery()
    )
    used = sa.func.coalesce(taken.c.amount, 0)
    query = (
        sa.select(_LOTS.c.id, _LOTS.c.purse, _LOTS.c.amount, _LOTS.c.left, _LOTS.c.pending, used)
        .outerjoin(taken, taken.c.lot == _LOTS.c.id)
        .where(_LOTS.c.amount != _LOTS.c.left + _LOTS.c.pending + used)
        .order_by(_LOTS.c.id)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    if row is None:
        return None
    return Wrong(
        N_("lot {lot} of purse {purse}: {left} left and {used} taken of {amount}"),
        {"lot": row[0], "purse": row[1], "amount": row[2], "left": row[3] + row[4], "used": int(row[5])},
    )


async def _check_leases(session: AsyncSession) -> Wrong | None:
    """Each lease says what is in its account."""
    balance = sa.func.coalesce(_ACCOUNTS.c.balance, 0)
    same = sa.and_(
        _ACCOUNTS.c.kind == ESCROW, _ACCOUNTS.c.owner == _LEASES.c.id, _ACCOUNTS.c.unit == _LEASES.c.unit
    )
    query = (
        sa.select(_LEASES.c.id, _LEASES.c.escrow, balance)
        .outerjoin(_ACCOUNTS, same)
        .where(_LEASES.c.escrow != balance)
        .order_by(_LEASES.c.id)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    if row is None:
        return None
    return Wrong(
        N_("lease {lease} says it holds {escrow}, and its account has {balance}"),
        {"lease": row[0], "escrow": row[1], "balance": row[2]},
    )


async def _check_sums(session: AsyncSession) -> Wrong | None:
    """What is left of a purse's lots is what the purse and its leases have, in the purse's unit."""
    lots = (
        sa.select(_LOTS.c.purse, sa.func.sum(_LOTS.c.left).label("left")).group_by(_LOTS.c.purse).subquery()
    )
    own = sa.select(_ACCOUNTS.c.owner.label("purse"), _ACCOUNTS.c.unit, _ACCOUNTS.c.balance).where(
        _ACCOUNTS.c.kind.in_((AVAILABLE, HELD))
    )
    entrusted = (
        sa.select(_LEASES.c.purse, _ACCOUNTS.c.unit, _ACCOUNTS.c.balance)
        .join(_LEASES, _LEASES.c.id == _ACCOUNTS.c.owner)
        .where(_ACCOUNTS.c.kind == ESCROW)
    )
    all_ = sa.union_all(own, entrusted).subquery()
    has = (
        sa.select(all_.c.purse, all_.c.unit, sa.func.sum(all_.c.balance).label("balance"))
        .group_by(all_.c.purse, all_.c.unit)
        .subquery()
    )
    left, balance = sa.func.coalesce(lots.c.left, 0), sa.func.coalesce(has.c.balance, 0)
    query = (
        sa.select(_PURSES.c.id, left, balance)
        .outerjoin(lots, lots.c.purse == _PURSES.c.id)
        .outerjoin(has, sa.and_(has.c.purse == _PURSES.c.id, has.c.unit == _PURSES.c.unit))
        .where(left != balance)
        .order_by(_PURSES.c.id)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    if row is None:
        return None
    return Wrong(
        N_("purse {purse}: its lots have {left} left, and its accounts and leases hold {balance}"),
        {"purse": row[0], "left": int(row[1]), "balance": int(row[2])},
    )
