"""Whether the books are right, for people: the last proof that was asked for here, and asking for another.

It is what `tillbeam-central ledger verify` does. It may take minutes, so it runs beside the pages, and what
it found stands in the audit trail: who asked, when, and the first thing that is wrong.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import Busy
from central_server.ledger.books.verify import written_head
from central_server.ledger.desk.doors import Auditor
from central_server.ledger.desk.verify_api import look_through
from central_server.staff import service as staff
from central_server.web.deps import ReadDb, Viewer, database_of, now_ms
from central_server.web.render import page
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)

LONGEST_S: Final = 900.0  # past it nothing is known, and the command is the way: it has no limit
_PROVED, _LEDGER = N_("proved"), N_("ledger")
_TOO_LONG: Final = N_("it was given up after {minutes} minutes: run tillbeam-central ledger verify instead")


@router.get("/cards/reports/verify")
async def verify_page(request: Request, viewer: Auditor, db: ReadDb) -> Response:
    which = staff.Filter(action=_PROVED, subject_kind=_LEDGER)
    last = next(iter(await staff.changes(db, which, rows_max=1)), None)
    return page(
        request,
        viewer,
        "ledger/verify.html",
        last=last,
        wrong=_said(last.new, viewer.lang) if last else "",
        running=_running(request),
        minutes=round(LONGEST_S / 60),
    )


@router.post("/cards/reports/verify")
async def begin_verify(request: Request, viewer: Auditor) -> Response:
    """Begin, unless it is being done; the page says how it ended."""
    if not _running(request):  # kept there, or nobody would hold on to it until it is done
        request.app.state.proving = asyncio.create_task(_prove(request, viewer))
    return RedirectResponse("/cards/reports/verify", 303)


def _running(request: Request) -> bool:
    state = request.app.state
    task = getattr(state, "proving", None)
    return (task is not None and not task.done()) or getattr(state, "verifying", False)


async def _prove(request: Request, viewer: Viewer) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            found = await look_through(request)
    except Busy:  # begun by a program meanwhile
        return
    except TimeoutError:
        said = {"right": False, "wrong": _TOO_LONG, "values": {"minutes": round(LONGEST_S / 60)}, "ends": []}
    else:
        said = {"right": found.wrong is None, "transfers": found.transfers, "purses": found.purses}
        said["ends"] = [written_head(head) for head in found.heads]
        if found.wrong is not None:
            values = {name: str(value) for name, value in found.wrong.values.items()}
            said |= {"wrong": found.wrong.msgid, "values": values}
    async with database_of(request).transaction() as session:
        await staff.record_change(session, viewer, _PROVED, _LEDGER, "*", None, said, now_ms(request))


def _said(what: dict[str, Any] | None, lang: str) -> str:
    """The first thing that was wrong, in the reader's language; empty: nothing."""
    msgid = (what or {}).get("wrong", "")
    return words(lang).gettext(msgid).format(**(what or {})["values"]) if msgid else ""
