"""Which part of the books a report is about: a span of time, and how far the chains had come.

A store that was off line books late, so what happened before a moment may grow afterwards. How far each chain
had come does not: two reports of the same span and the same `Position` say the same, whenever they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from central_server.calendar import DAY_MS, HOUR_MS, QUARTER_MS, calendar_of, day_of_number
from central_server.errors import Invalid
from central_server.ledger.books import accounts
from central_server.ledger.books.chain import SEQ_BITS
from central_server.ledger.models.books import Account, ChainHead, Transfer
from central_server.ledger.models.leases import Lease
from central_server.web.text import N_

POSITION_MAX_CHARS: Final = 800
CHAINS_MAX: Final = 64
GROUPS_MAX: Final = 400_000  # sums that one report adds up; about 200 MB and 3 s
_YEARS: Final = range(2015, 2101)  # from `calendar.FLOOR_MS` on
EVER_MS: Final = 2**53  # the end of a span that has none
_PLACED: Final = (  # owned by a store
    accounts.CASH,
    accounts.BANK,
    accounts.CAPTURED,
    accounts.REFUNDED,
    accounts.LOSS,
)


class Position(dict[int, int]):
    """How far each chain had come: chain → number of its last transfer. Written ``0.5123_1.77``."""

    def __str__(self) -> str:
        return "_".join(f"{chain}.{number}" for chain, number in sorted(self.items()))

    @classmethod
    def read(cls, text: str) -> Position:
        """Raises Invalid."""
        try:
            found = cls()
            for part in text.split("_") if text else ():
                chain, number = part.split(".")
                found[int(chain)] = int(number)
        except ValueError:
            raise Invalid({"position": N_("this is no position in the books")}) from None
        if (
            len(text) > POSITION_MAX_CHARS
            or str(found) != text
            or any(
                not (0 <= chain < CHAINS_MAX and 0 <= last < 1 << SEQ_BITS) for chain, last in found.items()
            )
        ):
            raise Invalid({"position": N_("this is no position in the books")})
        return found


async def position(session: AsyncSession) -> Position:
    """How far the chains have come now."""
    rows = await session.execute(sa.select(ChainHead.chain, ChainHead.seq))
    return Position({chain: seq - (chain << SEQ_BITS) for chain, seq in rows})


@dataclass(frozen=True)
class Window:
    """Transfers that happened in a span, of those that were booked up to `upto` and after `after`."""

    from_ms: int = 0
    until_ms: int = EVER_MS
    upto: Position | None = None  # None: all that is booked
    after: Position | None = None

    def holds(self, transfer: Any = Transfer) -> sa.ColumnElement[bool]:
        """The condition for a transfer of this window."""
        some = [transfer.at_ms >= self.from_ms, transfer.at_ms < self.until_ms]
        if self.upto is not None:
            some.append(_within(transfer, self.upto))
        if self.after:
            some.append(sa.not_(_within(transfer, self.after)))
        return sa.and_(*some)


def later_than(until_ms: int, upto: Position | None) -> sa.ColumnElement[bool]:
    """The condition for a transfer that a figure as of `until_ms` and `upto` must leave out."""
    late = Transfer.at_ms >= until_ms
    return late if upto is None else sa.or_(late, sa.not_(_within(Transfer, upto)))


class Placed(NamedTuple):
    """A transfer with its accounts, as a FROM; which store it is of, and the purse it is about."""

    source: sa.FromClause
    debit: type[Account]
    credit: type[Account]
    store: sa.ColumnElement[str]
    purse: sa.ColumnElement[str]


def placed() -> Placed:
    """Transfers beside their accounts. A lease's escrow is its store's; the rest is the centre's."""
    debit, credit = aliased(Account), aliased(Account)
    from_lease, to_lease = aliased(Lease), aliased(Lease)
    source = (
        sa.join(Transfer, debit, debit.id == Transfer.debit)
        .join(credit, credit.id == Transfer.credit)
        .outerjoin(from_lease, sa.and_(debit.kind == accounts.ESCROW, from_lease.id == debit.owner))
        .outerjoin(to_lease, sa.and_(credit.kind == accounts.ESCROW, to_lease.id == credit.owner))
    )
    store = sa.case(
        (credit.kind.in_(_PLACED), credit.owner),
        (debit.kind.in_(_PLACED), debit.owner),
        else_=sa.func.coalesce(to_lease.store, from_lease.store, accounts.CENTRE),
    )
    purse = sa.case(
        (debit.kind.in_((accounts.AVAILABLE, accounts.HELD)), debit.owner),
        (credit.kind.in_((accounts.AVAILABLE, accounts.HELD)), credit.owner),
        else_=sa.func.coalesce(from_lease.purse, to_lease.purse, ""),
    )
    return Placed(source, debit, credit, store, purse)


