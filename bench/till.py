"""A cashier without a browser: a till's page by HTTP, on one connection that is kept."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from typing import Any, NamedTuple

ANSWER_S = 15.0
KEPT_S = 3.0  # the box closes a connection that rests for five
_TOKEN = re.compile(rb'name="tillbeam-token" content="([^"]+)"')
_AT = re.compile(rb'data-at="(\d+)"')
_TIMING = re.compile(rb"server-timing: ask;dur=([0-9.]+)")
_OUTCOME = re.compile(rb'data-outcome="(\w+)" data-approved="(\d+)" data-rest="(\d+)"')


class Told(NamedTuple):
    """What the page said to a question about money. Amounts in minor units."""

    outcome: str  # pay, top, refund; or why not
    approved: int
    rest: int

    @property
    def done(self) -> bool:
        return self.outcome in ("pay", "top", "refund")


class TillPage:
    """One till's page. `async with`; raises OSError when the box does not answer."""

    def __init__(self, port: int, till: str) -> None:
        self._port, self._till = port, till
        self._numbers = itertools.count(1)
        self._token = ""
        self._at = 0
        self._used_s = 0.0
        self.ask_ms = 0.0  # of the last answer, as the box itself has measured it

    async def __aenter__(self) -> TillPage:
        await self._connect()
        found = _TOKEN.search(await self._page())
        if not found:
            raise OSError("the till's page has no token")
        self._token = found[1].decode()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def look_up(self, text: str) -> bool:
        """Finds a card or telephone number, as if typed; whether somebody stands on the page now."""
        status, _ = await self._ask("POST", "/till/lookup", {"till": self._till, "text": text})
        page = await self._page()
        at = _AT.search(page)
        self._at = int(at[1]) if at else 0
        return status == 204 and b'class="card known' in page

    async def join(self, name: str, phone: str, card: str = "") -> None:
        """Somebody joins. Raises ValueError with what the page says instead."""
        joiner = {"till": self._till, "name": name, "phone": phone, "card": card, "consent": True}
        status, answer = await self._ask("POST", "/till/join", joiner)
        if status != 204:
            raise ValueError(answer.decode())

    async def form(self, kind: str = "pay") -> str:
        """The form for the card on the page."""
        _, body = await self._ask("GET", f"/till/money/{kind}?till={self._till}")
        return body.decode()

    async def pay(self, amount: str, **more: Any) -> Told:
        return await self._money("/till/pay", {"amount": amount, "at": self._at} | more)

    async def top_up(self, amount: str, **more: Any) -> Told:
        return await self._money("/till/top", {"amount": amount, "at": self._at} | more)

    async def refund(self, amount: str, of_txn: str, **more: Any) -> Told:
        return await self._money(
            "/till/refund", {"amount": amount, "of_txn": of_txn, "of_till": self._till} | more
        )

    def number(self) -> str:
        """A new number of a transaction."""
        return f"{self._till}-{next(self._numbers):010d}"

    async def _money(self, path: str, asked: dict[str, Any]) -> Told:
        body = {"till": self._till, "txn": self.number()} | asked
        status, answer = await self._ask("POST", path, body)
        found = _OUTCOME.search(answer.replace(b"\n ", b""))
        if found:
            return Told(found[1].decode(), int(found[2]), int(found[3]))
        pin = re.search(rb'data-reason="(\w+)"', answer)
        return Told(pin[1].decode() if pin else f"{status} {answer[:200].decode()}", 0, 0)

    async def _page(self) -> bytes:
        return (await self._ask("GET", f"/till?till={self._till}"))[1]

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        data = b"" if body is None else json.dumps(body).encode()
        if time.monotonic() - self._used_s > KEPT_S:
            self._writer.close()
            await self._connect()
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-tillbeam-token: {self._token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n"
            "cookie: tillbeam_lang=en\r\n\r\n".encode()
            + data
        )
        async with asyncio.timeout(ANSWER_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            answer = await self._reader.readexactly(int(length[1])) if length else b""
        self._used_s = time.monotonic()
        timing = _TIMING.search(head)
        self.ask_ms = float(timing[1]) if timing else 0.0
        return int(head.split(b" ", 2)[1]), answer
