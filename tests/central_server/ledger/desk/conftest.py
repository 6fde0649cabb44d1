"""People at the desk, and a clock that stands still until somebody moves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger import api, pages
from central_server.ledger.books.accounts import AccountName, accounts_of
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.cards.programmes import Programme, make_programme, programme
from central_server.ledger.models.cards import Card
from central_server.ledger.purses.lots import Add, settle_lots
from central_server.ledger.purses.purses import open_purse
from central_server.staff.audit import Actor
from central_server.staff.rights import ROLES, rights_of
from central_server.web.deps import Viewer, WebOptions
from central_server.web.shell import install

NOW_MS = 1_795_000_000_000  # 2026-11-18 (a Wednesday) 19:06:40 in Shanghai

_keys = count(1)


@dataclass
class Clock:
    now_ms: int = NOW_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def li() -> Actor:
    return Actor("Li", 1)


@pytest.fixture
def wang() -> Actor:
    return Actor("Wang", 2)


@pytest.fixture
def zhao() -> Actor:
    return Actor("Zhao", 3)


async def viewer_of(_database: object, token: str, *, bearer: bool, now_ms: int) -> Viewer | None:
    """``Bearer cashier/zh_CN/s1/7`` is user 7, a cashier of s1 who reads Chinese; ``…/t`` by an API token."""
    role, lang, store, user, by_token, *_ = (*token.split("/"), "", "", "", "")
    if role not in ROLES:
        return None
    only = frozenset({store}) if store else None
    token_id = 1 if by_token else None
    name = f"{role} {user or 1}"
    return Viewer(int(user or 1), name, rights_of([role]), lang or "en", "x", only, token_id=token_id)


@pytest.fixture
def app(database: Database, keys: Keys, clock: Clock) -> FastAPI:
    app = FastAPI(openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.database = database
    app.state.clock = clock
    app.state.keys = keys
    app.state.viewer_of = viewer_of
    app.include_router(api.router)
    app.include_router(pages.router)
    install(app, WebOptions())
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as client:
        yield client


def who(role: str = "admin", lang: str = "en", store: str = "", user: int = 1) -> dict[str, str]:
    """The header with which somebody of that role asks."""
    return {"Authorization": f"Bearer {role}/{lang}/{store}/{user}"}


@pytest.fixture
def as_() -> Any:
    return who


GIFT = {
    "kind": "value", "unit": "CNY", "zh": "礼品卡", "en": "Gift card", "reload": True, "valid_months": 36,
    "load_max": 50_000, "pin_above": 30_000, "bonus": [{"from_amount": 20_000, "amount": 2_000}],
    "numbers": {"prefix": "8800", "digits": 16},
}  # fmt: skip
POINTS = {
    "kind": "points",
    "unit": "PTS",
    "zh": "积分",
    "en": "Points",
    "holder": "member",
    "pay_per_unit": 1,
}


@pytest.fixture
async def gift(database: Database) -> str:
    """The programme of gift cards."""
    async with database.transaction() as session:
        return (await make_programme(session, "gift", GIFT, by="li", at_ms=NOW_MS)).id


@pytest.fixture
def purses(database: Database, gift: str) -> Any:
    """Makes active cards of the gift programme with so much on each; gives their purses."""

    async def made(*amounts: int, first: int = 1) -> list[str]:
        rules = (await _programme(database, gift)).rules
        found = []
        async with database.transaction() as session:
            programme = Programme(gift, rules, 1, False)
            for number, amount in enumerate(amounts, first):
                card = f"C{number:012}"
                row = Card(id=card, token=f"{number:032x}", last4="0000", programme=gift, batch="B1")
                row.state, row.made_ms, row.changed_ms = "active", NOW_MS, NOW_MS
                session.add(row)
                purse = await open_purse(session, f"card:{card}", programme, at_ms=NOW_MS)
                found.append(purse)
                if amount:
                    ids = await accounts_of(
                        session,
                        [AccountName("cash", "centre", "CNY"), AccountName("available", purse, "CNY")],
                    )
                    id_ = posting_id("test", card)
                    await post(
                        session, [NewTransfer(id_, *ids.values(), "CNY", amount, "load", card, NOW_MS)]
                    )
                    await settle_lots(session, [Add(id_, purse, amount, "paid")], now_ms=NOW_MS)
        return found

    return made


async def _programme(database: Database, id_: str) -> Programme:
    async with database.reading() as session:
        return await programme(session, id_)


@pytest.fixture
def ask(client, as_):
    """`await ask("/spends", {...})`: the answer; with a key of its own unless one is given."""

    async def asked(path: str, body: dict[str, Any], key: str = "", **who: Any) -> Any:
        headers = as_(**who) | {"Idempotency-Key": key or f"test-key-{next(_keys)}"}
        return await client.post(f"/api/v1{path}", json=body, headers=headers)

    return asked
