"""Pages, files and API of members, sales, traffic and the overview, in both languages and for every role."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.sales import service as sales
from central_server.staff.models import Change
from central_server.staff.rights import ROLES

PAGES = {
    "/": "overview.read",
    "/members": "members.read",
    "/members/new": "members.write",
    "/members/MWANG23456AAA": "members.read",
    "/members/MWANG23456AAA/edit": "members.write",
    "/sales": "sales.read",
    "/sales/of/MWANG23456AAA": "sales.read",
    "/traffic": "traffic.read",
}
FILTERED = (
    "/?days=28&sort=visitors",
    "/?store=s2",
    "/?org=1",
    "/members?q=nobody",
    "/sales?days=92&min=10&max=x&day=2026-13-99",
    "/traffic?days=7&grain=day",
    "/traffic?grain=quarter&store=s1",
)
FILES = {
    "/overview.csv": "overview.read",
    "/members.csv": "members.read",
    "/sales.csv": "sales.read",
    "/traffic.csv": "traffic.read",
}
API = {
    "/api/members": "members.read",
    "/api/members/MWANG23456AAA": "members.read",
    "/api/members/MWANG23456AAA/history": "members.read",
    "/api/sales": "sales.read",
    "/api/traffic": "traffic.read",
    "/api/reports/metrics": "overview.read",
    "/api/reports/overview": "overview.read",
}


def rows(response: httpx.Response) -> list[list[str]]:
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.text.lstrip("\ufeff"))))


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_every_page_opens_in_both_languages(client: httpx.AsyncClient, as_: Any, lang: str) -> None:
    for path in (*PAGES, *FILTERED):
        response = await client.get(path, headers=as_("admin", lang))
        assert response.status_code == 200, (path, response.text[:2000])
        assert "None" not in response.text, path


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_opens_what_its_rights_say_and_nothing_else(
    client: httpx.AsyncClient, as_: Any, role: str
) -> None:
    rights = ROLES[role][1]
    for path, right in (PAGES | FILES | API).items():
        needed = {right} | ({"export"} if path in FILES else set())
        if right == "members.write":
            needed |= {"members.personal", "members.read"}
        response = await client.get(path, headers=as_(role))
        refused = 303 if path == "/" else 403  # from the start page one is led to one's own first
        assert response.status_code == (200 if needed <= rights else refused), (path, response.status_code)


@pytest.mark.parametrize("role", sorted(name for name in ROLES if "members.read" in ROLES[name][1]))
async def test_names_and_numbers_are_masked_wherever_a_role_may_not_see_them(
    client: httpx.AsyncClient, as_: Any, role: str, wang: str
) -> None:
    rights = ROLES[role][1]
    paths = [
        "/members",
        f"/members/{wang}",
        "/api/members",
        f"/api/members/{wang}",
        f"/api/members/{wang}/history",
    ]
    paths += ["/members.csv"] if "export" in rights else []
    for path in paths:
        text = (await client.get(path, headers=as_(role))).text
        secrets = [secret for secret in ("王小明", "13800138000", "南京路 1 号") if secret in text]
        if "members.personal" in rights:
            assert secrets, path
        else:
            assert secrets == [], path
            assert "王**" in text, path


async def test_nobody_gets_in_without_signing_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/members", follow_redirects=False)).status_code == 303
    assert (await client.get("/api/members")).status_code == 401


async def test_sales_of_a_store_that_counts_nobody_are_no_conversion(
    client: httpx.AsyncClient, as_: Any, office: Database, many_sales: Any
) -> None:
    async with office.transaction() as session:
        facts, now_ms = many_sales(30)
        await sales.record(session, "s2", facts, now_ms)
    total = (await client.get("/api/reports/overview", headers=as_("analyst"))).json()["total"]
    assert total["sales"]["value"] == 34
    assert total["conversion"]["value"] == pytest.approx(4 / 20)
    assert total["spend_per_visitor"]["value"] == pytest.approx(10_000 / 20)


async def test_the_overview_is_the_till_over_the_door(client: httpx.AsyncClient, as_: Any) -> None:
    seen = (await client.get("/api/reports/overview", headers=as_("analyst"))).json()
    values = {name: one["value"] for name, one in seen["total"].items()}
    assert values["visitors"] == 20
    assert values["sales"] == 4
    assert values["revenue"] == 10_000
    assert values["conversion"] == pytest.approx(0.2)
    assert values["spend_per_visitor"] == pytest.approx(500)
    # Last Wednesday's evening is not held against an evening that has not come.
    assert seen["total"]["visitors"]["change"] == pytest.approx(1.0)
    assert seen["total"]["revenue"]["change"] == pytest.approx(1.0)
    assert [store["store"] for store in seen["stores"]] == ["s1", "s2"]
    assert seen["stores"][1]["values"]["conversion"] == {"value": None, "change": None}
    assert seen["stores"][0]["coverage"] == pytest.approx(1 - 1 / 19.11, abs=0.001)
    hours = {hour["hour"]: hour for hour in seen["hours"]}
    assert hours[16]["values"]["visitors"] == 20
    assert hours[16]["before"]["visitors"] == 10
    assert hours[21]["values"] is None


async def test_a_group_or_a_store_narrows_the_overview(client: httpx.AsyncClient, as_: Any) -> None:
    for query, names in (("org=1", ["s1"]), ("store=s2", ["s2"]), ("store=s1&store=s2", ["s1", "s2"])):
        seen = (await client.get(f"/api/reports/overview?{query}", headers=as_("analyst"))).json()
        assert [store["store"] for store in seen["stores"]] == names
    assert (await client.get("/api/reports/overview?store=s9", headers=as_("analyst"))).status_code == 404


async def test_who_may_see_one_store_sees_nothing_of_another(client: httpx.AsyncClient, as_: Any) -> None:
    only = as_("manager", "en", "s2")
    seen = (await client.get("/api/reports/overview", headers=only)).json()
    assert ([store["store"] for store in seen["stores"]], seen["total"]["sales"]["value"]) == (["s2"], 0)
    assert (await client.get("/api/sales?store=s1", headers=only)).json()["items"] == []
    assert (await client.get("/api/traffic?store=s1", headers=only)).json()["inward"] == 0
    [sale, *_] = (await client.get("/api/sales", headers=as_("manager"))).json()["items"]
    assert (await client.get(f"/api/sales/{sale['id']}", headers=only)).status_code == 404
    assert (await client.get(f"/sales/{sale['id']}", headers=only)).status_code == 404
    assert len(rows(await client.get("/sales.csv?store=s1", headers=only))) == 1
    assert "R1" not in (await client.get("/sales", headers=only)).text


async def test_a_receipt_shows_its_lines_and_what_was_taken_back(client: httpx.AsyncClient, as_: Any) -> None:
    sales = (await client.get("/api/sales", headers=as_("analyst"))).json()["items"]
    assert [sale["receipt"] for sale in sales] == ["R5", "R4", "R3", "R2", "R1"]
    back = (await client.get(f"/api/sales/{sales[0]['id']}", headers=as_("analyst"))).json()
    assert back["original"]["receipt"] == "R4"
    assert back["lines"][0]["amount_minor"] == -1000
    page = (await client.get(f"/sales/{sales[1]['id']}", headers=as_("analyst"))).text
    assert f"/sales/{sales[0]['id']}" in page
    member = (await client.get(f"/sales/{sales[4]['id']}", headers=as_("analyst"))).text
    assert "王**" in member
    assert "王小明" not in member
    assert (await client.get(f"/sales/{2**62}", headers=as_("analyst"))).status_code == 404
    assert (
        await client.get("/api/sales?first=2026-01-01&last=2026-12-01", headers=as_("analyst"))
    ).status_code == 422


async def test_visitors_by_the_hour_with_what_was_missed(client: httpx.AsyncClient, as_: Any) -> None:
    seen = (await client.get("/api/traffic?store=s1&grain=quarter", headers=as_("analyst"))).json()
    assert (seen["inward"], seen["outward"], seen["back_days"]) == (20, 18, 7)
    assert seen["change"] == pytest.approx(1.0)
    assert (seen["left_over"], seen["unseen_in"]) == (2, 0)
    slots = {slot["time"]: slot for slot in seen["slots"]}
    assert len(slots) == 96
    assert (slots["16:00"]["inward"], slots["16:00"]["inward_before"], slots["16:15"]["inside"]) == (
        20,
        10,
        2,
    )
    gap = {key: slots["17:30"][key] for key in ("coverage", "gap", "inward", "outward")}
    assert gap == {"coverage": 0, "gap": True, "inward": None, "outward": None}
    assert (slots["16:30"]["inward"], slots["16:30"]["gap"]) == (0, False)
    assert slots["21:00"]["inward_before"] == 50
    assert slots["21:00"]["to_come"]
    page = (await client.get("/traffic?store=s1", headers=as_("analyst"))).text
    assert "data-chart" in page


async def test_files_say_what_pages_say_and_are_noted(
    client: httpx.AsyncClient, as_: Any, office: Database
) -> None:
    traffic = rows(await client.get("/traffic.csv?store=s1", headers=as_("analyst")))
    assert sum(int(row[2] or 0) for row in traffic[1:]) == 20
    sales = rows(await client.get("/sales.csv?days=8", headers=as_("analyst")))
    assert sum(float(row[6]) for row in sales[1:]) == 150.0
    overview = rows(await client.get("/overview.csv", headers=as_("analyst", "en")))
    assert overview[1][:6] == ["s1", "南京路", "CNY", "20", "4", "0.2"]
    members = rows(await client.get("/members.csv", headers=as_("marketing")))
    assert members[1][2] == "王小明"
    async with office.reading() as session:
        noted = await session.execute(sa.select(Change.action, Change.subject_kind).order_by(Change.id))
        kinds = [kind for action, kind in noted if action == "exported"]
    assert kinds == ["traffic", "sales", "overview", "member"]


async def test_a_member_is_enrolled_changed_and_found_through_the_api(
    client: httpx.AsyncClient, as_: Any, wang: str
) -> None:
    keeper, say = as_("service"), client.post
    refused = await say("/api/members", json={"phone": "1"}, headers=keeper)
    assert refused.status_code == 422
    assert (await say("/api/members", json={"nickname": "x"}, headers=keeper)).status_code == 422
    taken = await say("/api/members", json={"name": "Li", "phone": "13800138000"}, headers=keeper)
    assert taken.status_code == 409
    made = (await say("/api/members", json={"name": "Li Lei", "consent": True}, headers=keeper)).json()
    path = f"/api/members/{made['id']}"
    edited = await client.patch(path, json={"tier": "gold", "version": made["version"]}, headers=keeper)
    assert edited.json()["tier"] == "gold"
    stale = await client.patch(path, json={"tier": "x", "version": made["version"]}, headers=keeper)
    assert stale.status_code == 409
    token = (await say(f"{path}/cards", json={"number": "77778888"}, headers=keeper)).json()["token"]
    assert (await say(f"{path}/cards/{token}/lose", headers=keeper)).status_code == 204
    new = await say(f"{path}/cards/{token}/replace", json={"number": "99990000"}, headers=keeper)
    assert new.status_code == 201
    found = (await client.get("/api/members?q=li", headers=keeper)).json()["items"]
    assert [one["id"] for one in found] == [made["id"]]
    assert (await say(f"{path}/archive", json={"archived": True}, headers=keeper)).json()[
        "status"
    ] == "archived"
    merged = await say(f"/api/members/{wang}/merge", json={"gone": made["id"]}, headers=keeper)
    assert len(merged.json()["cards"]) == 3
    assert (await say(f"/api/members/{wang}/erase", headers=keeper)).status_code == 204
    assert (await client.get(f"/api/members/{wang}", headers=keeper)).json()["status"] == "erased"
    assert (await client.get("/api/members/MNOBODY234567", headers=keeper)).status_code == 404
    assert (await say("/api/members", json={"name": "x"}, headers=as_("analyst"))).status_code == 403


async def test_a_member_is_enrolled_and_changed_through_the_pages(
    client: httpx.AsyncClient, as_: Any, wang: str
) -> None:
    keeper = as_("service", "zh_CN")
    refused = await client.post("/members/new", data={"phone": "1", "birthday": "x"}, headers=keeper)
    assert refused.status_code == 422
    assert refused.text.count('class="error"') == 3
    made = await client.post("/members/new", data={"name": "李雷", "sex": "male"}, headers=keeper)
    assert made.status_code == 303
    path = made.headers["location"]
    form = await client.get(f"{path}/edit", headers=keeper)
    assert "李雷" in form.text
    taken = await client.post(f"{path}/edit", data={"name": "李雷", "phone": "13800138000"}, headers=keeper)
    assert taken.status_code == 409
    assert wang in taken.text
    assert (await client.post(f"{path}/edit", data={"name": "李大雷"}, headers=keeper)).status_code == 303
    assert (
        await client.post(f"{path}/cards", data={"number": "77778888"}, headers=keeper)
    ).status_code == 303
    page = (await client.get(path, headers=keeper)).text
    assert "李大雷" in page
    assert "8888" in page
    for step, data in (
        ("archive", {"archived": "1"}),
        ("archive", {"archived": "0"}),
        ("merge", {"gone": wang}),
        ("erase", {}),
    ):
        answer = await client.post(f"{path}/{step}", data=data, headers=keeper)
        assert answer.status_code == 303, (step, answer.text)
    assert "李" not in (await client.get(path, headers=keeper)).text


async def test_the_file_of_a_search_holds_what_the_search_found(
    client: httpx.AsyncClient, as_: Any, wang: str
) -> None:
    keeper, reader = as_("service"), as_("marketing")
    assert (await client.post("/api/members", json={"name": "Li Lei"}, headers=keeper)).status_code < 300
    page = (await client.get("/members?q=Li+Lei", headers=reader)).text
    assert "/members.csv?q=Li+Lei&amp;status=active" in page.replace("%20", "+")
    found = rows(await client.get("/members.csv?q=Li+Lei", headers=reader))
    assert [row[2] for row in found[1:]] == ["Li Lei"]
    assert len(rows(await client.get("/members.csv", headers=reader))) > len(found)
