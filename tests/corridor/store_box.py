"""A store's box in a simulated world: the whole agent but for its pages; crashed, rebooted, put back in time.

What the box was asked to record, and what it said to that, is noted in `said`: the truth that the centre is
held against.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.edge import DeviceSettings, EdgeSettings
from drivers.base import Decoder
from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.errors import PortGone
from edge_agent.app import DATABASE_NAME, Edge, World
from edge_agent.errors import OutboxFull, StoreBroken
from edge_agent.identity import Identity
from edge_agent.store.lines import Role
from sync.contract.events import Event, encode_event, lane_of
from sync.contract.ids import Lane
from sync.link.memory import MemoryBroker
from tests.corridor.centre_box import KEYS
from tests.corridor.disks import SimAnchor, SimDisk, SimLine, copy_database, put_back
from tests.corridor.simloop import SimClock
from tests.corridor.trace import Trace

ASKED, ACCEPTED, REFUSED, UNDONE = "asked", "accepted", "refused", "undone"
Key = tuple[str, int, bytes]  # boot, monotonic ms, body: no two events of a box have the same


@dataclass
class Said:
    """One event that a box was asked to record."""

    lane: Lane
    key: Key
    state: str = ASKED  # nobody was told how it ended: it may be at the centre or not


class StoreBox:
    """A store's box and the people in its shop."""

    def __init__(self, name: str, folder: Path, seed: str, broker: MemoryBroker, trace: Trace) -> None:
        self.name, self.broker, self.trace = name, broker, trace
        self.folder = folder / name
        self.path = self.folder / DATABASE_NAME
        self.chance = random.Random(f"{seed} {name}")
        self.clock = SimClock(asyncio.get_running_loop())
        self.disk, self.anchor = SimDisk(), SimAnchor()
        self.boot = self.chance.randbytes(4).hex()
        self.edge: Edge | None = None
        self.said: list[Said] = []
        self.forgotten = dict.fromkeys(Lane, 0)  # owed as `dropped` when the power went
        self._forgotten_by_copy = self.forgotten
        self.deaths: list[str] = []
        self.crashes = 0
        self.port_broken = asyncio.Event()
        self._lines: list[SimLine] = []
        self._life: asyncio.Task[None] | None = None
        self._copied: int | None = None
        self._number = 0
        self._settings = EdgeSettings(
            store=name,
            state_dir=self.folder,
            devices=[DeviceSettings(name="reader", driver="cardreader.rdm6300", port="tcp://reader:1")]
            if self.chance.random() < 0.4
            else [],
        )

    @property
    def wants_nothing(self) -> bool:
        """Everything it has is confirmed or said to be dropped, and the centre answers."""
        edge = self.edge
        if edge is None or edge.uplink is None or not edge.uplink.greeted:
            return False
        owed = (state.owed for state in edge.outbox._lanes.values())
        return not any(edge.outbox.unsent().values()) and not any(owed)

    async def start(self) -> None:
        """The agent begins, in this boot; if it ends by itself that is a death, and it begins again."""
        chance = random.Random(self.chance.randbytes(8))
        world = World(
            clock=self.clock,
            chance=chance,
            random_bytes=chance.randbytes,
            connect=self._connect,
            boot=lambda: self.boot,
            synced=lambda: False,
            disk=lambda _: self.disk,
            anchor=lambda _: self.anchor,
            dialler=lambda _, identity: self.broker.dialler(identity.login),
            listen=self._listen,
            memory_mib=lambda: 40,
            identity=Identity(
                store=self.name,
                mqtt_url="memory:",
                login=self.name,
                password="",
                token_key=KEYS.token_key,
                store_key=bytes(32),
                centre_public_key=KEYS.public_key,
            ),
            tend_s=5.0,
            look_s=20.0,
        )
        self._life = asyncio.ensure_future(self._live(Edge(self._settings, world)))
        await asyncio.sleep(1.0)

    async def _live(self, edge: Edge) -> None:
        try:
            await edge.start()
            edge.outbox.accept = self._noting(edge.outbox.accept)  # type: ignore[method-assign]
            self.edge = edge
            await edge.run()
        except Exception as error:  # noqa: BLE001 (whatever ended it)
            self.deaths.append(f"{self.name} died at {self.clock.mono_ms()}: {error!r}")
        finally:
            self.forgotten = self._forgotten_with(edge)
            self.edge = None
            for line in self._lines:
                line.kill()
            await edge.stop()

    async def crash(self) -> None:
        """The process is killed: nobody says goodbye, and what was not on disk is gone."""
        self.trace.note("crash", self.name)
        self.crashes += 1
        self._lines, lines = [], self._lines
        for line in lines:
            line.kill()
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)

    def reboot(self) -> None:
        """Power is back after it was cut: another boot, and monotonic time from the beginning."""
        self.boot = self.chance.randbytes(4).hex()
        self.clock.reboot()

    def copy(self) -> bool:
        """Copies the disk; only of a box that has heard the centre since it began.

        A copy of a box that has not, put back after it has, would send again what it had recorded: from its
        own disk alone it cannot be told from one that was put back before (see edge_agent/store/epochs.py).
        """
        if self.edge is None or self.edge.outbox._opened:
            return False
        copy_database(self.path, self.path.with_suffix(".copy"))
        self._copied = len(self.said)
        self._forgotten_by_copy = self._forgotten_with(self.edge)
        return True

    def put_back(self) -> bool:
        """The disk is again what it was when it was copied; whether it ever was. The box must be off."""
        if self._copied is None:
            return False
        put_back(self.path.with_suffix(".copy"), self.path)
        # What was said since is gone from here; the centre has some of it, and keeps it.
        for said in self.said[self._copied :]:
            said.state = UNDONE if said.state != REFUSED else REFUSED
        self.forgotten = dict(self._forgotten_by_copy)
        self.trace.note("put back", self.name)
        return True

    async def record(self, events: Sequence[Event]) -> None:
        """What a device or a page does with what it heard."""
        if self.edge is not None:
            with contextlib.suppress(OutboxFull, StoreBroken):
                await self.edge.outbox.accept(events)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def _forgotten_with(self, edge: Edge) -> dict[Lane, int]:
        """What would be forgotten if the power went now: `dropped` that are owed are not on disk yet."""
        if not hasattr(edge, "outbox"):
            return self.forgotten
        return {lane: self.forgotten[lane] + state.owed for lane, state in edge.outbox._lanes.items()}

    def _noting(
        self, accept: Callable[[Sequence[Event]], Awaitable[None]]
    ) -> Callable[[Sequence[Event]], Awaitable[None]]:
        async def noted(events: Sequence[Event]) -> None:
            now = self.clock.mono_ms()
            said = [Said(lane_of(each), (self.boot, now, encode_event(each))) for each in events]
            self.said += said
            try:
                await accept(events)
            except OutboxFull:
                _mark(said, REFUSED)
                raise
            _mark(said, ACCEPTED)

        return noted

    async def _connect(self, path: Path, role: Role) -> SimLine:
        line = SimLine(path, role, self.disk, self.chance)
        self._lines.append(line)
        return line

    async def _listen(
        self,
        wish: Any,
        decoder: Decoder,
        hear: Callable[[list[Any]], Awaitable[None]],
        stirred: asyncio.Event,
    ) -> None:
        """A card reader on a line of its own: real frames, in pieces, through the real decoder."""
        await hear([])
        while not self.port_broken.is_set():
            await asyncio.sleep(self.chance.expovariate(1 / 20))
            frame = encode_frame(f"{self.chance.randrange(1, 50):010X}")
            for _ in range(3):
                at = self.chance.randrange(len(frame))
                for piece in (frame[:at], frame[at:]):
                    if heard := decoder.feed(piece, self.clock.mono_ms()):
                        await hear(heard)
                await asyncio.sleep(0.065)
        raise PortGone("unplugged")


def _mark(said: Sequence[Said], state: str) -> None:
    for each in said:
        each.state = state
