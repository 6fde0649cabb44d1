"""Accounts that are not read again stand as the books have them, whoever else posts and takes back."""

from __future__ import annotations

import random

import pytest

from central_server.db import Database
from central_server.ledger.books.accounts import AccountName, accounts_of
from central_server.ledger.books.findings import Found
from central_server.ledger.books.posting import NewTransfer, Outcome, post, posting_id
from central_server.ledger.books.remembered import ACCOUNTS_MAX, Remembered
from central_server.ledger.books.verify import check_balances
from central_server.ledger.books.verify_chain import check_chains

NAMES = [AccountName("cash", "centre", "CNY"), *(AccountName("available", f"P{n}", "CNY") for n in range(6))]


class TakenBack(Exception):
    """A transaction that ends otherwise than it began."""


@pytest.fixture
async def ids(database: Database) -> list[int]:
    async with database.transaction() as session:
        return list((await accounts_of(session, NAMES)).values())


def some(chance: random.Random, ids: list[int], number: int) -> list[NewTransfer]:
    made = []
    for _ in range(number):
        debit, credit = chance.sample(ids, 2)
        made.append(
            NewTransfer(chance.randbytes(16), debit, credit, "CNY", chance.randint(1, 50), "t", "", 1)
        )
    return made


@pytest.mark.parametrize("seed", range(5))
async def test_two_programs_post_by_turns_and_take_back_and_the_books_stay_right(
    database: Database, ids: list[int], seed: int
) -> None:
    chance = random.Random(seed)
    other = Database(database.url)
    try:
        for _ in range(60):
            transfers = some(chance, ids, chance.randint(1, 4))
            taken_back = chance.random() < 0.3
            try:
                async with chance.choice([database, other]).transaction() as session:
                    await post(session, transfers, strict=False)
                    await post(session, some(chance, ids, 1), strict=False)
                    if taken_back:
                        raise TakenBack
            except TakenBack:
                pass
    finally:
        await other.close()
    async with database.reading() as session:
        assert await check_balances(session, Found()) is None
        assert await check_chains(session, Found()) is None


async def test_an_account_that_was_taken_back_with_its_transfer_is_not_remembered(
    database: Database, ids: list[int]
) -> None:
    new = AccountName("available", "PNEW", "CNY")

    async def top_and_take_back() -> None:
        async with database.transaction() as session:
            number = (await accounts_of(session, [new]))[new]
            await post(session, [NewTransfer(posting_id("a"), ids[0], number, "CNY", 5, "t", "", 1)])
            raise TakenBack

    with pytest.raises(TakenBack):
        await top_and_take_back()
    async with database.transaction() as session:
        number = (await accounts_of(session, [new]))[new]
        spend = NewTransfer(posting_id("b"), number, ids[0], "CNY", 5, "t", "", 1)
        assert await post(session, [spend], strict=False) == [Outcome.SHORT]


def test_what_is_remembered_is_good_for_one_end_only_and_has_a_limit() -> None:
    remembered = Remembered()
    there = remembered.at(b"one")
    assert there == {}
    remembered.moved(there, [(7, "CNY", 5, 1, 3)], b"two")
    assert remembered.at(b"two") == {7: (7, "CNY", 5, 1, 3)}
    assert remembered.at(b"one") == {}
    remembered.moved(remembered.at(b"two"), [(n, "CNY", 5, 1, 3) for n in range(ACCOUNTS_MAX + 1)], b"three")
    assert remembered.at(b"three") == {}
