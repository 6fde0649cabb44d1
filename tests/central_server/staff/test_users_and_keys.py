"""Users, their rights, keys for programs, and the trail that every change leaves."""

from __future__ import annotations

import csv
import io

import httpx
import pytest
import sqlalchemy as sa

from central_server.errors import Conflict, Refused
from central_server.staff import service
from central_server.staff.models import Change, Session
from central_server.staff.rights import RIGHTS, ROLES, rights_of
from central_server.web.deps import Viewer

PASSWORD = "correct horse battery"


def form(**values: object) -> dict[str, object]:
    return {"name": "Wang 王", "login": "wang", "roles": ["analyst"], "lang": "en", "active": "1"} | values


async def test_a_new_user_must_choose_their_own_password_before_anything_opens(client, sign_in, csrf) -> None:
    await sign_in()
    page = await client.get("/staff/new")
    first = page.text.split('autocomplete="off" value="')[1].split('"')[0]
    added = await client.post("/staff/new", data=form(password=first, csrf=csrf()))
    assert added.status_code == 303, added.text
    assert (await sign_in("wang", first)).headers["location"] == "/me"
    assert (await client.get("/staff")).status_code == 403
    new = "my own secret one"
    answer = await client.post("/me/password", data={"old": first, "new": new, "again": new, "csrf": csrf()})
    assert answer.status_code == 303, answer.text
    assert "signed out everywhere else" in (await client.get("/me?changed=1")).text
    assert (await sign_in("wang", new)).headers["location"] == "/"


async def test_mistakes_in_a_user_are_shown_beside_the_field(client, sign_in, csrf) -> None:
    await sign_in()
    for wrong, text in (
        ({"login": "Wäng!"}, "2 to 64 small letters"),
        ({"roles": ["king"]}, "is none of the choices"),
        ({"name": ""}, "is needed"),
        ({"password": "short"}, "needs at least 10 characters"),
    ):
        answer = await client.post("/staff/new", data=form(password=PASSWORD, csrf=csrf()) | wrong)
        assert answer.status_code == 422
        assert text in answer.text
    taken = await client.post("/staff/new", data=form(login="root", password=PASSWORD, csrf=csrf()))
    assert (taken.status_code, "the name root is taken" in taken.text) == (409, True)


async def test_closing_a_user_ends_their_sessions(client, sign_in, csrf, add_user, app) -> None:
    user_id = await add_user("alice", "analyst")
    await sign_in("alice")
    alice = client.cookies.get("tb_session")
    await sign_in()
    data = form(csrf=csrf(), name="Alice")
    del data["active"]
    assert (await client.post(f"/staff/{user_id}", data=data)).status_code == 303
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as other:
        other.cookies.set("tb_session", alice)
        assert (await other.get("/me")).status_code == 303


async def test_the_last_administrator_must_stay_one(database, app, root, clock) -> None:
    with pytest.raises(Conflict):
        async with database.transaction() as session:
            await service.change_user(
                session, root, 1, service.NewUser("root", "R", ["analyst"]), now_ms=clock.now_ms
            )
    async with database.reading() as session:
        assert (await service.user_with(session, 1)).roles == ["admin"]


async def test_nobody_gives_rights_or_stores_that_they_do_not_have(database, passwords, app, clock) -> None:
    some = Viewer(9, "Some", rights_of(["analyst"]) | {"staff.write"}, stores=frozenset({"s1"}))
    for new in (
        service.NewUser("eve", "Eve", ["admin"], ["s1"]),
        service.NewUser("eve", "Eve", ["analyst"], None),
        service.NewUser("eve", "Eve", ["analyst"], ["s1", "s2"]),
    ):
        with pytest.raises(Refused):
            await service.add_user(database, passwords, some, new, PASSWORD, now_ms=clock.now_ms)
    with pytest.raises(Refused):
        await service.set_password(database, passwords, some, 1, PASSWORD, now_ms=clock.now_ms)
    fine = service.NewUser("eve", "Eve", ["analyst"], ["s1"])
    assert await service.add_user(database, passwords, some, fine, PASSWORD, now_ms=clock.now_ms)


async def test_one_s_own_password_is_changed_only_by_who_knows_it(client, sign_in, csrf) -> None:
    await sign_in()
    data = {"old": "wrong wrong", "new": "quite another one", "again": "quite another one"}
    assert "is not your password" in (await client.post("/me/password", data=data | {"csrf": csrf()})).text
    data |= {"old": PASSWORD, "again": "not the same one"}
    assert "is not the same" in (await client.post("/me/password", data=data | {"csrf": csrf()})).text
    data |= {"new": "rootrootroot", "again": "rootrootroot"}
    assert (
        "must not contain the name" in (await client.post("/me/password", data=data | {"csrf": csrf()})).text
    )


