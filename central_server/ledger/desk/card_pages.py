"""Cards for people: found by number, telephone or name; one card with its purses, history and moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError, NotFound
from central_server.ledger.cards import cards, finding, life
from central_server.ledger.cards.programmes import programmes
from central_server.ledger.desk import card_desk, purse_views
from central_server.ledger.desk.card_bodies import (
    ActivateIn,
    HandOverIn,
    IssueIn,
    MergeIn,
    RefundCardIn,
    ReplaceIn,
    UnlockPinIn,
)
from central_server.ledger.desk.cards_api import CardId
from central_server.ledger.desk.desk_names import named
from central_server.ledger.desk.desk_pages import OnceForm, checked, desk_page, minor_of, told
from central_server.ledger.desk.desk_words import FIELDS, TENDERS
from central_server.ledger.desk.doors import (
    Body,
    CardReader,
    CardWriter,
    Deed,
    Loader,
    Refunder,
    at_store,
    country_of,
    done_once,
    lease_settings_of,
)
from central_server.ledger.desk.value_bodies import BuyerIn
from central_server.ledger.models.cards import Card
from central_server.ledger.purses import pin_tries
from central_server.ledger.purses.purses import holder_of
from central_server.membership import service as membership
from central_server.web.deps import ReadDb, Viewer, database_of, keys_of, now_ms, options_of
from central_server.web.forms import Filled, filled
from central_server.web.tables import Page, query_with, rows_wanted
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)

STATES: Final = {
    life.MADE: N_("Made, not in stock"),
    life.STOCK: N_("In stock"),
    life.ISSUED: N_("Issued"),
    life.ACTIVE: N_("Active"),
    life.FROZEN: N_("Frozen"),
    life.LOST: N_("Lost"),
    life.REPLACED: N_("Replaced"),
    life.EXPIRED: N_("Expired"),
    life.REFUNDED: N_("Paid back"),
    life.CANCELLED: N_("Cancelled"),
}
MOODS: Final = {life.ACTIVE: "good", life.FROZEN: "warn", life.LOST: "bad", life.EXPIRED: "warn"}
MOVES: Final = {
    "make": N_("Was made"),
    "stock": N_("Put in stock"),
    "issue": N_("Issued"),
    "activate": N_("Activated"),
    "freeze": N_("Frozen"),
    "unfreeze": N_("Unfrozen"),
    "lose": N_("Reported lost"),
    "find": N_("Found again"),
    "replace": N_("Replaced"),
    "expire": N_("Expired"),
    "revive": N_("Revived"),
    "refund": N_("Paid back"),
    "cancel": N_("Cancelled"),
    "hand over": N_("Handed over"),
}
DO: Final = {
    "issue": N_("Issue"),
    "activate": N_("Activate"),
    "freeze": N_("Freeze"),
    "unfreeze": N_("Unfreeze"),
    "lose": N_("Report lost"),
    "find": N_("Found again"),
    "replace": N_("Replace"),
    "merge": N_("Merge into another"),
    "hand_over": N_("Hand over"),
    "revive": N_("Revive"),
    "refund": N_("Pay back and end"),
    "cancel": N_("Cancel the card"),
}


class MoveForm(OnceForm):
    """Any move of a card; each uses some of the fields."""

    move: str = Field(max_length=20)
    why: str = Field(default="", max_length=400)
    member: str = Field(default="", max_length=32)
    other: str = Field(default="", max_length=80)
    amount: str = Field(default="", max_length=24)
    store: str = Field(default="", max_length=32)
    tender: str = Field(default="cash", max_length=16)
    buyer: str = Field(default="", max_length=120)
    paper: str = Field(default="", max_length=120)


@router.get("/cards")
async def cards_page(
    request: Request,
    viewer: CardReader,
    db: ReadDb,
    q: Annotated[str, Query(max_length=80)] = "",
    state: Annotated[str, Query(max_length=16)] = "",
    programme: Annotated[str, Query(max_length=32)] = "",
    after: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    found = await finding.find_cards(
        db,
        keys=keys_of(request),
        query=q,
        state=state,
        programme=programme,
        country=country_of(request),
        after=after,
        limit=rows_wanted(options_of(request).page_rows),
    )
    members = found.members if viewer.may("members.personal") else [one.masked() for one in found.members]
    return desk_page(
        request,
        viewer,
        "ledger/cards.html",
        cards=Page(found.cards, found.next),
        members=members if viewer.may("members.read") else [],
        next_href=query_with(request.query_params, after=found.next) if found.next else "",
        **await named(db),
        form=Filled(values={"q": q, "state": state, "programme": programme}),
        state_labels=STATES,
        moods=MOODS,
    )


@router.get("/cards/{card}")
async def card_page(request: Request, viewer: CardReader, db: ReadDb, card: CardId) -> Response:
    return await _card(request, viewer, db, card, Filled())


@router.post("/cards/{card}/move")
async def move_card(request: Request, viewer: CardWriter, card: CardId) -> Response:
    """A move that touches no money."""
    return await _moved(request, viewer, card, _PLAIN)


@router.post("/cards/{card}/sell")
async def sell_card(request: Request, viewer: Loader, card: CardId) -> Response:
    """Activating takes money."""
    return await _moved(request, viewer, card, {"activate": _activate})


@router.post("/cards/{card}/pay-back")
async def pay_card_back(request: Request, viewer: Refunder, card: CardId) -> Response:
    """Paying back gives money."""
    return await _moved(request, viewer, card, {"refund": _refund})


@router.post("/cards/{card}/pin/unlock")
async def unlock_pin(
    request: Request, viewer: CardWriter, card: CardId, id: Annotated[str, Form(max_length=80)]
) -> Response:
    """Its PIN is taken again."""
    await done_once(request, viewer, UnlockPinIn(id=id), None, card_desk.unlock_pin(card))
    return RedirectResponse(f"/cards/{card}", 303)


Step = Callable[[str, MoveForm, str], tuple[Body, Deed]]


async def _moved(request: Request, viewer: Viewer, card: str, steps: dict[str, Step]) -> Response:
    form = await filled(request, MoveForm, viewer.lang)
    status = 422
    if form.model is not None:
        try:
            if form.model.store or steps is not _PLAIN:
                at_store(viewer, form.model.store)
            step = steps.get(form.model.move)
            if step is None:
                raise NotFound(N_("there is no move {move}"), move=form.model.move)
            async with database_of(request).reading() as session:
                unit = await _unit(session, card)
            body, deed = step(card, form.model, unit)
            done = await done_once(request, viewer, body, form.model.id, deed)
            waits = done.status == 202
            return RedirectResponse("/approvals" if waits else f"/cards/{card}", 303)
        except CentreError as error:
            status = told(form, error, viewer.lang)
    async with database_of(request).reading() as session:
        return await _card(request, viewer, session, card, form, status)


def _plain(move: card_desk.PlainMove, **more: Any) -> Step:
    def step(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
        return _Said(form=form), card_desk.plain(card, move, form.why, **more)

    return step


def _issue(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    body = checked(IssueIn, member=form.member.strip().upper(), place=form.store, why=form.why)
    return body, card_desk.issue(card, body)


def _replace(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    body = checked(ReplaceIn, new=form.other, why=form.why)
    return body, card_desk.replace(card, body)


def _merge(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    body = checked(MergeIn, into=form.other, why=form.why)
    return body, card_desk.merge(card, body)


def _hand_over(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    body = checked(HandOverIn, member=form.member.strip().upper(), why=form.why)
    return body, card_desk.hand_over(card, body)


def _revive(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    return _Said(form=form), card_desk.revive(card, form.why)


def _activate(card: str, form: MoveForm, unit: str) -> tuple[Body, Deed]:
    amount = minor_of("amount", form.amount, unit, nothing=True) if form.amount else None
    buyer = BuyerIn(name=form.buyer, number=form.paper) if form.buyer else None
    body = checked(ActivateIn, amount=amount, tender=form.tender, store=form.store, why=form.why, buyer=buyer)
    return body, card_desk.activate(card, body)


def _refund(card: str, form: MoveForm, _unit: str) -> tuple[Body, Deed]:
    payee = BuyerIn(name=form.buyer, number=form.paper)
    body = checked(RefundCardIn, tender=form.tender, payee=payee, store=form.store, why=form.why)
    return body, card_desk.refund(card, body)


_PLAIN: Final[dict[str, Step]] = {
    "issue": _issue,
    "freeze": _plain(cards.freeze_card),
    "unfreeze": _plain(cards.freeze_card, frozen=False),
    "lose": _plain(cards.lose_card),
    "find": _plain(cards.lose_card, found=True),
    "cancel": _plain(cards.cancel_card),
    "replace": _replace,
    "merge": _merge,
    "hand_over": _hand_over,
    "revive": _revive,
}


class _Said(Body):
    """What was said in a form, for telling whether it is the same request again."""

    form: MoveForm


async def _unit(session: AsyncSession, card: str) -> str:
    row = await finding.card_with(session, card)
    known = await programmes(session, [row.programme])
    return known[row.programme].rules.unit


async def _card(
    request: Request, viewer: Viewer, db: AsyncSession, card: str, form: Filled[Any], status: int = 200
) -> Response:
    row = await finding.card_with(db, card)
    known = await programmes(db, [row.programme])
    views = await purse_views.views_of(db, _holders(row)) if viewer.may("value.read") else []
    return desk_page(
        request,
        viewer,
        "ledger/card.html",
        status,
        card=row,
        pin_locked=await pin_tries.is_locked(
            db,
            holder_of(member=row.member, card=row.id),
            now_ms=now_ms(request),
            wrong_max=lease_settings_of(request).pin_wrong_max,
        ),
        **await named(db),
        programme=known.get(row.programme),
        name=await _name(db, request, viewer, row.member),
        purses=views,
        moves=await finding.moves_of(db, card),
        form=form,
        doable=_doable(row, viewer),
        do_labels=DO,
        state_labels=STATES,
        moods=MOODS,
        move_labels=MOVES,
        field_labels=FIELDS,
        tenders=TENDERS,
    )


def _holders(row: Card) -> list[str]:
    return [holder_of(card=row.id), *([holder_of(member=row.member)] if row.member else [])]


async def _name(db: AsyncSession, request: Request, viewer: Viewer, member: str) -> str:
    if not member or not viewer.may("members.read"):
        return ""
    profile = await membership.profile(db, keys=keys_of(request), member=member)
    return (profile if viewer.may("members.personal") else profile.masked()).fields["name"]


def _doable(row: Card, viewer: Viewer) -> list[str]:
    """What this viewer may do with the card as it is."""
    moves = [move for move in life.moves_from(row.state) if move in DO]
    if row.state == life.ACTIVE:
        moves += ["merge", "hand_over"]
    rights = {"activate": "value.load", "refund": "value.refund"}
    return [move for move in DO if move in moves and viewer.may(rights.get(move, "cards.write"))]
