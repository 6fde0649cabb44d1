"""What needs a second person about leases: a loss and its earliest time, or taking one out of its freeze."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid
from central_server.ledger.desk import approvals
from central_server.ledger.desk.approvals import About
from central_server.ledger.desk.doors import Desk
from central_server.ledger.leases.leases import locked
from central_server.ledger.leases.limits import HOUR_MS
from central_server.ledger.models.approvals import Approval
from central_server.ledger.models.leases import DOUBT, FROZEN, LOST, Lease
from central_server.web.formats import money
from central_server.web.text import N_
from config.money import LeaseSettings


async def ask_for_loss(session: AsyncSession, desk: Desk, lease: Lease, amount: int, why: str) -> Approval:
    """Put before a second person that `amount` of a lease is lost.

    Raises Invalid (more than it holds), Conflict (its store is accountable still, or that is asked already).
    """
    if lease.state not in (DOUBT, FROZEN, LOST):
        raise Conflict(N_("the store of this lease is still accountable for it"))
    row = (await locked(session, [lease.id]))[lease.id]  # two who ask at once ask for it one after the other
    if not 0 < amount <= row.escrow - row.lost:
        raise Invalid({"amount": N_("is more than is left of the lease")})
    asked = await _asked(session, desk, lease.id)
    if amount > row.escrow - row.lost - asked:
        raise Conflict(
            N_("{asked} of this lease waits for a second person already; it holds {left}"),
            asked=money(asked, row.unit),
            left=money(row.escrow - row.lost, row.unit),
        )
    about = About(lease.id, amount, lease.unit, lease.store)
    return await approvals.ask(
        session,
        "loss",
        {"lease": lease.id, "amount": amount},
        key=desk.key,
        about=about,
        by=desk.viewer,
        why=why,
        now_ms=desk.now_ms,
        days=desk.second.days,
    )


async def ask_to_resolve(session: AsyncSession, desk: Desk, lease: Lease, why: str) -> Approval:
    """Put before a second person that a frozen lease be tried again. Raises Conflict."""
    if not lease.why:
        raise Conflict(N_("there is nothing wrong with this lease"))
    about = About(lease.id, lease.escrow, lease.unit, lease.store)
    return await approvals.ask(
        session,
        "resolve",
        {"lease": lease.id},
        key=desk.key,
        about=about,
        by=desk.viewer,
        why=why,
        now_ms=desk.now_ms,
        days=desk.second.days,
    )


def lost_from_ms(lease: Lease, settings: LeaseSettings) -> int | None:
    """From when on it can be declared lost; None: it is not in doubt."""
    return None if lease.doubt_ms is None else lease.doubt_ms + settings.grace_hours * HOUR_MS


async def not_before(
    session: AsyncSession, rows: Sequence[Approval], settings: LeaseSettings
) -> dict[str, int]:
    """From when on those of the requests can be allowed that ask for a loss, by their ids."""
    about = {row.about for row in rows if row.kind == "loss"}
    leases = (await session.scalars(sa.select(Lease).where(Lease.id.in_(about)))).all() if about else ()
    from_ms = {lease.id: lost_from_ms(lease, settings) or 0 for lease in leases}
    return {row.id: from_ms[row.about] for row in rows if row.kind == "loss" and row.about in from_ms}


async def _asked(session: AsyncSession, desk: Desk, lease: str) -> int:
    """What other requests that wait say is lost of it."""
    waiting = sa.select(sa.func.sum(Approval.amount)).where(
        Approval.kind == "loss",
        Approval.about == lease,
        Approval.state == approvals.WAITING,
        Approval.expires_ms > desk.now_ms,
        Approval.id != approvals.approval_id(desk.key),
    )
    return int(await session.scalar(waiting) or 0)
