"""Rebate coupons (返券): given out to people, or earned by buying; each a lot with its value and validity.

They are spent like value, at a till or here: the nearest validity goes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.programmes import must_run, programme
from central_server.ledger.models.lots import COUPON, Lot, LotUse
from central_server.ledger.purses.legs import Leg, needs_second, positive, posted
from central_server.ledger.purses.lots import Add, add_lots
from central_server.ledger.purses.operations import Done, once
from central_server.ledger.purses.purses import holder_of, open_purses, purse_id, tell_members
from central_server.web.text import N_

MEMBERS_MAX = 5_000  # at once
WALLET_MAX = 500

State = Literal["pending", "open", "used", "expired"]


class Coupon(NamedTuple):
    """One coupon of a wallet. Amounts in minor units of the purse's currency."""

    lot: int
    state: State
    issued: int
    left: int
    used: int
    expired: int
    pending: int
    made_ms: int
    from_ms: int  # when a pending one can be used
    expires_ms: int | None
    about: str


async def give_coupons(
    session: AsyncSession,
    *,
    request: str,
    programme_id: str,
    members: Sequence[str],
    amount: int,
    by: str,
    now_ms: int,
    why: str = "",
    expires_ms: int | None = None,
    approval: str = "",
) -> Done:
    """A coupon of `amount` for each of these members, valid as the programme says or to `expires_ms`.

    Gives ``{coupons, amount}``. Above the programme's `load_max` in all it needs the second person's
    `approval`. Raises NotFound, Invalid, Conflict (no programme of coupons, or stopped), Refused.
    """
    people = sorted(set(members))
    if not 1 <= len(people) <= MEMBERS_MAX:
        raise Invalid({"members": N_("from 1 to 5,000 at once")})

    async def work() -> Done:
        theirs = await programme(session, programme_id)
        must_run(theirs)
        if theirs.rules.kind != "coupon" or theirs.rules.holder != "member":
            raise Conflict(N_("this is no programme of members' coupons"))
        needs_second(amount * len(people), theirs.rules.load_max, approval)
        unit, expiry = theirs.rules.unit, theirs.rules.expiry
        until_ms = expires_ms if expires_ms is not None else expiry.after(now_ms) if expiry else None
        if until_ms is not None and until_ms <= now_ms:
            raise Invalid({"expires": N_("must lie ahead")})
        await open_purses(session, [(holder_of(member=each), theirs) for each in people], at_ms=now_ms)
        shop, legs, adds = AccountName("bonus", theirs.id, unit), [], []
        for each in people:
            purse, id_ = purse_id(holder_of(member=each), theirs.id), posting_id("coupon", request, each)
            legs.append(Leg(id_, shop, available(purse, unit), amount, "coupon", request))
            adds.append(Add(id_, purse, amount, COUPON, until_ms, why or request))
        await posted(session, legs, [], now_ms)
        await add_lots(session, adds, now_ms=now_ms)
        await tell_members(session, people, at_ms=now_ms)
        return {"coupons": len(people), "amount": amount * len(people)}

    body = {
        "programme": programme_id,
        "members": people,
        "amount": positive(amount),
        "expires_ms": expires_ms,
        "why": why,
    }
    return await once(session, request, "coupons", body, work, by=by, now_ms=now_ms)


async def wallet(session: AsyncSession, purse: str) -> list[Coupon]:
    """Every coupon of a purse, the newest first: open, used, expired and pending ones."""
    lots = list(
        await session.scalars(
            sa.select(Lot)
            .where(Lot.purse == purse)
            .order_by(Lot.made_ms.desc(), Lot.id.desc())
            .limit(WALLET_MAX)
            .execution_options(populate_existing=True)
        )
    )
    rows = await session.execute(
        sa.select(LotUse.lot, sa.func.sum(LotUse.amount))
        .where(LotUse.purse == purse, LotUse.kind.in_(("spend", "refund")))
        .group_by(LotUse.lot)
    )
    used = {lot: int(amount) for lot, amount in rows}
    return [_coupon(lot, used.get(lot.id, 0)) for lot in lots]


def _coupon(lot: Lot, used: int) -> Coupon:
    state: State = "open" if lot.left else "pending" if lot.pending else "expired" if lot.expired else "used"
    issued = lot.amount + lot.pending
    times = lot.made_ms, lot.from_ms, lot.expires_ms
    return Coupon(lot.id, state, issued, lot.left, used, lot.expired, lot.pending, *times, lot.about)
