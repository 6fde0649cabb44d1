"""`ledger verify`: right books are right, and whatever one alters in them is found and named."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Base, Database
from central_server.ledger.books import holds
from central_server.ledger.books.accounts import AccountName, account_id, accounts_of, available, escrow
from central_server.ledger.books.chain import Head, batch_hash
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.books.verify import look_through, verify
from central_server.ledger.models.books import Account, Batch, ChainHead, Transfer
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Lot, LotUse, Purse

CASH, SHOP = AccountName("cash", "shop", "CNY"), AccountName("captured", "shop", "CNY")
P1, P2, L1 = available("P1", "CNY"), available("P2", "CNY"), escrow("L1", "CNY")


@pytest.fixture
async def books(database: Database) -> Database:
    """Two purses, a lease, a hold, and six batches; on PostgreSQL in two chains."""

    async def pay(session: AsyncSession, *asked: tuple[str, AccountName, AccountName, int]) -> None:
        ids = await accounts_of(session, [name for _, *names, _ in asked for name in names])
        await post(
            session,
            [
                NewTransfer(posting_id(what), ids[debit], ids[credit], "CNY", amount, "pay", what, 1_000)
                for what, debit, credit, amount in asked
            ],
        )

    async with database.transaction() as session:
        await pay(session, ("in 1", CASH, P1, 500), ("in 2", CASH, P2, 300))
        await pay(session, ("grant", P1, L1, 200))
        for purse, amount, left in (("P1", 500, 450), ("P2", 300, 300)):
            session.add(Purse(id=purse, holder=purse, programme="v", kind="value", unit="CNY", opened_ms=1))
            transfer = posting_id("in " + purse[1:])
            lot = Lot(purse=purse, kind="paid", transfer=transfer, amount=amount, left=left, made_ms=1)
            session.add(lot)
            if left < amount:
                await session.flush()
                use = LotUse(transfer=posting_id("spend"), lot=lot.id, purse=purse, place=0, kind="spend")
                use.amount, use.at_ms = amount - left, 1
                session.add(use)
        lease = Lease(id="L1", store="shop", epoch="e", purse="P1", programme="v", unit="CNY", granted=200)
        lease.funded, lease.escrow, lease.lost, lease.state, lease.why = True, 150, 0, "open", ""
        lease.recalled, lease.last_number, lease.head, lease.ttl_s = False, 1, "", 1
        lease.request, lease.card, lease.member, lease.granted_ms = "", "", "", 1
        session.add(lease)
    async with database.transaction() as session:
        await pay(session, ("spend", L1, SHOP, 50))
        if not database.is_sqlite:
            async with database.transaction() as beside:  # finds the first chain taken
                await pay(beside, ("out", P2, AccountName("available", "P3", "CNY"), 1))
                await pay(beside, ("back", AccountName("available", "P3", "CNY"), P2, 1))
    async with database.transaction() as session:
        await holds.hold(
            session, b"h" * 16, purse="P2", unit="CNY", amount=70, about="web", at_ms=1, expires_ms=9_000
        )
    return database


@pytest.fixture
async def forger(books: Database) -> Database:
    """The books for somebody with the database's own password, who may switch the triggers off."""
    async with books.transaction() as session:
        for table in ("transfer", "ledger_batch"):
            if books.is_sqlite:
                for what in ("UPDATE", "DELETE"):
                    await session.execute(sa.text(f"DROP TRIGGER {table}_no_{what}"))
            else:
                await session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    return books


async def sentence(books: Database, *forgery: sa.Executable | str, kept: tuple[Head, ...] = ()) -> str:
    """What verify says after the forgery, which is then taken back."""
    async with books.engine.connect() as connection, AsyncSession(connection) as session:
        for each in forgery:
            await session.execute(sa.text(each) if isinstance(each, str) else each)
        found = await look_through(session, kept)
        await session.rollback()
    return str(found.wrong or "")


async def rows(books: Database, table: sa.Table) -> list[Any]:
    async with books.reading() as session:
        return list((await session.execute(sa.select(table))).all())


def _altered(value: object) -> list[object]:
    """The value with one thing about it otherwise."""
    match value:
        case int():
            return [value + 1, value - 1]
        case str():
            return [value + "x", value[:-1] + chr(ord(value[-1]) ^ 1)] if value else ["x"]
        case bytes():
            return [value[:-1] + bytes([value[-1] ^ 1]), bytes([value[0] ^ 128]) + value[1:], value[:-1]]
        case _:
            return []


async def test_right_books_are_right(books: Database) -> None:
    found = await verify(books)
    assert found.wrong is None
    extra = 0 if books.is_sqlite else 2
    assert (found.batches, found.transfers, found.purses) == (4 + extra, 5 + extra, 2)
    assert [head.number for head in found.heads] == ([4] if books.is_sqlite else [4, 2])


