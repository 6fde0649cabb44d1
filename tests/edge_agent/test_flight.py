"""What a receipt means for the batches on their way."""

from __future__ import annotations

from edge_agent.flight import Flight
from sync.contract.ids import Lane


def flight(window: int = 3) -> Flight:
    return Flight(window, dict.fromkeys(Lane, 0))


def send(flight: Flight, lane: Lane, batches: int, size: int = 10) -> None:
    for _ in range(batches):
        after = flight.room()[lane]
        assert flight.sent(lane, after, after + size, 0)


def test_one_place_of_the_window_is_the_tills_alone() -> None:
    full = flight()
    send(full, Lane.COUNT, 2)
    assert full.room() == {Lane.TILL: 0}
    send(full, Lane.TILL, 1)
    assert full.room() == {}


def test_a_window_of_one_serves_every_lane() -> None:
    assert set(flight(1).room()) == set(Lane)


def test_receipts_in_order_make_room() -> None:
    going = flight()
    send(going, Lane.COUNT, 2)
    assert going.received(Lane.COUNT, 10)
    assert going.room()[Lane.COUNT] == 20


def test_a_mark_that_stands_still_begins_again_once() -> None:
    going = flight(8)
    send(going, Lane.COUNT, 4)  # the second is lost
    assert going.received(Lane.COUNT, 10)
    assert not going.received(Lane.COUNT, 10)
    assert going.room()[Lane.COUNT] == 10
    send(going, Lane.COUNT, 3)
    assert not going.received(Lane.COUNT, 10)  # the fourth of the first time
    assert going.room()[Lane.COUNT] == 40


def test_a_late_receipt_of_an_older_mark_means_nothing() -> None:
    going = flight(8)
    send(going, Lane.COUNT, 3)
    going.received(Lane.COUNT, 20)
    assert not going.received(Lane.COUNT, 10)
    assert going.room()[Lane.COUNT] == 30


def test_a_mark_inside_a_batch_keeps_it_on_its_way() -> None:
    going = flight()
    send(going, Lane.COUNT, 1)
    going.received(Lane.COUNT, 4)
    assert going.oldest_ms() == 0
    going.received(Lane.COUNT, 10)
    assert going.oldest_ms() is None


def test_a_batch_built_before_a_new_beginning_is_not_sent() -> None:
    going = flight()
    send(going, Lane.COUNT, 2)
    going.received(Lane.COUNT, 0)
    assert not going.sent(Lane.COUNT, 20, 30, 0)
