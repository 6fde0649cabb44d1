"""Staff's doors in the shell, over each kind of database, with hashes that cost nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from central_server.db import Database
from central_server.staff import api, pages, service
from central_server.staff.passwords import Passwords
from central_server.staff.sessions import viewer_of
from central_server.web.deps import Viewer, WebOptions
from central_server.web.security import csrf_token, session_cookie
from central_server.web.shell import install

PASSWORD = "correct horse battery"
SignIn = Callable[..., Awaitable[httpx.Response]]


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def app(database: Database, clock: Clock, passwords: Passwords) -> FastAPI:
    app = FastAPI(openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.database = database
    app.state.clock = clock
    app.state.passwords = passwords
    app.state.viewer_of = partial(viewer_of, idle_ms=3_600_000)
    for router in (pages.router, api.router):
        app.include_router(router)
    install(app, WebOptions(sign_in_tries=3))
    await service.create_first_admin(
        database, passwords, "root", "Root", PASSWORD, now_ms=clock.now_ms, lang="en"
    )
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as client:
        yield client


@pytest.fixture
def csrf(client: httpx.AsyncClient) -> Callable[[], str]:
    """The token that a page would have in its forms now."""

    def token() -> str:
        cookies = client.cookies
        return csrf_token(cookies.get(session_cookie({})) or cookies.get("tb_guest") or "")

    return token


@pytest.fixture
def sign_in(client: httpx.AsyncClient, csrf: Callable[[], str]) -> SignIn:
    async def signing_in(login: str = "root", password: str = PASSWORD, next: str = "/") -> httpx.Response:
        client.cookies.clear()
        await client.get("/login")
        form = {"login": login, "password": password, "csrf": csrf(), "next": next}
        return await client.post("/login", data=form)

    return signing_in


@pytest.fixture
def root() -> Viewer:
    from central_server.staff.rights import RIGHTS

    return Viewer(1, "Root", frozenset(RIGHTS))


@pytest.fixture
def add_user(database: Database, passwords: Passwords, root: Viewer, clock: Clock):  # type: ignore[no-untyped-def]
    """A user who has chosen their password already."""

    async def added(login: str, *roles: str, must_change: bool = False, **more: object) -> int:
        new = service.NewUser(login, login.title(), roles, lang="en", **more)  # type: ignore[arg-type]
        user_id = await service.add_user(database, passwords, root, new, PASSWORD, now_ms=clock.now_ms)
        async with database.transaction() as session:
            (await service.user_with(session, user_id)).must_change = must_change
        return user_id

    return added
