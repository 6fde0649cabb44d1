"""Holds: an amount of a purse set aside at the centre until it is known what becomes of it.

    hold ──► open ──► captured     part or all goes to the goods, the rest back to the purse; once only
                 ├──► voided       all goes back
                 └──► expired      all goes back, because nobody came

    hold      available → held
    capture   held → captured, and held → available for the rest
    void      held → available

Each step is asked by the hold's id, which the asker made; asked again it has the first answer. Whoever asks
for another amount, or captures what was voided, has a Conflict.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.ledger.books.accounts import AccountName, account_id, accounts_of, available, held
from central_server.ledger.books.posting import NewTransfer, Outcome, post, posting_id
from central_server.ledger.models.books import CAPTURED, EXPIRED, OPEN, VOIDED, Hold
from central_server.web.text import N_

HOLD, CAPTURE, RELEASE = "hold", "capture", "release"  # kinds of transfers
EXPIRE_AT_ONCE = 500
_HOLDS: Any = Hold.__table__


async def hold(
    session: AsyncSession,
    id_: bytes,
    *,
    purse: str,
    unit: str,
    amount: int,
    about: str,
    at_ms: int,
    expires_ms: int,
) -> Outcome:
    """Set `amount` of a purse aside. Raises Short, OtherBody when `id_` held something else, Invalid."""
    if len(id_) != 16:
        raise Invalid({"id": N_("must have 16 bytes")})
    source, aside = available(purse, unit), held(purse, unit)
    ids = await accounts_of(session, [source, aside])
    transfer = NewTransfer(
        posting_id(HOLD, id_.hex()), ids[source], ids[aside], unit, amount, HOLD, about, at_ms
    )
    (outcome,) = await post(session, [transfer])
    if outcome is Outcome.POSTED:
        row = {"id": id_, "purse": purse, "unit": unit, "amount": amount, "captured": 0, "state": OPEN}
        row |= {"about": about, "at_ms": at_ms, "expires_ms": expires_ms}
        await session.execute(sa.insert(_HOLDS).values(row))
    return outcome


async def capture(
    session: AsyncSession, id_: bytes, amount: int, *, to: AccountName, about: str, at_ms: int
) -> bytes:
    """Take `amount` (1 up to what was held) to the account `to`; the rest goes back to the purse.

    Gives the id of the transfer to `to`. An expired hold cannot be captured. Raises NotFound, Invalid,
    and Conflict when it has ended otherwise.
    """
    row = await _locked(session, id_)
    taking = posting_id(CAPTURE, id_.hex())
    if row.state == CAPTURED and (row.captured, row.goes_to) == (amount, account_id(to)):
        return taking
    if row.state != OPEN:
        raise _ended(row)
    if not 0 < amount <= row.amount:
        raise Invalid({"amount": N_("must be from 1 to what is held")})
    source, aside = available(row.purse, row.unit), held(row.purse, row.unit)
    ids = await accounts_of(session, [source, aside, to])
    transfers = [NewTransfer(taking, ids[aside], ids[to], row.unit, amount, CAPTURE, about, at_ms)]
    if amount < row.amount:
        rest = posting_id(RELEASE, id_.hex())
        back = row.amount - amount
        transfers += [NewTransfer(rest, ids[aside], ids[source], row.unit, back, RELEASE, about, at_ms)]
    await post(session, transfers)
    await _end(session, row, CAPTURED, at_ms, captured=amount, goes_to=ids[to])
    return taking


async def void(session: AsyncSession, id_: bytes, *, at_ms: int, state: str = VOIDED) -> None:
    """Give all of it back to the purse. Raises NotFound, and Conflict when it was captured."""
    row = await _locked(session, id_)
    if row.state in (VOIDED, EXPIRED):
        return
    if row.state != OPEN:
        raise _ended(row)
    source, aside = available(row.purse, row.unit), held(row.purse, row.unit)
    ids = await accounts_of(session, [source, aside])
    back = posting_id(RELEASE, id_.hex())
    await post(
        session,
        [NewTransfer(back, ids[aside], ids[source], row.unit, row.amount, RELEASE, row.about, at_ms)],
    )
    await _end(session, row, state, at_ms)


async def held_by(session: AsyncSession, purse: str) -> list[Any]:
    """The holds of a purse that are open, the oldest first: rows of `Hold`."""
    open_ = sa.select(_HOLDS).where(_HOLDS.c.purse == purse, _HOLDS.c.state == OPEN)
    return list((await session.execute(open_.order_by(_HOLDS.c.at_ms, _HOLDS.c.id))).all())


async def expire(database: Database, now_ms: int) -> int:
    """Give back what nobody came for until its time; a job. How many, each in a transaction of its own."""
    due = sa.select(_HOLDS.c.id).where(_HOLDS.c.state == OPEN, _HOLDS.c.expires_ms <= now_ms)
    number = 0
    while True:
        async with database.reading() as session:
            found = (await session.execute(due.order_by(_HOLDS.c.expires_ms).limit(EXPIRE_AT_ONCE))).scalars()
            ids = list(found)
        for each in ids:
            number += await database.run(partial(_expire, id_=each, now_ms=now_ms))
        if len(ids) < EXPIRE_AT_ONCE:
            return number


async def _expire(session: AsyncSession, *, id_: bytes, now_ms: int) -> int:
    row = await _locked(session, id_)
    if row.state != OPEN:
        return 0  # somebody came in the last moment
    await void(session, id_, at_ms=now_ms, state=EXPIRED)
    return 1


async def _locked(session: AsyncSession, id_: bytes) -> Any:
    """The hold, which nobody else may end meanwhile. Raises NotFound."""
    await session.flush()
    asked = sa.select(_HOLDS).where(_HOLDS.c.id == id_).with_for_update()
    row = (await session.execute(asked)).first()
    if row is None:
        raise NotFound(N_("there is no such hold"))
    return row


async def _end(session: AsyncSession, row: Any, state: str, at_ms: int, **more: Any) -> None:
    ended = sa.update(_HOLDS).where(_HOLDS.c.id == row.id).values(state=state, ended_ms=at_ms, **more)
    await session.execute(ended)


def _ended(row: Any) -> Conflict:
    return {
        CAPTURED: Conflict(N_("the hold was captured already")),
        VOIDED: Conflict(N_("the hold was voided")),
        EXPIRED: Conflict(N_("the hold has expired")),
    }[row.state]
