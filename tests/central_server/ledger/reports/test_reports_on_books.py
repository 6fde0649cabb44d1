"""Reports read off real books: held against what was done, and against each other."""

from __future__ import annotations

import asyncio
import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central_server.calendar import calendar_of
from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.ledger.books.accounts import available, balances, escrow
from central_server.ledger.reports import finance, partners, settlement
from central_server.ledger.reports.breakage import cohorts
from central_server.ledger.reports.breakage import given as given_out
from central_server.ledger.reports.history import Days, Position, Window, position
from central_server.ledger.reports.liability import Liability, liability
from central_server.staff.service import Actor
from tests.central_server.ledger.reports.books_world import DAY_MS, NOW_MS, PROGRAMMES, Books

LI = Actor("li", 1)
TODAY = date(2026, 11, 18)
SHANGHAI = "Asia/Shanghai"
DAYS = Days({"s1": SHANGHAI, "s2": "Europe/Berlin", "s3": SHANGHAI}, SHANGHAI, 20250101, 20271231)


async def owed(books: Books, **as_of: int | Position) -> Liability:
    async with books.database.reading() as session:
        return await liability(session, TODAY, zone=SHANGHAI, **as_of)  # type: ignore[arg-type]


async def held_by_accounts(books: Books) -> dict[str, int]:
    """By programme, read off the accounts one by one."""
    names = {available(purse, books.unit(purse)): purse for purse in books.total}
    names |= {escrow(lease, books.unit(purse)): purse for lease, (purse, _) in books.leases.items()}
    sums: dict[str, int] = dict.fromkeys(PROGRAMMES, 0)
    async with books.database.reading() as session:
        for name, balance in (await balances(session, names)).items():
            sums[names[name].partition("-")[0]] += balance
    return sums


async def test_liability_is_what_the_lots_hold_by_kind_and_age(books: Books) -> None:
    books.at_ms = NOW_MS - 400 * DAY_MS
    await books.load("gift-a", "s1", 10_000, bonus=1_000)
    books.at_ms = NOW_MS - 10 * DAY_MS
    await books.load("gift-b", "s2", 3_000)
    lease = await books.grant("gift-a", "s2", 5_000)
    await books.spend(lease, 1_500)  # the bonus first, then 500 of what was paid
    seen = await owed(books)
    ages = {(row.programme, row.kind): row.ages for row in seen.rows}
    assert ages == {("gift", "paid"): [3_000, 0, 0, 9_500, 0, 0]}
    assert seen.totals() == [("CNY", "paid", 12_500)]
    assert [tuple(check) for check in seen.checks] == [("gift", "CNY", 12_500, 12_500, 0)]
    before = await owed(books, until_ms=NOW_MS - 20 * DAY_MS)
    assert {(row.kind, row.total) for row in before.rows} == {("paid", 10_000), ("bonus", 1_000)}
    assert (await owed(books, until_ms=NOW_MS - 500 * DAY_MS)).rows == []


async def all_agree(books: Books) -> None:
    """What must hold of the reports on any books."""
    seen = await owed(books)
    assert seen.agrees
    held = await held_by_accounts(books)
    assert {check.programme: check.books for check in seen.checks} == {
        check.programme: held.pop(check.programme) for check in seen.checks
    }
    assert not any(held.values())
    assert sum(row.total for row in seen.rows) == sum(books.total.values())
    for back in (0, 30, 200, 399):  # as of any moment lots and accounts agree
        assert (await owed(books, until_ms=NOW_MS - back * DAY_MS)).agrees
    async with books.database.reading() as session:
        uses = await settlement.uses(session, Window())
        nets = settlement.positions(uses)
        journal = finance.entries(await finance.moved(session, Window(), DAYS))
        done = await settlement.done(session, Window())
        rows = await given_out(session, zone=SHANGHAI)
    for unit in ("CNY", "PTS"):
        assert sum(one.net for one in nets if one.unit == unit) == 0
        # What stores took, less what they gave and paid out, is what is still owed, but for bonus and expiry.
        money = sum(one.cash - one.goods - one.paid_out for one in done if one.unit == unit)
        bonus = sum(row.amount for row in rows if row.unit == unit and row.kind in ("bonus", "earned"))
        expired = sum(check.forfeited for check in seen.checks if check.unit == unit)
        assert money + bonus - expired == sum(row.total for row in seen.rows if row.unit == unit)
    assert sum(entry.transfers for entry in journal) == books.transfers
    assert all(entry.total == sum(line.credit for line in entry.lines) for entry in journal)
    used = sum(use.amount for use in uses)
    assert used == sum(row.amount - row.left for row in rows)
    assert all(cohort.used >= 0 for cohort in cohorts(rows))


