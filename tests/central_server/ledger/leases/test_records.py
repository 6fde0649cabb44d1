"""What stores write down settles once, in order, and only as the store wrote it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.errors import Conflict
from central_server.ledger.books.posting import posting_id
from central_server.ledger.leases import following, records
from central_server.ledger.models.leases import LeaseEntry
from central_server.ledger.models.lots import LotUse
from sync.contract.events import LeaseRecord
from tests.central_server.ledger.leases.lease_world import NOW_MS, LeaseWorld, Shop, by_pieces


def a_life(shop: Shop, opened: LeaseRecord) -> list[LeaseRecord]:
    """Pay 30, give 10 of it back, top up 25, pay 40, close: of 100 that were granted 65 are left."""
    lease = opened.lease
    return [
        opened,
        shop.write(lease, "spend", 3_000),
        shop.write(lease, "refund", 1_000, refers_to=f"{lease}/2"),
        shop.write(lease, "top", 2_500),
        shop.write(lease, "spend", 4_000),
        shop.write(lease, "close", 6_500),
    ]


async def test_a_lease_lives_and_what_is_left_comes_back(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    """I1, I2, I7: credited = available + captured, and the closed lease has nothing."""
    await world.begin(new_purse, 15_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    for written, escrow in zip(by_pieces(a_life(shop, opened)), (100, 70, 80, 105, 65, 0), strict=True):
        await world.hear(shop, written)
        books = await world.books()
        assert books.get("escrow", 0) == escrow * 100
        credited = -books["cash"]
        assert credited == books["available"] + books.get("escrow", 0) + books.get("captured", 0)
        assert sum(books.values()) == 0
        async with world.database.transaction() as session:
            await check_lots(session)
    row = await world.lease(lease)
    assert (row.state, row.escrow, row.last_number, row.closed_ms) == ("closed", 0, 6, NOW_MS)
    assert await world.books() == {"cash": -17_500, "available": 11_500, "captured": 6_000}
    assert await world.words("s1") == {}
    assert await world.alarms() == set()


async def test_a_refund_gives_back_the_lots_that_its_payment_took(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, a_life(shop, opened))
    async with world.database.reading() as session:
        uses = {
            row.transfer: row.amount
            for row in await session.scalars(sa.select(LotUse).order_by(LotUse.at_ms))
        }
    assert [uses[posting_id("lease", lease, n)] for n in "235"] == [3_000, -1_000, 4_000]


ORDERS = {
    "at once": lambda written: [written],
    "one by one": by_pieces,
    "each twice": lambda written: [[each, each] for each in written],
    "all of it twice": lambda written: [written, written],
    "backwards": lambda written: by_pieces(written[::-1]),
    "backwards at once": lambda written: [written[::-1]],
    "in pairs the wrong way round": lambda written: [written[3:], written[1:3], written[:1]],
}


@pytest.mark.parametrize("order", list(ORDERS))
async def test_whatever_the_order_of_delivery_the_same_comes_of_it(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any, order: str
) -> None:
    """I4, I7: a gap is never jumped, what comes again does nothing, and in the end all has settled."""
    await world.begin(new_purse, 15_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    for some in ORDERS[order](a_life(shop, opened)):
        await world.hear(shop, some)
    assert await world.books() == {"cash": -17_500, "available": 11_500, "captured": 6_000}
    assert (await world.lease(lease)).state == "closed"
    assert await world.waiting() == 0
    assert await world.alarms() == set()
    async with world.database.transaction() as session:
        await check_lots(session)
        entries = (await session.scalars(sa.select(LeaseEntry).order_by(LeaseEntry.number))).all()
        assert [each.number for each in entries] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("clock", [0, NOW_MS - 10**12, 2**46])
async def test_whatever_the_centres_clock_says_records_settle_alike(
    world: LeaseWorld, shop: Shop, new_purse: Any, clock: int
) -> None:
    """I9: time decides what is granted, never what a record means."""
    await world.begin(new_purse, 15_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    for written in by_pieces(a_life(shop, opened)):
        world.now_ms = clock if world.now_ms == NOW_MS else NOW_MS
        await world.hear(shop, written)
    assert await world.books() == {"cash": -17_500, "available": 11_500, "captured": 6_000}
    assert (await world.lease(lease)).state == "closed"


async def test_any_order_of_two_leases_with_doubles_settles_alike(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I4, I7, shuffled."""
    await world.begin(new_purse, 25_000, shop)
    lives = [a_life(shop, (await world.granted(shop, 10_000))[1]) for _ in range(2)]
    written = [*lives[0], *lives[1], *lives[0][:4]]
    chance = random.Random(20261122)
    chance.shuffle(written)
    while written:
        some = chance.randint(1, 4)
        await world.hear(shop, written[:some])
        del written[:some]
    assert await world.books() == {"cash": -30_000, "available": 18_000, "captured": 12_000}
    assert await world.waiting() == 0


