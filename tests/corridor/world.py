"""A whole chain in one process: real programs, a broker in memory, simulated time, and trouble from one seed.

    found = WorldRun(7, folder).run()        found.violations is empty, or there is a bug
    ./run bench world --seed 7               the same run, told in words

For some minutes of simulated time stores sell and head office works while lines, broker, boxes, disks and
clocks do what the seed says. Then all is healed, and what everybody waits for must come: every event that a
box accepted has had its effect at the centre once, in its lane's order; every store knows what it was told.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from central_server.modules import load_models
from sync.contract.events import CardPresented, Dropped, Event, Passed, SaleCompleted, SaleLine, Tender
from sync.contract.ids import Lane
from sync.contract.message import Received
from sync.link.memory import Faults
from tests.corridor import truth
from tests.corridor.boxes import (
    CARDS,
    CENTRE_FILE,
    CentreBox,
    StoreBox,
    Trace,
    TracedBroker,
    card_of,
    empty_centre,
)
from tests.corridor.disks import copy_database, put_back
from tests.corridor.simloop import run_simulated

HEAL_LIMIT_S = 3 * 3600.0  # after healing, everything must have arrived by then
LOOK_S = 2.0
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
        self._restored = False
        self._was_full = False
        self._centre_ahead_ms = 0

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
        self._chance = random.Random(f"{seed} trouble")
        self._broker = TracedBroker(random.Random(f"{seed} broker"), self.trace, self._look_at_receipt)
        self._centre = CentreBox(self.folder, seed, self._broker, self.trace)
        self._stores = [StoreBox(name, self.folder, seed, self._broker, self.trace) for name in names]
        await self._centre.start()
        for store in self._stores:
            await store.start()
        tasks = [asyncio.ensure_future(self._trade(store)) for store in self._stores]
        tasks.append(asyncio.ensure_future(self._manage()))
        tasks += [asyncio.ensure_future(self._trouble(each)) for each in sorted(self.plan.troubles)]
        await asyncio.sleep(self.plan.troubled_s)
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
            task = asyncio.ensure_future(store.record(_happens(store)))
            saying.add(task)  # devices do not wait for each other
            task.add_done_callback(saying.discard)
        while saying:
            await asyncio.sleep(1)
            if store.edge is None:  # who still waits for a box that is off, waits no more
                break

    async def _manage(self) -> None:
        """Head office changes members. Not after a restore: see `_restore_centre`."""
        while not self._healing:
            await asyncio.sleep(self._chance.expovariate(1 / 12))
            if not self._restored:
                await self._centre.change_something()
                await self._centre.tell_store(self._chance.choice(self._stores).name)

    async def _trouble(self, kind: str) -> None:
        strike: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
        while not self._healing:
            await self._wait(self._chance.expovariate(1 / TROUBLE_EVERY_S))
            if not self._healing:
                self.trace.note(f"{self._loop.time():.3f}", kind)
                await strike()

    async def _wait(self, seconds: float) -> None:
        """Sleeps, but not into the healing."""
        until = self._loop.time() + seconds
        await asyncio.sleep(max(0.0, min(until, self.plan.troubled_s + 5) - self._loop.time()))

    async def _for_a_while(self, mean_s: float = TROUBLE_LASTS_S) -> None:
        await self._wait(self._chance.expovariate(1 / mean_s))

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
            if all(store.wants_nothing for store in self._stores) and self._everything_told():
                return True
        for store in self._stores:
            if not store.wants_nothing:
                unsent = store.edge.outbox.unsent() if store.edge else "off"
                self._violation(f"{store.name} does not drain: {unsent}")
        if not self._everything_told():
            self._violation("not every store was told everything")
        return False

    # ── what is checked ─────────────────────────────────────────────────────────────────────────────────

    def _look_at_receipt(self, store: str, receipt: Received) -> None:
        """Promise 4: a receipt says what is committed, whenever it is sent."""
        mark = truth.committed_mark(self._centre.path, store, receipt.epoch, receipt.lane)
        if receipt.mark > mark:
            self._violation(
                f"{store} {receipt.lane.label}: a receipt for {receipt.mark}, committed is {mark}"
            )

    def _everything_told(self) -> bool:
        lasts = truth.feeds(self._centre.path)
        return all(
            (store.edge.replica.everyone, store.edge.replica.own)
            == (lasts.get("*", 0), lasts.get(store.name, 0))
            for store in self._stores
            if store.edge and store.edge.replica
        )

    def _check(self) -> None:
        centre = self._centre.path
        for store in self._stores:
            edge = store.edge
            assert edge is not None
            seen: dict[Lane, list[truth.Seen]] = {lane: [] for lane in Lane}
            try:
                for epoch, lane, mark, events in truth.lanes_of(centre, store.name):
                    seen[lane] += events
                    self.found.dropped += sum(
                        each.event.numbers for each in events if isinstance(each.event, Dropped)
                    )
                    if epoch == edge.outbox.epoch and mark != edge.outbox.last(lane):
                        self._violation(
                            f"{store.name} {lane.label}: mark {mark}, last {edge.outbox.last(lane)}"
                        )
            except AssertionError as error:
                self._violation(str(error))
                continue
            # A full disk may take rows that were confirmed; a centre that is restored after that asks for
            # them in vain, and is told honestly that they are gone. Nothing else may ever be missing.
            leave = truth.Leave(store.forgotten, pruned=self._was_full and self._restored)
            for lane in Lane:
                for each in truth.differences(lane, store.said, seen[lane], leave):
                    self._violation(f"{store.name} {each}")
            for each in truth.effects(centre, store.name, [one for lane in Lane for one in seen[lane]]):
                self._violation(f"{store.name} {each}")
            for each in truth.replica_differences(
                centre, store.path, store.name, self._centre.told_after_copy
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

    # ── troubles: each strikes, lasts a while, and passes ───────────────────────────────────────────────

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
        paying = asyncio.ensure_future(store.record(_happens(store)))
        await asyncio.sleep(self._chance.uniform(0, 0.06))
        await store.crash()
        await paying
        return True

    async def _disk_full(self) -> None:
        """No room, and half of the time no line either: nothing can be let go, and counts are thinned."""
        store = self._some_store()
        store.disk.full = self._was_full = True
        alone = self._chance.random() < 0.5
        if alone:
            self._broker.partition(store.name)
        for _ in range(12):
            await self._wait(2)
            await store.record(_people(store, 80))
        await self._for_a_while()
        if alone:
            self._broker.heal(store.name)
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
        if self._restored or self._centre.centre is None:
            return
        copy = self._centre.path.with_suffix(".copy")
        copy_database(self._centre.path, copy)
        await self._for_a_while(30)
        if self._centre.centre is None:
            return
        self._restored = True
        await self._centre.crash()
        self._centre.told_after_copy |= truth.members_told(self._centre.path)
        put_back(copy, self._centre.path)
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


def _happens(store: StoreBox) -> list[Event]:
    """What somebody in the shop does: no two events have the same content."""
    chance, what = store.chance, store.chance.random()
    events: list[Event] = []
    if what < 0.55:
        total = chance.randrange(-2_000, 90_000)
        lines = tuple(SaleLine(f"thing {n}", total // 3 + n) for n in range(chance.randrange(4)))
        card = card_of(chance.randrange(1, CARDS)) if chance.random() < 0.4 else ""
        events.append(
            SaleCompleted(
                device="receipts",
                till="1",
                receipt=f"{store.name}-{store.next_number()}",
                currency="CNY",
                total_minor=total,
                lines=lines,
                tenders=(Tender("cash", total),),
                card=card,
            )
        )
    elif what < 0.65:
        number = f"{chance.randrange(1, CARDS)}"
        events.append(
            CardPresented(
                device="pad", till=f"{store.next_number()}", card=card_of(int(number)), technology="rfid125"
            )
        )
    if what > 0.5:
        events += _people(store, chance.choice((1, 1, 1, 2, 10, 40)))
    return events


def _people(store: StoreBox, many: int) -> list[Event]:
    """So many go through the door, each counted."""
    return [
        Passed(device="door", inward=store.chance.randrange(4), outward=1, line=f"{store.next_number()}")
        for _ in range(many)
    ]


def memory_disk() -> str | None:
    """Where files cost nothing, if this machine has that; else None, its usual folder for what passes."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
