"""What every store is told of a member: the masked word, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import tell, tell_many
from central_server.keys import Keys
from central_server.membership.masks import masked_name
from central_server.membership.models import ACTIVE, MEMBERS, Member, MemberCard
from central_server.membership.profile import text_of, told_of
from sync.contract.questions import PurseShown, Visit
from sync.contract.told import EVERYONE, MemberGone, MemberTold

VISITS_MAX = 3
CARDS_MAX = 50  # of one member that stores are told; the newest

AT_ONCE = 500  # members in one IN (…)


class Holdings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a member holds in all their purses, as tills show it. The ledger works it out."""

    purses: tuple[PurseShown, ...] = ()
    points: int = 0
    value_minor: int = 0
    currency: str = "CNY"


NOTHING_HELD = Holdings()

# Made once: to make a statement anew takes as long as to ask it.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_TOLD = sa.select(Member.id, Member.told).where(Member.id.in_(_IDS))
_HELD = (
    sa.select(Member.id, Member.told, Member.purses)
    .where(Member.id.in_(_IDS))
    .order_by(Member.id)
    .with_for_update()
)
_KEEP = (
    sa.update(MEMBERS)
    .where(MEMBERS.c.id == sa.bindparam("member_id"))
    .values(purses=sa.bindparam("kept"), told=sa.bindparam("word"))
)
_encoder = msgspec.json.Encoder()
_holdings = msgspec.json.Decoder(Holdings)


async def retell(session: AsyncSession, member: Member, keys: Keys, *, was_told: bool = True) -> None:
    """Tell everyone how the member now is. Call after every change; adds to `session` what it tells."""
    if member.status != ACTIVE:
        member.told = b""
        if was_told:
            await tell(session, EVERYONE, MemberGone(member=member.id))
        return
    await session.flush()  # cards just added are part of it
    cards = (
        await session.scalars(
            sa.select(MemberCard)
            .where(MemberCard.member == member.id)
            .order_by(MemberCard.added_ms.desc())
            .limit(CARDS_MAX)
        )
    ).all()
    phones = (
        await session.scalars(
            sa.select(Member.phone_token)
            .where(Member.merged_into == member.id, Member.phone_token != "")
            .order_by(Member.id)
            .limit(CARDS_MAX)
        )
    ).all()
    before, holdings = told_of(member.told), holdings_of(member.purses)
    word = word_of(
        member.id,
        name=text_of(member, "name", keys),
        birthday=text_of(member, "birthday", keys),
        tier=member.tier,
        cards=[card.token for card in cards if card.state == ACTIVE],
        lost_cards=[card.token for card in cards if card.state != ACTIVE],
        phones=[token for token in dict.fromkeys([member.phone_token, *phones]) if token],
        visits=before.visits if before else (),
        holdings=holdings,
    )
    member.told = _encoder.encode(word)
    await tell(session, EVERYONE, word)


def word_of(
    member: str,
    *,
    name: str,
    birthday: str = "",
    tier: str = "",
    cards: Sequence[str] = (),
    lost_cards: Sequence[str] = (),
    phones: Sequence[str] = (),
    visits: Sequence[Visit] = (),
    holdings: Holdings = NOTHING_HELD,
) -> MemberTold:
    """The word about one member, from clear text; nothing in it names the person."""
    told = MemberTold(
        member=member,
        name=masked_name(name),
        cards=tuple(cards),
        lost_cards=tuple(lost_cards),
        phones=tuple(phones),
        tier=tier,
        birthday=birthday[5:],
        visits=tuple(visits),
    )
    return with_holdings(told, holdings)


def with_holdings(told: MemberTold, holdings: Holdings) -> MemberTold:
    """The word with what the member holds now."""
    return msgspec.structs.replace(
        told,
        purses=holdings.purses,
        points=holdings.points,
        value_minor=holdings.value_minor,
        currency=holdings.currency,
    )


def holdings_of(body: bytes | None) -> Holdings:
    """What `Member.purses` says."""
    return _holdings.decode(body) if body else NOTHING_HELD


def together(one: Holdings, other: Holdings) -> Holdings:
    """What both hold: of a member and of whom they were merged with."""
    value = one.value_minor + (other.value_minor if other.currency == one.currency else 0)
    return Holdings((*one.purses, *other.purses), one.points + other.points, value, one.currency)


async def purses_changed(session: AsyncSession, held: Mapping[str, Holdings], *, at_ms: int) -> None:
    """Members hold something else now: keep it and tell every till. Ids of members who are not merged.

    Whoever is archived or erased is told to nobody, but what they hold is kept, for when they come back.
    """
    members, words = sorted(held), []
    for at in range(0, len(members), AT_ONCE):
        # Their rows are locked before the feed's, as head office's pages do it, or each waits for the other.
        changed = []
        for member, told, purses in await session.execute(_HELD, {"ids": members[at : at + AT_ONCE]}):
            kept, before = _encoder.encode(held[member]), told_of(told)
            if kept == purses:
                continue
            word = with_holdings(before, held[member]) if before is not None else None
            changed.append(
                {"member_id": member, "kept": kept, "word": b"" if word is None else _encoder.encode(word)}
            )
            words += [word] if word is not None else []
        if changed:
            await session.execute(_KEEP, changed)
    await tell_many(session, EVERYONE, words)


async def told_members(session: AsyncSession, members: Sequence[str]) -> dict[str, MemberTold]:
    """What tills are told of these members; without those of whom they are told nothing."""
    found: dict[str, MemberTold] = {}
    for at in range(0, len(members), AT_ONCE):
        rows = await session.execute(_TOLD, {"ids": members[at : at + AT_ONCE]})
        found |= {member: word for member, body in rows if (word := told_of(body)) is not None}
    return found


def with_visits(told: MemberTold, visits: Iterable[Visit]) -> MemberTold:
    """The word with the newest `VISITS_MAX` of its own visits and `visits`."""
    newest = sorted(
        {*told.visits, *visits}, key=lambda visit: (-visit.wall_ms, visit.store, visit.total_minor)
    )
    return msgspec.structs.replace(told, visits=tuple(newest[:VISITS_MAX]))


async def retell_visits(session: AsyncSession, told: dict[str, MemberTold]) -> None:
    """Keep and tell words of which only the visits have changed."""
    if not told:
        return
    await session.execute(
        sa.update(MEMBERS).where(MEMBERS.c.id == sa.bindparam("member_id")).values(told=sa.bindparam("word")),
        [{"member_id": member, "word": _encoder.encode(word)} for member, word in sorted(told.items())],
    )
    await tell_many(session, EVERYONE, told.values())
