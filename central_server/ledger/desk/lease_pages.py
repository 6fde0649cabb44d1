"""Leases for people: what stores hold, what is in doubt, recall, and asking to declare one lost."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError, NotFound
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import OnceForm, desk_page, minor_of, told
from central_server.ledger.desk.doors import (
    Body,
    Desk,
    LeaseReader,
    LeaseWriter,
    done_once,
    lease_settings_of,
    note,
)
from central_server.ledger.desk.leases_api import (
    FenceIn,
    LeaseId,
    LossIn,
    ResolveIn,
    StopIn,
    StorePath,
    declare,
    fenced,
    resolve,
    stopped,
)
from central_server.ledger.leases import lease_alarms, lease_list, losing, stopping
from central_server.ledger.leases import leases as leasing
from central_server.ledger.models.leases import CLOSED, DOUBT, FROZEN, HOLDING, LOST, OPEN
from central_server.web.deps import Db, ReadDb, Viewer, database_of, now_ms
from central_server.web.forms import Filled, filled
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)

STATES: Final = {
    OPEN: N_("Open"),
    DOUBT: N_("In doubt"),
    FROZEN: N_("Frozen"),
    LOST: N_("Declared lost"),
    CLOSED: N_("Settled and closed"),
}
MOODS: Final = {OPEN: "good", DOUBT: "warn", FROZEN: "bad", LOST: "bad", CLOSED: "quiet"}
ENTRIES: Final = {
    "open": N_("Lease opened"),
    "spend": N_("Payment"),
    "refund": N_("Refund"),
    "top": N_("Top-up"),
    "close": N_("Given back"),
}


class LossForm(OnceForm):
    amount: str = Field(max_length=24)
    why: str = Field(min_length=3, max_length=400)


@router.get("/cards/leases")
async def leases_page(
    request: Request,
    viewer: LeaseReader,
    db: ReadDb,
    state: Annotated[str, Query(max_length=16)] = "",
    store: Annotated[str, Query(max_length=32)] = "",
    purse: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    states = (state,) if state in STATES else HOLDING
    found = await lease_list.leases(
        db, states=states, stores=viewer.stores, store=store.strip(), purse=purse.strip(), limit=200
    )
    return desk_page(
        request,
        viewer,
        "ledger/leases.html",
        **await named(db),
        leases=found,
        stop=await stopping.stop_of(db),
        whys=stopping.WHYS,
        sums=await lease_list.sums(db, stores=viewer.stores),
        alarms=await lease_alarms.open_alarms(db, stores=viewer.stores, limit=100),
        form=Filled(values={"state": state, "store": store, "purse": purse}),
        state_labels=STATES,
        moods=MOODS,
        may_write=viewer.may("leases.write"),
        store=await lease_list.store_with(db, store.strip()) if viewer.may_see(store.strip()) else None,
    )


@router.post("/cards/leases/settle")
async def settle_alarm(
    request: Request,
    viewer: LeaseWriter,
    db: Db,
    store: Annotated[str, Form(max_length=32)],
    name: Annotated[str, Form(max_length=32)],
    lease: Annotated[str, Form(max_length=32)] = "",
) -> Response:
    if not viewer.may_see(store):
        raise NotFound(N_("there is no such alarm"))
    at_ms = now_ms(request)
    await lease_alarms.settle_alarm(db, store, lease, name, by=viewer.name, now_ms=at_ms)
    await note(db, viewer, N_("looked into"), N_("lease alarm"), f"{store}/{lease}/{name}", at_ms)
    return RedirectResponse("/cards/leases", 303)


@router.post("/cards/leases/stores/{store}/{what}")
async def change_store(
    request: Request,
    viewer: LeaseWriter,
    store: StorePath,
    what: Literal["fence", "stop", "start"],
    id: Annotated[str, Form(max_length=80)],
    why: Annotated[str, Form(min_length=3, max_length=400)],
) -> Response:
    """The store's box is gone for good; or it is granted nothing more, or again."""
    if what == "fence":
        fence = FenceIn(id=id, why=why)
        await done_once(request, viewer, fence, None, fenced(viewer, store, fence))
    else:
        stop = StopIn(id=id, why=why, stopped=what == "stop")
        await done_once(request, viewer, stop, None, stopped(viewer, store, stop))
    return RedirectResponse(f"/cards/leases?store={store}", 303)


@router.get("/cards/leases/{lease}")
async def lease_page(request: Request, viewer: LeaseReader, db: ReadDb, lease: LeaseId) -> Response:
    return await _lease(request, viewer, db, lease, Filled())


@router.post("/cards/leases/{lease}/recall")
async def recall_lease(
    request: Request,
    viewer: LeaseWriter,
    lease: LeaseId,
    id: Annotated[str, Form(max_length=80)],
    back: Annotated[Literal["lease", "approvals"], Form()] = "lease",
) -> Response:
    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        await lease_list.lease_with(session, lease, stores=viewer.stores)
        await leasing.recall(session, lease, keys=desk.keys, now_ms=desk.now_ms)
        await note(session, viewer, N_("recalled"), N_("lease"), lease, desk.now_ms)
        return 200, Body()

    await done_once(request, viewer, Body(id=id), None, deed)
    return RedirectResponse("/approvals" if back == "approvals" else f"/cards/leases/{lease}", 303)


@router.post("/cards/leases/{lease}/loss")
async def ask_for_loss(request: Request, viewer: LeaseWriter, lease: LeaseId) -> Response:
    form = await filled(request, LossForm, viewer.lang)
    status = 422
    if form.model is not None:
        try:
            async with database_of(request).reading() as session:
                row = await lease_list.lease_with(session, lease, stores=viewer.stores)
            amount = minor_of("amount", form.model.amount, row.unit)
            body = LossIn(id=form.model.id, amount=amount, why=form.model.why)
            await done_once(request, viewer, body, None, declare(viewer, lease, body))
            return RedirectResponse("/approvals", 303)
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _lease(request, viewer, session, lease, form, status)


@router.post("/cards/leases/{lease}/resolve")
async def ask_to_resolve(
    request: Request,
    viewer: LeaseWriter,
    lease: LeaseId,
    id: Annotated[str, Form(max_length=80)],
    why: Annotated[str, Form(min_length=3, max_length=400)],
) -> Response:
    body = ResolveIn(id=id, why=why)
    await done_once(request, viewer, body, None, resolve(viewer, lease, body))
    return RedirectResponse("/approvals", 303)


async def _lease(
    request: Request, viewer: Viewer, db: AsyncSession, lease: str, form: Filled[LossForm], status: int = 200
) -> Response:
    row = await lease_list.lease_with(db, lease, stores=viewer.stores)
    return desk_page(
        request,
        viewer,
        "ledger/lease.html",
        status,
        **await named(db),
        lease=row,
        entries=await lease_list.entries(db, lease),
        waiting=await lease_list.waiting_entries(db, lease),
        form=form,
        grace_hours=lease_settings_of(request).grace_hours,
        lost_from_ms=losing.lost_from_ms(row, lease_settings_of(request)),
        state_labels=STATES,
        moods=MOODS,
        entry_labels=ENTRIES,
        may_write=viewer.may("leases.write"),
    )
