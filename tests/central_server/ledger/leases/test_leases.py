"""Grants and recalls: what a store is given of a card, and what is never given twice."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from central_server.keys import Keys
from central_server.ledger.cards.life import FROZEN, LOST
from central_server.ledger.cards.pins import set_pin
from central_server.ledger.leases import doubt, leases
from central_server.ledger.leases.limits import Grant, Standing, granted
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.purses.purses import held
from config.money import LeaseSettings
from sync.contract.leases import POINTS, grant_seal, lease_key, same
from sync.contract.message import Ask
from tests.central_server.ledger.leases.lease_world import HOUR_MS, NOW_MS, TOKEN, LeaseWorld, Shop


async def test_a_grant_moves_value_into_escrow_and_tells_the_store_alone(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    answered = await world.ask(shop, request="q", CNY=3_000)
    assert (answered.request, answered.refused, len(answered.leases)) == ("q", "", 1)
    assert [(each.purse, each.balance) for each in answered.purses] == [(world.purse, 10_000)]
    assert await world.books() == {"cash": -10_000, "available": 7_000, "escrow": 3_000}
    [told] = (await world.words("s1")).values()
    assert (told.lease, told.purse, told.granted, told.epoch) == (
        *answered.leases,
        world.purse,
        3_000,
        shop.epoch,
    )
    assert (told.request, told.ttl_s, told.recalled) == ("q", world.settings.ttl_s, False)
    seal = grant_seal(
        lease_key(world.keys.store_key("s1")),
        lease=told.lease,
        store="s1",
        epoch=shop.epoch,
        purse=world.purse,
        unit="CNY",
        granted=3_000,
        recalled=False,
    )
    assert same(told.seal, seal)
    assert await world.words("s2") == {}


async def test_the_same_request_gets_the_same_lease_and_grants_nothing_twice(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    """I5: a late, doubled ask opens nothing again, not even when the lease is closed."""
    await world.begin(new_purse, 10_000, shop)
    first = await world.ask(shop, request="q", CNY=3_000)
    assert await world.ask(shop, request="q", CNY=3_000) == first
    assert (await world.books())["escrow"] == 3_000
    told = (await world.words("s1"))[first.leases[0]]
    await world.hear(shop, [shop.install(told), shop.write(told.lease, "close", 3_000)])
    assert (await world.ask(shop, request="q", CNY=3_000)).leases == first.leases
    assert await world.books() == {"cash": -10_000, "available": 10_000}
    assert await world.words("s1") == {}


async def test_a_crash_before_the_commit_leaves_nothing_and_the_next_try_makes_the_same_lease(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    seen = []

    async def cut_short() -> None:
        async with world.database.transaction() as session:
            ask = Ask("q", shop.epoch, TOKEN, {"CNY": 100})
            answered = await leases.grant(
                session, store="s1", ask=ask, keys=world.keys, settings=world.settings, now_ms=NOW_MS
            )
            seen.append(answered.leases)
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await cut_short()
    assert (await world.books()) == {"cash": -10_000, "available": 10_000}
    assert seen[0] == seen[1] == (await world.ask(shop, request="q", CNY=100)).leases


async def test_grants_go_to_the_current_epoch_only(world: LeaseWorld, shop: Shop, new_purse: Any) -> None:
    """I8."""
    await world.begin(new_purse, 10_000, shop)
    assert (await world.ask(shop, epoch="f" * 16)).refused == "epoch"
    async with world.database.transaction() as session:
        await doubt.new_epoch(session, "s1", "f" * 16, NOW_MS)
    assert (await world.ask(shop)).refused == "epoch"
    assert (await world.ask(shop, epoch="f" * 16)).refused == ""
    async with world.database.transaction() as session:  # a greeting that the broker had kept back
        await doubt.new_epoch(session, "s1", shop.epoch, NOW_MS)
    assert (await world.ask(shop)).refused == "epoch"


async def test_a_store_that_was_never_heard_or_is_stopped_gets_nothing(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    assert (await world.ask(Shop(keys, "s9"))).refused == "epoch"
    async with world.database.transaction() as session:
        await doubt.set_stopped(session, "s1", True)
    assert (await world.ask(shop)).refused == "stopped"
    async with world.database.transaction() as session:
        await doubt.set_stopped(session, "s1", False)
    assert (await world.ask(shop)).refused == ""


@pytest.mark.parametrize(("state", "refused"), [(LOST, "lost"), (FROZEN, "frozen")])
async def test_a_card_that_may_not_pay_gets_nothing(
    world: LeaseWorld, shop: Shop, new_purse: Any, state: str, refused: str
) -> None:
    await world.begin(new_purse, 10_000, shop)
    async with world.database.transaction() as session:
        await session.execute(sa.update(Card).values(state=state))
    assert (await world.ask(shop)).refused == refused
    assert await world.words("s1") == {}


async def test_a_store_that_guesses_card_numbers_is_not_answered_for_the_rest_of_the_hour(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    world.limits(unknown_per_hour=3)
    for n in range(3):
        assert (await world.ask(shop, token=f"{n:032x}")).refused == "unknown"
    assert (await world.ask(shop)).refused == "velocity"
    world.now_ms += HOUR_MS
    assert (await world.ask(shop)).refused == ""


async def test_nobody_says_how_much_and_the_store_is_filled_up_to_the_default(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 100_000, shop)
    world.limits(value_default=20_000)
    lease, opened = await world.granted(shop, 15_000)
    await world.hear(shop, [opened])
    [more] = (await world.ask(shop)).leases
    assert (await world.lease(more)).granted == 5_000
    enough = await world.ask(shop)
    assert (enough.leases, enough.refused) == ((), "")
    assert lease != more
    world.now_ms += world.settings.ttl_s * 1000  # their time is over: they count no more
    [fresh] = (await world.ask(shop)).leases
    assert (await world.lease(fresh)).granted == 20_000


async def test_a_unit_that_is_named_with_nothing_gets_nothing(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    answered = await world.ask(shop, CNY=0)
    assert (answered.leases, answered.refused) == ((), "empty")


async def test_a_short_purse_is_granted_in_part_and_recalled_from_elsewhere(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    there, opened = await world.granted(other, 8_000)
    [here] = (await world.ask(shop, CNY=5_000)).leases
    assert (await world.lease(here)).granted == 2_000
    told = (await world.words("s2"))[there]
    assert told.recalled
    assert (await world.ask(shop, CNY=3_000)).refused == "empty"
    await world.hear(other, [opened, other.write(there, "close", 8_000)])
    [more] = (await world.ask(shop, CNY=3_000)).leases
    assert (await world.lease(more)).granted == 3_000


async def test_a_recall_takes_nothing_back_by_itself(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    """I10: only the store's close returns what it holds, however long it takes."""
    await world.begin(new_purse, 10_000, shop)
    lease, _ = await world.granted(shop, 4_000)
    async with world.database.transaction() as session:
        assert await leases.recall(session, lease, keys=world.keys, now_ms=NOW_MS) == [lease]
        assert await leases.recall(session, lease, keys=world.keys, now_ms=NOW_MS) == []
    world.now_ms += 1_000 * HOUR_MS
    assert (await world.ask(shop, CNY=10_000)).leases
    assert await world.books() == {"cash": -10_000, "escrow": 10_000}
    told = (await world.words("s1"))[lease]
    again = Shop(keys)  # heard of the recall alone
    await world.hear(shop, [again.install(told), again.write(lease, "close", 4_000)])
    assert (await world.lease(lease)).state == "closed"


