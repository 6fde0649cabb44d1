"""New epochs, frozen leases, and losses that two people declare."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.keys import Keys
from central_server.ledger.leases import doubt, lease_alarms
from central_server.ledger.leases.lease_alarms import Raised, raise_alarms, settle_alarm
from central_server.ledger.models.leases import LeaseLoss
from tests.central_server.ledger.leases.lease_world import HOUR_MS, NOW_MS, LeaseWorld, Shop

GRACE_MS = 72 * HOUR_MS
TWO = ("anna", "bela")


async def heard(world: LeaseWorld, store: str, epoch: str) -> int:
    async with world.database.transaction() as session:
        return await doubt.new_epoch(session, store, epoch, world.now_ms)


async def declare(
    world: LeaseWorld,
    lease: str,
    amount: int,
    approvers: tuple[str, str] = TWO,
    request: str = "a1",
) -> LeaseLoss:
    async with world.database.transaction() as session:
        return await doubt.declare_loss(
            session,
            lease,
            amount=amount,
            approvers=approvers,
            request=request,
            settings=world.settings,
            keys=world.keys,
            now_ms=world.now_ms,
        )


async def in_doubt(world: LeaseWorld, shop: Shop, new_purse: Any) -> str:
    """A lease over 100 of 150, of which the store is known to have paid 30; in doubt past its grace."""
    await world.begin(new_purse, 15_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "spend", 3_000)])
    assert await heard(world, "s1", "f" * 16) == 1
    world.now_ms += GRACE_MS
    return lease


async def test_a_new_epoch_brings_the_leases_of_older_ones_into_doubt_and_takes_nothing(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    """I8, I10."""
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    lease, _ = await world.granted(shop, 3_000)
    theirs, _ = await world.granted(other, 2_000)
    assert await heard(world, "s1", shop.epoch) == 0
    assert await heard(world, "s1", "f" * 16) == 1
    row = await world.lease(lease)
    assert (row.state, row.doubt_ms, row.escrow) == ("doubt", NOW_MS, 3_000)
    assert (await world.lease(theirs)).state == "open"
    assert (await world.books())["escrow"] == 5_000
    assert await heard(world, "s1", shop.epoch) == 0  # it is over for ever
    assert (await world.ask(shop)).refused == "epoch"


async def test_head_office_fences_a_store_whose_box_is_gone(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, _ = await world.granted(shop, 3_000)
    async with world.database.transaction() as session:
        assert await doubt.fence(session, "s1", NOW_MS) == 1
    assert (await world.lease(lease)).state == "doubt"
    assert await heard(world, "s1", shop.epoch) == 0
    assert (await world.ask(shop)).refused == "epoch"
    await heard(world, "s1", "f" * 16)
    assert (await world.ask(shop, epoch="f" * 16)).refused == ""


async def test_a_declared_loss_makes_the_customer_whole_at_the_stores_cost(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    """I1, I11: credited + L = A + H + ΣE + captured."""
    lease = await in_doubt(world, shop, new_purse)
    await declare(world, lease, 7_000)
    books = await world.books()
    assert books == {"cash": -15_000, "available": 12_000, "escrow": 7_000, "captured": 3_000, "loss": -7_000}
    row = await world.lease(lease)
    assert (row.state, row.lost, row.escrow) == ("lost", 7_000, 7_000)
    async with world.database.transaction() as session:
        await check_lots(session)


async def test_a_lease_that_was_declared_lost_is_wanted_back_from_a_store_that_comes_again(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """A store that never heard of the grant closes it unspent: that covers the loss."""
    await world.begin(new_purse, 10_000, shop)
    [lease] = (await world.ask(shop, CNY=3_000)).leases
    async with world.database.transaction() as session:
        await doubt.fence(session, "s1", NOW_MS)
    world.now_ms += world.settings.grace_hours * HOUR_MS
    await declare(world, lease, 3_000)
    told = (await world.words("s1"))[lease]
    assert told.recalled
    assert (await world.books())["loss"] == -3_000
    await world.hear(shop, [shop.install(told), shop.write(lease, "close", 3_000)], epoch="f" * 16)
    assert await world.books() == {"cash": -10_000, "available": 10_000}
    assert await world.words("s1") == {}


async def test_records_that_come_after_the_loss_settle_and_make_it_smaller(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    """I1, I7: what is released goes to the store's loss first, for the customer has it already."""
    lease = await in_doubt(world, shop, new_purse)
    await declare(world, lease, 7_000)
    await world.hear(shop, [shop.write(lease, "spend", 2_000)], epoch="f" * 16)
    assert (await world.lease(lease)).state == "lost"
    await world.hear(shop, [shop.write(lease, "close", 5_000)], epoch="f" * 16)
    assert await world.books() == {"cash": -15_000, "available": 12_000, "captured": 5_000, "loss": -2_000}
    row = await world.lease(lease)
    assert (row.state, row.lost, row.escrow) == ("closed", 2_000, 0)
    async with world.database.transaction() as session:
        await check_lots(session)


async def test_what_is_released_beyond_the_loss_is_the_customers(
    world: LeaseWorld, shop: Shop, new_purse: Any, check_lots: Any
) -> None:
    """I1, I7: the old disk had taken a top-up that nobody knew of when the loss was declared."""
    lease = await in_doubt(world, shop, new_purse)
    await declare(world, lease, 4_000)
    late = [shop.write(lease, "top", 1_000), shop.write(lease, "close", 8_000)]
    await world.hear(shop, late, epoch="f" * 16)
    assert await world.books() == {"cash": -16_000, "available": 13_000, "captured": 3_000}
    async with world.database.transaction() as session:
        await check_lots(session)


