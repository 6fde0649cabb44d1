"""The whole agent under simulated time: hours of a bad line in a second, one seed for one history."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.edge import EdgeSettings
from edge_agent.app import Edge, World
from edge_agent.identity import Identity
from edge_agent.store.lines import connect_inline
from edge_agent.store.room import Disk
from sync.contract.events import Passed, SaleCompleted, numbers_of
from sync.contract.ids import Lane
from sync.contract.message import Envelope, Hello, Received, decode_batch, decode_here, encode
from sync.contract.topics import CENTRE_LOGIN, CENTRE_READS, down, read_up
from sync.link.base import LinkDown
from sync.link.memory import Faults, MemoryBroker

_SIMLOOP = Path(__file__).parents[1] / "corridor" / "simloop.py"
_spec = importlib.util.spec_from_file_location("simloop", _SIMLOOP)
assert _spec is not None
assert _spec.loader is not None
simloop = sys.modules.setdefault("simloop", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(simloop)

STORE = "hz-004"
IDENTITY = Identity(
    store=STORE,
    mqtt_url="mqtt://localhost",
    login=STORE,
    password="p",
    token_key=bytes(32),
    store_key=bytes(32),
    centre_public_key=bytes(range(32)),
)


class SmallCentre:
    """Keeps the contract: marks per epoch and lane, a receipt for every batch."""

    def __init__(self, broker: MemoryBroker, clock: Any) -> None:
        self._dialler, self._clock = broker.dialler(CENTRE_LOGIN), clock
        self.marks: dict[tuple[str, str], int] = {}
        self.events: dict[Lane, list[Any]] = {lane: [] for lane in Lane}

    async def run(self) -> None:
        while True:
            with contextlib.suppress(LinkDown):
                connection = await self._dialler.dial([CENTRE_READS])
                while True:
                    message = await connection.receive()
                    store, lane = read_up(message.topic)
                    for answer in self._answers(lane, message.payload):
                        await connection.publish(down(store), encode(answer))
            await asyncio.sleep(1)

    def _answers(self, lane: Lane | None, payload: bytes) -> list[Any]:
        if lane is None:
            here = decode_here(payload)
            marks = {each.label: self.marks.get((here.epoch, each.label), 0) for each in Lane}
            return [Hello(here.epoch, self._clock.wall_ms(), marks)] if here.greet else []
        batch = decode_batch(payload)
        key = (batch.epoch, lane.label)
        mark = self.marks.get(key, 0)
        if batch.first <= mark + 1:
            number = batch.first - 1
            for each in batch.events:
                assert isinstance(each, Envelope)
                number += numbers_of(each.event)
                if number > mark:
                    self.events[lane].append(each.event)
            self.marks[key] = mark = max(mark, batch.last)
        return [Received(batch.epoch, lane, mark)]


def sale(number: int) -> SaleCompleted:
    return SaleCompleted(till="1", receipt=str(number), currency="CNY", total_minor=number)


async def a_bad_day(folder: Path, seed: int) -> tuple[list[Any], list[Any], int]:
    """Six hours of loss, repetition, partitions, restarts; an hour of peace. Gives (sold, arrived, marks)."""
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    clock = simloop.SimClock(loop)
    faults = Faults(lose=0.1, repeat=0.1, cut=0.02, reorder=chance.random() < 0.5)
    broker = MemoryBroker(random.Random(seed + 1), faults)
    centre = SmallCentre(broker, clock)
    serving = asyncio.ensure_future(centre.run())
    settings = EdgeSettings.model_validate({"state_dir": folder})
    boots = iter(range(1, 1000))

    def world() -> World:
        boot = f"{next(boots):08x}"
        return World(
            clock=clock,
            chance=random.Random(seed + 2),
            random_bytes=chance.randbytes,
            connect=connect_inline,
            boot=lambda: boot,
            synced=lambda: False,
            disk=lambda settings: Disk(),
            dialler=lambda settings, identity: broker.dialler(STORE),
            identity=IDENTITY,
            tend_s=20,
            look_s=60,
        )

    sold: list[int] = []
    counted = 0
    edge = Edge(settings, world())
    await edge.start()
    until_s = loop.time() + 6 * 3600
    while loop.time() < until_s:
        await asyncio.sleep(chance.expovariate(1 / 30))
        await edge.outbox.accept(
            [sale(len(sold) + 1), *([Passed(device="door", inward=1)] * chance.randrange(9))]
        )
        sold.append(len(sold) + 1)
        if chance.random() < 0.02:
            broker.partition(STORE, silent=chance.random() < 0.5)
            loop.call_later(chance.uniform(10, 2400), broker.heal, STORE)
        if chance.random() < 0.01:
            clock.jump(chance.randrange(-(10**11), 10**11))
        if chance.random() < 0.02:
            counted = edge.outbox.last(Lane.COUNT)
            await edge.stop()
            edge = Edge(settings, world())
            await edge.start()
            assert edge.outbox.last(Lane.COUNT) == counted
    faults.lose = faults.repeat = faults.cut = 0
    broker.heal(STORE)
    await asyncio.sleep(3600)
    assert not edge.outbox.unsent()[Lane.TILL]
    assert not edge.outbox.unsent()[Lane.COUNT]
    assert len(centre.events[Lane.COUNT]) == edge.outbox.last(Lane.COUNT)
    await edge.stop()
    serving.cancel()
    return sold, [event.total_minor for event in centre.events[Lane.TILL]], len(centre.marks)


@pytest.mark.parametrize("seed", range(4))
def test_after_a_bad_day_everything_has_arrived_once_and_in_order(
    tmp_path: Path, seed: int, run: Callable[..., Any]
) -> None:
    sold, arrived, epochs = run(lambda: a_bad_day(tmp_path / "state", seed))
    assert arrived == sold
    assert epochs == len(Lane)  # nothing was taken for a disk put back in time


@pytest.fixture
def run() -> Callable[..., Any]:
    return simloop.run_simulated  # type: ignore[no-any-return]
