"""Sales as JSON. Amounts are minor units of `currency`, quantities thousandths."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.calendar import calendar_of
from central_server.errors import Invalid
from central_server.sales import service
from central_server.web.deps import ReadDb, Viewer, needs, now_ms, options_of
from central_server.web.tables import PAGE_ROWS, PAGE_ROWS_MAX
from central_server.web.text import N_

router = APIRouter(
    prefix="/api/sales",
    tags=["sales"],
    responses={
        400: {"description": "the request cannot be read"},
        401: {"description": "nobody is signed in"},
        403: {"description": "a right is missing"},
        404: {"description": "there is no such receipt"},
    },
)
Reader = Annotated[Viewer, Depends(needs("sales.read"))]
SaleId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Amount = Annotated[int | None, Query(ge=-(2**53), le=2**53, description="minor units")]


class SaleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    store: str
    till: str
    receipt: str
    at_ms: int
    sure: bool = Field(description="the store's clock was known to be right")
    day: int = Field(description="the store's own day, as 20261122")
    kind: str = Field(description="sale or return")
    currency: str
    total_minor: int
    member: str
    card: str = Field(description="token of the card shown")


class LineOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    line_no: int
    name: str
    sku: str
    quantity_milli: int
    unit_price_minor: int | None
    amount_minor: int


class TenderOut(BaseModel):
    kind: str
    amount_minor: int


class ReceiptOut(SaleOut):
    tax_minor: int
    change_minor: int
    cashier: str
    refers_to: str
    lines: list[LineOut]
    tenders: list[TenderOut]
    original: SaleOut | None = Field(description="what a return takes back")
    returned: list[SaleOut] = Field(description="what was taken back of this")


class SalesOut(BaseModel):
    items: list[SaleOut]
    next: str | None = Field(description="give it as `after` for those that follow")


@router.get("")
async def list_sales(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    first: Annotated[date | None, Query(description="first day; the last if not given")] = None,
    last: Annotated[date | None, Query(description="last day; today if not given")] = None,
    store: Annotated[list[str] | None, Query(max_length=100)] = None,
    till: Annotated[str, Query(max_length=64)] = "",
    receipt: Annotated[str, Query(max_length=64)] = "",
    kind: Literal["", "sale", "return"] = "",
    member: Annotated[str, Query(max_length=32)] = "",
    least_minor: Amount = None,
    most_minor: Amount = None,
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS,
) -> SalesOut:
    """Sales and returns of some days (at most 92), the newest first."""
    today = calendar_of(options_of(request).timezone).day(now_ms(request))
    end = last or today
    begin = first or end
    if not timedelta(0) <= end - begin < timedelta(days=service.DAYS_MAX):
        raise Invalid({"first": N_("give 1 to 92 days")})
    visible = (
        store if viewer.stores is None else [one for one in store or viewer.stores if viewer.may_see(one)]
    )
    wanted = service.Wanted(begin, end, visible, till, receipt, kind, member, least_minor, most_minor)
    found, cursor = await service.listed(db, wanted, limit=limit, after=after)
    return SalesOut(items=[SaleOut.model_validate(one) for one in found], next=cursor)


@router.get("/{sale}")
async def get_sale(viewer: Reader, db: ReadDb, sale: SaleId) -> ReceiptOut:
    """One receipt with its lines, tenders and what it is linked with."""
    found = await service.receipt(db, sale=sale, stores=viewer.stores)
    row = found.sale
    return ReceiptOut(
        **SaleOut.model_validate(row).model_dump(),
        tax_minor=row.tax_minor,
        change_minor=row.change_minor,
        cashier=row.cashier,
        refers_to=row.refers_to,
        lines=[LineOut.model_validate(line) for line in found.lines],
        tenders=[TenderOut(kind=kind, amount_minor=amount) for kind, amount in found.tenders],
        original=SaleOut.model_validate(found.original) if found.original else None,
        returned=[SaleOut.model_validate(one) for one in found.returned],
    )
