"""The registry of figures, and the order of stores, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.reports.metrics import METRICS, TILES, Figures, change

figures = st.builds(Figures, *(st.integers(0, 10**6) for _ in range(7)))


def test_figures_of_an_hour_are_the_till_over_the_door() -> None:
    hour = Figures(visitors=20, sales=4, returns=1, revenue_minor=10_000, items_milli=4500, member_sales=1)
    assert {name: metric.of(hour) for name, metric in METRICS.items()} == {
        "visitors": 20,
        "sales": 4,
        "conversion": 0.2,
        "revenue": 10_000,
        "spend_per_visitor": 500,
        "spend_per_sale": 2500,
        "items_per_sale": pytest.approx(1.125),
        "returns": 1,
        "member_share": 0.25,
    }


@given(figures)
def test_no_figure_divides_by_nothing(some: Figures) -> None:
    for metric in METRICS.values():
        metric.of(some)
    some.visitors = some.sales = 0
    empty = [name for name, metric in METRICS.items() if metric.of(some) is None]
    assert empty == ["conversion", "spend_per_visitor", "spend_per_sale", "items_per_sale", "member_share"]


@given(figures, figures)
def test_sums_of_parts_are_the_sum(one: Figures, other: Figures) -> None:
    visitors = one.visitors + other.visitors
    one.add(other)
    assert METRICS["visitors"].of(one) == visitors


def test_a_change_needs_something_to_be_held_against() -> None:
    assert change(3, 2) == 0.5
    assert change(3, 0) is None
    assert change(None, 2) is None
    assert set(TILES) <= set(METRICS)
