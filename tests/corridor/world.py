"""A whole chain in one process: real programs, a broker in memory, simulated time, and trouble from one seed.

    found = WorldRun(7, folder).run()        found.violations is empty, or there is a bug
    ./run bench world --seed 7               the same run, told in words

For some minutes of simulated time stores sell and head office works while lines, broker, boxes, disks and
clocks do what the seed says. Then all is healed, and what everybody waits for must come: every event that a
box accepted has had its effect at the centre once, in its lane's order; every store knows what it was told.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

from central_server.modules import load_models
from sync.contract.events import Dropped
from sync.contract.ids import Lane
from sync.contract.message import Received
from sync.contract.told import EVERYONE
from sync.link.memory import Faults
from tests.corridor import truth
from tests.corridor.centre_box import CENTRE_FILE, CentreBox, empty_centre
from tests.corridor.customers import happens
from tests.corridor.simloop import run_simulated
from tests.corridor.store_box import StoreBox
from tests.corridor.trace import Trace, TracedBroker
from tests.corridor.troubles import Plan, Troubles

HEAL_LIMIT_S = 3 * 3600.0  # after healing, everything must have arrived by then
LOOK_S = 2.0


@dataclass
class Found:
    """What a run came to."""

    seed: int
    violations: list[str] = field(default_factory=list)
    events: int = 0
    dropped: int = 0  # of them, by a full disk
    messages: int = 0
    crashes: int = 0
    simulated_s: float = 0.0
    trace: str = ""
    lines: list[str] = field(default_factory=list)


class WorldRun:
    """One seed. `folder` is empty and its own; on a memory disk it is much quicker."""

    def __init__(self, seed: int, folder: Path, *, keep_lines: bool = False) -> None:
        self.plan = Plan.of(seed)
        self.folder = folder
        self.trace = Trace()
        self.trace.lines = [] if keep_lines else None
        self.found = Found(seed)
        self._healing = False

    def run(self) -> Found:
        load_models()
        names = [f"shop-{n + 1}" for n in range(self.plan.stores)]
        (self.folder / CENTRE_FILE).write_bytes(empty_centre(names))
        run_simulated(lambda: self._main(names))
        self.found.messages, self.found.trace = self.trace.messages, self.trace.digest
        self.found.lines = self.trace.lines or []
        return self.found

    # ── the story ───────────────────────────────────────────────────────────────────────────────────────

    async def _main(self, names: list[str]) -> None:
        seed = str(self.plan.seed)
        self._loop = asyncio.get_running_loop()
        self._chance = random.Random(f"{seed} head office")
        self._broker = TracedBroker(random.Random(f"{seed} broker"), self.trace, self._look_at_receipt)
        self._centre = CentreBox(self.folder, seed, self._broker, self.trace)
        self._stores = [StoreBox(name, self.folder, seed, self._broker, self.trace) for name in names]
        await self._centre.start()
        for store in self._stores:
            await store.start()
        until_s = self._loop.time() + self.plan.troubled_s
        chance = random.Random(f"{seed} trouble")
        self._troubles = Troubles(chance, self._broker, self._centre, self._stores, self.trace, until_s)
        tasks = [asyncio.ensure_future(self._trade(store)) for store in self._stores]
        tasks.append(asyncio.ensure_future(self._manage()))
        tasks += [asyncio.ensure_future(self._troubles.run(each)) for each in sorted(self.plan.troubles)]
        await asyncio.sleep(until_s - self._loop.time())
        self._healing = True
        self.trace.note("healing", self._loop.time())
        await asyncio.gather(*tasks)
        await self._heal()
        if await self._drained():
            self._check()
        self._sum_up()
        for store in self._stores:
            await store.crash()
        await self._centre.crash()

    async def _trade(self, store: StoreBox) -> None:
        """People buy, show cards, and walk through the door."""
        chance, saying = store.chance, set()
        pace_s = chance.choice((1.0, 3.0, 8.0))
        while not self._healing:
            await asyncio.sleep(chance.expovariate(1 / pace_s))
            task = asyncio.ensure_future(store.record(happens(store)))
            saying.add(task)  # devices do not wait for each other
            task.add_done_callback(saying.discard)
        while saying:
            await asyncio.sleep(1)
            if store.edge is None:  # who still waits for a box that is off, waits no more
                break

    async def _manage(self) -> None:
        """Head office changes members. Not after a restore: see `Troubles._restored_centre`."""
        while not self._healing:
            await asyncio.sleep(self._chance.expovariate(1 / 12))
            if not self._troubles.restored:
                await self._centre.change_something()
                await self._centre.tell_store(self._chance.choice(self._stores).name)

    async def _heal(self) -> None:
        self._broker.faults = Faults()
        self._broker.restart()
        for login in ("centre", *(store.name for store in self._stores)):
            self._broker.heal(login)
        self._centre.trouble.busy = 0.0
        if self._centre.centre is None:
            await self._centre.start()
        for store in self._stores:
            store.disk.full = False
            store.port_broken.clear()
            if store.edge is None:
                await store.crash()
                await store.start()

    async def _drained(self) -> bool:
        until = self._loop.time() + HEAL_LIMIT_S
        while self._loop.time() < until:
            await asyncio.sleep(LOOK_S)
            if self._deaths():
                break
            if all(map(self._has_all_of, self._stores)) and self._everything_told():
                return True
        for store in self._stores:
            if not self._has_all_of(store):
                unsent = store.edge.outbox.unsent() if store.edge else "off"
                self._violation(f"{store.name} does not drain: {unsent}")
        if not self._everything_told():
            self._violation("not every store was told everything")
        return False

    def _has_all_of(self, store: StoreBox) -> bool:
        """Both say so: a store does not know at once that the centre was put back in time."""
        if store.edge is None or not store.wants_nothing:
            return False
        epoch, lasts = store.edge.outbox.epoch, {lane: store.edge.outbox.last(lane) for lane in Lane}
        marks = (truth.committed_mark(self._centre.path, store.name, epoch, lane) for lane in Lane)
        return tuple(marks) == tuple(lasts.values())

    # ── what is checked ─────────────────────────────────────────────────────────────────────────────────

    def _look_at_receipt(self, store: str, receipt: Received) -> None:
        """Promise 4: a receipt says what is committed, whenever it is sent."""
        mark = truth.committed_mark(self._centre.path, store, receipt.epoch, receipt.lane)
        if receipt.mark > mark:
            self._violation(
                f"{store} {receipt.lane.label}: a receipt for {receipt.mark}, committed is {mark}"
            )

    def _everything_told(self) -> bool:
        """No feed has a word beyond what the store has, and none has less than the store says."""
        feeds = truth.feeds(self._centre.path)
        for store in self._stores:
            if store.edge is None or store.edge.replica is None:
                return False
            for feed, has in ((EVERYONE, store.edge.replica.everyone), (store.name, store.edge.replica.own)):
                newest, last = feeds.get(feed, (0, 0))
                if not newest <= has <= last:
                    return False
        return True

    def _check(self) -> None:
        centre = self._centre.path
        for store in self._stores:
            edge = store.edge
            assert edge is not None
            seen: dict[Lane, list[truth.Seen]] = {lane: [] for lane in Lane}
            try:
                for lane, events in truth.lanes_of(centre, store.name):
                    seen[lane] += events
                    self.found.dropped += sum(
                        each.event.numbers for each in events if isinstance(each.event, Dropped)
                    )
            except AssertionError as error:
                self._violation(str(error))
                continue
            # A full disk may take rows that were confirmed; a centre that is restored after that asks for
            # them in vain, and is told honestly that they are gone. Nothing else may ever be missing.
            leave = truth.Leave(store.forgotten, pruned=self._troubles.was_full and self._troubles.restored)
            for lane in Lane:
                for each in truth.differences(lane, store.said, seen[lane], leave):
                    self._violation(f"{store.name} {each}")
            for each in truth.effects(centre, store.name, [one for lane in Lane for one in seen[lane]]):
                self._violation(f"{store.name} {each}")
            for each in truth.replica_differences(
                centre, store.path, store.name, self._centre.told_after_copy, self._centre.given_twice
            ):
                self._violation(f"{store.name} {each}")
        for each in truth.set_aside(centre):
            self._violation(each)

    def _deaths(self) -> list[str]:
        if self._centre.centre is not None:
            self._centre.look_for_death(self._centre.centre)
        return [*self._centre.deaths, *(each for store in self._stores for each in store.deaths)]

    def _sum_up(self) -> None:
        for each in self._deaths():
            self._violation(each)
        self.found.events = sum(len(store.said) for store in self._stores)
        self.found.crashes = self._centre.crashes + sum(store.crashes for store in self._stores)
        self.found.simulated_s = self._loop.time()

    def _violation(self, what: str) -> None:
        if what not in self.found.violations:
            self.found.violations.append(what)
            self.trace.note(f"{self._loop.time():.3f}", "VIOLATION", what)
