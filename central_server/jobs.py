"""What the centre does from time to time, by whichever of its processes comes first.

A job's row in the database says when it is due. A process takes it for a while (the lease) in one
conditional UPDATE, does the work in transactions of its own, and sets the next time. A process that dies
leaves a lease that runs out. Work must bear being done twice: a lease may run out under slow work.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base, Database, bulk_insert
from sync.contract.clock import Clock

LOOK_EVERY_S = 20.0
LEASE_MS = 10 * 60_000
ERROR_MAX_CHARS = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """`work(database, now_ms)` every `every_s` seconds. Its row is known by `name`, which never changes."""

    name: str
    every_s: int
    work: Callable[[Database, int], Awaitable[None]]


class JobRow(Base):
    """When a job is due, and who is at it. Times are the wall clock's, in milliseconds."""

    __tablename__ = "job"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_ms: Mapped[int]
    leased_until_ms: Mapped[int] = mapped_column(default=0)
    leased_by: Mapped[str] = mapped_column(default="")
    done_ms: Mapped[int | None]
    error: Mapped[str | None]


class Jobs:
    """Does what is due. `me` names this process among those that share the database."""

    def __init__(
        self, database: Database, jobs: Sequence[Job], *, clock: Clock, chance: random.Random, me: str
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._chance = chance
        self._me = me
        self._rows_made = False

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            try:
                await self.do_due()
            except (DBAPIError, OSError) as error:
                log.warning("cannot look for jobs now: %s", error)
            await asyncio.sleep(LOOK_EVERY_S * self._chance.uniform(0.8, 1.2))

    async def do_due(self) -> list[str]:
        """Do every job that is due and that nobody is at; gives their names."""
        if not self._rows_made:
            await self._database.run(self._make_rows)
            self._rows_made = True
        now_ms = self._clock.wall_ms()
        async with self._database.reading() as session:
            due = sa.or_(*(_is_due(job, now_ms) for job in self._jobs))
            names = set((await session.execute(sa.select(JobRow.name).where(due))).scalars())
        done = []
        for job in self._jobs:
            if job.name in names and await self._take(job):
                await self._do(job)
                done.append(job.name)
        return done

    async def _make_rows(self, session: AsyncSession) -> None:
        known = set((await session.execute(sa.select(JobRow.name))).scalars())
        rows = [(job.name, 0, 0, "") for job in self._jobs if job.name not in known]
        await bulk_insert(
            session, JobRow, rows, columns=["name", "due_ms", "leased_until_ms", "leased_by"], skip_known=True
        )

    async def _take(self, job: Job) -> bool:
        now_ms = self._clock.wall_ms()

        async def work(session: AsyncSession) -> bool:
            taken = await session.execute(
                sa.update(JobRow)
                .where(_is_due(job, now_ms))
                .values(leased_until_ms=now_ms + LEASE_MS, leased_by=self._me)
                .returning(JobRow.name)
            )
            return taken.scalar_one_or_none() is not None

        return await self._database.run(work)

    async def _do(self, job: Job) -> None:
        now_ms, error = self._clock.wall_ms(), None
        try:
            await job.work(self._database, now_ms)
        except Exception as raised:  # a job that fails must not take the inbox with it
            log.exception("job %s failed", job.name)
            error = repr(raised)[:ERROR_MAX_CHARS]

        async def work(session: AsyncSession) -> None:
            await session.execute(
                sa.update(JobRow)
                .where(JobRow.name == job.name, JobRow.leased_by == self._me)
                .values(due_ms=now_ms + job.every_s * 1000, leased_until_ms=0, done_ms=now_ms, error=error)
            )

        await self._database.run(work)


def _is_due(job: Job, now_ms: int) -> sa.ColumnElement[bool]:
    """Whether it is time and nobody is at it. A time far ahead was set by a wrong clock, and is past."""
    due = sa.or_(JobRow.due_ms <= now_ms, JobRow.due_ms > now_ms + job.every_s * 1000)
    free = sa.or_(JobRow.leased_until_ms <= now_ms, JobRow.leased_until_ms > now_ms + LEASE_MS)
    return sa.and_(JobRow.name == job.name, due, free)
