"""Sales for people at head office: the list, one receipt, a member's purchases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from central_server.membership import service as membership
from central_server.membership.masks import masked_name
from central_server.sales import service
from central_server.sales.choice import Choice, chosen, note_export
from central_server.web.deps import ReadDb, Viewer, keys_of, needs, options_of
from central_server.web.formats import in_zone
from central_server.web.forms import Filled
from central_server.web.render import page
from central_server.web.tables import Page, csv_response, query_with, rows_wanted
from central_server.web.text import N_, words
from sync.contract.errors import BadId
from sync.contract.money import format_minor, parse_minor

router = APIRouter(include_in_schema=False)
Reader = Annotated[Viewer, Depends(needs("sales.read"))]
Exporter = Annotated[Viewer, Depends(needs("sales.read", "export"))]
KIND_LABELS = {"sale": N_("Sale"), "return": N_("Return")}
TENDER_LABELS = {
    "cash": N_("Cash"),
    "card": N_("Bank card"),
    "mobile": N_("Mobile payment"),
    "value": N_("Stored value"),
    "other": N_("Other"),
}


@router.get("/sales")
async def sales(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    after: Annotated[str, Query(max_length=60)] = "",
    rows: int | None = None,
) -> Response:
    choice = await chosen(request, db, viewer)
    wanted = wanted_of(request, choice, viewer)
    count = rows_wanted(rows or options_of(request).page_rows)
    found, cursor = await service.listed(db, wanted, limit=count, after=after)
    asked = dict(request.query_params)
    return page(
        request,
        viewer,
        "sales/list.html",
        sales=Page(found, cursor),
        next_href=query_with(request.query_params, after=cursor) if cursor else "",
        totals=await service.totals(db, wanted),
        choice=choice,
        form=Filled(values=asked | dict(choice.form.values)),
        zones={store.id: store.timezone for store in choice.visible},
        kind_labels=KIND_LABELS,
    )


@router.get("/sales.csv")
async def sales_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    say = words(viewer.lang).gettext
    choice = await chosen(request, db, viewer)
    wanted = wanted_of(request, choice, viewer)
    zones = {store.id: store.timezone for store in choice.visible}
    await note_export(request, viewer, N_("sales"), choice)

    async def lines() -> AsyncIterator[list[object]]:
        async for sale in service.every(db, wanted):
            when = in_zone(sale.at_ms, zones.get(sale.store, "UTC")).isoformat(timespec="seconds")
            total = format_minor(sale.total_minor, sale.currency)
            kind = say(KIND_LABELS[sale.kind])
            yield [
                sale.id,
                sale.store,
                sale.till,
                sale.receipt,
                when,
                kind,
                total,
                sale.currency,
                sale.member,
            ]

    labels = ("Store", "Till", "Receipt", "When", "Kind", "Total", "Currency", "Member")
    header = ["id", *(say(label) for label in labels)]
    rows_max = options_of(request).export_rows_max
    return csv_response("sales.csv", header, lines(), rows_max=rows_max, lang=viewer.lang)


@router.get("/sales/of/{member}")
async def purchases(
    request: Request, viewer: Reader, db: ReadDb, member: Annotated[str, Path(max_length=32)]
) -> Response:
    """A piece of the member's page."""
    return page(
        request,
        viewer,
        "sales/purchases.html",
        member=member,
        sales=await service.of_member(db, member=member, limit=20, stores=viewer.stores),
        spent=await service.spent_by_member(db, member=member) if viewer.stores is None else [],
        kind_labels=KIND_LABELS,
    )


@router.get("/sales/{sale}")
async def receipt(
    request: Request, viewer: Reader, db: ReadDb, sale: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    found = await service.receipt(db, sale=sale, stores=viewer.stores)
    calendar = await service.calendar_of_store(db, found.sale.store)
    return page(
        request,
        viewer,
        "sales/receipt.html",
        receipt=found,
        sale=found.sale,
        zone=str(calendar.zone),
        member_name=await member_name(request, viewer, db, found.sale.member),
        kind_labels=KIND_LABELS,
        tender_labels=TENDER_LABELS,
    )


async def member_name(request: Request, viewer: Viewer, session: AsyncSession, member: str) -> str:
    """The member's name as this viewer may see it; the id when they may see no members."""
    if not member or not viewer.may("members.read"):
        return member
    name = (await membership.profile(session, keys=keys_of(request), member=member)).fields["name"]
    return (name if viewer.may("members.personal") else masked_name(name)) or member


def wanted_of(request: Request, choice: Choice, viewer: Viewer) -> service.Wanted:
    """The filter in this request's address."""
    asked = request.query_params
    currency = choice.stores[0].currency if choice.stores else "CNY"
    everything = viewer.stores is None and not choice.store and choice.org is None
    return service.Wanted(
        first=choice.first,
        last=choice.last,
        stores=None if everything else choice.ids,
        till=asked.get("till", "")[:64],
        receipt=asked.get("receipt", "")[:64],
        kind=asked.get("kind", "") if asked.get("kind") in KIND_LABELS else "",
        member=asked.get("member", "")[:32],
        least_minor=_minor(asked.get("min", ""), currency),
        most_minor=_minor(asked.get("max", ""), currency),
    )


def _minor(text: str, currency: str) -> int | None:
    try:
        return parse_minor(text, currency)
    except BadId:
        return None
