"""The line between a store and head office when it neither works nor breaks."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from demo.programs import free_port
from tests.processes.house import STORE, House, Running
from tests.processes.reckoning import Reckoning, reckon
from tests.processes.shopfloor import Shopfloor
from tests.sync.link.half_open import Line, line_to

NOTICED_WITHIN_S = 25.0  # keepalive 5 s, asked once and a half, or 12.5 s for a wire that takes nothing


class Store:
    """An enrolled store at work, its line in our hands."""

    def __init__(self, house: House, line: Line, floor: Shopfloor, edge: Running, central: Running) -> None:
        self.house, self.line, self.floor, self.edge, self.central = house, line, floor, edge, central

    async def drained(self, within_s: float = 60.0) -> Reckoning:
        """The shop shut, everything at head office, both programs ended in order, and counted."""
        self.floor.open = False
        await asyncio.sleep(1.0)
        await self.house.status_is(lambda said: said["unsent"] == 0, within_s)
        assert await self.edge.stop() == 0
        assert await self.central.stop() == 0
        return reckon(self.house.edge_db, self.house.central_db, STORE)


@asynccontextmanager
async def _store(folder: Path, keepalive_s: int, bytes_per_s: float = math.inf) -> AsyncIterator[Store]:
    floor = Shopfloor(folder, random.Random(1))
    more = "uplink: {receipt_timeout_s: 3}\nhealth: {heartbeat_s: 3600}\n"
    house = House(folder, devices=floor.devices, more=more, keepalive_s=keepalive_s, dialled_port=free_port())
    async with line_to(f"mqtt://127.0.0.1:{house.broker_port}", house.dialled_port) as line:
        line.bytes_per_s = bytes_per_s
        shop = asyncio.create_task(floor.run())
        try:
            central = await house.enrolled()
            edge = house.edge()
            await house.status_is(lambda said: said["link"] != "offline", 40)
            yield Store(house, line, floor, edge, central)
        finally:
            shop.cancel()
            await asyncio.gather(shop, return_exceptions=True)


@pytest.mark.slow
async def test_a_line_that_falls_silent_is_noticed_and_drained_when_it_speaks_again(tmp_path: Path) -> None:
    async with _store(tmp_path, keepalive_s=5) as store:
        store.line.fall_silent()
        said = await store.house.status_is(
            lambda said: said["link"] == "offline" and said["link_error"], NOTICED_WITHIN_S
        )
        before = said["unsent"]
        page = await store.house.page("/till")
        assert page is not None  # the cashier is served, and sees that the line is down
        assert 'data-link="offline"' in page
        await store.house.status_is(lambda said: said["unsent"] > before + 500)
        store.line.speak_again()  # what the dead connections still held comes through now, too late
        await store.house.status_is(lambda said: said["link"] != "offline", 45)
        found = await store.drained()
        assert found.people > 500


@pytest.mark.slow
async def test_a_slow_line_is_no_dead_one(tmp_path: Path) -> None:
    """Some kilobytes a second, as a bad mobile line gives: the backlog grows, then drains, and arrives once.

    With the usual keepalive the slowest line that works carries 64 KiB, a batch, in 22 s: 2.9 kB/s.
    """
    async with _store(tmp_path, keepalive_s=15, bytes_per_s=3_500) as store:
        await store.house.status_is(lambda said: said["unsent"] > 500, 60)
        found = await store.drained(75)
        assert found.people > 500
