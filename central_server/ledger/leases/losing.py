"""What needs a second person about leases: a loss, or taking one out of its freeze."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid
from central_server.ledger.desk import approvals
from central_server.ledger.desk.approvals import About
from central_server.ledger.desk.doors import Desk
from central_server.ledger.models.approvals import Approval
from central_server.ledger.models.leases import DOUBT, FROZEN, LOST, Lease
from central_server.web.text import N_


async def ask_for_loss(session: AsyncSession, desk: Desk, lease: Lease, amount: int, why: str) -> Approval:
    """Put before a second person that `amount` of a lease is lost. Raises Conflict, Invalid."""
    if lease.state not in (DOUBT, FROZEN, LOST):
        raise Conflict(N_("the store of this lease is still accountable for it"))
    if not 0 < amount <= lease.escrow - lease.lost:
        raise Invalid({"amount": N_("is more than is left of the lease")})
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
