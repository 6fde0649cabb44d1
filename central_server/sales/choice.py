"""Which stores and days a page, a file or the API is asked for; the same words in every address.

?store=s1      one store                    ?org=3       a group or company, with all below it
?day=2026-11-22  the last day, today if not said    ?days=7   how many days end with it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import Calendar, calendar_of
from central_server.staff.service import record_change
from central_server.stores import service as stores
from central_server.stores.models import Org, Store
from central_server.web.deps import Viewer, database_of, now_ms, options_of
from central_server.web.forms import Filled
from central_server.web.text import N_

DAYS_MAX = 92
_FIRST = date(2015, 1, 1)


@dataclass(frozen=True)
class Choice:
    """What was asked for, held against what there is and what the viewer may see."""

    visible: Sequence[Store]  # what may be chosen from
    orgs: Sequence[Org]
    stores: Sequence[Store]  # what was chosen
    store: str
    org: int | None
    first: date
    last: date
    today: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def ids(self) -> list[str]:
        """The chosen stores' ids."""
        return [store.id for store in self.stores]

    @property
    def form(self) -> Filled[object]:  # type: ignore[type-var]  # nothing is validated by it
        """The choice as a filter form shows it."""
        org = "" if self.org is None else str(self.org)
        return Filled(
            values={"store": self.store, "org": org, "day": self.last.isoformat(), "days": str(self.days)}
        )

    def calendar(self, store: Store) -> Calendar:
        """That store's own days and hours."""
        return calendar_of(store.timezone)

    def span(self, store: Store, back_days: int = 0) -> tuple[int, int]:
        """When the chosen days, moved back, begin and end in that store."""
        calendar = self.calendar(store)
        first, _ = calendar.bounds(self.first - timedelta(days=back_days))
        _, end = calendar.bounds(self.last - timedelta(days=back_days))
        return first, end


async def chosen(request: Request, session: AsyncSession, viewer: Viewer, *, days: int = 1) -> Choice:
    """The choice in this request's address; what makes no sense there is taken as not said."""
    asked = request.query_params
    visible = await stores.stores(session, viewer)
    orgs = await stores.orgs(session)
    one = next((store for store in visible if store.id == asked.get("store")), None)
    org = _number(asked.get("org", ""), 2**31)
    below = set(await stores.stores_below(session, org)) if org is not None else set()
    some = [one] if one else [store for store in visible if org is None or store.id in below]
    zone = one.timezone if one else options_of(request).timezone
    today = calendar_of(zone).day(now_ms(request))
    last = _day(asked.get("day", "")) or today
    count = _number(asked.get("days", ""), DAYS_MAX) or days
    first = max(last - timedelta(days=count - 1), _FIRST)
    return Choice(visible, orgs, some, one.id if one else "", org, first, last, today)


async def note_export(request: Request, viewer: Viewer, what: str, choice: Choice) -> None:
    """Put it in the audit trail that `viewer` downloads a table, before the first line of it is sent."""
    chosen_ = {"first": choice.first.isoformat(), "last": choice.last.isoformat(), "store": choice.store}
    async with database_of(request).transaction() as session:
        await record_change(session, viewer, N_("exported"), what, "*", None, chosen_, now_ms(request))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _FIRST <= day <= date(2100, 1, 1) else None


def _number(text: str, most: int) -> int | None:
    return (
        min(int(text), most)
        if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)
        else None
    )
