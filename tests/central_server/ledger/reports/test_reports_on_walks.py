"""Reports on books that the ledger's own services wrote: loads, payments, moves, expiry, pay-outs."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import date

import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger.models.books import Transfer
from central_server.ledger.purses.lots import sums
from central_server.ledger.reports import finance, settlement
from central_server.ledger.reports.breakage import cohorts, given
from central_server.ledger.reports.evidence import statement_of, verify_statement
from central_server.ledger.reports.history import Days, Window
from central_server.ledger.reports.liability import liability
from tests.central_server.ledger.purses.test_lots_walk import BONUSES, DAY_MS, Walk, lease_of

SHANGHAI = "Asia/Shanghai"
DAYS = Days({}, SHANGHAI, 20250101, 20991231)


@pytest.mark.parametrize("seed", [21, 22])
async def test_after_whatever_the_services_did_all_reports_agree(
    database: Database, keys: Keys, new_purse: Callable[..., Awaitable[str]], now_ms: int, seed: int
) -> None:
    async with database.transaction() as session:
        walk = Walk(session, keys, random.Random(seed), now_ms)
        for number in range(3):
            more = {"bonus": BONUSES, "bonus_expiry": {"days": 20}}
            walk.purses.append(await new_purse(session, f"card:C{number}", **more))
            session.add(lease_of(walk.purses[-1], now_ms))
        for _ in range(100):
            await walk.step()
    made_ms = walk.now_ms + DAY_MS
    async with database.reading() as session:
        count = await session.scalar(sa.select(sa.func.count()).select_from(Transfer))
        whole = await liability(session, date(2027, 6, 1), zone=SHANGHAI)
        left = await sums(session, walk.purses)
        assert whole.agrees
        assert sum(row.total for row in whole.rows) == sum(left.values()) > 0
        for part in range(5):  # at any moment on the way
            at_ms = now_ms + (walk.now_ms - now_ms) * part // 5
            assert (await liability(session, date(2027, 6, 1), zone=SHANGHAI, until_ms=at_ms)).agrees
        assert sum(one.net for one in settlement.positions(await settlement.uses(session, Window()))) == 0
        journal = finance.entries(await finance.moved(session, Window(), DAYS))
        assert sum(entry.transfers for entry in journal) == count
        rows = cohorts(await given(session, zone=SHANGHAI))
        assert sum(row.left for row in rows) == sum(left.values())
        assert all(row.amount >= 0 for row in rows)
        revived = await session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Transfer.amount), 0)).where(Transfer.kind == "revive")
        )
        assert sum(row.revived for row in rows) == revived
        for purse, balance in left.items():
            one = await statement_of(session, purse, made_ms=made_ms)
            assert one.closing == balance
            assert await verify_statement(session, one) == []
