"""How much larger people are farther down in the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.camera.growth import MOST, Walked, growth, growth_of


def walk(grows: float, first_y: float, last_y: float, size: float = 20.0, *, off: float = 1.0) -> Walked:
    """Somebody on a floor on which people grow so; `off` times what they should be at the end of it."""
    at = [size * (1 + grows * (y - 0.5)) for y in (first_y, last_y)]
    return Walked(first_y, at[0], last_y, at[1] * off)


@given(
    st.floats(-MOST, MOST),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(2, 200),
)
def test_each_who_walks_up_or_down_says_it_whatever_their_own_size(
    grows: float, first: float, last: float, size: float
) -> None:
    said = growth_of(walk(grows, first, last, size))
    if said is None:
        assert abs(last - first) < 0.09
    else:
        assert said == pytest.approx(grows, abs=1e-6)


def test_who_walks_to_the_side_says_nothing() -> None:
    assert growth_of(walk(1.0, 0.5, 0.55)) is None


def test_who_shrinks_or_grows_more_than_any_floor_could_make_them_says_the_most() -> None:
    assert growth_of(Walked(0.1, 10, 0.3, 90)) == MOST
    assert growth_of(Walked(0.1, 90, 0.3, 10)) == -MOST


def test_of_many_the_middle_one_counts() -> None:
    friends_left = [(walk(1.0, 0.2, 0.8, off=off), 1.0) for off in (0.5, 1.9)]
    assert growth([(walk(1.0, 0.2, 0.8), 1.0)] * 5 + friends_left) == pytest.approx(1.0)


def test_who_walked_farther_or_was_seen_longer_says_more() -> None:
    far, near = walk(1.0, 0.2, 0.8), walk(0.4, 0.4, 0.5)
    assert growth([(far, 1.0)] * 3 + [(near, 1.0)] * 6) == pytest.approx(1.0)
    assert growth([(far, 1.0)] * 3 + [(near, 20.0)] * 6) == pytest.approx(0.4)


def test_few_say_nothing() -> None:
    assert growth([(walk(1.0, 0.2, 0.8), 1.0)] * 4 + [(walk(1.0, 0.5, 0.55), 1.0)] * 9) is None
    assert growth([]) is None


def test_there_is_none_where_a_good_part_does_not_agree() -> None:
    assert growth([(walk(1.0, 0.2, 0.8), 1.0)] * 6 + [(walk(-0.5, 0.2, 0.8), 1.0)] * 4) == 0.0


def test_nobody_grows_towards_the_top() -> None:
    assert growth([(walk(-1.0, 0.2, 0.8), 1.0)] * 9) == 0.0
