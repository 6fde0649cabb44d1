"""Leases: value and points are entrusted to a store, which alone may spend them, until it gives them back.

    grant    an `Ask` of a store → available → escrow(lease), a word in the store's own feed, an `Answered`
    recall   a lease is wanted back: the store closes it when it hears of it, and not before

What stores then do with a lease arrives as records (`records.py`). The centre takes nothing back because time
has passed: only the store can say what it handed out (DESIGN section 5).

Everybody locks in one order, so that nobody waits in a ring: a store, purses, leases, accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import tell_many
from central_server.keys import Keys
from central_server.ledger.books.accounts import accounts_of, available, balances, escrow
from central_server.ledger.books.posting import NewTransfer, Outcome, post, posting_id
from central_server.ledger.leases.epochs import of_store
from central_server.ledger.leases.lease_alarms import Raised, raise_alarms
from central_server.ledger.leases.limits import HOUR_MS, Standing, granted
from central_server.ledger.models.leases import HOLDING, OPEN, Lease, LeasingStore
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.pin_tries import unless_locked
from central_server.ledger.purses.purses import Held, Presented, purses_of_token
from config.money import LeaseSettings
from sync.contract.leases import grant_seal, lease_id, lease_key
from sync.contract.message import Answered, Ask
from sync.contract.told import LeaseTold

AT_ONCE = 5_000  # leases in one IN (…)
RECALLED_AT_ONCE = 1_000  # leases of one purse
PER_STORE_MAX = 100  # open leases of one purse at one store; past it that store is granted none of it

# Made once: to make a statement anew takes as long as to ask it.
_LOCKED = (
    sa.select(Lease)
    .where(Lease.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(Lease.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
_OF_PURSES = Lease.purse.in_(sa.bindparam("purses", expanding=True))
_HOLDS = Lease.state.in_(HOLDING)
_LATELY = sa.and_(Lease.granted > 0, Lease.granted_ms > sa.bindparam("since_ms"))
_COUNTED = (
    sa.select(
        Lease.purse,
        Lease.store,
        sa.func.sum(sa.case((_HOLDS, Lease.escrow), else_=0)),
        sa.func.sum(sa.case((_HOLDS, 1), else_=0)),
        sa.func.sum(sa.case((_LATELY, 1), else_=0)),
    )
    .where(_OF_PURSES, sa.or_(_HOLDS, _LATELY))
    .group_by(Lease.purse, Lease.store)
)
_OF_STORE = (
    sa.select(Lease)
    .where(
        Lease.store == sa.bindparam("at"),
        sa.or_(
            sa.and_(_OF_PURSES, Lease.state == OPEN, Lease.escrow > 0),
            Lease.request == sa.bindparam("asked"),
        ),
    )
    .limit(AT_ONCE)
    .execution_options(populate_existing=True)
)
_HELD_AT = (
    sa.select(Lease.unit, sa.func.sum(Lease.escrow))
    .where(Lease.store == sa.bindparam("at"), _HOLDS)
    .group_by(Lease.unit)
)


async def grant(
    session: AsyncSession, *, store: str, ask: Ask, keys: Keys, settings: LeaseSettings, now_ms: int
) -> Answered:
    """Give the store leases on the purses of the card it was shown; gives what it is to be answered.

    `ask.wants` names by unit what the store *lacks*, beyond the leases that it holds already and can use:
    that is granted on top of them, of each purse in that unit. A unit it names with 0 gets nothing. A unit it
    does not name is filled up to the settings' default, and there an open lease of the same purse at the same
    store counts, as long as its time is not over. So a till that has nothing it could spend names what it
    wants, and gets a lease even while its close of the last one is still under way.

    The answer names the leases made for this request: none, and nothing refused, when the store holds enough.
    The same request gives the same leases again, also after a crash between commit and answer, and even when
    they are closed by then: it grants nothing twice. When a purse has too little and other stores hold some
    of it, theirs is recalled and this store gets what there is. So a grant can be less than wanted (partial).
    """
    shop = await of_store(session, store)
    if shop.epoch != ask.epoch:
        return Answered(ask.request, refused="epoch")
    if shop.stopped:
        return Answered(ask.request, refused="stopped")
    if _asks_too_often(shop, settings, now_ms):
        return Answered(ask.request, refused="velocity")
    presented = await purses_of_token(session, ask.card, keys=keys, now_ms=now_ms)
    if not presented.ok:
        if presented.reason == "unknown":
            await _count_unknown(session, shop, now_ms)
        return Answered(ask.request, refused=presented.reason)
    presented = await unless_locked(session, presented, now_ms=now_ms, wrong_max=settings.pin_wrong_max)
    await lock_purses(
        session, [each.purse for each in presented.purses]
    )  # the cap of a card is for all stores
    there = await _there(session, store, ask, presented, now_ms)
    if again := sorted(each.id for each in there.here if each.request == ask.request):
        return _answered(ask, presented, again, "")
    decided = await _decided(session, store, ask, presented, there, settings, now_ms)
    for purse in decided.short:
        await recall(session, purse, keys=keys, but_store=store, now_ms=now_ms)
    made = await _made(session, decided.new, now_ms)
    await tell_many(session, store, [told_of(lease, keys) for lease in made])
    crowded = [Raised("crowded", "", f"{purse}: {PER_STORE_MAX}") for purse in sorted(decided.crowded)]
    await raise_alarms(session, store, crowded, now_ms)
    refused = "" if made or decided.enough else decided.refused or "empty"
    return _answered(ask, presented, [lease.id for lease in made], refused)


async def recall(
    session: AsyncSession, purse_or_lease: str, *, keys: Keys, but_store: str = "", now_ms: int
) -> list[str]:
    """Ask back a lease (``L…``), or every lease of a purse (``P…``) but those of `but_store`.

    Gives the leases that were not recalled before. Their stores close them as soon as they hear of it; until
    their close arrives nothing of it can be used elsewhere. Leases in doubt or frozen cannot be recalled.
    """
    which = Lease.id if purse_or_lease.startswith("L") else Lease.purse
    found = await session.scalars(
        sa.select(Lease)
        .where(
            which == purse_or_lease, Lease.state == OPEN, Lease.recalled.is_(False), Lease.store != but_store
        )
        .order_by(Lease.id)
        .limit(RECALLED_AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    by_store: dict[str, list[Lease]] = {}
    for lease in found:
        lease.recalled = True
        by_store.setdefault(lease.store, []).append(lease)
    await session.flush()
    for store in sorted(by_store):
        await tell_many(session, store, [told_of(lease, keys) for lease in by_store[store]])
    return [lease.id for leases in by_store.values() for lease in leases]


async def locked(session: AsyncSession, ids: Iterable[str], purses: Iterable[str] = ()) -> dict[str, Lease]:
    """Those of these leases that there are, by id, locked with their purses. Lock the store first."""
    wanted = sorted(set(ids))
    pieces = [wanted[at : at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE)]
    if session.get_bind().dialect.name != "sqlite":
        theirs = set(purses)
        for some in pieces:
            theirs.update(await session.scalars(sa.select(Lease.purse).where(Lease.id.in_(some)).distinct()))
        await lock_purses(session, theirs)
    found: dict[str, Lease] = {}
    for some in pieces:
        found |= {row.id: row for row in await session.scalars(_LOCKED, {"ids": some})}
    return found


async def lock_purses(session: AsyncSession, purses: Iterable[str]) -> None:
    """Lock purses, in the order of their ids. SQLite has one writer, and nothing to lock."""
    if session.get_bind().dialect.name == "sqlite":
        return
    query = sa.select(Purse.id).where(Purse.id.in_(sorted(set(purses)))).order_by(Purse.id)
    await session.execute(query.with_for_update())


def told_of(lease: Lease, keys: Keys) -> LeaseTold:
    """The word about a lease, with the seal that only this centre and that store can make."""
    return LeaseTold(
        lease=lease.id,
        epoch=lease.epoch,
        purse=lease.purse,
        unit=lease.unit,
        granted=lease.granted,
        ttl_s=lease.ttl_s,
        request=lease.request,
        seal=seal_of(lease, lease_key(keys.store_key(lease.store)), recalled=lease.recalled),
        card=lease.card,
        member=lease.member,
        programme=lease.programme,
        recalled=lease.recalled,
    )


def seal_of(lease: Lease, key: bytes, *, recalled: bool) -> str:
    """The seal of a lease's grant, which is also what stands before its first record."""
    return grant_seal(
        key,
        lease=lease.id,
        store=lease.store,
        epoch=lease.epoch,
        purse=lease.purse,
        unit=lease.unit,
        granted=lease.granted,
        recalled=recalled,
    )