@pytest.mark.parametrize("seed", range(2))
async def test_on_random_books_all_reports_agree(books: Books, seed: int) -> None:
    await books.anything(random.Random(seed), 60)
    await all_agree(books)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 40))
def test_on_any_books_all_reports_agree(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    async def check() -> None:
        database = Database(f"sqlite:///{tmp_path_factory.mktemp('any') / 'centre.db'}")
        try:
            await database.create_all()
            books = await Books(database).begin()
            await books.anything(random.Random(seed), steps)
            await all_agree(books)
        finally:
            await database.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("zones", "step_ms"),
    [
        (["Asia/Shanghai"], DAY_MS),
        (["Asia/Shanghai", "Asia/Singapore"], DAY_MS),
        (["Asia/Shanghai", "Europe/Berlin"], 3_600_000),
        (["Asia/Shanghai", "Asia/Kathmandu"], 900_000),
    ],
)
def test_days_are_told_from_as_few_sums_as_the_time_zones_allow(zones: list[str], step_ms: int) -> None:
    days = Days({zone: zone for zone in zones}, SHANGHAI, 20260101, 20271231)
    slot = str(days.slot().compile(compile_kwargs={"literal_binds": True}))
    assert slot.endswith(f"/ {step_ms}")


@given(
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu"]), st.integers(0, 2 * 365 * DAY_MS)
)
def test_a_slot_is_of_one_day_at_each_store(zone: str, after_ms: int) -> None:
    at_ms = NOW_MS + after_ms
    for others in ([], ["Europe/Berlin"], ["Asia/Kathmandu"]):
        days = Days({each: each for each in (zone, *others)}, zone, 0, 99_999_999)
        shift_ms, step_ms = days._grid
        assert days.of(zone, (at_ms + shift_ms) // step_ms) == calendar_of(zone).place(at_ms)[0]


@pytest.mark.parametrize("seed", [11, 12])
async def test_a_date_and_a_position_say_the_same_for_ever(books: Books, seed: int) -> None:
    chance = random.Random(seed)
    await books.anything(chance, 30)
    async with books.database.reading() as session:
        then = await position(session)
    until_ms = NOW_MS - 60 * DAY_MS
    before = await owed(books, until_ms=until_ms, upto=then)
    whole = await owed(books)
    await books.anything(chance, 30)  # also of long ago, booked late
    again = await owed(books, until_ms=until_ms, upto=then)
    assert [(row.programme, row.kind, row.total) for row in again.rows] == [
        (row.programme, row.kind, row.total) for row in before.rows
    ]
    assert (again.checks, again.agrees) == (before.checks, True)
    assert (await owed(books, upto=then)).totals() == whole.totals()


async def test_who_took_the_cash_owes_who_gave_the_goods_in_the_books(books: Books) -> None:
    await books.load("gift-a", "s1", 10_000, bonus=300)
    lease = await books.grant("gift-a", "s2", 5_000)
    spend = await books.spend(lease, 1_000)
    await books.refund(lease, 200, spend)
    await books.take("gift-a", "refunded", "s3", 400)
    await books.take("gift-a", "forfeited", "gift", 100)
    async with books.database.reading() as session:
        uses = await settlement.uses(session, Window())
        done = {one.store: one for one in await settlement.done(session, Window())}
    # 300 of bonus and 700 paid went to s2; 200 of the paid came back.
    assert sorted(settlement.debts(uses)) == [
        ("CNY", "centre", "s2", 300),
        ("CNY", "s1", "centre", 100),
        ("CNY", "s1", "s2", 500),
        ("CNY", "s1", "s3", 400),
    ]
    assert (done["s1"].cash, done["s2"].goods, done["s3"].paid_out) == (10_000, 800, 400)


async def test_each_transfer_is_in_one_run_of_the_journal_however_late_it_is_booked(books: Books) -> None:
    chance = random.Random(5)
    numbers = []
    for steps in (20, 15, 25):
        await books.anything(chance, steps)
        async with books.database.transaction() as session:
            numbers.append((await finance.make_run(session, by=LI, now_ms=NOW_MS)).number)
    assert numbers == [1, 2, 3]
    async with books.database.transaction() as session:
        with pytest.raises(Conflict):
            await finance.make_run(session, by=LI, now_ms=NOW_MS)
        with pytest.raises(NotFound):
            await finance.window_of_run(session, 4)
        counted, total = 0, 0
        for run in await finance.runs(session, limit=10):
            window = await finance.window_of_run(session, run.number)
            journal = finance.entries(await finance.moved(session, window, DAYS))
            assert sum(entry.transfers for entry in journal) == run.transfers
            counted += run.transfers
            total += sum(entry.total for entry in journal)
        everything = finance.entries(await finance.moved(session, Window(), DAYS))
    assert counted == books.transfers
    assert total == sum(entry.total for entry in everything)


async def test_a_store_has_its_own_days(books: Books) -> None:
    books.at_ms = 1_795_044_600_000  # 07:30 on the 19th in Shanghai, 00:30 in Berlin
    await books.load("gift-a", "s1", 100)
    books.at_ms -= 3_600_000  # 23:30 on the 18th in Berlin
    await books.load("gift-a", "s2", 100)
    async with books.database.reading() as session:
        moved = await finance.moved(session, Window(), DAYS)
        some = Days(DAYS.zones, SHANGHAI, 20261118, 20261118)
        only = await finance.moved(session, Window(*some.window_ms), some)
    assert [(each.day, each.store) for each in moved] == [(20261118, "s2"), (20261119, "s1")]
    assert [each.store for each in only] == ["s2"]


async def test_a_partner_is_due_a_share_of_what_is_paid_with_joint_cards(books: Books) -> None:
    await books.load("joint-a", "s1", 50_000)
    await books.load("gift-a", "s1", 50_000)
    for purse in ("joint-a", "gift-a"):
        lease = await books.grant(purse, "s1", 20_000)
        spend = await books.spend(lease, 10_001)
        await books.refund(lease, 1, spend)
    await books.take("joint-a", "captured", "s2", 500)
    async with books.database.reading() as session:
        [(unit, rows)] = (await partners.shared(session, "joint", Window(), DAYS)).items()
    assert unit == "CNY"
    assert rows == [(20261118, "s1", 2, 10_000), (20261118, "s2", 1, 500)]


async def test_breakage_counts_what_expired_and_came_not_back(books: Books) -> None:
    books.at_ms = NOW_MS - 800 * DAY_MS
    await books.load("gift-a", "s1", 1_000)
    await books.take("gift-a", "forfeited", "gift", 200)
    async with books.database.reading() as session:
        [cohort] = cohorts(await given_out(session, zone=SHANGHAI))
    assert (cohort.amount, cohort.left, cohort.forfeited, cohort.used) == (1_000, 800, 200, 0)
    assert (await owed(books)).checks[0].forfeited == 200


def test_a_position_is_written_and_read_and_nothing_else_is() -> None:
    for chains in ({}, {0: 5}, {0: 5123, 3: 77}):
        assert Position.read(str(Position(chains))) == chains
    for text in (
        "x",
        "1",
        "1.",
        "1.2.3",
        "-1.5",
        "0.5_0.6",
        "99.1",
        "0.5 ",
        "0.٣",
        f"0.{1 << 60}",
        "0.1_" * 300,
    ):
        with pytest.raises(Invalid):
            Position.read(text)
