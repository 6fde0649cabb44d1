"""The programs of a simulated world, each on its box: begun, crashed, rebooted, put back in time.

Both are the real ones, whole but for their web. What a store's box was asked to record, and what it said to
that, is noted in `said`: the truth that the centre is held against.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from central_server.app import Centre
from central_server.db import Database
from central_server.downlink.feed import tell
from central_server.keys import Keys
from central_server.membership import service as membership
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from config.central import CentralSettings, KeepSettings
from config.edge import DeviceSettings, EdgeSettings
from drivers.base import Decoder
from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.errors import PortGone
from edge_agent.app import DATABASE_NAME, Edge, World
from edge_agent.errors import EdgeError, OutboxFull, StoreBroken
from edge_agent.identity import Identity
from edge_agent.store.lines import Role
from sync.contract.events import Event, encode_event, lane_of
from sync.contract.ids import Lane, member_id
from sync.contract.message import Received, decode_down
from sync.contract.tokens import card_token
from sync.contract.told import MemberGone, MemberTold
from sync.link.base import Message
from sync.link.memory import MemoryBroker, MemoryConnection
from tests.corridor.disks import CentreTrouble, SimDisk, SimLine, connect_centre, copy_database, put_back
from tests.corridor.simloop import SimClock, run_simulated

ASKED, ACCEPTED, REFUSED, UNDONE = "asked", "accepted", "refused", "undone"
CENTRE_FILE = "centre.db"
CARDS = 30  # that customers of the chain carry
KEYS = Keys.fresh(random.Random(0).randbytes)
Key = tuple[str, int, bytes]  # boot, monotonic ms, body: no two events of a box have the same


@dataclass
class Said:
    """One event that a box was asked to record."""

    lane: Lane
    key: Key
    state: str = ASKED  # nobody was told how it ended: it may be at the centre or not


class Trace:
    """Everything that happened, as one hash; and the last of it in words, for who looks for a bug."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.messages = 0
        self.lines: list[str] | None = None

    def note(self, *what: object) -> None:
        line = " ".join(map(str, what))
        self._hash.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:16]


class TracedBroker(MemoryBroker):
    """A broker that notes what passes, and lets somebody look at every receipt before it goes."""

    def __init__(self, chance: random.Random, trace: Trace, receipt: Callable[[str, Received], None]) -> None:
        super().__init__(chance)
        self._trace, self._receipt = trace, receipt

    def route(self, sender: MemoryConnection, message: Message) -> None:
        now = asyncio.get_running_loop().time()
        self._trace.messages += 1
        self._trace.note(f"{now:.6f}", sender.login, message.topic, crc32(message.payload))
        if sender.login == "centre":
            told = decode_down(message.payload)
            if isinstance(told, Received):
                self._receipt(message.topic.split("/")[2], told)
        super().route(sender, message)


class StoreBox:
    """A store's box and the people in its shop."""

    def __init__(self, name: str, folder: Path, seed: str, broker: MemoryBroker, trace: Trace) -> None:
        self.name, self.broker, self.trace = name, broker, trace
        self.folder = folder / name
        self.path = self.folder / DATABASE_NAME
        self.chance = random.Random(f"{seed} {name}")
        self.clock = SimClock(asyncio.get_running_loop())
        self.disk = SimDisk()
        self.boot = self.chance.randbytes(4).hex()
        self.edge: Edge | None = None
        self.said: list[Said] = []
        self.forgotten = dict.fromkeys(Lane, 0)  # owed as `dropped` when the power went
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
        """Everything it has is confirmed, and the centre answers."""
        edge = self.edge
        return bool(edge and edge.uplink and edge.uplink.greeted and not any(edge.outbox.unsent().values()))

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
        except (EdgeError, OSError, RuntimeError, LookupError, ValueError, DBAPIError) as error:
            self.deaths.append(f"{self.name} died at {self.clock.mono_ms()}: {error!r}")
        finally:
            self._note_owed(edge)
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
        return True

    def put_back(self) -> bool:
        """The disk is again what it was when it was copied; whether it ever was. The box must be off."""
        if self._copied is None:
            return False
        put_back(self.path.with_suffix(".copy"), self.path)
        # What was said since is gone from here; the centre has some of it, and keeps it.
        for said in self.said[self._copied :]:
            said.state = UNDONE if said.state != REFUSED else REFUSED
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

    def _note_owed(self, edge: Edge) -> None:
        if hasattr(edge, "outbox"):
            for lane, state in edge.outbox._lanes.items():
                self.forgotten[lane] += state.owed

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
        self, wish: Any, decoder: Decoder, hear: Callable[[list[Any]], Awaitable[None]]
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


