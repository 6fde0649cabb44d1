"""Statements as JSON, and a check of one that somebody shows. Amounts are minor units or points."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.calendar import calendar_of
from central_server.errors import Invalid
from central_server.ledger.desk.doors import Auditor, ValueReader
from central_server.ledger.reports import statement as statements
from central_server.ledger.reports.evidence import statement_of, verify_statement
from central_server.ledger.reports.report_asked import Day, in_reach
from central_server.ledger.reports.statement_pages import read_csv
from central_server.web.deps import ReadDb, now_ms, options_of
from central_server.web.text import N_, words

router = APIRouter(prefix="/statements", tags=["ledger reports"])
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=400)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", description="UTC")]


class LineBody(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)

    at: Moment
    kind: Text
    store: Text
    about: Text
    amount: int
    balance: int
    transfer: Text = Field(description="the transfer's id, in hex")
    batch: Text = Field(description="where the chain holds it: chain/number")


class StatementBody(BaseModel):
    """A statement, with the hashes that make it evidence."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    purse: Text
    programme: Text
    unit: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    first: Moment
    until: Moment
    made: Moment
    opening: int
    lines: Annotated[list[LineBody], Field(max_length=statements.LINES_MAX)]
    batches: Annotated[list[tuple[Text, Text]], Field(max_length=statements.LINES_MAX)]
    heads: Annotated[list[tuple[Text, Text]], Field(max_length=64)]
    digest: Text


class CheckIn(BaseModel):
    """One of the two: a statement as this API gave it, or the text of the CSV file."""

    model_config = ConfigDict(extra="forbid")

    statement: StatementBody | None = None
    csv: Annotated[str, Field(max_length=2_000_000)] | None = None


class FlawOut(BaseModel):
    line: int = Field(description="counts from 1; 0: the whole of it")
    what: str


class CheckOut(BaseModel):
    agrees: bool = Field(description="the statement is what the books say, and they are what they were")
    flaws: list[FlawOut]


@router.get("/{purse}")
async def get_statement(
    request: Request,
    viewer: ValueReader,
    db: ReadDb,
    purse: Annotated[str, Path(max_length=64)],
    first: Day = None,
    last: Day = None,
) -> StatementBody:
    """What changed the purse, from its beginning till now where nothing else is said."""
    calendar = calendar_of(options_of(request).timezone)
    if first is not None and last is not None and first > last:
        raise Invalid({"first": N_("must not be after the last day")})
    first, last = in_reach(first, "first"), in_reach(last, "last")
    one = await statement_of(
        db,
        purse,
        first_ms=0 if first is None else calendar.bounds(first)[0],
        until_ms=None if last is None else calendar.bounds(last)[1],
        made_ms=now_ms(request),
    )
    return StatementBody.model_validate(one)


@router.post("/verify")
async def check_statement(viewer: Auditor, db: ReadDb, shown: CheckIn) -> CheckOut:
    """Hold a statement that somebody shows against the books, and the books against their chain."""
    if (shown.statement is None) == (shown.csv is None):
        raise Invalid({"csv": N_("give either `statement` or `csv`")})
    one = read_csv(shown.csv) if shown.csv is not None else _opened(shown.statement)
    say = words(viewer.lang).gettext
    flaws = await verify_statement(db, one)
    return CheckOut(agrees=not flaws, flaws=[FlawOut(line=flaw.line, what=say(flaw.msgid)) for flaw in flaws])


def _opened(body: StatementBody | None) -> statements.Statement:
    assert body is not None
    values = body.model_dump()
    lines = tuple(statements.Line(**line) for line in values.pop("lines"))
    batches, heads = (tuple(map(tuple, values.pop(name))) for name in ("batches", "heads"))
    try:
        for at in (body.first, body.until, body.made):
            statements.moment_ms(at)
    except ValueError:
        raise statements.BadStatement(N_("a time in it is none")) from None
    return statements.Statement(**values, lines=lines, batches=batches, heads=heads)