async def test_empty_books_are_right(database: Database) -> None:
    found = await verify(database)
    assert (found.wrong, found.heads, found.accounts) == (None, [], 0)


@pytest.mark.parametrize("model", [Account, Transfer, Batch, ChainHead])
async def test_whatever_is_altered_in_a_row_is_found(forger: Database, model: type[Base]) -> None:
    table: Any = model.__table__
    key = list(table.primary_key.columns)
    for row in await rows(forger, table):
        this = sa.and_(*(column == row._mapping[column.name] for column in key))
        for column in table.columns:
            for other in _altered(row._mapping[column.name]):
                forgery = sa.update(table).where(this).values({column.name: other})
                try:
                    said = await sentence(forger, forgery)
                except DBAPIError:
                    continue  # the key is taken: the database refuses by itself
                assert said, (column, row, other)


@pytest.mark.parametrize("model", [Account, Transfer, Batch, ChainHead])
async def test_a_row_that_was_deleted_is_missed(forger: Database, model: type[Base]) -> None:
    table: Any = model.__table__
    key = list(table.primary_key.columns)
    empty = account_id(available("P3", "CNY"))
    for row in await rows(forger, table):
        this = sa.and_(*(column == row._mapping[column.name] for column in key))
        if model is ChainHead and row.number == 0:
            continue  # a chain that nobody has used yet
        assert await sentence(forger, sa.delete(table).where(this)), row
        assert model is not Account or row.id != empty or not forger.is_sqlite


async def test_two_rows_that_were_swapped_are_found(forger: Database) -> None:
    transfer: Any = Transfer.__table__
    for first, second in (("in 1", "in 2"), ("grant", "spend"), ("in 1", "hold")):
        ids = [posting_id(first), posting_id(second) if second != "hold" else posting_id("hold", "68" * 16)]
        seqs = {row.id: row.seq for row in await rows(forger, transfer)}
        a, b = (seqs[each] for each in ids)
        swap = [
            sa.update(transfer).where(transfer.c.seq == was).values(seq=becomes)
            for was, becomes in ((a, -1), (b, a), (-1, b))
        ]
        assert "is not what was posted" in await sentence(forger, *swap)


async def test_a_row_that_was_put_in_is_found(forger: Database) -> None:
    transfer: Any = Transfer.__table__
    last = max(row.seq for row in await rows(forger, transfer))
    row = {"id": b"x" * 16, "debit": account_id(CASH), "credit": account_id(P1), "unit": "CNY", "amount": 1}
    row |= {"kind": "top", "about": "", "at_ms": 1, "debit_before": 0, "credit_before": 0}
    for seq, where in ((last + 1, "chain"), (7 << 48 | 1, "chain 7"), (-5, "chain -1")):
        said = await sentence(forger, sa.insert(transfer).values(seq=seq, **row))
        assert "is in no batch" in said
        assert where in said
    batch = {"chain": 0, "number": 99, "first_seq": last + 1, "count": 1}
    batch |= {"before": bytes(32), "hash": bytes(32)}
    assert "is missing" in await sentence(forger, sa.insert(Batch).values(batch))
    batch["chain"], batch["number"] = 9, 1
    assert "batch 1 of chain 9" in await sentence(forger, sa.insert(Batch).values(batch))
    account = {
        "id": 5,
        "kind": "available",
        "owner": "P1",
        "unit": "CNY",
        "balance": 0,
        "guarded": 1,
        "last_seq": 0,
    }
    assert "not the account of that number" in await sentence(forger, sa.insert(Account).values(account))


def on(name: AccountName, **values: Any) -> sa.Update:
    return sa.update(Account).where(Account.id == account_id(name)).values(**values)


async def test_the_sentence_names_what_is_wrong(forger: Database) -> None:
    p1 = f"account {account_id(P1)} (available P1 CNY)"
    cases: list[tuple[sa.Executable | str, str]] = [
        (on(P1, balance=Account.balance + 5), f"{p1} has 305, and its transfers make 300"),
        (on(P1, owner="P9"), "(available P9 CNY) is not the account of that number"),
        (on(P1, guarded=0), f"{p1} is guarded, or not, against its kind"),
        (on(P1, balance=-1), f"{p1} has -1, below zero"),
        (
            "UPDATE transfer SET amount = 5000 WHERE seq = 2",
            "batch 1 of chain 0 (transfers 1 to 2) is not what was posted",
        ),
        (
            "UPDATE transfer SET amount = -300 WHERE seq = 2",
            "transfer 2 of chain 0 is not what was posted, in batch 1",
        ),
        ("DELETE FROM transfer WHERE seq = 3", "transfer 3 of chain 0 is missing, in batch 2"),
        ("DELETE FROM ledger_batch WHERE chain = 0 AND number = 2", "batch 2 of chain 0 is missing"),
        ("UPDATE lot SET \"left\" = 449 WHERE purse = 'P1'", "of purse P1: 449 left and 50 taken of 500"),
        ("DELETE FROM lot_use", "of purse P1: 450 left and 0 taken of 500"),
        ("UPDATE lease SET escrow = 149", "lease L1 says it holds 149, and its account has 150"),
        ("UPDATE hold SET amount = 69", "purse P2 has 70 held, and its holds make 69"),
        ("DELETE FROM hold", "purse P2 has 70 held, and its holds make 0"),
        (
            "DELETE FROM lot WHERE purse = 'P2'",
            "purse P2: its lots have 0 left, and its accounts and leases hold 300",
        ),
        (
            "DELETE FROM purse WHERE id = 'P2'",
            "account available P2 CNY has something in it, and there is no such purse or lease",
        ),
    ]
    for forgery, expected in cases:
        assert expected in await sentence(forger, forgery), forgery


