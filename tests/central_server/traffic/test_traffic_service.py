"""Counts as they arrive, on both databases: quarters add up, and holes are marked."""

from __future__ import annotations

import random
from typing import Any

from central_server.calendar import QUARTER_MS
from central_server.db import Database
from central_server.traffic import service
from sync.contract.events import DeviceState, Dropped, Passed

EVER = {"from_ms": 0, "until_ms": 2**60}


async def test_quarters_add_up_to_the_facts_however_they_are_cut(
    database: Database, now_ms: int, facts: Any
) -> None:
    chance = random.Random(3)
    all_ = [
        fact
        for n in range(200)
        for fact in facts(
            Passed(
                device=chance.choice(["door", "gate"]),
                line=chance.choice(["", "a"]),
                inward=n % 3,
                outward=n % 2,
            ),
            first=n + 1,
            at_ms=now_ms - n * 60_000,
        )
    ]
    chance.shuffle(all_)
    async with database.transaction() as session:
        rest = list(all_)
        while rest:
            size = chance.randrange(1, 60)
            await service.record(session, "s1", rest[:size], now_ms)
            rest = rest[size:]
    async with database.reading() as session:
        quarters = await service.quarters(session, stores=["s1", "s2"], **EVER)
        doors = await service.quarters(session, stores=["s1"], device="door", line="a", **EVER)
        assert await service.devices_of(session, stores=["s1", "s2"], **EVER) == {"s1": ["door", "gate"]}
    assert sum(quarter.inward for quarter in quarters) == sum(fact.event.inward for fact in all_)
    for quarter in quarters:
        expected = service.recount(all_, now_ms, quarter.quarter_ms, quarter.device)
        assert (quarter.inward, quarter.outward) == expected
    assert sum(q.inward for q in doors) == sum(
        f.event.inward for f in all_ if (f.event.device, f.event.line) == ("door", "a")
    )
    assert {quarter.quarter_ms % QUARTER_MS for quarter in quarters} == {0}


async def test_what_was_not_counted_is_marked(database: Database, now_ms: int, facts: Any) -> None:
    hour = 3_600_000
    async with database.transaction() as session:
        await service.dropped(session, "s1", facts(Dropped(numbers=500)), now_ms)
        for first, (state, at_ms) in enumerate(
            [
                ("down", now_ms - 5 * hour),
                ("blocked", now_ms - 4 * hour),  # still the same outage
                ("up", now_ms - 3 * hour),
                ("clear", now_ms - 2 * hour),  # nothing was open
                ("down", now_ms - hour),
            ]
        ):
            events = facts(DeviceState(device="door", state=state), first=first + 1, at_ms=at_ms)
            await service.device_states(session, "s1", events, now_ms)
    async with database.reading() as session:
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
        earlier = await service.blind_spots(
            session, stores=["s1"], now_ms=now_ms, from_ms=0, until_ms=now_ms - 2 * hour
        )
    assert sorted(blind.outages["s1", "door"]) == [
        (now_ms - 5 * hour, now_ms - 3 * hour),
        (now_ms - hour, now_ms),
    ]
    assert blind.losses == {"s1": [(now_ms, 500)]}
    assert earlier.outages == {("s1", "door"): [(now_ms - 5 * hour, now_ms - 3 * hour)]}
    assert earlier.losses == {}


async def test_a_door_that_goes_down_and_up_in_one_batch_was_down_in_between(
    database: Database, now_ms: int, facts: Any
) -> None:
    states = [DeviceState(device="door", state=state) for state in ("down", "up", "down", "up")]
    async with database.transaction() as session:
        await service.device_states(session, "s1", facts(*states), now_ms)
        blind = await service.blind_spots(session, stores=["s1"], now_ms=now_ms, **EVER)
    assert sorted(blind.outages["s1", "door"]) == [(now_ms, now_ms + 1000), (now_ms + 2000, now_ms + 3000)]
