"""Sales as they are looked at: a list, one receipt, a member's purchases, and the sums of hours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_number
from central_server.errors import NotFound
from central_server.membership import service as membership
from central_server.sales.models import Sale, SaleLine, SalesHour, UnreadableReceipt
from central_server.web.text import N_

DAYS_MAX = 92  # in one list; a longer time is for reports
AT_ONCE = 500
_tenders = msgspec.json.Decoder(list[tuple[str, int]])


@dataclass(frozen=True)
class Wanted:
    """Which sales to list. Days are the stores' own, both ends included; amounts are minor units."""

    first: date
    last: date
    stores: Collection[str] | None = None  # None: every store
    till: str = ""
    receipt: str = ""
    kind: str = ""
    member: str = ""
    least_minor: int | None = None
    most_minor: int | None = None


class Listed(NamedTuple):
    """One row of the list."""

    id: int
    store: str
    till: str
    receipt: str
    at_ms: int
    sure: int
    day: int
    kind: str
    currency: str
    total_minor: int
    member: str
    card: str


class Line(NamedTuple):
    """One line of a receipt."""

    line_no: int
    name: str
    sku: str
    quantity_milli: int
    unit_price_minor: int | None
    amount_minor: int


@dataclass(frozen=True)
class Receipt:
    """A whole sale, and what it is linked with."""

    sale: Sale
    lines: list[Line]
    tenders: list[tuple[str, int]]
    original: Listed | None = None  # what a return takes back
    returned: list[Listed] = field(default_factory=list)  # what was taken back of this

    @property
    def lines_minor(self) -> int:
        """The sum of the lines; differs from the total by a discount on the whole, or a line not read."""
        return sum(line.amount_minor for line in self.lines)


class Hour(NamedTuple):
    """What a store took in one hour, in one currency."""

    store: str
    hour_ms: int
    currency: str
    sales: int
    returns: int
    revenue_minor: int
    items_milli: int
    member_sales: int
    member_revenue_minor: int


_LISTED = [getattr(Sale, name) for name in Listed._fields]


async def listed(
    session: AsyncSession, wanted: Wanted, *, limit: int, after: str = ""
) -> tuple[list[Listed], str | None]:
    """Sales of these days, the newest first, and the cursor for those after them."""
    statement = _chosen(wanted).order_by(Sale.at_ms.desc(), Sale.id.desc()).limit(limit + 1)
    at_ms, _, id_ = after.partition(".")
    if _is_number(at_ms) and _is_number(id_):
        statement = statement.where(sa.tuple_(Sale.at_ms, Sale.id) < sa.tuple_(int(at_ms), int(id_)))
    rows = [Listed(*row) for row in await session.execute(statement)]
    cursor = f"{rows[limit - 1].at_ms}.{rows[limit - 1].id}" if len(rows) > limit else None
    return rows[:limit], cursor


async def every(session: AsyncSession, wanted: Wanted) -> AsyncIterator[Listed]:
    """All of them, for an export, some at a time."""
    cursor: str | None = ""
    while cursor is not None:
        some, cursor = await listed(session, wanted, limit=AT_ONCE, after=cursor)
        for one in some:
            yield one


async def totals(session: AsyncSession, wanted: Wanted) -> list[tuple[str, int, int]]:
    """(currency, receipts, net total) of what `wanted` chooses."""
    chosen = _chosen(wanted).subquery()
    rows = await session.execute(
        sa.select(chosen.c.currency, sa.func.count(), sa.func.sum(chosen.c.total_minor))
        .group_by(chosen.c.currency)
        .order_by(sa.func.count().desc(), chosen.c.currency)
    )
    return [(currency, count, int(total)) for currency, count, total in rows]


