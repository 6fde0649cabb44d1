"""A box whose disk is full for real: on a small file system of its own, filled by somebody else."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import re
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.processes.house import STORE, House
from tests.processes.reckoning import reckon
from tests.processes.shopfloor import Shopfloor

DISK_MIB = 16
LEFT_BYTES = 128 * 1024  # what the filler leaves free


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system: run as root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Counter:
    """A cashier who writes members in; what was acknowledged must be kept."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.joined = 0
        self.refused = ""

    async def join(self) -> bool:
        """Whether the agent took another member."""
        return await asyncio.to_thread(self._join)

    def _join(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self._house.edge_port, timeout=10)) as agent:
            agent.request("GET", "/till")
            token = re.search(r'name="tillbeam-token" content="([^"]+)"', agent.getresponse().read().decode())
            assert token is not None
            phone = f"1380000{self.joined:04}"
            body = {"till": "1", "name": "王小明", "phone": phone, "card": "", "consent": True}
            headers = {"content-type": "application/json", "x-tillbeam-token": token[1]}
            agent.request("POST", "/till/join", json.dumps(body), headers)
            answer = agent.getresponse()
            said = answer.read().decode()
        if answer.status == 204:
            self.joined += 1
            return True
        assert answer.status == 422, said
        self.refused = said
        return False


@asynccontextmanager
async def at_work(floor: Shopfloor) -> AsyncIterator[None]:
    shop = asyncio.create_task(floor.run())
    try:
        yield
    finally:
        shop.cancel()
        await asyncio.gather(shop, return_exceptions=True)


def fill(disk: Path) -> Path:
    filler = disk / "somebody-elses.log"
    left = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - LEFT_BYTES)
    return filler


def names(said: dict[str, list[dict[str, str]]]) -> list[str]:
    return [alarm["name"] for alarm in said["alarms"]]


@pytest.mark.slow
async def test_a_full_disk_refuses_clearly_thins_counts_and_recovers(
    tmp_path: Path, small_disk: Path
) -> None:
    floor = Shopfloor(tmp_path, random.Random(1), busy=2.0)
    house = House(
        tmp_path,
        devices=floor.devices,
        more="outbox: {ballast_mib: 1}\nhealth: {heartbeat_s: 5}\n",
        edge_state=small_disk / "edge",
    )
    async with at_work(floor):
        central = await house.enrolled()
        edge = house.edge()
        cashier = Counter(house)
        await house.status_is(lambda said: said["lanes"][1]["confirmed"] > 100, 40)
        assert await cashier.join()
        await central.kill()

        filler = fill(small_disk)
        await house.status_is(lambda said: "disk_full" in names(said), 60)
        async with asyncio.timeout(60):
            while await cashier.join():
                await asyncio.sleep(0.1)
        assert "disk" in cashier.refused or "磁盘" in cashier.refused
        said = await house.status_is(
            lambda said: any(each["last_problem"] == "disk_full" for each in said["devices"])
        )
        assert said["unsent"] > 0
        assert edge.status is None, edge.said()[-2000:]

        filler.unlink()
        await house.status_is(lambda said: "disk_full" not in names(said), 30)
        async with asyncio.timeout(10):
            while not await cashier.join():
                await asyncio.sleep(0.2)

        central = house.central()
        await house.central_ready(central)
        floor.open = False
        await asyncio.sleep(1.0)
        await house.status_is(lambda said: said["unsent"] == 0, 60)
    assert await edge.stop() == 0
    assert await central.stop() == 0
    found = reckon(house.edge_db, house.central_db, STORE, pruned=True)
    assert found.events["dropped/1"] > 0
    with closing(sqlite3.connect(house.central_db)) as centre:
        (members,) = centre.execute("SELECT count(*) FROM member").fetchone()
        (lost,) = centre.execute("SELECT sum(numbers) FROM traffic_loss").fetchone()
    assert members == cashier.joined == found.events["member.joined/1"]
    assert lost > 0
    assert "Traceback" not in edge.said()
