"""The ledger's reports as JSON. Amounts are minor units or points; a day in a row is 20261122."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.ledger.cards.law import Issuer
from central_server.ledger.reports import custody, finance, settlement
from central_server.ledger.reports.ages import AGE_MONTHS, quarter_name
from central_server.ledger.reports.breakage import breakage, cohorts, given
from central_server.ledger.reports.history import position
from central_server.ledger.reports.liability import liability
from central_server.ledger.reports.report_asked import Keeper, OneMoment, Wanted, companies
from central_server.ledger.reports.report_tables import journal_of, settlements
from central_server.web.deps import Db, now_ms
from central_server.web.tables import PAGE_ROWS, PAGE_ROWS_MAX
from sync.contract.leases import POINTS
from sync.contract.money import MINOR_MAX

router = APIRouter(prefix="/reports", tags=["ledger reports"])
Unit = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_POSITION = Field(description="how far the books had come: given as `position`, it says the same for ever")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class OwedOut(Out):
    programme: str
    unit: str
    kind: str = Field(description="paid, bonus, earned or coupon")
    total: int
    ages: list[int] = Field(description=f"by age: under {AGE_MONTHS} months, and older")


class CheckOut(Out):
    programme: str
    unit: str
    lots: int
    books: int = Field(description="what the accounts hold; the same as `lots` unless something is wrong")
    forfeited: int = Field(description="expired, and may be re-activated")
    agrees: bool


class LiabilityOut(BaseModel):
    day: str
    position: str = _POSITION
    agrees: bool
    rows: list[OwedOut]
    checks: list[CheckOut]


class DebtOut(Out):
    unit: str
    debtor: str
    creditor: str
    amount: int


class PlaceOut(Out):
    unit: str
    place: str
    own: int
    due: int
    owed: int
    net: int = Field(description="to be received; below zero: to be paid. Sums to zero")


class DoneOut(Out):
    unit: str
    store: str
    cash: int
    otherwise: int = Field(description="money taken by other tenders than cash")
    goods: int
    paid_out: int
    lost: int


class SettlementOut(BaseModel):
    position: str = _POSITION
    debts: list[DebtOut]
    places: list[PlaceOut]
    stores: list[DoneOut]


class CohortOut(Out):
    programme: str
    unit: str
    kind: str
    month: str
    amount: int
    used: int
    left: int
    forfeited: int
    revived: int = Field(description="re-activated after it expired; in `left` or used since")
    unused_share: float | None


class AfterOut(Out):
    programme: str
    unit: str
    kind: str
    months: int
    amount: int
    unused: int
    share: float | None


class BreakageOut(BaseModel):
    cohorts: list[CohortOut]
    after: list[AfterOut]


class CustodyOut(Out):
    unit: str
    quarter: str
    issuer: str
    percent: float
    balance: int
    needed: int
    held: int
    short: int
    ratio: float | None


class ConfirmIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    unit: Unit = "CNY"
    issuer: Issuer
    amount: Annotated[int, Field(ge=0, le=MINOR_MAX)]
    note: Annotated[str, Field(max_length=custody.NOTE_MAX)] = ""


class ConfirmedOut(Out):
    quarter: str
    unit: str
    issuer: str
    amount: int
    at_ms: int
    by: str


class LineOut(BaseModel):
    account: str
    name: str = Field(description="an English msgid")
    side: str = Field(description="where the account's balance normally stands")
    debit: int
    credit: int


class AccountOut(BaseModel):
    kind: str
    unit: str = Field(description="money, or PTS")
    code: str
    name: str = Field(description="an English msgid")
    side: str


class EntryOut(BaseModel):
    number: str
    day: int
    store: str
    unit: str
    transfers: int
    lines: list[LineOut]


class JournalOut(BaseModel):
    run: int | None
    transfers: int
    entries: list[EntryOut]


class RunOut(Out):
    number: int
    position: str
    transfers: int
    made_ms: int
    by: str


class SharedOut(Out):
    day: int
    store: str
    payments: int
    amount: int
    share: int


class PartnerOut(Out):
    partner: str
    programme: str
    unit: str
    first: int
    last: int
    share_bp: int = Field(description="in 1/10,000")
    payments: int
    amount: int
    share: int
    lines: list[SharedOut]


@router.get("/liability")
async def get_liability(db: OneMoment, asked: Wanted) -> LiabilityOut:
    """What members and cardholders are owed at the end of `last`, by programme and age."""
    upto = asked.upto or await position(db)
    found = await liability(db, asked.last, zone=asked.zone, until_ms=asked.until_ms, upto=upto)
    return LiabilityOut(
        day=asked.last.isoformat(),
        position=str(upto),
        agrees=found.agrees,
        rows=[OwedOut.model_validate(row) for row in found.rows],
        checks=[CheckOut.model_validate(check) for check in found.checks],
    )


@router.get("/settlement")
async def get_settlement(db: OneMoment, asked: Wanted) -> SettlementOut:
    """Who took the cash and who gave the goods, netted, by store or company."""
    upto = asked.upto or await position(db)
    window = replace(asked.window, upto=upto)
    uses = await settlement.uses(db, window)
    if asked.by == "company":
        uses = settlement.by_company(uses, await companies(db))
    return SettlementOut(
        position=str(upto),
        debts=[DebtOut.model_validate(one) for one in settlement.debts(uses)],
        places=[PlaceOut.model_validate(one) for one in settlement.positions(uses)],
        stores=[DoneOut.model_validate(one) for one in await settlement.done(db, window)],
    )


@router.get("/breakage")
async def get_breakage(db: OneMoment, asked: Wanted) -> BreakageOut:
    """What nobody used, by the month in which it was given out, and after 6, 12, 24 and 36 months."""
    rows = await given(db, zone=asked.zone)
    return BreakageOut(
        cohorts=[CohortOut.model_validate(one) for one in cohorts(rows)],
        after=[AfterOut.model_validate(one) for one in breakage(rows, asked.today)],
    )


@router.get("/custody")
async def get_custody(db: OneMoment, asked: Wanted) -> list[CustodyOut]:
    """What must lie at a bank for the last quarter's end, and what is short."""
    rows = await custody.custody(db, asked.today, zone=asked.zone, issuer=asked.issuer, upto=asked.upto)
    return [_custody_out(row) for row in rows]


