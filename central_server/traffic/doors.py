"""What the doors of traffic share: who may enter, and which stores and days the API is asked for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from central_server.calendar import calendar_of
from central_server.errors import Invalid
from central_server.sales.choice import DAYS_MAX, Choice
from central_server.stores import service as stores
from central_server.web.deps import ReadDb, Viewer, needs, now_ms, options_of
from central_server.web.text import N_

Reader = Annotated[Viewer, Depends(needs("traffic.read"))]
Exporter = Annotated[Viewer, Depends(needs("traffic.read", "export"))]
Name = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL's text holds no NUL
RESPONSES: Final[dict[int | str, dict[str, str]]] = {
    400: {"description": "the request cannot be read"},
    401: {"description": "nobody is signed in"},
    403: {"description": "a right is missing"},
    404: {"description": "there is no such store"},
}


async def choice_of(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    first: Annotated[date | None, Query(description="first day; the last if not given")] = None,
    last: Annotated[date | None, Query(description="last day; today if not given")] = None,
    store: Annotated[list[str] | None, Query(max_length=100, description="all if not given")] = None,
) -> Choice:
    """Stores that are not there, or not for this viewer, are left out. Raises Invalid for too many days."""
    visible = await stores.stores(db, viewer)
    some = [one for one in visible if store is None or one.id in store]
    zone = some[0].timezone if len(some) == 1 else options_of(request).timezone
    today = calendar_of(zone).day(now_ms(request))
    end = last or today
    begin = first or end
    if not timedelta(0) <= end - begin < timedelta(days=DAYS_MAX) or not 2015 <= begin.year <= 2100:
        raise Invalid({"first": N_("give 1 to 92 days")})
    return Choice(visible, [], some, "", None, begin, end, today)


Chosen = Annotated[Choice, Depends(choice_of)]
