"""Leases that nobody can be sure of: their store has another disk, or its records do not fit.

    new_epoch      a store was heard with another disk: what the old one held is in doubt
    declare_loss   two people give the customer back, at the store's cost, what a store will not account for
    resolve        two people have looked at a frozen lease: what waits is tried again
    list_open      what stores hold, for pages

A loss takes nothing out of the lease: it is loss(store) → available, once. Should the store's records still
come, they settle from escrow as ever, and what is then released goes to the store's loss, which it makes
smaller, before anything goes to the customer, who has it already.

So the store is told that the lease is wanted back, for it may come back itself: with the line, or with the
old disk, which is still in the lease's epoch. If it had heard of the grant it closes it, and pays no more
from it; if it had not, it cannot begin to. To take the word away would do neither, and what such a store
still has would never cover the loss.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import tell_many
from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.books import accounts
from central_server.ledger.books.accounts import AccountName, accounts_of, available
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.leases.epochs import fence, new_epoch, of_store, set_stopped
from central_server.ledger.leases.following import mend
from central_server.ledger.leases.leases import locked, told_of
from central_server.ledger.leases.limits import HOUR_MS
from central_server.ledger.leases.records import look_again
from central_server.ledger.models.leases import DOUBT, FROZEN, HOLDING, LOST, OPEN, Lease, LeaseLoss
from central_server.ledger.purses.lots import KIND_OF_PURSE, Add, settle_lots
from central_server.ledger.purses.purses import held, tell_purses
from central_server.web.text import N_
from config.money import LeaseSettings

__all__ = ["declare_loss", "fence", "list_open", "losses", "new_epoch", "resolve", "set_stopped"]

ROWS_MAX = 500


async def declare_loss(
    session: AsyncSession,
    lease: str,
    *,
    amount: int,
    approvers: tuple[str, str],
    request: str,
    settings: LeaseSettings,
    keys: Keys,
    now_ms: int,
) -> LeaseLoss:
    """Give the customer `amount` of what the lease holds, at the cost of its store.

    `request` is the id made where it was asked for (the approval's): the same one is one loss. Raises
    NotFound, Refused (one person alone), Invalid (more than the lease holds beyond what was declared before),
    Conflict (not in doubt or frozen, or not for so long; or another loss under the same request).
    """
    row, _ = await _lease(session, lease)
    known = await session.get(LeaseLoss, (lease, request))
    if known is not None:
        if known.amount != amount:
            raise Conflict(N_("this was asked before, and was something else then"))
        return known
    first, second = (name.strip() for name in approvers)
    if not first or not second or first == second:
        raise Refused(N_("a loss needs two different people"))
    if row.state not in (DOUBT, FROZEN, LOST) or row.doubt_ms is None:
        raise Conflict(N_("the store of this lease is still accountable for it"))
    over_ms = row.doubt_ms + settings.grace_hours * HOUR_MS
    if now_ms < over_ms:
        hours = -(-(over_ms - now_ms) // HOUR_MS)
        raise Conflict(N_("the store may still be heard: wait {hours} hours more"), hours=hours)
    if not 0 < amount <= row.escrow - row.lost:
        raise Invalid({"amount": N_("is more than is left of the lease")})
    await _post_loss(session, row, amount, request, now_ms)
    row.lost += amount
    row.state = LOST
    loss = LeaseLoss(
        lease=lease,
        request=request,
        amount=amount,
        first_by=first,
        second_by=second,
        doubt_ms=row.doubt_ms,
        declared_ms=now_ms,
    )
    session.add(loss)
    await session.flush()
    row.recalled = True
    await tell_many(session, row.store, [told_of(row, keys)])
    return loss


async def resolve(
    session: AsyncSession, lease: str, *, approvers: tuple[str, str], keys: Keys, now_ms: int
) -> Lease:
    """Take the lease out of its freeze: what waits of it is tried again, and may freeze it again.

    Raises NotFound, Refused (one person alone), Conflict (there is nothing wrong with it).
    """
    row, current = await _lease(session, lease)
    first, second = (name.strip() for name in approvers)
    if not first or not second or first == second:
        raise Refused(N_("this needs two different people"))
    if not row.why:
        raise Conflict(N_("there is nothing wrong with this lease"))
    mend(row, OPEN if row.epoch == current else DOUBT)
    await session.flush()
    await look_again(session, row, now_ms, keys=keys)
    return row


async def list_open(
    session: AsyncSession,
    *,
    stores: Collection[str] | None = None,
    states: Collection[str] = HOLDING,
    purse: str = "",
    after: str = "",
    limit: int = ROWS_MAX,
) -> list[Lease]:
    """Leases that may hold something, by id, of `stores` or of all; the next page begins `after` the last."""
    query = sa.select(Lease).where(Lease.state.in_(states), Lease.id > after)
    if stores is not None:
        query = query.where(Lease.store.in_(stores))
    if purse:
        query = query.where(Lease.purse == purse)
    return list((await session.scalars(query.order_by(Lease.id).limit(limit))).all())


async def losses(
    session: AsyncSession, *, stores: Collection[str] | None = None, limit: int = ROWS_MAX
) -> list[LeaseLoss]:
    """Losses that were declared, the newest first."""
    query = sa.select(LeaseLoss)
    if stores is not None:
        query = query.join(Lease, Lease.id == LeaseLoss.lease).where(Lease.store.in_(stores))
    newest = query.order_by(LeaseLoss.declared_ms.desc(), LeaseLoss.lease, LeaseLoss.request)
    return list((await session.scalars(newest.limit(limit))).all())


async def _post_loss(session: AsyncSession, row: Lease, amount: int, request: str, now_ms: int) -> None:
    cost, purse = AccountName(accounts.LOSS, row.store, row.unit), available(row.purse, row.unit)
    ids = await accounts_of(session, [cost, purse])
    id_ = posting_id("loss", row.id, request)
    about = f"{row.id}/{request}"
    await post(session, [NewTransfer(id_, ids[cost], ids[purse], row.unit, amount, "loss", about, now_ms)])
    kind = KIND_OF_PURSE[(await held(session, row.purse)).programme.rules.kind]
    await settle_lots(session, [Add(id_, row.purse, amount, kind, about=row.id)], now_ms=now_ms)
    await tell_purses(session, [row.purse], at_ms=now_ms)


async def _lease(session: AsyncSession, lease: str) -> tuple[Lease, str]:
    """The lease, locked, and its store's current epoch."""
    store = await session.scalar(sa.select(Lease.store).where(Lease.id == lease))
    if store is None:
        raise NotFound(N_("there is no such lease"))
    current = (await of_store(session, store)).epoch
    return (await locked(session, [lease]))[lease], current
