"""Which edge may come to the broker: asked from the broker's own process at every connection."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from central_server.db import Database
from central_server.errors import Busy
from central_server.stores.enrolment import digest
from central_server.stores.models import Login
from central_server.web.text import N_

_NOBODY: Final = bytes(32)
_SECRET_MAX: Final = 256


class Logins:
    """The stores' logins (broker.logins.Logins)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, login: str, secret: str) -> bool:
        """Whether that store's edge may come in with that password, now. Raises Busy."""
        query = sa.select(Login.secret_sha256).where(Login.store == login, Login.revoked_ms.is_(None))
        try:
            async with self._database.reading() as session:
                known = await session.scalar(query)
        except (DBAPIError, OSError) as error:
            raise Busy(N_("the database does not answer")) from error
        same = hmac.compare_digest(known or _NOBODY, digest(secret[:_SECRET_MAX]))
        return same and known is not None


@asynccontextmanager
async def open_logins(database_url: str) -> AsyncIterator[Logins]:
    """``async with open_logins(url) as logins``; the broker's settings name it by its path."""
    database = Database(database_url)
    try:
        yield Logins(database)
    finally:
        await database.close()
