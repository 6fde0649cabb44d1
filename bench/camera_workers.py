"""The memory of cameras' workers, as an agent has them (`bench.camera`): of the first, of each further one.

USS is what a process has alone: what goes from the box when it goes. PSS adds its part of what it shares, so
it falls with each further camera, and is lower while other programs use the same libraries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import fmean

from bench import rig
from drivers.counter.camera import DRIVER
from drivers.counter.camera.options import CameraOptions
from drivers.ports import Nursery, Surroundings, open_port
from drivers.ports.camera import CameraPort
from sync.clock import SystemClock

CAMERAS = 4
ALONE = ("Private_Clean", "Private_Dirty")  # of smaps; USS


async def memory(film: Path, options: CameraOptions, each_s: float) -> dict[str, float]:
    """After so many seconds of one worker that counts the film over and over, and then of all four."""
    around = Surroundings(nursery=Nursery())
    async with AsyncExitStack() as cameras:
        first = await cameras.enter_async_context(_worker(film, options, around))
        await asyncio.sleep(each_s)
        alone = {"rss_mib": rig.memory_mib(first), "nursery_mib": _mib(_parent(first), *ALONE)}
        further = [
            await cameras.enter_async_context(_worker(film, options, around)) for _ in range(CAMERAS - 1)
        ]
        await asyncio.sleep(each_s)
        return alone | {
            "further_rss_mib": round(fmean(_mib(pid, *ALONE) for pid in further), 1),
            "further_pss_mib": round(fmean(_mib(pid, "Pss") for pid in further), 1),
        }


@asynccontextmanager
async def _worker(film: Path, options: CameraOptions, around: Surroundings) -> AsyncIterator[int]:
    """Its process; what it says is heard."""
    port = await open_port(f"camera:file:{film}?loop=1", clock=SystemClock(), around=around)
    assert isinstance(port, CameraPort)
    await port.write(DRIVER.decoder(options).replies())
    hearing = asyncio.create_task(_hear(port))
    try:
        yield port.pid
    finally:
        hearing.cancel()
        await port.close()


async def _hear(port: CameraPort) -> None:
    while True:
        await port.read()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _mib(pid: int, *parts: str) -> float:
    """These lines of its smaps together."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return round(sum(int(words[1]) for words in lines if words[0].removesuffix(":") in parts) / 1024, 1)
