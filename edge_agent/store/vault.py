"""One step of money on this disk: leases, journal and their records in one transaction, and then the anchor.

What `change` returns is on the disk twice over, so it may be told to a till. A disk that was put back in
time is fenced: its leases are in doubt for ever, and nothing is done with money until head office has been
heard and a new epoch begun.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from edge_agent.errors import AnchorBroken, Fenced
from edge_agent.store.anchor import Anchor, Mark
from edge_agent.store.database import Database
from edge_agent.store.leases import Leases, Stand, doubt_all
from edge_agent.store.lines import Sql, Work
from edge_agent.store.outbox import Outbox
from sync.contract.clock import Clock
from sync.contract.events import LeaseRecord
from sync.contract.leases import lease_key
from sync.slots import SlotDisk

T = TypeVar("T")
HEAD_HEX_DIGITS = 32
_NO_MARK = Mark("", -1, "")
_NO_DISK = Mark("restored", 0, "-")  # an anchor that no database fits


class _Found(NamedTuple):
    commits: int
    head: str
    anchored: bool
    leases: int


class Vault:
    """The money of one store."""

    def __init__(
        self, db: Database, outbox: Outbox, anchor: Anchor, clock: Clock, boot: str, store: str, key: bytes
    ) -> None:
        self._db, self._outbox, self._anchor = db, outbox, anchor
        self._clock, self._boot, self._store, self._key = clock, boot, store, key
        self._mark = _NO_MARK
        self._fenced_epoch = ""
        self._steps: set[asyncio.Task[Any]] = set()
        self.broken = ""  # why the anchor cannot be written; empty when it can
        self.doubtful = 0  # leases that were found to be in doubt at this opening

    @classmethod
    async def open(
        cls,
        db: Database,
        outbox: Outbox,
        disk: SlotDisk,
        clock: Clock,
        *,
        boot: str,
        store: str,
        store_key: bytes,
        restored: bool = False,
    ) -> Vault:
        """The vault as it stands, held against its anchor. Raises sqlite3.Error.

        `restored`: a person says that disk and anchor were both put back, which nothing here can tell.
        """
        vault = cls(db, outbox, Anchor(disk), clock, boot, store, lease_key(store_key))
        found = await db.read(_found)
        vault._mark = Mark(outbox.epoch, found.commits, found.head)
        if restored:
            await vault._anchor.hold(_NO_DISK)  # so that it is still known after a restart before the hello
        if put_back(vault._anchor.held, vault._mark, expected=found.anchored or found.leases > 0):
            vault.doubtful = await db.write(_fence)
            vault._fenced_epoch = outbox.epoch
            outbox.distrust()
            return vault
        await vault.hold()
        if not found.anchored and not vault.broken:
            await db.write(_anchored)
        return vault

    @property
    def fenced(self) -> bool:
        """Whether this disk was put back in time and head office has not been heard since."""
        return self._fenced_epoch == self._outbox.epoch

    def stand(self) -> Stand:
        """What leases are held against at this moment."""
        return Stand(self._store, self._key, self._outbox.epoch, self._boot, self._clock.mono_ms())

    async def change(self, work: Callable[[Sql, Leases], T]) -> T:
        """`work` on the tables and leases; on disk, and anchored, on return. Cancelling does not stop it.

        What `work` raises undoes it. Raises Fenced, OutboxFull and StoreBroken with nothing changed;
        AnchorBroken when it is changed and may not be told: asked again it has the same answer, or can be
        taken back.
        """
        if self.fenced:
            raise Fenced("this disk was put back in time; head office must be heard first")
        step = asyncio.ensure_future(self._change(work))
        self._steps.add(step)
        step.add_done_callback(self._steps.discard)
        await asyncio.wait([step])
        return step.result()

    async def _change(self, work: Callable[[Sql, Leases], T]) -> T:
        def all_of_it(sql: Sql) -> tuple[list[LeaseRecord], tuple[T, Mark]]:
            stand = self.stand()
            leases = Leases(sql, stand)
            result = work(sql, leases)
            return leases.records, (result, _counted(sql, stand, leases.records))

        async def anchored(done: tuple[T, Mark]) -> None:
            # Head office hears of a record only after that: else a copy of this disk from just before, put
            # back beside an anchor that knows no better, would spend what was given back.
            if done[1].commits > self._mark.commits:
                self._mark = done[1]
            await self.hold()

        result, _ = await self._outbox.together(all_of_it, anchored)
        if self.broken:
            raise AnchorBroken(self.broken)
        return result

    async def ask(self, work: Work[T]) -> T:
        """`work`, which only reads, on the line that waits for no commit. Raises sqlite3.Error."""
        return await self._db.ask(work)

    async def write(self, work: Work[T]) -> T:
        """`work` on tables that are no money. Raises sqlite3.Error."""
        return await self._db.write(work)

    async def hold(self) -> None:
        """Brings the anchor up to the database; `broken` says why it could not be."""
        if self.fenced:
            return
        try:
            # Of the epoch that is now: a step that began before a new one must not write the old one back.
            await self._anchor.hold(self._mark._replace(epoch=self._outbox.epoch))
            self.broken = ""
        except AnchorBroken as error:
            self.broken = str(error)


def put_back(held: Mark | None, mark: Mark, *, expected: bool) -> bool:
    """Whether a database at `mark` is older than its anchor, or another one than the anchor is of.

    `expected`: there has been an anchor, so that none means that somebody took it away.
    """
    if held is None:
        return expected
    return (
        held.epoch != mark.epoch
        or held.commits > mark.commits
        or (held.commits == mark.commits and held.head != mark.head)
    )


def _anchored(sql: Sql) -> None:
    sql.execute("UPDATE money SET anchored = 1")


def _fence(sql: Sql) -> int:
    # The new epoch will have an anchor: a copy of this disk from before its first lease expects one, too.
    _anchored(sql)
    return doubt_all(sql)


def _found(sql: Sql) -> _Found:
    commits, head, anchored = sql.execute("SELECT commits, head, anchored FROM money").fetchone()
    leases = sql.execute("SELECT count(*) FROM lease").fetchone()[0]
    return _Found(int(commits), str(head), bool(anchored), int(leases))


def _counted(sql: Sql, stand: Stand, records: list[LeaseRecord]) -> Mark:
    commits, head = sql.execute("SELECT commits, head FROM money").fetchone()
    # The moment makes two futures of one disk differ even where no record does.
    said = [head, stand.epoch, stand.boot, str(stand.mono_ms), *(record.mac for record in records)]
    head = hashlib.sha256("\n".join(said).encode()).hexdigest()[:HEAD_HEX_DIGITS]
    sql.execute("UPDATE money SET commits = ?, head = ?", (commits + 1, head))
    return Mark(stand.epoch, commits + 1, head)