class CentreBox:
    """Head office's server and the people who work with it."""

    def __init__(self, folder: Path, seed: str, broker: MemoryBroker, trace: Trace) -> None:
        self.broker, self.trace = broker, trace
        self.folder = folder
        self.path = folder / CENTRE_FILE
        self.chance = random.Random(f"{seed} centre")
        self.clock = SimClock(asyncio.get_running_loop())
        self.trouble = CentreTrouble(random.Random(f"{seed} trouble"))
        self.centre: Centre | None = None
        self.deaths: list[str] = []
        self.crashes = 0
        self.told_after_copy: set[str] = set()
        self._members: list[str] = []
        self._settings = CentralSettings(
            state_dir=folder,
            keep=KeepSettings(batches_days=3660, aside_days=3660, health_days=3660),
        )

    def open_database(self) -> Database:
        return Database(
            f"sqlite:///{self.path}",
            chance=random.Random(self.chance.randbytes(8)),
            async_creator=lambda: connect_centre(self.path, self.trouble),
        )

    async def start(self) -> None:
        centre = Centre(
            self._settings,
            dialler=self.broker.dialler("centre"),
            clock=self.clock,
            chance=random.Random(self.chance.randbytes(8)),
            database=self.open_database(),
            keys=KEYS,
        )
        await centre.start()
        self.centre = centre

    async def crash(self) -> None:
        """Everything it was at ends; what was not committed never was."""
        if self.centre is None:
            return
        self.trace.note("crash centre")
        self.crashes += 1
        centre, self.centre = self.centre, None
        self.look_for_death(centre)
        await centre.stop()

    def look_for_death(self, centre: Centre) -> None:
        failed = centre._failed
        if failed is not None and failed.done():
            self.deaths.append(f"the centre failed: {failed.exception()!r}")

    async def change_something(self) -> None:
        """Somebody at head office enrols a member or changes one; a store is told something of its own."""
        if self.centre is None:
            return
        what = self.chance.random()
        draw = self.chance.randrange(1000)
        fresh = member_id(self.chance.randbytes(16))
        by, at_ms = "somebody", self.clock.wall_ms()
        with contextlib.suppress(DBAPIError):  # busy: they would press the button again
            async with self.centre.database.transaction() as session:
                if what < 0.5 or not self._members:
                    person = {"name": f"n{draw}", "phone": f"1380000{len(self._members):04d}"}
                    await membership.enrol(
                        session, keys=KEYS, member=fresh, person=person, by=by, at_ms=at_ms
                    )
                    self._members.append(fresh)
                    card = f"{len(self._members):010X}"
                    await membership.add_card(
                        session,
                        keys=KEYS,
                        member=fresh,
                        number=card,
                        technology="rfid125",
                        by=by,
                        at_ms=at_ms,
                    )
                else:
                    member = self.chance.choice(self._members)
                    if await self._is_there(session, member):
                        await self._change(session, member, draw, by, at_ms)

    async def _change(self, session: Any, member: str, draw: int, by: str, at_ms: int) -> None:
        if draw < 300:
            archived = draw < 150
            await membership.set_archived(
                session, keys=KEYS, member=member, archived=archived, by=by, at_ms=at_ms
            )
        else:
            person = {"name": f"n{draw}"}
            await membership.change(session, keys=KEYS, member=member, person=person, by=by, at_ms=at_ms)

    async def tell_store(self, store: str) -> None:
        """A word of the store's own feed."""
        if self.centre is None:
            return
        member = f"own-{self.chance.randrange(12)}"
        word = MemberTold(member=member, name=f"n{self.chance.randrange(1000)}", phones=(f"p-{member}",))
        gone = self.chance.random() < 0.2
        with contextlib.suppress(DBAPIError):
            async with self.centre.database.transaction() as session:
                await tell(session, store, MemberGone(member=member) if gone else word)

    async def _is_there(self, session: Any, member: str) -> bool:
        from central_server.membership.models import Member

        return await session.scalar(sa.select(Member.id).where(Member.id == member)) is not None


def empty_centre(names: Sequence[str]) -> bytes:
    """The file of a centre with these stores and nothing else; made once in a process."""
    known = _made.get(tuple(names))
    if known is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / CENTRE_FILE
            run_simulated(lambda: _make_centre(path, names))
            known = _made[tuple(names)] = path.read_bytes()
    return known


async def _make_centre(path: Path, names: Sequence[str]) -> None:
    trouble = CentreTrouble(random.Random(0))
    database = Database(f"sqlite:///{path}", async_creator=lambda: connect_centre(path, trouble))
    await database.create_all()
    async with database.transaction() as session:
        for name in names:
            await stores.add_store(session, COMMAND, stores.NewStore(name, name), now_ms=1)
    await database.close()  # the last to leave folds the log into the file


_made: dict[tuple[str, ...], bytes] = {}


def _mark(said: Sequence[Said], state: str) -> None:
    for each in said:
        each.state = state


def card_of(number: int) -> str:
    """The token of one of the chain's cards."""
    return card_token(KEYS.token_key, f"{number:010X}")
