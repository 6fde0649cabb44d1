"""The ledger's reports for people, and their files; what is written down with them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import NotFound
from central_server.ledger.desk.desk_pages import minor_of
from central_server.ledger.reports import custody, finance, partners
from central_server.ledger.reports.ages import quarter_before, quarter_name
from central_server.ledger.reports.report_asked import Asked, Auditor, Exporter, Keeper, OneMoment, Wanted
from central_server.ledger.reports.report_files import FileForm, note_export, sent, sent_book
from central_server.ledger.reports.report_shapes import Report, id_of, is_figure, plain, shown
from central_server.ledger.reports.report_tables import REPORTS, build, settlements
from central_server.web.deps import Db, now_ms
from central_server.web.forms import Filled
from central_server.web.render import page
from central_server.web.tables import PAGE_ROWS_MAX, query_with
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)
RUNS_SHOWN: Final = 24
Name = Annotated[str, Path(max_length=32)]
_NOTHING: Final = frozenset({"0", "0.00"})


@router.get("/cards/reports")
async def reports_page(viewer: Auditor) -> Response:
    return RedirectResponse("/cards/reports/liability", 303)


@router.get("/cards/reports/partners/{joint}.csv")
async def partner_file(
    request: Request, viewer: Exporter, db: OneMoment, asked: Wanted, joint: Name
) -> Response:
    """The settlement file, as `partners.py` draws it."""
    some = [one for one in await settlements(db, asked) if one.programme == joint]
    if not some:
        raise NotFound(N_("no partner issues this programme"))
    await note_export(request, viewer, N_("partner settlement"), {"programme": joint} | asked.query)
    text = "".join(map(partners.written, some))
    name = f"partner-{joint}-{some[0].first}-{some[0].last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=us-ascii", headers=headers)


@router.get("/cards/reports/{name}.{form}")
async def report_file(
    request: Request,
    viewer: Exporter,
    db: OneMoment,
    asked: Wanted,
    name: Name,
    form: FileForm,
    table: Annotated[int, Query(ge=1, le=9)] = 1,
) -> Response:
    """A workbook of all its tables, a sheet each; or one table, the first if not said, as CSV."""
    report = await build(_known(name), db, asked)
    if table > len(report.tables):
        raise NotFound(N_("there is no such table in this report"))
    await note_export(request, viewer, REPORTS[name][0], asked.query)
    days = f"run-{asked.run}" if asked.run is not None else _days(report, asked)
    if form == "xlsx":
        return await sent_book(request, viewer, f"{name}-{days}", report.tables)
    one, tail = report.tables[table - 1], f"-{table}" if table > 1 else ""
    rows = ([plain(cell) for cell in row] for row in one.rows)
    return await sent(request, viewer, f"{name}-{days}{tail}", form, one.header, rows)


@router.get("/cards/reports/{name}")
async def report_page(
    request: Request, viewer: Auditor, db: OneMoment, asked: Wanted, name: Name
) -> Response:
    report = await build(_known(name), db, asked)
    quarter = quarter_name(quarter_before(asked.today)[1])
    runs = await finance.runs(db, limit=RUNS_SHOWN) if name == "journal" else []
    return page(
        request,
        viewer,
        "ledger/report.html",
        name=name,
        report=report,
        reports={each: label for each, (label, _) in REPORTS.items()},
        asked=asked,
        form=_filter(asked),
        shown=shown,
        is_figure=is_figure,
        rows_max=PAGE_ROWS_MAX,
        again=query_with(request.query_params, position=report.position) if report.position else "",
        runs=runs,
        may_keep=viewer.may("value.correct"),
        issuers=custody.ISSUERS,
        currencies=await custody.currencies(db) if name == "custody" else [],
        noted=[row for row in await custody.confirmations(db, quarter) if row.amount]
        if name == "custody"
        else [],
        quarter=quarter,
        id_of=id_of,
        joint=name == "partners",
    )


@router.post("/cards/reports/journal/runs")
async def close_run(request: Request, viewer: Keeper, db: Db, asked: Wanted) -> Response:
    """Close what was booked since the last run, for finance to import."""
    made = await finance.make_run(db, by=viewer, now_ms=now_ms(request))
    return RedirectResponse(f"/cards/reports/journal?run={made.number}", 303)


@router.post("/cards/reports/custody")
async def confirm_custody(
    request: Request,
    viewer: Keeper,
    db: Db,
    asked: Wanted,
    unit: Annotated[str, Form(pattern="^[A-Z]{3}$")],
    kind: Annotated[str, Form(max_length=16)],
    amount: Annotated[str, Form(max_length=40)],
    note: Annotated[str, Form(max_length=custody.NOTE_MAX)] = "",
) -> Response:
    """Note what the bank confirmed for the last quarter."""
    minor = 0 if amount.strip() in _NOTHING else minor_of("amount", amount, unit)
    await custody.confirm(
        db,
        asked.today,
        unit=unit,
        issuer=kind,
        amount=minor,
        note=note,
        by=viewer,
        now_ms=now_ms(request),
    )
    return RedirectResponse("/cards/reports/custody", 303)


@router.post("/cards/reports/custody/back")
async def take_custody_back(
    request: Request,
    viewer: Keeper,
    db: Db,
    asked: Wanted,
    unit: Annotated[str, Form(pattern="^[A-Z]{3}$")],
    why: Annotated[str, Form(min_length=3, max_length=custody.NOTE_MAX)],
) -> Response:
    """What was noted counts no more, by an entry that says why."""
    await custody.take_back(db, asked.today, unit=unit, why=why, by=viewer, now_ms=now_ms(request))
    return RedirectResponse("/cards/reports/custody", 303)


def _known(name: str) -> str:
    if name not in REPORTS:
        raise NotFound(N_("there is no such report"))
    return name


def _days(report: Report, asked: Asked) -> str:
    """The days in a file's name: one, for what is told of the end of a day."""
    last = f"{asked.last:%Y%m%d}"
    return f"{asked.first:%Y%m%d}-{last}" if "first" in report.dates else last


def _filter(asked: Asked) -> Filled[object]:  # type: ignore[type-var]  # nothing is validated by it
    values = {"first": asked.first.isoformat(), "last": asked.last.isoformat(), "by": asked.by}
    return Filled(
        values=values | {"issuer": asked.issuer or "", "kind": asked.issuer or "group", "unit": "CNY"}
    )
