"""Sales arrive: a list of one store's receipts becomes rows in few statements. Fed by the inbox."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import believed
from central_server.db import bulk_insert, bulk_upsert_add, insert_laid
from central_server.facts import Fact
from central_server.membership import service as membership
from central_server.sales.models import SALE, Sale, SaleLine, SalesHour, UnreadableReceipt
from central_server.sales.receipts import rows_of, text
from central_server.sales.zones import calendar_of_store
from sync.contract.events import ReceiptUnreadable, SaleCompleted

AT_ONCE = 500  # receipts or cards in one IN (…)
_HOUR_OF_SALE = (Sale.store, Sale.hour_ms, Sale.currency)
_HOUR_KEY = ("store", "hour_ms", "currency")
_HOUR_SUMS = ("sales", "returns", "revenue_minor", "items_milli", "member_sales", "member_revenue_minor")


async def record(
    session: AsyncSession, store: str, facts: Sequence[Fact[SaleCompleted]], now_ms: int
) -> None:
    """Keep sales and returns, add them to their hours, and tell tills of the members' visits.

    A sale is its member's by the card shown or the member the till knew; the card of nobody stays as a token
    until somebody has it (`link_pending`). Raises ValueError for what can be no sale.
    """
    calendar = await calendar_of_store(session, store)
    cards = [fact.event.card for fact in facts if fact.event.card]
    ids = [fact.event.member for fact in facts if fact.event.member]
    members = await membership.members_of(session, cards, ids) if cards or ids else {}
    originals = await _originals(session, store, facts, now_ms)
    rows = rows_of(store, facts, calendar, members, originals, now_ms)
    await insert_laid(session, Sale, rows.sales)
    await insert_laid(session, SaleLine, rows.lines)
    hours = [(store, *key, *sums) for key, sums in rows.hours.items()]
    await bulk_upsert_add(session, SalesHour, _HOUR_KEY, _HOUR_SUMS, hours)
    if rows.visits:
        await membership.visited(session, rows.visits)


async def record_unreadable(
    session: AsyncSession, store: str, facts: Sequence[Fact[ReceiptUnreadable]], now_ms: int
) -> None:
    """Count the print jobs that could not become sales, so that a gap is not taken for a quiet hour."""
    calendar = await calendar_of_store(session, store)
    rows = []
    for fact in facts:
        at_ms, _ = believed(fact.stamp, now_ms)
        event = fact.event
        hour_ms = calendar.place(at_ms)[1]
        rows.append((fact.key, store, text(event.till), at_ms, hour_ms, event.reason, event.line_count))
    await bulk_insert(session, UnreadableReceipt, rows)


async def link_pending(session: AsyncSession, *, after: str = "") -> str | None:
    """Give sales on cards that were nobody's to whoever has the card now; the next cards after `after`.

    Gives the card to go on after, None when all have been looked at. A job calls it until then.
    """
    cards = list(
        await session.scalars(
            sa.select(Sale.card)
            .where(Sale.member == "", Sale.card != "", Sale.card > after)
            .distinct()
            .order_by(Sale.card)
            .limit(AT_ONCE)
        )
    )
    for card, member in (await membership.members_of(session, cards, [])).items():
        # One statement says what it moved, so that nobody else's sums hold the same sale, nor miss one.
        moved = await session.execute(
            sa.update(Sale)
            .where(Sale.card == card, Sale.member == "")
            .values(member=member)
            .returning(*_HOUR_OF_SALE, Sale.kind, Sale.total_minor),
            execution_options={"synchronize_session": False},
        )
        added = [
            (store, hour_ms, currency, 0, 0, 0, 0, int(kind == SALE), total)
            for store, hour_ms, currency, kind, total in moved
        ]
        await bulk_upsert_add(session, SalesHour, _HOUR_KEY, _HOUR_SUMS, added)
    return cards[-1] if len(cards) == AT_ONCE else None


async def _originals(
    session: AsyncSession,
    store: str,
    facts: Sequence[Fact[SaleCompleted]],
    now_ms: int,
) -> dict[int, int]:
    """The sale of this store that each return takes back: the last before it with that receipt number."""
    returns = [fact for fact in facts if fact.event.refers_to]
    if not returns:
        return {}
    wanted = sorted({text(fact.event.refers_to) for fact in returns})
    known: dict[str, list[tuple[int, int]]] = {}
    for at in range(0, len(wanted), AT_ONCE):
        found = await session.execute(
            sa.select(Sale.receipt, Sale.at_ms, Sale.id).where(
                Sale.store == store, Sale.receipt.in_(wanted[at : at + AT_ONCE])
            )
        )
        for receipt, at_ms, id_ in found:
            known.setdefault(receipt, []).append((at_ms, id_))
    for fact in facts:
        known.setdefault(text(fact.event.receipt), []).append((believed(fact.stamp, now_ms)[0], fact.key))
    originals = {}
    for fact in returns:
        own = believed(fact.stamp, now_ms)[0], fact.key
        before = [pair for pair in known.get(text(fact.event.refers_to), ()) if pair < own]
        if before:
            originals[fact.key] = max(before)[1]
    return originals
