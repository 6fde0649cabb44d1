"""What a record brings with it: the bonus of a top-up, and refunds of what nobody paid."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from central_server.ledger.books.posting import posting_id
from central_server.ledger.models.lots import Lot
from central_server.ledger.purses import spending
from tests.central_server.ledger.leases.lease_world import LeaseWorld, Shop


async def test_a_top_up_at_a_till_brings_the_bonus_of_its_programme(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    """充值送: bonus(programme) → available; the store knows nothing of it."""

    async def with_bonus(session: Any) -> str:
        return await new_purse(session, bonus=[{"from_amount": 5_000, "amount": 500}])

    await world.begin(with_bonus, 1_000, shop)
    written = [
        shop.open("LOWN", world.purse),
        shop.write("LOWN", "top", 4_999),
        shop.write("LOWN", "top", 5_000),
    ]
    await world.hear(shop, [*written, *written])
    assert await world.books() == {"cash": -10_999, "bonus": -500, "available": 1_500, "escrow": 9_999}
    async with world.database.transaction() as session:
        await check_lots(session)


REFUNDS = {
    "what was paid": (3_000, "/2", False),
    "part of it": (1_000, "/2", False),
    "more than was paid": (3_001, "/2", True),
    "a top-up": (1_000, "/3", True),
    "something nobody knows": (1_000, "/77", True),
    "nonsense": (1_000, "/²", True),
}


@pytest.mark.parametrize("case", list(REFUNDS))
async def test_a_refund_of_what_nobody_paid_settles_and_is_an_alarm(
    world: LeaseWorld, shop: Shop, new_purse: Any, case: str
) -> None:
    amount, of, odd = REFUNDS[case]
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    written = [opened, shop.write(lease, "spend", 3_000), shop.write(lease, "top", 1_000)]
    await world.hear(shop, [*written, shop.write(lease, "refund", amount, refers_to=lease + of)])
    assert (await world.lease(lease)).escrow == 8_000 + amount
    assert await world.alarms() == ({"odd_refund"} if odd else set())


async def test_a_payment_refunded_twice_is_an_alarm(world: LeaseWorld, shop: Shop, new_purse: Any) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "spend", 3_000)])
    again = [shop.write(lease, "refund", 2_000, refers_to=f"{lease}/2") for _ in range(2)]
    await world.hear(shop, again[:1])
    assert await world.alarms() == set()
    await world.hear(shop, again[1:])
    assert await world.alarms() == {"odd_refund"}


async def test_what_head_office_gave_back_already_and_the_store_gives_back_too_is_an_alarm(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "spend", 3_000)])
    async with world.database.transaction() as session:
        await spending.refund(
            session,
            request="at the desk",
            purse=world.purse,
            amount=1_000,
            of=posting_id("lease", lease, "2"),
            by="anna",
            now_ms=world.now_ms,
        )
    await world.hear(shop, [shop.write(lease, "refund", 2_000, refers_to=f"{lease}/2")])
    assert await world.alarms() == set()  # together what was paid
    await world.hear(shop, [shop.write(lease, "refund", 1, refers_to=f"{lease}/2")])
    assert await world.alarms() == {"odd_refund"}


@pytest.mark.parametrize("own", ["L2222222222222222", "LZZZZZZZZZZZZZZZZ"])
async def test_a_return_in_the_batch_of_its_payment_finds_what_was_paid_whatever_its_lease_is_called(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any, own: str
) -> None:
    """A walk found it: settled lease by lease, the return came first and made a lot of its own."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.open(own, world.purse)])
    paid = [shop.write(lease, "spend", 3_000), shop.write(lease, "close", 7_000)]
    await world.hear(shop, [*paid, shop.write(own, "refund", 3_000, refers_to=f"{lease}/2")])
    assert await world.alarms() == set()
    async with world.database.transaction() as session:
        await check_lots(session)
        (lot,) = await session.scalars(sa.select(Lot).where(Lot.purse == world.purse))
        assert (lot.amount, lot.left) == (10_000, 10_000)
