"""Purses: whose they are, who may reach them with which token, and what tills are told of them.

A purse belongs to a member or to a card. A member who was merged into another keeps their purses under the
old id; whoever asks for a person's purses gets those of the whole family.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import NotFound
from central_server.keys import Keys
from central_server.ledger.cards import life
from central_server.ledger.cards.programmes import Programme, programmes
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.models.lots import Lot, Purse
from central_server.ledger.purses.lots import AT_ONCE
from central_server.membership import service as membership
from central_server.web.text import N_
from sync.contract.leases import POINTS
from sync.contract.questions import PurseShown

SHOWN_MAX = 20  # purses of one person or card that a till is told of


_ORDER = {"value": 0, "points": 1, "coupon": 2}
# Made once: to make a statement anew takes as long as to ask it.
_MEMBERS: sa.BindParameter[Any] = sa.bindparam("members", expanding=True)
_CARD_WITH = sa.select(Card).where(Card.token == sa.bindparam("token"))
_CARDS_OF = sa.select(Card.id, Card.member).where(Card.member.in_(_MEMBERS))
_ACTIVE_OF = sa.select(Card.id).where(
    Card.member.in_(_MEMBERS),
    Card.state == life.ACTIVE,
    sa.or_(Card.expires_ms.is_(None), Card.expires_ms > sa.bindparam("now_ms")),
)
_HOLDERS = sa.select(Purse.holder).where(Purse.id.in_(sa.bindparam("purses", expanding=True)))
_LEFT = sa.select(sa.func.coalesce(sa.func.sum(Lot.left), 0)).where(Lot.purse == Purse.id).scalar_subquery()
_HELD = sa.select(
    Purse.id, Purse.holder, Purse.programme, Purse.kind, Purse.unit, Purse.opened_ms, _LEFT.label("left")
)
_HELD_BY = _HELD.where(Purse.holder.in_(sa.bindparam("holders", expanding=True)))
_PIN_OF = sa.select(Pin).where(Pin.holder == sa.bindparam("of")).execution_options(populate_existing=True)


@dataclass(frozen=True)
class Held:
    """A purse with what is in it, leases included."""

    purse: str
    holder: str
    programme: Programme
    unit: str
    balance: int

    @property
    def shown(self) -> PurseShown:
        return PurseShown(self.purse, self.unit, self.programme.id, self.balance)


@dataclass(frozen=True)
class Presented:
    """Who is behind a token, and what they may pay with. `reason` is empty when they may.

    Else unknown, lost, frozen, expired or stopped, as `message.Answered.refused` says it; then no purses.
    """

    token: str
    reason: str = ""
    card: str = ""  # the id of our card; empty for a telephone, or a member's card that we did not make
    member: str = ""
    name: str = ""  # masked
    purses: tuple[Held, ...] = field(default=())
    pin_salt: str = ""  # hex; empty: no PIN was ever set
    pin_check: str = ""  # hex

    @property
    def ok(self) -> bool:
        return not self.reason


async def purses_of_token(session: AsyncSession, token: str, *, keys: Keys, now_ms: int) -> Presented:
    """What the token of a card or of a member's telephone number opens."""
    card = await session.scalar(_CARD_WITH, {"token": token}) if token.isprintable() else None
    wanted = [card.member] if card is not None and card.member else []
    member = (await membership.members_of(session, [token], wanted)).get(wanted[0] if wanted else token, "")
    told = (await membership.told_members(session, [member])).get(member) if member else None
    reason = _reason(card, now_ms)
    if not reason and told is not None and token in told.lost_cards:
        reason = "lost"
    elif not reason and member and told is None:
        reason = "stopped"  # archived or erased
    elif card is None and not member:
        reason = "unknown"
    id_, name = card.id if card is not None else "", told.name if told is not None else ""
    if reason:
        return Presented(token, reason, id_, member, name)
    holders = [holder_of(card=id_)] if id_ else []
    if member:
        family = await membership.family_of(session, member)
        holders += [holder_of(member=each) for each in family]
        if card is None:
            of_family = {"members": family, "now_ms": now_ms}
            holders += [holder_of(card=each) for each in await session.scalars(_ACTIVE_OF, of_family)]
    purses = [held for held in await held_by(session, holders) if not held.programme.stopped]
    salt, check = await pin_of(session, member=member, card=id_, keys=keys)
    return Presented(token, "", id_, member, name, tuple(purses[:SHOWN_MAX]), salt, check)


async def held_by(session: AsyncSession, holders: Iterable[str]) -> list[Held]:
    """Every purse of these holders, with its balance; value first, then points, then coupons."""
    return await _opened(session, await session.execute(_HELD_BY, {"holders": sorted(set(holders))}))


async def held(session: AsyncSession, purse: str) -> Held:
    """One purse. Raises NotFound."""
    found = await _opened(session, await session.execute(_HELD.where(Purse.id == purse)))
    if not found:
        raise NotFound(N_("there is no purse {purse}"), purse=purse)
    return found[0]


