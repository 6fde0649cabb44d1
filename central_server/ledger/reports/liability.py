"""What the chain owes its members and cardholders: by programme, by kind of lot, by how old it is.

As of any moment: from what the lots hold now, everything later is taken back. The same sums are made from the
accounts, which know nothing of lots; the two must agree, and the report says so when they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from central_server.calendar import DAY_MS
from central_server.ledger.books import accounts
from central_server.ledger.models.books import Account, Transfer
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Lot, LotUse, Purse
from central_server.ledger.reports.ages import AGE_LABELS, age_bucket
from central_server.ledger.reports.history import EVER_MS, Position, later_than, placed

_GUARDED = sorted(accounts.GUARDED)
EPOCH = date(1970, 1, 1)


class Left(NamedTuple):
    """What is left of what came in on one day."""

    programme: str
    unit: str
    kind: str  # of lot
    day: date
    left: int


@dataclass
class Owed:
    """One programme, unit and kind of lot. `ages` has an amount for each of `ages.AGE_LABELS`."""

    programme: str
    unit: str
    kind: str
    ages: list[int] = field(default_factory=lambda: [0] * len(AGE_LABELS))

    @property
    def total(self) -> int:
        return sum(self.ages)


class Check(NamedTuple):
    """One programme and unit: what its lots hold, what its accounts hold, and what has expired."""

    programme: str
    unit: str
    lots: int
    books: int
    forfeited: int

    @property
    def agrees(self) -> bool:
        return self.lots == self.books


@dataclass(frozen=True)
class Liability:
    """The report as of the end of `day`, or as of now."""

    rows: list[Owed]
    checks: list[Check]

    @property
    def agrees(self) -> bool:
        """Whether lots and accounts hold the same, in every programme."""
        return all(check.agrees for check in self.checks)

    def totals(self) -> list[tuple[str, str, int]]:
        """(unit, kind, amount), summed over the programmes."""
        sums: dict[tuple[str, str], int] = {}
        for row in self.rows:
            sums[row.unit, row.kind] = sums.get((row.unit, row.kind), 0) + row.total
        return [(*key, sums[key]) for key in sorted(sums)]


def by_age(left: Iterable[Left], day: date) -> list[Owed]:
    """By programme, unit and kind, in order; what nothing is left of is left out."""
    found: dict[tuple[str, str, str], Owed] = {}
    for each in left:
        key = (each.programme, each.unit, each.kind)
        found.setdefault(key, Owed(*key)).ages[age_bucket(each.day, day)] += each.left
    return [found[key] for key in sorted(found) if any(found[key].ages)]


async def liability(
    session: AsyncSession, day: date, *, zone: str, until_ms: int = EVER_MS, upto: Position | None = None
) -> Liability:
    """As of `until_ms`, of what was booked up to `upto`; `day` is the last one, by which ages are told."""
    lots = await _left(session, zone, until_ms, upto)
    books, forfeited = await _books(session, until_ms, upto), await _forfeited(session, until_ms, upto)
    sums: dict[tuple[str, str], int] = {}
    for each in lots:
        sums[each.programme, each.unit] = sums.get((each.programme, each.unit), 0) + each.left
    checks = [
        Check(*key, sums.get(key, 0), books.get(key, 0), forfeited.get(key, 0))
        for key in sorted(sums.keys() | books.keys() | forfeited.keys())
    ]
    return Liability(by_age(lots, day), [each for each in checks if any(each[2:])])


async def _left(session: AsyncSession, zone: str, until_ms: int, upto: Position | None) -> list[Left]:
    """What the lots hold now, and their later uses and arrivals taken back."""
    shift_ms = offset_ms(zone)
    day = (Lot.made_ms + shift_ms) // DAY_MS
    keys = (Purse.programme, Purse.unit, Lot.kind, day)
    of_lot = sa.join(Lot, Purse, Purse.id == Lot.purse)
    late = later_than(until_ms, upto)
    now = sa.select(*keys, sa.func.sum(Lot.left)).select_from(of_lot).where(Lot.left > 0)
    used_later = (
        sa.select(*keys, sa.func.sum(LotUse.amount))
        .select_from(of_lot.join(LotUse, LotUse.lot == Lot.id).join(Transfer, Transfer.id == LotUse.transfer))
        .where(late)
    )
    came_later = (
        sa.select(*keys, -sa.func.sum(Lot.amount))
        .select_from(of_lot.join(Transfer, Transfer.id == Lot.transfer))
        .where(late)
    )
    sums: dict[tuple[Any, ...], int] = {}
    for query in (now, used_later, came_later):
        for *key, amount in await session.execute(query.group_by(*keys)):
            sums[tuple(key)] = sums.get(tuple(key), 0) + int(amount)
    return [
        Left(programme, unit, kind, EPOCH + timedelta(days=int(number)), amount)
        for (programme, unit, kind, number), amount in sums.items()
        if amount
    ]


async def _books(
    session: AsyncSession, until_ms: int, upto: Position | None
) -> Mapping[tuple[str, str], int]:
    """What the guarded accounts of each programme hold: available, held, and escrow through its lease."""
    lease = aliased(Lease)
    purse_of = sa.case((Account.kind == accounts.ESCROW, lease.purse), else_=Account.owner)
    source = sa.outerjoin(
        Account, lease, sa.and_(Account.kind == accounts.ESCROW, lease.id == Account.owner)
    ).outerjoin(Purse, Purse.id == purse_of)
    programme = sa.func.coalesce(Purse.programme, "")
    now = (
        sa.select(programme, Account.unit, sa.func.sum(Account.balance))
        .select_from(source)
        .where(Account.kind.in_(_GUARDED))
        .group_by(programme, Account.unit)
    )
    sums = {(row[0], row[1]): int(row[2]) for row in await session.execute(now)}
    for side, sign in ((Transfer.credit, -1), (Transfer.debit, 1)):
        late = (
            sa.select(programme, Account.unit, sa.func.sum(Transfer.amount))
            .select_from(source.join(Transfer, side == Account.id))
            .where(Account.kind.in_(_GUARDED), later_than(until_ms, upto))
            .group_by(programme, Account.unit)
        )
        for name, unit, amount in await session.execute(late):
            sums[name, unit] = sums.get((name, unit), 0) + sign * int(amount)
    return sums


async def _forfeited(
    session: AsyncSession, until_ms: int, upto: Position | None
) -> Mapping[tuple[str, str], int]:
    """What expired in each programme and was not re-activated."""
    rows = await session.execute(
        sa.select(Account.owner, Account.unit, Account.balance).where(Account.kind == accounts.FORFEITED)
    )
    sums = {(owner, unit): balance for owner, unit, balance in rows}
    at = placed()
    for account, sign in ((at.credit, -1), (at.debit, 1)):
        late = (
            sa.select(account.owner, account.unit, sa.func.sum(Transfer.amount))
            .select_from(at.source)
            .where(account.kind == accounts.FORFEITED, later_than(until_ms, upto))
            .group_by(account.owner, account.unit)
        )
        for owner, unit, amount in await session.execute(late):
            sums[owner, unit] = sums.get((owner, unit), 0) + sign * int(amount)
    return sums


def offset_ms(zone: str) -> int:
    """How far that zone's clock is ahead of UTC; in ages of months, summer time is nothing."""
    offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset()
    return int((offset or timedelta()).total_seconds() * 1000)
