"""What stands in the way of a yes: value that a store holds, which nobody at head office can move.

A request may wait for days, and meanwhile its card is shown at a till and some of it becomes a lease.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.accounts import available, balances
from central_server.ledger.models.approvals import Approval
from central_server.ledger.models.leases import HOLDING, Lease
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.purses import holder_of
from sync.contract.money import MINOR_MAX

LEASES_MAX: Final = 1_000  # of all the requests that are looked at together


class _Want(NamedTuple):
    """What the yes to a request takes out of a purse."""

    request: str
    purse: str
    unit: str
    amount: int


async def in_stores(
    session: AsyncSession, rows: Sequence[Approval], *, stores: Collection[str] | None = None
) -> dict[str, list[Lease]]:
    """By request: the leases that hold what its yes would take; only where too little is available.

    `stores`: leases of these alone; None: of all.
    """
    wants = [
        _Want(row.id, row.about, row.unit, abs(row.amount))
        for row in rows
        if row.kind in ("cash_out", "move") or (row.kind == "correction" and row.amount < 0)
    ]
    wants += await _of_cards(session, {row.about: row.id for row in rows if row.kind == "refund_card"})
    there = await balances(session, [available(want.purse, want.unit) for want in wants])
    short = [want for want in wants if there[available(want.purse, want.unit)] < want.amount]
    query = sa.select(Lease).where(Lease.purse.in_({want.purse for want in short}))
    query = query.where(Lease.state.in_(HOLDING), Lease.escrow > 0)
    if stores is not None:
        query = query.where(Lease.store.in_(stores))
    leases = list(await session.scalars(query.order_by(Lease.store, Lease.id).limit(LEASES_MAX)))
    found: dict[str, list[Lease]] = {}
    for want in short:
        theirs = [lease for lease in leases if lease.purse == want.purse]
        if theirs:
            found.setdefault(want.request, []).extend(theirs)
    return found


async def _of_cards(session: AsyncSession, requests: dict[str, str]) -> list[_Want]:
    """Paying a card back takes all that is in its purses. `requests`: by card."""
    by_holder = {holder_of(card=card): request for card, request in requests.items()}
    purses = await session.scalars(sa.select(Purse).where(Purse.holder.in_(by_holder)))
    return [_Want(by_holder[each.holder], each.id, each.unit, MINOR_MAX) for each in purses]
