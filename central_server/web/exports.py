"""Files take their turn, so that those who take much home do not starve the stores' events and pages.

Each file holds a connection to the database, and the interpreter, for as long as it is read: a slow reader,
or twenty people at the end of the month, must not be able to take all of them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from central_server.web.mishaps import answer

AT_ONCE_MAX: Final = 4  # of this process; the database's pool has 15 connections
WAIT_S: Final = 3.0  # for a turn; past it 503, and the reader may try again
FILES: Final = (".csv", ".xlsx")
LONGEST_S: Final = 300.0  # of one file, however slowly it is read; past it the connection is cut
_AGAIN_S: Final = "10"

log = logging.getLogger(__name__)


class Exports:
    """ASGI middleware inside the last handler: at most `at_once` answers to `….csv` or `….xlsx` at a time."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        at_once: int = AT_ONCE_MAX,
        wait_s: float = WAIT_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(at_once)
        self._wait_s = wait_s
        self._longest_s = longest_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises TimeoutError when the file takes too long: half a file must not look like a whole one."""
        if scope["type"] != "http" or not scope["path"].endswith(FILES):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
        except TimeoutError:
            refusal = answer(Request(scope), 503, headers={"Retry-After": _AGAIN_S})
            await refusal(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._longest_s) as limit:
                await self._app(scope, receive, send)
        finally:
            self._turns.release()
            if limit.expired():
                log.warning("%s was cut off after %.0f s", scope["path"], self._longest_s)
