"""What moves value: legs to post, the purses they move, locked, and the lots that go with them.

Rows are locked in one order everywhere: purses, then accounts, then members, then the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Busy, Conflict, Invalid, NotFound, Refused
from central_server.ledger.books.accounts import AccountName, accounts_of, available, balances
from central_server.ledger.books.posting import NewTransfer, post
from central_server.ledger.cards.law import law_of
from central_server.ledger.cards.programmes import Programme, must_run, programme
from central_server.ledger.models.cards import Card
from central_server.ledger.models.leases import ORDERED, THE_STOP, LeaseStop
from central_server.ledger.models.lots import PAID, Purse
from central_server.ledger.purses.lots import Move, Use, settle_lots, sums
from central_server.ledger.purses.purses import tell_purses
from central_server.web.formats import money
from central_server.web.text import N_
from sync.contract.money import MINOR_MAX

CENTRE = "centre"
ABOUT_MAX = 200  # characters of what a transfer is about


class Leg(NamedTuple):
    """One transfer to post."""

    id: bytes
    debit: AccountName
    credit: AccountName
    amount: int
    kind: str
    about: str = ""


class Place(NamedTuple):
    """A purse with what decides about it."""

    id: str
    unit: str
    programme: Programme
    registered: bool  # its card, or its holder, has a name


async def locked(session: AsyncSession, purse: str, *, stopped_too: bool = False) -> Place:
    """The purse, locked until the commit. Raises NotFound, and Conflict when its programme is stopped."""
    row = await session.get(Purse, purse, populate_existing=True, with_for_update=True)
    return await _placed(session, purse, row, stopped_too)


async def placed(session: AsyncSession, purse: str) -> Place:
    """The purse as it is now, not locked, so it may change before anything is done. Raises as `locked`."""
    return await _placed(session, purse, await session.get(Purse, purse), False)


async def _placed(session: AsyncSession, purse: str, row: Purse | None, stopped_too: bool) -> Place:
    if row is None:
        raise NotFound(N_("there is no purse {purse}"), purse=purse)
    theirs = await programme(session, row.programme)
    if not stopped_too:
        must_run(theirs)
    registered = row.holder.startswith("member:")
    if not registered:
        card = await session.get(Card, row.holder.removeprefix("card:"))
        registered = card is not None and bool(card.member)
    return Place(row.id, row.unit, theirs, registered)


async def check_room(session: AsyncSession, place: Place, paid: int, free: int = 0) -> None:
    """Raises Conflict when that is too much: by law what was paid counts, by the programme all."""
    if paid and place.programme.is_value:
        there = (await sums(session, [place.id], (PAID,)))[place.id]
        law_of(place.unit).check_balance(there + paid, registered=place.registered)
    most = place.programme.rules.balance_max
    there = (await sums(session, [place.id]))[place.id]
    if most and there + paid + free > most:
        raise Conflict(N_("this programme's purses hold at most {most}"), most=money(most, place.unit))


async def posted(
    session: AsyncSession, legs: Sequence[Leg], uses: Sequence[Use], now_ms: int, *, tell: bool = True
) -> None:
    """Post the legs, settle the lots, tell the stores. Raises Short and OtherBody (both Conflicts)."""
    ids = await accounts_of(session, {name for leg in legs for name in (leg.debit, leg.credit)})
    await post(
        session,
        [
            NewTransfer(
                leg.id,
                ids[leg.debit],
                ids[leg.credit],
                leg.debit.unit,
                leg.amount,
                leg.kind,
                leg.about[:200],
                now_ms,
            )
            for leg in legs
        ],
    )
    await settle_lots(session, uses, now_ms=now_ms)
    if tell:
        purses = {use.purse for use in uses} | {use.to for use in uses if isinstance(use, Move)}
        await tell_purses(session, purses, at_ms=now_ms)


async def check_known(session: AsyncSession) -> None:
    """Raises Busy while grants are stopped: what seems available may be in a lease that was forgotten.

    No Conflict: that would be the answer to its key for ever (`answered`), and this passes.
    """
    stop = await session.get(LeaseStop, THE_STOP, populate_existing=True)
    if stop is None:
        return
    if stop.why == ORDERED:
        raise Busy(N_("somebody stopped the grants: nothing is paid here until they are resumed"))
    raise Busy(N_("the database was put back in time: nothing is paid until stores have been heard"))


def needs_second(amount: int, limit: int, approval: str) -> None:
    """Raises Refused when `amount` is over `limit` (0: there is none) and no second person allowed it."""
    if limit and amount > limit and not approval:
        raise Refused(N_("this needs a second person"))


async def lock_purses(session: AsyncSession, *purses: str) -> None:
    await session.execute(
        sa.select(Purse.id).where(Purse.id.in_(sorted(purses))).order_by(Purse.id).with_for_update()
    )


def positive(amount: int) -> int:
    if not 0 < amount <= MINOR_MAX:
        raise Invalid({"amount": N_("must be more than nothing")})
    return amount


async def available_in(session: AsyncSession, purse: str, unit: str) -> int:
    """What of a purse is neither held nor in a lease."""
    name = available(purse, unit)
    return (await balances(session, [name]))[name]
