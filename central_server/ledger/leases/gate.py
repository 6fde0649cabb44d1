"""Whether anything may be granted now, and what must be on disk before a grant is answered.

look    at the start: is the database behind the anchor? then nothing is granted (`stopping.py`)
count   in the transaction that grants
hold    after its commit, before the answers
"""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.ledger.leases import stopping
from central_server.ledger.leases.anchor import Anchor, Mark
from sync.contract.clock import Clock

log = logging.getLogger(__name__)


class Gate:
    """The anchor of this process, and the stop of all."""

    def __init__(self, database: Database, anchor: Anchor, clock: Clock) -> None:
        self._database = database
        self._anchor = anchor
        self._clock = clock
        self._looked = False
        self._owed: Mark | None = None  # what the file could not be made to say

    async def look(self) -> None:
        """A database put back in time: nothing is granted from now on. Raises DBAPIError, OSError."""

        async def work(session: AsyncSession) -> bool:
            if self._anchor.damaged:
                await stopping.stop_for_damage(session, self._clock.wall_ms())
                return True
            return await stopping.stop_if_put_back(session, self._anchor.held, self._clock.wall_ms())

        if await self._database.run(work):
            log.critical("the database may have been put back in time: no store is granted anything")
        if self._anchor.damaged:
            await self._anchor.begin_anew()  # the stop is on disk by now
        self._looked = True

    async def is_ready(self) -> bool:
        """Whether the anchor says all that was granted so far. Raises as `look`."""
        if not self._looked:
            await self.look()
        return self._owed is None or await self.hold(self._owed)

    async def is_stopped(self, session: AsyncSession) -> bool:
        """Whether nothing may be granted, by anybody."""
        return await stopping.stop_of(session) is not None

    async def count(self, session: AsyncSession) -> Mark:
        """What to `hold` after this transaction, which grants something. Raises PutBack."""
        return await stopping.count_grant(session, self._anchor.held)

    async def hold(self, mark: Mark) -> bool:
        """Whether the anchor says `mark` now, on disk; if not, nothing is granted until it does."""
        try:
            await self._anchor.hold(mark)
        except OSError as error:
            if self._owed is None:
                log.error("the anchor of the ledger cannot be written, nothing is granted: %s", error)
                await self._noted(str(error))
            self._owed = mark
            return False
        if self._owed is not None:
            self._owed = None
            await self._noted("")
        return True

    async def _noted(self, wrong: str) -> None:
        """Head office sees that the anchor cannot be written (or can again), if the database takes it."""

        async def work(session: AsyncSession) -> None:
            now_ms = self._clock.wall_ms()
            if wrong:
                await stopping.note_broken(session, wrong, now_ms)
            else:
                await stopping.note_mended(session, now_ms)

        try:
            await self._database.run(work)
        except (DBAPIError, OSError) as error:
            log.warning("the alarm about the anchor is not noted: %s", error)
