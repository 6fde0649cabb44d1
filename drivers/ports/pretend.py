"""``sim:42``: the driver's own simulator as a port. One seed gives one row of scenes; ``sim:any`` any row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

from drivers.base import Scene
from drivers.errors import PortGone
from drivers.ports.base import PortUrl, sleep_until
from sync.contract.clock import Clock

Scenes = Callable[[random.Random], Iterator[Scene]]


class SimPort:
    """A device that is not there. Takes and forgets what is written."""

    def __init__(self, name: str, scenes: Iterator[Scene], clock: Clock, speed: float) -> None:
        self.name = name
        self._scenes = scenes
        self._clock = clock
        self._speed = speed
        self._due_ms = float(clock.mono_ms())
        self._closed = asyncio.Event()

    async def read(self) -> bytes:
        while not self._closed.is_set():
            scene = next(self._scenes, None)
            if scene is None:
                break
            self._due_ms += scene.wait_ms / self._speed
            await sleep_until(self._clock, round(self._due_ms))
            if scene.chunk:
                return scene.chunk
        raise PortGone(f"{self.name}: the simulator has ended")

    async def write(self, chunk: bytes) -> None:
        return None

    async def close(self) -> None:
        self._closed.set()


def open_sim(url: PortUrl, clock: Clock, scenes: Scenes | None, chance: random.Random | None) -> SimPort:
    """Raises BadPort when there is no simulator to play, or the seed is no number."""
    url.only("speed")
    if scenes is None:
        raise url.wrong("this device has no simulator")
    seed = url.place.removeprefix("//")
    if seed == "any":
        chance = chance or random.Random()
    elif seed.isdecimal():
        chance = random.Random(int(seed))
    else:
        raise url.wrong("it needs a seed, as in sim:42")
    return SimPort(url.text, scenes(chance), clock, url.number("speed", "1", 0.01, 100_000))
