"""Members themselves: enrol, change, archive, merge, erase. Nothing here commits.

Each change is kept in the member's history (`changes.py`) and told to every store (`telling.py`). A merged
member keeps its row and points at whom it became, so whatever names it, in any table or on any old
receipt, still finds the person; an erased one keeps only its id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Conflict, NotFound
from central_server.keys import Keys
from central_server.membership.changes import forget_values, note_change
from central_server.membership.models import (
    ACTIVE,
    ARCHIVED,
    ERASED,
    MERGED,
    PERSONAL_FIELDS,
    Member,
    MemberCard,
    NamePiece,
)
from central_server.membership.person import checked, whole
from central_server.membership.pieces import name_pieces
from central_server.membership.profile import Profile, opened, text_of, told_of
from central_server.membership.telling import holdings_of, retell, together, with_visits
from central_server.web.text import N_
from sync.contract.tokens import phone_token

AT_ONCE = 500  # members in one IN (…)
FAMILY_MAX = 200  # members merged into one whose history is shown together
_FILLED = (*PERSONAL_FIELDS, "sex", "tier")
# Made once: to make a statement anew takes as long as to ask it.
_MERGED = (
    sa.select(Member.id)
    .where(Member.merged_into == sa.bindparam("into"))
    .order_by(Member.id)
    .limit(FAMILY_MAX)
)
_MERGED_INTO = (
    sa.select(Member.id, Member.merged_into)
    .where(Member.merged_into.in_(sa.bindparam("ids", expanding=True)))
    .order_by(Member.id)
)


async def enrol(
    session: AsyncSession,
    *,
    keys: Keys,
    member: str,
    person: Mapping[str, str],
    required: Collection[str] = (),
    by: str,
    at_ms: int,
    store: str = "",
    country: str = "86",
) -> Profile:
    """A new member. `member` is a fresh id (`ids.member_id`).

    Raises Invalid (a field is wrong or missing) and Conflict (the telephone number is somebody's already).
    """
    fields = whole(person, required=required, today=_today(at_ms), country=country)
    await _phone_is_free(session, keys, fields["phone"], but="")
    row = Member(id=member, status=ACTIVE, merged_into="", store=store, joined_ms=at_ms, changed_ms=at_ms)
    row.version, row.seen_ms, row.told, row.phone_token, row.consent = 1, 0, b"", "", False
    row.sex = row.tier = ""
    session.add(row)
    note_change(session, keys, member=member, field="joined", old="", new=store or "", by=by, at_ms=at_ms)
    await write_fields(session, row, fields, keys=keys, by=by, at_ms=at_ms)
    await retell(session, row, keys)
    return opened(row, keys)


async def change(
    session: AsyncSession,
    *,
    keys: Keys,
    member: str,
    person: Mapping[str, str],
    required: Collection[str] = (),
    by: str,
    at_ms: int,
    version: int | None = None,
    country: str = "86",
) -> Profile:
    """Change the fields in `person`, leaving the others. `version` is the one the editor saw.

    Raises NotFound, Invalid, and Conflict (changed meanwhile, not active, or the telephone number is taken).
    """
    row = await row_of(session, member)
    must_be(row, ACTIVE, ARCHIVED)
    if version is not None and version != row.version:
        raise Conflict(N_("somebody changed this member meanwhile; look at it again"))
    fields = checked(person, required=required, today=_today(at_ms), country=country)
    if fields.get("phone") and fields["phone"] != text_of(row, "phone", keys):
        await _phone_is_free(session, keys, fields["phone"], but=row.id)
    if await write_fields(session, row, fields, keys=keys, by=by, at_ms=at_ms):
        await retell(session, row, keys)
    return await profile(session, keys=keys, member=member)


async def set_archived(
    session: AsyncSession, *, keys: Keys, member: str, archived: bool, by: str, at_ms: int
) -> None:
    """Put a member into the archive, where no till finds them, or take them out. Raises NotFound.

    And Conflict, when they are merged or erased.
    """
    row = await row_of(session, member)
    must_be(row, ACTIVE, ARCHIVED)
    await set_status(session, row, ARCHIVED if archived else ACTIVE, keys=keys, by=by, at_ms=at_ms)
    await retell(session, row, keys)


async def merge(session: AsyncSession, *, keys: Keys, keep: str, gone: str, by: str, at_ms: int) -> Profile:
    """Make `gone` a part of `keep`: cards move, empty fields are filled, both histories stay readable.

    Raises NotFound, and Conflict when either is merged or erased already or they are the same.
    """
    if keep == gone:
        raise Conflict(N_("a member cannot be merged with itself"))
    kept, lost = await row_of(session, keep), await row_of(session, gone)
    must_be(kept, ACTIVE, ARCHIVED)
    must_be(lost, ACTIVE, ARCHIVED)
    await fill_gaps(
        session, kept, {name: text_of(lost, name, keys) for name in _FILLED}, keys=keys, by=by, at_ms=at_ms
    )
    await session.execute(
        sa.update(MemberCard).where(MemberCard.member == gone).values(member=keep, changed_ms=at_ms)
    )
    await session.execute(sa.update(Member).where(Member.merged_into == gone).values(merged_into=keep))
    await session.execute(sa.delete(NamePiece).where(NamePiece.member == gone))
    told, told_of_gone = told_of(kept.told), told_of(lost.told)
    if told and told_of_gone:
        kept.told = msgspec.json.encode(with_visits(told, told_of_gone.visits))
    if lost.purses:
        kept.purses = msgspec.json.encode(together(holdings_of(kept.purses), holdings_of(lost.purses)))
    kept.seen_ms = max(kept.seen_ms, lost.seen_ms)
    kept.version += 1
    kept.changed_ms = at_ms
    lost.merged_into = keep
    await set_status(session, lost, MERGED, keys=keys, by=by, at_ms=at_ms)
    note_change(session, keys, member=keep, field="merged", old=gone, new=keep, by=by, at_ms=at_ms)
    await retell(session, lost, keys)
    await retell(session, kept, keys)
    return await profile(session, keys=keys, member=keep)


async def erase(session: AsyncSession, *, keys: Keys, member: str, by: str, at_ms: int) -> None:
    """Forget the person for good, with everyone merged into them. The id stays as a pseudonym.

    Raises NotFound, and Conflict when already erased or merged into somebody (erase that one).
    """
    row = await row_of(session, member)
    must_be(row, ACTIVE, ARCHIVED)
    family = await family_of(session, member)
    for each in await session.scalars(sa.select(Member).where(Member.id.in_(family))):
        for name in PERSONAL_FIELDS:
            setattr(each, name, None)
        each.phone_token = each.sex = each.tier = ""
        each.consent = False
        if each.id == member:
            await set_status(session, each, ERASED, keys=keys, by=by, at_ms=at_ms)
            await retell(session, each, keys)
    await session.execute(sa.delete(NamePiece).where(NamePiece.member.in_(family)))
    await session.execute(sa.delete(MemberCard).where(MemberCard.member.in_(family)))
    await session.flush()
    await forget_values(session, family)


async def profile(session: AsyncSession, *, keys: Keys, member: str) -> Profile:
    """The member with their cards, in clear. Raises NotFound."""
    row = await row_of(session, member)
    cards = await session.scalars(
        sa.select(MemberCard)
        .where(MemberCard.member == member)
        .order_by(MemberCard.added_ms, MemberCard.token)
    )
    return opened(row, keys, tuple(cards))


async def family_of(session: AsyncSession, member: str) -> list[str]:
    """The member and those merged into them: the ids that a sale or a visit of this person may carry."""
    return [member, *await session.scalars(_MERGED, {"into": member})]


async def families_of(session: AsyncSession, members: Sequence[str]) -> dict[str, list[str]]:
    """`family_of` for each of these."""
    families = {member: [member] for member in members}
    for at in range(0, len(members), AT_ONCE):
        for id_, into in await session.execute(_MERGED_INTO, {"ids": members[at : at + AT_ONCE]}):
            families[into].append(id_)
    return families


async def write_fields(
    session: AsyncSession, row: Member, fields: Mapping[str, str], *, keys: Keys, by: str, at_ms: int
) -> bool:
    """Write checked fields that differ, each with its line of history. Gives whether any did."""
    changed = {name: (text_of(row, name, keys), new) for name, new in fields.items()}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    for name, (old, new) in changed.items():
        note_change(session, keys, member=row.id, field=name, old=old, new=new, by=by, at_ms=at_ms)
        if name in PERSONAL_FIELDS:
            setattr(row, name, keys.encrypt(new) if new else None)
        else:
            setattr(row, name, bool(new) if name == "consent" else new)
    if "phone" in changed:
        row.phone_token = phone_token(keys.token_key, fields["phone"]) if fields["phone"] else ""
    if "name" in changed:
        await session.flush()
        await session.execute(sa.delete(NamePiece).where(NamePiece.member == row.id))
        await bulk_insert(
            session, NamePiece, [(piece, row.id) for piece in blind_pieces(keys, fields["name"])]
        )
    if changed:
        row.version += 1
        row.changed_ms = at_ms
    return bool(changed)


async def fill_gaps(
    session: AsyncSession, row: Member, fields: Mapping[str, str], *, keys: Keys, by: str, at_ms: int
) -> None:
    """Write those of `fields` that the member does not have yet."""
    missing = {name: text for name, text in fields.items() if text and not text_of(row, name, keys)}
    await write_fields(session, row, missing, keys=keys, by=by, at_ms=at_ms)


async def set_status(
    session: AsyncSession, row: Member, status: str, *, keys: Keys, by: str, at_ms: int
) -> None:
    """Move the member to `status`, with its line of history."""
    if row.status != status:
        note_change(
            session, keys, member=row.id, field="status", old=row.status, new=status, by=by, at_ms=at_ms
        )
        row.status = status
        row.version += 1
        row.changed_ms = at_ms


def blind_pieces(keys: Keys, name: str) -> list[int]:
    """The keyed digests, 63 bits each, by which the name is found."""
    return [blind_piece(keys, piece) for piece in sorted(name_pieces(name))]


def blind_piece(keys: Keys, piece: str) -> int:
    """The digest of one piece of a name. If two meet, a wrong name is looked at and dropped."""
    return int.from_bytes(keys.blind("name", piece)[:8]) >> 1


async def row_of(session: AsyncSession, member: str) -> Member:
    """The member's row, locked until the commit. Raises NotFound."""
    await session.flush()
    row = await session.get(Member, member, populate_existing=True, with_for_update=True)
    if row is None:
        raise NotFound(N_("there is no member {member}"), member=member)
    return row


def must_be(row: Member, *statuses: str) -> None:
    """Raises Conflict unless the member is in one of `statuses`, and says what became of it."""
    if row.status == MERGED and MERGED not in statuses:
        raise Conflict(N_("the member {member} has become {other}"), member=row.id, other=row.merged_into)
    if row.status not in statuses:
        raise Conflict(N_("the member {member} is erased"), member=row.id)


async def _phone_is_free(session: AsyncSession, keys: Keys, phone: str, *, but: str) -> None:
    if not phone:
        return
    token = phone_token(keys.token_key, phone)
    found = await session.execute(sa.select(Member.id, Member.merged_into).where(Member.phone_token == token))
    owners = {merged_into or id_ for id_, merged_into in found}
    if others := sorted(owners - {but}):
        raise Conflict(N_("the telephone number belongs to member {member}"), member=others[0])


def _today(at_ms: int) -> date:
    # The latest date anywhere on earth: a child born today east of head office is no mistake.
    return datetime.fromtimestamp(at_ms / 1000, UTC).date() + timedelta(days=1)
