from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from central_server.staff.audit import Filter, every_change
from central_server.uplink import api, pages
from central_server.web.deps import Viewer, WebOptions
from central_server.web.shell import install
from tests.central_server.uplink.inbox_world import World, batch, passes

BOSS = Viewer(1, "Boss", frozenset({"aside.read", "aside.write", "export"}), csrf="c" * 43)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows a program's key, whose rights are `BOSS`'s or, for "looker", fewer."""
    viewers = {
        "boss": BOSS,
        "looker": Viewer(2, "Looker", frozenset({"aside.read"})),
        "mall": Viewer(3, "Mall", BOSS.rights, stores=frozenset({"mall"})),
        "here": Viewer(4, "Here", BOSS.rights, stores=frozenset({"shop"})),
    }

    async def viewer_of(_database: object, token: str, *, bearer: bool, now_ms: int) -> Viewer | None:
        return viewers.get(token)

    app = FastAPI()
    app.state.database, app.state.clock, app.state.keys = world.database, world.clock, None
    app.state.viewer_of, app.state.handlers = viewer_of, world.handlers
    app.include_router(api.router)
    app.include_router(pages.router)
    install(app, WebOptions())
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": "Bearer boss"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as made:
        yield made


def as_(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_the_pages_show_what_waits(world: World, client: httpx.AsyncClient) -> None:
    assert "Nothing waits here." in (await client.get("/aside")).text
    world.poison = {2}
    await world.arrive(batch(1, passes(3)))
    listed = await client.get("/aside")
    assert listed.status_code == 200
    assert "passed/1" in listed.text
    (item,) = (await client.get("/api/v1/aside")).json()["items"]
    one = await client.get(f"/aside/{item['id']}")
    assert one.status_code == 200
    assert "poison 2" in one.text
    assert (await client.get("/aside/99999")).status_code == 404


async def test_what_waits_is_a_file_too_for_who_may_take_it_home(
    world: World, client: httpx.AsyncClient
) -> None:
    world.poison = {2, 3}
    await world.arrive(batch(1, passes(3)))
    rows = list(csv.reader(io.StringIO((await client.get("/aside.csv")).text.lstrip("\ufeff"))))
    assert [row[1:6] for row in rows[1:]] == [
        ["shop", "0123456789abcdef", "count", "2", "passed/1"],
        ["shop", "0123456789abcdef", "count", "3", "passed/1"],
    ]
    assert (await client.get("/aside.csv", headers=as_("looker"))).status_code == 403
    assert "passed/1" not in (await client.get("/aside.csv", headers=as_("mall"))).text
    async with world.database.reading() as session:
        noted = [(one.actor, one.action) async for one in every_change(session, Filter())]
    assert noted == [("Mall", "exported"), ("Boss", "exported")]


async def test_an_event_is_replayed_through_the_api(world: World, client: httpx.AsyncClient) -> None:
    world.poison = {2}
    await world.arrive(batch(1, passes(3)))
    (item,) = (await client.get("/api/v1/aside")).json()["items"]
    assert item["envelope"][4] == {"type": "passed/1", "device": "door", "inward": 1}
    at = f"/api/v1/aside/{item['id']}"
    assert (await client.post(f"{at}/replay")).json() == {"done": False, "why": "KeyError('poison 2')"}
    world.poison.clear()
    assert (await client.post(f"{at}/replay")).json() == {"done": True, "why": ""}
    assert (await client.post(f"{at}/replay")).status_code == 409
    assert (await client.get("/api/v1/aside")).json() == {"items": [], "next": None, "total": 0}


async def test_an_event_is_discarded_through_the_api(world: World, client: httpx.AsyncClient) -> None:
    world.poison = {1}
    await world.arrive(batch(1, passes(1)))
    (item,) = (await client.get("/api/v1/aside")).json()["items"]
    at = f"/api/v1/aside/{item['id']}/discard"
    assert (await client.post(at, json={"reason": ""})).status_code == 422
    assert (await client.post(at, json={"reason": "a test"})).status_code == 204


async def test_who_may_not_may_not(world: World, client: httpx.AsyncClient) -> None:
    world.poison = {1}
    await world.arrive(batch(1, passes(1)))
    (item,) = (await client.get("/api/v1/aside")).json()["items"]
    at = f"/api/v1/aside/{item['id']}"
    assert (await client.get(at, headers=as_("nobody"))).status_code == 401
    assert (await client.get(at, headers=as_("looker"))).status_code == 200
    assert (await client.post(f"{at}/replay", headers=as_("looker"))).status_code == 403
    assert (await client.get(at, headers=as_("mall"))).status_code == 404
    assert (await client.post(f"{at}/replay", headers=as_("mall"))).status_code == 404
    nothing: dict[str, object] = {"items": [], "next": None, "total": 0}
    assert (await client.get("/api/v1/aside", headers=as_("mall"))).json() == nothing


async def test_who_sees_some_stores_is_counted_and_shown_theirs_alone(
    world: World, client: httpx.AsyncClient
) -> None:
    world.poison = {1, 2, 3}
    await world.arrive(batch(1, passes(3)))
    other = (await client.get("/api/v1/aside", params={"limit": 1}, headers=as_("mall"))).json()
    assert other == {"items": [], "next": None, "total": 0}  # and no number of what others wait for
    theirs = (await client.get("/api/v1/aside", params={"limit": 1}, headers=as_("here"))).json()
    assert (len(theirs["items"]), theirs["total"]) == (1, 3)
    assert "Nothing waits here." in (await client.get("/aside", headers=as_("mall"))).text
