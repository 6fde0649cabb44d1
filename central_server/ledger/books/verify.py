"""Whether the books are right: everything is worked out again, and the first thing that is wrong is named.

    file       SQLite's pages and indexes are whole
    accounts   each number is made of its name, guarded ones are not below 0
    chains     batch follows batch, every transfer is in one of them, every hash fits      (`verify_chain`)
    balances   each is the sum of its transfers; all of a unit together are 0
    holds      what is held of a purse is what its open holds say
    purses     a purse's lots are what its accounts and leases hold, a lot is what was not taken of it;
               a lease says what its escrow has                                            (`verify_purses`)

All of it sees one moment of the database, while others go on posting, and holds a few thousand rows at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database, will_pass
from central_server.errors import Invalid
from central_server.ledger.books.accounts import GUARDED, HELD, KINDS, number_of
from central_server.ledger.books.chain import SEQ_BITS, Head
from central_server.ledger.books.findings import Found, Wrong
from central_server.ledger.books.verify_chain import check_chains
from central_server.ledger.books.verify_purses import check_purses
from central_server.ledger.models.books import OPEN, Account, Hold, Transfer
from central_server.web.text import N_

AT_ONCE = 5_000
OURS = ("account", "transfer", "ledger_batch", "ledger_chain", "hold", "purse", "lot", "lot_use", "lease")
_ACCOUNTS: Any = Account.__table__
_TRANSFERS: Any = Transfer.__table__
_HOLDS: Any = Hold.__table__


async def verify(database: Database, kept: Sequence[Head] = ()) -> Found:
    """Check the books as they are now. `kept` are ends of chains written down earlier, elsewhere."""
    async with database.reading() as session:
        if not database.is_sqlite:  # SQLite sees one moment anyhow
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return await look_through(session, kept)


async def look_through(session: AsyncSession, kept: Sequence[Head] = ()) -> Found:
    """`verify` as the session sees the books."""
    found = Found()
    try:
        for check in checks(kept):
            found.wrong = await check(session, found)
            if found.wrong is not None:
                break
    except DBAPIError as error:
        if will_pass(error):
            raise
        found.wrong = Wrong(N_("the database cannot be read: {why}"), {"why": str(error.orig)})
    return found


def written_head(head: Head) -> str:
    """The end of a chain as one word, to be kept: ``0:67:9f86d0…``."""
    return f"{head.chain}:{head.number}:{head.hash.hex()}"


def read_head(text: str) -> Head:
    """`written_head` read back, but for the transfers' number. Raises Invalid."""
    try:
        chain, number, hash_ = text.split(":")
        return Head(int(chain), int(number), 0, bytes.fromhex(hash_))
    except ValueError:
        raise Invalid({"kept": N_("must be a line of this command: chain, batch and hash")}) from None


Check = Callable[[AsyncSession, Found], Awaitable[Wrong | None]]


def checks(kept: Sequence[Head]) -> list[Check]:
    """In the order in which they are done: each may rely on those before it."""

    async def chains(session: AsyncSession, found: Found) -> Wrong | None:
        return await check_chains(session, found, kept)

    return [check_file, check_accounts, chains, check_balances, check_units, check_holds, check_purses]


async def check_file(session: AsyncSession, found: Found) -> Wrong | None:
    """SQLite's pages and indexes fit together; PostgreSQL has checksums for that."""
    connection = await session.connection()
    if connection.dialect.name != "sqlite":
        return None
    for table in OURS:
        asked = await connection.exec_driver_sql(f"PRAGMA integrity_check('{table}')")
        why = asked.scalars().first()
        if why != "ok":
            return Wrong(N_("the file is damaged at table {table}: {why}"), {"table": table, "why": why})
    return None


async def check_accounts(session: AsyncSession, found: Found) -> Wrong | None:
    """Each account's number is made of its name, and it is guarded if its kind is."""
    after = None
    while True:
        query = sa.select(_ACCOUNTS).order_by(_ACCOUNTS.c.id).limit(AT_ONCE)
        if after is not None:
            query = query.where(_ACCOUNTS.c.id > after)
        rows = (await session.execute(query)).all()
        for row in rows:
            if row.kind not in KINDS or row.id != number_of(row.kind, row.owner, row.unit):
                return Wrong(N_("account {account} ({name}) is not the account of that number"), _named(row))
            if row.guarded != (row.kind in GUARDED):
                return Wrong(
                    N_("account {account} ({name}) is guarded, or not, against its kind"), _named(row)
                )
            if row.guarded and row.balance < 0:
                return Wrong(
                    N_("account {account} ({name}) has {balance}, below zero"),
                    _named(row) | {"balance": row.balance},
                )
        found.accounts += len(rows)
        if len(rows) < AT_ONCE:
            return None
        after = rows[-1].id


