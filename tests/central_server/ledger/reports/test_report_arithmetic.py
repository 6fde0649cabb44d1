"""What the reports make of figures, without a database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.ledger.books import accounts
from central_server.ledger.books.accounts import CENTRE
from central_server.ledger.cards.law import Issuer
from central_server.ledger.reports import finance, partners
from central_server.ledger.reports.ages import (
    AGE_LABELS,
    age_bucket,
    months_before,
    quarter_before,
    quarter_name,
)
from central_server.ledger.reports.breakage import Given, breakage, cohorts
from central_server.ledger.reports.custody import Custody
from central_server.ledger.reports.settlement import Use, by_company, debts, positions
from config.finance import FinanceSettings

amounts = st.integers(-(10**9), 10**9)
places = st.sampled_from(["s1", "s2", "s3", CENTRE])
uses = st.lists(st.builds(Use, st.sampled_from(["CNY", "PTS"]), places, places, amounts), max_size=30)
kinds = st.sampled_from(sorted(finance.ACCOUNTS))
moved = st.lists(
    st.builds(
        finance.Moved,
        st.sampled_from([20261121, 20261122]),
        places,
        st.sampled_from(["CNY", "PTS"]),
        kinds,
        kinds,
        st.integers(1, 10**9),
        st.integers(1, 9),
    ),
    max_size=40,
)
shared = st.lists(
    st.builds(
        partners.Shared,
        st.integers(20260101, 20261231),
        st.sampled_from(["s1", "s2"]),
        st.integers(0, 99),
        amounts,
    ),
    max_size=20,
    unique_by=lambda one: one[:2],
)


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 5, 31), 3, date(2026, 2, 28)),
        (date(2028, 5, 31), 3, date(2028, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 12, 1), 12, date(2025, 12, 1)),
        (date(2026, 11, 22), 36, date(2023, 11, 22)),
    ],
)
def test_months_before_a_day(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_a_lot_is_three_months_old_on_the_day_and_not_the_day_before() -> None:
    today = date(2026, 11, 22)
    assert [age_bucket(today - timedelta(days=n), today) for n in (0, 91, 92, 93)] == [0, 0, 1, 1]
    assert age_bucket(date(2023, 11, 22), today) == len(AGE_LABELS) - 1
    assert age_bucket(date(2023, 11, 23), today) == len(AGE_LABELS) - 2
    assert age_bucket(today + timedelta(days=5), today) == 0


@pytest.mark.parametrize(
    ("day", "first", "last", "name"),
    [
        (date(2026, 11, 22), date(2026, 7, 1), date(2026, 9, 30), "2026Q3"),
        (date(2026, 1, 1), date(2025, 10, 1), date(2025, 12, 31), "2025Q4"),
        (date(2026, 3, 31), date(2025, 10, 1), date(2025, 12, 31), "2025Q4"),
        (date(2026, 4, 1), date(2026, 1, 1), date(2026, 3, 31), "2026Q1"),
    ],
)
def test_the_law_asks_for_the_last_whole_quarter(day: date, first: date, last: date, name: str) -> None:
    assert quarter_before(day) == (first, last)
    assert quarter_name(last) == name


@pytest.mark.parametrize(
    ("balance", "issuer", "held", "needed", "short"),
    [
        (100_00, "scale", 20_00, 20_00, 0),
        (100_00, "scale", 19_99, 20_00, 1),
        (100_01, "group", 30_00, 30_01, 1),  # 30.003 is rounded up
        (100_00, "brand", 50_00, 40_00, 0),
        (0, "brand", 0, 0, 0),
    ],
)
def test_what_is_short_in_custody(balance: int, issuer: Issuer, held: int, needed: int, short: int) -> None:
    found = Custody("CNY", date(2026, 9, 30), balance, issuer, held)
    assert (found.needed, found.short) == (needed, short)
    assert found.ratio == (held / balance if balance else None)


def test_who_took_the_cash_owes_who_gave_the_goods() -> None:
    seen = [
        Use("CNY", "s1", "s1", 300),
        Use("CNY", "s1", "s2", 500),
        Use("CNY", "s1", "s2", -100),  # a return
        Use("CNY", "s2", "s1", 150),
        Use("CNY", CENTRE, "s2", 80),  # bonus money
    ]
    assert [tuple(debt) for debt in debts(seen)] == [("CNY", CENTRE, "s2", 80), ("CNY", "s1", "s2", 250)]
    nets = {one.place: (one.own, one.due, one.owed, one.net) for one in positions(seen)}
    assert nets == {CENTRE: (0, 0, 80, -80), "s1": (300, 150, 400, -250), "s2": (0, 480, 150, 330)}


def test_between_companies_only_what_crosses_them_is_owed() -> None:
    seen = [Use("CNY", "s1", "s2", 500), Use("CNY", "s1", "s3", 70)]
    assert debts(by_company(seen, {"s1": "A", "s2": "A"})) == [("CNY", "A", "s3", 70)]


@given(uses)
def test_settlement_sums_to_zero_and_pairs_pay_the_nets(seen: list[Use]) -> None:
    found = positions(seen)
    for unit in ("CNY", "PTS"):
        assert sum(one.net for one in found if one.unit == unit) == 0
    net = {(one.unit, one.place): one.net for one in found}
    for debt in debts(seen):
        assert debt.amount > 0
        net[debt.unit, debt.creditor] -= debt.amount
        net[debt.unit, debt.debtor] += debt.amount
    assert set(net.values()) <= {0}


def test_a_day_becomes_one_entry_a_store_and_unit() -> None:
    [centre, shop] = finance.entries(
        [
            finance.Moved(20261122, "s1", "CNY", "cash", "available", 50_000, 1),
            finance.Moved(20261122, "centre", "CNY", "bonus", "available", 5_000, 1),
            finance.Moved(20261122, "s1", "CNY", "available", "escrow", 20_000, 2),
            finance.Moved(20261122, "s1", "CNY", "escrow", "captured", 12_000, 3),
        ]
    )
    assert (centre.number, centre.total, shop.number, shop.total, shop.transfers) == (
        "20261122-centre-CNY",
        5_000,
        "20261122-s1-CNY",
        82_000,
        6,
    )
    assert [(line.account.code, line.debit, line.credit) for line in shop.lines] == [
        ("1001.01", 50_000, 0),
        ("2205.01", 20_000, 50_000),
        ("2205.03", 12_000, 20_000),
        ("6001.01", 0, 12_000),
    ]


@given(moved)
def test_every_entry_balances_and_counts_every_transfer_once(seen: list[finance.Moved]) -> None:
    journal = finance.entries(seen)
    for entry in journal:
        assert sum(line.debit for line in entry.lines) == sum(line.credit for line in entry.lines)
    assert sum(entry.transfers for entry in journal) == sum(one.transfers for one in seen)
    assert sum(entry.total for entry in journal) == sum(one.amount for one in seen)
    numbers = [entry.number for entry in journal]
    assert len(numbers) == len(set(numbers))
    for unit in ("CNY", "PTS"):
        sums = [line for of, line in finance.trial(journal) if of == unit]
        assert sum(line.debit for line in sums) == sum(line.credit for line in sums)


def test_finance_has_a_code_for_every_account_of_the_books_and_none_twice() -> None:
    assert set(finance.ACCOUNTS) == accounts.KINDS == set(FinanceSettings.model_fields)
    known = [finance.account_of(kind, unit) for kind in accounts.KINDS for unit in ("CNY", "PTS")]
    assert len({each.code for each in known}) == len({each.name for each in known}) == len(known)
    with pytest.raises(finance.Unbalanced):
        finance.entries([finance.Moved(20261122, "s1", "CNY", "cash", "unheard of", 1, 1)])


def test_finance_may_have_its_own_codes_and_one_for_several() -> None:
    codes = FinanceSettings(available="3101", escrow="3101")
    [entry] = finance.entries(
        [
            finance.Moved(20261122, "s1", "CNY", "cash", "available", 500, 1),
            finance.Moved(20261122, "s1", "CNY", "available", "escrow", 200, 1),
        ],
        codes,
    )
    assert [(line.account.code, line.debit, line.credit) for line in entry.lines] == [
        ("1001.01", 500, 0),
        ("3101", 200, 700),
    ]


def test_breakage_is_what_older_cohorts_have_left() -> None:
    given_ = [
        Given("gift", "CNY", "paid", date(2024, 10, 5), 1000, 100, 0),
        Given("gift", "CNY", "paid", date(2024, 10, 20), 1000, 0, 50),
        Given("gift", "CNY", "paid", date(2026, 11, 1), 500, 500, 0),
    ]
    [old, new] = cohorts(given_)
    assert (old.month, old.amount, old.used, old.unused_share) == ("2024-10", 2000, 1850, 0.075)
    assert (new.month, new.used) == ("2026-11", 0)
    after = {one.months: (one.amount, one.unused, one.share) for one in breakage(given_, date(2026, 11, 22))}
    assert after[12] == after[24] == (2000, 150, 0.075)
    assert after[36] == (0, 0, None)


def settled(some: list[partners.Shared], share_bp: int = 250) -> partners.Settlement:
    return partners.settle(
        some, partner="icbc", programme="joint", first=20261101, last=20261130, unit="CNY", share_bp=share_bp
    )


def test_a_settlement_file_is_as_its_description_draws_it() -> None:
    text = partners.written(settled([partners.Shared(20261122, "s1", 3, 10_001)]))
    head, line, tail = text.splitlines()
    assert head == "TILLBEAM-PARTNER,1,icbc,joint,20261101,20261130,CNY,250"
    assert line == "L,1,20261122,s1,3,10001,250"
    assert tail.startswith("T,1,3,10001,250,")
    assert len(tail.rpartition(",")[2]) == 64


@given(shared, st.integers(0, 10_000))
def test_the_shares_of_the_lines_are_the_share_of_the_whole(
    some: list[partners.Shared], share_bp: int
) -> None:
    one = settled(some, share_bp)
    assert one.share == partners.share_of(sum(line.amount for line in some), share_bp)
    assert partners.read(partners.written(one)) == one


@given(shared.filter(bool), st.data())
def test_a_settlement_file_with_one_sign_changed_is_refused(
    some: list[partners.Shared], data: st.DataObject
) -> None:
    text = partners.written(settled(some))
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from("0123456789,LTa\n").filter(lambda one: one != text[place]))
    with pytest.raises(partners.BadFile):
        partners.read(text[:place] + sign + text[place + 1 :])


def test_a_share_has_no_half_fen_and_a_name_no_comma() -> None:
    assert [partners.share_of(amount, 5_000) for amount in (1, 3, -1, -3)] == [1, 2, -1, -2]
    with pytest.raises(ValueError, match="share"):
        settled([], 10_001)
    with pytest.raises(partners.BadFile):
        partners.written(settled([partners.Shared(20261122, "s,1", 1, 1)]))
