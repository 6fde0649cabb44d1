from __future__ import annotations

import asyncio
import itertools
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from central_server.uplink.apply import ALONE_MAX
from central_server.uplink.models import Aside, KeptBatch, Mark
from sync.contract.events import Dropped, Heartbeat, Passed
from sync.contract.ids import Lane
from sync.contract.message import Ask, Here, Received, decode_batch, encode
from sync.contract.topics import down, here, up
from sync.link.base import Message
from tests.central_server.uplink.inbox_world import EPOCH, Effect, World, batch, passes

_stores = itertools.count(1)


def numbers(*numbers: int) -> list[tuple[int, int]]:
    return [(number, 1) for number in numbers]


async def aside(world: World) -> list[Aside]:
    async with world.database.reading() as session:
        return list((await session.execute(sa.select(Aside).order_by(Aside.number))).scalars())


async def test_a_batch_has_its_effect_and_is_receipted(world: World) -> None:
    await world.arrive(batch(1, passes(3)))
    assert await world.effects() == numbers(1, 2, 3)
    assert world.sent == [(down("shop"), Received(EPOCH, Lane.COUNT, 3))]


async def test_a_batch_that_comes_again_has_no_second_effect_and_the_same_receipt(world: World) -> None:
    for _ in range(3):
        await world.arrive(batch(1, passes(3)))
    assert await world.effects() == numbers(1, 2, 3)
    assert world.sent == [(down("shop"), Received(EPOCH, Lane.COUNT, 3))] * 3


async def test_a_batch_that_overlaps_gives_only_its_new_part(world: World) -> None:
    await world.arrive(batch(1, passes(3)))
    await world.arrive(batch(2, passes(4)))
    assert await world.effects() == numbers(1, 2, 3, 4, 5)


async def test_a_gap_changes_nothing_and_is_answered_with_the_mark(world: World) -> None:
    await world.arrive(batch(1, passes(2)))
    await world.arrive(batch(4, passes(2)))
    await world.arrive(batch(9, passes(1), lane=Lane.TILL))
    assert await world.effects() == numbers(1, 2)
    assert [received.mark for _, received in world.sent] == [2, 2, 0]


async def test_messages_that_wait_together_share_one_transaction_and_one_receipt_a_lane(world: World) -> None:
    messages = [
        batch(1, passes(2)),
        batch(3, passes(2)),
        batch(1, passes(1), store="mall"),
        batch(9, passes(1)),
    ]
    await world.arrive(*messages)
    assert await world.effects() == numbers(1, 2, 3, 4)
    assert await world.effects("mall") == numbers(1)
    assert world.sent == [
        (down("shop"), Received(EPOCH, Lane.COUNT, 4)),
        (down("mall"), Received(EPOCH, Lane.COUNT, 1)),
    ]
    assert world.calls == [("shop", 4), ("mall", 1)]


async def test_each_epoch_and_lane_has_its_own_numbers(world: World) -> None:
    await world.arrive(
        batch(1, passes(2)),
        batch(1, passes(1), lane=Lane.TILL),
        batch(1, passes(1), epoch="f" * 16),
    )
    assert sorted(await world.effects()) == numbers(1, 1, 1, 2)


async def test_dropped_events_take_their_numbers_with_them(world: World) -> None:
    await world.arrive(batch(1, [*passes(1), Dropped(numbers=10), *passes(1)]))
    await world.arrive(batch(13, passes(1)))
    assert sorted(await world.effects()) == [(1, 1), (2, 10), (12, 1), (13, 1)]


async def test_dropped_counts_only_what_had_not_arrived(world: World) -> None:
    await world.arrive(batch(1, passes(4)))
    await world.arrive(batch(2, [Dropped(numbers=6), *passes(1)]))
    assert sorted(await world.effects()) == [*numbers(1, 2, 3, 4), (5, 3), (8, 1)]


async def test_one_poison_event_goes_aside_and_the_999_others_arrive(world: World) -> None:
    world.poison = {500}
    await world.arrive(batch(1, passes(1000)))
    assert await world.effects() == numbers(*(n for n in range(1, 1001) if n != 500))
    assert world.sent[-1] == (down("shop"), Received(EPOCH, Lane.COUNT, 1000))
    (row,) = await aside(world)
    assert (row.number, row.type, row.why) == (500, "passed/1", "KeyError('poison 500')")
    assert b'"passed/1"' in row.envelope


