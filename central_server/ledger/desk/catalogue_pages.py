"""The catalogue for people: its items, having one for points, and points or coupons by hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError, Invalid, NotFound
from central_server.ledger.cards.programmes import programme
from central_server.ledger.desk import points_desk
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import OnceForm, checked, desk_page, minor_of, told
from central_server.ledger.desk.doors import (
    Body,
    CardReader,
    Deed,
    PointsWriter,
    ProgrammeWriter,
    at_store,
    done_once,
    note,
)
from central_server.ledger.desk.points_bodies import CouponsIn, EarnIn, RedeemIn
from central_server.ledger.purses import catalogue
from central_server.ledger.purses.coupons import MEMBERS_MAX
from central_server.ledger.purses.purses import purses_of_member
from central_server.web.deps import Db, ReadDb, Viewer, database_of, now_ms
from central_server.web.forms import Filled, filled
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)
Form = Filled[Any]


class ItemForm(BaseModel):
    item: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    zh: str = Field(max_length=64)
    en: str = Field(max_length=64)
    programme: str = Field(max_length=32)
    points: int = Field(ge=1, le=2**53)
    stock: int = Field(default=0, ge=0, le=catalogue.STOCK_MAX)
    each_max: int = Field(default=0, ge=0, le=catalogue.COUNT_MAX)
    stopped: bool = False


class RedeemForm(OnceForm):
    member: str = Field(max_length=32)
    which: str = Field(max_length=64)
    count: int = Field(default=1, ge=1, le=catalogue.COUNT_MAX)


class GiveForm(OnceForm):
    given: str = Field(max_length=32)
    people: str = Field(max_length=MEMBERS_MAX * 15)
    amount: str = Field(max_length=24)
    why: str = Field(max_length=400)


@router.get("/cards/catalogue")
async def catalogue_page(
    request: Request, viewer: CardReader, db: ReadDb, item: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    rows = {row.id: row for row in await catalogue.items(db, all_=True)}
    values: dict[str, Any] = {}
    if row := rows.get(item):
        values = {name: getattr(row, name) for name in ItemForm.model_fields if name != "item"}
        values["item"] = row.id
    return await _catalogue(request, viewer, db, form=Filled(values=values))


@router.post("/cards/catalogue")
async def put_item(request: Request, viewer: ProgrammeWriter, db: Db) -> Response:
    form = await filled(request, ItemForm, viewer.lang)
    if form.model is None:
        return await _catalogue(request, viewer, db, form=form, status=422)
    at_ms, given = now_ms(request), form.model.model_dump(exclude={"item", "programme"})
    item, theirs = form.model.item, form.model.programme
    try:
        await catalogue.put_item(db, item, programme_id=theirs, at_ms=at_ms, **given)
    except CentreError as error:
        return await _catalogue(request, viewer, db, form=form, status=told(form, error, viewer.lang))
    await note(db, viewer, N_("changed"), N_("catalogue item"), item, at_ms, programme=theirs, **given)
    return RedirectResponse("/cards/catalogue", 303)


@router.post("/cards/catalogue/redeem")
async def redeem(request: Request, viewer: PointsWriter) -> Response:
    form = await filled(request, RedeemForm, viewer.lang)
    status = 422
    if form.model is not None:
        given = form.model
        try:
            async with database_of(request).reading() as session:
                purse = await _purse_for(session, given.member.strip().upper(), given.which)
            body = checked(RedeemIn, purse=purse, item=given.which, count=given.count)
            await done_once(request, viewer, body, given.id, points_desk.redeem(body))
            return RedirectResponse(f"/cards/purses/{purse}", 303)
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _catalogue(request, viewer, session, redeeming=form, status=status)


@router.post("/cards/catalogue/give")
async def give(request: Request, viewer: PointsWriter) -> Response:
    form = await filled(request, GiveForm, viewer.lang)
    status = 422
    if form.model is not None:
        try:
            at_store(viewer, "")
            async with database_of(request).reading() as session:
                body, deed = await _given(session, form.model)
            done = await done_once(request, viewer, body, form.model.id, deed)
            return RedirectResponse("/approvals" if done.status == 202 else "/cards/catalogue", 303)
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _catalogue(request, viewer, session, giving=form, status=status)


async def _given(session: AsyncSession, form: GiveForm) -> tuple[Body, Deed]:
    theirs = await programme(session, form.given)
    amount = minor_of("amount", form.amount, theirs.rules.unit)
    people = form.people.upper().replace(",", " ").split()
    if theirs.rules.kind == "coupon":
        coupons = checked(CouponsIn, programme=form.given, members=people, amount=amount, why=form.why)
        return coupons, points_desk.give_coupons(coupons)
    if len(people) != 1:
        raise Invalid({"people": N_("points are given to one member at a time")})
    points = checked(EarnIn, member=people[0], programme=form.given, amount=amount, why=form.why)
    return points, points_desk.earn(points)


async def _purse_for(session: AsyncSession, member: str, item: str) -> str:
    """The member's purse of the points that the item is for. Raises NotFound."""
    row = next((row for row in await catalogue.items(session) if row.id == item), None)
    if row is None:
        raise NotFound(N_("there is no such item"))
    for each in await purses_of_member(session, member):
        if each.programme.id == row.programme:
            return each.purse
    raise NotFound(N_("this member has no such points"))


async def _catalogue(
    request: Request,
    viewer: Viewer,
    db: AsyncSession,
    *,
    form: Form | None = None,
    redeeming: Form | None = None,
    giving: Form | None = None,
    status: int = 200,
) -> Response:
    return desk_page(
        request,
        viewer,
        "ledger/catalogue.html",
        status,
        items=await catalogue.items(db, all_=viewer.may("programmes.write")),
        **await named(db),
        form=form or Filled(),
        redeeming=redeeming or Filled(values={"count": 1}),
        giving=giving or Filled(),
    )