@router.post("/custody", status_code=201)
async def confirm_custody(
    request: Request, viewer: Keeper, db: Db, asked: Wanted, said: ConfirmIn
) -> ConfirmedOut:
    """Note what the bank confirmed for the last quarter; of several the newest counts."""
    at_ms = now_ms(request)
    made = await custody.confirm(db, asked.today, **said.model_dump(), by=viewer, now_ms=at_ms)
    return ConfirmedOut.model_validate(made)


@router.get("/journal")
async def get_journal(db: OneMoment, asked: Wanted) -> JournalOut:
    """The finance journal of some days, or of one run: every transfer once, debit = credit in each entry."""
    journal = await journal_of(db, asked)
    return JournalOut(
        run=asked.run,
        transfers=sum(entry.transfers for entry in journal),
        entries=[_entry_out(entry) for entry in journal],
    )


@router.get("/journal/accounts")
async def list_accounts(asked: Wanted) -> list[AccountOut]:
    """Which of finance's accounts each kind of account of the books goes to, as the settings say."""
    return [
        AccountOut(kind=kind, unit=unit, **finance.account_of(kind, unit, asked.codes)._asdict())
        for unit in ("money", POINTS)
        for kind in finance.ACCOUNTS
    ]


@router.get("/journal/runs")
async def list_runs(
    db: OneMoment,
    asked: Wanted,
    before: Annotated[int | None, Query(ge=1, le=2**31)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS,
) -> list[RunOut]:
    """What was handed to finance, the newest first."""
    return [RunOut.model_validate(run) for run in await finance.runs(db, limit=limit, before=before)]


@router.post("/journal/runs", status_code=201)
async def close_run(request: Request, viewer: Keeper, db: Db, asked: Wanted) -> RunOut:
    """Close what was booked since the last run; each transfer is in one run exactly."""
    return RunOut.model_validate(await finance.make_run(db, by=viewer, now_ms=now_ms(request)))


@router.get("/partners")
async def get_partners(db: OneMoment, asked: Wanted) -> list[PartnerOut]:
    """What the partners of joint programmes are due for the days; `programme` narrows it to one."""
    return [PartnerOut.model_validate(one) for one in await settlements(db, asked)]


def _custody_out(row: custody.Custody) -> CustodyOut:
    values = {name: getattr(row, name) for name in CustodyOut.model_fields if name != "quarter"}
    return CustodyOut(quarter=quarter_name(row.last), **values)


def _entry_out(entry: finance.Entry) -> EntryOut:
    lines = [
        LineOut(
            account=line.account.code,
            name=line.account.name,
            side=line.account.side,
            debit=line.debit,
            credit=line.credit,
        )
        for line in entry.lines
    ]
    return EntryOut(
        number=entry.number,
        day=entry.day,
        store=entry.store,
        unit=entry.unit,
        transfers=entry.transfers,
        lines=lines,
    )
