"""What stores wrote down about their leases: the handler of `LeaseRecord`.

Which record may be applied is decided in `following.py`, what it does in the books in `settling.py`, and what
becomes of a lease that we never heard of in `unheard.py`. A record that cannot be applied yet waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import believed
from central_server.db import bulk_insert
from central_server.downlink.feed import forget
from central_server.errors import Conflict
from central_server.facts import Fact
from central_server.keys import Keys
from central_server.ledger.leases.epochs import new_epoch, of_store
from central_server.ledger.leases.following import Applied, Follower, Heard
from central_server.ledger.leases.lease_alarms import Raised, heal, raise_alarms
from central_server.ledger.leases.leases import AT_ONCE, locked, seals_of
from central_server.ledger.leases.settling import settle
from central_server.ledger.leases.unheard import begun, fund
from central_server.ledger.models.leases import DOUBT, OPEN, Lease, LeaseEntry, LeaseWaiting, LeasingStore
from central_server.web.text import N_
from sync.contract.events import LeaseRecord, decode_event, encode_event
from sync.contract.leases import lease_key

STORE_WAITING_MAX = 20_000  # records of one store that wait; past it they are set aside
_WAITING = (  # made once: to make a statement anew takes as long as to ask it
    sa.select(LeaseWaiting.body, LeaseWaiting.at_ms, LeaseWaiting.sure, LeaseWaiting.key)
    .where(LeaseWaiting.store == sa.bindparam("at"))
    .where(LeaseWaiting.lease.in_(sa.bindparam("leases", expanding=True)))
    .order_by(LeaseWaiting.lease, LeaseWaiting.number, LeaseWaiting.arrived_ms)
)


async def record(
    session: AsyncSession, store: str, facts: Sequence[Fact[LeaseRecord]], now_ms: int, *, keys: Keys
) -> None:
    """The handler of `LeaseRecord`. Raises Conflict when too many wait already; then they are set aside."""
    shop = await of_store(session, store)
    for epoch in dict.fromkeys(fact.id.epoch for fact in facts):
        if epoch != shop.epoch:
            await new_epoch(session, store, epoch, now_ms)
    heard = [Heard(fact.event, *believed(fact.stamp, now_ms), fact.key) for fact in facts]
    await _follow(session, shop, heard, now_ms, keys)


async def look_again(session: AsyncSession, lease: Lease, now_ms: int, *, keys: Keys) -> None:
    """Apply what waits of a lease, now that something else has changed."""
    await _follow(session, await of_store(session, lease.store), [], now_ms, keys, also=[lease.id])


async def _follow(
    session: AsyncSession,
    shop: LeasingStore,
    heard: Sequence[Heard],
    now_ms: int,
    keys: Keys,
    also: Iterable[str] = (),
) -> None:
    store, current = shop.store, shop.epoch
    ids = list(dict.fromkeys([*(each.record.lease for each in heard), *also]))
    key = lease_key(keys.store_key(store))
    leases = await locked(session, ids, {each.record.purse for each in heard if each.record.kind == "open"})
    mine = {id_: lease for id_, lease in leases.items() if lease.store == store}
    heard, alarms = _own(store, heard, leases.keys() - mine.keys())
    waiting = await _waiting(session, store, ids)
    unknown = [id_ for id_ in ids if id_ not in leases]
    ailing = [*unknown, *(id_ for id_, lease in mine.items() if lease.why)]
    if unknown:
        mine |= await begun(session, store, unknown, heard, waiting, key, current, now_ms, alarms)
    await fund(session, [lease for lease in mine.values() if not lease.funded], current, now_ms, alarms)
    macs = await _macs(session, mine, heard)
    followers = {
        id_: Follower(
            lease,
            key,
            seals_of(lease, key),
            macs.get(id_, {}),
            OPEN if lease.epoch == current else DOUBT,
        )
        for id_, lease in mine.items()
    }
    still = _followed(followers, waiting, heard, now_ms, alarms)
    applied = in_order(follower.applied for follower in followers.values())
    await session.flush()
    alarms += await settle(session, store, applied, now_ms)
    await _keep_waiting(session, store, waiting, still, now_ms)
    await raise_alarms(session, store, alarms, now_ms)
    await heal(session, store, [id_ for id_ in ailing if id_ in mine and not mine[id_].why], now_ms)
    closed = [each.lease.id for each in applied if each.heard.record.kind == "close"]
    if closed:
        await forget(session, store, *(f"lease/{id_}" for id_ in closed))


def in_order(of_leases: Iterable[Sequence[Applied]]) -> list[Applied]:
    """The records of all leases as they happened in the store, each lease's own in their order.

    So a return finds the lots that its payment took, though both came in one batch, and whoever brings a lost
    box's journal may bring it lease by lease.
    """
    leases = [list(of_lease) for of_lease in of_leases]
    keys = {
        f"{each.heard.record.lease}/{each.heard.record.number}": each.heard.key
        for of_lease in leases
        for each in of_lease
    }
    keyed: list[tuple[tuple[int, bool], Applied]] = []
    for of_lease in leases:
        latest = (0, False)
        for each in of_lease:  # one that filled a gap came later than those it lets through
            behind = (keys.get(each.heard.record.refers_to, 0), True)
            latest = max(latest, (each.heard.key, False), behind)
            keyed.append((latest, each))
    return [each for _, each in sorted(keyed, key=itemgetter(0))]


def _own(store: str, heard: Sequence[Heard], foreign: Collection[str]) -> tuple[list[Heard], list[Raised]]:
    """The records of the store's own leases, and an alarm for each of another's."""
    own = [each for each in heard if each.record.lease not in foreign]
    alarms = [
        Raised("foreign", each.record.lease, f"{store}: {each.record.kind} {each.record.number}")
        for each in heard
        if each.record.lease in foreign
    ]
    return own, alarms


def _followed(
    followers: Mapping[str, Follower],
    waiting: Sequence[Heard],
    heard: Sequence[Heard],
    now_ms: int,
    alarms: list[Raised],
) -> list[Heard]:
    """What waited and what was heard, handed to the leases; gives what waits now."""
    still: list[Heard] = []
    for each in waiting:
        follower = followers.get(each.record.lease)
        if follower is None:
            still.append(each)
        else:
            follower.waiting.setdefault(each.record.number, []).append(each)
    for follower in followers.values():
        follower.look_again(now_ms)
    for each in heard:
        id_, number = each.record.lease, each.record.number
        if id_ in followers:
            followers[id_].hear(each, now_ms)
        elif number > 1:
            still.append(each)
            alarms.append(Raised("unheard", id_, f"{each.record.kind} {number}: {each.record.amount}"))
    for follower in followers.values():
        follower.end(now_ms)
        still += chain.from_iterable(follower.waiting.values())
        alarms += follower.alarms
    return still


async def _waiting(session: AsyncSession, store: str, ids: Sequence[str]) -> list[Heard]:
    found: list[Heard] = []
    for at in range(0, len(ids), AT_ONCE):
        rows = await session.execute(_WAITING, {"at": store, "leases": ids[at : at + AT_ONCE]})
        for body, at_ms, sure, key in rows:
            event = decode_event(bytes(body))
            assert isinstance(event, LeaseRecord)
            found.append(Heard(event, at_ms, sure, key))
    return found


async def _macs(
    session: AsyncSession, mine: dict[str, Lease], heard: Sequence[Heard]
) -> dict[str, dict[int, str]]:
    """The macs of records that were applied before and came again, by lease and number."""
    again = [
        each.record
        for each in heard
        if (lease := mine.get(each.record.lease)) is not None and each.record.number <= lease.last_number
    ]
    ids = sorted({each.lease for each in again})
    numbers = sorted({each.number for each in again})
    found: dict[str, dict[int, str]] = {}
    for at in range(0, len(ids), AT_ONCE):
        rows = await session.execute(
            sa.select(LeaseEntry.lease, LeaseEntry.number, LeaseEntry.mac).where(
                LeaseEntry.lease.in_(ids[at : at + AT_ONCE]), LeaseEntry.number.in_(numbers)
            )
        )
        for id_, number, mac in rows:
            found.setdefault(id_, {})[number] = mac
    return found


async def _keep_waiting(
    session: AsyncSession, store: str, before: Sequence[Heard], still: Sequence[Heard], now_ms: int
) -> None:
    """Write down what waits now and did not, and strike out what does not wait any more."""
    known, now = _by_place(before), _by_place(still)
    gone = sorted(known.keys() - now.keys())
    for at in range(0, len(gone), AT_ONCE):
        place = sa.tuple_(LeaseWaiting.lease, LeaseWaiting.number, LeaseWaiting.mac, LeaseWaiting.digest)
        await session.execute(
            sa.delete(LeaseWaiting)
            .where(place.in_(gone[at : at + AT_ONCE]), LeaseWaiting.store == store)
            .execution_options(synchronize_session=False)
        )
    rows = [
        (*place, store, body, each.at_ms, each.sure, each.key, now_ms)
        for place, (each, body) in now.items()
        if place not in known
    ]
    if not rows:
        return
    count = sa.select(sa.func.count()).select_from(LeaseWaiting).where(LeaseWaiting.store == store)
    if (await session.scalar(count) or 0) + len(rows) > STORE_WAITING_MAX:
        raise Conflict(N_("too many records of the store {store} wait"), store=store)
    await bulk_insert(session, LeaseWaiting, rows, skip_known=True)


def _by_place(some: Iterable[Heard]) -> dict[tuple[str, int, str, bytes], tuple[Heard, bytes]]:
    """Records and their JSON by the key of their rows."""
    places = {}
    for each in some:
        body = encode_event(each.record)
        record, digest = each.record, sha256(body).digest()[:16]
        places[record.lease, record.number, record.mac, digest] = each, body
    return places
