"""What a route is handed: the session at whose door it stands, and who is asking.

    async def members(request: Request, db: Db, viewer: Annotated[Viewer, Depends(needs("members.read"))]): …

`app.py` hangs what these need on the application's state:

    database     db.Database
    clock        sync.contract.clock.Clock
    keys         keys.Keys
    viewer_of    ViewerOf: whose token this is (staff.service.viewer_of; web stands below staff)
    web          WebOptions; its own values when there is none
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotSignedIn, Refused
from central_server.web.security import BEARER, session_cookie
from central_server.web.text import N_
from sync.contract.clock import Clock

if TYPE_CHECKING:
    from central_server.db import Database
    from central_server.keys import Keys


@dataclass(frozen=True)
class Viewer:
    """Who is asking, and what they may."""

    user_id: int
    name: str
    rights: frozenset[str]
    lang: str = "en"
    csrf: str = ""
    stores: frozenset[str] | None = None  # None: every store
    roles: frozenset[str] = frozenset()
    token_id: int | None = None  # the API token that was shown instead of a session

    def may(self, right: str) -> bool:
        """Whether the viewer has that right."""
        return right in self.rights

    def may_see(self, store: str) -> bool:
        """Whether the viewer may see that store's figures."""
        return self.stores is None or store in self.stores


class ViewerOf(Protocol):
    """Finds whose token it is. `bearer`: an API token from a header, else a session from a cookie."""

    def __call__(
        self, database: Database, token: str, *, bearer: bool, now_ms: int
    ) -> Awaitable[Viewer | None]: ...


@dataclass(frozen=True)
class WebOptions:
    """What the shell needs to know of the settings."""

    timezone: str = "Asia/Shanghai"  # of head office; a store's own figures are shown in the store's
    export_rows_max: int = 200_000
    body_max_bytes: int = 1024 * 1024
    secure_cookies: bool = False  # the world reaches us by https, whatever the proxy speaks to us
    language: str = "zh_CN"  # of a new user
    page_rows: int = 50
    sign_in_tries: int = 10  # wrong passwords before the pauses begin


def database_of(request: Request) -> Database:
    """The database that app.py opened."""
    return cast("Database", request.app.state.database)


def clock_of(request: Request) -> Clock:
    """The clock that app.py handed in."""
    return cast(Clock, request.app.state.clock)


def keys_of(request: Request) -> Keys:
    """The centre's keys."""
    return cast("Keys", request.app.state.keys)


def options_of(request: Request) -> WebOptions:
    """The shell's settings."""
    return cast(WebOptions, getattr(request.app.state, "web", None) or WebOptions())


def now_ms(request: Request) -> int:
    """The time of this request."""
    return clock_of(request).wall_ms()


async def signed_in(request: Request) -> Viewer | None:
    """Who is asking, if they said so; looked up once a request, before any transaction is open."""
    authorization = request.headers.get("authorization", "")
    bearer = authorization[: len(BEARER)].lower() == BEARER
    token = (
        authorization[len(BEARER) :].strip() if bearer else request.cookies.get(session_cookie(request.scope))
    )
    if not token:
        return None
    find = cast(ViewerOf, request.app.state.viewer_of)
    viewer = await find(database_of(request), token, bearer=bearer, now_ms=now_ms(request))
    request.state.viewer = viewer  # so that an error page can greet them too
    return viewer


MaybeViewer = Annotated[Viewer | None, Depends(signed_in)]


async def anyone(viewer: MaybeViewer) -> Viewer:
    """The signed-in viewer, whatever their rights. Raises NotSignedIn."""
    if viewer is None:
        raise NotSignedIn(N_("please sign in"))
    return viewer


def needs(*rights: str) -> Callable[..., Awaitable[Viewer]]:
    """A dependency that gives the Viewer. Raises NotSignedIn, or Refused without every one of `rights`."""

    async def viewer_with_rights(viewer: Annotated[Viewer, Depends(anyone)]) -> Viewer:
        for right in rights:
            if not viewer.may(right):
                raise Refused(N_("this needs the right {right}, which you do not have"), right=right)
        return viewer

    viewer_with_rights.rights = rights  # type: ignore[attr-defined]  # the rights matrix is read off the routes
    return viewer_with_rights


async def _transaction(request: Request, _first: MaybeViewer) -> AsyncIterator[AsyncSession]:
    # After the viewer has been found, never around it: SQLite has one writer.
    async with database_of(request).transaction() as session:
        yield session


async def _reading(request: Request, _first: MaybeViewer) -> AsyncIterator[AsyncSession]:
    async with database_of(request).reading() as session:
        yield session


# For what changes something: commits when the route has returned, before the answer is sent; rolls back when
# it raised. Do no slow work (a hash, a call) in such a route: on SQLite every writer waits.
Db = Annotated[AsyncSession, Depends(_transaction, scope="function")]
# For what only reads; stays open until the last byte is sent, so a streamed answer may go on reading.
ReadDb = Annotated[AsyncSession, Depends(_reading, scope="request")]
