"""Tables as the file somebody asked for, noted in the audit trail before its first byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Literal

from fastapi import Request
from starlette.responses import Response

from central_server.ledger.reports.report_shapes import Table, plain
from central_server.staff import service as staff
from central_server.web.deps import Viewer, database_of, now_ms, options_of
from central_server.web.sheets import Sheet, book_response, sheet_response
from central_server.web.tables import csv_response
from central_server.web.text import N_

FileForm = Literal["csv", "xlsx"]


async def note_export(request: Request, viewer: Viewer, what: str, said: Mapping[str, Any]) -> None:
    """Put in the audit trail that `viewer` takes `what` home."""
    async with database_of(request).transaction() as session:
        at_ms = now_ms(request)
        await staff.record_change(session, viewer, N_("exported"), what, "*", None, dict(said), at_ms)


async def sent(
    request: Request,
    viewer: Viewer,
    name: str,
    form: FileForm,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> Response:
    """The file, cut where the settings say; its last row says so then."""
    rows_max = options_of(request).export_rows_max
    if form == "xlsx":
        return await sheet_response(f"{name}.xlsx", header, _each(rows), rows_max=rows_max, lang=viewer.lang)
    return csv_response(f"{name}.csv", header, _each(rows), rows_max=rows_max, lang=viewer.lang)


async def sent_book(request: Request, viewer: Viewer, name: str, tables: Iterable[Table]) -> Response:
    """All these tables in one workbook, a sheet each; cut as `sent` does."""
    sheets = [
        Sheet(table.title, table.header, _each([plain(cell) for cell in row] for row in table.rows))
        for table in tables
    ]
    rows_max = options_of(request).export_rows_max
    return await book_response(f"{name}.xlsx", sheets, rows_max=rows_max, lang=viewer.lang)


async def _each(rows: Iterable[Sequence[object]]) -> AsyncIterator[Sequence[object]]:
    for row in rows:
        yield row
