from __future__ import annotations

import asyncio
import random

from central_server.db import Database
from central_server.jobs import LEASE_MS, Job, Jobs


class FakeClock:
    now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class Workshop:
    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.done: list[str] = []
        self.fails = False
        self.jobs = [Job("sweep", 60, self._work)]
        self.one = self.process(database, "one")
        self.other = self.process(database, "other")

    def process(self, database: Database, me: str) -> Jobs:
        return Jobs(database, self.jobs, clock=self.clock, chance=random.Random(1), me=me)

    async def _work(self, _database: Database, _now_ms: int) -> None:
        if self.fails:
            raise KeyError("broom")
        await asyncio.sleep(0.05)
        self.done.append("sweep")


async def test_a_job_is_done_when_it_is_due_and_not_before(database: Database) -> None:
    shop = Workshop(database)
    assert await shop.one.do_due() == ["sweep"]
    assert await shop.one.do_due() == []
    shop.clock.now_ms += 60_000
    assert await shop.one.do_due() == ["sweep"]


async def test_of_two_processes_one_does_it(database: Database) -> None:
    shop = Workshop(database)
    await asyncio.gather(shop.one.do_due(), shop.other.do_due())
    assert shop.done == ["sweep"]


async def test_a_job_that_fails_is_tried_again_when_it_is_due(database: Database) -> None:
    shop = Workshop(database)
    shop.fails = True
    assert await shop.one.do_due() == ["sweep"]
    shop.fails = False
    assert await shop.one.do_due() == []
    shop.clock.now_ms += 60_000
    await shop.one.do_due()
    assert shop.done == ["sweep"]


async def test_what_a_dead_process_left_is_taken_over_when_its_lease_ends(database: Database) -> None:
    shop = Workshop(database)
    await database.run(shop.one._make_rows)
    assert await shop.one._take(shop.jobs[0])
    assert await shop.other.do_due() == []
    shop.clock.now_ms += LEASE_MS
    assert await shop.other.do_due() == ["sweep"]


async def test_a_clock_that_was_years_ahead_does_not_stop_a_job(database: Database) -> None:
    shop = Workshop(database)
    shop.clock.now_ms += 10 * 365 * 86_400_000
    await shop.one.do_due()
    shop.clock.now_ms -= 10 * 365 * 86_400_000
    assert await shop.one.do_due() == ["sweep"]
