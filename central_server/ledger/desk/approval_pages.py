"""The queue of what waits for a second person."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import Conflict, Refused
from central_server.ledger.desk import approvals
from central_server.ledger.desk.approvals import DONE, EXPIRED, REFUSED, STATES, WAITING
from central_server.ledger.desk.approvals_api import ApprovalId
from central_server.ledger.desk.deeds import decide
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import desk_page, told
from central_server.ledger.desk.doors import (
    ApprovalReader,
    Approver,
    lease_settings_of,
    second_person_of,
)
from central_server.ledger.desk.in_stores import in_stores
from central_server.ledger.leases import losing
from central_server.web.deps import ReadDb, Viewer, database_of, now_ms
from central_server.web.forms import Filled
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)

KINDS: Final = {
    "load": N_("Large top-up"),
    "refund": N_("Large refund"),
    "cash_out": N_("Pay-out"),
    "move": N_("Moved"),
    "correction": N_("Correction"),
    "activate": N_("Large card sale"),
    "activate_batch": N_("Sale of a batch"),
    "refund_card": N_("Card paid back"),
    "points": N_("Points by hand"),
    "coupons": N_("Coupons for members"),
    "resolve": N_("Lease tried again"),
    "loss": N_("Lease declared lost"),
}
STATE_LABELS: Final = {
    WAITING: N_("Waiting"),
    DONE: N_("Allowed"),
    REFUSED: N_("Refused"),
    EXPIRED: N_("Expired"),
}
_PURSE, _CARD, _LEASE = (
    ("value.read", "/cards/purses/", N_("Purse")),
    ("cards.read", "/cards/", N_("Card")),
    ("leases.read", "/cards/leases/", N_("Lease")),
)
_PLACES: Final = {  # where what a request is about can be looked at, and with which right
    **dict.fromkeys(("load", "refund", "cash_out", "move", "correction", "points"), _PURSE),
    **dict.fromkeys(("activate", "refund_card"), _CARD),
    **dict.fromkeys(("loss", "resolve"), _LEASE),
}
_MOODS: Final = {WAITING: "warn", DONE: "good", REFUSED: "bad", EXPIRED: "quiet"}


@router.get("/approvals")
async def approvals_page(
    request: Request,
    viewer: ApprovalReader,
    db: ReadDb,
    state: Annotated[str, Query(max_length=16)] = WAITING,
) -> Response:
    return await _queue(request, viewer, db, state if state in STATES else WAITING, Filled())


@router.post("/approvals/{id}")
async def decide_approval(
    request: Request,
    viewer: Approver,
    id: ApprovalId,
    decision: Annotated[Literal["yes", "no"], Form()],
    note: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    form: Filled[Any] = Filled()
    try:
        row = await decide(request, viewer, id, approve=decision == "yes", note=note)
        return RedirectResponse(f"/approvals?state={row.state}#{row.id}", 303)
    except (Conflict, Refused) as error:  # nothing was decided; the queue says what stands in the way
        status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _queue(request, viewer, session, WAITING, form, status)


async def _queue(
    request: Request, viewer: Viewer, db: AsyncSession, state: str, form: Filled[Any], status: int = 200
) -> Response:
    at_ms = now_ms(request)
    rows = await approvals.approvals(db, state=state, stores=viewer.stores, now_ms=at_ms, limit=200)
    login_days = second_person_of(request).login_days
    theirs = [row for row in rows if row.asked_by != viewer.user_id]
    undecided = state == WAITING and viewer.user_id is not None and viewer.may("approvals.decide")
    return desk_page(
        request,
        viewer,
        "ledger/approvals.html",
        status,
        approvals=rows,
        not_by=await approvals.not_by(db, theirs, viewer.user_id or 0, login_days=login_days)
        if undecided
        else frozenset(),
        login_days=login_days,
        not_before=await losing.not_before(db, rows, lease_settings_of(request)) if state == WAITING else {},
        now_ms=at_ms,
        in_stores=await in_stores(db, rows, stores=viewer.stores) if state == WAITING else {},
        **await named(db),
        form=form,
        state=state,
        states=STATES,
        state_of=partial(approvals.state_of, now_ms=at_ms),
        state_labels=STATE_LABELS,
        kind_labels=KINDS,
        moods=_MOODS,
        places=_PLACES,
    )
