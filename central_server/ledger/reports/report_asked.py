"""What a report is asked for: which days, as booked up to where, by store or by company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import calendar_of, day_number
from central_server.errors import Invalid
from central_server.ledger.cards.law import Issuer
from central_server.ledger.desk.doors import at_store
from central_server.ledger.reports.finance import DEFAULTS
from central_server.ledger.reports.history import EVER_MS, POSITION_MAX_CHARS, Days, Position, Window
from central_server.stores import service as stores
from central_server.stores.hierarchy import path_of
from central_server.web.deps import ReadDb, Viewer, database_of, needs, now_ms, options_of
from central_server.web.text import N_
from config.finance import FinanceSettings

DAYS_MAX: Final = 400
DAYS_SHOWN: Final = 28  # when nothing was said
_FIRST = date(2015, 1, 1)
_LAST = date(2100, 1, 1)

Auditor = Annotated[Viewer, Depends(needs("ledger.audit"))]
Exporter = Annotated[Viewer, Depends(needs("ledger.audit", "export"))]
Keeper = Annotated[Viewer, Depends(needs("ledger.audit", "value.correct"))]  # who may write what is reported
Day = Annotated[date | None, Query(description="in the stores' own days")]


@dataclass(frozen=True)
class Asked:
    """The whole chain's figures, for whoever may see all of it."""

    viewer: Viewer
    first: date
    last: date
    today: date
    zone: str  # head office's
    now_ms: int
    upto: Position | None
    by: str = "store"  # or company
    issuer: Issuer | None = None
    run: int | None = None
    programme: str = ""
    codes: FinanceSettings = DEFAULTS

    @property
    def until_ms(self) -> int:
        """The end of the last day, by head office's calendar; of today and later: no end."""
        return EVER_MS if self.last >= self.today else calendar_of(self.zone).bounds(self.last)[1]

    async def days(self, session: AsyncSession) -> Days:
        """The chosen days at every store."""
        zones = {store.id: store.timezone for store in await stores.stores(session)}
        return Days(zones, self.zone, day_number(self.first), day_number(self.last))

    @property
    def window(self) -> Window:
        """The chosen days by head office's calendar: a settlement has one end for all."""
        return Window(calendar_of(self.zone).bounds(self.first)[0], self.until_ms, self.upto)

    def wide(self, days: Days) -> Window:
        """A window that has the chosen days of every store in it."""
        return Window(*days.window_ms, self.upto)

    @property
    def query(self) -> dict[str, Any]:
        """As the address says it, for the audit trail."""
        said = {"first": self.first.isoformat(), "last": self.last.isoformat(), "run": self.run}
        return {name: value for name, value in said.items() if value is not None}


def asked(
    request: Request,
    viewer: Auditor,
    first: Day = None,
    last: Day = None,
    position: Annotated[
        str, Query(max_length=POSITION_MAX_CHARS, description="of the books; a report says its own")
    ] = "",
    by: Literal["store", "company"] = "store",
    issuer: Issuer | None = None,
    run: Annotated[int | None, Query(ge=1, le=2**31, description="of the journal")] = None,
    programme: Annotated[str, Query(pattern=r"^[a-z0-9-]{0,32}$")] = "",
) -> Asked:
    """Raises Invalid, and Refused for whoever may see some stores only."""
    at_store(viewer, "")  # of head office: the whole chain's
    zone = options_of(request).timezone
    today = calendar_of(zone).day(now_ms(request))
    end = in_reach(last, "last") or today
    begin = in_reach(first, "first") or end - timedelta(days=DAYS_SHOWN - 1)
    if not timedelta(0) <= end - begin < timedelta(days=DAYS_MAX):
        raise Invalid({"first": N_("give 1 to 400 days")})
    upto = Position.read(position) if position else None
    at_ms = now_ms(request)
    codes = getattr(getattr(request.app.state, "settings", None), "finance", DEFAULTS)
    return Asked(viewer, begin, end, today, zone, at_ms, upto, by, issuer, run, programme, codes)


Wanted = Annotated[Asked, Depends(asked)]


def in_reach(day: date | None, field: str) -> date | None:
    """The day, if it is one that facts can be of. Raises Invalid."""
    if day is not None and not _FIRST <= day <= _LAST:
        raise Invalid({field: N_("must be a day between 2015 and 2100")})
    return day


async def _one_moment(request: Request, db: ReadDb) -> AsyncSession:
    # Several sums of one report are held against each other: they must be of one moment. SQLite's are.
    if not database_of(request).is_sqlite:
        await db.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return db


# A session that sees one moment of the database, on either kind.
OneMoment = Annotated[AsyncSession, Depends(_one_moment)]


async def companies(session: AsyncSession) -> Mapping[str, str]:
    """The name of the company of each store that is in one."""
    known = {org.id: org for org in await stores.orgs(session)}
    found = {}
    for store in await stores.stores(session):
        names = [org.name for org in path_of(known, store.org_id) if org.kind == "company"]
        if names:
            found[store.id] = names[-1]
    return found
