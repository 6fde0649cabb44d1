"""Visitors as JSON."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from central_server.calendar import calendar_of
from central_server.errors import Invalid
from central_server.sales.choice import DAYS_MAX, Choice
from central_server.stores import service as stores
from central_server.traffic.view import Asked, view
from central_server.web.deps import ReadDb, Viewer, needs, now_ms, options_of
from central_server.web.text import N_

router = APIRouter(
    prefix="/api/traffic",
    tags=["traffic"],
    responses={
        400: {"description": "the request cannot be read"},
        401: {"description": "nobody is signed in"},
        403: {"description": "a right is missing"},
        404: {"description": "there is no such store"},
    },
)
Reader = Annotated[Viewer, Depends(needs("traffic.read"))]


class SlotOut(BaseModel):
    day: date
    time: str = Field(description="HH:MM in each store's own time")
    inward: int | None = Field(description="None: a gap in which nobody was counted, or to come")
    outward: int | None
    inside: int | None = Field(description="after this slot; only for one day of one store")
    inward_before: int | None = Field(description="the same slot `back_days` earlier")
    unsure: int = Field(description="people of these whom a device could not tell apart for certain")
    untimed: int = Field(description="people of these that came with an unset clock")
    coverage: float = Field(description="the part 0..1 of the slot in which devices counted")
    gap: bool = Field(description="devices were out for most of the slot: no figure to hold another against")
    to_come: bool


class TrafficOut(BaseModel):
    grain: str
    back_days: int
    inward: int
    outward: int
    change: float | None = Field(description="of those who came in, against the same slots before")
    coverage: float
    lost_events: int = Field(description="counts that full disks took")
    left_over: int | None = Field(description="counted in but not out again; only for one day of one store")
    unseen_in: int | None = Field(description="counted out but never in; only for one day of one store")
    slots: list[SlotOut]


@router.get("")
async def get_traffic(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    first: Annotated[date | None, Query(description="first day; the last if not given")] = None,
    last: Annotated[date | None, Query(description="last day; today if not given")] = None,
    store: Annotated[list[str] | None, Query(max_length=100, description="all if not given")] = None,
    device: Annotated[str, Query(max_length=64)] = "",
    line: Annotated[str, Query(max_length=64, description="one line of a camera or counter")] = "",
    grain: Literal["quarter", "hour", "day"] = "hour",
) -> TrafficOut:
    """Who came and went, by quarter, hour or day, against the same weekdays before."""
    visible = await stores.stores(db, viewer)
    some = [one for one in visible if store is None or one.id in store]
    zone = some[0].timezone if len(some) == 1 else options_of(request).timezone
    today = calendar_of(zone).day(now_ms(request))
    end = last or today
    begin = first or end
    if not timedelta(0) <= end - begin < timedelta(days=DAYS_MAX) or not 2015 <= begin.year <= 2100:
        raise Invalid({"first": N_("give 1 to 92 days")})
    choice = Choice(visible, [], some, "", None, begin, end, today)
    seen = await view(db, choice, Asked(grain, device, line), now_ms=now_ms(request))
    one = seen.occupancy if len(some) == 1 else None
    inside: list[int | None] = [*one.inside] if one else []
    inside += [None] * (len(seen.slots) - len(inside))
    return TrafficOut(
        grain=grain,
        back_days=seen.back_days,
        inward=seen.inward,
        outward=seen.outward,
        change=seen.change,
        coverage=seen.coverage,
        lost_events=seen.lost_events,
        left_over=one.left_over if one else None,
        unseen_in=one.unseen_in if one else None,
        slots=[
            SlotOut(
                day=slot.day,
                time=f"{slot.minute // 60:02}:{slot.minute % 60:02}",
                inward=None if slot.blank else slot.inward,
                outward=None if slot.blank else slot.outward,
                inside=within,
                inward_before=None if then.blank else then.inward,
                unsure=slot.unsure,
                untimed=slot.untimed,
                coverage=slot.coverage,
                gap=slot.gap,
                to_come=slot.to_come,
            )
            for slot, then, within in zip(seen.slots, seen.before, inside, strict=True)
        ],
    )
