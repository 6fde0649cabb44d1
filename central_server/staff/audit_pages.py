"""Who changed what: the page and the file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from central_server.staff.audit import Filter, actions, changes, every_change
from central_server.web.deps import ReadDb, Viewer, needs, options_of
from central_server.web.formats import in_zone
from central_server.web.forms import Filled
from central_server.web.render import page
from central_server.web.tables import csv_response, page_of, query_with, rows_wanted
from central_server.web.text import words

router = APIRouter(include_in_schema=False)
Reader = Annotated[Viewer, Depends(needs("audit.read"))]
Exporter = Annotated[Viewer, Depends(needs("audit.read", "export"))]
_NUMBERS_MAX = 2**63 - 1


@router.get("/audit")
async def audit(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    after: Annotated[int | None, Query(ge=0, le=_NUMBERS_MAX)] = None,
    rows: int | None = None,
) -> Response:
    wanted = rows_wanted(rows or options_of(request).page_rows)
    found = await changes(db, _filter(request), before_id=after, rows_max=wanted + 1)
    shown = page_of(found, wanted, str(found[wanted - 1].id) if len(found) > wanted else None)
    return page(
        request,
        viewer,
        "staff/audit.html",
        changes=shown,
        next_href=query_with(request.query_params, after=shown.next),
        form=Filled(values=dict(request.query_params)),
        actions=await actions(db),
    )


@router.get("/audit.csv")
async def audit_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    _ = words(viewer.lang).gettext
    options = options_of(request)

    async def rows() -> AsyncIterator[list[object]]:
        async for one in every_change(db, _filter(request)):
            when = in_zone(one.at_ms, options.timezone).isoformat(timespec="seconds")
            subject = [one.subject_kind, one.subject_id]
            yield [one.id, when, one.actor, one.action, *subject, _json(one.old), _json(one.new)]

    header = ["id", _("When"), _("Who"), _("What"), _("Kind"), _("Which"), _("Old"), _("New")]
    return csv_response("audit.csv", header, rows(), rows_max=options.export_rows_max, lang=viewer.lang)


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _filter(request: Request) -> Filter:
    asked, timezone = request.query_params, options_of(request).timezone
    return Filter(
        actor=asked.get("actor", "")[:80],
        action=asked.get("action", "")[:80],
        subject_kind=asked.get("kind", "")[:80],
        subject_id=asked.get("which", "")[:80],
        from_ms=_midnight(asked.get("from", ""), timezone),
        until_ms=_midnight(asked.get("until", ""), timezone, days=1),
    )


def _midnight(date: str, timezone: str, days: int = 0) -> int | None:
    """When that day (2026-11-22) begins at head office; None when it is no date."""
    try:
        day = datetime.strptime(date, "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007 - the zone follows
        return int(day.replace(tzinfo=ZoneInfo(timezone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
