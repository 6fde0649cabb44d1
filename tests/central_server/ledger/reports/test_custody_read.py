"""What must lie in custody, read off the books of the last quarter."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from central_server.errors import Invalid
from central_server.ledger.reports.custody import Custody, confirm, confirmations, custody
from central_server.staff.models import Change
from central_server.staff.service import Actor
from tests.central_server.ledger.reports.books_world import DAY_MS, NOW_MS, Books

TODAY = date(2026, 11, 18)
SHANGHAI = "Asia/Shanghai"
LI = Actor("li", 1)


async def stated(books: Books) -> list[Custody]:
    async with books.database.reading() as session:
        return await custody(session, TODAY, zone=SHANGHAI)


async def say(books: Books, amount: int, issuer: str = "scale") -> None:
    async with books.database.transaction() as session:
        await confirm(
            session, TODAY, unit="CNY", issuer=issuer, amount=amount, note="ICBC", by=LI, now_ms=NOW_MS
        )


async def test_only_what_was_paid_and_left_at_the_quarters_end_counts(books: Books) -> None:
    books.at_ms = NOW_MS - 60 * DAY_MS  # September
    await books.load("gift-a", "s1", 100_000, bonus=5_000)
    await books.load("points-a", "s1", 900)
    books.at_ms = NOW_MS - 10 * DAY_MS  # November
    await books.load("gift-b", "s1", 70_000)
    lease = await books.grant("gift-a", "s1", 50_000)
    await books.spend(lease, 50_000)
    [row] = await stated(books)
    assert (row.unit, row.last, row.balance, row.issuer, row.percent) == (
        "CNY", date(2026, 9, 30), 100_000, "group", 30.0,
    )  # fmt: skip
    assert (row.needed, row.held, row.short) == (30_000, 0, 30_000)
    await say(books, 25_000)
    await say(books, 20_000)  # a correction: the newest counts
    [row] = await stated(books)
    assert (row.issuer, row.needed, row.short, row.ratio) == ("scale", 20_000, 0, 0.2)
    async with books.database.reading() as session:
        [newest] = await confirmations(session, "2026Q3")
        assert (newest.amount, newest.by) == (20_000, "li")
        assert await session.scalar(sa.select(sa.func.count()).select_from(Change)) == 2


@pytest.mark.parametrize(("amount", "issuer"), [(-1, "scale"), (5, "bank")])
async def test_a_confirmation_must_make_sense(books: Books, amount: int, issuer: str) -> None:
    with pytest.raises(Invalid):
        await say(books, amount, issuer)