async def test_a_gap_freezes_the_lease_until_it_is_filled(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I4, I8."""
    await world.begin(new_purse, 15_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    life = a_life(shop, opened)
    await world.hear(shop, [life[0], life[2], life[4]])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow) == ("frozen", "gap", 1, 10_000)
    assert await world.alarms() == {"gap"}
    assert await world.waiting() == 2
    await world.hear(shop, [life[1]])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow) == ("frozen", "gap", 3, 8_000)
    await world.hear(shop, [life[3]])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow, row.doubt_ms) == ("open", "", 5, 6_500, None)
    assert await world.alarms() == set()


TWISTS: dict[str, dict[str, Any]] = {
    "amount": {"amount": 1},
    "kind": {"kind": "top"},
    "purse": {"purse": "PAAAAAAAAAAAAAAAA"},
    "unit": {"unit": "PTS"},
    "receipt": {"receipt": "another"},
    "till": {"till": "another"},
    "mac": {"mac": "0" * 32},
}


@pytest.mark.parametrize("twist", list(TWISTS))
async def test_a_record_that_was_altered_on_its_way_is_never_applied(
    world: LeaseWorld, shop: Shop, new_purse: Any, twist: str
) -> None:
    """I8: its mac does not fit, and the lease is frozen. The true record settles all the same."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    true = shop.write(lease, "spend", 3_000)
    await world.hear(shop, [opened, msgspec.structs.replace(true, **TWISTS[twist])])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow) == ("frozen", "mac", 1, 10_000)
    assert await world.alarms() == {"mac"}
    await world.hear(shop, [true])
    row = await world.lease(lease)
    assert (row.state, row.last_number, row.escrow) == ("frozen", 2, 7_000)


