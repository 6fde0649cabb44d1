"""Receipts and members' money side by side, without a disk."""

from __future__ import annotations

from typing import Any

from edge_agent.sheet import ALONE_MAX, Sheet
from sync.contract.events import LeaseRecord, SaleCompleted, Tender


def sold(receipt: str, *tenders: tuple[str, int], change: int = 0, currency: str = "CNY") -> SaleCompleted:
    total = sum(amount for _, amount in tenders) - change
    return SaleCompleted(
        till="1",
        receipt=receipt,
        currency=currency,
        total_minor=total,
        tenders=tuple(Tender(*each) for each in tenders),
        change_minor=change,
    )


def record(kind: Any, amount: int, *, unit: str = "CNY", receipt: str = "", txn: str = "t") -> LeaseRecord:
    return LeaseRecord(
        lease="L",
        number=1,
        kind=kind,
        purse="P",
        unit=unit,
        amount=amount,
        mac="m",
        till="1",
        txn=txn,
        receipt=receipt,
    )


def sheet_of(*facts: SaleCompleted | LeaseRecord) -> Sheet:
    sheet = Sheet()
    for fact in facts:
        if isinstance(fact, SaleCompleted):
            sheet.sale(fact, 7)
        else:
            sheet.record(fact, 7)
    return sheet


def test_a_payment_and_its_receipt_agree() -> None:
    sheet = sheet_of(record("spend", 3_000), sold("001", ("value", 3_000), ("cash", 1_000), change=500))
    assert (sheet.difference("CNY"), sheet.printed, sheet.paid) == (0, [], [])
    taken = sheet.taken_in("CNY")
    assert (taken.receipts, taken.total, taken.cash, taken.value) == (1, 3_500, 500, 3_000)


def test_a_payment_of_several_purses_is_one_payment_and_so_is_its_return() -> None:
    sheet = sheet_of(
        record("spend", 2_000, txn="a"),
        record("spend", 1_000, txn="a"),
        record("spend", 54, txn="a", unit="PTS"),
        record("spend", 500, txn="b"),
        record("refund", 1_000, txn="c"),
        record("refund", 2_000, txn="c"),
        record("spend", 1),
        record("spend", 1),
    )
    moved = sheet.moved_in("CNY")
    assert (moved.payments, moved.paid, moved.refunds, moved.refunded) == (3, 3_502, 1, 3_000)
    assert sheet.moved_in("PTS").payments == 1


def test_the_tenders_of_receipts_add_up_to_their_total() -> None:
    sheet = sheet_of(
        sold("1", ("card", 900), ("mobile", 50), ("cash", 100), change=20),
        sold("2", ("voucher", 5), ("other", 7), ("card", -100)),
    )
    taken = sheet.taken_in("CNY")
    assert taken.others == {"card": 800, "mobile": 50, "other": 12}
    assert taken.cash + taken.value + sum(taken.others.values()) == taken.total


def test_a_receipt_paid_by_two_purses_meets_both_by_its_number() -> None:
    sheet = sheet_of(
        record("spend", 2_000, receipt="9"), record("spend", 1_000, receipt="9"), sold("9", ("value", 3_000))
    )
    assert (sheet.difference("CNY"), sheet.printed, sheet.paid) == (0, [], [])


def test_a_payment_that_names_its_receipt_never_meets_another_of_the_same_amount() -> None:
    sheet = sheet_of(record("spend", 500, receipt="2", txn="A"), sold("1", ("value", 500)))
    assert [each.receipt for each in sheet.printed] == ["1"]
    assert [(each.txn, each.amount) for each in sheet.paid] == [("A", 500)]
    assert sheet.difference("CNY") == 0  # the sums agree, and yet somebody has to look


def test_a_refund_meets_the_return_and_not_a_sale() -> None:
    sheet = sheet_of(
        record("refund", 500), sold("1", ("value", 500)), sold("2", ("value", -500)), record("spend", 500)
    )
    assert (sheet.printed, sheet.paid, sheet.difference("CNY")) == ([], [], 0)
    assert (sheet.moved_in("CNY").refunded, sheet.moved_in("CNY").net) == (500, 0)


def test_top_ups_are_cash_in_the_drawer_and_on_no_receipt() -> None:
    sheet = sheet_of(record("top", 10_000), sold("1", ("cash", 2_000), change=300))
    assert sheet.cash("CNY") == 11_700
    assert (sheet.paid, sheet.difference("CNY")) == ([], 0)


def test_points_are_counted_and_looked_for_on_no_paper() -> None:
    sheet = sheet_of(record("spend", 120, unit="PTS"), sold("1", ("cash", 100), currency="EUR"))
    assert sheet.moved_in("PTS").paid == 120
    assert sheet.paid == []
    assert sheet.units == ["EUR", "PTS"]


def test_opening_and_closing_a_lease_is_no_money_of_the_cashiers() -> None:
    assert sheet_of(record("open", 9_000), record("close", 9_000)).moved == {}


def test_what_meets_nothing_is_listed_up_to_a_limit_and_counted_beyond() -> None:
    sheet = sheet_of(*(sold(str(n), ("value", 100)) for n in range(ALONE_MAX + 5)))
    assert (len(sheet.printed), sheet.unlisted) == (ALONE_MAX, 5)
    assert sheet.difference("CNY") == 100 * (ALONE_MAX + 5)


def test_a_top_up_by_another_tender_is_no_cash_in_the_drawer() -> None:
    sheet = Sheet()
    sheet.record(record("top", 10_000), 7, "card")
    sheet.record(record("top", 500), 7)
    moved = sheet.moved_in("CNY")
    assert (moved.tops, moved.topped, moved.elsewhere, sheet.cash("CNY")) == (2, 500, 10_000, 500)
