"""Reconciliation for people: store by store and day by day, and each receipt that differs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from central_server.calendar import day_of_number
from central_server.reports.reconciliation import Reconciliation, reconciliation
from central_server.reports.reconciling import LABELS
from central_server.sales.choice import chosen, note_export
from central_server.web.deps import ReadDb, Viewer, needs, options_of
from central_server.web.render import page
from central_server.web.sheets import sheet_response
from central_server.web.tables import PAGE_ROWS_MAX, csv_response
from central_server.web.text import N_, words
from sync.contract.money import format_minor

router = APIRouter(include_in_schema=False)
Reader = Annotated[Viewer, Depends(needs("sales.read", "leases.read"))]
Exporter = Annotated[Viewer, Depends(needs("sales.read", "leases.read", "export"))]
DAYS_SHOWN: Final = 7
_HEADER: Final = (
    N_("Store"),
    N_("Day"),
    N_("Currency"),
    N_("Payments"),
    N_("Returns"),
    N_("Top-ups"),
    N_("By the records"),
    N_("By the receipts"),
    N_("Differs by"),
)
_RECEIPT_HEADER: Final = (
    N_("Store"),
    N_("Day"),
    N_("Currency"),
    N_("Till"),
    N_("Receipt"),
    N_("By the records"),
    N_("By the receipts"),
    N_("Why"),
)


@router.get("/reconciliation")
async def reconciliation_page(request: Request, viewer: Reader, db: ReadDb) -> Response:
    choice = await chosen(request, db, viewer, days=DAYS_SHOWN)
    return page(
        request,
        viewer,
        "reports/reconciliation.html",
        choice=choice,
        seen=await reconciliation(db, choice),
        labels=LABELS,
        names={store.id: store.name for store in choice.stores},
        iso=_iso,
        rows_max=PAGE_ROWS_MAX,
    )


@router.get("/reconciliation.{form}")
async def reconciliation_file(
    request: Request, viewer: Exporter, db: ReadDb, form: Literal["csv", "xlsx"], what: str = "days"
) -> Response:
    """The days; with ``?what=receipts`` each receipt that differs."""
    choice = await chosen(request, db, viewer, days=DAYS_SHOWN)
    seen = await reconciliation(db, choice)
    await note_export(request, viewer, N_("reconciliation"), choice)
    say = words(viewer.lang).gettext
    labels = _RECEIPT_HEADER if what == "receipts" else _HEADER
    rows = _receipts(seen, viewer.lang) if what == "receipts" else _days(seen)
    header, rows_max = [say(label) for label in labels], options_of(request).export_rows_max
    if form == "xlsx":
        name = "reconciliation.xlsx"
        return await sheet_response(name, header, rows, rows_max=rows_max, lang=viewer.lang)
    return csv_response("reconciliation.csv", header, rows, rows_max=rows_max, lang=viewer.lang)


async def _days(seen: Reconciliation) -> AsyncIterator[list[object]]:
    for row in seen.days:
        figures = (row.spends, row.refunds, row.tops, row.recorded, row.tendered, row.difference)
        yield [row.store, _iso(row.day), row.currency, *(_plain(each, row.currency) for each in figures)]


async def _receipts(seen: Reconciliation, lang: str) -> AsyncIterator[list[object]]:
    say = words(lang).gettext
    for row in seen.differences:
        amounts = (_plain(each, row.currency) for each in (row.recorded, row.tendered))
        head = (row.store, _iso(row.day), row.currency, row.till, row.receipt)
        yield [*head, *amounts, say(LABELS[row.why])]


def _plain(minor: int, currency: str) -> Decimal:
    return Decimal(format_minor(minor, currency))


def _iso(day: int) -> str:
    """``_iso(20261122) == "2026-11-22"``."""
    return day_of_number(day).isoformat()
