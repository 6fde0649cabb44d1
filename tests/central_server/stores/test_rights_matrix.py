"""Every route of the shell, staff and stores against every role; and every page in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from central_server.staff.rights import RIGHTS, ROLES, rights_of
from central_server.stores import service
from sync.contract.events import Alarm, DeviceState, Heartbeat

FOR_ANYBODY = {"/login", "/logout", "/language", "/api/enrol"}
FOR_WHOEVER_IS_SIGNED_IN = {
    "/me",
    "/me/password",
    "/me/tokens",
    "/me/tokens/{token_id}/revoke",
    "/api/v1/me",
    "/api/v1/me/tokens",
    "/api/v1/me/tokens/{token_id}",
}
PLACES = {"{user_id}": "1", "{token_id}": "1", "{store}": "s1"}
Asked = tuple[str, str, str, frozenset[str]]  # method, pattern, address, rights


def routes_of(app: FastAPI) -> Iterator[Asked]:
    """Every route with the rights that its dependencies ask for."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None:  # static files, the API's description
            continue
        path = route.path
        for place, value in PLACES.items():
            path = path.replace(place, value)
        for method in sorted(route.methods or ()):
            yield method, route.path, path, frozenset(rights_in(dependant))


def rights_in(dependant: Dependant) -> Iterator[str]:
    yield from getattr(dependant.call, "rights", ())
    for inner in dependant.dependencies:
        yield from rights_in(inner)


@pytest.fixture
async def one_store(database, add_store, clock, facts, somebody) -> None:
    await add_store("s1")
    now = clock.now_ms
    beat = Heartbeat(
        version="1",
        uptime_s=1,
        outbox_rows=3,
        oldest_s=9,
        disk_free_mib=9,
        clock_skew_ms=1,
        clock_sure=False,
        devices_up=1,
        devices_down=1,
    )
    async with database.transaction() as session:
        await service.heartbeats(session, "s1", facts((beat, now)), now)
        await service.device_states(session, "s1", facts((DeviceState(device="d", state="down"), now)), now)
        await service.alarms(session, "s1", facts((Alarm(name="disk_full", raised=True), now)), now)


async def test_every_route_opens_for_exactly_the_roles_that_have_its_rights(
    app, client, as_viewer, one_store
) -> None:
    asked = list(routes_of(app))
    assert len(asked) > 40
    for _, pattern, _, rights in asked:
        free = pattern in FOR_ANYBODY | FOR_WHOEVER_IS_SIGNED_IN
        assert free != bool(rights), f"{pattern} asks for {set(rights) or 'nothing'}"
        assert rights <= set(RIGHTS)
    for role in ROLES:
        header = as_viewer(role)
        for method, pattern, path, rights in asked:
            if pattern in FOR_ANYBODY:
                continue
            answer = await client.request(method, path, headers=header)
            may = rights <= rights_of([role])
            assert (answer.status_code != 403) == may, f"{role} {method} {path}: {answer.status_code}"
            assert answer.status_code < 500, f"{role} {method} {path}"


async def test_nobody_gets_in_anywhere_without_signing_in(app, client, one_store) -> None:
    for method, pattern, path, _ in routes_of(app):
        if pattern in FOR_ANYBODY:
            continue
        answer = await client.request(method, path)
        if pattern.startswith("/api/"):
            assert answer.status_code == 401, path
        else:
            assert answer.status_code == (303 if method == "GET" else 403), path


async def test_no_form_works_without_its_token(app, client, as_viewer, one_store) -> None:
    as_viewer("admin")
    for method, pattern, path, _ in routes_of(app):
        if method != "GET":
            assert (await client.request(method, path)).status_code == 403, pattern


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_every_page_renders_in_both_languages_without_inline_script_or_style(
    app, client, as_viewer, one_store, lang
) -> None:
    as_viewer("admin", lang=lang)
    pages = [
        path for method, _, path, _ in routes_of(app) if method == "GET" and not path.startswith("/api/")
    ]
    for path in pages:
        answer = await client.get(path)
        if path == "/login":
            continue
        assert answer.status_code == 200, f"{path}: {answer.text[:300]}"
        if "text/html" in answer.headers["content-type"]:
            assert f'<html lang="{lang.replace("_", "-")}">' in answer.text
            assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|<style", answer.text), path
            assert all(f'for="{name}"' in answer.text for name in re.findall(r' id="(f-[^"]+)"', answer.text))


async def test_the_api_describes_itself_with_a_model_for_every_answer(client) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            if "204" in answers:
                continue
            good = answers.get("200") or answers["201"]
            assert good["content"]["application/json"]["schema"], f"{method} {path}"