def seals_of(lease: Lease, key: bytes) -> tuple[str, str]:
    """What may stand before the first record: the store heard of the grant, or only of its recall."""
    return seal_of(lease, key, recalled=False), seal_of(lease, key, recalled=True)


class _Decided(NamedTuple):
    new: list[Lease]  # to be made
    enough: bool  # the store holds what it would be given
    short: list[str]  # purses of which other stores hold what is lacking
    refused: str  # the first reason for which a purse gave nothing
    crowded: list[str]  # purses of which the store has more leases open than an honest one ever has


class _AtStore(NamedTuple):
    """What there is of one purse at one store."""

    escrow: int
    open: int  # leases, those that hold nothing included
    lately: int  # granted within the hour


class _There(NamedTuple):
    here: list[Lease]  # of the asking store: of these purses, holding something; and of this request
    stores: dict[str, dict[str, _AtStore]]  # by purse and store


async def _decided(
    session: AsyncSession,
    store: str,
    ask: Ask,
    presented: Presented,
    there: _There,
    settings: LeaseSettings,
    now_ms: int,
) -> _Decided:
    purses = [purse for purse in presented.purses if ask.wants.get(purse.unit) != 0]
    balance = await balances(session, [available(purse.purse, purse.unit) for purse in purses])
    in_store = await held_at(session, store)
    decided = _Decided([], False, [], "", [])
    for purse in purses:
        stores = there.stores.get(purse.purse, {})
        if store in stores and stores[store].open >= PER_STORE_MAX:
            decided.crowded.append(purse.purse)
            decided = decided._replace(refused=decided.refused or "card_cap")
            continue
        mine = [lease for lease in there.here if lease.purse == purse.purse]
        lately = {place: each.lately for place, each in stores.items() if each.lately}
        standing = Standing(
            available=balance[available(purse.purse, purse.unit)],
            here=sum(lease.escrow for lease in mine if _usable(lease, store, now_ms)),
            out=sum(each.escrow for each in stores.values()),
            store=in_store.get(purse.unit, 0),
            granted_last_hour=sum(lately.values()),
            stores_last_hour=len(lately),
            store_among_them=store in lately,
        )
        given = granted(ask.wants.get(purse.unit), standing, settings, purse.unit)
        if given.amount:
            decided.new.append(_lease(store, ask, presented, purse, given.amount, settings.ttl_s, now_ms))
            in_store[purse.unit] = standing.store + given.amount
        elif not given.refused:
            decided = decided._replace(enough=True)
        if given.short and any(each.escrow for place, each in stores.items() if place != store):
            decided.short.append(purse.purse)
        decided = decided._replace(refused=decided.refused or given.refused)
    return decided


