"""Visitors as JSON."""

from __future__ import annotations

from datetime import date
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from central_server.traffic import zone_api
from central_server.traffic.doors import RESPONSES, Chosen, Name
from central_server.traffic.view import Asked, view
from central_server.web.deps import ReadDb, now_ms

router = APIRouter(prefix="/api/traffic", tags=["traffic"], responses=RESPONSES)


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
    db: ReadDb,
    choice: Chosen,
    device: Name = "",
    line: Name = "",
    grain: Literal["quarter", "hour", "day"] = "hour",
) -> TrafficOut:
    """Who came and went, by quarter, hour or day, against the same weekdays before.

    `device` is a door, `line` one of the lines of a camera or counter; all if not given.
    """
    seen = await view(db, choice, Asked(grain, device, line), now_ms=now_ms(request))
    one = seen.occupancy if len(choice.stores) == 1 else None
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


router.include_router(zone_api.router)
