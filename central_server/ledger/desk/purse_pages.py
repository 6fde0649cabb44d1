"""A purse for people: balance, lots, what changed it, and what may be done; and all purses of a member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError, Conflict
from central_server.ledger.cards import finding
from central_server.ledger.cards.programmes import Programme, programmes
from central_server.ledger.desk import purse_views, value_desk
from central_server.ledger.desk.card_pages import MOODS, STATES
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import OnceForm, checked, desk_page, minor_of, told
from central_server.ledger.desk.desk_words import FIELDS, LOTS, TENDERS, TRANSFERS
from central_server.ledger.desk.doors import (
    Body,
    Corrector,
    Deed,
    Loader,
    Refunder,
    ValueReader,
    at_store,
    done_once,
    note,
)
from central_server.ledger.desk.purse_views import PurseView
from central_server.ledger.desk.purses_api import PurseId
from central_server.ledger.desk.value_bodies import BuyerIn, CashOutIn, CorrectIn, LoadIn, RefundIn
from central_server.ledger.purses import lots
from central_server.ledger.purses.purses import holder_of, open_purse, purses_of_member
from central_server.membership import service as membership
from central_server.web.deps import Db, ReadDb, Viewer, database_of, keys_of, now_ms
from central_server.web.forms import Filled, filled
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)
MemberId = Annotated[str, Path(pattern=r"^M[0-9A-Z]{12}$")]

DO: Final = {
    "load": N_("Top up"),
    "refund": N_("Give a payment back"),
    "pay-out": N_("Pay out"),
    "correct": N_("Correct"),
}
_RIGHTS: Final = {
    "load": "value.load",
    "refund": "value.refund",
    "pay-out": "value.refund",
    "correct": "value.correct",
}


class PurseForm(OnceForm):
    """Anything that is done with a purse; each deed uses some of the fields."""

    deed: str = Field(default="", max_length=16)
    amount: str = Field(default="", max_length=24)
    tender: str = Field(default="cash", max_length=16)
    buyer: str = Field(default="", max_length=120)
    paper: str = Field(default="", max_length=120)
    of: str = Field(default="", max_length=32)
    store: str = Field(default="", max_length=32)
    receipt: str = Field(default="", max_length=64)
    why: str = Field(default="", max_length=400)


Step = Callable[[PurseView, PurseForm], tuple[Body, Deed]]


@router.get("/cards/purses/{purse}")
async def purse_page(request: Request, viewer: ValueReader, db: ReadDb, purse: PurseId) -> Response:
    return await _purse(request, viewer, db, purse, Filled())


@router.post("/cards/purses/{purse}/load")
async def load(request: Request, viewer: Loader, purse: PurseId) -> Response:
    return await _done(request, viewer, purse, _load)


@router.post("/cards/purses/{purse}/refund")
async def refund(request: Request, viewer: Refunder, purse: PurseId) -> Response:
    return await _done(request, viewer, purse, _refund)


@router.post("/cards/purses/{purse}/pay-out")
async def pay_out(request: Request, viewer: Refunder, purse: PurseId) -> Response:
    return await _done(request, viewer, purse, _pay_out)


@router.post("/cards/purses/{purse}/correct")
async def correct(request: Request, viewer: Corrector, purse: PurseId) -> Response:
    return await _done(request, viewer, purse, _correct, any_store=True)


@router.get("/ledger/member/{member}")
async def member_page(request: Request, viewer: ValueReader, db: ReadDb, member: MemberId) -> Response:
    profile = await membership.profile(db, keys=keys_of(request), member=member)
    shown = profile if viewer.may("members.personal") else profile.masked()
    family = await membership.family_of(db, profile.id)
    return desk_page(
        request,
        viewer,
        "ledger/holder.html",
        **await named(db),
        member=profile.id,
        name=shown.fields["name"] if viewer.may("members.read") else "",
        purses=await purse_views.views(db, await purses_of_member(db, profile.id)),
        openable=await _openable(db, profile.id) if viewer.may("value.load") else [],
        may_open=viewer.may("value.load"),
        cards=await finding.cards_of_members(db, family) if viewer.may("cards.read") else [],
        state_labels=STATES,
        moods=MOODS,
    )


@router.post("/ledger/member/{member}/purses")
async def open_member_purse(
    request: Request,
    viewer: Loader,
    db: Db,
    member: MemberId,
    programme: Annotated[str, Form(max_length=32)],
) -> Response:
    """Open a purse of stored value that is the member's own, where its programme's rules allow that."""
    profile = await membership.profile(db, keys=keys_of(request), member=member)
    chosen = {each.id: each for each in await _openable(db, profile.id)}.get(programme)
    if chosen is None:
        raise Conflict(N_("no purse of this programme can be opened for the member"))
    at_ms = now_ms(request)
    purse = await open_purse(db, holder_of(member=profile.id), chosen, at_ms=at_ms)
    await note(db, viewer, N_("opened"), N_("purse"), purse, at_ms, member=profile.id, programme=programme)
    return RedirectResponse(f"/cards/purses/{purse}", 303)


@router.get("/ledger/of/{member}")
async def held(request: Request, viewer: ValueReader, db: ReadDb, member: MemberId) -> Response:
    """A piece of the member's page."""
    found = await purse_views.views(db, await purses_of_member(db, member))
    return desk_page(request, viewer, "ledger/held.html", member=member, purses=found)


