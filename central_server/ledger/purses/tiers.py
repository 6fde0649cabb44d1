"""Tiers: reached by what a member spends within a window, kept by less, lost when the term is over.

Spending enough raises at once. A return that takes away what a raise was for takes the raise back. Otherwise
a tier stands until its term ends; then a job looks at it: kept for another term, or down to what was spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, NotFound
from central_server.keys import Keys
from central_server.ledger.cards.programmes import Programme, programmes
from central_server.ledger.cards.rules import Tiers
from central_server.ledger.models.cards import TierState
from central_server.ledger.models.lots import Earning
from central_server.ledger.purses.lots import AT_ONCE
from central_server.membership import service as membership

DAY_MS = 24 * 3_600_000
REVIEWS_AT_ONCE = 100
BY = "tiers"  # who changes a member's tier, in their history


def reached(tiers: Tiers, spent: int) -> str:
    """The highest tier that `spent` reaches; empty: none."""
    return next((step.id for step in reversed(tiers.steps) if spent >= step.reach), "")


def kept(tiers: Tiers, tier: str, spent: int) -> str:
    """What becomes of `tier` at the end of its term: the highest up to it that `spent` keeps."""
    order = [step.id for step in tiers.steps]
    below = tiers.steps[: order.index(tier) + 1] if tier in order else ()
    held = next((step.id for step in reversed(below) if spent >= step.keep), "")
    return max(held, reached(tiers, spent), key=lambda each: order.index(each) if each else -1)


def rank(tiers: Tiers, tier: str) -> int:
    """The tier's place from below, from 0; -1 for none."""
    return next((place for place, step in enumerate(tiers.steps) if step.id == tier), -1)


async def tiers_of(session: AsyncSession, programme: str, members: Sequence[str]) -> dict[str, str]:
    """The tier of each of these members; without those who have none."""
    found: dict[str, str] = {}
    for at in range(0, len(members), AT_ONCE):
        rows = await session.execute(
            sa.select(TierState.member, TierState.tier).where(
                TierState.programme == programme, TierState.member.in_(members[at : at + AT_ONCE])
            )
        )
        found |= {row.member: row.tier for row in rows}
    return found


async def spent_of(
    session: AsyncSession, programme: Programme, members: Iterable[str], now_ms: int
) -> dict[str, int]:
    """What each has spent in the programme's window, less returns, with those merged into them."""
    assert programme.rules.tiers is not None
    since_ms = now_ms - programme.rules.tiers.window_days * DAY_MS
    families = await membership.families_of(session, sorted(set(members)))
    owner = {each: member for member, family in families.items() for each in family}
    spent = dict.fromkeys(families, 0)
    everybody = sorted(owner)
    for at in range(0, len(everybody), AT_ONCE):
        rows = await session.execute(
            sa.select(Earning.member, sa.func.sum(Earning.spend))
            .where(
                Earning.programme == programme.id,
                Earning.member.in_(everybody[at : at + AT_ONCE]),
                Earning.at_ms > since_ms,
            )
            .group_by(Earning.member)
        )
        for member, total in rows:
            spent[owner[member]] += int(total)
    return spent


async def raise_tiers(
    session: AsyncSession, programme: Programme, members: Iterable[str], *, keys: Keys, now_ms: int
) -> None:
    """These members have bought something, not after `now_ms`: up, whoever has reached a tier."""
    tiers = programme.rules.tiers
    if tiers is None:
        return
    spent = await spent_of(session, programme, members, now_ms)
    has = await tiers_of(session, programme.id, sorted(spent))
    for member in sorted(spent):
        tier, before = reached(tiers, spent[member]), has.get(member, "")
        if rank(tiers, tier) > rank(tiers, before):
            until_ms = now_ms + tiers.valid_days * DAY_MS
            await _write(session, programme, member, tier, before, until_ms, keys=keys, now_ms=now_ms)


async def undo_raises(
    session: AsyncSession, programme: Programme, members: Mapping[str, int], *, keys: Keys, now_ms: int
) -> None:
    """These members have returned something that they bought at that time: back, whom it had raised."""
    tiers = programme.rules.tiers
    if tiers is None or not members:
        return
    spent = await spent_of(session, programme, members, now_ms)
    for member in sorted(members):
        row = await session.get(TierState, (member, programme.id), populate_existing=True)
        if row is None or members[member] > row.since_ms:
            continue  # bought after the raise: it was not for that
        earned = reached(tiers, spent[member])
        back = max(earned, row.before, key=lambda each: rank(tiers, each))
        if rank(tiers, back) < rank(tiers, row.tier):
            await _write(session, programme, member, back, "", row.until_ms, keys=keys, now_ms=now_ms)


async def review_tiers(session: AsyncSession, *, keys: Keys, now_ms: int) -> bool:
    """Look at tiers whose term is over; gives whether there may be more. A step of a job."""
    due = sa.select(TierState).where(TierState.until_ms <= now_ms, TierState.tier != "")
    rows = list(
        await session.scalars(due.order_by(TierState.until_ms, TierState.member).limit(REVIEWS_AT_ONCE))
    )
    known = await programmes(session, {row.programme for row in rows})
    for row in rows:
        programme = known.get(row.programme)
        if programme is None or programme.rules.tiers is None:
            row.tier = ""
            continue
        tiers = programme.rules.tiers
        spent = (await spent_of(session, programme, [row.member], now_ms))[row.member]
        tier, until_ms = kept(tiers, row.tier, spent), now_ms + tiers.valid_days * DAY_MS
        await _write(session, programme, row.member, tier, "", until_ms, keys=keys, now_ms=now_ms)
    await session.flush()
    return len(rows) == REVIEWS_AT_ONCE


async def _write(
    session: AsyncSession,
    programme: Programme,
    member: str,
    tier: str,
    before: str,
    until_ms: int,
    *,
    keys: Keys,
    now_ms: int,
) -> None:
    row = await session.get(TierState, (member, programme.id), populate_existing=True)
    if row is None:
        row = TierState(member=member, programme=programme.id)
        session.add(row)
    changed = getattr(row, "tier", None) != tier
    row.tier, row.before, row.since_ms, row.until_ms = tier, before, now_ms, until_ms
    await session.flush()
    if changed:
        try:
            await membership.change(
                session, keys=keys, member=member, person={"tier": tier}, by=BY, at_ms=now_ms
            )
        except (Conflict, NotFound):  # erased or merged meanwhile: nobody to tell
            return
