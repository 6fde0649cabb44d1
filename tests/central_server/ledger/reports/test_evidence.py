"""A statement out of the books, shown again later: true while nobody touches file or books, and only then."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from central_server.errors import NotFound
from central_server.ledger.models.books import Batch, Transfer
from central_server.ledger.reports import statement as statements
from central_server.ledger.reports.evidence import statement_of, verify_statement
from central_server.ledger.reports.statement import Flaw, Statement
from tests.central_server.ledger.reports.books_world import DAY_MS, NOW_MS, Books

MADE_MS = NOW_MS + 5_000


async def shown(
    books: Books, purse: str = "gift-a", first_ms: int = 0, until_ms: int | None = None
) -> Statement:
    async with books.database.reading() as session:
        return await statement_of(session, purse, first_ms=first_ms, until_ms=until_ms, made_ms=MADE_MS)


async def held_against(books: Books, one: Statement) -> list[Flaw]:
    async with books.database.reading() as session:
        return await verify_statement(session, one)


async def without_triggers(books: Books, *statements: str) -> None:
    """As somebody with the database's password would do it."""
    async with books.database.transaction() as session:
        if books.database.is_sqlite:
            for table in ("transfer", "ledger_batch"):
                for what in ("UPDATE", "DELETE"):
                    await session.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_{what}"))
        else:
            for table in ("transfer", "ledger_batch"):
                await session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for each in statements:
            await session.execute(sa.text(each))


@pytest.mark.parametrize("seed", range(3))
async def test_a_statements_balance_is_the_accounts_and_it_verifies(books: Books, seed: int) -> None:
    await books.anything(random.Random(seed), 40)
    for purse, total in books.total.items():
        one = await shown(books, purse)
        assert one.closing == total
        assert await held_against(books, one) == []
        cut = NOW_MS - 200 * DAY_MS
        early, late = await shown(books, purse, until_ms=cut), await shown(books, purse, first_ms=cut)
        assert (early.closing, late.closing) == (late.opening, total)
        assert early.lines + late.lines == tuple(
            line._replace(balance=balance.balance)
            for line, balance in zip(early.lines + late.lines, one.lines, strict=True)
        )
        assert await held_against(books, late) == []


async def test_a_statement_shows_what_changed_the_purse_and_not_where_it_lay(books: Books) -> None:
    await books.load("gift-a", "s1", 1_000, bonus=100)
    lease = await books.grant("gift-a", "s2", 600)
    spend = await books.spend(lease, 250)
    await books.refund(lease, 50, spend)
    await books.close(lease)
    one = await shown(books)
    assert [(line.kind, line.store, line.amount, line.balance) for line in one.lines] == [
        ("top", "s1", 1_000, 1_000),
        ("bonus", "centre", 100, 1_100),
        ("spend", "s2", -250, 850),
        ("refund", "s2", 50, 900),
    ]
    assert one.lines[2].transfer == spend.hex()
    assert {line.batch for line in one.lines} == {name for name, _ in one.batches}


async def test_what_is_booked_late_makes_an_old_statement_no_lie(books: Books) -> None:
    books.at_ms = NOW_MS
    await books.load("gift-a", "s1", 1_000)
    one = await shown(books)
    books.at_ms = NOW_MS - DAY_MS  # a store that was off line
    await books.load("gift-a", "s2", 70)
    assert await held_against(books, one) == []
    assert [line.amount for line in (await shown(books)).lines] == [70, 1_000]


async def test_a_line_left_out_or_changed_shows(books: Books) -> None:
    for _ in range(3):
        await books.load("gift-a", "s1", 1_000)
    one = await shown(books)
    assert not await held_against(books, replace(one, digest=statements.digest(one)))

    async def said(**changes: object) -> set[str]:
        forged = replace(one, **changes)  # type: ignore[arg-type]
        sealed = replace(forged, digest=statements.digest(forged))
        return {flaw.msgid for flaw in await held_against(books, sealed)}

    assert await said(lines=one.lines[:2]) == {"a transfer of the books is missing"}
    assert await said(lines=one.lines[:2], batches=one.batches[:2], heads=()) != set()
    assert await said(opening=500) >= {"the balance before is not that of the books"}
    assert await said(unit="EUR") == {"the programme or the unit is not the purse's"}
    assert await said(batches=(*one.batches, ("7/1", "0" * 64), ("x", "")))
    with pytest.raises(NotFound):
        await said(purse="gift-z")


async def test_books_changed_afterwards_are_told_by_every_statement_given_out_before(books: Books) -> None:
    await books.load("gift-a", "s1", 1_000)
    await books.load("gift-b", "s1", 2_000)  # another purse's
    mine = await shown(books)
    assert await held_against(books, mine) == []
    await without_triggers(books, "UPDATE transfer SET amount = 9 WHERE amount = 2000")
    assert {flaw.msgid for flaw in await held_against(books, mine)} == {
        "a batch of the chain has another hash: file or books were altered"
    }
    async with books.database.reading() as session:  # the amount that was asked for did change
        assert await session.scalar(sa.select(sa.func.min(Transfer.amount))) == 9


async def test_books_whose_hashes_were_made_to_fit_are_told_too(books: Books) -> None:
    """Whoever rewrites a batch and its hash must rewrite all after it, and those stand in statements."""
    await books.load("gift-a", "s1", 1_000)
    mine = await shown(books)
    async with books.database.reading() as session:
        hashes = set(await session.scalars(sa.select(Batch.hash)))
    await without_triggers(books, "UPDATE ledger_batch SET hash = before")  # of the first: 32 zero bytes
    assert await held_against(books, mine)
    assert bytes(32) not in hashes
