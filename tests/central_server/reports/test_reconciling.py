"""What stores recorded of members' money, held against their receipts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from central_server.reports.reconciling import (
    AGREES,
    NO_RECEIPT,
    NO_RECORD,
    OTHER_AMOUNT,
    Paid,
    reconcile,
)

NEIGHBOURS = {20261121: (20261120, 20261122), 20261122: (20261121, 20261123), 20261123: (20261122, 20261124)}
sides = st.lists(
    st.builds(
        Paid,
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(sorted(NEIGHBOURS)),
        st.just("CNY"),
        st.sampled_from(["", "t1"]),
        st.sampled_from(["", "R1", "R2"]),
        st.integers(-500, 500),
    ),
    max_size=12,
)


def paid(receipt: str, amount: int, day: int = 20261122, till: str = "t1", store: str = "s1") -> Paid:
    return Paid(store, day, "CNY", till, receipt, amount)


def test_each_difference_has_its_name() -> None:
    recorded = [paid("R1", 1_000), paid("R2", 500), paid("R2", -200), paid("R3", 700), paid("", 50)]
    tendered = [paid("R1", 1_000), paid("R2", 300), paid("R3", 650), paid("R4", 90)]
    [day], found = reconcile(recorded, tendered, NEIGHBOURS)
    assert (day.recorded, day.tendered, day.difference) == (2_050, 2_040, 10)
    assert day.counts == {AGREES: 2, OTHER_AMOUNT: 1, NO_RECORD: 1, NO_RECEIPT: 1}
    assert [(one.receipt, one.recorded, one.tendered, one.why) for one in found] == [
        ("", 50, 0, NO_RECEIPT),
        ("R3", 700, 650, OTHER_AMOUNT),
        ("R4", 0, 90, NO_RECORD),
    ]


def test_a_receipt_just_over_midnight_or_of_another_till_is_the_same_receipt() -> None:
    days, found = reconcile(
        [paid("R1", 100, day=20261123), paid("R2", 200, till="")],
        [paid("R1", 100), paid("R2", 200)],
        NEIGHBOURS,
    )
    assert found == []
    assert [(day.day, day.recorded, day.tendered) for day in days] == [(20261122, 300, 300)]


def test_receipts_without_a_number_are_matched_by_day_and_till_only() -> None:
    _, found = reconcile([paid("", 100, day=20261121)], [paid("", 100)], NEIGHBOURS)
    assert {one.why for one in found} == {NO_RECORD, NO_RECEIPT}


@given(sides, sides)
def test_the_days_add_up_to_both_sides_and_the_differences_explain_all(
    recorded: list[Paid], tendered: list[Paid]
) -> None:
    days, found = reconcile(recorded, tendered, NEIGHBOURS)
    assert sum(day.recorded for day in days) == sum(one.amount for one in recorded)
    assert sum(day.tendered for day in days) == sum(one.amount for one in tendered)
    assert sum(day.difference for day in days) == sum(one.recorded - one.tendered for one in found)
    assert sum(sum(day.counts.values()) - day.counts.get(AGREES, 0) for day in days) == len(found)


@given(sides)
def test_both_sides_the_same_differ_nowhere(some: list[Paid]) -> None:
    assert reconcile(some, some, NEIGHBOURS)[1] == []
