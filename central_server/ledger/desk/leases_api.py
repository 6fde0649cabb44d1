"""Leases as JSON: what stores hold, recalled or, with a second person, declared lost."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse

from central_server.ledger.desk.doors import (
    Amount,
    Body,
    Deed,
    Desk,
    IdempotencyKey,
    LeaseReader,
    LeaseWriter,
    Out,
    Why,
    as_json,
    at_store,
    done_once,
    note,
)
from central_server.ledger.desk.waiting import ApprovalOut, approval_out
from central_server.ledger.leases import doubt, lease_alarms, lease_list
from central_server.ledger.leases import leases as leasing
from central_server.ledger.leases.losing import ask_for_loss, ask_to_resolve
from central_server.ledger.models.leases import HOLDING
from central_server.web.deps import ReadDb, Viewer
from central_server.web.text import N_

router = APIRouter(prefix="/leases", tags=["leases"])
LeaseId = Annotated[str, Path(pattern=r"^L[A-Z2-7]{16}$", description="L and sixteen letters or digits")]
StorePath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
State = Literal["open", "doubt", "frozen", "lost", "closed", ""]


class LeaseOut(Out):
    """A lease. Amounts in minor units of `unit`, or points."""

    id: str
    store: str
    epoch: str
    purse: str
    programme: str
    unit: str
    granted: int
    escrow: int = Field(description="what it still holds, as far as we have heard")
    lost: int
    state: str
    why: str
    recalled: bool
    member: str
    last_number: int
    granted_ms: int
    doubt_ms: int | None
    closed_ms: int | None


class EntryOut(Out):
    """One record that the store wrote."""

    number: int
    kind: str
    amount: int
    till: str
    txn: str
    receipt: str
    cashier: str
    refers_to: str
    at_ms: int
    sure: bool
    applied_ms: int


class AlarmOut(Out):
    """Something about a lease that a person should look at."""

    store: str
    lease: str
    name: str
    detail: str
    count: int
    first_ms: int
    last_ms: int


class RecalledOut(BaseModel):
    leases: list[str] = Field(description="those that were not recalled before")


class RecallIn(Body):
    why: Why = ""


class LossIn(Body):
    amount: Amount
    why: Why


class FenceIn(Body):
    why: Why


class FencedOut(BaseModel):
    leases: int = Field(description="so many came into doubt")


class StopIn(Body):
    stopped: bool
    why: Why = ""


class StoppedOut(BaseModel):
    stopped: bool


class ResolveIn(Body):
    why: Why


@router.get("")
async def list_leases(
    viewer: LeaseReader,
    db: ReadDb,
    state: State = "",
    store: Annotated[str, Query(max_length=32)] = "",
    purse: Annotated[str, Query(max_length=32)] = "",
    limit: Annotated[int, Query(ge=1, le=lease_list.LIST_MAX)] = 100,
) -> list[LeaseOut]:
    """The newest first; without `state` all that may hold something."""
    states = (state,) if state else HOLDING
    rows = await lease_list.leases(
        db, states=states, stores=viewer.stores, store=store, purse=purse, limit=limit
    )
    return [LeaseOut.model_validate(row) for row in rows]


@router.get("/alarms")
async def list_alarms(viewer: LeaseReader, db: ReadDb) -> list[AlarmOut]:
    """What nobody has settled yet."""
    rows = await lease_alarms.open_alarms(db, stores=viewer.stores)
    return [AlarmOut.model_validate(row) for row in rows]


@router.post("/stores/{store}/fence", response_model=FencedOut)
async def fence_store(
    request: Request, viewer: LeaseWriter, store: StorePath, body: FenceIn, key: IdempotencyKey = None
) -> JSONResponse:
    """The store's box is gone for good: what it holds is in doubt from now. What it wrote still settles."""
    return as_json(await done_once(request, viewer, body, key, fenced(viewer, store, body)))


