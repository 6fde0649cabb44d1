"""What goes wrong in a world, by its seed: each trouble strikes, lasts a while, and passes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.corridor import truth
from tests.corridor.centre_box import CentreBox
from tests.corridor.customers import happens, people, sale
from tests.corridor.disks import copy_database, put_back
from tests.corridor.store_box import StoreBox
from tests.corridor.trace import Trace, TracedBroker

TROUBLE_EVERY_S = 35.0  # of each kind
TROUBLE_LASTS_S = 15.0  # on average; the next of the same kind comes after it
YEAR_MS = 365 * 86_400_000
TROUBLES = (
    "loss",
    "repeat",
    "cut",
    "slow",
    "reorder",
    "queue",
    "cut_off",
    "silence",
    "centre_cut_off",
    "broker_crash",
    "centre_crash",
    "edge_crash",
    "reboot",
    "disk_full",
    "edge_clock",
    "centre_clock",
    "busy",
    "unplugged",
)
RESTORED, PUT_BACK = "restored_centre", "put_back"  # one of them at most, in a third of the seeds


@dataclass(frozen=True)
class Plan:
    """What a seed means."""

    seed: int
    stores: int
    troubled_s: float
    troubles: frozenset[str]

    @classmethod
    def of(cls, seed: int) -> Plan:
        chance = random.Random(f"{seed} plan")
        troubles = {each for each in TROUBLES if chance.random() < 0.4}
        if seed % 3 == 0:
            troubles.add(RESTORED if seed % 2 else PUT_BACK)
        return cls(seed, chance.choice((1, 1, 1, 2, 3)), chance.choice((60.0, 120.0)), frozenset(troubles))


class Troubles:
    """Strikes stores, centre, broker and their lines until `until_s` on the loop's clock."""

    def __init__(
        self,
        chance: random.Random,
        broker: TracedBroker,
        centre: CentreBox,
        stores: list[StoreBox],
        trace: Trace,
        until_s: float,
    ) -> None:
        self._chance, self._broker, self._trace = chance, broker, trace
        self._centre, self._stores = centre, stores
        self._until_s = until_s
        self._loop = asyncio.get_running_loop()
        self.restored = False  # the centre was put back in time
        self.was_full = False  # a disk was
        self._centre_ahead_ms = 0

    async def run(self, kind: str) -> None:
        """One kind, again and again until it is time to heal. Raises AttributeError for one nobody knows."""
        strike: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
        while True:
            await self._wait(self._chance.expovariate(1 / TROUBLE_EVERY_S))
            if self._loop.time() >= self._until_s:
                return
            self._trace.note(f"{self._loop.time():.3f}", kind)
            await strike()

    async def _wait(self, seconds: float) -> None:
        """Sleeps, but not into the healing."""
        await asyncio.sleep(max(0.0, min(seconds, self._until_s + 1 - self._loop.time())))

    async def _for_a_while(self, mean_s: float = TROUBLE_LASTS_S) -> None:
        await self._wait(self._chance.expovariate(1 / mean_s))

    async def _faulty(self, name: str, value: object) -> None:
        usual = getattr(self._broker.faults, name)
        setattr(self._broker.faults, name, value)
        await self._for_a_while()
        setattr(self._broker.faults, name, usual)

    async def _loss(self) -> None:
        await self._faulty("lose", self._chance.choice((0.02, 0.3)))

    async def _repeat(self) -> None:
        await self._faulty("repeat", self._chance.choice((0.1, 0.6)))

    async def _cut(self) -> None:
        await self._faulty("cut", 0.05)

    async def _slow(self) -> None:
        await self._faulty("delay_s", self._chance.choice(((0.2, 2.0), (0.01, 15.0))))

    async def _reorder(self) -> None:
        await self._faulty("reorder", True)

    async def _queue(self) -> None:
        await self._faulty("queue_max", self._chance.choice((1, 5)))

    async def _partitioned(self, login: str, silent: bool) -> None:
        self._broker.partition(login, silent=silent)
        await self._for_a_while()
        self._broker.heal(login)

    async def _cut_off(self) -> None:
        await self._partitioned(self._some_store().name, False)

    async def _silence(self) -> None:
        await self._partitioned(self._some_store().name, True)

    async def _centre_cut_off(self) -> None:
        await self._partitioned("centre", self._chance.random() < 0.5)

    async def _broker_crash(self) -> None:
        self._broker.crash()
        await self._for_a_while(10)
        self._broker.restart()

    async def _centre_crash(self) -> None:
        if self._centre.centre is None:
            return
        await self._centre.crash()
        await self._for_a_while(10)
        await self._centre.start()

    async def _edge_crash(self) -> None:
        store = self._some_store()
        if await self._crash_at_work(store):
            await self._for_a_while(5)
            await store.start()

    async def _reboot(self) -> None:
        store = self._some_store()
        if await self._crash_at_work(store):
            store.reboot()
            await self._for_a_while()
            await store.start()

    async def _crash_at_work(self, store: StoreBox) -> bool:
        """The box goes while somebody is paying; False if it was off."""
        if store.edge is None:
            return False
        paying = asyncio.ensure_future(store.record(happens(store)))
        await asyncio.sleep(self._chance.uniform(0, 0.06))
        await store.crash()
        await paying
        return True

    async def _disk_full(self) -> None:
        """No room, and half of the time no line either: nothing can be let go, and counts are thinned.

        Then sales take the last of it, and are refused. The line comes back before there is room again.
        """
        store = self._some_store()
        store.disk.full = self.was_full = True
        alone = self._chance.random() < 0.5
        if alone:
            self._broker.partition(store.name)
        for _ in range(12):
            await self._wait(2)
            await store.record(people(store, 80))
            if alone:
                await store.record([sale(store) for _ in range(20)])
        await self._for_a_while()
        if alone:
            self._broker.heal(store.name)
            await self._wait(15)
        store.disk.full = False

    async def _edge_clock(self) -> None:
        self._some_store().clock.jump(self._some_years())

    async def _centre_clock(self) -> None:
        # Within the ten years for which the centre keeps batches at most: they are what we check it by.
        jump_ms = self._some_years() // 5
        self._centre.clock.jump(jump_ms - self._centre_ahead_ms)
        self._centre_ahead_ms = jump_ms

    async def _busy(self) -> None:
        self._centre.trouble.busy = 0.2
        await self._for_a_while()
        self._centre.trouble.busy = 0.0

    async def _unplugged(self) -> None:
        store = self._some_store()
        store.port_broken.set()
        await self._for_a_while()
        store.port_broken.clear()

    async def _restored_centre(self) -> None:
        """The centre's disk is gone, and yesterday's copy takes its place.

        Expected: stores send again what it lost, so nothing is missing in the end, but what a full disk has
        taken meanwhile. What head office itself changed since the copy is lost; members it enrolled in that
        time stay known to stores that were told. It changes nothing more until the end of the run: numbers
        that a feed gives anew before a store has spoken cannot be told from those it gave before.
        """
        if self.restored or self._centre.centre is None:
            return
        copy = self._centre.path.with_suffix(".copy")
        copy_database(self._centre.path, copy)
        await self._for_a_while(30)
        if self._centre.centre is None:
            return
        self.restored = True
        await self._centre.crash()
        self._centre.told_after_copy |= truth.members_told(self._centre.path)
        lost = truth.numbers_given(self._centre.path)
        put_back(copy, self._centre.path)
        kept = truth.numbers_given(self._centre.path)
        self._centre.given_twice = {
            feed: range(kept.get(feed, 0) + 1, last + 1) for feed, last in lost.items()
        }
        await self._for_a_while(10)
        await self._centre.start()

    async def _put_back(self) -> None:
        """A box's disk is gone, and a copy of it takes its place: a new epoch, if the centre had more.

        Expected: what was said between copy and loss is at the centre if it had come there, once, and is lost
        otherwise; all that was said before and after is there once. Setting up a disk takes longer than
        any message of its former life stays on its way.
        """
        store = self._some_store()
        if not store.copy():
            return
        await self._for_a_while(30)
        if store.edge is None:
            return
        await store.crash()
        store.put_back()
        store.reboot()
        await asyncio.sleep(60)
        await store.start()

    def _some_store(self) -> StoreBox:
        return self._chance.choice(self._stores)

    def _some_years(self) -> int:
        return int(self._chance.uniform(-20, 20) * YEAR_MS)
