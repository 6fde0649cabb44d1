"""Edge, broker and centre killed at random, again and again, while a shop sells: nothing lost or doubled.

`TILLBEAM_STORM_SEED=n` plays another storm. The operating system schedules the processes, so a seed gives
the same dice, not the same run; the timeline says what happened when.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from central_server.broker.launch import start_broker
from central_server.broker.settings import BrokerSettings
from tests.processes.house import STORE, Ended, House, Running, broker_of, gone, listens, until
from tests.processes.reckoning import reckon
from tests.processes.shopfloor import Shopfloor

SEED = int(os.environ.get("TILLBEAM_STORM_SEED", "20261122"))
KILLS_LEAST = 60
KILLS = {"edge": 20, "broker": 12, "centre": 10}  # at least, of these
STORM_MAX_S = 200.0  # a busy machine; an idle one takes 60
DRAIN_MAX_S = 45.0
CALM_SHARE = 0.15  # of the lives are long enough for something to get through whatever else happens
CALM_S = 4.0


class Storm:
    """What is killed, and when it was."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house, self.chance = house, chance
        self.kills: Counter[str] = Counter()
        self.timeline: list[str] = []
        self.edge: Running | None = None
        self.centre: Running | None = None
        self.lasts: Counter[str] = Counter()  # the greatest number of each lane that the agent has shown
        self._began_s = time.monotonic()

    @property
    def over(self) -> bool:
        enough = self.kills.total() >= KILLS_LEAST
        return enough and all(self.kills[who] >= least for who, least in KILLS.items())

    def note(self, what: str) -> None:
        self.timeline.append(f"{time.monotonic() - self._began_s:8.2f} s  {what}")

    def life_s(self, most_s: float) -> float:
        return CALM_S if self.chance.random() < CALM_SHARE else self.chance.uniform(0, most_s)

    async def look(self) -> None:
        """What the agent has numbered must be there for ever."""
        if status := await self.house.status():
            for lane in status["lanes"]:
                assert lane["last"] >= self.lasts[lane["name"]], f"numbers went back: {lane}, {self.lasts}"
                self.lasts[lane["name"]] = lane["last"]

    async def kill_edge(self) -> None:
        assert self.edge is not None
        await self.look()
        assert self.edge.status is None, f"the edge ended by itself:\n{self.edge.said()[-2000:]}"
        await self.edge.kill()
        self.kills["edge"] += 1
        self.note("edge killed")

    async def kill_centre(self) -> None:
        assert self.centre is not None
        broker = broker_of(self.centre)
        if self.centre.status is not None:
            raise Ended(self.centre.said()[-500:])
        await self.centre.kill()
        self.kills["centre"] += 1
        self.note(f"centre killed; its broker was {broker}")
        if broker is not None:
            await until(lambda: gone(broker), 10)

    async def haunt_edge(self) -> None:
        while True:
            self.edge = self.house.edge()
            if self.chance.random() < 0.8:  # the others are killed while they start
                await self.house.edge_ready(self.edge)
                self.note("edge ready")
            await asyncio.sleep(self.life_s(1.5))
            await self.kill_edge()

    async def haunt_centre(self) -> None:
        while True:
            self.centre = self.house.central()
            try:
                if self.chance.random() < 0.85:
                    await self.house.central_alive(self.centre)
                    self.note("centre answers")
                await asyncio.sleep(self.life_s(4.0))
                await self.kill_centre()
            except Ended as ended:
                # Its broker was killed before it was up; systemd would start the centre again, and so do we.
                if "the broker does not start" not in str(ended):
                    raise
                self.note("the centre ended, for its broker did not start")

    async def haunt_broker(self) -> None:
        last = None
        while True:
            if self.chance.random() < 0.85:
                while not await listens(self.house.broker_port):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(self.life_s(2.0))
            broker = broker_of(self.centre) if self.centre else None
            if broker is None or broker == last:
                continue
            last = broker
            try:
                os.kill(broker, 9)
            except ProcessLookupError:
                continue
            self.kills["broker"] += 1
            self.note(f"broker {broker} killed")

    async def rage(self) -> None:
        """Until there were enough kills of each."""
        haunting = [
            asyncio.create_task(haunt()) for haunt in (self.haunt_edge, self.haunt_centre, self.haunt_broker)
        ]
        ending = asyncio.create_task(until(lambda: self.over, STORM_MAX_S))
        try:
            done, _ = await asyncio.wait([ending, *haunting], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (ending, *haunting):
                task.cancel()
            await asyncio.gather(ending, *haunting, return_exceptions=True)


@asynccontextmanager
async def silence_at(port: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """A port that takes connections and never says a word; who has come."""
    came: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        while await reader.read(4096):
            pass

    server = await asyncio.start_server(take, "127.0.0.1", port)
    try:
        yield came
    finally:
        server.close()
        for writer in came:
            writer.transport.abort()


async def works_alone(storm: Storm) -> None:
    """The agent serves its till, hears its devices and accepts events, with nobody at the other end."""
    house = storm.house
    before = storm.lasts.copy()
    status = await house.status_is(lambda said: all(device["state"] == "up" for device in said["devices"]))
    assert status["link"] == "offline"
    page = await house.page("/till")
    assert page is not None
    assert "<html" in page
    grown = await house.status_is(
        lambda said: all(lane["last"] > before[lane["name"]] + 3 for lane in said["lanes"][:2])
    )
    assert grown["unsent"] > 0
    await storm.look()


@pytest.mark.slow
async def test_a_storm_of_kills_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    floor = Shopfloor(tmp_path, chance)
    house = House(tmp_path, devices=floor.devices, more="health: {heartbeat_s: 3600}\n")
    storm = Storm(house, chance)
    shop = asyncio.create_task(floor.run())
    try:
        await the_storm(house, storm, floor)
    except BaseException:
        print(f"seed {SEED}, killed {dict(storm.kills)}", *storm.timeline, sep="\n")
        raise
    finally:
        shop.cancel()
        await asyncio.gather(shop, return_exceptions=True)


async def the_storm(house: House, storm: Storm, floor: Shopfloor) -> None:
    storm.centre = await house.enrolled()
    await storm.kill_centre()

    began_s = time.monotonic()
    storm.edge = house.edge()
    await house.edge_ready(storm.edge)
    storm.note(f"edge ready {time.monotonic() - began_s:.2f} s after a cold boot with no network")
    await works_alone(storm)
    await storm.kill_edge()

    async with silence_at(house.broker_port) as came:
        storm.edge = house.edge()
        await works_alone(storm)
        await until(lambda: came, 10)
        storm.note("a port that says nothing was dialled")
    await storm.kill_edge()

    url = f"sqlite:///{house.central_db}"
    lone = await start_broker(BrokerSettings(port=house.broker_port, database_url=url))
    storm.edge = house.edge()
    await works_alone(storm)
    storm.note("a broker without a centre")
    await lone.stop()
    await storm.kill_edge()

    await storm.rage()
    moved = marks(house.central_db)
    storm.note(f"killed {dict(storm.kills)}; the marks are {moved}, of {dict(storm.lasts)}")
    assert min(moved.values()) > 0, "nothing got through during the storm"
    for running in (storm.edge, storm.centre):
        await running.kill()

    storm.note("calm")
    storm.centre, storm.edge = house.central(), house.edge()
    await house.edge_ready(storm.edge)
    await asyncio.sleep(1.0)
    floor.open = False
    before: list[object] = []

    def at_rest(said: dict[str, object]) -> bool:
        before.append(said["lanes"])
        return said["unsent"] == 0 and len(before) > 20 and before[-20] == before[-1]

    await house.status_is(at_rest, DRAIN_MAX_S)
    storm.note("drained")
    await storm.look()
    assert await storm.edge.stop() == 0
    assert await storm.centre.stop() == 0
    found = reckon(house.edge_db, house.central_db, STORE)
    storm.note(f"{found}")
    print(*storm.timeline, sep="\n")
    assert found.events["sale.completed/1"] > 100
    assert found.people > 1000
    assert not list(house.folder.glob("edge/*damaged*"))


def marks(central_db: Path) -> dict[int, int]:
    with closing(sqlite3.connect(central_db)) as centre:
        return dict.fromkeys(range(2), 0) | dict(centre.execute("SELECT lane, mark FROM mark"))