async def _there(session: AsyncSession, store: str, ask: Ask, presented: Presented, now_ms: int) -> _There:
    """What stores hold of these purses, counted by store: however many leases one of them opens itself, it
    cannot make the others' unseen.
    """
    ids = sorted(each.purse for each in presented.purses)
    counted = await session.execute(_COUNTED, {"purses": ids, "since_ms": now_ms - HOUR_MS})
    stores: dict[str, dict[str, _AtStore]] = {}
    for purse, place, *sums in counted:
        stores.setdefault(purse, {})[place] = _AtStore(*map(int, sums))
    rows = await session.scalars(_OF_STORE, {"at": store, "purses": ids, "asked": ask.request})
    return _There(list(rows), stores)


async def held_at(session: AsyncSession, store: str) -> dict[str, int]:
    """What a store holds in all its leases, by unit, as far as we have heard."""
    rows = await session.execute(_HELD_AT, {"at": store})
    return {unit: int(total) for unit, total in rows}


async def _made(session: AsyncSession, leases: Sequence[Lease], now_ms: int) -> list[Lease]:
    """Post the grants and add the leases. One whose purse was emptied in this very moment is left out."""
    if not leases:
        return []
    names = [(available(each.purse, each.unit), escrow(each.id, each.unit)) for each in leases]
    ids = await accounts_of(session, [name for pair in names for name in pair])
    outcomes = await post(
        session,
        [
            grant_transfer(lease, ids[debit], ids[credit], now_ms)
            for lease, (debit, credit) in zip(leases, names, strict=True)
        ],
        strict=False,
    )
    made = [lease for lease, outcome in zip(leases, outcomes, strict=True) if outcome is Outcome.POSTED]
    session.add_all(made)
    await session.flush()
    return made


