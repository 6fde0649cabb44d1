"""Figures as JSON, named by the metric registry."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from central_server.calendar import calendar_of
from central_server.errors import Invalid, NotFound
from central_server.reports import reconciliation_api
from central_server.reports.metrics import METRICS, Figures
from central_server.reports.overview import overview
from central_server.sales.choice import DAYS_MAX, Choice
from central_server.stores import service as stores
from central_server.web.deps import ReadDb, Viewer, needs, now_ms, options_of
from central_server.web.text import N_, words

router = APIRouter(
    prefix="/api/reports",
    tags=["reports"],
    responses={
        400: {"description": "the request cannot be read"},
        401: {"description": "nobody is signed in"},
        403: {"description": "a right is missing"},
        404: {"description": "there is no such store"},
    },
)
router.include_router(reconciliation_api.router)
Reader = Annotated[Viewer, Depends(needs("overview.read"))]


class MetricOut(BaseModel):
    id: str
    label: str
    formula: str
    unit: str = Field(description="count, share (0..1), money (minor units) or items")
    grain: str


class ValueOut(BaseModel):
    value: float | None = Field(description="null where there is nothing to divide by")
    change: float | None = Field(default=None, description="against the same hours `back_days` before")


class HourOut(BaseModel):
    hour: int
    values: dict[str, float | None] | None = Field(description="null: not come yet")
    before: dict[str, float | None]
    gap: bool = Field(description="counters were out for most of it: what rests on visitors may be null")


class StoreOut(BaseModel):
    store: str
    name: str
    coverage: float = Field(description="the part 0..1 of the time in which counters counted")
    values: dict[str, ValueOut]


class OverviewOut(BaseModel):
    currency: str
    other_currencies: list[str] = Field(description="taken too, and not in revenue")
    back_days: int
    coverage: float = Field(description="that of the store with the lowest")
    total: dict[str, ValueOut]
    hours: list[HourOut]
    stores: list[StoreOut]


@router.get("/metrics")
async def list_metrics(viewer: Reader) -> list[MetricOut]:
    """Every figure that reports know, in the viewer's language."""
    say = words(viewer.lang).gettext
    return [
        MetricOut(id=m.id, label=say(m.label), formula=say(m.formula), unit=m.unit, grain=m.grain)
        for m in METRICS.values()
    ]


@router.get("/overview")
async def get_overview(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    first: Annotated[date | None, Query(description="first day; the last if not given")] = None,
    last: Annotated[date | None, Query(description="last day; today if not given")] = None,
    store: Annotated[list[str] | None, Query(max_length=100, description="all if not given")] = None,
    org: Annotated[int | None, Query(ge=1, le=2**31, description="a group or company")] = None,
    sort: Annotated[
        str, Query(max_length=40, description="a metric's id; - in front: largest first")
    ] = "-revenue",
) -> OverviewOut:
    """Visitors, sales and what follows from both, by hour and by store."""
    visible = await stores.stores(db, viewer)
    below = None if org is None else set(await stores.stores_below(db, org))
    some = [
        one for one in visible if (store is None or one.id in store) and (below is None or one.id in below)
    ]
    if store is not None and not some:
        raise NotFound(N_("there is no store {store}"), store=", ".join(store)[:80])
    zone = some[0].timezone if len(some) == 1 else options_of(request).timezone
    today = calendar_of(zone).day(now_ms(request))
    end = last or today
    begin = first or end
    if not timedelta(0) <= end - begin < timedelta(days=DAYS_MAX) or not 2015 <= begin.year <= 2100:
        raise Invalid({"first": N_("give 1 to 92 days")})
    choice = Choice(visible, [], some, "", org, begin, end, today)
    seen = await overview(db, choice, sort=sort, now_ms=now_ms(request))
    changes = {tile.metric.id: tile.change for tile in seen.tiles}
    return OverviewOut(
        currency=seen.currency,
        other_currencies=seen.other_currencies,
        back_days=seen.back_days,
        coverage=seen.coverage,
        total={
            name: ValueOut(value=value, change=changes.get(name))
            for name, value in _values(seen.total).items()
        },
        hours=[
            HourOut(
                hour=row.hour,
                values=None if row.now is None else {m.id: row.value(m) for m in METRICS.values()},
                before=_values(row.before),
                gap=row.gap,
            )
            for row in seen.hours
        ],
        stores=[
            StoreOut(
                store=row.store.id,
                name=row.store.name,
                coverage=row.coverage,
                values={
                    name: ValueOut(value=value, change=row.changes[name])
                    for name, value in row.values.items()
                },
            )
            for row in seen.league
        ],
    )


def _values(figures: Figures) -> dict[str, float | None]:
    return {metric.id: metric.of(figures) for metric in METRICS.values()}
