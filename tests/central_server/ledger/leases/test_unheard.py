"""Records of leases that the centre has not heard of: opened by the store, forgotten here, or forged."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from central_server.keys import Keys
from central_server.ledger.models.lots import Lot
from tests.central_server.ledger.leases.lease_world import LeaseWorld, Shop, by_pieces


async def test_a_store_opens_a_lease_itself_to_take_a_top_up_while_the_line_is_down(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    await world.begin(new_purse, 1_000, shop)
    opened = shop.open("LOWN", world.purse)
    written = [opened, shop.write("LOWN", "top", 5_000), shop.write("LOWN", "spend", 1_500)]
    await world.hear(shop, written)
    row = await world.lease("LOWN")
    assert (row.state, row.granted, row.escrow, row.programme) == ("open", 0, 3_500, "value")
    await world.hear(shop, [shop.write("LOWN", "close", 3_500)])
    assert await world.books() == {"cash": -6_000, "available": 4_500, "captured": 1_500}
    assert await world.alarms() == set()
    async with world.database.transaction() as session:
        await check_lots(session)
        paid = await session.scalars(sa.select(Lot.amount).where(Lot.about == "s1/r2"))
        assert paid.all() == [5_000]


async def test_records_before_the_beginning_of_their_lease_wait_for_it(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I4."""
    await world.begin(new_purse, 1_000, shop)
    written = [shop.open("LOWN", world.purse), *(shop.write("LOWN", "top", 100) for _ in range(3))]
    for some in by_pieces(written[:0:-1]):
        await world.hear(shop, some)
    assert await world.waiting() == 3
    assert await world.alarms() == {"unheard"}
    await world.hear(shop, written[:1])
    assert (await world.lease("LOWN")).escrow == 300
    assert await world.waiting() == 0
    assert await world.alarms() == set()


async def test_a_grant_from_before_the_centre_was_put_back_is_made_again(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    written = [shop.open("LGONE", world.purse, 6_000), shop.write("LGONE", "spend", 2_000)]
    await world.hear(shop, written)
    row = await world.lease("LGONE")
    assert (row.state, row.granted, row.escrow) == ("open", 6_000, 4_000)
    assert await world.alarms() == {"regranted"}
    await world.hear(shop, [shop.write("LGONE", "close", 4_000)])
    assert await world.books() == {"cash": -10_000, "available": 8_000, "captured": 2_000}


async def test_such_a_grant_that_the_purse_cannot_bear_waits_until_it_can(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 1_000, shop)
    written = [shop.open("LGONE", world.purse, 6_000), shop.write("LGONE", "spend", 2_000)]
    await world.hear(shop, written)
    row = await world.lease("LGONE")
    assert (row.state, row.why, row.escrow, row.last_number) == ("frozen", "unfunded", 0, 0)
    assert await world.alarms() == {"regranted", "unfunded"}
    async with world.database.transaction() as session:
        await world.load(session, 5_000)
    await world.hear(shop, [shop.write("LGONE", "close", 4_000)])
    assert (await world.lease("LGONE")).state == "closed"
    assert await world.alarms() == {"regranted"}
    assert await world.books() == {"cash": -6_000, "available": 4_000, "captured": 2_000}


async def test_an_open_without_a_valid_seal_makes_no_lease(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    thief = Shop(Keys.fresh())
    await world.hear(shop, [thief.open("LFALSE", world.purse, 5_000), thief.write("LFALSE", "spend", 5_000)])
    assert await world.books() == {"cash": -10_000, "available": 10_000}
    assert await world.alarms() == {"mac", "unheard"}


async def test_a_store_cannot_speak_of_another_stores_lease(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    lease, opened = await world.granted(shop, 5_000)
    await world.hear(other, [opened, other.open(lease, world.purse, 5_000)])
    row = await world.lease(lease)
    assert (row.state, row.last_number) == ("open", 0)
    assert await world.alarms() == {"foreign"}


async def test_a_purse_that_nobody_knows_waits_for_people(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    await world.hear(shop, [shop.open("LNEW", "PNOBODYS"), shop.write("LNEW", "top", 5_000)])
    row = await world.lease("LNEW")
    assert (row.state, row.why, row.last_number) == ("frozen", "no_purse", 0)
    assert await world.waiting() == 2
    assert await world.alarms() == {"no_purse"}
