"""How long a till waits after the box was switched on, and what the agent takes of its memory.

The real agent on the demo's settings: enrolled, four devices on pseudo-terminals. Ready is when `/till`
answers and every device is up; the clock starts before the process does. Its memory is read after the till's
page was served. The broker and the centre are there, because a store that cannot reach them starts no
slower. Everything is in the page cache after the first start, as on a box that has just read it from flash;
`first_ready_s` is the first start of this run, `ready_s` the median, `cpu_s` the processor time up to then:
where other programs want the processor too, it says what the start itself took.
"""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench import rig
from bench.report import median, options, report
from demo.programs import SETTINGS
from demo.shop import DEVICES
from drivers.ports.pseudo import PtyPort

READY_MAX_S = 30.0
LOOK_S = 0.005


def main() -> int:
    asked = options(
        "Cold start of the edge to ready, and its memory.",
        starts=(5, "how many times to start it"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found = asyncio.run(measure(where, asked.starts))
    report(found, asked.json)
    return 0


async def measure(where: Path, starts: int) -> dict[str, Any]:
    ready_s: list[float] = []
    page_s: list[float] = []
    cpu_s: list[float] = []
    rss_mib: list[float] = []
    async with rig.centre(where) as stands:
        stands.edge_settings = SETTINGS / "edge.yaml"
        ports = [PtyPort(where / device.link) for device in DEVICES]
        try:
            for _ in range(starts):
                began_s = time.perf_counter()
                async with rig.edge(stands, wait=False) as agent:
                    page_s.append(await _until(stands, _page_answers) - began_s)
                    ready_s.append(await _until(stands, _devices_are_up) - began_s)
                    cpu_s.append(rig.cpu_s(agent.pid))
                    await asyncio.sleep(1.0)  # greeted, and whatever it does once
                    rss_mib.append(rig.memory_mib(agent.pid))
        finally:
            for port in ports:
                await port.close()
    return {
        "ready_s": round(median(ready_s), 2),
        "first_ready_s": round(ready_s[0], 2),
        "cpu_s": round(median(cpu_s), 2),
        "page_s": round(median(page_s), 2),
        "rss_mib": max(rss_mib),
        "starts": starts,
    }


async def _until(stands: rig.Rig, what: Any) -> float:
    """When `what` was first true. Raises TimeoutError."""
    end_s = time.perf_counter() + READY_MAX_S
    while time.perf_counter() < end_s:
        try:
            if await asyncio.to_thread(what, stands):
                return time.perf_counter()
        except (urllib.error.URLError, OSError):
            pass
        await asyncio.sleep(LOOK_S)
    raise TimeoutError(f"the agent is not ready after {READY_MAX_S:.0f} s")


def _page_answers(stands: rig.Rig) -> bool:
    with urllib.request.urlopen(f"{stands.places.edge_url}/till", timeout=5) as page:  # noqa: S310
        return bool(page.status == 200)


def _devices_are_up(stands: rig.Rig) -> bool:
    return all(device["state"] == "up" for device in rig.edge_status(stands)["devices"])
