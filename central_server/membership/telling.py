"""What every store is told of a member: the masked word, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import tell, tell_many
from central_server.keys import Keys
from central_server.membership.masks import masked_name
from central_server.membership.models import ACTIVE, MEMBERS, Member, MemberCard
from central_server.membership.profile import text_of, told_of
from sync.contract.questions import Visit
from sync.contract.told import EVERYONE, MemberGone, MemberTold

VISITS_MAX = 3
CARDS_MAX = 50  # of one member that stores are told; the newest

_encoder = msgspec.json.Encoder()


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
    before = told_of(member.told)
    word = word_of(
        member.id,
        name=text_of(member, "name", keys),
        birthday=text_of(member, "birthday", keys),
        tier=member.tier,
        cards=[card.token for card in cards if card.state == ACTIVE],
        lost_cards=[card.token for card in cards if card.state != ACTIVE],
        phones=[token for token in dict.fromkeys([member.phone_token, *phones]) if token],
        visits=before.visits if before else (),
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
) -> MemberTold:
    """The word about one member, from clear text; nothing in it names the person."""
    return MemberTold(
        member=member,
        name=masked_name(name),
        cards=tuple(cards),
        lost_cards=tuple(lost_cards),
        phones=tuple(phones),
        tier=tier,
        birthday=birthday[5:],
        visits=tuple(visits),
    )


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