async def test_a_loss_has_two_approvers_and_a_lease_in_doubt_past_its_grace(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I11."""
    lease = await in_doubt(world, shop, new_purse)
    before = await world.books()
    for approvers in (("anna", "anna"), ("anna", ""), (" anna", "anna "), ("", "")):
        with pytest.raises(Refused):
            await declare(world, lease, 100, approvers)
    for amount in (0, -1, 7_001):
        with pytest.raises(Invalid):
            await declare(world, lease, amount)
    with pytest.raises(NotFound):
        await declare(world, "LNONE", 100)
    world.now_ms -= 1
    with pytest.raises(Conflict):
        await declare(world, lease, 100)
    assert await world.books() == before


async def test_a_lease_that_its_store_still_answers_for_is_never_lost(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I10, I11: open leases stay the store's however much time has passed, and closed ones are over."""
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 3_000)
    world.now_ms += 10_000 * HOUR_MS
    with pytest.raises(Conflict):
        await declare(world, lease, 100)
    await world.hear(shop, [opened, shop.write(lease, "close", 3_000)])
    with pytest.raises(Conflict):
        await declare(world, lease, 100)


async def test_the_same_loss_asked_for_twice_is_one_and_all_losses_are_at_most_what_is_held(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    lease = await in_doubt(world, shop, new_purse)
    await declare(world, lease, 4_000)
    await declare(world, lease, 4_000)
    assert (await world.books())["loss"] == -4_000
    with pytest.raises(Conflict):
        await declare(world, lease, 4_001)
    with pytest.raises(Invalid):
        await declare(world, lease, 3_001, request="a2")
    await declare(world, lease, 3_000, request="a2")
    assert (await world.books())["loss"] == -7_000
    async with world.database.reading() as session:
        found = await doubt.losses(session, stores=["s1"])
        assert sorted((each.amount, each.first_by, each.second_by) for each in found) == [
            (3_000, *TWO),
            (4_000, *TWO),
        ]
        assert await doubt.losses(session, stores=["s2"]) == []


async def test_a_frozen_lease_goes_on_when_two_people_have_looked_at_it(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    forged = msgspec.structs.replace(opened, number=2, kind="spend", amount=1)
    await world.hear(shop, [opened, forged, shop.write(lease, "close", 10_000)])
    assert (await world.lease(lease)).state == "frozen"
    async with world.database.transaction() as session:
        with pytest.raises(Refused):
            await doubt.resolve(session, lease, approvers=("anna", "anna"), keys=world.keys, now_ms=NOW_MS)
    async with world.database.transaction() as session:
        row = await doubt.resolve(session, lease, approvers=TWO, keys=world.keys, now_ms=NOW_MS)
        assert row.state == "closed"
    assert await world.books() == {"cash": -10_000, "available": 10_000}
    async with world.database.transaction() as session:
        with pytest.raises(Conflict):
            await doubt.resolve(session, lease, approvers=TWO, keys=world.keys, now_ms=NOW_MS)


async def test_a_frozen_lease_that_is_still_wrong_freezes_again(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    lease, opened = await world.granted(shop, 10_000)
    await world.hear(shop, [opened, shop.write(lease, "spend", 10_001)])
    await heard(world, "s1", "f" * 16)
    async with world.database.transaction() as session:
        row = await doubt.resolve(session, lease, approvers=TWO, keys=world.keys, now_ms=NOW_MS)
        assert (row.state, row.why) == ("frozen", "overspent")


async def test_what_stores_hold_is_listed_page_by_page(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    mine = sorted([(await world.granted(shop, 1_000))[0] for _ in range(3)])
    theirs, opened = await world.granted(other, 500)
    async with world.database.reading() as session:
        assert [each.id for each in await doubt.list_open(session, stores=["s1"])] == mine
        first = await doubt.list_open(session, limit=2)
        rest = await doubt.list_open(session, after=first[-1].id)
        assert {each.id for each in [*first, *rest]} == {*mine, theirs}
        assert len(await doubt.list_open(session, purse=world.purse)) == 4
        assert await doubt.list_open(session, states=["doubt"]) == []
    await world.hear(other, [opened, other.write(theirs, "close", 500)])
    async with world.database.reading() as session:
        assert await doubt.list_open(session, stores=["s2"]) == []


async def test_alarms_are_counted_settled_and_open_again(
    world: LeaseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_alarms, "ALARMS_MAX", 2)
    async with world.database.transaction() as session:
        await raise_alarms(session, "s1", [Raised("mac", "L1", "a"), Raised("mac", "L1", "b")], NOW_MS)
        await raise_alarms(session, "s1", [Raised("mac", f"L{n}", "x") for n in range(2, 9)], NOW_MS + 1)
    async with world.database.transaction() as session:
        found = {row.lease: row for row in await lease_alarms.open_alarms(session, stores=["s1"])}
        assert {lease: row.count for lease, row in found.items()} == {"L1": 2, "L2": 1, "": 6}
        assert (found["L1"].detail, found["L1"].first_ms) == ("b", NOW_MS)
        await settle_alarm(session, "s1", "L1", "mac", by="anna", now_ms=NOW_MS)
        with pytest.raises(NotFound):
            await settle_alarm(session, "s1", "L9", "mac", by="anna", now_ms=NOW_MS)
    async with world.database.transaction() as session:
        assert len(await lease_alarms.open_alarms(session)) == 2
        await raise_alarms(session, "s1", [Raised("mac", "L1", "c")], NOW_MS + 2)
        assert next(row.count for row in await lease_alarms.open_alarms(session)) == 3