@router.post("/stores/{store}/stop", response_model=StoppedOut)
async def stop_store(
    request: Request, viewer: LeaseWriter, store: StorePath, body: StopIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Grant the store nothing from now on, or again. What it holds it may still spend."""
    return as_json(await done_once(request, viewer, body, key, stopped(viewer, store, body)))


@router.get("/{lease}")
async def get_lease(viewer: LeaseReader, db: ReadDb, lease: LeaseId) -> LeaseOut:
    """One lease."""
    return LeaseOut.model_validate(await lease_list.lease_with(db, lease, stores=viewer.stores))


@router.get("/{lease}/records")
async def lease_records(viewer: LeaseReader, db: ReadDb, lease: LeaseId) -> list[EntryOut]:
    """What the store wrote of it, as far as it was applied."""
    await lease_list.lease_with(db, lease, stores=viewer.stores)
    return [EntryOut.model_validate(row) for row in await lease_list.entries(db, lease)]


@router.post("/{lease}/recall", response_model=RecalledOut)
async def recall_lease(
    request: Request, viewer: LeaseWriter, lease: LeaseId, body: RecallIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Ask for it back. Until the store has closed it nothing of it can be used elsewhere."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        await lease_list.lease_with(session, lease, stores=viewer.stores)
        asked = await leasing.recall(session, lease, keys=desk.keys, now_ms=desk.now_ms)
        await note(session, viewer, N_("recalled"), N_("lease"), lease, desk.now_ms, why=body.why)
        return 200, RecalledOut(leases=asked)

    return as_json(await done_once(request, viewer, body, key, deed))


@router.post("/{lease}/loss", status_code=202, response_model=ApprovalOut)
async def declare_lost(
    request: Request, viewer: LeaseWriter, lease: LeaseId, body: LossIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Ask that a part of it be declared lost: the customer has it back, the store bears it.

    Waits for a second person, always.
    """

    return as_json(await done_once(request, viewer, body, key, declare(viewer, lease, body)))


@router.post("/{lease}/resolve", status_code=202, response_model=ApprovalOut)
async def resolve_lease(
    request: Request, viewer: LeaseWriter, lease: LeaseId, body: ResolveIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Ask that a frozen lease be tried again, once it is known what went wrong. Waits for a second person."""
    return as_json(await done_once(request, viewer, body, key, resolve(viewer, lease, body)))


def fenced(viewer: Viewer, store: str, body: FenceIn) -> Deed:
    """The deed that ends a store's epoch."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        at_store(viewer, store)
        count = await doubt.fence(session, store, desk.now_ms)
        await note(session, viewer, N_("fenced"), N_("store"), store, desk.now_ms, leases=count, why=body.why)
        return 200, FencedOut(leases=count)

    return deed


def stopped(viewer: Viewer, store: str, body: StopIn) -> Deed:
    """The deed that lets a store have no more leases, or again."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        at_store(viewer, store)
        await doubt.set_stopped(session, store, body.stopped)
        verb = N_("stopped") if body.stopped else N_("started again")
        await note(session, viewer, verb, N_("leases of a store"), store, desk.now_ms, why=body.why)
        return 200, StoppedOut(stopped=body.stopped)

    return deed


def resolve(viewer: Viewer, lease: str, body: ResolveIn) -> Deed:
    """The deed that puts a frozen lease before the second person."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await lease_list.lease_with(session, lease, stores=viewer.stores)
        asked = await ask_to_resolve(session, desk, row, body.why)
        return 202, approval_out(asked, desk.now_ms)

    return deed


def declare(viewer: Viewer, lease: str, body: LossIn) -> Deed:
    """The deed that puts a loss before the second person."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await lease_list.lease_with(session, lease, stores=viewer.stores)
        asked = await ask_for_loss(session, desk, row, body.amount, body.why)
        return 202, approval_out(asked, desk.now_ms)

    return deed
