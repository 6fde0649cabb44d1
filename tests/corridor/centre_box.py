"""Head office in a simulated world: the whole centre but for its web, and the people who work with it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from sync.contract.ids import member_id
from sync.contract.told import MemberGone, MemberTold
from sync.link.memory import MemoryBroker
from tests.corridor.disks import CentreTrouble, connect_centre
from tests.corridor.simloop import SimClock, run_simulated
from tests.corridor.trace import Trace

CENTRE_FILE = "centre.db"
KEYS = Keys.fresh(random.Random(0).randbytes)


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
        self.given_twice: dict[str, range] = {}
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
