"""Who belongs to whom."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.camera.assignment import assign

LIMIT = 10.0


def test_the_cheapest_pairs_in_all_are_found_not_the_first_that_fit() -> None:
    assert sorted(assign([[1.0, 2.0], [1.0, 5.0]], LIMIT)) == [(0, 1), (1, 0)]


def test_nobody_is_paired_beyond_the_limit() -> None:
    assert assign([[11.0]], LIMIT) == []
    assert assign([], LIMIT) == []
    assert assign([[]], LIMIT) == []


@given(
    st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.floats(0, 9), min_size=columns, max_size=columns), min_size=1, max_size=4
        )
    )
)
def test_no_other_way_is_cheaper(costs: list[list[float]]) -> None:
    rows, columns = len(costs), len(costs[0])
    pairs = assign(costs, LIMIT)
    assert len(pairs) == min(rows, columns)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    if rows <= columns:
        ways = [list(enumerate(order)) for order in permutations(range(columns), rows)]
    else:
        ways = [[(row, column) for column, row in enumerate(o)] for o in permutations(range(rows), columns)]
    cheapest = min(sum(costs[row][column] for row, column in way) for way in ways)
    assert abs(sum(costs[row][column] for row, column in pairs) - cheapest) < 1e-6