async def _openable(db: AsyncSession, member: str) -> list[Programme]:
    """The running programmes of stored value whose purse is the member's, and which they have not yet."""
    have = {each.programme.id for each in await purses_of_member(db, member)}
    return [
        each
        for each in (await programmes(db)).values()
        if each.is_value and each.rules.holder == "member" and not each.stopped and each.id not in have
    ]


def _load(purse: PurseView, form: PurseForm) -> tuple[Body, Deed]:
    body = checked(
        LoadIn,
        purse=purse.id,
        amount=minor_of("amount", form.amount, purse.unit),
        tender=form.tender,
        store=form.store,
        receipt=form.receipt,
        buyer=BuyerIn(name=form.buyer, number=form.paper) if form.buyer else None,
        why=form.why,
    )
    return body, value_desk.load(body)


def _refund(purse: PurseView, form: PurseForm) -> tuple[Body, Deed]:
    body = checked(
        RefundIn,
        purse=purse.id,
        of=form.of,
        amount=minor_of("amount", form.amount, purse.unit),
        store=form.store,
        receipt=form.receipt,
        why=form.why,
    )
    return body, value_desk.refund(body)


def _pay_out(purse: PurseView, form: PurseForm) -> tuple[Body, Deed]:
    body = checked(
        CashOutIn,
        purse=purse.id,
        amount=minor_of("amount", form.amount, purse.unit),
        tender=form.tender,
        payee=BuyerIn(name=form.buyer, number=form.paper),
        store=form.store,
        receipt=form.receipt,
        why=form.why,
    )
    return body, value_desk.cash_out(body)


def _correct(purse: PurseView, form: PurseForm) -> tuple[Body, Deed]:
    amount = minor_of("amount", form.amount, purse.unit)
    body = checked(CorrectIn, purse=purse.id, amount=amount, why=form.why)
    return body, value_desk.correct(body)


async def _done(
    request: Request, viewer: Viewer, purse: str, step: Step, *, any_store: bool = False
) -> Response:
    form = await filled(request, PurseForm, viewer.lang)
    status = 422
    if form.model is not None:
        try:
            if not any_store:
                at_store(viewer, form.model.store)
            async with database_of(request).reading() as session:
                view = await purse_views.view_of(session, purse)
            body, deed = step(view, form.model)
            done = await done_once(request, viewer, body, form.model.id, deed)
            return RedirectResponse("/approvals" if done.status == 202 else f"/cards/purses/{purse}", 303)
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _purse(request, viewer, session, purse, form, status)


async def _purse(
    request: Request, viewer: Viewer, db: AsyncSession, purse: str, form: Filled[Any], status: int = 200
) -> Response:
    view = await purse_views.view_of(db, purse)
    offered = DO if view.kind == "value" else {"refund": "", "correct": ""}
    return desk_page(
        request,
        viewer,
        "ledger/purse.html",
        status,
        **await named(db),
        purse=view,
        lots=await lots.lots_of(db, purse),
        changes=await purse_views.changes_of(db, view),
        form=form,
        doable=[deed for deed in offered if viewer.may(_RIGHTS[deed])],
        do_labels=DO,
        field_labels=FIELDS,
        tenders=TENDERS,
        lot_labels=LOTS,
        kind_labels=TRANSFERS,
    )
