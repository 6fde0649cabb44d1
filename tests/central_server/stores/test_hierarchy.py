"""Group, company, store."""

from __future__ import annotations

import pytest

from central_server.errors import Invalid
from central_server.stores import service


async def test_stores_stand_below_companies_below_a_group(database, root, clock, add_store) -> None:
    async with database.transaction() as session:
        group = await service.add_org(session, root, "group", "集团", None, now_ms=clock.now_ms)
        north = await service.add_org(session, root, "company", "North", group.id, now_ms=clock.now_ms)
        south = await service.add_org(session, root, "company", "South", group.id, now_ms=clock.now_ms)
    await add_store("n1", org_id=north.id)
    await add_store("s1", org_id=south.id)
    await add_store("alone")
    async with database.reading() as session:
        assert await service.stores_below(session, group.id) == ["n1", "s1"]
        assert await service.stores_below(session, north.id) == ["n1"]
        by_id = {org.id: org for org in await service.orgs(session)}
    assert [org.name for org in service.path_of(by_id, north.id)] == ["集团", "North"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Upper"),
        ("id", "new"),
        ("id", "centre"),
        ("id", "a/b"),
        ("name", " "),
        ("timezone", "Asia/Nowhere"),
        ("currency", "yuan"),
        ("format", "castle"),
        ("opened", "yesterday"),
        ("org_id", 99),
    ],
)
async def test_a_store_that_cannot_be_is_refused_with_the_field(database, root, clock, field, value) -> None:
    new = service.NewStore(**({"id": "s1", "name": "S"} | {field: value}))
    with pytest.raises(Invalid) as refused:
        async with database.transaction() as session:
            await service.add_store(session, root, new, now_ms=clock.now_ms)
    assert list(refused.value.fields) == [field]


async def test_modules_above_ask_for_what_they_need(database, add_store) -> None:
    await add_store("s1", timezone="Europe/Berlin")
    async with database.reading() as session:
        assert await service.is_known(session, "s1")
        assert not await service.is_known(session, "s2")
        assert await service.timezone_of(session, "s1") == "Europe/Berlin"


async def test_a_store_is_made_and_changed_on_its_page_and_the_trail_knows(
    client, as_viewer, database
) -> None:
    header = as_viewer("admin")
    form = {
        "id": "s1",
        "name": "One",
        "timezone": "Asia/Shanghai",
        "currency": "CNY",
        "format": "convenience",
    }
    made = await client.post("/fleet/new", data=form, headers=header)
    assert (made.status_code, made.headers["location"]) == (303, "/fleet/s1")
    again = await client.post("/fleet/new", data=form, headers=header)
    assert "there is a store s1 already" in again.text
    wrong = await client.post("/fleet/s1/edit", data=form | {"timezone": "Mars"}, headers=header)
    assert "there is no such time zone" in wrong.text
    assert (
        await client.post("/fleet/s1/edit", data=form | {"name": "Eins"}, headers=header)
    ).status_code == 303
    trail = (await client.get("/api/v1/audit?kind=store&which=s1")).json()["items"]
    assert (trail[0]["action"], trail[0]["new"]) == ("changed", {"name": "Eins"})
    org = await client.post("/fleet/orgs", data={"kind": "group", "name": "G"}, headers=header)
    assert org.status_code == 303
    assert "G" in (await client.get("/fleet/orgs")).text
    assert "1,G,G," in (await client.get("/fleet/orgs.csv")).text
    assert (
        await client.post("/fleet/orgs", data={"kind": "x", "name": "G"}, headers=header)
    ).status_code == 422


async def test_a_code_is_shown_once_on_the_store_s_page(client, as_viewer, add_store) -> None:
    await add_store("s1")
    header = as_viewer("technician")
    shown = await client.post("/fleet/s1/code", headers=header)
    code = shown.text.split('class="secret">')[1].split("<")[0]
    assert code not in (await client.get("/fleet/s1")).text
    assert (await client.post("/api/enrol", json={"code": code}, headers=header)).status_code == 200
    assert (await client.post("/fleet/s1/revoke", headers=header)).status_code == 303
    assert "shut out" in (await client.get("/fleet/s1")).text


async def test_stores_by_api(client, as_viewer) -> None:
    header = as_viewer("admin")
    made = await client.post("/api/v1/stores", json={"id": "s1", "name": "One"}, headers=header)
    assert (made.status_code, made.json()["timezone"]) == (201, "Asia/Shanghai")
    changed = await client.put("/api/v1/stores/s1", json={"name": "Eins", "region": "East"}, headers=header)
    assert (changed.json()["name"], changed.json()["region"]) == ("Eins", "East")
    org = await client.post("/api/v1/orgs", json={"kind": "group", "name": "G"}, headers=header)
    assert (await client.get("/api/v1/orgs")).json() == [org.json()]
    code = (await client.post("/api/v1/stores/s1/code", headers=header)).json()["code"]
    assert len(code) == 9
    assert (await client.delete("/api/v1/stores/s1/edge", headers=header)).status_code == 204
    assert (await client.get("/api/v1/stores")).json()[0]["id"] == "s1"
