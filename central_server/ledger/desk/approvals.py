"""A second person: corrections, loss declarations, large top-ups and refunds need two people.

    asked = await ask(session, "load", body, by=viewer, …)      waits; nothing has moved
    await decide(session, asked.id, by=another, approve=True, deeds=…)   the deed is done, or it is not

The deed is done in the transaction of the decision: there is no approval without its effect, and none twice.
Whoever asked can never be who decides, whatever their rights; nor can they say yes by a login that they, or
anybody who could have asked by theirs, had in hand of late (`staff.hands`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.ledger.models.approvals import Approval
from central_server.staff import service as staff
from central_server.web.text import N_

WAITING, DONE, REFUSED, EXPIRED = "waiting", "done", "refused", "expired"
STATES: Final = (WAITING, DONE, REFUSED, EXPIRED)
DAY_MS: Final = 24 * 3_600_000
DAYS: Final = 7  # for which a request waits, unless the settings say otherwise
LOGIN_DAYS: Final = 7  # a login made, or given a password or roles, within these is whoever did that
WHY_MAX: Final = 400
LIST_MAX: Final = 500
ONE_PERSON: Final = N_(
    "somebody else must decide: in the last {days} days one person has made, or given a password "
    "or roles to, the login of whoever asked and yours, and could be both"
)

# What a yes does. Given the request and who allowed it; gives what is to be remembered of it.
Deed = Callable[[AsyncSession, Approval, staff.Who, int], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True)
class About:
    """What a request is about, for whoever decides. `amount` is in minor units of `unit`, or points."""

    subject: str
    amount: int = 0
    unit: str = ""
    store: str = ""


async def ask(
    session: AsyncSession,
    kind: str,
    body: Mapping[str, Any],
    *,
    key: str,
    about: About,
    by: staff.Who,
    why: str,
    now_ms: int,
    days: int = DAYS,
) -> Approval:
    """Put it before a second person. The same `key` and request give the same row again.

    Raises Invalid without a reason, Refused for whoever is not a signed-in person, Conflict when `key` was
    used for another request.
    """
    if by.user_id is None:
        raise Refused(N_("only a person who is signed in can ask for this"))
    why = why.strip()[:WHY_MAX]
    if not why:
        raise Invalid({"why": N_("is needed: the second person decides by it")})
    id_ = approval_id(key)
    known = await session.get(Approval, id_)
    if known is None:
        known = await _added(session, id_, kind, body, about, by, why, now_ms, days)
    if (known.kind, known.body) != (kind, dict(body)):
        raise Conflict(N_("this id was used for another request"))
    return known


async def decide(
    session: AsyncSession,
    id_: str,
    *,
    by: staff.Who,
    approve: bool,
    now_ms: int,
    deeds: Mapping[str, Deed],
    note: str = "",
    login_days: int = LOGIN_DAYS,
) -> Approval:
    """Say yes or no, for good; a yes does the deed in this transaction. The same again changes nothing.

    `login_days` count back from when it was asked. Raises NotFound, Refused (whoever asked, nobody, or a yes
    by a login that one person had in hand together with the asker's), Conflict (decided otherwise already, or
    expired), and whatever the deed raises: then nothing is decided.
    """
    row = await session.get(Approval, id_, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(N_("there is no such request"))
    if by.user_id is None or by.user_id == row.asked_by:
        raise Refused(N_("somebody else must decide: whoever asked cannot"))
    wanted = DONE if approve else REFUSED
    if row.state != WAITING:
        if (row.state, row.decided_by) == (wanted, by.user_id):
            return row
        raise Conflict(N_("{who} has decided this already"), who=row.decided_name)
    if now_ms >= row.expires_ms:
        raise Conflict(N_("this has waited too long; it must be asked for anew"))
    if approve:
        if await _one_person(session, row, by.user_id, login_days):
            raise Refused(ONE_PERSON, days=login_days)
        row.result = dict(await deeds[row.kind](session, row, by, now_ms))
    row.state, row.decided_by, row.decided_name = wanted, by.user_id, by.name
    row.decided_ms, row.note = now_ms, note.strip()[:WHY_MAX]
    await session.flush()
    verb = N_("approved") if approve else N_("refused")
    await staff.record_change(session, by, verb, N_("approval"), id_, None, seen_by_audit(row), now_ms)
    return row


async def approval(session: AsyncSession, id_: str) -> Approval:
    """One request. Raises NotFound."""
    row = await session.get(Approval, id_)
    if row is None:
        raise NotFound(N_("there is no such request"))
    return row


async def approvals(
    session: AsyncSession,
    *,
    state: str = WAITING,
    stores: frozenset[str] | None = None,
    now_ms: int,
    limit: int = LIST_MAX,
) -> list[Approval]:
    """The newest first. `stores`: only what concerns these; None: all. `state` empty: every state."""
    query = sa.select(Approval).order_by(Approval.asked_ms.desc(), Approval.id).limit(min(limit, LIST_MAX))
    if state == EXPIRED:
        query = query.where(Approval.state == WAITING, Approval.expires_ms <= now_ms)
    elif state == WAITING:
        query = query.where(Approval.state == WAITING, Approval.expires_ms > now_ms)
    elif state:
        query = query.where(Approval.state == state)
    if stores is not None:
        query = query.where(Approval.store.in_(sorted(stores)))
    return list(await session.scalars(query))


async def waiting(session: AsyncSession, *, stores: frozenset[str] | None = None, now_ms: int) -> int:
    """How many wait for a second person."""
    query = (
        sa.select(sa.func.count())
        .select_from(Approval)
        .where(Approval.state == WAITING, Approval.expires_ms > now_ms)
    )
    if stores is not None:
        query = query.where(Approval.store.in_(sorted(stores)))
    return await session.scalar(query) or 0


async def not_by(
    session: AsyncSession, rows: Sequence[Approval], approver: int, *, login_days: int = LOGIN_DAYS
) -> frozenset[str]:
    """Those of `rows`, by id, to which `approver` cannot say yes: they may be who asked."""
    if not rows or not login_days:
        return frozenset()
    since_ms = min(row.asked_ms for row in rows) - login_days * DAY_MS  # the widest look clears most of them
    mine = await staff.hands(session, approver, since_ms=since_ms)
    askers = {row.asked_by for row in rows}
    close = {one for one in askers if mine & await staff.hands(session, one, since_ms=since_ms)}
    found = [
        row.id
        for row in rows
        if row.asked_by in close and await _one_person(session, row, approver, login_days)
    ]
    return frozenset(found)


def state_of(row: Approval, now_ms: int) -> str:
    """The state as people see it: what waited too long has expired."""
    return EXPIRED if row.state == WAITING and now_ms >= row.expires_ms else row.state


def approval_id(key: str) -> str:
    """``A`` and 24 hex digits, made of the request's key."""
    return "A" + hashlib.sha256(f"tillbeam approval 1:{key}".encode()).hexdigest()[:24]


