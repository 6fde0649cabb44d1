"""Builds the centre: the only place where its parts meet.

Centre       inbox, publisher, line, jobs and the embedded broker; no web, so it runs in a simulation
build_app    the same with the web around it
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server import modules, periodic
from central_server.db import Database
from central_server.downlink.line import Line
from central_server.downlink.publisher import Publisher
from central_server.jobs import Jobs
from central_server.keys import Keys
from central_server.ledger.leases.anchor import ANCHOR_FILE, Anchor
from central_server.ledger.leases.asking import Asking
from central_server.uplink.apply import marks_of
from central_server.uplink.handlers import Handlers, handlers
from central_server.uplink.inbox import Heard, Inbox, IsKnown
from central_server.uplink.meters import Meters
from central_server.web.deps import WebOptions
from central_server.wire import CentreBroker, dialler_for
from config.central import CentralSettings
from sync.clock import SystemClock
from sync.contract.clock import Clock
from sync.link.base import Dialler
from sync.slots import RealSlotDisk, SlotDisk

log = logging.getLogger(__name__)


class Centre:
    """Everything of the centre but its web. What is handed in is used; the rest is made from the settings."""

    def __init__(
        self,
        settings: CentralSettings,
        *,
        dialler: Dialler | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        database: Database | None = None,
        keys: Keys | None = None,
        anchor_disk: SlotDisk | None = None,
        event_handlers: Handlers | None = None,
        is_known: IsKnown | None = None,
        heard: Heard | None = None,
    ) -> None:
        self.settings = settings  # exchanged on reload; read anew whenever it is used
        self.clock = clock or SystemClock()
        self.chance = chance or random.Random()
        self.keys = keys or Keys.open(settings.state_dir)
        self.database = database or Database(settings.database_url(), chance=self.chance)
        self.registry = CollectorRegistry()
        self.broker = (
            CentreBroker(settings) if dialler is None and settings.broker.kind == "embedded" else None
        )
        self.line = Line(dialler or self.broker or dialler_for(settings), self.clock, self.chance)
        self.publisher = Publisher(self.database, send=self.line.publish, marks_of=marks_of, clock=self.clock)
        self.handlers = (
            event_handlers if event_handlers is not None else handlers(self.keys, settings.country)
        )
        self.asking = Asking(
            self.database,
            send=self.line.publish,
            keys=self.keys,
            settings=lambda: self.settings.leases,
            anchor=Anchor(anchor_disk or RealSlotDisk(settings.state_dir / ANCHOR_FILE)),
            clock=self.clock,
        )
        self.inbox = Inbox(
            self.database,
            self.handlers,
            send=self.line.publish,
            is_known=is_known or _is_known,
            on_here=self.publisher.here,
            on_said=self.asking.put,
            heard=heard or _heard,
            clock=self.clock,
            chance=self.chance,
            meters=Meters(self.registry),
        )
        self.jobs = Jobs(
            self.database,
            periodic.jobs(lambda: self.settings, self.keys),
            clock=self.clock,
            chance=self.chance,
            me=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}",
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the broker, if it is ours, and everything else; once. Raises Misconfigured."""
        if self._failed is not None:
            return
        self._failed = asyncio.get_running_loop().create_future()
        self.database.committed.append(self._told)
        if self.broker is not None:
            await self.broker.start()
            self._run("broker", self.broker.run(self.chance))
        self._run("inbox", self.inbox.commit())
        self._run("asking", self.asking.run())
        self._run("publisher", self.publisher.run())
        self._run("line", self.line.run(self.inbox.receive))
        self._run("jobs", self.jobs.run())

    async def stop(self) -> None:
        """End everything; what was not committed stays with the stores. May be called twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.broker is not None:
            await self.broker.stop()
        await self.database.close()

    async def failed(self) -> None:
        """Waits until a part has failed that cannot go on, and raises what it raised; else for ever."""
        assert self._failed is not None
        await asyncio.shield(self._failed)

    async def ready(self) -> dict[str, bool]:
        """What works now, by its name."""
        try:
            async with asyncio.timeout(2), self.database.reading() as session:
                await session.execute(sa.select(1))
            database = True
        except (DBAPIError, OSError):  # TimeoutError among them
            database = False
        return {"database": database, "broker": self.line.up}

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"centre {name}")
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failed is None or self._failed.done():
            return
        error = task.exception() or RuntimeError(f"{task.get_name()} has ended")
        log.critical("%s has failed", task.get_name(), exc_info=error)
        self._failed.set_exception(error)
        self._failed.exception()  # it is noted, also when nobody waits

    def _told(self, info: Mapping[str, Any]) -> None:
        if info.get("told"):
            self.publisher.wake()


async def _is_known(session: AsyncSession, store: str) -> bool:
    from central_server.stores import service as stores

    return await stores.is_known(session, store)


async def _heard(session: AsyncSession, store: str, at_ms: int) -> None:
    from central_server.stores import service as stores

    await stores.heard(session, store, at_ms)


def build_app(settings: CentralSettings, *, centre: Centre | None = None) -> FastAPI:
    """The web application; the centre starts and stops with it."""
    from central_server import probes
    from central_server.staff.passwords import Passwords
    from central_server.staff.service import viewer_of
    from central_server.web.shell import install

    built = centre or Centre(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            await built.start()
            yield
        finally:
            await built.stop()

    app = FastAPI(
        title="Tillbeam",
        description="Members, sales, visitors and stores of the chain.",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # its pages load scripts from elsewhere; the schema is at /api/v1/openapi.json
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.centre = built
    app.state.settings = settings
    app.state.database = built.database
    app.state.clock = built.clock
    app.state.keys = built.keys
    app.state.handlers = built.handlers
    app.state.viewer_of = partial(viewer_of, idle_ms=settings.limits.session_idle_minutes * 60_000)
    app.state.passwords = Passwords()
    app.include_router(probes.router)
    for router in modules.routers():
        app.include_router(router)
    install(app, web_options(settings))
    return app


def web_options(settings: CentralSettings) -> WebOptions:
    """What the web's shell needs to know of the settings."""
    return WebOptions(
        timezone=settings.timezone,
        export_rows_max=settings.limits.export_rows,
        secure_cookies=settings.web.cookies_are_secure,
        language=settings.language,
        page_rows=settings.limits.page_rows,
        sign_in_tries=settings.limits.sign_in_tries,
    )


def use_settings(app: FastAPI, settings: CentralSettings) -> None:
    """Go on with other settings: those that `CentralSettings.LIVE` names take effect."""
    app.state.centre.settings = app.state.settings = settings
    app.state.web = web_options(settings)
