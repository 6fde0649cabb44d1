"""Sets of transfers into the books, on both databases."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import chain

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database, will_pass
from central_server.errors import Conflict, Invalid
from central_server.ledger.books.accounts import AccountName, account_id, accounts_of, balances, history
from central_server.ledger.books.findings import Found
from central_server.ledger.books.posting import (
    NewTransfer,
    OtherBody,
    Outcome,
    PostedMeanwhile,
    Short,
    post,
    posting_id,
)
from central_server.ledger.books.verify import check_balances
from central_server.ledger.books.verify_chain import check_chains
from central_server.ledger.models.books import Account, Batch, ChainHead, Transfer
from sync.contract.money import MINOR_MAX

CASH, ANN, BEN = (
    AccountName("cash", "centre", "CNY"),
    AccountName("available", "PANN", "CNY"),
    AccountName("available", "PBEN", "CNY"),
)
POSTED, KNOWN, SHORT, CONFLICT = Outcome


class Till:
    """Writes transfers between accounts by name."""

    def __init__(self, ids: dict[AccountName, int]) -> None:
        self.ids = ids

    def __call__(
        self, what: str, debit: AccountName, credit: AccountName, amount: int, at_ms: int = 1
    ) -> NewTransfer:
        ids = self.ids
        return NewTransfer(posting_id(what), ids[debit], ids[credit], "CNY", amount, "test", what, at_ms)


@pytest.fixture
async def till(database: Database) -> Till:
    async with database.transaction() as session:
        return Till(await accounts_of(session, [CASH, ANN, BEN]))


async def posted(database: Database, transfers: Sequence[NewTransfer], strict: bool = False) -> list[Outcome]:
    return await database.run(lambda session: post(session, transfers, strict=strict))


async def sums(database: Database, *names: AccountName) -> list[int]:
    async with database.reading() as session:
        return list((await balances(session, names)).values())


async def test_what_one_account_loses_the_other_gets(database: Database, till: Till) -> None:
    assert await posted(database, [till("in", CASH, ANN, 500), till("on", ANN, BEN, 120)]) == [POSTED, POSTED]
    assert await sums(database, CASH, ANN, BEN) == [-500, 380, 120]


async def test_an_account_that_was_never_made_has_nothing_in_it(database: Database) -> None:
    assert await sums(database, AccountName("escrow", "L1", "PTS")) == [0]


async def test_an_account_is_the_same_whoever_makes_it(database: Database, till: Till) -> None:
    async with database.transaction() as session:
        again = await accounts_of(session, [ANN, AccountName("held", "PANN", "CNY")])
    assert again[ANN] == till.ids[ANN]


@pytest.mark.parametrize(
    "name",
    [
        AccountName("pocket", "PANN", "CNY"),
        AccountName("available", "", "CNY"),
        AccountName("available", "P" * 101, "CNY"),
        AccountName("available", "PANN", "money"),
    ],
)
async def test_an_account_of_no_kind_owner_or_unit_cannot_be_made(
    database: Database, name: AccountName
) -> None:
    with pytest.raises(Invalid):
        async with database.transaction() as session:
            await accounts_of(session, [name])


async def test_a_guarded_account_never_falls_below_zero(database: Database, till: Till) -> None:
    asked = [
        till("in", CASH, ANN, 100),
        till("1", ANN, BEN, 60),
        till("2", ANN, BEN, 60),
        till("3", ANN, BEN, 40),
    ]
    assert await posted(database, asked) == [POSTED, POSTED, SHORT, POSTED]
    assert await sums(database, ANN, BEN) == [0, 100]


async def test_whoever_asks_twice_has_the_first_answer_even_when_nothing_is_left(
    database: Database, till: Till
) -> None:
    asked = [till("in", CASH, ANN, 100), till("1", ANN, BEN, 100)]
    assert await posted(database, asked) == [POSTED, POSTED]
    later = [each._replace(at_ms=99) for each in asked]
    assert await posted(database, later + later) == [KNOWN] * 4
    assert await sums(database, ANN, BEN) == [0, 100]


async def test_the_same_id_with_another_body_is_a_conflict(database: Database, till: Till) -> None:
    first = till("in", CASH, ANN, 100)
    assert await posted(database, [first, first._replace(amount=99)]) == [POSTED, CONFLICT]
    for other in (
        first._replace(amount=101),
        first._replace(credit=till.ids[BEN]),
        first._replace(kind="else"),
        first._replace(about="else"),
    ):
        assert await posted(database, [other]) == [CONFLICT]
        with pytest.raises(OtherBody) as caught:
            await posted(database, [other], strict=True)
        assert isinstance(caught.value, Conflict)
    assert await sums(database, ANN) == [100]


async def test_a_strict_set_is_posted_whole_or_not_at_all(database: Database, till: Till) -> None:
    asked = [till("in", CASH, ANN, 100), till("1", ANN, BEN, 101)]
    with pytest.raises(Short) as short:
        await posted(database, asked, strict=True)
    assert (short.value.transfer, short.value.left) == (asked[1], 100)
    assert await sums(database, CASH, ANN, BEN) == [0, 0, 0]


async def test_after_a_refusal_the_session_may_go_on(database: Database, till: Till) -> None:
    async with database.transaction() as session:
        with pytest.raises(Short):
            await post(session, [till("1", ANN, BEN, 1)])
        assert await post(session, [till("2", CASH, BEN, 1)]) == [POSTED]
    assert await sums(database, BEN) == [1]


async def test_what_can_never_be_posted_is_refused_whole(database: Database, till: Till) -> None:
    right = till("in", CASH, ANN, 100)
    for wrong in (
        {"amount": 0},
        {"amount": -1},
        {"amount": MINOR_MAX + 1},
        {"unit": "EUR"},
        {"credit": right.debit},
        {"credit": 12345},
        {"debit": 12345},
        {"id": b"short"},
        {"kind": ""},
        {"kind": "k" * 33},
        {"about": "a" * 201},
        {"about": "\0"},
    ):
        with pytest.raises(Invalid):
            await posted(database, [right, till("x", CASH, ANN, 1)._replace(**wrong)])
    assert await sums(database, ANN) == [0]
    assert await posted(database, [right._replace(amount=MINOR_MAX, about="线下充值 " * 30)]) == [POSTED]


async def test_no_balance_leaves_64_bits(database: Database, till: Till) -> None:
    most = [till(str(n), CASH, ANN, MINOR_MAX) for n in range(512)]
    assert set(await posted(database, most)) == {POSTED}
    assert await sums(database, CASH, ANN) == [-(2**62), 2**62]
    with pytest.raises(Invalid):
        await posted(database, [till("more", CASH, ANN, 1)])


async def test_an_accounts_transfers_are_found_from_its_last_backwards(
    database: Database, till: Till
) -> None:
    await posted(database, [till("1", CASH, ANN, 9), till("2", CASH, BEN, 9), till("3", ANN, BEN, 1)])
    await posted(database, [till("4", CASH, ANN, 9), till("4", CASH, ANN, 9)])
    for names, expected in (
        ([ANN], {"1", "3", "4"}),
        ([BEN], {"2", "3"}),
        ([ANN, BEN], {"1", "2", "3", "4"}),
        ([AccountName("held", "PANN", "CNY")], set()),
    ):
        found = history(sa.select(Account.id).where(Account.id.in_([account_id(each) for each in names])))
        async with database.reading() as session:
            asked = sa.select(Transfer.about).where(Transfer.seq.in_(sa.select(found.c.seq)))
            assert set((await session.execute(asked)).scalars()) == expected


async def test_a_long_set_becomes_several_batches(database: Database, till: Till) -> None:
    asked = [till(str(n), CASH, ANN, 1) for n in range(4_100)]
    assert await posted(database, asked + asked[:10]) == [POSTED] * 4_100 + [KNOWN] * 10
    assert await sums(database, ANN) == [4_100]
    async with database.reading() as session:
        counts = (await session.execute(sa.select(Batch.count).order_by(Batch.number))).scalars().all()
    assert counts == [2_000, 2_000, 100]


async def test_nothing_to_post_is_no_batch(database: Database, till: Till) -> None:
    assert await posted(database, []) == []
    assert await posted(database, [till("1", ANN, BEN, 1)]) == [SHORT]
    async with database.reading() as session:
        assert (await session.execute(sa.select(sa.func.count()).select_from(Batch))).scalar_one() == 0


async def test_a_crash_before_the_commit_leaves_nothing(database: Database, till: Till) -> None:
    async def half(session: AsyncSession) -> None:
        await post(session, [till("in", CASH, ANN, 100)])
        raise KeyError

    with pytest.raises(KeyError):
        await database.run(half)
    assert await sums(database, ANN) == [0]
    assert await posted(database, [till("in", CASH, ANN, 100)]) == [POSTED]


@pytest.mark.parametrize("table", ["transfer", "ledger_batch"])
@pytest.mark.parametrize("change", ["UPDATE {} SET first_or_amount = 7", "DELETE FROM {}"])
async def test_nobody_changes_what_is_in_the_books(
    database: Database, till: Till, table: str, change: str
) -> None:
    await posted(database, [till("in", CASH, ANN, 100)])
    column = "amount" if table == "transfer" else '"count"'
    statement = change.format(table).replace("first_or_amount", column)
    with pytest.raises(DBAPIError, match="only ever added to"):
        async with database.transaction() as session:
            await session.execute(sa.text(statement))


async def test_however_many_pay_at_once_no_account_falls_below_zero(database: Database, till: Till) -> None:
    """Eight writers with sets in every direction; many ids twice; what they were told adds up."""
    chance = random.Random(5)
    owners = [AccountName("available", f"P{n}", "CNY") for n in range(6)]
    async with database.transaction() as session:
        ids = await accounts_of(session, [*owners, CASH])
        await post(
            session,
            [
                NewTransfer(posting_id("in", each.owner), ids[CASH], ids[each], "CNY", 300, "top", "", 1)
                for each in owners
            ],
        )
    expected = dict.fromkeys(owners, 300)
    told: dict[bytes, tuple[AccountName, AccountName, int]] = {}

    async def writer(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            asked, names = [], []
            for _ in range(chance.randint(1, 8)):
                number = chance.randrange(400)
                whose = random.Random(number)
                payer, payee = whose.sample(owners, 2)
                amount = whose.randint(1, 200)
                names.append((payer, payee, amount))
                asked.append(NewTransfer(posting_id("pay", str(number)), ids[payer], ids[payee],
                                         "CNY", amount, "pay", "", seed))  # fmt: skip
            for each, name, outcome in zip(asked, names, await posted(database, asked), strict=True):
                assert outcome is not CONFLICT
                if outcome is POSTED:
                    assert told.setdefault(each.id, name) is name, "posted twice"

    await asyncio.gather(*(writer(chance.randrange(10**6)) for _ in range(8)))
    for payer, payee, amount in told.values():
        expected[payer] -= amount
        expected[payee] += amount
    assert dict(zip(owners, await sums(database, *owners), strict=True)) == expected
    assert min(expected.values()) >= 0
    async with database.reading() as session:
        lowest = sa.select(sa.func.min(Account.balance)).where(Account.guarded == 1)
        assert (await session.execute(lowest)).scalar_one() >= 0
        assert (await session.execute(sa.select(sa.func.sum(Account.balance)))).scalar_one() == 0
        seqs = (await session.execute(sa.select(Transfer.seq).order_by(Transfer.seq))).scalars().all()
        assert len(seqs) == len(told) + len(owners)


async def test_of_two_who_post_one_id_at_once_one_is_first(database: Database, till: Till) -> None:
    answers = await asyncio.gather(*(posted(database, [till("in", CASH, ANN, 100)]) for _ in range(8)))
    assert sorted(chain.from_iterable(answers)) == [KNOWN] * 7 + [POSTED]
    assert await sums(database, ANN) == [100]


async def test_one_id_for_other_accounts_in_the_same_moment_is_a_conflict_when_looked_at_again(
    database: Database, till: Till
) -> None:
    if database.is_sqlite:
        pytest.skip("has one writer")
    others = [AccountName("cash", "shop", "CNY"), AccountName("available", "PCID", "CNY")]
    async with database.transaction() as session:
        ids = await accounts_of(session, others)
    other = till("in", CASH, ANN, 100)._replace(debit=ids[others[0]], credit=ids[others[1]])
    async with database.transaction() as session:
        await post(session, [till("in", CASH, ANN, 100)])
        second = asyncio.ensure_future(posted(database, [other]))
        async with asyncio.timeout(10), database.reading() as looking:
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while (await looking.execute(waiting)).scalar_one() < 1:
                await asyncio.sleep(0.01)
    assert await second == [CONFLICT]
    assert await sums(database, ANN, *others) == [100, 0, 0]
    assert will_pass(PostedMeanwhile())


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_asked_the_answers_are_those_of_a_simple_book(
    database: Database, till: Till, seed: int
) -> None:
    """Sets with ids that are known, doubled, altered or short, at every place in the set; strict and not."""
    chance = random.Random(seed)
    balance = dict.fromkeys([CASH, ANN, BEN], 0)
    book: dict[str, NewTransfer] = {}

    def one(asked: NewTransfer, balance: dict[AccountName, int], book: dict[str, NewTransfer]) -> Outcome:
        known = book.get(asked.about)
        if known is not None:
            return KNOWN if known == asked else CONFLICT
        names = {number: name for name, number in till.ids.items()}
        debit, credit = names[asked.debit], names[asked.credit]
        if debit is not CASH and balance[debit] < asked.amount:
            return SHORT
        balance[debit] -= asked.amount
        balance[credit] += asked.amount
        book[asked.about] = asked
        return POSTED

    for _ in range(25):
        asked = []
        for _ in range(chance.choice((1, 3, 70))):
            debit, credit = chance.choice([(CASH, ANN), (ANN, BEN), (BEN, ANN), (CASH, BEN)])
            what = str(chance.randrange(900))
            old = book.get(what)
            new = till(what, debit, credit, chance.randint(1, 30))
            asked.append(old if old is not None and chance.random() < 0.8 else new)
        tried, kept = dict(balance), dict(book)
        expected = [one(each, tried, kept) for each in asked]
        strict = chance.random() < 0.3
        if strict and {SHORT, CONFLICT} & set(expected):
            with pytest.raises(Conflict):
                await posted(database, asked, strict=True)
        else:
            assert await posted(database, asked, strict) == expected
            balance, book = tried, kept
        assert await sums(database, *balance) == list(balance.values())
    async with database.reading() as session:
        assert (await session.execute(sa.select(sa.func.count(Transfer.seq)))).scalar_one() == len(book)
        found = Found()
        assert (await check_chains(session, found), await check_balances(session, found)) == (None, None)


async def test_a_refused_strict_set_leaves_nothing_behind_when_the_session_goes_on(
    database: Database, till: Till
) -> None:
    await posted(database, [till("9", CASH, ANN, 1)])
    asked = [till(str(n), CASH, ANN, 1) for n in range(80)]
    asked[70] = till("9", CASH, ANN, 2)
    async with database.transaction() as session:
        with pytest.raises(OtherBody):
            await post(session, asked)
    async with database.reading() as session:
        assert await check_chains(session, Found()) is None
    assert await sums(database, ANN) == [1]


async def test_when_every_chain_is_taken_a_writer_waits_for_one(database: Database, till: Till) -> None:
    if database.is_sqlite:
        pytest.skip("has one chain, as it has one writer")
    await posted(database, [till("0", CASH, ANN, 1)])
    async with database.transaction() as holder:
        await holder.execute(sa.select(ChainHead.chain).with_for_update())
        waiting = asyncio.ensure_future(posted(database, [till("0", CASH, ANN, 1), till("1", CASH, ANN, 1)]))
        assert not (await asyncio.wait([waiting], timeout=0.3))[0]
    assert await waiting == [KNOWN, POSTED]
    async with database.reading() as session:
        assert await check_chains(session, Found()) is None


@pytest.mark.parametrize(
    "about", ["", "NULL", '"', "\\", '\\"', "{a,b}", "a, b", " a ", "\n\t\x1f", "退款 ¥5 🙂", "'; --", '"}{"']
)
async def test_what_a_transfer_is_about_is_kept_letter_by_letter(
    database: Database, till: Till, about: str
) -> None:
    asked = [till("a", CASH, ANN, 3)._replace(about=about), till("b", CASH, BEN, 3)]
    await posted(database, asked)
    async with database.reading() as session:
        kept = await session.execute(sa.select(Transfer.about, Transfer.id).order_by(Transfer.seq))
        assert [tuple(row) for row in kept] == [(each.about, each.id) for each in asked]
        assert await check_chains(session, Found()) is None
