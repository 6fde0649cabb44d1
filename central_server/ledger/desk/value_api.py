"""Money as JSON: top-ups, payments, holds, refunds, pay-outs and corrections.

Every request has a key, made where the fact arose (`doors.IdempotencyKey`): the same key and body give the
first answer again, another body 409. What needs a second person answers 202 with the request that waits.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

from central_server.errors import Refused
from central_server.ledger.desk import value_desk as desk
from central_server.ledger.desk.doors import (
    Body,
    CardWriter,
    Corrector,
    Deed,
    IdempotencyKey,
    Loader,
    Refunder,
    Spender,
    as_json,
    at_store,
    done_once,
    lease_settings_of,
)
from central_server.ledger.desk.paying import pin_is_right, purse_meant
from central_server.ledger.desk.value_bodies import (
    CaptureIn,
    CashedOut,
    CashOutIn,
    CorrectIn,
    HeldOut,
    HoldIn,
    LoadedOut,
    LoadIn,
    MovedOut,
    MoveIn,
    PaidOut,
    RefundIn,
    SpendIn,
    VoidedOut,
)
from central_server.ledger.desk.waiting import ApprovalOut
from central_server.web.deps import Viewer, database_of, keys_of, now_ms
from central_server.web.text import N_

router = APIRouter(tags=["value"])
HoldId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="32 hex digits")]
SaleBody = LoadIn | SpendIn | HoldIn | CaptureIn | RefundIn | CashOutIn
SECOND: dict[int | str, dict[str, Any]] = {
    202: {"model": ApprovalOut, "description": "it waits for a second person"}
}


@router.post("/loads", status_code=201, response_model=LoadedOut, responses=SECOND)
async def load(request: Request, viewer: Loader, body: LoadIn, key: IdempotencyKey = None) -> JSONResponse:
    """Top a purse up, with the bonus that its programme gives."""
    return await _sale(request, viewer, body, key, desk.load(body))


@router.post("/spends", status_code=201, response_model=PaidOut)
async def spend(request: Request, viewer: Spender, body: SpendIn, key: IdempotencyKey = None) -> JSONResponse:
    """Pay with value or points at the centre. 409 when there is too little; never below zero."""
    proven = await _pin(request, body)
    return await _sale(request, viewer, body, key, desk.spend(body, proven=proven))


@router.post("/holds", status_code=201, response_model=HeldOut)
async def hold(request: Request, viewer: Spender, body: HoldIn, key: IdempotencyKey = None) -> JSONResponse:
    """Set an amount aside, to be captured in part or whole, or voided."""
    proven = await _pin(request, body)
    return await _sale(request, viewer, body, key, desk.hold(body, proven=proven))


@router.post("/holds/{hold}/capture", response_model=PaidOut)
async def capture(
    request: Request, viewer: Spender, hold: HoldId, body: CaptureIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Take part or all of it, once; the rest goes back to the purse."""
    return await _sale(request, viewer, body, key, desk.capture(bytes.fromhex(hold), body))


@router.post("/holds/{hold}/void", response_model=VoidedOut)
async def void(
    request: Request, viewer: Spender, hold: HoldId, body: Body, key: IdempotencyKey = None
) -> JSONResponse:
    """Give all of it back."""
    return as_json(await done_once(request, viewer, body, key, desk.void(bytes.fromhex(hold))))


@router.post("/refunds", status_code=201, response_model=PaidOut, responses=SECOND)
async def refund(
    request: Request, viewer: Refunder, body: RefundIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Give back what a payment took, to the purse that paid; never more than it took."""
    return await _sale(request, viewer, body, key, desk.refund(body))


@router.post("/cash-outs", status_code=201, response_model=CashedOut, responses=SECOND)
async def cash_out(
    request: Request, viewer: Refunder, body: CashOutIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Pay out what is left of what was paid in; bonus never, cash only up to the law's limit."""
    return await _sale(request, viewer, body, key, desk.cash_out(body))


@router.post("/corrections", status_code=202, response_model=ApprovalOut)
async def correct(
    request: Request, viewer: Corrector, body: CorrectIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Ask for a correction of a balance; a second person decides, always."""
    return as_json(await done_once(request, viewer, body, key, desk.correct(body)))


@router.post("/moves", status_code=201, response_model=MovedOut, responses=SECOND)
async def move(
    request: Request, viewer: CardWriter, body: MoveIn, key: IdempotencyKey = None
) -> JSONResponse:
    """Move value from one purse to another of the same programme, its lots as they are."""
    return as_json(await done_once(request, viewer, body, key, desk.move(body)))


async def _sale(
    request: Request, viewer: Viewer, body: SaleBody, key: str | None, deed: Deed
) -> JSONResponse:
    at_store(viewer, body.store)
    return as_json(await done_once(request, viewer, body, key, deed))


async def _pin(request: Request, body: SpendIn | HoldIn) -> bool:
    """Whether the PIN that came is right. Outside the payment's transaction: a wrong one must be counted even
    though nothing is paid. Raises Refused, TooMany.
    """
    if not body.pin:
        return False
    database, keys, at_ms = database_of(request), keys_of(request), now_ms(request)
    async with database.reading() as session:
        means = await purse_meant(
            session, purse=body.purse, card=body.card, unit=body.unit, keys=keys, now_ms=at_ms
        )
    wrong_max = lease_settings_of(request).pin_wrong_max
    if not await pin_is_right(database, means, body.pin, keys=keys, now_ms=at_ms, wrong_max=wrong_max):
        raise Refused(N_("the PIN is wrong"))
    return True
