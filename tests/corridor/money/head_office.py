"""Head office in the walk: the real centre but for its tasks, whose parts are called one step at a time."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.app import Centre
from central_server.db import Database
from config.central import CentralSettings
from sync.link.base import LinkDown, Message
from tests.corridor.centre_box import KEYS
from tests.corridor.money.clocks import WalkClock
from tests.corridor.money.power import FeelingAnchorDisk, Power, PowerCut, connect_centre
from tests.corridor.money.wires import Wires

T = TypeVar("T")


class Store(Protocol):
    """Where the centre's database is, and how one looks at it."""

    database: Database

    async def begin(self, power: Power, busy: list[bool]) -> None:
        """The database is as a new chain's; from now on it feels this power."""
        ...

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Plain SQL, beside the program."""
        ...

    async def moved(self) -> bool:
        """Whether anything was committed since the last call."""
        ...


class SqliteStore:
    """A file, copied from that of a new chain for each walk. One engine for all: it knows its statements."""

    def __init__(self, path: Path, new_chain: bytes) -> None:
        self._path, self._new_chain = path, new_chain
        self._power = Power(random.Random(0))
        self._busy: list[bool] = []
        self._eyes: sqlite3.Connection | None = None
        self._version = -1
        self.database = Database(
            f"sqlite:///{path}", async_creator=lambda: connect_centre(path, self._power, self._busy)
        )

    async def begin(self, power: Power, busy: list[bool]) -> None:
        self._power, self._busy = power, busy
        await self.close()
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.write_bytes(self._new_chain)
        self._eyes = sqlite3.connect(self._path, isolation_level=None)
        self._version = -1

    async def close(self) -> None:
        await self.database.engine.dispose()
        if self._eyes is not None:
            self._eyes.close()
            self._eyes = None

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        assert self._eyes is not None
        return self._eyes.execute(query).fetchall()

    async def moved(self) -> bool:
        version = (await self.rows("PRAGMA data_version"))[0][0]
        moved, self._version = version != self._version, version
        return moved


class _ToWires:
    """The centre's connection to the broker."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self.up = True

    async def publish(self, topic: str, payload: bytes) -> None:
        if not self.up:
            raise LinkDown("the walk has no line")
        self._wires.put_down(topic.split("/")[2], Message(topic, payload))

    async def receive(self) -> Message:
        raise LinkDown("nobody receives here")

    async def close(self) -> None:
        return None


class HeadOffice:
    """The centre, killed and started anew at will."""

    def __init__(
        self, store: Store, chance: random.Random, wires: Wires, settings: CentralSettings, *, wild: bool
    ):
        self.store, self._chance, self._wires, self._settings = store, chance, wires, settings
        self._anchor = settings.state_dir / "ledger.anchor"
        self.power = Power(chance)
        self.busy: list[bool] = []
        self.clock = WalkClock(chance, wild=wild)
        self.crashes = 0
        self.to_tell = True  # something was told, or a store spoke, since words last went out

    async def begin(self) -> None:
        await self.store.begin(self.power, self.busy)
        self.store.database.committed[:] = [self._told]
        self._start()

    def _told(self, info: Mapping[str, Any]) -> None:
        self.to_tell = self.to_tell or bool(info.get("told"))

    def _start(self) -> None:
        self.power.off = False
        self.power.arm(0)
        self.line = _ToWires(self._wires)
        self.centre = Centre(
            self._settings,
            clock=self.clock,
            chance=self._chance,
            database=self.store.database,
            keys=KEYS,
            anchor_disk=FeelingAnchorDisk(self._anchor, self.power, self._chance),
            dialler=object(),  # type: ignore[arg-type]  # nobody dials here
        )
        self.centre.line._connection = self.line

    async def survive(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """`work`, unless the power goes in it; then the centre is another one, and nobody knows."""
        try:
            return await work()
        except PowerCut:
            self.crashes += 1
            self._start()
            return None
        finally:
            self.power.arm(0)
            self.busy.clear()

    async def hear(self, messages: list[Message]) -> None:
        """Messages of stores arrive, and what they cause happens in one transaction."""
        inbox = self.centre.inbox
        for message in messages:
            self.to_tell = self.to_tell or message.topic.endswith("/here")
            await inbox.take(message)
        group = []
        while not inbox._waiting.empty():
            group.append(inbox._waiting.get_nowait())
        if group:
            await inbox.apply(group)
        await self.centre.asking.answer_waiting()

    async def publish(self) -> None:
        """What stores have not been told goes out."""
        await self.centre.publisher.publish()

    async def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """What somebody at head office does, in one transaction."""
        return await self.store.database.run(work)

    async def scalar(self, query: str, **values: Any) -> Any:
        async with self.store.database.reading() as session:
            return (await session.execute(sa.text(query), values)).scalar()
