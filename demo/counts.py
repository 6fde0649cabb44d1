"""What arrived at the demo's centre from its store, counted in the modules' own tables."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from central_server.db import Database
from central_server.membership.models import CardRefusal, CardSwipe
from central_server.sales.models import Sale, UnreadableReceipt
from central_server.traffic.models import TrafficQuarter
from demo.shop import CARD, PASSED, REFUSED, SALE, UNREADABLE

STORE = "demo"


async def arrived(database: Database) -> Counter[str]:
    """Facts of the demo's store that have had their effect, by event type."""
    rows = {SALE: Sale, CARD: CardSwipe, REFUSED: CardRefusal, UNREADABLE: UnreadableReceipt}
    people = sa.func.sum(TrafficQuarter.inward + TrafficQuarter.outward)
    async with database.reading() as session:
        facts = {
            tag: await session.scalar(
                sa.select(sa.func.count()).select_from(table).where(table.store == STORE)
            )
            for tag, table in rows.items()
        }
        passed = await session.scalar(sa.select(people).where(TrafficQuarter.store == STORE))
    return Counter({tag: int(count or 0) for tag, count in {**facts, PASSED: passed}.items()})
