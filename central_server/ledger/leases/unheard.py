"""Leases that the centre has not heard of, told of by the records of a store."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.accounts import accounts_of, available, escrow
from central_server.ledger.books.posting import Outcome, post
from central_server.ledger.leases.following import Heard, mac_of, mend
from central_server.ledger.leases.lease_alarms import Raised
from central_server.ledger.leases.leases import grant_transfer, seals_of
from central_server.ledger.leases.settling import purse_rows
from central_server.ledger.models.leases import DOUBT, FROZEN, OPEN, Lease
from sync.contract.events import LeaseRecord
from sync.contract.leases import same


async def begun(
    session: AsyncSession,
    store: str,
    unknown: Sequence[str],
    heard: Sequence[Heard],
    waiting: Sequence[Heard],
    key: bytes,
    current: str,
    now_ms: int,
    alarms: list[Raised],
) -> dict[str, Lease]:
    """Leases that we do not know, of which the beginning has come now.

    The store opened it itself, with nothing in it; or we granted it and were put back to a time before: then
    the mac of its `open` was made of the grant's seal. Such a grant is made again, with an alarm, as far as
    the purse can bear it. A store that is not honest could so take what it might as well have asked for.
    """
    wanted = set(unknown)
    opens: dict[str, Heard] = {}
    for each in chain(waiting, heard):
        record = each.record
        if record.number == 1 and record.kind == "open" and record.lease in wanted:
            lease = _unheard(store, record, current, now_ms)
            if any(same(mac_of(record, key, seal), record.mac) for seal in seals_of(lease, key)):
                opens.setdefault(record.lease, each)
                continue
        if record.number == 1 and record.lease in wanted:
            alarms.append(Raised("mac", record.lease, f"{record.kind} 1: {record.amount} {record.unit}"))
    purses = {
        row.id: row for row in await purse_rows(session, {each.record.purse for each in opens.values()})
    }
    made: dict[str, Lease] = {}
    for id_, each in opens.items():
        lease = made[id_] = _unheard(store, each.record, current, now_ms)
        purse = purses.get(lease.purse)
        if purse is None or purse.unit != lease.unit:
            lease.state, lease.why, lease.doubt_ms = FROZEN, "no_purse", now_ms
            alarms.append(Raised("no_purse", id_, f"{lease.purse}, {lease.unit}"))
            continue
        lease.programme = purse.programme
        if lease.granted == 0:
            lease.funded = True
        else:
            alarms.append(Raised("regranted", id_, f"{lease.granted} {lease.unit} of {lease.purse}"))
    session.add_all(made.values())
    await session.flush()
    return made


def _unheard(store: str, record: LeaseRecord, current: str, now_ms: int) -> Lease:
    """The lease that an `open` tells of."""
    known = record.epoch == current
    return Lease(
        id=record.lease,
        store=store,
        epoch=record.epoch,
        purse=record.purse,
        programme="",
        unit=record.unit,
        granted=record.amount,
        funded=False,
        escrow=0,
        lost=0,
        state=OPEN if known else DOUBT,
        why="",
        recalled=False,
        last_number=0,
        head="",
        ttl_s=0,
        request="",
        card="",
        member="",
        granted_ms=now_ms,
        doubt_ms=None if known else now_ms,
    )


async def fund(
    session: AsyncSession, leases: Sequence[Lease], current: str, now_ms: int, alarms: list[Raised]
) -> None:
    """Post the grants of leases that we did not know, where the purse has so much; else they stay frozen."""
    purses = {row.id: row for row in await purse_rows(session, {lease.purse for lease in leases})}
    some = [lease for lease in leases if lease.purse in purses and purses[lease.purse].unit == lease.unit]
    for lease in some:
        lease.programme = purses[lease.purse].programme
    granted = [lease for lease in some if lease.granted]
    if granted:
        names = [(available(each.purse, each.unit), escrow(each.id, each.unit)) for each in granted]
        ids = await accounts_of(session, dict.fromkeys(chain.from_iterable(names)))
        outcomes = await post(
            session,
            [
                grant_transfer(lease, ids[debit], ids[credit], now_ms)
                for lease, (debit, credit) in zip(granted, names, strict=True)
            ],
            strict=False,
        )
        short = {lease.id for lease, what in zip(granted, outcomes, strict=True) if what is Outcome.SHORT}
    else:
        short = set()
    for lease in some:
        if lease.id in short:
            continue
        lease.funded, lease.escrow = True, lease.granted
        if lease.why in ("no_purse", "unfunded"):
            mend(lease, OPEN if lease.epoch == current else DOUBT)
