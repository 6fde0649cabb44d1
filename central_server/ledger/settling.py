"""Records that were applied to their leases, in the books: transfers, lots, and the records themselves.

    open     nothing more: the grant was posted already, or the store opened it itself with nothing in it
    spend    escrow → captured(store)
    refund   captured(store) → escrow
    top      cash(store) → escrow
    close    escrow → available; of a lease declared lost, as much as was declared: escrow → loss(store)

All of a call are one set of transfers, however many leases they are of. A transfer's id is made of the lease
and the record's number, so nothing that comes again is posted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.ledger import accounts
from central_server.ledger.accounts import AccountName, accounts_of, available, escrow
from central_server.ledger.following import Applied
from central_server.ledger.lots import AT_ONCE, KIND_OF_PURSE, Add, GiveBack, Take, settle_lots
from central_server.ledger.models.leases import LeaseEntry
from central_server.ledger.models.lots import Purse
from central_server.ledger.posting import NewTransfer, post, posting_id
from central_server.ledger.purses import tell_purses


async def settle(session: AsyncSession, store: str, applied: Sequence[Applied], now_ms: int) -> None:
    """Post what was applied, settle its lots, keep the records, and tell tills of the new balances."""
    if not applied:
        return
    wanted = [each for each in applied if each.heard.record.amount and each.heard.record.kind != "open"]
    names: list[AccountName] = []
    for each in wanted:
        names += _accounts(each, store)
    ids = await accounts_of(session, dict.fromkeys(names))
    transfers = [transfer for each in wanted for transfer in _transfers(each, store, ids)]
    if transfers:
        await post(session, transfers)
    kinds = await _kinds_of(session, {each.lease.purse for each in wanted})
    uses = [use for each in wanted if (use := _lots(each, kinds)) is not None]
    await settle_lots(session, uses, now_ms=now_ms)
    await bulk_insert(session, LeaseEntry, [_entry(each, store, now_ms) for each in applied])
    await tell_purses(session, {use.purse for use in uses}, at_ms=now_ms)


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


async def _kinds_of(session: AsyncSession, purses: Iterable[str]) -> dict[str, str]:
    """Which kind of lot a top-up of each purse is."""
    return {row.id: KIND_OF_PURSE[row.kind] for row in await purse_rows(session, purses)}
