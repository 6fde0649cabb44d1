"""Charts: an ECharts option as data, started by static/app.js, with its figures as a table beside it.

    chart = bar_line_chart(_("Today"), hours, bars=[Series(_("Visitors"), visitors)], lines=[…])
    {{ ui.chart(chart) }}

Colours are names of CSS variables (`--chart-1` …), which app.js looks up, so charts follow light and dark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

POINTS_MAX: Final = 5000  # more cannot be told apart on a screen, and would fill the page
COLOURS: Final = tuple(f"--chart-{n}" for n in range(1, 7))


@dataclass(frozen=True)
class Series:
    """One row of figures; None is a gap, and is drawn as one."""

    name: str
    values: Sequence[float | None]
    unit: str = ""
    dashed: bool = False  # for what is compared with, as last week
    right_axis: bool = False


@dataclass(frozen=True)
class Chart:
    """What `ui.chart` draws. `option` is ECharts' own; `rows` are for those who read tables."""

    title: str
    option: dict[str, Any]
    header: Sequence[str]
    rows: Sequence[Sequence[object]] = field(default=())

    @property
    def json(self) -> str:
        """The option as JSON."""
        return json.dumps(self.option, ensure_ascii=False, separators=(",", ":"))


def bar_line_chart(
    title: str,
    categories: Sequence[str],
    bars: Sequence[Series] = (),
    lines: Sequence[Series] = (),
    *,
    stacked: bool = False,
    category_label: str = "",
    gaps: Sequence[bool] = (),
    gap_label: str = "",
) -> Chart:
    """Bars and lines over the same categories (hours, days, stores).

    Where `gaps` says so nothing was measured: those categories are shaded, and `gap_label` stands there.
    Raises ValueError when a series is not as long as the categories, or over POINTS_MAX.
    """
    series = [*bars, *lines]
    _check(categories, series)
    right = [one for one in series if one.right_axis]
    left = [one for one in series if not one.right_axis]
    option: dict[str, Any] = {
        "color": list(COLOURS),
        # The HTML tooltip writes style attributes, which our content policy forbids.
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "legend": {"top": 0, "type": "scroll", "itemWidth": 18, "itemHeight": 10, "itemGap": 18},
        "grid": {"left": 8, "right": 8, "bottom": 4, "top": 40, "outerBoundsMode": "same"},
        "xAxis": {"type": "category", "data": list(categories)},
        "yAxis": [_axis(left), _axis(right, quiet=True)] if right else [_axis(left)],
        "series": [_drawn(one, "bar", stacked) for one in bars]
        + [_drawn(one, "line", stacked=False) for one in lines],
        "aria": {"enabled": True},
    }
    if any(gaps) and option["series"]:
        option["series"][0]["markArea"] = _shaded(gaps, gap_label)
    rows = [[category, *(one.values[place] for one in series)] for place, category in enumerate(categories)]
    return Chart(title, option, [category_label, *(one.name for one in series)], rows)


def heat_chart(
    title: str,
    columns: Sequence[str],
    rows: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    name: str = "",
    gaps: Sequence[Sequence[bool]] = (),
    gap_label: str = "",
) -> Chart:
    """A heat map, as hour × weekday: `values[row][column]`; what is None is left free.

    Where `gaps` says so nothing was measured: such a cell is crossed out, and called `gap_label`.
    """
    cells = [
        [x, y, value] for y, row in enumerate(values) for x, value in enumerate(row) if value is not None
    ]
    if len(cells) > POINTS_MAX:
        raise ValueError(f"a chart of {len(cells)} points; at most {POINTS_MAX} can be told apart")
    most = max((cell[2] for cell in cells), default=0) or 1
    option: dict[str, Any] = {
        "tooltip": {"renderMode": "richText", "confine": True},
        "grid": {"left": 8, "right": 8, "bottom": 40, "top": 8, "outerBoundsMode": "same"},
        "xAxis": {"type": "category", "data": list(columns), "splitArea": {"show": True}},
        "yAxis": {"type": "category", "data": list(rows), "inverse": True, "splitArea": {"show": True}},
        "visualMap": {
            "min": 0,
            "max": most,
            "text": [f"{most:,}", "0"],
            "textStyle": {"color": "--quiet"},
            "calculable": False,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "inRange": {"color": ["--chart-low", "--chart-1"]},
        },
        "series": [{"name": name or title, "type": "heatmap", "data": cells}],
        "aria": {"enabled": True},
    }
    crossed = [[x, y] for y, row in enumerate(gaps) for x, gap in enumerate(row) if gap]
    if crossed:
        option["visualMap"]["seriesIndex"] = 0
        option["series"].append(
            {
                "name": gap_label,
                "type": "scatter",
                "symbol": "path://M0 0L10 10M10 0L0 10",
                "symbolSize": 9,
                "itemStyle": {"color": "transparent", "borderColor": "--quiet", "borderWidth": 1.5},
                "data": crossed,
            }
        )
    table: list[list[object]] = [[row, *values[y]] for y, row in enumerate(rows)]
    for x, y in crossed:
        table[y][x + 1] = gap_label
    return Chart(title, option, ["", *columns], table)