async def check_balances(session: AsyncSession, found: Found) -> Wrong | None:
    """Each balance is the sum of its account's transfers, in its unit; no transfer lacks an account."""
    query = sa.select(_ACCOUNTS).order_by(_ACCOUNTS.c.id)
    accounts = await session.stream(query, execution_options={"yield_per": AT_ONCE})
    async with aclosing(_sums(session)) as sums:
        at = await anext(sums, None)
        async for row in accounts:
            if at is not None and at.account < row.id:
                return await _of_no_account(session, at.account)
            total = last = 0
            while at is not None and at.account == row.id:
                if at.unit != row.unit:
                    return Wrong(
                        N_("account {account} ({name}) has transfers in {unit}"),
                        _named(row) | {"unit": at.unit},
                    )
                total, last = total + int(at.amount), last + int(at.steps)
                at = await anext(sums, None)
            if total != row.balance:
                return Wrong(
                    N_("account {account} ({name}) has {balance}, and its transfers make {total}"),
                    _named(row) | {"balance": row.balance, "total": total},
                )
            if last != row.last_seq:
                return Wrong(N_("account {account} ({name}) has another transfer as its last"), _named(row))
    return None if at is None else await _of_no_account(session, at.account)


async def check_units(session: AsyncSession, found: Found) -> Wrong | None:
    """The trial balance: what one account lost another has."""
    query = sa.select(_ACCOUNTS.c.unit, sa.func.sum(_ACCOUNTS.c.balance)).group_by(_ACCOUNTS.c.unit)
    for unit, total in (await session.execute(query.order_by(_ACCOUNTS.c.unit))).all():
        if total:
            return Wrong(
                N_("all balances in {unit} make {total}, not 0"), {"unit": unit, "total": int(total)}
            )
    return None


async def check_holds(session: AsyncSession, found: Found) -> Wrong | None:
    """What is held of a purse is the sum of its open holds."""
    held = (
        sa.select(_HOLDS.c.purse, _HOLDS.c.unit, sa.func.sum(_HOLDS.c.amount).label("amount"))
        .where(_HOLDS.c.state == OPEN)
        .group_by(_HOLDS.c.purse, _HOLDS.c.unit)
        .subquery()
    )
    same = sa.and_(
        _ACCOUNTS.c.kind == HELD, _ACCOUNTS.c.owner == held.c.purse, _ACCOUNTS.c.unit == held.c.unit
    )
    balance, amount = sa.func.coalesce(_ACCOUNTS.c.balance, 0), sa.func.coalesce(held.c.amount, 0)
    both = (
        sa.select(held.c.purse, balance, amount)
        .select_from(held.outerjoin(_ACCOUNTS, same))
        .where(balance != amount),
        sa.select(_ACCOUNTS.c.owner, balance, amount)
        .select_from(_ACCOUNTS.outerjoin(held, same))
        .where(_ACCOUNTS.c.kind == HELD, balance != amount),
    )
    for query in both:
        row = (await session.execute(query.order_by(query.selected_columns[0]).limit(1))).first()
        if row is not None:
            return Wrong(
                N_("purse {purse} has {balance} held, and its holds make {amount}"),
                {"purse": row[0], "balance": int(row[1]), "amount": int(row[2])},
            )
    return None


async def _sums(session: AsyncSession) -> AsyncGenerator[Any, None]:
    """By account and unit, in their order: what its transfers make, and the steps from each to the next.

    All steps together lead to the last. The database sorts, on its disk.
    """
    table = _TRANSFERS.c

    def side(account: Any, amount: Any, before: Any) -> sa.Select[Any]:
        step = (table.seq - before).label("step")
        return sa.select(account.label("account"), table.unit, amount.label("amount"), step)

    sides = sa.union_all(
        side(table.debit, -table.amount, table.debit_before),
        side(table.credit, table.amount, table.credit_before),
    ).subquery()
    at = sides.c.account, sides.c.unit
    amount, steps = sa.func.sum(sides.c.amount).label("amount"), sa.func.sum(sides.c.step).label("steps")
    query = sa.select(*at, amount, steps).group_by(*at).order_by(*at)
    async for row in await session.stream(query, execution_options={"yield_per": AT_ONCE}):
        yield row


async def _of_no_account(session: AsyncSession, account: int) -> Wrong:
    query = sa.select(sa.func.min(_TRANSFERS.c.seq)).where(
        sa.or_(_TRANSFERS.c.debit == account, _TRANSFERS.c.credit == account)
    )
    seq = (await session.execute(query)).scalar_one()
    return Wrong(
        N_("there is no account {account}, of which transfer {number} of chain {chain} is"),
        {"account": account, "number": seq & (1 << SEQ_BITS) - 1, "chain": seq >> SEQ_BITS},
    )


def _named(row: Any) -> dict[str, object]:
    return {"account": row.id, "name": f"{row.kind} {row.owner} {row.unit}"}
