"""What a person should look at: a lease whose records do not fit, or a store that says what cannot be.

    mac           a record that the store's key did not make, or that does not follow the one before
    twisted       a number that was told already, with other contents
    gap           a record is missing before one that came
    foreign       a store spoke of another store's lease
    after_close   something was done with a lease after it was given back
    overspent     more was spent than the lease held
    close_amount  what was given back is not what should have been left
    misplaced     a record where none of its kind can stand
    no_purse      of a purse that we do not know, or in another unit
    unheard       records of a lease that we never heard the beginning of
    regranted     we did not know of the grant (restored from a backup?) and made it again
    unfunded      … and the purse has not enough for it
    two_boxes     an epoch of the store that is over goes on speaking: somebody copied its disk
    crowded       it has so many leases of one purse open that it is granted no more of it
    odd_refund    more was taken back than was paid, or something that nobody paid

Of no store, for head office:
    put_back        the centre's database was put back in time, nothing is granted (`stopping.py`)
    anchor_damaged  whether it was cannot be said, nothing is granted
    anchor_broken   the centre's anchor cannot be written, nothing is granted until it can

They have a table of their own: those of stores (`stores.health`) are taken back by the box that raised them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.ledger.models.leases import LeaseAlarm
from central_server.web.text import N_

HEALING = ("gap", "unheard", "unfunded", "no_purse")  # over by themselves when what was missing comes
ALARMS_MAX = 1_000  # open ones of a store, each of its own lease; past it they are counted together
DETAIL_MAX = 300
NAMES = (
    N_("mac"),
    N_("twisted"),
    N_("gap"),
    N_("foreign"),
    N_("after_close"),
    N_("overspent"),
    N_("close_amount"),
    N_("misplaced"),
    N_("no_purse"),
    N_("unheard"),
    N_("regranted"),
    N_("unfunded"),
    N_("two_boxes"),
    N_("odd_refund"),
    N_("crowded"),
    N_("put_back"),
    N_("anchor_damaged"),
    N_("anchor_broken"),
)


class Raised(NamedTuple):
    """A case: what (one of `NAMES`), of which lease, and the facts for whoever looks into it."""

    name: str
    lease: str
    detail: str


async def raise_alarms(session: AsyncSession, store: str, raised: Iterable[Raised], now_ms: int) -> None:
    """Note them; a case like one that is there already is counted there, and opens it again."""
    cases = list(raised)
    if not cases:
        return
    open_ = sa.select(sa.func.count()).select_from(LeaseAlarm)
    room = ALARMS_MAX - (
        await session.scalar(open_.where(LeaseAlarm.store == store, LeaseAlarm.settled_ms.is_(None))) or 0
    )
    leases = sorted({"", *(case.lease for case in cases)})
    found = await session.scalars(
        sa.select(LeaseAlarm)
        .where(LeaseAlarm.store == store, LeaseAlarm.lease.in_(leases))
        .execution_options(populate_existing=True)
    )
    rows = {(row.lease, row.name): row for row in found}
    for case in cases:
        place = case.lease, case.name
        if place not in rows and room <= 0:
            place = "", case.name
        row = rows.get(place)
        if row is None:
            row = LeaseAlarm(
                store=store, lease=place[0], name=case.name, first_ms=now_ms, count=0, settled_by=""
            )
            session.add(row)
            rows[place] = row
            room -= 1
        row.detail = case.detail[:DETAIL_MAX]
        row.count, row.last_ms, row.settled_ms = row.count + 1, now_ms, None
    await session.flush()


async def heal(session: AsyncSession, store: str, leases: Sequence[str], now_ms: int) -> None:
    """What was missing of these leases has come: those alarms are over by themselves."""
    if not leases:
        return
    await session.execute(
        sa.update(LeaseAlarm)
        .where(LeaseAlarm.store == store, LeaseAlarm.lease.in_(leases))
        .where(LeaseAlarm.name.in_(HEALING), LeaseAlarm.settled_ms.is_(None))
        .values(settled_ms=now_ms, settled_by="")
    )


async def open_alarms(
    session: AsyncSession, *, stores: Collection[str] | None = None, limit: int = 500
) -> list[LeaseAlarm]:
    """Those that nobody has settled, the newest first, of `stores` or of all."""
    query = sa.select(LeaseAlarm).where(LeaseAlarm.settled_ms.is_(None))
    if stores is not None:
        query = query.where(LeaseAlarm.store.in_(stores))
    newest = query.order_by(LeaseAlarm.last_ms.desc(), LeaseAlarm.lease, LeaseAlarm.name).limit(limit)
    return list((await session.scalars(newest)).all())


async def settle_alarm(
    session: AsyncSession, store: str, lease: str, name: str, *, by: str, now_ms: int
) -> None:
    """Somebody has looked into it. Raises NotFound."""
    row = await session.get(LeaseAlarm, (store, lease, name))
    if row is None:
        raise NotFound(N_("there is no such alarm"))
    row.settled_ms, row.settled_by = now_ms, by
    await session.flush()
