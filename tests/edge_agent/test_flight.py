"""What a receipt means for the batches on their way."""

from __future__ import annotations

from edge_agent.flight import FIRST_WINDOW, LEAST_WINDOW, QUICK_MS, SLOW_MS, Flight
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
    assert going.received(Lane.COUNT, 10, 0)
    assert going.room()[Lane.COUNT] == 20


def test_a_mark_that_stands_still_begins_again_once() -> None:
    going = flight(8)
    send(going, Lane.COUNT, 4)  # the second is lost
    assert going.received(Lane.COUNT, 10, 0)
    assert not going.received(Lane.COUNT, 10, 0)
    assert going.room()[Lane.COUNT] == 10
    send(going, Lane.COUNT, 3)
    assert not going.received(Lane.COUNT, 10, 0)  # the fourth of the first time
    assert going.room()[Lane.COUNT] == 40


def test_a_late_receipt_of_an_older_mark_means_nothing() -> None:
    going = flight(8)
    send(going, Lane.COUNT, 3)
    going.received(Lane.COUNT, 20, 0)
    assert not going.received(Lane.COUNT, 10, 0)
    assert going.room()[Lane.COUNT] == 30


def test_a_mark_inside_a_batch_keeps_it_on_its_way() -> None:
    going = flight()
    send(going, Lane.COUNT, 1)
    going.received(Lane.COUNT, 4, 0)
    assert going.oldest_ms() == 0
    going.received(Lane.COUNT, 10, 0)
    assert going.oldest_ms() is None


def test_a_batch_built_before_a_new_beginning_is_not_sent() -> None:
    going = flight()
    send(going, Lane.COUNT, 2)
    going.received(Lane.COUNT, 0, 0)
    assert not going.sent(Lane.COUNT, 20, 30, 0)


def fill(flight: Flight) -> int:
    """Send counts while there is room; how many batches that were."""
    batches = 0
    while Lane.COUNT in flight.room():
        send(flight, Lane.COUNT, 1)
        batches += 1
    return batches


def test_quick_receipts_open_the_window_up_to_its_limit() -> None:
    going = flight(20)
    flying = fill(going)
    assert flying == FIRST_WINDOW - 1  # and the till's own place
    for receipt in range(1, 30):
        going.received(Lane.COUNT, 10 * receipt, QUICK_MS - 1)
        flying += fill(going) - 1
    assert flying == 20 - 1


def test_slow_receipts_close_it_but_never_quite() -> None:
    going = flight(20)
    for receipt in range(1, fill(going) + 1):
        going.received(Lane.COUNT, 10 * receipt, SLOW_MS + 1)
    assert fill(going) == LEAST_WINDOW - 1


def test_a_setting_of_one_stays_one_however_slow_the_line() -> None:
    going = flight(1)
    send(going, Lane.COUNT, 1)
    going.received(Lane.COUNT, 10, SLOW_MS + 1)
    assert fill(going) == 1