async def receipt(session: AsyncSession, *, sale: int, stores: Collection[str] | None = None) -> Receipt:
    """One sale whole. Raises NotFound, also when it is of a store that is not among `stores`."""
    row = await session.get(Sale, sale) if 0 < sale < 2**63 else None
    if row is None or (stores is not None and row.store not in stores):
        raise NotFound(N_("there is no such receipt"))
    columns = [getattr(SaleLine, name) for name in Line._fields]
    lines = await session.execute(
        sa.select(*columns).where(SaleLine.sale_id == sale).order_by(SaleLine.line_no)
    )
    original = await _by_ids(session, [row.refers_id] if row.refers_id else [])
    returned = await session.execute(
        sa.select(*_LISTED)
        .where(Sale.store == row.store, Sale.refers_id == sale)
        .order_by(Sale.id)
        .limit(AT_ONCE)
    )
    return Receipt(
        row,
        [Line(*line) for line in lines],
        _tenders.decode(row.tenders),
        original[0] if original else None,
        [Listed(*each) for each in returned],
    )


async def of_member(
    session: AsyncSession, *, member: str, limit: int = 50, stores: Collection[str] | None = None
) -> list[Listed]:
    """What the member (and whoever was merged into them) bought and brought back, the newest first."""
    family = await membership.family_of(session, member)
    statement = (
        sa.select(*_LISTED)
        .where(Sale.member.in_(family), Sale.member != "")
        .order_by(Sale.at_ms.desc(), Sale.id.desc())
        .limit(limit)
    )
    if stores is not None:
        statement = statement.where(Sale.store.in_(stores))
    return [Listed(*row) for row in await session.execute(statement)]


async def spent_by_member(session: AsyncSession, *, member: str) -> list[tuple[str, int, int, int]]:
    """(currency, sales, returns, net spending) of a member's whole life."""
    family = await membership.family_of(session, member)
    is_sale = sa.case((Sale.kind == "sale", 1), else_=0)
    rows = await session.execute(
        sa.select(Sale.currency, sa.func.sum(is_sale), sa.func.count(), sa.func.sum(Sale.total_minor))
        .where(Sale.member.in_(family), Sale.member != "")
        .group_by(Sale.currency)
        .order_by(Sale.currency)
    )
    return [(row[0], int(row[1]), row[2] - int(row[1]), int(row[3])) for row in rows]


async def hours(session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int) -> list[Hour]:
    """The hours of these stores that begin in the span."""
    columns: Sequence[Any] = [getattr(SalesHour, name) for name in Hour._fields]
    rows = await session.execute(
        sa.select(*columns)
        .where(SalesHour.store.in_(stores), SalesHour.hour_ms >= from_ms, SalesHour.hour_ms < until_ms)
        .order_by(SalesHour.store, SalesHour.hour_ms)
    )
    return [Hour(*row) for row in rows]


async def unreadable(
    session: AsyncSession, *, stores: Collection[str], from_ms: int, until_ms: int
) -> dict[str, int]:
    """How many print jobs of each store could not become sales in the span."""
    table = UnreadableReceipt
    rows = await session.execute(
        sa.select(table.store, sa.func.count())
        .where(table.store.in_(stores), table.hour_ms >= from_ms, table.hour_ms < until_ms)
        .group_by(table.store)
    )
    return {row[0]: row[1] for row in rows}


def _chosen(wanted: Wanted) -> sa.Select[Any]:
    count = min((wanted.last - wanted.first).days, DAYS_MAX - 1)
    days = [day_number(wanted.last - timedelta(days=n)) for n in range(count + 1)]
    # Named one by one, the days make an index of (day, store) good for one store among ten thousand.
    statement = sa.select(*_LISTED).where(Sale.day.in_(days))
    if wanted.stores is not None:
        statement = statement.where(Sale.store.in_(wanted.stores))
    for column, value in ((Sale.till, wanted.till), (Sale.receipt, wanted.receipt), (Sale.kind, wanted.kind)):
        if value:
            statement = statement.where(column == value)
    if wanted.member:
        statement = statement.where(Sale.member == wanted.member)
    if wanted.least_minor is not None:
        statement = statement.where(Sale.total_minor >= wanted.least_minor)
    if wanted.most_minor is not None:
        statement = statement.where(Sale.total_minor <= wanted.most_minor)
    return statement


async def _by_ids(session: AsyncSession, ids: Collection[int]) -> list[Listed]:
    if not ids:
        return []
    return [Listed(*row) for row in await session.execute(sa.select(*_LISTED).where(Sale.id.in_(ids)))]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