def grant_transfer(lease: Lease, from_available: int, to_escrow: int, at_ms: int) -> NewTransfer:
    """The transfer that a grant is: the same lease, the same id."""
    id_ = posting_id("grant", lease.id)
    return NewTransfer(id_, from_available, to_escrow, lease.unit, lease.granted, "grant", lease.id, at_ms)


def _lease(
    store: str, ask: Ask, presented: Presented, purse: Held, amount: int, ttl_s: int, now_ms: int
) -> Lease:
    # Made of the request, so that a centre put back in time gives the same lease to the same request.
    id_ = lease_id(posting_id("lease of", store, ask.epoch, ask.request, purse.purse))
    return Lease(
        id=id_,
        store=store,
        epoch=ask.epoch,
        purse=purse.purse,
        programme=purse.programme.id,
        unit=purse.unit,
        granted=amount,
        funded=True,
        escrow=amount,
        lost=0,
        state=OPEN,
        why="",
        recalled=False,
        last_number=0,
        head="",
        ttl_s=ttl_s,
        request=ask.request,
        card=ask.card,
        member=presented.member,
        granted_ms=now_ms,
    )


def _usable(lease: Lease, store: str, now_ms: int) -> bool:
    """Whether the store may, as far as we know, spend from the lease now."""
    in_time = now_ms < lease.granted_ms + lease.ttl_s * 1000
    return lease.store == store and lease.state == OPEN and not lease.recalled and in_time


def _asks_too_often(shop: LeasingStore, settings: LeaseSettings, now_ms: int) -> bool:
    """Whether the store has asked for so many unknown cards in this hour that it must be guessing."""
    return shop.unknown_hour_ms == now_ms // HOUR_MS * HOUR_MS and shop.unknown >= settings.unknown_per_hour


async def _count_unknown(session: AsyncSession, shop: LeasingStore, now_ms: int) -> None:
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    if shop.unknown_hour_ms != hour_ms:
        shop.unknown_hour_ms, shop.unknown = hour_ms, 0
    shop.unknown += 1
    await session.flush()


def _answered(ask: Ask, presented: Presented, leases: Sequence[str], refused: str) -> Answered:
    return Answered(
        ask.request,
        refused=refused,
        leases=tuple(leases),
        name=presented.name,
        purses=tuple(purse.shown for purse in presented.purses),
        pin_salt=presented.pin_salt,
        pin_check=presented.pin_check,
    )
