"""A driver's simulator on the far end of a pseudo-terminal, for those who want a real serial line."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from drivers.base import Driver, Options, Scene
from drivers.ports.base import sleep_until
from drivers.ports.pseudo import PtyPort
from sync.contract.clock import Clock


async def play_on_pty(scenes: Iterator[Scene], link: Path, clock: Clock, *, speed: float = 1.0) -> None:
    """Make a pseudo-terminal with a link at `link` and say the scenes on it, until their end or cancelled.

    What nobody reads is lost once the kernel's 4 KiB are full, as on a real line. Whatever is written to the
    device is taken and forgotten.
    """
    port = PtyPort(link)
    listening = asyncio.create_task(_take(port))
    try:
        due_ms = float(clock.mono_ms())
        for scene in scenes:
            due_ms += scene.wait_ms / speed
            await sleep_until(clock, round(due_ms))
            with suppress(BlockingIOError):
                port.say(scene.chunk)
    finally:
        listening.cancel()
        await port.close()


async def simulate_on_pty(driver: Driver, options: Options, link: Path, seed: int, clock: Clock) -> None:
    """`play_on_pty` of the driver's own simulator; runs until cancelled."""
    await play_on_pty(driver.simulate(options, random.Random(seed)), link, clock)


async def _take(port: PtyPort) -> None:
    while True:
        await port.read()
