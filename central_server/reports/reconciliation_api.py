"""Reconciliation as JSON. Amounts are minor units of `currency`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.reports.reconciliation import reconciliation
from central_server.reports.reconciliation_pages import DAYS_SHOWN, Reader
from central_server.sales.choice import DAYS_MAX, chosen
from central_server.web.deps import ReadDb

router = APIRouter()
RECEIPTS_MAX = 1_000


class StoreDayOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    store: str
    day: int
    currency: str
    spends: int
    refunds: int
    tops: int
    recorded: int = Field(description="payments less returns, by the leases' records")
    tendered: int = Field(description="stored value as a tender, by the receipts")
    difference: int
    counts: dict[str, int] = Field(description="receipts: agrees, no record, no receipt, other amount")


class DifferenceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    store: str
    day: int
    currency: str
    till: str
    receipt: str
    recorded: int
    tendered: int
    why: str


class ReconciliationOut(BaseModel):
    first: str
    last: str
    days: list[StoreDayOut]
    differences: list[DifferenceOut] = Field(description=f"at most {RECEIPTS_MAX}; the file has all")
    waiting: dict[str, int] = Field(description="records of each store that wait for one before them")
    cut: bool = Field(description="there was more than one look can take: choose fewer stores or days")


@router.get("/reconciliation")
async def get_reconciliation(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    store: Annotated[str, Query(max_length=64, description="one store; all if not given")] = "",
    org: Annotated[str, Query(max_length=12, description="a group or company")] = "",
    day: Annotated[str, Query(max_length=10, description="the last day; today if not given")] = "",
    days: Annotated[int, Query(ge=1, le=DAYS_MAX, description="how many end with it")] = DAYS_SHOWN,
) -> ReconciliationOut:
    """Members' money by store and day: the leases' records against the receipts' tenders."""
    choice = await chosen(request, db, viewer, days=DAYS_SHOWN)
    seen = await reconciliation(db, choice)
    return ReconciliationOut(
        first=choice.first.isoformat(),
        last=choice.last.isoformat(),
        days=[StoreDayOut.model_validate(row) for row in seen.days],
        differences=[DifferenceOut.model_validate(row) for row in seen.differences[:RECEIPTS_MAX]],
        waiting=seen.waiting,
        cut=seen.cut,
    )
