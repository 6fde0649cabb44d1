"""Money at the desk: what is done at once, and what first goes before a second person.

Each function makes a deed for `doors.done_once`; the request's key is the operation's, so it is one operation
however often it is asked, also when a second person's yes does it (`deeds.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.cards.buyers import Buyer
from central_server.ledger.desk import approvals
from central_server.ledger.desk.alone import CASH_OUT, LOAD, REFUND, alone
from central_server.ledger.desk.approvals import About
from central_server.ledger.desk.doors import Deed, Desk
from central_server.ledger.desk.paying import Means, needs_pin, purse_meant
from central_server.ledger.desk.value_bodies import (
    CaptureIn,
    CashedOut,
    CashOutIn,
    CorrectIn,
    HeldOut,
    HoldIn,
    LoadedOut,
    LoadIn,
    Meant,
    MovedOut,
    MoveIn,
    PaidOut,
    RefundIn,
    Sale,
    SpendIn,
    VoidedOut,
)
from central_server.ledger.desk.waiting import ApprovalOut, approval_out
from central_server.ledger.models.books import Hold
from central_server.ledger.purses import legs, spending, value
from central_server.ledger.purses.answered import claim
from central_server.ledger.purses.purses import Held, held
from central_server.web.formats import money
from central_server.web.text import N_


def load(body: LoadIn) -> Deed:
    """Top a purse up: LoadedOut, or 202 when it needs a second person."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await _meant(session, desk, body)
        if body.store and not body.receipt:
            raise Invalid({"receipt": N_("is needed: it says which payment at the till this is")})
        most, buyer = meant.programme.rules.load_max, body.buyer.buyer() if body.buyer else None
        place = await legs.placed(session, meant.purse)
        await value.check_load(session, place, body.amount, tender=body.tender, buyer=buyer)
        if not await alone(session, desk, LOAD, meant.unit, body.amount, meant.purse, programme_max=most):
            what = {"tender": body.tender, "buyer": closed(buyer, desk.keys), "receipt": receipt_of(body)}
            return await _ask(session, desk, "load", meant, body.amount, body.store, body.why, what)
        await receipt_once(session, receipt_of(body), desk.key, desk.now_ms)
        done = await value.load(
            session,
            request=desk.key,
            purse=meant.purse,
            amount=body.amount,
            tender=body.tender,
            by=desk.by,
            now_ms=desk.now_ms,
            keys=desk.keys,
            store=body.store or legs.CENTRE,
            buyer=buyer,
        )
        return 201, loaded(meant, done)

    return deed


def spend(body: SpendIn, *, proven: bool) -> Deed:
    """Pay: PaidOut. With `partial` what there is, when that is less. `proven`: the PIN came and was right."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await _payer(session, desk, body, proven)
        amount = body.amount
        if body.partial:
            await legs.locked(session, meant.purse)
            amount = min(amount, await legs.available_in(session, meant.purse, meant.unit))
            if not amount:
                raise Conflict(N_("there is nothing on it"))
        done = await spending.spend(
            session,
            request=desk.key,
            purse=meant.purse,
            amount=amount,
            by=desk.by,
            now_ms=desk.now_ms,
            store=body.store or legs.CENTRE,
            about=about_of(body),
        )
        return 201, paid(meant, amount, done)

    return deed


def hold(body: HoldIn, *, proven: bool) -> Deed:
    """Set an amount aside: HeldOut. `proven`: the PIN came and was right."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await _payer(session, desk, body, proven)
        done = await spending.hold(
            session,
            request=desk.key,
            purse=meant.purse,
            amount=body.amount,
            by=desk.by,
            now_ms=desk.now_ms,
            for_s=body.for_s,
            about=about_of(body),
        )
        until_ms = desk.now_ms + body.for_s * 1000
        return 201, HeldOut(
            hold=done["hold"], purse=meant.purse, unit=meant.unit, amount=body.amount, expires_ms=until_ms
        )

    return deed


def capture(hold_id: bytes, body: CaptureIn) -> Deed:
    """Take part or all of what was set aside: PaidOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        row = await _their_hold(session, desk, hold_id)
        done = await spending.capture(
            session,
            hold=hold_id,
            amount=body.amount,
            by=desk.by,
            now_ms=desk.now_ms,
            store=body.store or legs.CENTRE,
            about=about_of(body),
        )
        out = PaidOut(
            transfer=done["transfer"],
            purse=row.purse,
            unit=row.unit,
            amount=body.amount,
            balance=done["balance"],
        )
        return 200, out

    return deed


def void(hold_id: bytes) -> Deed:
    """Give all of it back: VoidedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        await _their_hold(session, desk, hold_id)
        await spending.void(session, hold=hold_id, now_ms=desk.now_ms)
        return 200, VoidedOut(hold=hold_id.hex(), state="voided")

    return deed


