"""Cards as JSON: made in batches, found, and moved through their life (`life.MOVES`).

Whatever changes something carries a key (`doors.IdempotencyKey`). A batch's answer is the only place where
the numbers of its cards are told; it is kept closed, for the same request again.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse

from central_server.ledger.cards import cards, finding, pins
from central_server.ledger.desk import card_desk
from central_server.ledger.desk.card_bodies import (
    ActivatedOut,
    ActivateIn,
    BatchIn,
    BatchMadeOut,
    BatchOut,
    BatchSoldOut,
    CardOut,
    CardsOut,
    HandOverIn,
    IssueIn,
    MergedOut,
    MergeIn,
    MoveOut,
    PinIn,
    PinSetOut,
    ReasonIn,
    RefundCardIn,
    RefundedOut,
    ReplacedOut,
    ReplaceIn,
    RevivedOut,
    SoldIn,
    StockedOut,
    StockIn,
    UnlockPinIn,
)
from central_server.ledger.desk.doors import (
    Body,
    CardMaker,
    CardReader,
    CardWriter,
    Deed,
    IdempotencyKey,
    Loader,
    Refunder,
    as_json,
    at_store,
    country_of,
    done_once,
)
from central_server.ledger.desk.value_api import SECOND
from central_server.web.deps import ReadDb, Viewer, keys_of
from central_server.web.tables import PAGE_ROWS, PAGE_ROWS_MAX

router = APIRouter(tags=["cards"])
CardId = Annotated[str, Path(pattern=r"^C[A-Z0-9]{12,16}$", description="C and sixteen letters or digits")]
BatchId = Annotated[str, Path(max_length=64)]
Key = IdempotencyKey
State = Literal[
    "made", "stock", "issued", "active", "frozen", "lost", "replaced", "expired", "refunded", "cancelled", ""
]


@router.get("/batches")
async def list_batches(_viewer: CardMaker, db: ReadDb) -> list[BatchOut]:
    """The newest first, with the states of their cards."""
    return [
        BatchOut(
            batch=row.id,
            programme=row.programme,
            count=row.count,
            made_ms=row.made_ms,
            by=row.by,
            states=states,
        )
        for row, states in await finding.batches(db)
    ]


@router.post("/batches", status_code=201, response_model=BatchMadeOut)
async def make_batch(request: Request, viewer: CardMaker, body: BatchIn, key: Key = None) -> JSONResponse:
    """Make cards of a programme. Their numbers are told here and never again."""
    return as_json(await done_once(request, viewer, body, key, card_desk.make_batch(body), closed=True))


@router.post("/batches/{batch}/stock", response_model=StockedOut)
async def stock_batch(
    request: Request, viewer: CardMaker, batch: BatchId, body: StockIn, key: Key = None
) -> JSONResponse:
    """What was made lies in stock at a store, or at head office."""
    at_store(viewer, body.place)
    return await _done(request, viewer, body, key, card_desk.stock_batch(batch, body))


@router.post("/batches/{batch}/activate", response_model=BatchSoldOut, responses=SECOND)
async def sell_batch(
    request: Request, viewer: CardMaker, batch: BatchId, body: SoldIn, key: Key = None
) -> JSONResponse:
    """Sell all that is left of a batch of bearer cards, as one purchase."""
    at_store(viewer, body.store)
    return await _done(request, viewer, body, key, card_desk.sell_batch(batch, body))


@router.get("/cards")
async def find_cards(
    request: Request,
    _viewer: CardReader,
    db: ReadDb,
    q: Annotated[str, Query(max_length=80, description="a card's number or id; a member")] = "",
    state: State = "",
    programme: Annotated[str, Query(max_length=32)] = "",
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS,
) -> CardsOut:
    """Cards that fit, the last changed first."""
    found = await finding.find_cards(
        db,
        keys=keys_of(request),
        query=q,
        state=state,
        programme=programme,
        country=country_of(request),
        after=after,
        limit=limit,
    )
    return CardsOut(items=[CardOut.model_validate(row) for row in found.cards], next=found.next)


@router.get("/cards/{card}")
async def get_card(_viewer: CardReader, db: ReadDb, card: CardId) -> CardOut:
    """One card."""
    return CardOut.model_validate(await finding.card_with(db, card))


@router.get("/cards/{card}/moves")
async def card_moves(_viewer: CardReader, db: ReadDb, card: CardId) -> list[MoveOut]:
    """What was done with it, the newest first."""
    await finding.card_with(db, card)
    return [MoveOut.model_validate(row) for row in await finding.moves_of(db, card)]


@router.post("/cards/{card}/issue", response_model=CardOut)
async def issue_card(
    request: Request, viewer: CardWriter, card: CardId, body: IssueIn, key: Key = None
) -> JSONResponse:
    """Give it to a member, or to its bearer."""
    if body.place:
        at_store(viewer, body.place)
    return await _done(request, viewer, body, key, card_desk.issue(card, body))


@router.post("/cards/{card}/activate", response_model=ActivatedOut, responses=SECOND)
async def activate_card(
    request: Request, viewer: Loader, card: CardId, body: ActivateIn, key: Key = None
) -> JSONResponse:
    """Let it be used, with what it was sold for on it."""
    at_store(viewer, body.store)
    return await _done(request, viewer, body, key, card_desk.activate(card, body))


@router.post("/cards/{card}/freeze", response_model=CardOut)
async def freeze_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """Let nobody use it for now."""
    return await _done(request, viewer, body, key, card_desk.plain(card, cards.freeze_card, body.why))


@router.post("/cards/{card}/unfreeze", response_model=CardOut)
async def unfreeze_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """Let it be used again."""
    deed = card_desk.plain(card, cards.freeze_card, body.why, frozen=False)
    return await _done(request, viewer, body, key, deed)


@router.post("/cards/{card}/lose", response_model=CardOut)
async def lose_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """It was reported lost; tills will not take it."""
    return await _done(request, viewer, body, key, card_desk.plain(card, cards.lose_card, body.why))


@router.post("/cards/{card}/find", response_model=CardOut)
async def find_card_again(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """It was found again."""
    deed = card_desk.plain(card, cards.lose_card, body.why, found=True)
    return await _done(request, viewer, body, key, deed)


@router.post("/cards/{card}/cancel", response_model=CardOut)
async def cancel_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """The end of a card with nothing left on it."""
    return await _done(request, viewer, body, key, card_desk.plain(card, cards.cancel_card, body.why))


@router.post("/cards/{card}/hand-over", response_model=CardOut)
async def hand_over_card(
    request: Request, viewer: CardWriter, card: CardId, body: HandOverIn, key: Key = None
) -> JSONResponse:
    """Give it, with what is on it, to another member."""
    return await _done(request, viewer, body, key, card_desk.hand_over(card, body))


@router.post("/cards/{card}/replace", response_model=ReplacedOut)
async def replace_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReplaceIn, key: Key = None
) -> JSONResponse:
    """Put a fresh card in its place, with all that is on it; the old one is a tombstone."""
    return await _done(request, viewer, body, key, card_desk.replace(card, body))


@router.post("/cards/{card}/merge", response_model=MergedOut)
async def merge_cards(
    request: Request, viewer: CardWriter, card: CardId, body: MergeIn, key: Key = None
) -> JSONResponse:
    """Move all that is on it to another card of the programme, and end it."""
    return await _done(request, viewer, body, key, card_desk.merge(card, body))


@router.post("/cards/{card}/revive", response_model=RevivedOut)
async def revive_card(
    request: Request, viewer: CardWriter, card: CardId, body: ReasonIn, key: Key = None
) -> JSONResponse:
    """Let an expired card, and what expired with it, live for another term."""
    return await _done(request, viewer, body, key, card_desk.revive(card, body.why))


@router.post("/cards/{card}/refund", response_model=RefundedOut, responses=SECOND)
async def refund_card(
    request: Request, viewer: Refunder, card: CardId, body: RefundCardIn, key: Key = None
) -> JSONResponse:
    """Pay back what was paid in, less the fee, and end it."""
    at_store(viewer, body.store)
    return await _done(request, viewer, body, key, card_desk.refund(card, body))


@router.post("/cards/{card}/pin", response_model=PinSetOut)
async def set_pin(
    request: Request, viewer: CardWriter, card: CardId, body: PinIn, key: Key = None
) -> JSONResponse:
    """Set the PIN of its holder: the member, or the bearer of this card."""
    salt, check = await asyncio.to_thread(pins.told_by, body.pin, secrets.token_bytes)
    return as_json(await done_once(request, viewer, body, key, card_desk.pin(card, salt, check)))


@router.post("/cards/{card}/pin/unlock", response_model=PinSetOut)
async def unlock_pin(
    request: Request, viewer: CardWriter, card: CardId, body: UnlockPinIn, key: Key = None
) -> JSONResponse:
    """Take its PIN again, after so many wrong ones in stores that none was."""
    return await _done(request, viewer, body, key, card_desk.unlock_pin(card))


async def _done(request: Request, viewer: Viewer, body: Body, key: str | None, deed: Deed) -> JSONResponse:
    return as_json(await done_once(request, viewer, body, key, deed))
