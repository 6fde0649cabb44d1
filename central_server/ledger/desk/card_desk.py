"""Cards at the desk: deeds for `doors.done_once`. Large sums go before a second person first."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound
from central_server.keys import Keys
from central_server.ledger.cards import activation, cards, life, pins, replacing
from central_server.ledger.cards.finding import card_of, card_with
from central_server.ledger.cards.making import make_cards
from central_server.ledger.cards.programmes import programme
from central_server.ledger.desk import approvals
from central_server.ledger.desk.alone import CASH_OUT, LOAD, alone
from central_server.ledger.desk.approvals import About
from central_server.ledger.desk.card_bodies import (
    ActivatedOut,
    ActivateIn,
    BatchIn,
    BatchMadeOut,
    BatchSoldOut,
    CardOut,
    HandOverIn,
    IssueIn,
    MadeCardOut,
    MergedOut,
    MergeIn,
    PinSetOut,
    RefundCardIn,
    RefundedOut,
    ReplacedOut,
    ReplaceIn,
    RevivedOut,
    SoldIn,
    StockedOut,
    StockIn,
)
from central_server.ledger.desk.doors import Deed, Desk, note
from central_server.ledger.desk.value_desk import closed
from central_server.ledger.desk.waiting import ApprovalOut, approval_out
from central_server.ledger.models.cards import Card, CardBatch
from central_server.ledger.models.lots import PAID
from central_server.ledger.purses import expiry, legs, pin_tries
from central_server.ledger.purses.lots import sums
from central_server.ledger.purses.purses import holder_of, purse_id
from central_server.web.text import N_

PlainMove = Callable[..., Awaitable[Card]]


def make_batch(body: BatchIn) -> Deed:
    """Make cards; their numbers are told in this answer only."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        made = await make_cards(
            session,
            keys=desk.keys,
            programme_id=body.programme,
            count=body.count,
            batch=body.batch,
            random_bytes=secrets.token_bytes,
            by=desk.by,
            at_ms=desk.now_ms,
            why=body.why,
        )
        await note(
            session, desk.viewer, N_("created"), N_("card batch"), body.batch, desk.now_ms, count=body.count
        )
        numbers = [MadeCardOut.model_validate(card) for card in made]
        return 201, BatchMadeOut(batch=body.batch, programme=body.programme, cards=numbers)

    return deed


def stock_batch(batch: str, body: StockIn) -> Deed:
    """What was made of a batch lies in stock from now."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        fresh = await cards.cards_of_batch(session, batch, life.MADE)
        if not fresh:
            raise Conflict(N_("no card of this batch is left to stock"))
        number = await cards.stock_cards(
            session, fresh, place=body.place, by=desk.by, at_ms=desk.now_ms, why=body.why
        )
        return 200, StockedOut(cards=number)

    return deed


def sell_batch(batch: str, body: SoldIn) -> Deed:
    """Activate all that is left of a batch: BatchSoldOut, or 202 when it is a large sum."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await session.get(CardBatch, batch)
        if row is None:
            raise NotFound(N_("there is no such batch"))
        theirs = await programme(session, row.programme)
        rules = theirs.rules
        left = await cards.cards_of_batch(session, batch, life.MADE, life.STOCK, life.ISSUED)
        total = rules.face * len(left)
        over = 0 < rules.load_max < rules.face
        buyer = body.buyer.buyer() if body.buyer else None
        activation.check_sale(theirs, rules.face, cards=len(left), tender=body.tender, buyer=buyer)
        if over or not await alone(session, desk, LOAD, rules.unit, total, ""):
            what = {"batch": batch, **_sold(body, desk.keys)}
            about = About(batch, total, rules.unit, body.store)
            return await _ask(session, desk, "activate_batch", about, body.why, what)
        done = await activation.activate_batch(
            session,
            request=desk.key,
            batch=batch,
            tender=body.tender,
            by=desk.by,
            now_ms=desk.now_ms,
            keys=desk.keys,
            store=body.store or legs.CENTRE,
            buyer=body.buyer.buyer() if body.buyer else None,
            why=body.why,
        )
        return 200, BatchSoldOut(**done)

    return deed


def issue(card: str, body: IssueIn) -> Deed:
    """Give it to a member, or to its bearer: CardOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await cards.issue_card(
            session,
            card,
            keys=desk.keys,
            by=desk.by,
            at_ms=desk.now_ms,
            member=body.member,
            place=body.place,
            why=body.why,
        )
        return 200, CardOut.model_validate(row)

    return deed


def activate(card: str, body: ActivateIn) -> Deed:
    """Let it be used, with money on it: ActivatedOut, or 202 when that is a large sum."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await card_with(session, card)
        life.after(row.state, "activate")
        theirs = await programme(session, row.programme)
        rules = theirs.rules
        if body.amount is None and not rules.face and theirs.is_value:
            raise Invalid({"amount": N_("is needed: cards of this programme have no face value; 0 for none")})
        amount = rules.face if body.amount is None else body.amount
        registered = rules.is_registered or bool(row.member)
        buyer = body.buyer.buyer() if body.buyer else None
        activation.check_sale(theirs, amount, registered=registered, tender=body.tender, buyer=buyer)
        most, purse = rules.load_max, _own_purse(row, rules.holder)
        if not await alone(session, desk, LOAD, rules.unit, amount, purse, programme_max=most):
            what = {"card": card, "amount": amount, **_sold(body, desk.keys)}
            return await _ask(
                session, desk, "activate", About(card, amount, rules.unit, body.store), body.why, what
            )
        done = await activation.activate_card(
            session,
            request=desk.key,
            card=card,
            amount=body.amount,
            tender=body.tender,
            by=desk.by,
            now_ms=desk.now_ms,
            keys=desk.keys,
            store=body.store or legs.CENTRE,
            buyer=body.buyer.buyer() if body.buyer else None,
            why=body.why,
        )
        return 200, ActivatedOut(card=card, **done)

    return deed


