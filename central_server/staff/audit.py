"""The audit trail: every change says who, when, what, from what, to what. Rows are added, never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.staff.models import Change
from central_server.web.text import N_

EXPORT_CHUNK_ROWS: Final = 500


# The verbs and nouns of staff and stores; other modules mark their own. The page translates what it knows.
WORDS: Final = (
    N_("created"),
    N_("changed"),
    N_("revoked"),
    N_("signed in"),
    N_("set password"),
    N_("changed password"),
    N_("made a code"),
    N_("enrolled"),
    N_("user"),
    N_("token"),
    N_("store"),
    N_("organisation"),
)


class Who(Protocol):
    """A Viewer, or an Actor."""

    @property
    def user_id(self) -> int | None: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Actor:
    """Somebody who is not signed in: a command, a job, a store's edge."""

    name: str
    user_id: int | None = None


COMMAND: Final = Actor(N_("command line"))


@dataclass(frozen=True)
class Filter:
    """Which changes to show; None or empty: all."""

    actor: str = ""
    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    from_ms: int | None = None
    until_ms: int | None = None


async def record_change(
    session: AsyncSession,
    who: Who,
    action: str,
    subject_kind: str,
    subject_id: object,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    at_ms: int,
) -> None:
    """Notes a change in the same transaction as the change.

    `action` is a verb (`created`, `changed`, `revoked`), `subject_kind` a noun (`user`, `store`).
    `old` and `new` are JSON: give only the fields that differ (`differing`), and never a secret or personal
    field.
    """
    session.add(
        Change(
            at_ms=at_ms,
            actor_id=who.user_id,
            actor=who.name,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            old=None if old is None else dict(old),
            new=None if new is None else dict(new),
        )
    )


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of both that are not the same."""
    names = [name for name in new if old.get(name) != new[name]]
    return {name: old.get(name) for name in names}, {name: new[name] for name in names}


async def changes(
    session: AsyncSession, which: Filter, *, before_id: int | None = None, rows_max: int
) -> list[Change]:
    """The newest changes first, from before `before_id`."""
    query = _chosen(which).order_by(Change.id.desc()).limit(rows_max)
    if before_id is not None:
        query = query.where(Change.id < before_id)
    return list((await session.scalars(query)).all())


async def every_change(session: AsyncSession, which: Filter) -> AsyncIterator[Change]:
    """All of them, the newest first, a few at a time in memory."""
    before: int | None = None
    while some := await changes(session, which, before_id=before, rows_max=EXPORT_CHUNK_ROWS):
        for one in some:
            yield one
        before = some[-1].id
        session.expunge_all()


async def actions(session: AsyncSession) -> list[str]:
    """The verbs in use, for the filter."""
    return list((await session.scalars(sa.select(Change.action).distinct().order_by(Change.action))).all())


def _chosen(which: Filter) -> sa.Select[Change]:
    query = sa.select(Change)
    if which.actor:
        query = query.where(sa.func.lower(Change.actor).contains(which.actor.lower(), autoescape=True))
    if which.action:
        query = query.where(Change.action == which.action)
    if which.subject_kind:
        query = query.where(Change.subject_kind == which.subject_kind)
    if which.subject_id:
        query = query.where(Change.subject_id == which.subject_id)
    if which.from_ms is not None:
        query = query.where(Change.at_ms >= which.from_ms)
    if which.until_ms is not None:
        query = query.where(Change.at_ms < which.until_ms)
    return query
