"""Head office with two stores, a member, sales and visitors; and its doors, opened by any role.

The bearer token names who asks: ``Authorization: Bearer analyst/zh_CN/s1`` is an analyst who reads Chinese
and may see one store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.keys import Keys
from central_server.membership import api as member_api
from central_server.membership import pages as member_pages
from central_server.membership import service as membership
from central_server.reports import api as report_api
from central_server.reports import pages as report_pages
from central_server.sales import api as sales_api
from central_server.sales import pages as sales_pages
from central_server.sales import service as sales
from central_server.staff.rights import RIGHTS, rights_of
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from central_server.traffic import api as traffic_api
from central_server.traffic import pages as traffic_pages
from central_server.traffic import service as traffic
from central_server.web.deps import Viewer, WebOptions
from central_server.web.security import csrf_token
from central_server.web.shell import install
from sync.contract.clock import Stamp
from sync.contract.events import DeviceState, Passed, SaleCompleted, SaleLine, Tender
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 2026-11-18 (a Wednesday) 19:06:40 in Shanghai
WEEK_MS = 7 * 86_400_000
HOUR_MS = 3_600_000
WANG = "MWANG23456AAA"


@dataclass
class Clock:
    now_ms: int = NOW_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


async def viewer_of(_session: object, token: str, *, bearer: bool, now_ms: int) -> Viewer | None:
    role, lang, store, *_ = (*token.split("/"), "", "")
    rights = frozenset(RIGHTS) if role == "admin" else rights_of([role])
    if role not in RIGHTS and not rights and role != "nobody":
        return None
    only = frozenset({store}) if store else None
    return Viewer(1, role, rights or frozenset({role}) & set(RIGHTS), lang or "en", csrf_token(token), only)


def facts_at(*events: tuple[Any, int], first: int = 1) -> list[Fact[Any]]:
    return [
        Fact(
            fact_key(1, first + n),
            EventId("s1", "0" * 16, Lane.TILL, first + n),
            Stamp("0" * 8, n, at_ms, True),
            event,
        )
        for n, (event, at_ms) in enumerate(events)
    ]


def a_sale(receipt: str, total: int, **more: Any) -> SaleCompleted:
    return SaleCompleted(
        till="till1", receipt=receipt, currency="CNY", total_minor=total,
        lines=(SaleLine("农夫山泉", total),), tenders=(Tender("cash", total),), **more,
    )  # fmt: skip


@pytest.fixture
def many_sales() -> Any:
    """So many sales of an hour ago, as facts, and what time it is."""
    at_ms = NOW_MS - HOUR_MS
    return lambda count: (
        facts_at(*((a_sale(f"S{n}", 500), at_ms) for n in range(count)), first=5000),
        NOW_MS,
    )


@pytest.fixture
async def office(database: Database, keys: Keys) -> Database:
    """s1: 20 visitors today, 4 sales, 1 return, net 100.00; 10 visitors and 2 sales a week ago."""
    how = {"keys": keys, "by": "li", "at_ms": NOW_MS}
    async with database.transaction() as session:
        group = await stores.add_org(session, COMMAND, "group", "集团", None, now_ms=NOW_MS)
        s1 = stores.NewStore("s1", "南京路", "Asia/Shanghai", "CNY", org_id=group.id)
        await stores.add_store(session, COMMAND, s1, now_ms=NOW_MS)
        s2 = stores.NewStore("s2", "Berlin", "Europe/Berlin", "CNY")
        await stores.add_store(session, COMMAND, s2, now_ms=NOW_MS)
        person = {"name": "王小明", "phone": "13800138000", "address": "南京路 1 号"}
        await membership.enrol(session, member=WANG, person=person, **how)
        await membership.add_card(session, member=WANG, number="GC0012345678", technology="magstripe", **how)
        at_ms = NOW_MS - 3 * HOUR_MS
        await sales.record(
            session,
            "s1",
            facts_at(
                (a_sale("R1", 4000, member=WANG), at_ms),
                (a_sale("R2", 3000), at_ms),
                (a_sale("R3", 3000), at_ms),
                (a_sale("R4", 1000), at_ms),
                (a_sale("R5", -1000, refers_to="R4"), at_ms + 1000),
                (a_sale("OLD1", 2500), at_ms - WEEK_MS),
                (a_sale("OLD2", 2500), at_ms - WEEK_MS),
            ),
            NOW_MS,
        )
        door = [(Passed(device="door", inward=1), at_ms + n) for n in range(20)]
        door += [(Passed(device="door", outward=1), at_ms + 60_000 + n) for n in range(18)]
        door += [(Passed(device="door", inward=1), at_ms - WEEK_MS + n) for n in range(10)]
        await traffic.record(session, "s1", facts_at(*door, first=100), NOW_MS)
        late = (
            Passed(device="door", inward=50),
            NOW_MS - WEEK_MS + 2 * HOUR_MS,
        )  # last week, later that evening
        await traffic.record(session, "s1", facts_at(late, first=900), NOW_MS)
        down = facts_at(
            (DeviceState(device="door", state="down"), NOW_MS - 2 * HOUR_MS),
            (DeviceState(device="door", state="up"), NOW_MS - HOUR_MS),
        )
        await traffic.device_states(session, "s1", down, NOW_MS)
    return database


@pytest.fixture
async def app(office: Database, keys: Keys) -> FastAPI:
    app = FastAPI(openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.database = office
    app.state.clock = Clock()
    app.state.keys = keys
    app.state.viewer_of = viewer_of
    for module in (
        member_api, member_pages, sales_api, sales_pages,
        traffic_api, traffic_pages, report_api, report_pages,
    ):  # fmt: skip
        app.include_router(module.router)
    install(app, WebOptions())
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as client:
        yield client


@pytest.fixture
def wang() -> str:
    return WANG


def who(role: str, lang: str = "en", store: str = "") -> dict[str, str]:
    """The header with which somebody of that role asks."""
    return {"Authorization": f"Bearer {role}/{lang}/{store}"}


@pytest.fixture
def as_() -> Any:
    return who
