"""The history of a member: who changed what, when, from what to what. Old and new are closed."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.membership.masks import masked
from central_server.membership.models import PERSONAL_FIELDS, MemberChange

SHOWN_MAX = 500


@dataclass(frozen=True)
class Change:
    """One line of a member's history, in clear."""

    member: str
    at_ms: int
    by: str
    field: str
    old: str
    new: str


def note_change(
    session: AsyncSession, keys: Keys, *, member: str, field: str, old: str, new: str, by: str, at_ms: int
) -> None:
    """Add a line to the member's history."""
    session.add(
        MemberChange(
            member=member,
            at_ms=at_ms,
            by=by[:120],
            field=field,
            old=keys.encrypt(old) if old else None,
            new=keys.encrypt(new) if new else None,
        )
    )


async def history(
    session: AsyncSession, *, keys: Keys, members: list[str], personal: bool, limit: int = SHOWN_MAX
) -> list[Change]:
    """The changes of a member (and of those merged into it), newest first; masked without `personal`."""
    rows = await session.scalars(
        sa.select(MemberChange)
        .where(MemberChange.member.in_(members))
        .order_by(MemberChange.at_ms.desc(), MemberChange.id.desc())
        .limit(min(limit, SHOWN_MAX))
    )
    return [
        Change(
            row.member,
            row.at_ms,
            row.by,
            row.field,
            *(_shown(row, text, keys, personal) for text in (row.old, row.new)),
        )
        for row in rows
    ]


async def forget_values(session: AsyncSession, members: list[str]) -> None:
    """Take the old and new values out of a history, when the person is erased; who and when stay."""
    await session.execute(
        sa.update(MemberChange).where(MemberChange.member.in_(members)).values(old=None, new=None),
        execution_options={"synchronize_session": False},
    )


def _shown(row: MemberChange, closed: bytes | None, keys: Keys, personal: bool) -> str:
    text = keys.decrypt(bytes(closed)) if closed else ""
    if personal or row.field not in (*PERSONAL_FIELDS, "joined_as"):
        return text
    return masked("name" if row.field == "joined_as" else row.field, text)