async def purses_of_member(session: AsyncSession, member: str) -> list[Held]:
    """All that is a member's: their own purses, those of whoever was merged into them, and of their cards."""
    family = await membership.family_of(session, member)
    cards = await session.scalars(sa.select(Card.id).where(Card.member.in_(family)))
    holders = [holder_of(member=each) for each in family] + [holder_of(card=card) for card in cards]
    return await held_by(session, holders)


async def open_purse(session: AsyncSession, holder: str, programme: Programme, *, at_ms: int) -> str:
    """The purse of `holder` in `programme`, made if there is none; gives its id. Two at once make one."""
    await open_purses(session, [(holder, programme)], at_ms=at_ms)
    purse = await session.scalar(
        sa.select(Purse.id).where(Purse.holder == holder, Purse.programme == programme.id)
    )
    assert purse is not None
    return purse


async def open_purses(session: AsyncSession, wanted: Sequence[tuple[str, Programme]], *, at_ms: int) -> None:
    """Purses for each of these holders and programmes, where there are none."""
    rows = [
        (purse_id(holder, each.id), holder, each.id, each.rules.kind, each.rules.unit, 0, at_ms)
        for holder, each in sorted(set(wanted), key=lambda pair: (pair[0], pair[1].id))
    ]
    await bulk_insert(session, Purse, rows, skip_known=True)


def purse_id(holder: str, programme: str) -> str:
    """``P`` and sixteen of A-Z and 2-7; the same for the same, so that two who open it open one."""
    digest = hashlib.sha256(f"purse {len(holder)}:{holder}{programme}".encode()).digest()
    return "P" + base64.b32encode(digest).decode()[:16]


def holder_of(*, member: str = "", card: str = "") -> str:
    """``holder_of(member="M…") == "member:M…"``."""
    return f"member:{member}" if member else f"card:{card}"


async def pin_of(session: AsyncSession, *, member: str, card: str, keys: Keys) -> tuple[str, str]:
    """(salt, check) of a person's PIN, or of a bearer card's, as hex; two empty texts when there is none."""
    row = await session.scalar(_PIN_OF, {"of": holder_of(member=member, card=card)})
    return (row.salt, keys.decrypt(bytes(row.closed))) if row is not None else ("", "")


async def tell_purses(session: AsyncSession, purses: Iterable[str], *, at_ms: int) -> None:
    """What is in these purses has changed: tell every store, for those that are a member's."""
    wanted = sorted(set(purses))
    owners: set[str] = set()
    for at in range(0, len(wanted), AT_ONCE):
        holders = list(await session.scalars(_HOLDERS, {"purses": wanted[at : at + AT_ONCE]}))
        owners |= {holder.removeprefix("member:") for holder in holders if holder.startswith("member:")}
        cards = [holder.removeprefix("card:") for holder in holders if holder.startswith("card:")]
        if cards:
            owners |= set(
                await session.scalars(sa.select(Card.member).where(Card.id.in_(cards), Card.member != ""))
            )
    await tell_members(session, owners, at_ms=at_ms)


async def tell_members(session: AsyncSession, members: Iterable[str], *, at_ms: int) -> None:
    """Tell every store what these members hold now."""
    today = sorted(set((await membership.members_of(session, [], list(members))).values()))
    if not today:
        return
    of_member: dict[str, list[Held]] = defaultdict(list)
    families = await membership.families_of(session, today)
    owner_of = {holder_of(member=each): member for member, family in families.items() for each in family}
    people = {each: member for member, family in families.items() for each in family}
    for at in range(0, len(people), AT_ONCE):
        some = sorted(people)[at : at + AT_ONCE]
        for card, member in await session.execute(_CARDS_OF, {"members": some}):
            owner_of[holder_of(card=card)] = people[member]
    holders = sorted(owner_of)
    for at in range(0, len(holders), AT_ONCE):
        for each in await held_by(session, holders[at : at + AT_ONCE]):
            of_member[owner_of[each.holder]].append(each)
    told = {member: _holdings(of_member[member]) for member in today}
    await membership.purses_changed(session, told, at_ms=at_ms)


def _holdings(held: Sequence[Held]) -> membership.Holdings:
    values = [each for each in held if each.programme.is_value]
    currency = values[0].unit if values else "CNY"
    return membership.Holdings(
        purses=tuple(each.shown for each in held[:SHOWN_MAX]),
        points=sum(each.balance for each in held if each.unit == POINTS),
        value_minor=sum(each.balance for each in values if each.unit == currency),
        currency=currency,
    )


def _reason(card: Card | None, now_ms: int) -> str:
    if card is None:
        return ""
    if card.state == life.ACTIVE and card.expires_ms is not None and card.expires_ms <= now_ms:
        return "expired"  # whether or not the job has come by
    return life.REASONS[card.state]


async def _opened(session: AsyncSession, rows: Iterable[Any]) -> list[Held]:
    """What `_HELD` found, with the programmes."""
    found = sorted(rows, key=lambda row: (_ORDER[row.kind], row.opened_ms, row.id))
    known = await programmes(session, {row.programme for row in found}) if found else {}
    return [Held(row.id, row.holder, known[row.programme], row.unit, int(row.left)) for row in found]
