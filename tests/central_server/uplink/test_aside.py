from __future__ import annotations

import pytest
import sqlalchemy as sa

from central_server.errors import Conflict, Invalid, NotFound
from central_server.staff.service import COMMAND
from central_server.uplink import apply, aside
from central_server.uplink.models import Aside, KeptBatch
from sync.contract.message import EVENT_MAX_BYTES
from tests.central_server.uplink.inbox_world import EPOCH, World, batch, passes

DAY_MS = 24 * 3_600_000


async def waiting(world: World) -> list[aside.SetAside]:
    async with world.database.reading() as session:
        return await aside.waiting(session)


async def replay(world: World, aside_id: int) -> bool:
    async with world.database.transaction() as session:
        return await aside.replay(session, world.handlers, aside_id, by=COMMAND, now_ms=world.clock.now_ms)


async def test_an_event_that_failed_is_replayed_once_with_its_own_key(world: World) -> None:
    world.poison = {2}
    await world.arrive(batch(1, passes(3)))
    (one,) = await waiting(world)
    assert (str(one.event), one.type) == ("shop/0123456789abcdef/count/2", "passed/1")
    world.poison.clear()
    assert await replay(world, one.id)
    assert await waiting(world) == []
    assert sorted(await world.effects()) == [(1, 1), (2, 1), (3, 1)]
    with pytest.raises(Conflict):
        await replay(world, one.id)
    assert len(await world.effects()) == 3


async def test_an_event_that_fails_again_stays_and_says_why(world: World) -> None:
    world.poison = {1}
    await world.arrive(batch(1, passes(1)))
    (one,) = await waiting(world)
    assert not await replay(world, one.id)
    (again,) = await waiting(world)
    assert (again.tries, again.why) == (1, "KeyError('poison 1')")
    assert await world.effects() == []


async def test_an_event_nobody_can_read_fails_again_until_it_can_be_read(world: World) -> None:
    await world.arrive(batch(1, [b'[1,true,"0badcafe",1,{"type":"from.the.future/9"}]']))
    (one,) = await waiting(world)
    assert not await replay(world, one.id)


async def test_an_event_too_long_to_be_kept_whole_fails_again_and_stops_no_other(world: World) -> None:
    long = b'[1,true,"0badcafe",1,{"type":"from.the.future/9","text":"%s"}]' % (b"x" * EVENT_MAX_BYTES)
    world.poison = {2}
    await world.arrive(batch(1, [long, *passes(1)]))
    assert len(await waiting(world)) == 2
    world.poison.clear()
    done = await aside.replay_all(world.database, world.handlers, by=COMMAND, now_ms=world.clock.now_ms)
    assert done == (1, 1)
    (left,) = await waiting(world)
    assert (left.event.number, left.tries) == (1, 1)


async def test_all_that_wait_are_replayed(world: World) -> None:
    world.poison = {1, 2, 3}
    await world.arrive(batch(1, passes(3)))
    world.poison = {2}
    done = await aside.replay_all(world.database, world.handlers, by=COMMAND, now_ms=world.clock.now_ms)
    assert done == (2, 1)
    assert [each.event.number for each in await waiting(world)] == [2]


async def test_an_event_is_discarded_with_a_reason_and_never_replayed(world: World) -> None:
    world.poison = {1}
    await world.arrive(batch(1, passes(1)))
    (one,) = await waiting(world)

    async def discard(reason: str) -> None:
        async with world.database.transaction() as session:
            await aside.discard(session, one.id, reason=reason, by=COMMAND, now_ms=world.clock.now_ms)

    with pytest.raises(Invalid):
        await discard(" ")
    await discard("a test receipt")
    assert await waiting(world) == []
    with pytest.raises(Conflict):
        await replay(world, one.id)
    with pytest.raises(NotFound):
        await replay(world, one.id + 1)


async def test_past_the_limit_of_a_store_bad_events_are_counted_and_those_of_others_still_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "ASIDE_MAX", 3)
    world.poison = {1, 2, 4, 5}
    await world.arrive(batch(1, passes(2)))
    await world.arrive(batch(3, passes(3)), batch(1, passes(2), store="mall"))
    assert [each.event.number for each in await waiting(world)] == [1, 2, 4, 1, 2]
    assert sorted(await world.effects()) == [(3, 1)]
    assert world.meters.get_sample_value("tillbeam_uplink_aside_total") == 5
    assert world.meters.get_sample_value("tillbeam_uplink_aside_not_kept_total") == 1
    async with world.database.reading() as session:
        assert await apply.marks_of(session, "shop", EPOCH) == {"count": 5}


async def test_old_batches_and_settled_events_are_pruned_and_waiting_ones_are_not(world: World) -> None:
    world.poison = {1, 2}
    await world.arrive(batch(1, passes(2)))
    first, _ = await waiting(world)
    world.poison.clear()
    await replay(world, first.id)
    later_ms = world.clock.now_ms + 100 * DAY_MS
    await aside.prune(world.database, later_ms, batches_days=101, aside_days=101)
    async with world.database.reading() as session:
        assert (await session.execute(sa.select(sa.func.count()).select_from(KeptBatch))).scalar_one() == 1
    await aside.prune(world.database, later_ms, batches_days=90, aside_days=90)
    async with world.database.reading() as session:
        assert (await session.execute(sa.select(sa.func.count()).select_from(KeptBatch))).scalar_one() == 0
        assert (await session.execute(sa.select(Aside.number))).scalars().all() == [2]