def sparkline(values: Sequence[float | None], label: str, width: int = 120, height: int = 28) -> Markup:
    """A small line without axes, as SVG drawn here; gaps stay gaps. `label` is read out."""
    if len(values) > POINTS_MAX:
        raise ValueError(f"a line of {len(values)} points; at most {POINTS_MAX} can be told apart")
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    rise = (high - low) or 1.0
    step = width / max(len(values) - 1, 1)
    path, drawing = [], False
    for place, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        y = height - 2 - (value - low) / rise * (height - 4)
        path.append(f"{'L' if drawing else 'M'}{place * step:.1f} {y:.1f}")
        drawing = True
    return Markup(
        '<svg class="sparkline" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' preserveAspectRatio="none" role="img" aria-label="{label}"><path d="{path}"/></svg>'
    ).format(width=width, height=height, label=label, path="".join(path))


def _check(categories: Sequence[str], series: Sequence[Series]) -> None:
    for one in series:
        if len(one.values) != len(categories):
            raise ValueError(f"{one.name!r} has {len(one.values)} values for {len(categories)} categories")
    if len(categories) * max(len(series), 1) > POINTS_MAX:
        raise ValueError(f"a chart of over {POINTS_MAX} points cannot be read")


def _shaded(gaps: Sequence[bool], label: str) -> dict[str, Any]:
    """Categories that follow each other, as one area each; over bars ECharts takes their whole width."""
    spans: list[list[int]] = []
    for place, gap in enumerate(gaps):
        if gap and spans and spans[-1][1] == place - 1:
            spans[-1][1] = place
        elif gap:
            spans.append([place, place])
    return {
        "silent": True,
        "itemStyle": {"color": "--chart-6", "opacity": 0.18},
        "label": {"color": "--quiet", "fontSize": 11},
        "data": [[{"name": label, "xAxis": first}, {"xAxis": last}] for first, last in spans],
    }


def _axis(series: Sequence[Series], *, quiet: bool = False) -> dict[str, Any]:
    units = {one.unit for one in series if one.unit}
    whole = all(isinstance(value, int) for one in series for value in one.values if value is not None)
    return {
        "minInterval": 1 if whole else 0,  # there is no half visitor
        "type": "value",
        "name": units.pop() if len(units) == 1 else "",
        "splitLine": {"show": not quiet},
    }


def _drawn(one: Series, kind: str, stacked: bool) -> dict[str, Any]:
    drawn: dict[str, Any] = {"name": one.name, "type": kind, "data": list(one.values)}
    if one.right_axis:
        drawn["yAxisIndex"] = 1
    if kind == "bar":
        drawn["barMaxWidth"] = 28
        drawn |= {"stack": "all"} if stacked else {"itemStyle": {"borderRadius": [3, 3, 0, 0]}}
    else:
        drawn |= {"showSymbol": False, "connectNulls": False}
        if one.dashed:
            drawn |= {"lineStyle": {"type": "dashed", "width": 1.5}, "itemStyle": {"opacity": 0.85}}
    return drawn