async def test_a_forgotten_password_is_replaced_by_one_that_is_shown_once(
    client, sign_in, csrf, add_user
) -> None:
    user_id = await add_user("alice", "analyst")
    await sign_in()
    answer = await client.post(f"/staff/{user_id}/password", data={"csrf": csrf()})
    first = answer.text.split('class="secret">')[1].split("<")[0]
    assert (await sign_in("alice")).status_code == 401
    assert (await sign_in("alice", first)).headers["location"] == "/me"


async def test_a_password_set_anew_ends_the_user_s_sessions_and_keys_for_good(
    client, sign_in, csrf, add_user
) -> None:
    user_id = await add_user("alice", "analyst")
    await sign_in("alice")
    given = {"name": "BI", "rights": ["sales.read"], "days": 30}
    made = await client.post("/api/v1/me/tokens", json=given, headers={"X-CSRF-Token": csrf()})
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    old_session = client.cookies.get("tb_session")
    await sign_in()
    answer = await client.post(f"/staff/{user_id}/password", data={"csrf": csrf()})
    assert "their keys for programs are revoked" in answer.text
    first = answer.text.split('class="secret">')[1].split("<")[0]
    await sign_in("alice", first)
    new = {"old": first, "new": "quite another one", "again": "quite another one", "csrf": csrf()}
    assert (await client.post("/me/password", data=new)).status_code == 303
    client.cookies.clear()
    assert (await client.get("/api/v1/me", headers=bearer)).status_code == 401
    client.cookies.set("tb_session", old_session)
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_key_for_a_program_may_what_it_was_given_until_it_is_revoked(client, sign_in, clock) -> None:
    await sign_in()
    page = await client.get("/me")
    csrf = {"X-CSRF-Token": page.text.split('name="csrf" content="')[1].split('"')[0]}
    given = {"name": "BI", "rights": ["staff.read"], "days": 30}
    made = (await client.post("/api/v1/me/tokens", json=given, headers=csrf)).json()
    client.cookies.clear()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert (await client.get("/api/v1/me", headers=bearer)).json()["rights"] == ["staff.read"]
    assert [user["login"] for user in (await client.get("/api/v1/staff/users", headers=bearer)).json()] == [
        "root"
    ]
    assert (await client.get("/api/v1/audit", headers=bearer)).status_code == 403
    more = await client.post("/api/v1/me/tokens", json=given, headers=bearer)
    assert more.status_code == 403  # a key makes no keys
    listed = (await client.get("/api/v1/me/tokens", headers=bearer)).json()
    assert "token" not in listed[0]
    assert (await client.delete(f"/api/v1/me/tokens/{made['id']}", headers=bearer)).status_code == 204
    assert (await client.get("/api/v1/me", headers=bearer)).status_code == 401


async def test_a_key_ends_by_itself(client, sign_in, csrf, clock) -> None:
    await sign_in()
    made = await client.post(
        "/me/tokens", data={"name": "x", "rights": "export", "days": "1", "csrf": csrf()}
    )
    text = made.text.split('class="secret">')[1].split("<")[0]
    client.cookies.clear()
    bearer = {"Authorization": f"Bearer {text}"}
    assert (await client.get("/api/v1/me", headers=bearer)).status_code == 200
    clock.now_ms += 24 * 3_600_000 + 1
    assert (await client.get("/api/v1/me", headers=bearer)).status_code == 401


async def test_users_by_api(client, sign_in) -> None:
    await sign_in()
    csrf = {"X-CSRF-Token": (await client.get("/me")).text.split('name="csrf" content="')[1].split('"')[0]}
    new = {"login": "li", "name": "Li", "roles": ["finance"], "password": PASSWORD, "stores": ["s1"]}
    made = await client.post("/api/v1/staff/users", json=new, headers=csrf)
    assert (made.status_code, made.json()["must_change"]) == (201, True)
    address = f"/api/v1/staff/users/{made.json()['id']}"
    changed = await client.put(address, json={"name": "Li 2", "roles": ["auditor"]}, headers=csrf)
    assert changed.json()["roles"] == ["auditor"]
    assert (await client.get(address)).json()["name"] == "Li 2"
    assert (await client.put(f"{address}/password", json={"password": "x"}, headers=csrf)).status_code == 422
    assert (
        await client.put(f"{address}/password", json={"password": PASSWORD}, headers=csrf)
    ).status_code == 204
    assert (await client.get("/api/v1/staff/users/999")).status_code == 404
    assert {role["role"] for role in (await client.get("/api/v1/staff/roles")).json()} == set(ROLES)


