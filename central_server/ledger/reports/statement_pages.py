"""A purse's statement: looked at, taken home, and, when somebody shows one, held against the books."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import Response

from central_server.calendar import calendar_of
from central_server.errors import CentreError, Invalid
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_words import TRANSFERS
from central_server.ledger.desk.doors import ValueReader
from central_server.ledger.reports import statement as statements
from central_server.ledger.reports.evidence import statement_of, verify_statement
from central_server.ledger.reports.report_asked import Auditor, Day, in_reach
from central_server.ledger.reports.report_files import FileForm, note_export, sent
from central_server.ledger.reports.report_shapes import Amount
from central_server.ledger.reports.statement import BadStatement, Statement
from central_server.web.deps import ReadDb, Viewer, now_ms, options_of
from central_server.web.forms import Filled
from central_server.web.mishaps import status_of
from central_server.web.render import page
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
PurseId = Annotated[str, Path(max_length=64)]
FILE_MAX_CHARS: Final = 900_000  # of a form; a larger one goes through the API

KIND_LABELS: Final[Mapping[str, str]] = {**statements.KINDS, **TRANSFERS}


@router.get("/cards/purses/{purse}/statement")
async def statement_page(
    request: Request, viewer: ValueReader, db: ReadDb, purse: PurseId, first: Day = None, last: Day = None
) -> Response:
    one = await _stated(request, db, purse, first, last)
    values = {"first": first.isoformat() if first else "", "last": last.isoformat() if last else ""}
    return page(
        request,
        viewer,
        "ledger/statement.html",
        **await named(db),
        statement=one,
        lines=one.lines[::-1][:_SHOWN],
        labels=KIND_LABELS,
        amount=lambda minor: str(Amount(minor, one.unit)),
        when_ms=statements.moment_ms,
        form=Filled(values=values),
    )


@router.get("/cards/purses/{purse}/statement.{form}")
async def statement_file(
    request: Request,
    viewer: ValueReader,
    db: ReadDb,
    purse: PurseId,
    form: FileForm,
    first: Day = None,
    last: Day = None,
) -> Response:
    """For the customer, and for a court: whoever may see it may hand it out; each one is noted."""
    one = await _stated(request, db, purse, first, last)
    said = {"purse": one.purse, "first": one.first, "until": one.until, "seal": one.digest}
    await note_export(request, viewer, N_("statement"), said)
    say = words(viewer.lang).gettext
    labels = {kind: say(label) for kind, label in KIND_LABELS.items()}
    header = [say(label) for label in statements.HEADER]
    rows = statements.rows(one, labels)
    return await sent(request, viewer, f"statement-{one.purse}", form, header, rows)


@router.get("/cards/reports/statements/verify")
async def verify_page(request: Request, viewer: Auditor) -> Response:
    return _verify(request, viewer, Filled(), None)


@router.post("/cards/reports/statements/verify")
async def verify(
    request: Request,
    viewer: Auditor,
    db: ReadDb,
    text: Annotated[str, Form(max_length=FILE_MAX_CHARS)] = "",
) -> Response:
    """Hold the text of a statement's CSV file against the books."""
    form: Filled[object] = Filled(values={"text": text})  # type: ignore[type-var]  # as in choice.py
    try:
        one = read_csv(text)
        flaws = await verify_statement(db, one)
    except CentreError as error:
        said = words(viewer.lang).gettext(error.msgid)
        form.wrong("text", said.format(**error.values) if error.values else said)
        return _verify(request, viewer, form, None, status_of(error))
    return _verify(request, viewer, form, (one, flaws))


def read_csv(text: str) -> Statement:
    """The statement in a CSV file, whatever language its header is in. Raises BadStatement."""
    try:
        table = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True))
    except csv.Error:
        raise BadStatement(N_("this is no CSV file")) from None
    return statements.read([row for row in table[1:] if row])


_SHOWN: Final = 500


async def _stated(
    request: Request, db: ReadDb, purse: str, first: date | None, last: date | None
) -> Statement:
    calendar = calendar_of(options_of(request).timezone)
    if first is not None and last is not None and first > last:
        raise Invalid({"first": N_("must not be after the last day")})
    first, last = in_reach(first, "first"), in_reach(last, "last")
    first_ms = 0 if first is None else calendar.bounds(first)[0]
    until_ms = None if last is None else calendar.bounds(last)[1]
    return await statement_of(db, purse, first_ms=first_ms, until_ms=until_ms, made_ms=now_ms(request))


def _verify(
    request: Request,
    viewer: Viewer,
    form: Filled[object],  # type: ignore[type-var]
    seen: tuple[Statement, list[statements.Flaw]] | None,
    status: int = 200,
) -> Response:
    return page(request, viewer, "ledger/statement_check.html", status, form=form, seen=seen)
