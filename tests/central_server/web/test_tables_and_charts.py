"""Rows as CSV, and figures as charts."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from central_server.web.charts import Series, bar_line_chart, heat_chart, sparkline
from central_server.web.formats import change, money, number, percent
from central_server.web.tables import cell, csv_response, page_of, query_with, rows_wanted, sort_link


async def rows_of(rows: Sequence[Sequence[object]]) -> AsyncIterator[Sequence[object]]:
    for row in rows:
        yield row


async def text_of(rows: Sequence[Sequence[object]], **options: object) -> str:
    response = csv_response("会员.csv", ["名字", "n"], rows_of(rows), **options)  # type: ignore[arg-type]
    return "".join([str(chunk) async for chunk in response.body_iterator])


async def test_a_csv_begins_so_that_excel_reads_chinese_and_runs_nothing() -> None:
    text = await text_of([["=1+1", -5], ["@SUM(A1)", None], ["+86 138", "+8613800138000"], ["-12.50", True]])
    assert text[0] == "\ufeff"
    assert list(csv.reader(io.StringIO(text[1:]))) == [
        ["名字", "n"],
        ["'=1+1", "-5"],
        ["'@SUM(A1)", ""],
        ["'+86 138", "+8613800138000"],
        ["-12.50", "1"],
    ]


async def test_a_csv_that_is_cut_says_so_in_its_last_line() -> None:
    text = await text_of([[n, n] for n in range(5)], rows_max=3)
    assert text.count("\n") == 5
    assert "at most 3 rows" in text.splitlines()[-1]
    assert "at most" not in await text_of([[n, n] for n in range(3)], rows_max=3)


async def test_the_name_of_the_file_may_be_chinese() -> None:
    response = csv_response("会员.csv", ["a"], rows_of([]))
    assert "filename*=UTF-8''%E4%BC%9A%E5%91%98.csv" in response.headers["content-disposition"]


@given(st.text())
def test_no_text_is_left_that_a_spreadsheet_would_run(text: str) -> None:
    written = str(cell(text))
    assert written[:1] not in ("=", "@", "\t", "\r")
    if written[:1] in ("+", "-"):
        assert float(written) is not None


def test_a_heading_sorts_and_turns_round_and_goes_back_to_the_first_rows() -> None:
    once = sort_link(QueryParams("q=x&after=9"), "name")
    assert (once.href, once.direction) == ("?q=x&sort=name", "none")
    again = sort_link(QueryParams("sort=name"), "name")
    assert (again.href, again.direction) == ("?sort=-name", "ascending")
    assert query_with(QueryParams("a=1&b=2"), a=None, c="ä") == "?b=2&c=%C3%A4"


def test_a_page_leads_on_only_when_there_is_more() -> None:
    assert page_of([1, 2, 3], 2, "2").next == "2"
    assert page_of([1, 2], 2, "2").next is None
    assert [rows_wanted(n) for n in (None, 0, 20, 10_000)] == [50, 1, 20, 500]


def test_amounts_and_numbers_are_written_for_people() -> None:
    assert [
        money(-123450, "CNY"),
        money(5, "EUR"),
        money(1000, "JPY"),
        money(100, "CHF"),
        money(None, "CNY"),
    ] == [
        "-¥1,234.50",
        "€0.05",
        "¥1,000",
        "CHF 1.00",
        "–",
    ]
    assert [number(1234.5, 1), percent(0.1234), change(0.05), change(-0.5, 0), number(None)] == [
        "1,234.5",
        "12.3%",
        "+5.0%",
        "-50%",
        "–",
    ]


def test_a_chart_is_data_with_its_figures_as_a_table() -> None:
    chart = bar_line_chart(
        "Today",
        ["8", "9"],
        bars=[Series("Visitors", [3, None])],
        lines=[Series("Conversion", [0.1, 0.2], unit="%", right_axis=True)],
        category_label="Hour",
    )
    assert list(chart.header) == ["Hour", "Visitors", "Conversion"]
    assert chart.rows == [["8", 3, 0.1], ["9", None, 0.2]]
    assert chart.option["series"][1]["yAxisIndex"] == 1
    assert chart.option["tooltip"]["renderMode"] == "richText"
    assert '"data":[3,null]' in chart.json
    with pytest.raises(ValueError, match="2 categories"):
        bar_line_chart("x", ["1", "2"], bars=[Series("a", [1])])
    heat = heat_chart("Week", ["8", "9"], ["Mon"], [[1, None]])
    assert heat.option["series"][0]["data"] == [[0, 0, 1]]


def test_a_sparkline_leaves_a_gap_where_nothing_is_known_and_escapes_its_label() -> None:
    line = sparkline([1, 2, None, 4, 4], '"><b>')
    assert line.count("M") == 2
    assert "<b>" not in line
    assert "NaN" not in sparkline([], "none")


def test_what_was_not_measured_is_shaded_and_neighbours_are_one_area() -> None:
    gaps = [True, False, True, True, False]
    chart = bar_line_chart(
        "Day", list("abcde"), [Series("In", [None, 1, None, None, 2])], gaps=gaps, gap_label="gap"
    )
    areas = chart.option["series"][0]["markArea"]["data"]
    assert areas == [[{"name": "gap", "xAxis": 0}, {"xAxis": 0}], [{"name": "gap", "xAxis": 2}, {"xAxis": 3}]]
    assert "markArea" not in bar_line_chart("Day", ["a"], [Series("In", [1])]).option["series"][0]


def test_a_heat_map_crosses_out_what_was_not_measured() -> None:
    gaps = [[False, True], [False, False]]
    chart = heat_chart("Stay", ["09", "10"], ["a", "b"], [[5, None], [None, 7]], gaps=gaps, gap_label="gap")
    heat, crosses = chart.option["series"]
    assert (heat["data"], crosses["data"]) == ([[0, 0, 5], [1, 1, 7]], [[1, 0]])
    assert chart.option["visualMap"]["seriesIndex"] == 0  # a cross has no temperature
    assert chart.rows == [["a", 5, "gap"], ["b", None, 7]]
