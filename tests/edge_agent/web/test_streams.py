"""How a page's stream of events ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from edge_agent.web.app import EventStream


async def for_ever() -> AsyncGenerator[bytes, None]:
    yield b"retry: 1\n\n"
    await asyncio.Event().wait()


class Browser:
    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.got: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.got.append(message)


async def test_an_agent_that_ends_ends_its_streams() -> None:
    browser, ending = Browser(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, ending.set)
    await asyncio.wait_for(EventStream(for_ever(), ending)({}, browser.receive, browser.send), 5)
    assert [message.get("body") for message in browser.got] == [None, b"retry: 1\n\n", b""]
    assert browser.got[-1]["more_body"] is False


async def test_a_stream_ends_when_the_browser_goes() -> None:
    browser = Browser()
    asyncio.get_running_loop().call_later(0.01, browser.left.set)
    await asyncio.wait_for(EventStream(for_ever(), asyncio.Event())({}, browser.receive, browser.send), 5)
    assert browser.got[-1]["more_body"] is True
