"""What tills did: found by their numbers, counted for limits, given back once, and pruned."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from edge_agent.store.database import MIGRATIONS
from edge_agent.store.journal import HOUR_MS, Journal, NewEntry, Part
from edge_agent.store.leases import doubt_all
from sync.contract.questions import Paid, Undone

ANNA, BOB = b"a" * 16, b"b" * 16
PAID = Paid(approved_minor=100)


@pytest.fixture
def sql() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    for file in sorted(MIGRATIONS.glob("*.sql")):
        opened.executescript(file.read_text("utf-8"))
    yield opened
    opened.close()


@pytest.fixture
def journal(sql: Any) -> Journal:
    return Journal(sql)


def entry(txn: str, **changed: Any) -> NewEntry:
    plain: dict[str, Any] = {
        "till": "1",
        "txn": txn,
        "kind": "pay",
        "asked": b"q",
        "answer": PAID,
        "receipt": "r1",
        "cashier": "anna",
        "currency": "CNY",
        "amount": 100,
        "points": 0,
        "digest": ANNA,
        "boot": "0000beef",
        "mono_ms": 10 * HOUR_MS,
        "wall_ms": 1_700_000_000_000,
        "outage": 0,
    }
    return NewEntry(**plain | changed)


def part(number: int, entry: int, **changed: Any) -> Part:
    plain: dict[str, Any] = {
        "entry": entry,
        "part": number,
        "lease": "L1",
        "number": 2,
        "kind": "spend",
        "purse": "P1",
        "programme": "value",
        "unit": "CNY",
        "amount": 100,
        "worth": 100,
    }
    return Part(**plain | changed)


def test_an_entry_is_found_by_the_tills_own_number(journal: Journal) -> None:
    assert journal.last() == 0
    number = journal.write(entry("t1"))
    found = journal.find("1", "t1")
    assert found is not None
    assert (found.entry, found.told(), found.asked) == (number, PAID, b"q")
    assert journal.find("2", "t1") is None
    with pytest.raises(sqlite3.IntegrityError):
        journal.write(entry("t1"))


def test_no_part_is_given_back_beyond_what_it_paid(journal: Journal) -> None:
    number = journal.write(entry("t1"))
    journal.add_parts([part(0, number)])
    (paid,) = journal.parts(number)
    journal.give_back(paid, 60, 60)
    with pytest.raises(sqlite3.IntegrityError):
        journal.give_back(paid, 41, 41)
    assert [(each.amount_minor, each.refunded_minor) for each in journal.shown("r1")] == [(100, 60)]


def test_payments_of_a_receipt_are_shown_but_for_those_taken_back(journal: Journal) -> None:
    first = journal.write(entry("t1"))
    journal.write(entry("t2"))
    journal.write(entry("t3", kind="refund"))
    journal.undo(first, Undone(amount_minor=100))
    assert [each.txn for each in journal.shown("r1")] == ["t2"]
    assert journal.shown("") == ()


@pytest.mark.parametrize(
    ("boot", "mono_ms", "wall_ms", "counted"),
    [
        ("0000beef", 10 * HOUR_MS, 0, 1),
        ("0000beef", 11 * HOUR_MS - 1, 0, 1),
        ("0000beef", 11 * HOUR_MS, 0, 0),
        ("0000beef", 10 * HOUR_MS, 2**50, 1),  # a clock that is set does not shorten the hour
        ("0000cafe", 5, 1_700_000_000_000, 1),  # of another boot there is only the wall clock to go by
        ("0000cafe", 5, 1_700_000_000_000 + HOUR_MS, 0),
    ],
)
def test_how_often_a_card_paid_in_an_hour(
    journal: Journal, boot: str, mono_ms: int, wall_ms: int, counted: int
) -> None:
    journal.write(entry("t1"))
    journal.write(entry("t2", digest=BOB))
    journal.write(entry("t3", kind="top"))
    assert journal.payments_within_hour(ANNA, boot, mono_ms, wall_ms) == counted


def test_what_is_paid_in_an_outage_by_one_and_by_all(journal: Journal) -> None:
    journal.write(entry("t0"))
    assert journal.outage() == 1
    journal.end_outage()  # nothing was done in it: its number is used again
    assert journal.outage() == 1
    journal.write(entry("t1", outage=1))
    journal.write(entry("t2", outage=1, digest=BOB, amount=50))
    journal.write(entry("t3", outage=1, kind="top", amount=7))
    assert journal.in_outage(1, "pay", ANNA) == 100
    assert journal.in_outage(1, "pay") == 150
    assert journal.in_outage(1, "top") == 7
    journal.end_outage()
    assert journal.outage() == 2
    assert journal.in_outage(2, "pay") == 0
    assert journal.in_outage(0, "pay") == 0


def test_a_purse_changes_by_what_came_after_it_was_told(journal: Journal) -> None:
    first = journal.write(entry("t1"))
    journal.add_parts([part(0, first), part(1, first, kind="refund", amount=30)])
    second = journal.write(entry("t2", kind="top"))
    journal.add_parts([part(0, second, kind="top", amount=500), part(1, second, purse="P2")])
    assert (journal.since("P1", 0), journal.since("P1", first), journal.since("P1", second)) == (430, 500, 0)


def test_what_a_disk_that_was_put_back_knows_is_in_doubt(journal: Journal, sql: Any) -> None:
    journal.write(entry("t1"))
    old = journal.find("1", "t1")
    assert old is not None
    assert not journal.in_doubt(old)
    doubt_all(sql)
    journal.write(entry("t2"))
    new = journal.find("1", "t2")
    assert new is not None
    assert (journal.in_doubt(old), journal.in_doubt(new)) == (True, False)


def test_entries_are_pruned_by_hours_the_agent_has_run_and_the_newest_stays(journal: Journal) -> None:
    for number in range(3):
        journal.add_parts([part(0, journal.write(entry(f"t{number}")))])
        journal.another_hour()
    assert not journal.prune(3)
    assert journal.prune(2)
    assert journal.find("1", "t0") is None
    assert journal.parts(1) == []
    for _ in range(10):
        journal.another_hour()
    while journal.prune(2):
        pass
    assert journal.find("1", "t1") is None
    assert journal.last() == 3
