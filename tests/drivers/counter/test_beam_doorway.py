"""Who went through the doorway, told by rows of (ms, beam, broken)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.beam import DRIVER
from drivers.counter.beam.protocol import Edge, encode_edge, encode_edges
from drivers.decode import decode_stream

IN = [(0, "A", 1), (120, "B", 1), (350, "A", 0), (480, "B", 0)]
OUT = [(t, "BA"["AB".index(beam)], broken) for t, beam, broken in IN]


def told(rows: list[tuple[int, str, int]], **options: Any) -> list[dict[str, Any]]:
    data = encode_edges(Edge(t, beam, bool(broken)) for t, beam, broken in rows)
    return [one for one in decode_stream(DRIVER, options, [data]) if "/" in one["type"]]


def net(rows: list[tuple[int, str, int]], **options: Any) -> tuple[int, int]:
    passed = [one for one in told(rows, **options) if one["type"] == "passed/1"]
    return sum(one.get("inward", 0) for one in passed), sum(one.get("outward", 0) for one in passed)


def test_in_is_in_and_out_is_out_and_swap_changes_them() -> None:
    assert net(IN) == (1, 0)
    assert net(OUT) == (0, 1)
    assert net(IN, swap=True) == (0, 1)
    assert net(OUT, swap=True) == (1, 0)


@pytest.mark.parametrize("write", ["%s%d\n", "%s %d\r\n", "%s=%d\n", "%s,%d\n"])
def test_lines_without_a_time_count_by_their_arrival(write: str) -> None:
    decoder = DRIVER.decoder(DRIVER.options())
    heard = []
    for t, beam, broken in IN:
        heard += decoder.feed((write % (beam, broken)).encode(), 5_000 + t)
    while decoder.wake_at_ms is not None:
        heard += decoder.wake(decoder.wake_at_ms)
    assert [getattr(one.what, "inward", None) for one in heard].count(1) == 1


def test_hesitating_before_the_second_beam_is_sure_and_close_behind_is_not() -> None:
    hesitating = [(0, "A", 1), (100, "B", 1), (300, "B", 0), (500, "B", 1), (700, "A", 0), (900, "B", 0)]
    assert [one.get("unsure", False) for one in told(hesitating)] == [False]
    behind = [*IN[:3], (400, "A", 1), (480, "B", 0), (560, "B", 1), (700, "A", 0), (800, "B", 0)]
    assert [one.get("unsure", False) for one in told(behind)] == [True]


def test_a_box_in_the_doorway_is_blocked_then_clear_and_nobody() -> None:
    box = [(0, "A", 1), (120, "B", 1), (60_120, "A", 0), (60_250, "B", 0)]
    assert [one["state"] for one in told(box)] == ["blocked", "clear"]
    assert net([*box, *((t + 70_000, beam, broken) for t, beam, broken in IN)]) == (1, 0)


def test_a_clock_that_starts_again_is_no_harm() -> None:
    late = [(t + 900_000, beam, broken) for t, beam, broken in IN]
    assert net([*late, *IN]) == (2, 0)


@given(st.lists(st.sampled_from([IN, OUT]), max_size=8), st.integers(25, 400))
def test_a_row_of_people_is_counted_whatever_their_pace(people: list[Any], pace_ms: int) -> None:
    rows, now_ms = [], 0
    for person in people:
        for _, beam, broken in person:
            now_ms += pace_ms
            rows.append((now_ms, beam, broken))
    assert net(rows) == (people.count(IN), people.count(OUT))


@given(st.lists(st.tuples(st.integers(1, 19), st.sampled_from("AB"), st.booleans()), max_size=60))
def test_flicker_shorter_than_the_debouncing_never_counts(flicker: list[tuple[int, str, bool]]) -> None:
    rows, now_ms = [], 0
    for gap_ms, beam, _ in flicker:
        now_ms += 100
        rows += [(now_ms, beam, 1), (now_ms + gap_ms, beam, 0)]
    assert told(rows) == []


def test_an_edge_is_written_as_it_is_read() -> None:
    assert encode_edge(Edge(120, "A", True)) == b"120 A 1\n"
    assert encode_edge(Edge(None, "B", False)) == b"B 0\n"


@pytest.mark.parametrize("write", ["%d,%s,%d\n", "%d.75 %s %d\n", "%d; %s;%d\r\n", '[%d.5, "%s", %d]'])
def test_the_time_may_have_a_fraction_and_commas_behind_it(write: str) -> None:
    data = "".join(write % edge for edge in IN).encode()
    last = list(decode_stream(DRIVER, {}, [data]))[-2]
    assert (last["count_in"], last["duration_ms"]) == (1, 480)


def test_the_last_word_sums_up_even_when_nobody_passed() -> None:
    def last(rows: list[tuple[int, str, int]]) -> dict[str, Any]:
        data = encode_edges(Edge(t, beam, bool(broken)) for t, beam, broken in rows)
        said = list(decode_stream(DRIVER, {}, [data]))[-1]
        return {key: value for key, value in said.items() if key not in ("at_byte", "type")}

    assert last([]) == {"count_in": 0, "count_out": 0, "ambiguous": False}
    box = [*IN, (900, "A", 1), (60_900, "A", 0)]
    assert last(box) == {"count_in": 1, "count_out": 0, "ambiguous": False, "fault": "blocked"}
