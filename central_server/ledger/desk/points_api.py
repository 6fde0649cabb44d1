"""Points, the catalogue and coupons as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse

from central_server.ledger.desk import points_desk, purse_views, value_desk
from central_server.ledger.desk.doors import (
    CardReader,
    Corrector,
    IdempotencyKey,
    PointsWriter,
    ProgrammeWriter,
    Spender,
    ValueReader,
    as_json,
    at_store,
    done_once,
    note,
)
from central_server.ledger.desk.points_bodies import (
    AdjustIn,
    BurnIn,
    CouponOut,
    CouponsIn,
    CouponsOut,
    EarnedOut,
    EarnIn,
    ExchangedOut,
    ExchangeIn,
    ItemIn,
    ItemOut,
    RedeemedOut,
    RedeemIn,
    RedemptionOut,
    TakeBackIn,
    TakenBackOut,
)
from central_server.ledger.desk.purses_api import PurseId
from central_server.ledger.desk.value_api import SECOND
from central_server.ledger.desk.value_bodies import CorrectIn, PaidOut
from central_server.ledger.desk.waiting import ApprovalOut
from central_server.ledger.purses import catalogue, coupons
from central_server.web.deps import Db, ReadDb, now_ms
from central_server.web.text import N_

router = APIRouter(tags=["points"])
ItemId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Key = IdempotencyKey


@router.post("/points/earn", status_code=201, response_model=EarnedOut, responses=SECOND)
async def earn_points(request: Request, viewer: PointsWriter, body: EarnIn, key: Key = None) -> JSONResponse:
    """Give a member points by hand."""
    at_store(viewer, body.store)
    return as_json(await done_once(request, viewer, body, key, points_desk.earn(body)))


@router.post("/points/burn", status_code=201, response_model=PaidOut)
async def burn_points(request: Request, viewer: Spender, body: BurnIn, key: Key = None) -> JSONResponse:
    """Pay with points."""
    at_store(viewer, body.store)
    return as_json(await done_once(request, viewer, body, key, points_desk.burn(body)))


@router.post("/points/adjust", status_code=202, response_model=ApprovalOut)
async def adjust_points(request: Request, viewer: Corrector, body: AdjustIn, key: Key = None) -> JSONResponse:
    """Ask for a correction of points; a second person decides, always."""
    correction = CorrectIn(purse=body.purse, amount=body.amount, why=body.why)
    return as_json(await done_once(request, viewer, body, key, value_desk.correct(correction)))


@router.post("/points/exchange", status_code=201, response_model=ExchangedOut)
async def exchange_points(
    request: Request, viewer: PointsWriter, body: ExchangeIn, key: Key = None
) -> JSONResponse:
    """Turn points into value on a purse, at the programme's rate."""
    return as_json(await done_once(request, viewer, body, key, points_desk.exchange(body)))


@router.get("/catalogue")
async def list_items(
    _viewer: CardReader,
    db: ReadDb,
    programme: Annotated[str, Query(max_length=32)] = "",
    stopped: Annotated[bool, Query(description="also what is stopped")] = False,
) -> list[ItemOut]:
    """What points are good for, by points."""
    rows = await catalogue.items(db, programme_id=programme, all_=stopped)
    return [ItemOut.model_validate(row) for row in rows]


@router.put("/catalogue/{item}")
async def put_item(request: Request, viewer: ProgrammeWriter, db: Db, item: ItemId, given: ItemIn) -> ItemOut:
    """Put an item into the catalogue, or change it."""
    at_ms = now_ms(request)
    what = given.model_dump(exclude={"programme"})
    row = await catalogue.put_item(db, item, programme_id=given.programme, at_ms=at_ms, **what)
    await note(db, viewer, N_("changed"), N_("catalogue item"), item, at_ms, **given.model_dump(mode="json"))
    return ItemOut.model_validate(row)


@router.post("/redemptions", status_code=201, response_model=RedeemedOut)
async def redeem(request: Request, viewer: PointsWriter, body: RedeemIn, key: Key = None) -> JSONResponse:
    """Have an item for points: points and stock go together, or not at all."""
    return as_json(await done_once(request, viewer, body, key, points_desk.redeem(body)))


@router.post("/redemptions/take-back", status_code=201, response_model=TakenBackOut)
async def take_back(
    request: Request, viewer: PointsWriter, body: TakeBackIn, key: Key = None
) -> JSONResponse:
    """An item comes back: the points to their lots, the item to the stock."""
    return as_json(await done_once(request, viewer, body, key, points_desk.take_back(body)))


@router.get("/purses/{purse}/redemptions")
async def list_redemptions(_viewer: ValueReader, db: ReadDb, purse: PurseId) -> list[RedemptionOut]:
    """What was had for the points of a purse, the newest first."""
    await purse_views.view_of(db, purse)
    return [RedemptionOut.model_validate(row) for row in await catalogue.redemptions(db, purse)]


@router.post("/coupons", status_code=201, response_model=CouponsOut, responses=SECOND)
async def give_coupons(
    request: Request, viewer: PointsWriter, body: CouponsIn, key: Key = None
) -> JSONResponse:
    """A coupon for each of these members."""
    return as_json(await done_once(request, viewer, body, key, points_desk.give_coupons(body)))


@router.get("/purses/{purse}/coupons")
async def list_coupons(_viewer: ValueReader, db: ReadDb, purse: PurseId) -> list[CouponOut]:
    """The wallet: every coupon, the newest first."""
    await purse_views.view_of(db, purse)
    return [CouponOut.model_validate(each) for each in await coupons.wallet(db, purse)]