async def test_a_number_told_before_with_another_mac_is_an_alarm(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I4, I8: the same disk went on twice, from one moment."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    before = dict(shop.last)
    first = shop.write(lease, "spend", 3_000)
    shop.last = before
    second = shop.write(lease, "spend", 2_000)
    await world.hear(shop, [opened, first, first])
    assert await world.alarms() == set()
    await world.hear(shop, [second])
    row = await world.lease(lease)
    assert (row.state, row.why, row.escrow) == ("frozen", "twisted", 7_000)
    assert await world.alarms() == {"twisted"}


async def test_of_a_lease_with_something_wrong_nothing_is_released(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    forged = msgspec.structs.replace(opened, number=2, kind="spend", amount=1)
    await world.hear(
        shop, [opened, forged, shop.write(lease, "spend", 3_000), shop.write(lease, "close", 7_000)]
    )
    row = await world.lease(lease)
    assert (row.state, row.last_number, row.escrow) == ("frozen", 2, 7_000)
    assert await world.books() == {"cash": -10_000, "escrow": 7_000, "captured": 3_000}
    assert await world.waiting() == 1


async def test_nothing_can_be_done_with_a_lease_that_was_given_back(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I5."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "close", 10_000)])
    await world.hear(shop, [shop.write(lease, "spend", 1), shop.write(lease, "top", 1)])
    assert await world.books() == {"cash": -10_000, "available": 10_000}
    assert await world.alarms() == {"after_close"}
    assert (await world.lease(lease)).state == "closed"


async def test_a_store_cannot_spend_more_than_the_lease_holds(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I2, I3: whoever holds the store's key cannot make escrow fall below 0."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 2_000)
    await world.hear(shop, [opened, shop.write(lease, "spend", 2_001), shop.write(lease, "spend", 1)])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow) == ("frozen", "overspent", 1, 2_000)
    assert await world.waiting() == 2


@pytest.mark.parametrize("amount", [9_999, 10_001])
async def test_a_close_must_give_back_exactly_what_is_left(
    world: LeaseWorld, shop: Shop, new_purse: Any, amount: int
) -> None:
    await world.begin(new_purse, 20_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "close", amount)])
    row = await world.lease(lease)
    assert (row.state, row.why, row.escrow) == ("frozen", "close_amount", 10_000)


async def test_an_open_that_says_another_amount_than_was_granted_is_not_believed(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 20_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    forger = Shop(world.keys)
    await world.hear(shop, [forger.open(lease, world.purse, 15_000)])
    row = await world.lease(lease)
    assert (row.state, row.last_number, row.escrow) == ("frozen", 0, 10_000)
    await world.hear(shop, [opened])
    assert (await world.lease(lease)).last_number == 1


async def test_a_forged_copy_that_waits_does_not_keep_the_true_one_out(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I8: both have the true mac, and only the true one was made with it."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    spends = [shop.write(lease, "spend", 1_000) for _ in range(2)]
    await world.hear(shop, [msgspec.structs.replace(spends[1], amount=9_000)])
    await world.hear(shop, [spends[1]])
    assert await world.waiting() == 2
    await world.hear(shop, [opened, spends[0]])
    row = await world.lease(lease)
    assert (row.state, row.why, row.last_number, row.escrow) == ("frozen", "mac", 3, 8_000)
    assert await world.waiting() == 0


async def test_records_of_an_old_epoch_still_settle(world: LeaseWorld, shop: Shop, new_purse: Any) -> None:
    """I8: the outbox of a new disk may still hold what the old one wrote."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened])
    await world.hear(shop, [shop.write(lease, "spend", 4_000)], epoch="f" * 16)
    row = await world.lease(lease)
    assert (row.state, row.escrow) == ("doubt", 6_000)
    await world.hear(shop, [shop.open("LOLD", world.purse)], epoch="f" * 16)
    assert (await world.lease("LOLD")).state == "doubt"
    await world.hear(shop, [shop.write(lease, "close", 6_000)], epoch="f" * 16)
    assert (await world.lease(lease)).state == "closed"


async def test_too_many_that_wait_are_set_aside(
    world: LeaseWorld, shop: Shop, new_purse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "WAITING_MAX", 2)
    monkeypatch.setattr(records, "STORE_WAITING_MAX", 3)
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    spends = [shop.write(lease, "spend", 1) for _ in range(4)]
    with pytest.raises(Conflict):
        await world.hear(shop, spends[1:])
    await world.hear(shop, spends[1:3])
    strays = Shop(world.keys)
    strays.open("LSTRAY", world.purse)
    with pytest.raises(Conflict):
        await world.hear(shop, [strays.write("LSTRAY", "top", 1) for _ in range(2)])
    await world.hear(shop, [opened, *spends[:1]])
    assert (await world.lease(lease)).last_number == 4


class Counted:
    """How many statements a piece of work sent."""

    def __init__(self, database: Database) -> None:
        self.statements: list[str] = []
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        self.statements.append(statement)


async def test_a_thousand_records_are_a_handful_of_statements(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    await world.begin(new_purse, 500_000, shop)
    world.limits(per_hour=1_000, value_per_card=10_000_000)
    lives: list[Sequence[LeaseRecord]] = []
    for _ in range(20):
        lease, opened = await world.granted(shop, 10_000)
        spends = [shop.write(lease, "spend", 10) for _ in range(48)]
        lives.append([opened, *spends, shop.write(lease, "close", 9_520)])
    counted = Counted(world.database)
    await world.hear(shop, [each for life in lives for each in life])
    assert len(counted.statements) < 60, counted.statements
    books = await world.books()
    assert (books["captured"], books.get("escrow", 0)) == (9_600, 0)
    async with world.database.transaction() as session:
        await check_lots(session)
