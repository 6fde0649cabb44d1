"""Logins for tests: a JSON file of login → secret, named by the "database URL", read at every check."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class FileLogins:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def check(self, login: str, secret: str) -> bool:
        return json.loads(self._path.read_text()).get(login) == secret


@asynccontextmanager
async def open_logins(database_url: str) -> AsyncIterator[FileLogins]:
    yield FileLogins(Path(database_url))
