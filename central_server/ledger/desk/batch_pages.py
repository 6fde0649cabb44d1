"""Batches of cards for people: made, put in stock, sold."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError
from central_server.ledger.cards import finding
from central_server.ledger.desk import card_desk
from central_server.ledger.desk.card_bodies import BatchIn, SoldIn, StockIn
from central_server.ledger.desk.card_pages import MOODS, STATES
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import OnceForm, checked, desk_page, told
from central_server.ledger.desk.desk_words import FIELDS, TENDERS
from central_server.ledger.desk.doors import Body, CardMaker, Deed, at_store, done_once
from central_server.ledger.desk.value_bodies import BuyerIn
from central_server.web.deps import ReadDb, Viewer, database_of
from central_server.web.forms import Filled, filled
from central_server.web.tables import csv_link
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)


class BatchForm(OnceForm):
    batch: str = Field(max_length=64)
    programme: str = Field(max_length=32)
    count: int = Field(ge=1, le=10_000)


class StepForm(OnceForm):
    batch: str = Field(max_length=64)
    store: str = Field(default="", max_length=32)
    tender: str = Field(default="cash", max_length=16)
    buyer: str = Field(default="", max_length=120)
    paper: str = Field(default="", max_length=120)
    why: str = Field(default="", max_length=400)


@router.get("/cards/batches")
async def batches_page(request: Request, viewer: CardMaker, db: ReadDb) -> Response:
    return await _batches(request, viewer, db, Filled())


@router.post("/cards/batches")
async def make_batch(request: Request, viewer: CardMaker) -> Response:
    form = await filled(request, BatchForm, viewer.lang)
    status, made = 422, None
    if form.model is not None:
        try:
            given = form.model
            body = checked(BatchIn, batch=given.batch, programme=given.programme, count=given.count)
            done = await done_once(request, viewer, body, given.id, card_desk.make_batch(body), closed=True)
            status, made = 200, done.body
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _batches(request, viewer, session, form if made is None else Filled(), status, made)


@router.post("/cards/batches/stock")
async def stock_batch(request: Request, viewer: CardMaker) -> Response:
    form = await filled(request, StepForm, viewer.lang)
    if form.model is None:
        return await _again(request, viewer, form, 422)
    at_store(viewer, form.model.store)
    body = checked(StockIn, place=form.model.store, why=form.model.why)
    return await _done(request, viewer, form, body, card_desk.stock_batch(form.model.batch, body))


@router.post("/cards/batches/sell")
async def sell_batch(request: Request, viewer: CardMaker) -> Response:
    form = await filled(request, StepForm, viewer.lang)
    if form.model is None:
        return await _again(request, viewer, form, 422)
    given = form.model
    at_store(viewer, given.store)
    buyer = BuyerIn(name=given.buyer, number=given.paper) if given.buyer else None
    body = checked(SoldIn, tender=given.tender, store=given.store, buyer=buyer, why=given.why)
    return await _done(request, viewer, form, body, card_desk.sell_batch(given.batch, body))


async def _done(request: Request, viewer: Viewer, form: Filled[Any], body: Body, deed: Deed) -> Response:
    try:
        done = await done_once(request, viewer, body, form.values["id"], deed)
    except CentreError as error:
        return await _again(request, viewer, form, told(form, error, viewer.lang))
    return RedirectResponse("/approvals" if done.status == 202 else "/cards/batches", 303)


async def _again(request: Request, viewer: Viewer, form: Filled[Any], status: int) -> Response:
    async with database_of(request).reading() as session:
        return await _batches(request, viewer, session, form, status)


async def _batches(
    request: Request,
    viewer: Viewer,
    db: AsyncSession,
    form: Filled[Any],
    status: int = 200,
    made: dict[str, Any] | None = None,
) -> Response:
    return desk_page(
        request,
        viewer,
        "ledger/batches.html",
        status,
        batches=await finding.batches(db),
        **await named(db),
        made=made,
        numbers_file=_numbers_file(made, viewer.lang) if made else "",
        form=form,
        field_labels=FIELDS,
        tenders=TENDERS,
        state_labels=STATES,
        moods=MOODS,
    )


def _numbers_file(made: dict[str, Any], lang: str) -> str:
    """The numbers of a new batch as a file that only this page holds; the centre keeps their tokens."""
    say = words(lang).gettext
    header = [say(N_("Card")), say(N_("Card number")), say(N_("Batch")), say(N_("Programme"))]
    cards = ((card["id"], card["number"], made["batch"], made["programme"]) for card in made["cards"])
    return csv_link(header, cards)