async def test_what_a_handler_leaves_to_be_written_later_is_its_events_fault_too(world: World) -> None:
    async def forgets_to_flush(session: Any, store: str, facts: Any, _now_ms: int) -> None:
        for fact in facts:
            key = 1 if fact.id.number in (1, 2) else fact.key
            session.add(Effect(key=key, store=store, lane=1, number=fact.id.number, numbers=1, type="Passed"))

    world.handlers[Passed] = forgets_to_flush
    async with asyncio.timeout(10):
        await world.arrive(batch(1, passes(4)))
    assert sorted(number for number, _ in await world.effects()) == [1, 3, 4]
    assert world.sent[-1][1] == Received(EPOCH, Lane.COUNT, 4)


async def test_a_poison_event_does_not_hold_up_the_messages_around_it(world: World) -> None:
    world.poison = {4}
    await world.arrive(batch(1, passes(3)), batch(4, passes(3)), batch(1, passes(1), store="mall"))
    assert await world.effects() == numbers(1, 2, 3, 5, 6)
    assert await world.effects("mall") == numbers(1)


async def test_past_a_limit_poison_goes_aside_together(world: World) -> None:
    world.poison = set(range(1, 2001))
    await world.arrive(batch(1, passes(2000)))
    assert await world.effects() == []
    assert len(await aside(world)) == 2000
    assert len(world.calls) < 20 * ALONE_MAX


async def test_an_event_nobody_can_read_goes_aside(world: World) -> None:
    odd = b'[1,true,"0badcafe",1,{"type":"from.the.future/9","x":"\\u0000"}]'
    await world.arrive(batch(1, [*passes(1), odd, *passes(1)]))
    assert await world.effects() == numbers(1, 3)
    (row,) = await aside(world)
    assert (row.number, row.type, row.envelope) == (2, "", odd)
    assert world.sent[-1] == (down("shop"), Received(EPOCH, Lane.COUNT, 3))


async def test_an_event_without_a_handler_goes_aside(world: World) -> None:
    beat = Heartbeat(
        version="1",
        uptime_s=1,
        outbox_rows=0,
        oldest_s=0,
        disk_free_mib=1,
        clock_skew_ms=0,
        clock_sure=True,
        devices_up=0,
        devices_down=0,
    )
    await world.arrive(batch(1, [beat], lane=Lane.HEALTH))
    assert [row.type for row in await aside(world)] == ["heartbeat/1"]


class Serialization(Exception):
    sqlstate = "40001"


async def test_a_conflict_in_the_database_is_tried_again(world: World) -> None:
    world.errors = [OperationalError("…", None, Serialization()) for _ in range(2)]
    await world.arrive(batch(1, passes(3)))
    assert await world.effects() == numbers(1, 2, 3)
    assert await aside(world) == []


async def test_a_full_disk_puts_nothing_aside_and_receipts_nothing(world: World) -> None:
    full = OperationalError("…", None, Exception("database or disk is full"))
    world.errors = [full] * 1000
    waiting = asyncio.create_task(world.arrive(batch(1, passes(3))))
    async with asyncio.timeout(10):
        while len(world.errors) > 998:
            await asyncio.sleep(0.01)
    assert world.sent == []
    assert await aside(world) == []
    world.errors.clear()
    await asyncio.wait_for(waiting, 10)
    assert await world.effects() == numbers(1, 2, 3)


async def test_an_unknown_store_changes_nothing_and_hears_nothing(world: World) -> None:
    world.unknown = {"shop"}
    await world.arrive(batch(1, passes(3)))
    assert await world.effects() == []
    assert world.sent == []
    world.unknown.clear()
    world.clock.now_ms += 10_000
    await world.arrive(batch(1, passes(3)))
    assert await world.effects() == numbers(1, 2, 3)


async def test_a_store_is_noted_as_heard_but_not_with_every_message(world: World) -> None:
    for n in range(3):
        await world.arrive(batch(n + 1, passes(1)))
    assert world.noted == ["shop"]
    world.clock.now_ms += 10_000
    await world.arrive(batch(4, passes(1)))
    assert world.noted == ["shop", "shop"]