def seen_by_audit(row: Approval) -> dict[str, Any]:
    """What the audit trail says of a request: who asked for what, never the body."""
    told = {"kind": row.kind, "about": row.about, "amount": row.amount, "unit": row.unit, "why": row.why}
    return {**told, "store": row.store, "asked by": row.asked_name}


async def _one_person(session: AsyncSession, row: Approval, approver: int, login_days: int) -> bool:
    """Whether one person could have signed in as both."""
    if not login_days:
        return False
    since_ms = row.asked_ms - login_days * DAY_MS
    theirs = await staff.hands(session, row.asked_by, since_ms=since_ms)
    return bool(theirs & await staff.hands(session, approver, since_ms=since_ms))


async def _added(
    session: AsyncSession,
    id_: str,
    kind: str,
    body: Mapping[str, Any],
    about: About,
    by: staff.Who,
    why: str,
    now_ms: int,
    days: int,
) -> Approval:
    row = Approval(
        id=id_,
        kind=kind,
        body=dict(body),
        store=about.store,
        about=about.subject,
        amount=about.amount,
        unit=about.unit,
        why=why,
        state=WAITING,
        asked_by=by.user_id,
        asked_name=by.name,
        asked_ms=now_ms,
        expires_ms=now_ms + days * DAY_MS,
        decided_name="",
        note="",
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:  # the same request, at the same moment
        return await session.get_one(Approval, id_)
    await staff.record_change(
        session, by, N_("asked for"), N_("approval"), id_, None, seen_by_audit(row), now_ms
    )
    return row