def refund(body: RefundIn) -> Deed:
    """Give back what a payment took: PaidOut, or 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await held(session, body.purse)
        left = await spending.refundable(session, body.purse, bytes.fromhex(body.of))
        if body.amount > left:
            shown = money(left, meant.unit)
            raise Conflict(N_("only {left} of that payment can still be given back"), left=shown)
        if not await alone(session, desk, REFUND, meant.unit, body.amount, meant.purse):
            what = {"of": body.of, "about": about_of(body)}
            return await _ask(session, desk, "refund", meant, body.amount, body.store, body.why, what)
        done = await spending.refund(
            session,
            request=desk.key,
            purse=body.purse,
            amount=body.amount,
            of=bytes.fromhex(body.of),
            by=desk.by,
            now_ms=desk.now_ms,
            store=body.store or legs.CENTRE,
            about=about_of(body),
        )
        return 201, paid(meant, body.amount, done)

    return deed


def cash_out(body: CashOutIn) -> Deed:
    """Pay out what is left: CashedOut, or 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await _meant(session, desk, body)
        if not await alone(session, desk, CASH_OUT, meant.unit, body.amount, meant.purse):
            what = {"tender": body.tender, "payee": closed(body.payee.buyer(), desk.keys)}
            return await _ask(session, desk, "cash_out", meant, body.amount, body.store, body.why, what)
        done = await value.cash_out(
            session,
            request=desk.key,
            purse=meant.purse,
            amount=body.amount,
            tender=body.tender,
            payee=body.payee.buyer(),
            by=desk.by,
            now_ms=desk.now_ms,
            keys=desk.keys,
            store=body.store or legs.CENTRE,
        )
        return 201, cashed(meant, done)

    return deed


def correct(body: CorrectIn) -> Deed:
    """Ask for a correction: always 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await held(session, body.purse)
        if not body.amount:
            raise Invalid({"amount": N_("must be more or less than nothing")})
        return await _ask(session, desk, "correction", meant, body.amount, "", body.why, {"kind": body.kind})

    return deed


def move(body: MoveIn) -> Deed:
    """Move value to another purse of the same programme: MovedOut, or 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant, _ = [
            await purse_meant(session, purse=purse, card="", unit="", keys=desk.keys, now_ms=desk.now_ms)
            for purse in (body.purse, body.to)
        ]
        if not await alone(session, desk, REFUND, meant.unit, body.amount, meant.purse):
            return await _ask(session, desk, "move", meant, body.amount, "", body.why, {"to": body.to})
        done = await value.move_value(
            session,
            request=desk.key,
            purse=body.purse,
            to=body.to,
            amount=body.amount,
            by=desk.by,
            now_ms=desk.now_ms,
        )
        return 201, MovedOut(**done)

    return deed


def about_of(sale: Sale) -> str:
    """Where it happened, as histories say it: ``s1/till1/R123``; empty when nothing was said."""
    return "/".join(part for part in (sale.store, sale.till, sale.receipt) if part)


def receipt_of(sale: Sale) -> str:
    """Which receipt of which till a top-up is for; empty when it names none."""
    return about_of(sale) if sale.receipt else ""


async def receipt_once(session: AsyncSession, receipt: str, key: str, now_ms: int) -> None:
    """One top-up for one receipt: whoever tops up twice has taken money once. Raises Conflict."""
    if receipt and not await claim(session, f"load/{receipt}", key, now_ms):
        raise Conflict(N_("this receipt stands for another top-up already"))


def closed(buyer: Buyer | None, keys: Keys) -> str:
    """A buyer as a request keeps them until a second person has decided: closed."""
    return keys.encrypt(msgspec.json.encode(buyer).decode()).hex() if buyer else ""


def opened(text: str, keys: Keys) -> Buyer | None:
    """What `closed` closed."""
    return msgspec.json.decode(keys.decrypt(bytes.fromhex(text)), type=Buyer) if text else None


def loaded(meant: Means, done: dict[str, Any]) -> LoadedOut:
    return LoadedOut(purse=meant.purse, unit=meant.unit, **done)


def paid(meant: Means | Held, amount: int, done: dict[str, Any]) -> PaidOut:
    return PaidOut(purse=meant.purse, unit=meant.unit, amount=amount, **done)


def cashed(meant: Means, done: dict[str, Any]) -> CashedOut:
    return CashedOut(purse=meant.purse, unit=meant.unit, **done)


async def _meant(session: AsyncSession, desk: Desk, body: Meant) -> Means:
    return await purse_meant(
        session, purse=body.purse, card=body.card, unit=body.unit, keys=desk.keys, now_ms=desk.now_ms
    )


async def _payer(session: AsyncSession, desk: Desk, body: SpendIn | HoldIn, proven: bool) -> Means:
    means = await _meant(session, desk, body)
    if not proven and needs_pin(means, body.amount):
        raise Refused(N_("a payment of this amount needs the PIN"))
    return means


async def _their_hold(session: AsyncSession, desk: Desk, hold_id: bytes) -> Any:
    """The hold, if it was set aside at one of the viewer's stores. Raises NotFound."""
    found = await session.execute(sa.select(Hold.purse, Hold.unit, Hold.about).where(Hold.id == hold_id))
    row = found.one_or_none()
    stores = desk.viewer.stores
    if row is None or (stores is not None and row.about.partition("/")[0] not in stores):
        raise NotFound(N_("there is no such hold"))
    return row


async def _ask(
    session: AsyncSession,
    desk: Desk,
    kind: str,
    meant: Means | Held,
    amount: int,
    store: str,
    why: str,
    what: dict[str, Any],
) -> tuple[int, ApprovalOut]:
    body = {"request": desk.key, "purse": meant.purse, "amount": amount, "store": store, "why": why, **what}
    asked = await approvals.ask(
        session,
        kind,
        body,
        key=desk.key,
        about=About(meant.purse, amount, meant.unit, store),
        by=desk.viewer,
        why=why,
        now_ms=desk.now_ms,
        days=desk.second.days,
    )
    return 202, approval_out(asked, desk.now_ms)
