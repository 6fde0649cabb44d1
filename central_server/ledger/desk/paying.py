"""Which purse a request at the desk means, and whether it may be used now: the card's state, the PIN.

A purse is named by its id, or by the number (or id) of a card and the unit. PINs are tried before the money's
transaction and every try is counted, so that guessing costs time (staff.throttle).
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.keys import Keys
from central_server.ledger.cards import life
from central_server.ledger.cards.finding import card_of
from central_server.ledger.cards.programmes import Programme
from central_server.ledger.cards.rules import rules_of
from central_server.ledger.models.cards import Card, ProgrammeRow
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.pin_tries import is_locked
from central_server.ledger.purses.purses import holder_of, pin_of, purses_of_token
from central_server.staff import service as staff
from central_server.web.text import N_
from sync.contract.leases import pin_check

PIN_TRIES: Final = 3  # wrong ones before the pauses begin
_NO_SALT: Final = bytes(16)


@dataclass(frozen=True)
class Means:
    """A purse, and the card or member that it is reached by."""

    purse: str
    unit: str
    programme: Programme
    card: str  # id; empty for a member's own purse
    member: str

    @property
    def holder(self) -> str:
        """Whose PIN it is."""
        return holder_of(member=self.member, card=self.card)


async def purse_meant(
    session: AsyncSession, *, purse: str, card: str, unit: str, keys: Keys, now_ms: int
) -> Means:
    """The purse, if it may be used. Raises Invalid (not one named), NotFound, Conflict (frozen, lost …)."""
    if bool(purse) == bool(card):
        raise Invalid({"purse": N_("give a purse, or a card and the unit")})
    if purse:
        return await _by_purse(session, purse, now_ms)
    row = await card_of(session, card, keys=keys)
    if row is None:
        raise NotFound(N_("there is no such card"))
    presented = await purses_of_token(session, row.token, keys=keys, now_ms=now_ms)
    if not presented.ok:
        raise _unusable(presented.reason)
    for each in presented.purses:
        if not unit or each.unit == unit:
            return Means(each.purse, each.unit, each.programme, row.id, presented.member)
    raise NotFound(N_("the card has no purse of this unit"))


async def _by_purse(session: AsyncSession, purse: str, now_ms: int) -> Means:
    found = await session.execute(
        sa.select(Purse, Card, ProgrammeRow)
        .join(ProgrammeRow, ProgrammeRow.id == Purse.programme)
        .outerjoin(Card, Purse.holder == "card:" + Card.id)
        .where(Purse.id == purse)
    )
    rows = found.one_or_none()
    if rows is None:
        raise NotFound(N_("there is no purse {purse}"), purse=purse)
    mine, card, programme = rows
    theirs = Programme(programme.id, rules_of(programme.rules), programme.version, bool(programme.stopped))
    if card is None:
        return Means(mine.id, mine.unit, theirs, "", mine.holder.removeprefix("member:"))
    late = card.state == life.ACTIVE and card.expires_ms is not None and card.expires_ms <= now_ms
    if reason := "expired" if late else life.REASONS[card.state]:
        raise _unusable(reason)
    return Means(mine.id, mine.unit, theirs, card.id, card.member)


def needs_pin(means: Means, amount: int) -> bool:
    """Whether a payment of that amount asks for the PIN."""
    above = means.programme.rules.pin_above
    return above is not None and amount > above


async def pin_is_right(
    database: Database, means: Means | None, pin: str, *, keys: Keys, now_ms: int, wrong_max: int
) -> bool:
    """Whether that is the PIN; takes as long when there is none, or none is taken (`pin_tries`).

    Raises TooMany.
    """
    holder = means.holder if means else ""
    tries = {f"pin:{holder}": PIN_TRIES} if holder else {}

    async def counted(session: AsyncSession) -> tuple[float, str, str]:
        wait_s = await staff.attempt(session, tries, now_ms=now_ms) if tries else 0.0
        if means is None:
            return wait_s, "", ""
        if await is_locked(session, holder, now_ms=now_ms, wrong_max=wrong_max):
            return wait_s, "", ""
        return wait_s, *await pin_of(session, member=means.member, card=means.card, keys=keys)

    wait_s, salt, check = await database.run(counted)
    staff.slow_down(wait_s)
    made = await asyncio.to_thread(pin_check, pin, bytes.fromhex(salt) if salt else _NO_SALT)
    right = bool(check) and hmac.compare_digest(made, bytes.fromhex(check))
    if right:
        await database.run(lambda session: staff.forgive(session, f"pin:{holder}", now_ms=now_ms))
    return right


def _unusable(reason: str) -> Conflict:
    return Conflict(
        {
            "lost": N_("the card was reported lost"),
            "frozen": N_("the card is frozen"),
            "expired": N_("the card has expired"),
        }.get(reason, N_("the card cannot be used"))
    )