BOMB = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    "message",
    [
        Message("tb/1/shop/up/nowhere", batch(1, passes(1)).payload),
        Message("tb/1/shop/down", batch(1, passes(1)).payload),
        Message("something/else", b""),
        Message(up("shop", Lane.COUNT), b"no zlib"),
        Message(up("shop", Lane.COUNT), batch(1, passes(9)).payload[:-3]),
        Message(up("shop", Lane.COUNT), b"x" * 70_000),
        Message(up("shop", Lane.COUNT), BOMB),
        Message(up("shop", Lane.TILL), batch(1, passes(1)).payload),
        Message(up("shop", Lane.COUNT), zlib.compress(b"[" * 100_000)),
        Message(here("shop"), zlib.compress(b"{}")),
        batch(1, [Dropped(numbers=2**40)]),
    ],
)
async def test_a_bad_message_is_dropped(world: World, message: Message) -> None:
    await world.arrive(message)
    assert await world.effects() == []
    assert all(received == Received(EPOCH, Lane.COUNT, 0) for _, received in world.sent)
    await world.arrive(batch(1, passes(1)))
    assert await world.effects() == numbers(1)


async def test_a_store_that_says_it_is_there_is_passed_on(world: World) -> None:
    world.unknown = {"thief"}
    await world.arrive(*(Message(here(store), encode(Here(EPOCH))) for store in ("shop", "thief")))
    assert world.heard == [("shop", Here(EPOCH), True), ("thief", Here(EPOCH), False)]


async def test_messages_are_kept_as_they_came(world: World) -> None:
    first, second = batch(1, passes(3)), batch(2, passes(4))
    await world.arrive(first)
    await world.arrive(second)
    await world.arrive(second)
    async with world.database.reading() as session:
        kept = (await session.execute(sa.select(KeptBatch).order_by(KeptBatch.first))).scalars().all()
        mark = (await session.execute(sa.select(Mark))).scalar_one()
    assert [(row.first, row.last, row.payload) for row in kept] == [
        (1, 3, first.payload),
        (4, 5, second.payload),
    ]
    assert (mark.mark, decode_batch(kept[0].payload).events[0].event) == (5, Passed(device="door", inward=1))  # type: ignore[union-attr]


async def test_two_centres_that_hear_the_same_store_apply_it_once(world: World) -> None:
    other = World(world.database)
    other.sent = world.sent
    messages = [batch(n * 10 + 1, passes(10)) for n in range(20)]

    async def feed(centre: World) -> None:
        for message in messages:
            await centre.arrive(message)

    await asyncio.gather(feed(world), feed(other))
    assert sorted(await world.effects()) == numbers(*range(1, 201))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_however_batches_are_cut_repeated_and_shuffled_effects_happen_once_in_order(
    world: World, data: st.DataObject
) -> None:
    store = f"store-{next(_stores)}"
    total = data.draw(st.integers(1, 30))
    world.poison = data.draw(st.sets(st.integers(1, total), max_size=2))
    sent_cuts = st.tuples(st.integers(1, total), st.integers(1, 8))
    for group in data.draw(st.lists(st.lists(sent_cuts, min_size=1, max_size=4), max_size=12)):
        messages = [batch(at, passes(min(size, total - at + 1)), store=store) for at, size in group]
        await world.arrive(*messages)
    mark = world.sent[-1][1].mark if world.sent and world.sent[-1][0] == down(store) else 0  # type: ignore[union-attr]
    assert await world.effects(store) == numbers(*(n for n in range(1, mark + 1) if n not in world.poison))
    await world.arrive(batch(1, passes(total), store=store))
    assert await world.effects(store) == numbers(*(n for n in range(1, total + 1) if n not in world.poison))


async def test_what_a_known_store_asks_is_handed_on_at_once(world: World) -> None:
    world.unknown.add("thief")
    asks = [Ask("q", EPOCH, "a card"), Here(EPOCH)]
    await world.arrive(*(Message(here(store), encode(each)) for store in ("shop", "thief") for each in asks))
    assert world.said == [("shop", asks[0]), ("shop", asks[1])]
    assert [store for store, _, _ in world.heard] == ["shop", "thief"]
