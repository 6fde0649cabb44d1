from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from central_server.uplink.parts import facts_by_type, new_part
from sync.contract.events import Dropped, Passed, SaleCompleted
from sync.contract.ids import EventId, Lane
from sync.contract.message import Batch, Envelope, Spoiled

EPOCH = "0123456789abcdef"
SALE = SaleCompleted(till="1", receipt="7", currency="CNY", total_minor=100)


def enclosed(event: object) -> Envelope:
    return Envelope(0, True, "0badcafe", 0, event)  # type: ignore[arg-type]


EVENTS = st.lists(
    st.one_of(
        st.just(enclosed(Passed(inward=1))),
        st.just(enclosed(SALE)),
        st.integers(1, 5).map(lambda n: enclosed(Dropped(numbers=n))),
        st.just(Spoiled(b"[]", "odd")),
    ),
    min_size=1,
    max_size=12,
)


def spans(batch: Batch, first_above: int) -> list[int]:
    """Every number above the mark that the batch's events stand for, worked out the slow way."""
    return [number for number in range(batch.first, batch.last + 1) if number > first_above]


@given(EVENTS, st.integers(1, 10), st.integers(0, 40))
def test_the_new_part_is_exactly_what_is_above_the_mark(events: list, first: int, mark: int) -> None:
    batch = Batch(EPOCH, Lane.COUNT, first, events)
    part = new_part(batch, mark)
    if first > mark + 1:
        assert part is None
        return
    assert part is not None
    got: list[int] = []
    for number, each in zip(part.numbers, part.events, strict=True):
        dropped = isinstance(each, Envelope) and isinstance(each.event, Dropped)
        got += range(number, number + (each.event.numbers if dropped else 1))
    assert got == spans(batch, mark)
    assert part.last == max(mark, batch.last)
    assert part.plain == (not any(isinstance(each, Spoiled) for each in part.events))


def test_facts_carry_a_key_that_is_theirs_for_ever() -> None:
    part = new_part(Batch(EPOCH, Lane.TILL, 1, [enclosed(SALE), enclosed(SALE)]), 1)
    assert part is not None
    (fact,) = facts_by_type(part, 3, "shop", EPOCH, Lane.TILL)[SaleCompleted]
    assert fact.key == 3 << 40 | 2
    assert fact.id == EventId("shop", EPOCH, Lane.TILL, 2)


def test_facts_of_one_type_stay_in_order_and_spoiled_events_are_none() -> None:
    events = [enclosed(SALE), Spoiled(b"[]", "odd"), enclosed(Passed()), enclosed(SALE)]
    part = new_part(Batch(EPOCH, Lane.TILL, 5, events), 4)
    assert part is not None
    facts = facts_by_type(part, 1, "shop", EPOCH, Lane.TILL)
    assert {kind: [f.id.number for f in some] for kind, some in facts.items()} == {
        SaleCompleted: [5, 8],
        Passed: [7],
    }