@dataclass(frozen=True)
class Days:
    """Which local day a moment is in, at each store. `zones`: store → time zone."""

    zones: Mapping[str, str]
    elsewhere: str  # of the centre, and of stores that are gone
    first: int  # 20261101: days outside are left out
    last: int

    def slot(self) -> sa.ColumnElement[int]:
        """A number by which to group transfers: those of one slot and store are of one day."""
        shift_ms, step_ms = self._grid
        return (Transfer.at_ms + shift_ms) // step_ms

    def of(self, store: str, slot: int) -> int | None:
        """The day as 20261122; None when it is outside."""
        shift_ms, step_ms = self._grid
        calendar = calendar_of(self.zones.get(store, self.elsewhere))
        day, _ = calendar.place(slot * step_ms - shift_ms)
        return day if self.first <= day <= self.last else None

    def unbounded(self) -> Days:
        """Every day there is: for what is bounded otherwise."""
        return Days(self.zones, self.elsewhere, 0, 99_999_999)

    @property
    def window_ms(self) -> tuple[int, int]:
        """A span in which all these days are, whatever the time zone."""
        first, last = day_of_number(self.first), day_of_number(self.last)
        utc = calendar_of("UTC")
        return utc.bounds(first)[0] - DAY_MS, utc.bounds(last)[1] + DAY_MS

    @cached_property
    def _grid(self) -> tuple[int, int]:
        """(shift, step): as wide as every store's midnight allows. In China one slot is one day."""
        offsets = frozenset[int]().union(*map(_offsets_ms, {self.elsewhere, *self.zones.values()}))
        if len(offsets) == 1:
            return next(iter(offsets)), DAY_MS
        return 0, QUARTER_MS if any(offset % HOUR_MS for offset in offsets) else HOUR_MS


async def grouped(session: AsyncSession, query: Any) -> list[Any]:
    """The rows of a query of sums. Raises Invalid when there are more than GROUPS_MAX."""
    rows = list((await session.execute(query.limit(GROUPS_MAX + 1))).all())
    if len(rows) > GROUPS_MAX:
        raise Invalid({"first": N_("this is more than one look can take: choose fewer days")})
    return rows


@lru_cache(maxsize=512)
def _offsets_ms(zone: str) -> frozenset[int]:
    """How far the zone's clocks are ahead of UTC, winter and summer, in the years that facts can be of."""
    known = calendar_of(zone).zone
    moments = (datetime(year, month, 1, tzinfo=known) for year in _YEARS for month in (1, 7))
    return frozenset(int((each.utcoffset() or timedelta()).total_seconds()) * 1000 for each in moments)


def _within(transfer: Any, upto: Position) -> sa.ColumnElement[bool]:
    spans = [
        sa.and_(transfer.seq > chain << SEQ_BITS, transfer.seq <= (chain << SEQ_BITS) + last)
        for chain, last in sorted(upto.items())
    ]
    return sa.or_(sa.false(), *spans)
