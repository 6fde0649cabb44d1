"""Points, catalogue and coupons at the desk: deeds for `doors.done_once`."""

from __future__ import annotations

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Refused
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.programmes import programme
from central_server.ledger.desk import approvals
from central_server.ledger.desk.alone import LOAD, alone
from central_server.ledger.desk.approvals import About
from central_server.ledger.desk.doors import Deed, Desk
from central_server.ledger.desk.paying import Means, needs_pin, purse_meant
from central_server.ledger.desk.points_bodies import (
    BurnIn,
    CouponsIn,
    CouponsOut,
    EarnedOut,
    EarnIn,
    ExchangedOut,
    ExchangeIn,
    RedeemedOut,
    RedeemIn,
    TakeBackIn,
    TakenBackOut,
)
from central_server.ledger.desk.value_bodies import PaidOut
from central_server.ledger.desk.waiting import approval_out
from central_server.ledger.models.lots import EARNED
from central_server.ledger.purses import catalogue, coupons, legs, spending
from central_server.ledger.purses.legs import Leg, locked, positive, posted
from central_server.ledger.purses.lots import Add, sums
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import holder_of, open_purse
from central_server.membership import service as membership
from central_server.web.text import N_
from sync.contract.leases import POINTS


async def give_points(
    session: AsyncSession, *, request: str, purse: str, amount: int, why: str, by: str, now_ms: int
) -> Done:
    """Points by hand, as if they were earned; ``{balance}``. Raises NotFound, Conflict."""

    async def work() -> Done:
        place = await locked(session, purse)
        rules = place.programme.rules
        if rules.kind != "points":
            raise Conflict(N_("this is no purse of points"))
        id_ = posting_id("give", request)
        shop = AccountName("bonus", place.programme.id, POINTS)
        leg = Leg(id_, shop, available(purse, POINTS), amount, "earn", request)
        until_ms = rules.expiry.after(now_ms) if rules.expiry else None
        await posted(session, [leg], [Add(id_, purse, amount, EARNED, until_ms, why)], now_ms)
        return {"balance": (await sums(session, [purse]))[purse]}

    body = {"purse": purse, "amount": positive(amount), "why": why}
    return await once(session, request, "give", body, work, by=by, now_ms=now_ms)


def earn(body: EarnIn) -> Deed:
    """Give points by hand: EarnedOut, or 202."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        member = (await membership.family_of(session, body.member))[0]
        await membership.profile(session, keys=desk.keys, member=member)
        theirs = await programme(session, body.programme)
        if theirs.rules.kind != "points" or theirs.rules.holder != "member":
            raise Conflict(N_("this is no programme of members' points"))
        purse = await open_purse(session, holder_of(member=member), theirs, at_ms=desk.now_ms)
        if not await alone(session, desk, LOAD, POINTS, body.amount, purse):
            asked = await approvals.ask(
                session,
                "points",
                {"request": desk.key, "purse": purse, "amount": body.amount},
                key=desk.key,
                about=About(purse, body.amount, POINTS, body.store),
                by=desk.viewer,
                why=body.why,
                now_ms=desk.now_ms,
                days=desk.second.days,
            )
            return 202, approval_out(asked, desk.now_ms)
        done = await give_points(
            session,
            request=desk.key,
            purse=purse,
            amount=body.amount,
            why=body.why,
            by=desk.by,
            now_ms=desk.now_ms,
        )
        return 201, EarnedOut(purse=purse, earned=body.amount, **done)

    return deed


def burn(body: BurnIn) -> Deed:
    """Pay with points: PaidOut. So many that they ask for the PIN are a payment like any other."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        meant = await _points(session, desk, body.purse)
        if needs_pin(meant, body.amount):
            raise Refused(N_("a payment of this amount needs the PIN"))
        done = await spending.spend(
            session,
            request=desk.key,
            purse=body.purse,
            amount=body.amount,
            by=desk.by,
            now_ms=desk.now_ms,
            store=body.store or legs.CENTRE,
            about=body.why,
        )
        return 201, PaidOut(purse=body.purse, unit=meant.unit, amount=body.amount, **done)

    return deed


def exchange(body: ExchangeIn) -> Deed:
    """Turn points into value, for whoever has them: ExchangedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        mine = await _points(session, desk, body.purse)
        meant = await purse_meant(
            session, purse=body.to, card="", unit="", keys=desk.keys, now_ms=desk.now_ms
        )
        if meant.holder != mine.holder:
            raise Refused(N_("points become value for whoever has them: choose a purse of the same person"))
        done = await catalogue.exchange(
            session,
            request=desk.key,
            purse=body.purse,
            to=body.to,
            points=body.points,
            by=desk.by,
            now_ms=desk.now_ms,
        )
        return 201, ExchangedOut(**done)

    return deed


def redeem(body: RedeemIn) -> Deed:
    """Have an item for points: RedeemedOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        await _points(session, desk, body.purse)
        done = await catalogue.redeem(
            session,
            request=desk.key,
            purse=body.purse,
            item=body.item,
            count=body.count,
            by=desk.by,
            now_ms=desk.now_ms,
        )
        return 201, RedeemedOut(redemption=desk.key, **done)

    return deed


def take_back(body: TakeBackIn) -> Deed:
    """An item comes back: TakenBackOut."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        done = await catalogue.take_back(
            session, request=desk.key, redeemed=body.redemption, by=desk.by, now_ms=desk.now_ms
        )
        return 201, TakenBackOut(**done)

    return deed


def give_coupons(body: CouponsIn) -> Deed:
    """Coupons for members: CouponsOut, or 202 when it is a large sum."""

    async def deed(session: AsyncSession, desk: Desk) -> tuple[int, BaseModel]:
        rules = (await programme(session, body.programme)).rules
        known = await membership.members_of(session, [], body.members)
        members = sorted({known[each] for each in body.members if each in known})
        total = body.amount * len(members)
        what = {
            "request": desk.key,
            "programme": body.programme,
            "members": members,
            "amount": body.amount,
            "expires_ms": body.expires_ms,
        }
        if not await alone(session, desk, LOAD, rules.unit, total, "", programme_max=rules.load_max):
            asked = await approvals.ask(
                session,
                "coupons",
                what,
                key=desk.key,
                about=About(body.programme, total, rules.unit),
                by=desk.viewer,
                why=body.why,
                now_ms=desk.now_ms,
                days=desk.second.days,
            )
            return 202, approval_out(asked, desk.now_ms)
        done = await coupons.give_coupons(
            session,
            request=desk.key,
            programme_id=body.programme,
            members=members,
            amount=body.amount,
            by=desk.by,
            now_ms=desk.now_ms,
            why=body.why,
            expires_ms=body.expires_ms,
        )
        return 201, CouponsOut(**done)

    return deed


async def _points(session: AsyncSession, desk: Desk, purse: str) -> Means:
    """A purse of points that may be used. Raises NotFound, Conflict."""
    meant = await purse_meant(session, purse=purse, card="", unit="", keys=desk.keys, now_ms=desk.now_ms)
    if meant.unit != POINTS:
        raise Conflict(N_("this is no purse of points"))
    return meant
