"""The demo store's devices: simulated on pseudo-terminals, with a true count of what they said.

The truth comes from the bytes: everything written to a wire is also given to a decoder of our own, so a
receipt, a card or a visitor counts as captured exactly when its last byte was on the wire.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from drivers.base import Decoder, Heard, Scene
from drivers.cardreader.magstripe.simulator import simulate as swipes
from drivers.cardreader.rdm6300.simulator import simulate as tags
from drivers.ports.base import sleep_until
from drivers.ports.pseudo import PtyPort
from drivers.registry import driver
from sync.clock import SystemClock
from sync.contract.questions import CardShown

SALE = "sale.completed/1"
CARD = "card.presented/1"
REFUSED = "card.refused/1"
UNREADABLE = "receipt.unreadable/1"
PASSED = "passed/1"
COUNTED = (SALE, CARD, REFUSED, UNREADABLE, PASSED)

SCENE_MAX_S = 1.5  # the longest that the parts of one act lie apart, and the silence that ends a visitor


@dataclass
class Device:
    """One simulated device: where its link stands, which driver, how fast it lives."""

    link: str
    driver: str
    till: str
    speed: float


DEVICES = (
    Device("receipts", "pos.escpos_tap", "1", 1.0),
    Device("reader", "cardreader.magstripe", "1", 1.0),
    Device("reader-2", "cardreader.rdm6300", "2", 1.0),
    Device("door", "counter.beam", "", 1.0),
)


@dataclass
class Truth:
    """What was on the wires."""

    said: Counter[str] = field(default_factory=Counter)  # facts, by event type
    swiped_s: dict[str, deque[float]] = field(
        default_factory=dict
    )  # by till: when each card's last byte went

    @property
    def captured(self) -> int:
        return sum(count for tag, count in self.said.items() if tag in COUNTED)


class Shop:
    """Plays every device until told to stop. `speed` 10 makes a busy shop."""

    def __init__(self, folder: Path, *, seed: int, speed: float) -> None:
        self._folder, self._seed, self._speed = folder, seed, speed
        self.truth = Truth()
        self._stopping = asyncio.Event()
        self._ports: list[PtyPort] = []
        self._playing: list[asyncio.Task[None]] = []
        self._decoders: list[tuple[Device, Decoder]] = []

    def open(self) -> None:
        """Make the pseudo-terminals, so that the agent finds its devices."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for device in DEVICES:
            port = PtyPort(self._folder / device.link)
            self._ports.append(port)
            self._playing.append(asyncio.create_task(self._drain(port)))

    def begin(self) -> None:
        """Open the shop; the agent must be listening, for a line keeps nothing for those who come late."""
        for number, (device, port) in enumerate(zip(DEVICES, self._ports, strict=True)):
            self._playing.append(asyncio.create_task(self._play(device, port, self._seed + number)))

    def say(self, link: str, chunk: bytes) -> None:
        """One device says something: for those who play the shop themselves."""
        self._ports[[device.link for device in DEVICES].index(link)].say(chunk)

    async def stop_selling(self) -> None:
        """Let each device finish the scene it is in, then be silent."""
        self._stopping.set()
        await asyncio.sleep(SCENE_MAX_S)
        for device, decoder in self._decoders:
            self._note(device, decoder.wake(SystemClock().mono_ms()))  # what only silence completes

    async def close(self) -> None:
        """Unplug everything."""
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        for port in self._ports:
            await port.close()

    async def _play(self, device: Device, port: PtyPort, seed: int) -> None:
        kind = driver(device.driver)
        options = kind.options(**({"till": device.till} if "till" in kind.options.model_fields else {}))
        decoder = kind.decoder(options)
        self._decoders.append((device, decoder))
        clock = SystemClock()
        due_ms = float(clock.mono_ms())
        for scene in _scenes(device, options, random.Random(seed)):
            new_act = scene.wait_ms >= 1_000
            if new_act and self._stopping.is_set():
                return
            # Only the pauses between acts are hurried; a person still takes their time through the door.
            due_ms += scene.wait_ms / (self._speed if new_act else 1.0)
            await sleep_until(clock, round(due_ms))
            with suppress(BlockingIOError):
                port.say(scene.chunk)
                now_ms = clock.mono_ms()
                self._note(device, decoder.wake(now_ms))
                self._note(device, decoder.feed(scene.chunk, now_ms))

    def _note(self, device: Device, heard: list[Heard]) -> None:
        for what in (each.what for each in heard):
            if isinstance(what, CardShown):
                self.truth.said[CARD] += 1
                self.truth.swiped_s.setdefault(device.till, deque()).append(time.perf_counter())
            elif isinstance(what, msgspec.Struct) and what.__struct_config__.tag:
                self.truth.said[str(what.__struct_config__.tag)] += 1

    async def _drain(self, port: PtyPort) -> None:
        while True:
            await port.read()


def _scenes(device: Device, options: object, chance: random.Random) -> Iterator[Scene]:
    match device.driver:
        case "cardreader.magstripe":
            return swipes(options, chance)  # type: ignore[arg-type]
        case "cardreader.rdm6300":
            return tags(options, chance)  # type: ignore[arg-type]
        case _:
            kind = driver(device.driver)
            return kind.simulate(options, chance)
