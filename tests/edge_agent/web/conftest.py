"""The store's pages over a real outbox and replica, with no devices and no line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.edge import EdgeSettings
from edge_agent.app import Edge, World
from edge_agent.identity import Identity
from edge_agent.web.app import build
from edge_agent.wedge import wedge_decoder
from sync.contract.message import Words
from sync.contract.questions import Visit
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import EVERYONE, MemberTold
from sync.link.base import Connection, LinkDown

TOKEN = "page-token"
TOKEN_KEY = b"t" * 32


class NoLine:
    async def dial(self, subscribe: object) -> Connection:
        raise LinkDown("there is no line in this test")


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    identity = Identity(
        store="s001",
        mqtt_url="mqtt://127.0.0.1:1",
        login="s001",
        password="secret",
        token_key=TOKEN_KEY,
        store_key=b"s" * 32,
        centre_public_key=public,
    )
    settings = EdgeSettings.model_validate({"state_dir": str(tmp_path)})
    edge = Edge(settings, World(identity=identity, dialler=lambda *_: NoLine()))
    await edge.start()
    word = MemberTold(
        member="M1",
        name="王**",
        cards=(card_token(TOKEN_KEY, "6287019900000010"),),
        lost_cards=(card_token(TOKEN_KEY, "6287019900000028"),),
        phones=(phone_token(TOKEN_KEY, "13800000001"),),
        tier="gold",
        points=1280,
        value_minor=5050,
        visits=(Visit(1_790_000_000_000, "s001", 19_950, "CNY"),),
    )
    assert edge.replica is not None
    await edge.replica.apply(Words(EVERYONE, 0, [(1, word)]))
    yield edge
    await edge.stop()


@pytest.fixture
async def browser(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=edge.metrics,
        wedge=lambda: wedge_decoder(edge.settings),
        lang="en",
        token=TOKEN,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"x-tillbeam-token": TOKEN}
    ) as client:
        yield client
