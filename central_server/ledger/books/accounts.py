"""Accounts by name: kind, owner and unit.

An account's number is made of its name, so it is known before the account is there, two processes that make
the same account make the same row, and a name that was changed in the database no longer fits its number.

    kind        owner            what                                                        below 0
    available   purse            what the holder can use                                     never
    held        purse            set aside by a hold                                         never
    escrow      lease            what a store may pay out of                                 never
    cash        store, "centre"  money paid in                                               mostly
    bonus       programme        bonus money and earned points come from here                mostly
    captured    store, "centre"  paid for goods                                              may be
    refunded    store, "centre"  paid out to the customer                                    may be
    forfeited   programme        expired, until re-activated                                 may be
    loss        store            declared lost by two people                                 may be
    partner     partner          owed to or by a partner                                     may be
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Conflict, Invalid
from central_server.ledger.models.books import Account, Transfer
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.money import exponent

AVAILABLE, HELD, ESCROW = "available", "held", "escrow"
CASH, BANK, BONUS, CAPTURED, REFUNDED = "cash", "bank", "bonus", "captured", "refunded"
ADJUSTED = "adjusted"  # corrections: no money was taken or paid; owner: the programme
FORFEITED, LOSS, PARTNER = "forfeited", "loss", "partner"
GUARDED = frozenset({AVAILABLE, HELD, ESCROW})  # these never fall below 0
KINDS = GUARDED | {CASH, BANK, ADJUSTED, BONUS, CAPTURED, REFUNDED, FORFEITED, LOSS, PARTNER}
CENTRE = "centre"  # owner of cash, captured and refunded when no store has them
OWNER_MAX_CHARS = 100
_ASKED_AT_ONCE = 1_000
_NAMES_REMEMBERED = 16_384
_COLUMNS = Account.__table__.columns
_TRANSFERS = Transfer.__table__.columns
_NUMBERED = sa.select(_COLUMNS.id, _COLUMNS.kind, _COLUMNS.owner, _COLUMNS.unit, _COLUMNS.balance).where(
    _COLUMNS.id.in_(sa.bindparam("ids", expanding=True))
)  # made once: to make a statement anew takes as long as to ask it


class AccountName(NamedTuple):
    """Whose account it is: ``AccountName("available", "P…", "CNY")``."""

    kind: str
    owner: str
    unit: str


def available(purse: str, unit: str) -> AccountName:
    """What the holder of a purse can use."""
    return AccountName(AVAILABLE, purse, unit)


def held(purse: str, unit: str) -> AccountName:
    """What holds have set aside."""
    return AccountName(HELD, purse, unit)


def escrow(lease: str, unit: str) -> AccountName:
    """What a store may pay out of a lease."""
    return AccountName(ESCROW, lease, unit)


@lru_cache(maxsize=_NAMES_REMEMBERED)
def account_id(name: AccountName) -> int:
    """The number: 63 bits of its name's SHA-256. Raises Invalid when there can be no such account."""
    kind, owner, unit = name
    if kind not in KINDS:
        raise Invalid({"kind": N_("there are no such accounts")})
    if not 0 < len(owner) <= OWNER_MAX_CHARS or "\0" in owner:
        raise Invalid({"owner": N_("must have 1 to 100 characters")})
    try:
        exponent(unit)
    except BadId:
        raise Invalid({"unit": N_("must be a currency, three capital letters, or PTS")}) from None
    return number_of(kind, owner, unit)


def taken_by(tender: str) -> str:
    """The kind of account that money comes from which a customer paid in so: the till's drawer, or a bank."""
    return CASH if tender == "cash" else BANK


def number_of(kind: str, owner: str, unit: str) -> int:
    """`account_id` of what stands in the database, right or wrong."""
    said = b"".join(b"%d:%b" % (len(part), part) for part in (kind.encode(), owner.encode(), unit.encode()))
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") >> 1


async def accounts_of(session: AsyncSession, wanted: Iterable[AccountName]) -> dict[AccountName, int]:
    """The numbers of these accounts; one that is not there is made, with nothing in it. Raises Invalid."""
    ids = {name: account_id(name) for name in wanted}
    names = {number: name for name, number in ids.items()}
    missing = set(names) - await _checked(session, names)
    if missing:
        rows = [
            (number, *names[number], 0, int(names[number].kind in GUARDED), 0)
            for number in sorted(missing)  # everybody in the same order, so that nobody waits for each other
        ]
        if await bulk_insert(session, Account, rows, skip_known=True) < len(rows):
            await _checked(session, names)  # another process was quicker
    return ids


async def balances(session: AsyncSession, names: Iterable[AccountName]) -> dict[AccountName, int]:
    """What is in these accounts, in minor units; 0 where there is no such account. Raises Invalid."""
    ids = {name: account_id(name) for name in names}
    found = {row.id: row.balance for row in await _rows(session, list(ids.values()))}
    return {name: found.get(number, 0) for name, number in ids.items()}


def history(wanted: sa.Select[Any]) -> sa.CTE:
    """The `seq` of every transfer that touched one of the accounts whose numbers `wanted` selects.

    Walks back from each account's last transfer, so it costs as much as there is to find. A transfer between
    two of the accounts is in it twice: ask ``Transfer.seq.in_(sa.select(history(wanted).c.seq))``.
    """
    at = _COLUMNS.id.label("account"), _COLUMNS.last_seq.label("seq")
    walk = sa.select(*at).where(_COLUMNS.id.in_(wanted), _COLUMNS.last_seq > 0).cte(recursive=True)
    before = sa.case(
        (_TRANSFERS.debit == walk.c.account, _TRANSFERS.debit_before), else_=_TRANSFERS.credit_before
    )
    step = sa.select(walk.c.account, before).where(_TRANSFERS.seq == walk.c.seq, before > 0)
    return walk.union_all(step)


async def _checked(session: AsyncSession, names: dict[int, AccountName]) -> set[int]:
    """Which are there. Raises Conflict when two names have one number: one chance in 2000 for 10^8."""
    found = await _rows(session, list(names))
    for row in found:
        if names[row.id] != (row.kind, row.owner, row.unit):
            raise Conflict(N_("two accounts would have the number {number}"), number=row.id)
    return {row.id for row in found}


async def _rows(session: AsyncSession, ids: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    for at in range(0, len(ids), _ASKED_AT_ONCE):
        found += (await session.execute(_NUMBERED, {"ids": ids[at : at + _ASKED_AT_ONCE]})).all()
    return found
