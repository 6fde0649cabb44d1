"""A till's page in a browser, its box, and simple rules of money behind it, all in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from playwright.async_api import Browser, Page, expect

from config.edge import EdgeSettings
from edge_agent.app import Edge, World
from edge_agent.identity import Identity
from edge_agent.web.app import build
from edge_agent.wedge import wedge_decoder
from sync.contract.message import Words
from sync.contract.questions import CardShown, Visit
from sync.contract.tokens import card_token
from sync.contract.told import EVERYONE, MemberTold
from sync.link.base import Connection, LinkDown
from tests.browser.conftest import LIMIT_MS, TILL
from tests.browser.watched import Watched
from tests.edge_agent.web.till_money import SimplePayments

KEY = b"t" * 32
CARD, OTHER = "6287019900000010", "6287019900000028"


class NoLine:
    async def dial(self, subscribe: object) -> Connection:
        raise LinkDown("there is no line in this test")


@dataclass
class Counter:
    """A till's page, its box and the rules behind it."""

    watched: Watched
    edge: Edge
    rules: SimplePayments

    @property
    def page(self) -> Page:
        return self.watched.page

    async def show_card(self, number: str = CARD) -> None:
        await self.edge.till.present("1", CardShown(number=number, technology="magstripe"))
        await expect(self.page.locator("#swipe .card.known h1")).to_be_visible()
        await expect(self.page.locator("#swipe [data-purse=value]")).to_be_visible()

    @property
    def dialog(self) -> Any:
        return self.page.locator("#deed")

    @property
    def amount(self) -> Any:
        return self.page.locator("#deed input.amount")

    @property
    def answer(self) -> Any:
        return self.page.locator("#deed [data-outcome]")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


@asynccontextmanager
async def counter_of(folder: Path, browser: Browser) -> AsyncIterator[Counter]:
    """A counter whose box lives in `folder`; at the end nothing may have gone wrong on its page."""
    identity = Identity(
        store="s001",
        mqtt_url="mqtt://127.0.0.1:1",
        login="s001",
        password="secret",
        token_key=KEY,
        store_key=b"s" * 32,
        centre_public_key=X25519PrivateKey.generate().public_key().public_bytes_raw(),
    )
    settings = EdgeSettings.model_validate({"state_dir": str(folder)})
    edge = Edge(settings, World(identity=identity, dialler=lambda *_: NoLine()))
    await edge.start()
    assert edge.replica is not None
    visits = tuple(Visit(1_790_000_000_000, "西湖店", 19_950, "CNY") for _ in range(3))
    words = [
        (
            number,
            MemberTold(
                member=f"M{number}", name=name, cards=(card_token(KEY, card),), tier="金卡", visits=visits
            ),
        )
        for number, name, card in ((1, "王**", CARD), (2, "李**", OTHER))
    ]
    await edge.replica.apply(Words(EVERYONE, 0, words))
    rules = edge.till._payments = SimplePayments()
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=None,
        wedge=lambda: wedge_decoder(settings),
        lang="zh_CN",
        token="token",
        history=rules,
        shifts=edge.shifts,
    )
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1)
    )
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    context = await browser.new_context(base_url=url, viewport={"width": TILL[0], "height": TILL[1]})
    context.set_default_timeout(LIMIT_MS)
    watched = Watched(await context.new_page())
    watched.refusals_expected = True
    async with asyncio.timeout(LIMIT_MS / 1000):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        await watched.page.goto("/till")
        await watched.page.locator("#badge .badge").wait_for()
        yield Counter(watched, edge, rules)
        await watched.page.close()
    finally:
        await context.close()
        app.state.ending.set()
        server.should_exit = True
        await serving
        await edge.stop()
    assert not watched.wrong
