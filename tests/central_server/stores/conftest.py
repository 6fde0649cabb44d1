"""Staff's and stores' doors in the shell, over each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.keys import Keys
from central_server.staff import api as staff_api
from central_server.staff import pages as staff_pages
from central_server.staff import service as staff
from central_server.staff.passwords import Passwords
from central_server.staff.rights import RIGHTS, rights_of
from central_server.staff.sessions import viewer_of
from central_server.stores import api, pages
from central_server.stores import service as stores
from central_server.web.deps import Viewer, WebOptions
from central_server.web.security import csrf_token
from central_server.web.shell import install
from config.central import CentralSettings
from sync.contract.clock import Stamp
from sync.contract.events import Event
from sync.contract.ids import EventId, Lane

NOW_MS = 1_800_000_000_000
ROOT = Viewer(1, "Root", frozenset(RIGHTS))


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root() -> Viewer:
    return ROOT


@pytest.fixture
async def app(database: Database, clock: Clock, keys: Keys) -> FastAPI:
    app = FastAPI(openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.database = database
    app.state.clock = clock
    app.state.keys = keys
    app.state.settings = CentralSettings.model_validate(
        {"broker": {"kind": "external", "url": "mqtt://inside:1883", "public_url": "mqtts://crm.test:8883"}}
    )
    app.state.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app.state.viewer_of = viewer_of
    for router in (staff_pages.router, staff_api.router, pages.router, api.router):
        app.include_router(router)
    install(app, WebOptions())
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as client:
        yield client


@pytest.fixture
def as_viewer(app: FastAPI, client: httpx.AsyncClient):  # type: ignore[no-untyped-def]
    """Makes every request come from somebody with these roles; gives the header that forms need."""

    def sign_in(*roles: str, lang: str = "en", stores: frozenset[str] | None = None) -> dict[str, str]:
        viewer = Viewer(1, "Somebody", rights_of(roles), lang, csrf_token("x"), stores, frozenset(roles))

        async def found(*_: object, **__: object) -> Viewer:
            return viewer

        app.state.viewer_of = found
        client.cookies.set("tb_session", "x")
        return {"X-CSRF-Token": csrf_token("x")}

    return sign_in


@pytest.fixture
def add_store(database: Database):  # type: ignore[no-untyped-def]
    async def added(store: str, **more: object) -> None:
        async with database.transaction() as session:
            new = stores.NewStore(store, f"Store {store}", **more)  # type: ignore[arg-type]
            await stores.add_store(session, ROOT, new, now_ms=NOW_MS)

    return added


@pytest.fixture
def facts():  # type: ignore[no-untyped-def]
    """Makes facts of a store's health lane: ``facts((event, at_ms), …)``, numbered on from the last."""
    number = 0

    def made(*events: tuple[Event, int], sure: bool = True) -> list[Fact[Event]]:
        nonlocal number
        found = []
        for event, at_ms in events:
            number += 1
            place = EventId("s1", "0" * 16, Lane.HEALTH, number)
            found.append(Fact(fact_key(1, number), place, Stamp("0" * 8, at_ms, at_ms, sure), event))
        return found

    return made


@pytest.fixture
async def somebody(database: Database, app: FastAPI) -> int:
    """A user in the database, for what needs a row."""
    return await staff.create_first_admin(
        database, app.state.passwords, "root", "Root", "correct horse battery", now_ms=NOW_MS
    )