async def test_the_caps_of_a_card_and_of_a_store_hold(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    """I10: ΣE of a card and of a store is within its cap, leases in doubt included."""
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 100_000, shop, other)
    world.limits(value_per_card=7_000, value_per_store=5_000)
    [first] = (await world.ask(shop, CNY=9_000)).leases
    assert (await world.lease(first)).granted == 5_000
    assert (await world.ask(shop, CNY=1_000)).refused == "store_cap"
    async with world.database.transaction() as session:
        await doubt.new_epoch(session, "s1", "f" * 16, NOW_MS)
    assert (await world.ask(shop, epoch="f" * 16, CNY=1_000)).refused == "store_cap"
    [second] = (await world.ask(other, CNY=9_000)).leases
    assert (await world.lease(second)).granted == 2_000
    assert (await world.ask(other, CNY=1_000)).refused == "card_cap"
    assert (await world.books())["escrow"] == 7_000


async def test_a_store_that_opens_leases_without_end_blocks_a_card_for_itself_alone(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "PER_STORE_MAX", 3)
    honest = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 100_000, shop, honest)
    await world.hear(shop, [shop.open(f"L{number:026d}", world.purse) for number in range(5)])
    assert (await world.ask(shop, CNY=1_000)).refused == "card_cap"
    assert await world.alarms() == {"crowded"}
    [lease] = (await world.ask(honest, CNY=1_000)).leases
    assert (await world.lease(lease)).granted == 1_000


