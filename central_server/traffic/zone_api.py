"""Sales areas as JSON: how long people stay in each, and how many are there."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from central_server.traffic.doors import Chosen, Name
from central_server.traffic.dwell import BOUNDS_S, Dwell
from central_server.traffic.dwell_view import Stay, dwell_view
from central_server.traffic.levels_view import inside_now, levels
from central_server.web.deps import ReadDb, now_ms

router = APIRouter()


class DwellOut(BaseModel):
    visits: int | None = Field(description="visits that began then; None: to come, or nobody could be seen")
    mean_s: float | None
    median_s: float | None = Field(description="from the classes: right to the class it falls in")
    p90_s: float | None = Field(description="what nine of ten visits stay below; as the median")
    classes: list[int] = Field(description="visits by length, `bounds_s` between them; one more than bounds")
    untimed: int = Field(description="visits of these that came with an unset clock")


class StayOut(DwellOut):
    before: DwellOut = Field(description="the same hours `back_days` earlier, as far as they are over now")
    visits_change: float | None
    mean_change: float | None
    coverage: float = Field(description="the part 0..1 of the time so far in which cameras saw")
    gap: bool = Field(description="cameras were blind for most of it")


class ZoneOut(StayOut):
    zone: str


class CellOut(ZoneOut):
    hour: int = Field(description="0 to 23 on each store's own clock: when the visits began")
    to_come: bool


class StoreOut(StayOut):
    store: str


class DwellsOut(BaseModel):
    first: date
    last: date
    back_days: int
    bounds_s: list[int]
    lost_events: int = Field(description="counts that full disks took")
    total: StayOut
    zones: list[ZoneOut] = Field(description="the most visited first")
    hours: list[CellOut] = Field(description="of each area, the hours that are on the page")
    stores: list[StoreOut]


class LevelOut(BaseModel):
    day: date
    time: str = Field(description="HH:MM in each store's own time")
    mean: float | None = Field(description="people in the area; None: nobody knows")
    most: int | None = Field(description="people at once; of several cameras at most so many")


class ZoneLevelsOut(BaseModel):
    zone: str
    slots: list[LevelOut]


class InsideOut(BaseModel):
    store: str
    device: str
    zone: str
    people: int | None = Field(description="None: the sample is too old, or the camera is blind")
    at_ms: int = Field(description="when the sample was made")


class LevelsOut(BaseModel):
    grain: str
    now: list[InsideOut]
    zones: list[ZoneLevelsOut]


@router.get("/dwell")
async def get_dwell(request: Request, db: ReadDb, choice: Chosen, zone: Name = "") -> DwellsOut:
    """How long people stayed in each sales area, by the hour in which they came."""
    seen = await dwell_view(db, choice, zone=zone, now_ms=now_ms(request))
    return DwellsOut(
        first=choice.first,
        last=choice.last,
        back_days=seen.back_days,
        bounds_s=list(BOUNDS_S),
        lost_events=seen.lost_events,
        total=StayOut(**_stay(seen.total)),
        zones=[ZoneOut(zone=name, **_stay(stay)) for name, stay in seen.zones.items()],
        hours=[
            CellOut(zone=name, hour=hour, to_come=cell.to_come, **_stay(cell))
            for name in seen.zones
            for hour in seen.hours
            for cell in (seen.cell(name, hour),)
        ],
        stores=[StoreOut(store=store.id, **_stay(stay)) for store, stay in seen.stores],
    )


@router.get("/zones")
async def get_zones(
    request: Request,
    db: ReadDb,
    choice: Chosen,
    zone: Name = "",
    grain: Literal["quarter", "hour", "day"] = "quarter",
) -> LevelsOut:
    """How many people were in each sales area, and how many are there now."""
    found = await levels(db, choice, grain=grain, zone=zone)
    inside = await inside_now(db, choice, now_ms=now_ms(request))
    return LevelsOut(
        grain=grain,
        now=[InsideOut(**vars(one)) for one in inside if not zone or one.zone == zone],
        zones=[
            ZoneLevelsOut(
                zone=name,
                slots=[
                    LevelOut(day=slot.day, time=slot.label(with_day=False), mean=slot.mean, most=slot.most)
                    for slot in slots
                ],
            )
            for name, slots in found.items()
        ],
    )


def _stay(stay: Stay) -> dict[str, Any]:
    return {
        **_dwell(stay.now),
        "visits": stay.visits,
        "before": DwellOut(**_dwell(stay.before)),
        "visits_change": stay.visits_change,
        "mean_change": stay.mean_change,
        "coverage": stay.seen.part,
        "gap": stay.gap,
    }


def _dwell(dwell: Dwell) -> dict[str, Any]:
    return {
        "visits": dwell.visits,
        "mean_s": dwell.mean_s,
        "median_s": dwell.median_s,
        "p90_s": dwell.quantile_s(0.9),
        "classes": dwell.classes,
        "untimed": dwell.untimed,
    }