def plain(card: str, move: PlainMove, why: str, **more: Any) -> Deed:
    """A move with a reason, as `cards.freeze_card`, `lose_card` and `cancel_card` are: CardOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await move(session, card, keys=desk.keys, by=desk.by, why=why, at_ms=desk.now_ms, **more)
        return 200, CardOut.model_validate(row)

    return deed


def hand_over(card: str, body: HandOverIn) -> Deed:
    """Give it, with what is on it, to another member: CardOut."""
    return plain(card, cards.hand_over, body.why, member=body.member)


def replace(card: str, body: ReplaceIn) -> Deed:
    """Put a fresh card in its place: ReplacedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        new = await _meant(session, body.new, desk.keys)
        done = await replacing.replace_card(session, card=card, new=new, why=body.why, **_how(desk))
        return 200, ReplacedOut(**done)

    return deed


def merge(card: str, body: MergeIn) -> Deed:
    """Move all that is on it to another card, and end it: MergedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        into = await _meant(session, body.into, desk.keys)
        done = await replacing.merge_cards(session, card=card, into=into, why=body.why, **_how(desk))
        return 200, MergedOut(**done)

    return deed


def revive(card: str, why: str) -> Deed:
    """Let an expired card live for another term: RevivedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        return 200, RevivedOut(**await expiry.revive_card(session, card=card, why=why, **_how(desk)))

    return deed


def refund(card: str, body: RefundCardIn) -> Deed:
    """Pay back what was paid in and end it: RefundedOut, or 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await card_with(session, card)
        paid = sum((await sums(session, await cards.purses_of_card(session, card), (PAID,))).values())
        rules = (await programme(session, row.programme)).rules
        unit = rules.unit
        if not await alone(session, desk, CASH_OUT, unit, paid, _own_purse(row, rules.holder)):
            life.after(row.state, "refund")
            what = {"card": card, "tender": body.tender, "payee": closed(body.payee.buyer(), desk.keys)}
            return await _ask(
                session, desk, "refund_card", About(card, paid, unit, body.store), body.why, what
            )
        done = await replacing.refund_card(
            session,
            card=card,
            tender=body.tender,
            payee=body.payee.buyer(),
            store=body.store or legs.CENTRE,
            why=body.why,
            **_how(desk),
        )
        return 200, RefundedOut(**done)

    return deed


def pin(card: str, salt: bytes, check: bytes) -> Deed:
    """The PIN is this from now on: the member's, or the bearer card's."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await card_with(session, card)
        holder = holder_of(member=row.member, card=row.id)
        await pins.set_pin(session, holder, salt, check, keys=desk.keys, by=desk.by, at_ms=desk.now_ms)
        await note(session, desk.viewer, N_("set PIN"), N_("card"), card, desk.now_ms)
        return 200, PinSetOut(holder=holder)

    return deed


def _own_purse(row: Card, holder: str) -> str:
    """The purse of the card's own programme, whether it is opened yet or not."""
    mine = holder_of(member=row.member) if holder == "member" else holder_of(card=row.id)
    return purse_id(mine, row.programme)


def unlock_pin(card: str) -> Deed:
    """Its PIN is taken again, after so many wrong ones that none was: PinSetOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await card_with(session, card)
        holder = holder_of(member=row.member, card=row.id)
        if not await pin_tries.unlock(session, holder):
            raise Conflict(N_("no wrong PIN was tried of late"))
        await note(session, desk.viewer, N_("unlocked PIN"), N_("card"), card, desk.now_ms)
        return 200, PinSetOut(holder=holder)

    return deed


def _how(desk: Desk) -> dict[str, Any]:
    return {"request": desk.key, "keys": desk.keys, "by": desk.by, "now_ms": desk.now_ms}


def _sold(body: SoldIn, keys: Keys) -> dict[str, Any]:
    return {"tender": body.tender, "buyer": closed(body.buyer.buyer() if body.buyer else None, keys)}


async def _meant(session: AsyncSession, text: str, keys: Keys) -> str:
    """The id of the card with that number or id. Raises NotFound."""
    row = await card_of(session, text, keys=keys)
    if row is None:
        raise NotFound(N_("there is no such card"))
    return row.id


async def _ask(
    session: AsyncSession, desk: Desk, kind: str, about: About, why: str, what: dict[str, Any]
) -> tuple[int, ApprovalOut]:
    asked = await approvals.ask(
        session,
        kind,
        {"request": desk.key, "store": about.store, "why": why, **what},
        key=desk.key,
        about=about,
        by=desk.viewer,
        why=why,
        now_ms=desk.now_ms,
        days=desk.second.days,
    )
    return 202, approval_out(asked, desk.now_ms)
