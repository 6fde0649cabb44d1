"""No store is granted anything: because the database was put back in time, or somebody said so.

count     each commit that grants counts the row of its anchor up (`anchor.py`); one that comes out at
          what the file says already, or below, was done by a database that has forgotten grants
stop      from then on nothing is granted, and head office pays nothing from purses (`purses/legs.py`);
          stores go on spending what they hold, and it settles
resume    when every store has told all that it did before: forgotten grants are known again (`unheard.py`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import CentreError, Conflict
from central_server.ledger.leases.anchor import ANCHOR_FILE, Mark
from central_server.ledger.leases.lease_alarms import Raised, raise_alarms
from central_server.ledger.models.leases import ORDERED, THE_STOP, LeaseAlarm, LeaseAnchor, LeaseStop
from central_server.staff import service as staff
from central_server.stores import service as stores
from central_server.web.text import N_

PUT_BACK, DAMAGED, BROKEN = "put_back", "anchor_damaged", "anchor_broken"
WHYS: Final = {
    PUT_BACK: N_("The database was put back to a time before grants that were made."),
    DAMAGED: N_("The file ledger.anchor cannot be read: whether the database was put back is not known."),
    ORDERED: N_("Somebody ordered it."),
}


# Made once: to make a statement anew takes as long as to ask it.
_THE_STOP = sa.select(LeaseStop).where(LeaseStop.line == THE_STOP).execution_options(populate_existing=True)
_ANCHORS = cast(sa.Table, LeaseAnchor.__table__)
_ONE_MORE = (
    sa.update(_ANCHORS)
    .where(_ANCHORS.c.name == sa.bindparam("of"))
    .values(grants=_ANCHORS.c.grants + 1)
    .returning(_ANCHORS.c.grants)
)


class PutBack(CentreError):
    """The database has counted fewer grants than the anchor: it was put back in time."""


async def stop_of(session: AsyncSession) -> LeaseStop | None:
    """Since when and why nothing is granted; None: grants go on."""
    found: LeaseStop | None = await session.scalar(_THE_STOP)
    return found


async def count_grant(session: AsyncSession, held: Mark) -> Mark:
    """One more commit of this anchor grants something; what its file is to say after it. Raises PutBack.

    Last in the transaction: processes with the same anchor wait here for each other.
    """
    grants = await session.scalar(_ONE_MORE, {"of": held.name})
    if grants is None:
        await bulk_insert(session, LeaseAnchor, [(held.name, 0)], skip_known=True)
        grants = (await session.scalars(_ONE_MORE, {"of": held.name})).one()
    if grants <= held.grants:
        raise PutBack("the anchor {name} says {grants}", name=held.name, grants=held.grants)
    return Mark(held.name, grants)


async def stop_if_put_back(session: AsyncSession, held: Mark, now_ms: int) -> bool:
    """Stop the grants, with an alarm, if the database was put back in time; then the two are level again."""
    grants = (await session.scalar(sa.select(LeaseAnchor.grants).where(LeaseAnchor.name == held.name))) or 0
    if grants >= held.grants:
        return False
    await session.merge(LeaseAnchor(name=held.name, grants=held.grants))
    detail = f"anchor {held.name}: {held.grants}, database: {grants}"
    await raise_alarms(session, "", [Raised(PUT_BACK, "", detail)], now_ms)
    await _stop(session, PUT_BACK, now_ms)
    return True


async def stop_for_damage(session: AsyncSession, now_ms: int) -> None:
    """The anchor cannot be read: stop the grants, with an alarm."""
    await raise_alarms(session, "", [Raised(DAMAGED, "", ANCHOR_FILE)], now_ms)
    await _stop(session, DAMAGED, now_ms)


async def note_broken(session: AsyncSession, detail: str, now_ms: int) -> None:
    """The anchor cannot be written: nothing is granted until it can, and somebody should look."""
    await raise_alarms(session, "", [Raised(BROKEN, "", detail)], now_ms)


async def note_mended(session: AsyncSession, now_ms: int) -> None:
    """The anchor can be written again."""
    await _settle(session, (BROKEN,), "", now_ms)


async def order_stop(session: AsyncSession, who: staff.Who, now_ms: int) -> None:
    """Somebody wants nothing granted, as when the database is about to move to a new machine."""
    await _stop(session, ORDERED, now_ms)
    await staff.record_change(session, who, N_("stopped"), N_("grants"), "", None, None, now_ms)


async def silent_stores(session: AsyncSession) -> list[str]:
    """The stores that may not have told all that they did before the stop; none when there is no stop."""
    stop = await stop_of(session)
    return [] if stop is None else await stores.untold(session, stop.since_ms)


async def resume(session: AsyncSession, who: staff.Who, *, anyway: bool = False, now_ms: int) -> None:
    """Let grants go on, and settle the alarms about it.

    Raises Conflict when they are not stopped and, but for `anyway`, while there are `silent_stores`.
    """
    stop = await stop_of(session)
    if stop is None:
        raise Conflict(N_("grants are not stopped"))
    silent = await silent_stores(session)
    if silent and not anyway:
        raise Conflict(N_("{count} stores have not told all from before the stop"), count=len(silent))
    await session.delete(stop)
    await _settle(session, (PUT_BACK, DAMAGED), who.name, now_ms)
    left = {"silent": silent[:100]} if silent else None
    await staff.record_change(session, who, N_("resumed"), N_("grants"), "", None, left, now_ms)
    await session.flush()


async def _settle(session: AsyncSession, names: Sequence[str], by: str, now_ms: int) -> None:
    await session.execute(
        sa.update(LeaseAlarm)
        .where(LeaseAlarm.store == "", LeaseAlarm.settled_ms.is_(None), LeaseAlarm.name.in_(names))
        .values(settled_ms=now_ms, settled_by=by)
    )


async def _stop(session: AsyncSession, why: str, now_ms: int) -> None:
    await session.merge(LeaseStop(line=THE_STOP, since_ms=now_ms, why=why))
    await session.flush()
