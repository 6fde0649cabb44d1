"""Many processes at one database: stores ask, write and are asked back for one card in the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.ledger.leases import leases, records
from sync.contract.message import Answered, Ask
from tests.central_server.ledger.leases.lease_world import TOKEN, LeaseWorld, Shop


async def test_grants_at_once_keep_within_the_caps_and_the_balance(
    world: LeaseWorld, keys: Keys, new_purse: Any, check_lots: Any
) -> None:
    """I2, I10."""
    shops = [Shop(keys, f"s{n}", f"{n:016x}") for n in range(4)]
    await world.begin(new_purse, 10_000, *shops)
    world.limits(value_per_card=6_000, value_per_store=2_500, stores_per_hour=10)

    async def ask(shop: Shop, request: str) -> Answered:
        async def work(session: AsyncSession) -> Answered:
            return await leases.grant(
                session,
                store=shop.store,
                ask=Ask(request, shop.epoch, TOKEN, {"CNY": 1_000}),
                keys=keys,
                settings=world.settings,
                now_ms=world.now_ms,
            )

        return await world.database.run(work)

    answers = await asyncio.gather(*(ask(shop, f"{shop.store} {n % 3}") for shop in shops for n in range(6)))
    held = {lease for answered in answers for lease in answered.leases}
    rows = [await world.lease(lease) for lease in held]
    assert sum(row.escrow for row in rows) == 6_000
    assert all(sum(row.escrow for row in rows if row.store == shop.store) <= 2_500 for shop in shops)
    assert await world.books() == {"cash": -10_000, "available": 4_000, "escrow": 6_000}
    async with world.database.transaction() as session:
        await check_lots(session)


async def test_asks_records_and_recalls_at_once_come_to_an_end_and_add_up(
    world: LeaseWorld, keys: Keys, new_purse: Any, check_lots: Any
) -> None:
    """I1, I2, I7."""
    shops = [Shop(keys, f"s{n}", f"{n:016x}") for n in range(4)]
    await world.begin(new_purse, 8_000, *shops)
    world.limits(per_hour=1_000)
    spent = 0

    async def live(shop: Shop) -> None:
        nonlocal spent
        for n in range(5):
            request = f"{shop.store} {n}"

            async def asked(session: AsyncSession, request: str = request) -> Answered:
                return await leases.grant(
                    session,
                    store=shop.store,
                    ask=Ask(request, shop.epoch, TOKEN, {"CNY": 5_000}),
                    keys=keys,
                    settings=world.settings,
                    now_ms=world.now_ms,
                )

            answered = await world.database.run(asked)
            told = await world.words(shop.store)
            for lease in answered.leases:
                opened = shop.install(told[lease])
                paid = min(300, opened.amount)
                spent += paid
                close = opened.amount - paid
                written = [opened, shop.write(lease, "spend", paid), shop.write(lease, "close", close)]
                facts = world.facts(shop, written)

                async def heard(session: AsyncSession, facts: Any = facts) -> None:
                    await records.record(session, shop.store, facts, world.now_ms, keys=keys)

                await world.database.run(heard)

    async with asyncio.timeout(60):
        await asyncio.gather(*(live(shop) for shop in shops))
    books = await world.books()
    assert books == {"cash": -8_000, "available": 8_000 - spent, "captured": spent}
    assert await world.alarms() == set()
    async with world.database.transaction() as session:
        await check_lots(session)
