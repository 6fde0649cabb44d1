"""`/aside`: the page of events that were set aside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import Invalid
from central_server.staff.service import record_change
from central_server.uplink import aside
from central_server.uplink.api import ID_MAX, AsideId, Reader, Writer, handlers_of, seen_by
from central_server.web.deps import Db, ReadDb, Viewer, database_of, needs, now_ms, options_of
from central_server.web.formats import in_zone
from central_server.web.render import page
from central_server.web.tables import PAGE_ROWS, Page, csv_response, query_with
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
Exporter = Annotated[Viewer, Depends(needs("aside.read", "export"))]


@router.get("/aside")
async def aside_page(
    request: Request, viewer: Reader, db: ReadDb, after: Annotated[int, Query(ge=0, le=ID_MAX)] = 0
) -> Response:
    """What waits, oldest first."""
    found = await aside.waiting(db, after_id=after, limit=PAGE_ROWS + 1, stores=viewer.stores)
    cursor = str(found[PAGE_ROWS - 1].id) if len(found) > PAGE_ROWS else None
    rows = Page(found[:PAGE_ROWS], cursor, await aside.waiting_count(db, viewer.stores))
    href = query_with(request.query_params, after=cursor) if cursor else ""
    return page(request, viewer, "uplink/aside.html", rows=rows, next_href=href)


@router.get("/aside.csv")
async def aside_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    """All that waits."""
    _, options = words(viewer.lang).gettext, options_of(request)
    async with database_of(request).transaction() as session:
        await record_change(session, viewer, N_("exported"), "event", "*", None, None, now_ms(request))

    async def lines() -> AsyncIterator[list[object]]:
        async for each in aside.every_waiting(db, viewer.stores):
            since = in_zone(each.aside_ms, options.timezone).isoformat(timespec="seconds")
            where = [each.event.store, each.event.epoch, each.event.lane.label, each.event.number]
            yield [each.id, *where, each.type, each.why, since, each.tries, each.envelope]

    header = [
        "id",
        _("Store"),
        "epoch",
        _("Lane"),
        _("Event"),
        _("Kind"),
        _("Why"),
        _("Since"),
        _("Tries"),
        _("As it came"),
    ]
    return csv_response("aside.csv", header, lines(), rows_max=options.export_rows_max, lang=viewer.lang)


@router.get("/aside/{aside_id}")
async def aside_one(request: Request, viewer: Reader, db: ReadDb, aside_id: AsideId) -> Response:
    """One event, with all that is known of it."""
    return page(request, viewer, "uplink/aside_one.html", each=await seen_by(db, viewer, aside_id))


@router.post("/aside/replay")
async def replay_every(request: Request, viewer: Writer) -> Response:
    """Replay what waits; for those who may see every store."""
    if viewer.stores is None:
        await aside.replay_all(
            database_of(request), handlers_of(request), by=viewer, now_ms=now_ms(request), limit=PAGE_ROWS
        )
    return RedirectResponse("/aside", 303)


@router.post("/aside/{aside_id}/replay")
async def replay_one(request: Request, viewer: Writer, db: Db, aside_id: AsideId) -> Response:
    """Replay one; the page then shows the rest, or why it failed again."""
    await seen_by(db, viewer, aside_id)
    done = await aside.replay(db, handlers_of(request), aside_id, by=viewer, now_ms=now_ms(request))
    return RedirectResponse("/aside" if done else f"/aside/{aside_id}", 303)


@router.post("/aside/{aside_id}/discard")
async def discard_one(
    request: Request,
    viewer: Writer,
    db: Db,
    aside_id: AsideId,
    reason: Annotated[str, Form(max_length=aside.WHY_MAX_CHARS)] = "",
) -> Response:
    """Discard one, with a reason."""
    each = await seen_by(db, viewer, aside_id)
    try:
        await aside.discard(db, aside_id, reason=reason, by=viewer, now_ms=now_ms(request))
    except Invalid as invalid:
        wrong = invalid.fields["reason"]
        return page(request, viewer, "uplink/aside_one.html", 422, each=each, wrong=wrong)
    return RedirectResponse("/aside", 303)
