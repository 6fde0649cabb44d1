"""What a second person's yes does, by the kind of request; and the decision, done once and whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.cards import activation, replacing
from central_server.ledger.desk import approvals, points_desk
from central_server.ledger.desk.approvals import Deed
from central_server.ledger.desk.doors import lease_settings_of, second_person_of
from central_server.ledger.desk.value_desk import opened, receipt_once
from central_server.ledger.leases import doubt
from central_server.ledger.models.approvals import Approval
from central_server.ledger.purses import coupons, legs, spending, value
from central_server.staff.service import Who
from central_server.web.deps import Viewer, database_of, keys_of, now_ms
from central_server.web.text import N_
from config.money import LeaseSettings


def deeds_of(keys: Keys, leasing: LeaseSettings) -> Mapping[str, Deed]:
    """The deeds by their kinds. Each is given the request that waited and who allowed it."""

    async def load(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        await receipt_once(session, row.body["receipt"], row.body["request"], now_ms)
        return await value.load(
            session,
            **_common(row, by, now_ms),
            tender=row.body["tender"],
            keys=keys,
            store=row.store or legs.CENTRE,
            buyer=opened(row.body["buyer"], keys),
            approval=row.id,
        )

    async def refund(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await spending.refund(
            session,
            **_common(row, by, now_ms),
            of=bytes.fromhex(row.body["of"]),
            store=row.store or legs.CENTRE,
            about=row.body["about"],
        )

    async def cash_out(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        payee = opened(row.body["payee"], keys)
        assert payee is not None
        return await value.cash_out(
            session,
            **_common(row, by, now_ms),
            tender=row.body["tender"],
            payee=payee,
            keys=keys,
            store=row.store or legs.CENTRE,
            approval=row.id,
        )

    async def move(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await value.move_value(session, **_common(row, by, now_ms), to=row.body["to"])

    async def activate(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await activation.activate_card(
            session,
            request=row.body["request"],
            card=row.body["card"],
            amount=row.body["amount"],
            **_sale(row, by, now_ms, keys),
        )

    async def activate_batch(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await activation.activate_batch(
            session,
            request=row.body["request"],
            batch=row.body["batch"],
            **_sale(row, by, now_ms, keys),
        )

    async def refund_card(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        payee = opened(row.body["payee"], keys)
        assert payee is not None
        done = await replacing.refund_card(
            session,
            request=row.body["request"],
            card=row.body["card"],
            tender=row.body["tender"],
            payee=payee,
            keys=keys,
            by=_both(row, by),
            why=row.why,
            now_ms=now_ms,
            store=row.store or legs.CENTRE,
            approval=row.id,
        )
        if done["paid_out"] + done["fee"] > row.amount:  # more came onto the card since it was asked for
            raise Conflict(N_("This has changed meanwhile"))
        return done

    async def correction(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await value.correct(
            session, **_common(row, by, now_ms), approval=row.id, why=row.why, kind=row.body["kind"]
        )

    async def points(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        return await points_desk.give_points(session, **_common(row, by, now_ms), why=row.why)

    async def coupons_given(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        body = row.body
        return await coupons.give_coupons(
            session,
            request=body["request"],
            programme_id=body["programme"],
            members=body["members"],
            amount=body["amount"],
            by=_both(row, by),
            now_ms=now_ms,
            why=row.why,
            expires_ms=body["expires_ms"],
            approval=row.id,
        )

    async def loss(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        declared = await doubt.declare_loss(
            session,
            row.body["lease"],
            amount=row.body["amount"],
            approvers=_two(row, by),
            request=row.id,
            settings=leasing,
            keys=keys,
            now_ms=now_ms,
        )
        return {"amount": declared.amount}

    async def resolve(session: AsyncSession, row: Approval, by: Who, now_ms: int) -> Mapping[str, Any]:
        lease = await doubt.resolve(
            session, row.body["lease"], approvers=_two(row, by), keys=keys, now_ms=now_ms
        )
        return {"state": lease.state}

    return {
        "load": load,
        "refund": refund,
        "cash_out": cash_out,
        "move": move,
        "activate": activate,
        "activate_batch": activate_batch,
        "refund_card": refund_card,
        "correction": correction,
        "points": points,
        "coupons": coupons_given,
        "loss": loss,
        "resolve": resolve,
    }


def _common(row: Approval, by: Who, now_ms: int) -> dict[str, Any]:
    body = row.body
    return {
        "request": body["request"],
        "purse": body["purse"],
        "amount": body["amount"],
        "by": _both(row, by),
        "now_ms": now_ms,
    }


def _sale(row: Approval, by: Who, now_ms: int, keys: Keys) -> dict[str, Any]:
    return {
        "tender": row.body["tender"],
        "by": _both(row, by),
        "now_ms": now_ms,
        "keys": keys,
        "store": row.store or legs.CENTRE,
        "buyer": opened(row.body["buyer"], keys),
        "approval": row.id,
        "why": row.why,
    }


def _both(row: Approval, by: Who) -> str:
    return f"{row.asked_name} + {by.name}"


def _two(row: Approval, by: Who) -> tuple[str, str]:
    """The two people, told apart also when they have one name."""
    return f"{row.asked_name} #{row.asked_by}", f"{by.name} #{by.user_id}"


async def decide(request: Request, viewer: Viewer, id_: str, *, approve: bool, note: str) -> Approval:
    """The viewer's yes or no, and what follows from it, in one transaction (`approvals.decide`)."""
    at_ms, keys = now_ms(request), keys_of(request)
    if viewer.token_id is not None:
        raise Refused(N_("only a person who is signed in can decide this: a token can be lent"))

    async def work(session: AsyncSession) -> Approval:
        theirs(await approvals.approval(session, id_), viewer)
        return await approvals.decide(
            session,
            id_,
            by=viewer,
            approve=approve,
            now_ms=at_ms,
            deeds=deeds_of(keys, lease_settings_of(request)),
            note=note,
            login_days=second_person_of(request).login_days,
        )

    return await database_of(request).run(work)


def theirs(row: Approval, viewer: Viewer) -> Approval:
    """The request, if it concerns the viewer's stores. Raises NotFound."""
    if not viewer.may_see(row.store):
        raise NotFound(N_("there is no such request"))
    return row
