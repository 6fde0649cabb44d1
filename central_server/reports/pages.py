"""The overview for people at head office: how the stores do today, against the same weekday last week."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from central_server.reports import reconciliation_pages
from central_server.reports.metrics import METRICS, Metric
from central_server.reports.overview import Overview, overview
from central_server.sales.choice import chosen, note_export
from central_server.web import formats
from central_server.web.charts import Chart, Series, bar_line_chart, sparkline
from central_server.web.deps import ReadDb, Viewer, needs, now_ms, options_of
from central_server.web.render import page
from central_server.web.tables import csv_response, sort_link
from central_server.web.text import N_, words
from sync.contract.money import exponent

router = APIRouter(include_in_schema=False)
router.include_router(reconciliation_pages.router)
Reader = Annotated[Viewer, Depends(needs("overview.read"))]
Exporter = Annotated[Viewer, Depends(needs("overview.read", "export"))]
Sort = Annotated[str, Query(max_length=40)]
DEFAULT_SORT = "-revenue"


@router.get("/")
async def overview_page(request: Request, viewer: Reader, db: ReadDb, sort: Sort = DEFAULT_SORT) -> Response:
    choice = await chosen(request, db, viewer)
    seen = await overview(db, choice, sort=sort, now_ms=now_ms(request))
    say = words(viewer.lang).gettext
    tiles = [
        (tile, shown(tile.metric, tile.value, seen.currency), sparkline(tile.spark, say(tile.metric.label)))
        for tile in seen.tiles
    ]
    heads = [
        (metric, sort_link(request.query_params, metric.id, DEFAULT_SORT)) for metric in METRICS.values()
    ]
    return page(
        request,
        viewer,
        "reports/overview.html",
        choice=choice,
        view=seen,
        tiles=tiles,
        chart=_chart(seen, viewer.lang),
        heads=heads,
        store_head=sort_link(request.query_params, "store", DEFAULT_SORT),
        shown=shown,
        is_today=choice.last == choice.today,
    )


@router.get("/overview.csv")
async def overview_csv(request: Request, viewer: Exporter, db: ReadDb, sort: Sort = DEFAULT_SORT) -> Response:
    say = words(viewer.lang).gettext
    choice = await chosen(request, db, viewer)
    seen = await overview(db, choice, sort=sort, now_ms=now_ms(request))
    await note_export(request, viewer, N_("overview"), choice)

    async def lines() -> AsyncIterator[list[object]]:
        for row in seen.league:
            values = [plain(metric, row.values[metric.id], seen.currency) for metric in METRICS.values()]
            yield [row.store.id, row.store.name, seen.currency, *values, round(row.coverage, 4)]

    header = [say(N_("Store")), say(N_("Name")), say(N_("Currency"))]
    header += [say(metric.label) for metric in METRICS.values()] + [say(N_("Coverage"))]
    rows_max = options_of(request).export_rows_max
    return csv_response("overview.csv", header, lines(), rows_max=rows_max, lang=viewer.lang)


def shown(metric: Metric, value: float | None, currency: str) -> str:
    """A figure as people read it; a dash where there is none."""
    if metric.unit == "money":
        return formats.money(None if value is None else round(value), currency)
    if metric.unit == "share":
        return formats.percent(value)
    return formats.number(value, 2 if metric.unit == "items" else 0)


def plain(metric: Metric, value: float | None, currency: str) -> float | None:
    """A figure as a spreadsheet reads it: money in whole units."""
    if value is None:
        return None
    return round(value / 10 ** exponent(currency), 4) if metric.unit == "money" else round(value, 6)


def _chart(seen: Overview, lang: str) -> Chart:
    say = words(lang).gettext
    conversion, visitors, sales = (METRICS[name] for name in ("conversion", "visitors", "sales"))
    shares = [row.value(conversion) for row in seen.hours]
    before = say(N_("Visitors, %(n)s days before")) % {"n": seen.back_days}
    return bar_line_chart(
        say(N_("By hour")),
        [f"{row.hour:02}:00" for row in seen.hours],
        bars=[
            Series(say(visitors.label), [row.value(visitors) for row in seen.hours]),
            Series(say(sales.label), [row.value(sales) for row in seen.hours]),
        ],
        lines=[
            Series(before, [row.before.visitors for row in seen.hours], dashed=True),
            Series(
                say(conversion.label),
                [None if share is None else round(share * 100, 1) for share in shares],
                unit="%",
                right_axis=True,
            ),
        ],
        category_label=say(N_("Hour")),
        gaps=[row.gap for row in seen.hours],
        gap_label=say(N_("not counted")),
    )
