"""Every figure that reports show: its name, formula, unit and grain. Pure.

This one table drives the overview, the API, the files' headings and the manual, so that a figure means the
same wherever it stands. A ratio of nothing is no figure (None, shown as a dash), never zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from central_server.web.text import N_

Unit = Literal["count", "share", "money", "items"]


@dataclass(slots=True)
class Figures:
    """What was counted and taken in some time, somewhere; they add up."""

    visitors: int = 0
    sales: int = 0
    returns: int = 0
    revenue_minor: int = 0
    items_milli: int = 0
    member_sales: int = 0
    member_revenue_minor: int = 0
    uncounted_sales: int = 0  # of these, on days on which the store counted no visitor
    uncounted_revenue_minor: int = 0

    def add(self, other: Figures) -> None:
        self.visitors += other.visitors
        self.sales += other.sales
        self.returns += other.returns
        self.revenue_minor += other.revenue_minor
        self.items_milli += other.items_milli
        self.member_sales += other.member_sales
        self.member_revenue_minor += other.member_revenue_minor
        self.uncounted_sales += other.uncounted_sales
        self.uncounted_revenue_minor += other.uncounted_revenue_minor


@dataclass(frozen=True)
class Metric:
    """One figure. `label` and `formula` are msgids; money is in minor units, perhaps with a fraction."""

    id: str
    label: str
    formula: str
    unit: Unit
    of: Callable[[Figures], float | None]
    grain: str = "store, hour"


def ratio(over: float, under: float) -> float | None:
    """`over` ÷ `under`; None when there is nothing to divide by."""
    return over / under if under > 0 else None


_METRICS = (
    Metric("visitors", N_("Visitors"), N_("people who came in"), "count", lambda f: f.visitors),
    Metric("sales", N_("Sales"), N_("receipts that are no returns"), "count", lambda f: f.sales),
    Metric(
        "conversion",
        N_("Conversion"),
        N_("sales ÷ visitors, of stores and days with visitors counted"),
        "share",
        lambda f: ratio(f.sales - f.uncounted_sales, f.visitors),
    ),
    Metric("revenue", N_("Revenue"), N_("totals of sales less returns"), "money", lambda f: f.revenue_minor),
    Metric(
        "spend_per_visitor",
        N_("Spend per visitor"),
        N_("revenue ÷ visitors, of stores and days with visitors counted"),
        "money",
        lambda f: ratio(f.revenue_minor - f.uncounted_revenue_minor, f.visitors),
    ),
    Metric(
        "spend_per_sale",
        N_("Spend per sale"),
        N_("revenue ÷ sales"),
        "money",
        lambda f: ratio(f.revenue_minor, f.sales),
    ),
    Metric(
        "items_per_sale",
        N_("Items per sale"),
        N_("items sold less returned ÷ sales"),
        "items",
        lambda f: ratio(f.items_milli / 1000, f.sales),
    ),
    Metric("returns", N_("Returns"), N_("receipts with a total below zero"), "count", lambda f: f.returns),
    Metric(
        "member_share",
        N_("Share of members"),
        N_("sales to members ÷ sales"),
        "share",
        lambda f: ratio(f.member_sales, f.sales),
    ),
)
METRICS: Final[dict[str, Metric]] = {metric.id: metric for metric in _METRICS}
TILES: Final = ("visitors", "sales", "conversion", "revenue", "spend_per_visitor", "spend_per_sale")


def change(now: float | None, before: float | None) -> float | None:
    """By which part a figure rose; None when there is nothing to hold it against."""
    return None if now is None or not before else now / before - 1
