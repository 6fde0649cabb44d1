"""The desk of cards; after each test the lots agree with the accounts and the books are whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger.books.verify import look_through
from central_server.ledger.cards.making import make_cards
from central_server.ledger.cards.programmes import make_programme
from central_server.membership import service as membership
from tests.central_server.ledger.cards.card_world import BEARER, POINTS, Desk, chance

CheckLots = Callable[[AsyncSession], Awaitable[None]]


@pytest.fixture
async def desk(database: Database, keys: Keys, now_ms: int, check_lots: CheckLots) -> AsyncIterator[Desk]:
    async with database.transaction() as session:
        await make_programme(session, "points", POINTS, by="anna", at_ms=now_ms)
        await make_programme(session, "value", BEARER, by="anna", at_ms=now_ms)
        made = await make_cards(
            session,
            keys=keys,
            programme_id="value",
            count=10,
            batch="B1",
            random_bytes=chance(),
            by="anna",
            at_ms=now_ms,
        )
        member = "MAAAAAAAAAAAA"
        person = {"name": "王小明", "phone": "13800138000"}
        await membership.enrol(session, keys=keys, member=member, person=person, by="anna", at_ms=now_ms)
        desk = Desk(session, keys, now_ms, made, member)
        yield desk
        await check_lots(session)
        assert (await look_through(session)).wrong is None