async def test_a_card_that_is_shown_too_often_or_in_too_many_stores_gets_nothing_for_an_hour(
    world: LeaseWorld, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    """Closed leases count as well: it is how often, not how much."""
    others = [Shop(keys, f"s{n}", f"{n:016x}") for n in (2, 3)]
    await world.begin(new_purse, 100_000, shop, *others)
    world.limits(per_hour=3, stores_per_hour=2)
    for each in (shop, others[0], shop):
        lease, opened = await world.granted(each, 100)
        await world.hear(each, [opened, each.write(lease, "close", 100)])
    for each in (shop, others[1]):
        assert (await world.ask(each, CNY=100)).refused == "velocity"
    world.limits(per_hour=10)
    assert (await world.ask(others[1], CNY=100)).refused == "velocity"
    assert (await world.ask(shop, CNY=100)).refused == ""
    world.now_ms += HOUR_MS
    assert (await world.ask(others[1], CNY=100)).refused == ""


@pytest.mark.parametrize(
    ("want", "standing", "given"),
    [
        (100, {}, Grant(100)),
        (None, {}, Grant(500)),
        (None, {"here": 400, "out": 400}, Grant(100)),
        (None, {"here": 500, "out": 500}, Grant(0)),
        (100, {"here": 500, "out": 500}, Grant(100)),
        (0, {}, Grant(0)),
        (100, {"available": 60}, Grant(60, short=True)),
        (100, {"available": 100}, Grant(100)),
        (100, {"available": 0}, Grant(0, "empty", short=True)),
        (100, {"out": 950}, Grant(50)),
        (100, {"out": 1_000}, Grant(0, "card_cap")),
        (100, {"store": 1_990}, Grant(10)),
        (100, {"store": 2_000}, Grant(0, "store_cap")),
        (100, {"granted_last_hour": 2}, Grant(100)),
        (100, {"granted_last_hour": 3}, Grant(0, "velocity")),
        (100, {"stores_last_hour": 2}, Grant(0, "velocity")),
        (100, {"stores_last_hour": 2, "store_among_them": True}, Grant(100)),
    ],
)
def test_how_much_a_store_is_given(want: int | None, standing: dict[str, Any], given: Grant) -> None:
    base = Standing(5_000, 0, 0, 0, 0, 0, False)
    settings = LeaseSettings.model_construct(
        points_default=500, points_per_card=1_000, points_per_store=2_000, per_hour=3, stores_per_hour=2
    )
    assert granted(want, base._replace(**standing), settings, POINTS) == given


async def test_a_store_is_told_no_check_of_a_pin_that_was_guessed_at_too_often(
    world: LeaseWorld, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    async with world.database.transaction() as session:
        holder = (await held(session, world.purse)).holder
        await set_pin(session, holder, b"s" * 16, b"c" * 32, keys=world.keys, by="li", at_ms=NOW_MS)
    assert (await world.ask(shop, request="q1", CNY=100)).pin_check
    async with world.database.transaction() as session:
        pin = await session.get_one(Pin, holder)
        pin.wrong, pin.wrong_since_ms, pin.wrong_ms = 10, NOW_MS, NOW_MS
    locked = await world.ask(shop, request="q2", CNY=100)
    assert (bool(locked.pin_salt), locked.pin_check, locked.refused) == (True, "", "")