async def test_money_moved_from_one_account_to_another_by_hand_is_found(forger: Database) -> None:
    forgery = [on(P2, balance=Account.balance - 5), on(P1, balance=Account.balance + 5)]
    assert "its transfers make" in await sentence(forger, *forgery)


async def test_a_forger_who_makes_the_whole_chain_anew_is_caught_by_an_end_kept_elsewhere(
    forger: Database,
) -> None:
    if not forger.is_sqlite:
        pytest.skip("the same with several chains")
    kept = (await verify(forger)).heads[0]
    all_rows = [tuple(row) for row in await rows(forger, Transfer.__table__)]
    raised = {1: 900}  # P1 has 400 more than was paid in
    new = [(*row[:5], raised.get(row[0], row[5]), *row[6:]) for row in all_rows]
    forgery: list[Any] = [
        "UPDATE transfer SET amount = 900 WHERE seq = 1",
        on(P1, balance=Account.balance + 400),
        on(CASH, balance=Account.balance - 400),
        'UPDATE lot SET amount = amount + 400, "left" = "left" + 400 WHERE purse = \'P1\'',
    ]
    before = bytes(32)
    for batch in sorted(await rows(forger, Batch.__table__), key=lambda each: each.number):
        some = [row for row in new if batch.first_seq <= row[0] < batch.first_seq + batch.count]
        this = batch_hash(before, 0, batch.number, some)
        where = Batch.number == batch.number
        forgery.append(sa.update(Batch).where(where).values(before=before, hash=this))
        before = this
    forgery.append(sa.update(ChainHead).values(hash=before))
    assert await sentence(forger, *forgery) == ""
    said = await sentence(forger, *forgery, kept=(kept,))
    assert said == f"batch {kept.number} of chain 0 is another than the one that was kept"
    assert await sentence(forger, kept=(kept,)) == ""
    later = kept._replace(number=kept.number + 1)
    assert "a later one was kept" in await sentence(forger, kept=(later,))


async def test_one_bit_of_the_file_that_is_no_longer_what_it_was_is_found_or_changes_nothing(
    books: Database,
) -> None:
    """Bits in pages of the books: verify finds each, or every row of the books is still the same."""
    if not books.is_sqlite:
        pytest.skip("its pages have checksums")
    path = str(books.url.database)
    before = [await rows(books, model.__table__) for model in (Account, Transfer, Batch)]  # type: ignore[arg-type]
    async with books.reading() as session:
        roots = sa.text(
            "SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ('account', 'transfer', 'ledger_batch')"
        )
        pages = list((await session.execute(roots)).scalars())
        page_bytes = (await session.execute(sa.text("PRAGMA page_size"))).scalar_one()
    await books.close()
    with open(path, "rb") as file:  # noqa: ASYNC230, PTH123
        whole = file.read()
    used = [
        at
        for page in pages
        for at in range((page - 1) * page_bytes, page * page_bytes)
        if page and whole[at]  # the rest of a page is empty
    ]
    chance, found = random.Random(3), 0
    for _ in range(120):
        at, bit = chance.choice(used), 1 << chance.randrange(8)
        with open(path, "wb") as file:  # noqa: ASYNC230, PTH123
            file.write(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        again = Database(books.url)
        try:
            if (await verify(again)).wrong is None:
                assert before == [await rows(again, m.__table__) for m in (Account, Transfer, Batch)]  # type: ignore[arg-type]
            else:
                found += 1
        except DBAPIError:
            found += 1
        finally:
            await again.close()
    assert found > 20


async def test_others_post_while_the_books_are_checked(books: Database) -> None:
    async with books.transaction() as session:
        ids = await accounts_of(session, [CASH, SHOP])

    async def busy() -> None:
        for n in range(30):
            asked = NewTransfer(posting_id("n", str(n)), ids[CASH], ids[SHOP], "CNY", 1, "pay", "", 1)
            await books.run(lambda session, asked=asked: post(session, [asked]))  # type: ignore[misc]

    posting = asyncio.ensure_future(busy())
    while not posting.done():
        assert (await verify(books)).wrong is None
    await posting