async def test_every_change_says_who_when_old_and_new_and_can_be_filtered_and_taken_home(
    client, sign_in, csrf, add_user, clock
) -> None:
    user_id = await add_user("alice", "analyst")
    await sign_in()
    await client.post(f"/staff/{user_id}", data=form(csrf=csrf(), name="=Alice"))
    items = (await client.get(f"/api/v1/audit?kind=user&which={user_id}")).json()["items"]
    assert [item["action"] for item in items] == ["changed", "created"]
    assert items[0]["old"] == {"name": "Alice"}
    assert items[0]["new"] == {"name": "=Alice"}
    assert items[0]["actor"] == "Root"
    page = await client.get("/audit?action=changed")
    assert "name: =Alice" in page.text
    assert "Nothing was changed" in (await client.get("/audit?from=2100-01-01")).text
    text = (await client.get("/audit.csv?from=2020-01-01&until=bad")).text
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert rows[0][:3] == ["id", "When", "Who"]
    assert len(rows) == 1 + 4
    assert all(PASSWORD not in cell and "argon2" not in cell for row in rows for cell in row)


async def test_the_trail_is_paged_backwards(client, sign_in) -> None:
    for _ in range(4):
        await sign_in()
    first = (await client.get("/api/v1/audit?rows=2")).json()
    second = (await client.get(f"/api/v1/audit?rows=2&after={first['next']}")).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
    assert "after=" in (await client.get("/audit?rows=2")).text


async def test_the_list_of_staff_is_a_file_too_and_guards_against_formulas(client, sign_in, add_user) -> None:
    await add_user("alice", "analyst", stores=["s1", "s2"])
    await sign_in()
    rows = list(csv.reader(io.StringIO((await client.get("/staff.csv")).text.lstrip("\ufeff"))))
    assert rows[1] == ["alice", "Alice", "analyst", "s1 s2", "en", "1"]


async def test_the_language_is_kept_with_the_user(client, sign_in, csrf) -> None:
    await sign_in()
    await client.post("/language", data={"lang": "zh_CN", "next": "/me", "csrf": csrf()})
    client.cookies.delete("tb_lang")
    assert '<html lang="zh-CN">' in (await client.get("/me")).text
    client.cookies.clear()
    await client.get("/login")
    odd = await client.post("/language", data={"lang": "xx", "next": "//evil", "csrf": csrf()})
    assert odd.headers["location"] == "/"


async def test_a_language_chosen_on_the_login_page_is_kept_by_whoever_signs_in_next(
    client, csrf, add_user
) -> None:
    async def signed_in(login: str) -> str:
        form = {"login": login, "password": PASSWORD, "csrf": csrf(), "next": "/me"}
        await client.post("/login", data=form)
        return (await client.get("/me")).text

    await add_user("alice", "analyst")
    await client.get("/login")
    await client.post("/language", data={"lang": "zh_CN", "next": "/login", "csrf": csrf()})
    assert '<html lang="zh-CN">' in await signed_in("root")
    await client.post("/logout", data={"csrf": csrf()})
    await client.get("/login")
    assert '<html lang="en">' in await signed_in("alice")  # at the same machine; it was not her wish


def test_roles_hold_known_rights_only_and_the_auditor_changes_nothing() -> None:
    for _, rights in ROLES.values():
        assert rights <= set(RIGHTS)
    assert not any(right.endswith(".write") for right in ROLES["auditor"][1])
    assert rights_of(["gone"]) == frozenset()


async def test_what_is_over_for_long_is_forgotten_and_the_trail_much_later(database, sign_in, clock) -> None:
    await sign_in("root", "wrong wrong wrong")
    await sign_in()
    day_ms = 24 * 3_600_000
    counts = []
    for days in (29, 31, 1200):
        await service.prune(database, clock.now_ms + days * day_ms, sessions_days=30, audit_days=1100)
        async with database.reading() as session:
            rows = [
                await session.scalar(sa.select(sa.func.count()).select_from(t)) for t in (Session, Change)
            ]
        counts.append(rows)
    assert counts == [[1, 2], [0, 2], [0, 0]]
