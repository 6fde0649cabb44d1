"""What this store may hand out, step by step, and what it must never."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import LeaseRefused
from edge_agent.store.database import MIGRATIONS
from edge_agent.store.leases import (
    CLOSED,
    DOUBTFUL,
    OPEN,
    TOMBSTONE_HOURS,
    Leases,
    Slip,
    Stand,
    Taken,
    doubt_all,
    forget_old,
)
from sync.contract.events import LeaseRecord
from sync.contract.leases import RECORDS_MAX, grant_seal, lease_id, lease_key, record_mac
from sync.contract.told import LeaseTold

KEY = lease_key(b"s" * 32)
STORE, EPOCH, BOOT = "hz-004", "0123456789abcdef", "0000beef"
NOW = Stand(STORE, KEY, EPOCH, BOOT, mono_ms=100_000)
LEASE = lease_id(b"0123456789")
SLIP = Slip("1", "t1", "r1", "anna")
CARD = b"c" * 16


def told(granted: int = 5000, *, lease: str = LEASE, recalled: bool = False, **changed: Any) -> LeaseTold:
    word = LeaseTold(
        lease=lease,
        epoch=EPOCH,
        purse="P1",
        unit="CNY",
        granted=granted,
        ttl_s=600,
        request="q1",
        seal="",
        recalled=recalled,
        programme="value",
    )
    word = msgspec.structs.replace(word, **changed)
    seal = grant_seal(
        KEY,
        lease=word.lease,
        store=STORE,
        epoch=word.epoch,
        purse=word.purse,
        unit=word.unit,
        granted=word.granted,
        recalled=word.recalled,
    )
    return msgspec.structs.replace(word, seal=seal)


def connection() -> sqlite3.Connection:
    sql = sqlite3.connect(":memory:", isolation_level=None)
    for file in sorted(MIGRATIONS.glob("*.sql")):
        sql.executescript(file.read_text("utf-8"))
    return sql


@pytest.fixture
def sql() -> Iterator[sqlite3.Connection]:
    opened = connection()
    yield opened
    opened.close()


def check_chain(records: list[LeaseRecord], granted: int) -> None:
    """Numbers without gaps, each mac made of the one before, and never more out than in."""
    before = grant_seal(
        KEY, lease=LEASE, store=STORE, epoch=EPOCH, purse="P1", unit="CNY", granted=granted, recalled=False
    )
    left = 0
    for number, record in enumerate(records, start=1):
        assert record.number == number
        fields = {
            name: getattr(record, name)
            for name in record.__struct_fields__
            if name not in ("device", "epoch", "mac")
        }
        assert record.mac == record_mac(KEY, before, **fields)
        before = record.mac
        left += record.amount if record.kind in ("open", "refund", "top") else -record.amount
        assert left >= 0
        assert (record.kind == "open") == (number == 1)
    assert all(record.kind != "close" for record in records[:-1])


class TestALeaseThatWasGranted:
    def test_it_is_spent_from_and_what_is_left_goes_back(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        assert leases.take(told(), asked_ms=99_000, digest=CARD) is Taken.INSTALLED
        assert [each.left for each in leases.usable(digest=CARD)] == [5000]
        assert leases.spend(LEASE, 1200, SLIP).left == 3800
        assert leases.top(LEASE, 200, SLIP).left == 4000
        assert leases.refund(LEASE, 1000, SLIP, refers_to=f"{LEASE}/2").left == 5000
        closed = leases.close(LEASE)
        assert (closed.state, closed.left, closed.released) == (CLOSED, 0, 5000)
        assert [each.kind for each in leases.records] == ["open", "spend", "top", "refund", "close"]
        check_chain(leases.records, 5000)

    def test_no_more_can_be_spent_than_there_is(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        leases.spend(LEASE, 4999, SLIP)
        with pytest.raises(LeaseRefused):
            leases.spend(LEASE, 2, SLIP)
        with pytest.raises(sqlite3.IntegrityError):  # the table holds, too
            sql.execute("UPDATE lease SET spent = spent + 2")

    @pytest.mark.parametrize("amount", [0, -1, 2**53 + 1])
    def test_nothing_and_less_is_no_amount(self, sql: Any, amount: int) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        for step in (leases.spend, leases.top):
            with pytest.raises(LeaseRefused):
                step(LEASE, amount, SLIP)
        with pytest.raises(LeaseRefused):
            leases.refund(LEASE, amount, SLIP, refers_to=f"{LEASE}/2")

    def test_after_its_close_there_is_nothing(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        leases.close(LEASE)
        assert leases.usable(purses=["P1"]) == []
        for step in (leases.spend, leases.top):
            with pytest.raises(LeaseRefused):
                step(LEASE, 1, SLIP)
        with pytest.raises(LeaseRefused):
            leases.close(LEASE)

    def test_it_installs_once_ever(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        leases.spend(LEASE, 5000, SLIP)
        assert leases.take(told(), asked_ms=99_000) is Taken.KNOWN
        leases.close(LEASE)
        assert leases.take(told(), asked_ms=99_000) is Taken.KNOWN
        found = leases.find(LEASE)
        assert found is not None
        assert (found.state, found.left, found.number) == (CLOSED, 0, 3)

    def test_a_recall_closes_it_and_gives_back_what_is_left_at_once(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        leases.spend(LEASE, 1500, SLIP)
        assert leases.take(told(recalled=True), asked_ms=None) is Taken.RECALLED
        assert leases.records[-1].kind == "close"
        assert leases.records[-1].amount == 3500
        assert leases.take(told(recalled=True), asked_ms=None) is Taken.KNOWN
        check_chain(leases.records, 5000)

    @pytest.mark.parametrize("recalled", [False, True])
    def test_a_request_that_this_run_knows_nothing_of_gives_it_back_at_once(
        self, sql: Any, recalled: bool
    ) -> None:
        leases = Leases(sql, NOW)
        assert leases.take(told(recalled=recalled), asked_ms=None) is Taken.CLOSED
        assert [(each.kind, each.amount) for each in leases.records] == [("open", 5000), ("close", 5000)]
        check_chain(leases.records, 5000)

    def test_the_last_record_there_can_be_is_its_close(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(2 * RECORDS_MAX), asked_ms=99_000)
        for _ in range(RECORDS_MAX - 2):
            lease = leases.spend(LEASE, 1, SLIP)
        assert (lease.state, lease.number, lease.left) == (CLOSED, RECORDS_MAX, 0)
        assert leases.records[-1].amount == RECORDS_MAX + 2
        check_chain(leases.records, 2 * RECORDS_MAX)


class TestWhatIsNotInstalled:
    @pytest.mark.parametrize(
        "forged",
        [
            {"granted": 5001},
            {"purse": "P2"},
            {"unit": "PTS"},
            {"lease": lease_id(b"another one")},
            {"epoch": "f" * 16},
            {"recalled": True},
            {"seal": "é"},
        ],
    )
    def test_what_the_centre_did_not_seal(self, sql: Any, forged: dict[str, Any]) -> None:
        leases = Leases(sql, NOW)
        assert leases.take(msgspec.structs.replace(told(), **forged), asked_ms=99_000) is Taken.FORGED
        assert leases.records == []

    @pytest.mark.parametrize(
        "odd", [{"granted": 0}, {"granted": -5}, {"lease": "L1"}, {"purse": "P" * 65}, {"unit": "yuan"}]
    )
    def test_what_could_not_stand_in_a_record(self, sql: Any, odd: dict[str, Any]) -> None:
        assert Leases(sql, NOW).take(told(**odd), asked_ms=99_000) is Taken.FORGED

    def test_a_lease_of_another_epoch(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        assert leases.take(told(epoch="f" * 16), asked_ms=99_000) is Taken.FOREIGN
        assert leases.take(told(epoch="f" * 16, recalled=True), asked_ms=None) is Taken.FOREIGN
        assert leases.records == []


class TestItsTime:
    def test_it_ends_by_the_clock_from_before_it_was_asked_for_less_the_drift(self, sql: Any) -> None:
        Leases(sql, NOW).take(told(), asked_ms=99_000)
        ends = 99_000 + 588_000
        assert Leases(sql, NOW._replace(mono_ms=ends - 1)).usable(purses=["P1"])
        late = Leases(sql, NOW._replace(mono_ms=ends))
        assert late.usable(purses=["P1"]) == []
        with pytest.raises(LeaseRefused):
            late.spend(LEASE, 1, SLIP)
        assert [each.lease for each in late.overdue(idle_ms=10**9, keep=0, limit=9)] == [LEASE]
        assert late.close(LEASE).released == 5000

    def test_one_that_comes_after_its_end_goes_back(self, sql: Any) -> None:
        assert Leases(sql, NOW).take(told(ttl_s=1), asked_ms=99_000) is Taken.CLOSED

    def test_it_is_good_in_no_other_boot_and_is_closed_there(self, sql: Any) -> None:
        Leases(sql, NOW).take(told(), asked_ms=99_000)
        after = Leases(sql, NOW._replace(boot="0000cafe", mono_ms=5))
        assert after.usable(purses=["P1"]) == []
        with pytest.raises(LeaseRefused):
            after.spend(LEASE, 1, SLIP)
        assert [each.lease for each in after.overdue(idle_ms=10**9, keep=0, limit=9)] == [LEASE]
        assert after.close(LEASE).released == 5000

    def test_one_that_nobody_uses_goes_back_but_for_a_small_one(self, sql: Any) -> None:
        Leases(sql, NOW).take(told(), asked_ms=99_000)
        later = Leases(sql, NOW._replace(mono_ms=NOW.mono_ms + 60_000))
        assert later.overdue(idle_ms=60_001, keep=0, limit=9) == []
        assert later.overdue(idle_ms=60_000, keep=5000, limit=9) == []
        assert len(later.overdue(idle_ms=60_000, keep=4999, limit=9)) == 1


class TestADiskThatWasPutBack:
    def test_its_leases_are_never_spent_or_given_back(self, sql: Any) -> None:
        leases = Leases(sql, NOW)
        leases.take(told(), asked_ms=99_000)
        assert doubt_all(sql) == 1
        assert doubt_all(sql) == 0
        assert leases.usable(purses=["P1"]) == []
        assert leases.overdue(idle_ms=0, keep=0, limit=9) == []
        for step in (lambda: leases.spend(LEASE, 1, SLIP), lambda: leases.close(LEASE)):
            with pytest.raises(LeaseRefused):
                step()
        assert leases.take(told(recalled=True), asked_ms=None) is Taken.KNOWN
        found = leases.find(LEASE)
        assert found is not None
        assert found.state == DOUBTFUL

    def test_in_a_new_epoch_those_of_the_old_one_are_neither(self, sql: Any) -> None:
        Leases(sql, NOW).take(told(), asked_ms=99_000)
        new = Leases(sql, NOW._replace(epoch="f" * 16))
        assert new.usable(purses=["P1"]) == []
        assert new.overdue(idle_ms=0, keep=0, limit=9) == []
        with pytest.raises(LeaseRefused):
            new.close(LEASE)


def test_a_closed_one_is_remembered_for_longer_than_any_backup(sql: Any) -> None:
    leases = Leases(sql, NOW)
    leases.take(told(), asked_ms=None)
    leases.take(told(lease=lease_id(b"still open")), asked_ms=99_000)
    for hours, known in ((TOMBSTONE_HOURS, True), (TOMBSTONE_HOURS + 1, False)):
        sql.execute("UPDATE money SET hours = ?", (hours,))
        forget_old(sql)
        assert (leases.find(LEASE) is not None) is known
    assert leases.find(lease_id(b"still open")) is not None


def test_a_lease_of_our_own_takes_a_top_up_and_is_spent_from(sql: Any) -> None:
    leases = Leases(sql, NOW)
    lease = leases.open_own(LEASE, purse="P1", unit="CNY", programme="value", ttl_s=100)
    assert (lease.state, lease.left) == (OPEN, 0)
    leases.top(LEASE, 3000, SLIP)
    leases.spend(LEASE, 2000, SLIP)
    assert leases.close(LEASE).released == 1000
    check_chain(leases.records, 0)


def test_a_card_uses_what_was_asked_for_with_it_and_the_purses_it_is_known_to_have(sql: Any) -> None:
    leases = Leases(sql, NOW)
    other = lease_id(b"other lease")
    leases.take(told(), asked_ms=99_000, digest=CARD)
    leases.take(told(lease=other, purse="P2"), asked_ms=98_000)
    assert [each.lease for each in leases.usable(digest=CARD)] == [LEASE]
    assert [each.lease for each in leases.usable(digest=CARD, purses=["P2"])] == [other, LEASE]
    assert leases.usable() == []
    assert leases.usable(purses=["P2', 'P1"]) == []


@given(st.integers(0, 2**32))
def test_whatever_is_tried_never_more_goes_out_than_came_in(seed: int) -> None:
    chance = random.Random(seed)
    sql = connection()
    try:
        mono = itertools.count(100_000)
        out, came_in, records = 0, 0, []
        for _ in range(30):
            leases = Leases(sql, NOW._replace(mono_ms=next(mono)))
            amount = chance.randint(1, 3000)
            sql.execute("BEGIN")
            try:
                match chance.choice(["take", "take", "spend", "spend", "spend", "top", "close", "recall"]):
                    case "take":
                        leases.take(told(), asked_ms=chance.choice([99_000, None]))
                    case "recall":
                        leases.take(told(recalled=True), asked_ms=None)
                    case "spend":
                        leases.spend(LEASE, amount, SLIP)
                    case "top":
                        leases.top(LEASE, amount, SLIP)
                    case "close":
                        leases.close(LEASE)
                sql.execute("COMMIT")
            except LeaseRefused:
                sql.execute("ROLLBACK")
                continue
            for record in leases.records:
                records.append(record)
                if record.kind in ("open", "top"):
                    came_in += record.amount
                else:
                    out += record.amount
                assert out <= came_in
        check_chain(records, 5000)
    finally:
        sql.close()
