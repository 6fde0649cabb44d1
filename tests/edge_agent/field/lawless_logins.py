"""A broker that lets everybody do anything, like an external one without rules: for its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from central_server.broker import server


class Anybody:
    async def check(self, login: str, secret: str) -> bool:
        return True


@asynccontextmanager
async def open_logins(database_url: str) -> AsyncIterator[Anybody]:
    """Takes away the rules that the URL names: `publish`, `read` or both."""
    if "publish" in database_url:
        server.may_publish = lambda login, topic: True  # type: ignore[assignment]
    if "read" in database_url:
        server.may_read = lambda login, topic: True  # type: ignore[assignment]
    yield Anybody()
