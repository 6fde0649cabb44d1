"""Records that were applied to their leases, in the books: transfers, lots, and the records themselves.

    open     nothing more: the grant was posted already, or the store opened it itself with nothing in it
    spend    escrow → captured(store)
    refund   captured(store) → escrow
    top      cash(store) → escrow; what the programme gives besides: bonus(programme) → available
    close    escrow → available; of a lease declared lost, as much as was declared: escrow → loss(store)

All of a call are one set of transfers, however many leases they are of. A transfer's id is made of the lease
and the record's number, so nothing that comes again is posted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.ledger.books import accounts
from central_server.ledger.books.accounts import AccountName, accounts_of, available, escrow
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.cards.programmes import programmes
from central_server.ledger.leases.following import Applied
from central_server.ledger.leases.lease_alarms import Raised
from central_server.ledger.models.leases import LeaseEntry
from central_server.ledger.models.lots import LotUse, Purse
from central_server.ledger.purses.legs import Leg, Place
from central_server.ledger.purses.lots import AT_ONCE, KIND_OF_PURSE, Add, GiveBack, Take, Use, settle_lots
from central_server.ledger.purses.purses import tell_purses
from central_server.ledger.purses.value import bonus_leg
from sync.contract.events import LeaseRecord


async def settle(session: AsyncSession, store: str, applied: Sequence[Applied], now_ms: int) -> list[Raised]:
    """Post what was applied, settle its lots, keep the records, and tell tills of the new balances.

    Gives the alarms: refunds of what nobody paid. Such a refund is posted all the same; it has happened.
    """
    if not applied:
        return []
    wanted = [each for each in applied if each.heard.record.amount and each.heard.record.kind != "open"]
    bonuses = await _bonuses(session, wanted, now_ms)
    names = [name for each in wanted for name in _accounts(each, store)]
    names += [name for leg, _ in bonuses for name in (leg.debit, leg.credit)]
    ids = await accounts_of(session, dict.fromkeys(names))
    transfers = [transfer for each in wanted for transfer in _transfers(each, store, ids)]
    transfers += [
        NewTransfer(
            leg.id, ids[leg.debit], ids[leg.credit], leg.debit.unit, leg.amount, leg.kind, leg.about, now_ms
        )
        for leg, _ in bonuses
    ]
    if transfers:
        await post(session, transfers)
    kinds = {row.id: KIND_OF_PURSE[row.kind] for row in await purse_rows(session, _topped(wanted))}
    uses: list[Use] = [use for each in wanted if (use := _lots(each, kinds)) is not None]
    uses += [add for _, add in bonuses]
    await settle_lots(session, uses, now_ms=now_ms)
    await bulk_insert(session, LeaseEntry, [_entry(each, store, now_ms) for each in applied])
    await tell_purses(session, {use.purse for use in uses}, at_ms=now_ms)
    return await _odd_refunds(session, [each.heard.record for each in wanted])


async def _bonuses(session: AsyncSession, wanted: Sequence[Applied], now_ms: int) -> list[tuple[Leg, Add]]:
    """What the top-ups give besides (充值送). The store knows nothing of it: it goes to what is available."""
    tops = [each for each in wanted if each.heard.record.kind == "top"]
    rules = await programmes(session, {each.lease.programme for each in tops}) if tops else {}
    bonuses = []
    for each in tops:
        theirs = rules.get(each.lease.programme)
        bonus = theirs.rules.bonus_of(each.heard.record.amount) if theirs is not None else 0
        if theirs is not None and bonus:
            place = Place(each.lease.purse, each.lease.unit, theirs, registered=True)
            id_ = posting_id("lease", each.lease.id, str(each.heard.record.number))
            bonuses.append(bonus_leg(place, id_, bonus, now_ms))
    return bonuses


def _topped(wanted: Sequence[Applied]) -> set[str]:
    return {each.lease.purse for each in wanted if each.heard.record.kind == "top"}


async def _odd_refunds(session: AsyncSession, told: Sequence[LeaseRecord]) -> list[Raised]:
    """Of refunds: those of no payment that we know of, of another purse's, or of more than was paid."""
    refunds = [each for each in told if each.kind == "refund"]
    if not refunds:
        return []
    named = sorted({each.refers_to for each in refunds if each.refers_to})
    paid = await _spends(session, named)
    back: dict[str, int] = {}
    for at in range(0, len(named), AT_ONCE):
        rows = await session.execute(
            sa.select(LeaseEntry.refers_to, sa.func.sum(LeaseEntry.amount))
            .where(LeaseEntry.refers_to.in_(named[at : at + AT_ONCE]))
            .where(LeaseEntry.refers_to != "", LeaseEntry.kind == "refund")
            .group_by(LeaseEntry.refers_to)
        )
        back |= {refers_to: int(amount) for refers_to, amount in rows}
    matched = await _matched(session, [posting_id("lease", each.lease, str(each.number)) for each in refunds])
    odd = []
    for each in refunds:
        purse, amount = paid.get(each.refers_to, ("", 0))
        found = matched.get(posting_id("lease", each.lease, str(each.number)), 0)
        if purse != each.purse or back[each.refers_to] > amount or found < each.amount:
            detail = f"{each.number}: {each.amount} {each.unit} of {each.refers_to or '?'}, paid {amount}"
            odd.append(Raised("odd_refund", each.lease, f"{detail}, {each.cashier}"))
    return odd


async def _matched(session: AsyncSession, refunds: Sequence[bytes]) -> dict[bytes, int]:
    """How much of these refunds found something that was paid: less, when head office gave it back before."""
    found: dict[bytes, int] = {}
    for at in range(0, len(refunds), AT_ONCE):
        rows = await session.execute(
            sa.select(LotUse.transfer, -sa.func.sum(LotUse.amount))
            .where(LotUse.transfer.in_(refunds[at : at + AT_ONCE]), LotUse.kind == "refund")
            .group_by(LotUse.transfer)
        )
        found |= {bytes(transfer): int(amount) for transfer, amount in rows}
    return found


async def _spends(session: AsyncSession, named: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Purse and amount of the payments that refunds name, by that name."""
    wanted: dict[tuple[str, int], str] = {}
    for name in named:
        lease, _, number = name.rpartition("/")
        if number.isdecimal() and len(number) <= 6:
            wanted[lease, int(number)] = name
    leases, numbers = sorted({each[0] for each in wanted}), sorted({each[1] for each in wanted})
    paid: dict[str, tuple[str, int]] = {}
    for at in range(0, len(leases), AT_ONCE):
        rows = await session.execute(
            sa.select(LeaseEntry.lease, LeaseEntry.number, LeaseEntry.purse, LeaseEntry.amount)
            .where(LeaseEntry.lease.in_(leases[at : at + AT_ONCE]), LeaseEntry.number.in_(numbers))
            .where(LeaseEntry.kind == "spend")
        )
        for row in rows:
            if (row.lease, row.number) in wanted:
                paid[wanted[row.lease, row.number]] = row.purse, row.amount
    return paid


def _accounts(each: Applied, store: str) -> list[AccountName]:
    lease, kind = each.lease, each.heard.record.kind
    names = [escrow(lease.id, lease.unit)]
    if kind in ("spend", "refund"):
        names.append(AccountName(accounts.CAPTURED, store, lease.unit))
    elif kind == "top":
        names.append(AccountName(accounts.CASH, store, lease.unit))
    else:
        names.append(available(lease.purse, lease.unit))
        if each.covers_loss:
            names.append(AccountName(accounts.LOSS, store, lease.unit))
    return names


def _transfers(each: Applied, store: str, ids: dict[AccountName, int]) -> list[NewTransfer]:
    lease, record = each.lease, each.heard.record
    unit, at_ms, about = lease.unit, each.heard.at_ms, f"{lease.id}/{record.number}"
    inside, outside, *loss = (ids[name] for name in _accounts(each, store))
    id_ = posting_id("lease", lease.id, str(record.number))
    if record.kind == "spend":
        return [NewTransfer(id_, inside, outside, unit, record.amount, "spend", about, at_ms)]
    if record.kind in ("refund", "top"):
        return [NewTransfer(id_, outside, inside, unit, record.amount, record.kind, about, at_ms)]
    released: list[NewTransfer] = []
    if each.covers_loss:
        covering = _covering_id(lease.id, record.number)
        released.append(NewTransfer(covering, inside, loss[0], unit, each.covers_loss, "loss", about, at_ms))
    if rest := record.amount - each.covers_loss:
        released.append(NewTransfer(id_, inside, outside, unit, rest, "close", about, at_ms))
    return released


def _lots(each: Applied, kinds: dict[str, str]) -> Take | GiveBack | Add | None:
    """What a record means for the purse's lots; a grant and a close move nothing out of it."""
    lease, record = each.lease, each.heard.record
    id_ = posting_id("lease", lease.id, str(record.number))
    if record.kind == "spend":
        return Take(id_, lease.purse, record.amount)
    if record.kind == "refund":
        return GiveBack(id_, lease.purse, record.amount, of=spend_id(record.refers_to))
    if record.kind == "top":
        return Add(
            id_, lease.purse, record.amount, kinds[lease.purse], about=f"{lease.store}/{record.receipt}"
        )
    if each.covers_loss:
        return Take(_covering_id(lease.id, record.number), lease.purse, each.covers_loss, kind="loss")
    return None


def spend_id(refers_to: str) -> bytes | None:
    """The transfer of the spend that a refund's `refers_to` names: ``lease/number``."""
    lease, slash, number = refers_to.rpartition("/")
    return posting_id("lease", lease, number) if slash else None


def _covering_id(lease: str, number: int) -> bytes:
    return posting_id("lease", lease, str(number), "loss")


def _entry(each: Applied, store: str, now_ms: int) -> tuple[object, ...]:
    lease, (record, at_ms, sure, key) = each.lease, each.heard
    said = (record.till, record.txn, record.receipt, record.cashier, record.refers_to)
    head = (lease.id, record.number, record.kind, record.amount, lease.purse, lease.unit, store, record.mac)
    return (*head, *said, at_ms, sure, now_ms, key)


async def purse_rows(session: AsyncSession, purses: Iterable[str]) -> list[Purse]:
    wanted = sorted(set(purses))
    found: list[Purse] = []
    for at in range(0, len(wanted), AT_ONCE):
        found += await session.scalars(sa.select(Purse).where(Purse.id.in_(wanted[at : at + AT_ONCE])))
    return found
