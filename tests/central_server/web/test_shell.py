"""The shell around every page: who gets in, what is refused, and how errors look."""

from __future__ import annotations

import logging
import re

import httpx
import pytest
from fastapi import FastAPI

from central_server.web.deps import WebOptions
from central_server.web.security import csrf_token
from central_server.web.shell import install


async def test_a_page_has_the_doors_its_viewer_may_open_and_no_inline_script_or_style(
    client, as_user
) -> None:
    as_user("alice")
    answer = await client.get("/")
    assert answer.status_code == 200, answer.text
    assert 'href="/members"' in answer.text
    assert 'href="/audit"' not in answer.text
    assert "Members &lt;b&gt;" in answer.text
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|<style", answer.text)
    assert "12,345" in answer.text
    assert 'aria-current="page"' in answer.text


async def test_every_answer_carries_the_headers(client, as_user) -> None:
    for path in ("/", "/nowhere", "/static/app.css", "/bug"):
        headers = (await client.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers
    secure = await client.get("https://centre.test/static/app.css")
    assert "max-age" in secure.headers["strict-transport-security"]


async def test_a_page_in_chinese_says_so(client, as_user) -> None:
    as_user("wang")
    assert '<html lang="zh-CN">' in (await client.get("/")).text
    client.cookies.clear()
    shown = await client.get("/nowhere", headers={"Accept-Language": "en;q=0.3, zh-TW"})
    assert '<html lang="zh-CN">' in shown.text
    chosen = await client.get("/nowhere", headers={"Accept-Language": "zh", "Cookie": "tb_lang=en"})
    assert '<html lang="en">' in chosen.text


async def test_nobody_is_sent_to_the_login_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/?a=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fa%3D1")
    api = await client.post("/api/things")
    assert api.status_code == 401
    assert api.headers["content-type"] == "application/problem+json"


async def test_a_viewer_without_the_right_is_told_which(client, as_user) -> None:
    as_user("guest")
    answer = await client.get("/secret")
    assert answer.status_code == 403
    assert "members.read" in answer.text


async def test_a_form_without_the_token_is_refused(client, as_user) -> None:
    header = as_user("alice")
    assert (await client.post("/", data={"name": "x"})).status_code == 403
    assert (await client.post("/", data={"name": "x", "csrf": csrf_token("wang")})).status_code == 403
    good = {"name": "x", "csrf": csrf_token("alice")}
    assert (await client.post("/", data=good)).json() == {"name": "x", "size": None, "tags": []}
    assert (await client.post("/", data={"name": "x"}, files={"f": b""}, headers=header)).status_code == 400
    assert (await client.post("/", data={"name": "x"}, headers=header)).status_code == 200
    cross = {**header, "Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/", data=good, headers=cross)).status_code == 403


async def test_the_api_wants_the_token_from_cookies_and_not_from_bearers(client, as_user, app) -> None:
    header = as_user("alice")
    assert (await client.post("/api/things")).status_code == 403
    assert (await client.post("/api/things", headers=header)).json()["by"] == "Alice"
    robot = await client.post("/api/things", headers={"Authorization": "Bearer robot"})
    assert robot.json()["by"] == "Robot"
    session_as_bearer = await client.post("/api/things", headers={"Authorization": "Bearer alice"})
    assert session_as_bearer.status_code == 401


async def test_the_door_commits_after_success_and_rolls_back_after_an_error(client, app: FastAPI) -> None:
    robot = {"Authorization": "Bearer robot"}
    await client.post("/api/things", headers=robot)
    clash = await client.post("/api/clash", headers=robot)
    assert clash.status_code == 409
    assert clash.json()["detail"] == "the card …1<b>4 belongs to somebody else"
    assert app.state.database.done == ["committed", "rolled back"]
    assert "…1&lt;b&gt;4" in (await client.get("/clash", headers=robot)).text


async def test_a_form_with_a_mistake_comes_back_as_it_was_with_the_mistake_beside_the_field(
    client, as_user
) -> None:
    header = as_user("alice")
    answer = await client.post("/", data={"name": "far too long", "size": "x", "tags": ["a"]}, headers=header)
    assert 'value="far too long"' in answer.text
    assert "holds at most 5 characters" in answer.text
    assert "must be a whole number" in answer.text
    assert 'value="a" checked' in answer.text


async def test_what_nobody_expected_is_logged_with_a_number_and_not_shown(client, caplog) -> None:
    with caplog.at_level(logging.ERROR):
        for path in ("/bug", "/api/wrong/bug"):
            answer = await client.get(path)
            assert answer.status_code == 500
            assert "secret" not in answer.text
            incident = caplog.records[-1].getMessage().rsplit(" ", 1)[1]
            assert incident in answer.text


async def test_each_error_has_its_status_and_its_details(client) -> None:
    often = await client.get("/api/wrong/often")
    assert (often.status_code, often.headers["retry-after"]) == (429, "2")
    invalid = await client.get("/api/wrong/invalid")
    assert (invalid.status_code, invalid.json()["fields"]) == (422, {"phone": "is needed"})
    assert (await client.get("/api/nowhere")).json()["status"] == 404


async def test_too_much_is_refused_before_it_is_read(client, as_user) -> None:
    header = as_user("alice")
    assert (await client.post("/", content=b"x" * 2001, headers=header)).status_code == 413


async def test_a_guest_gets_a_cookie_for_the_form(client) -> None:
    answer = await client.get("/nowhere")
    cookie = answer.headers["set-cookie"]
    assert "tb_guest=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert csrf_token(client.cookies["tb_guest"]) in answer.text


async def test_an_asset_is_kept_by_the_browser_for_ever(client, as_user) -> None:
    as_user("alice")
    for href in re.findall(r'(?:href|src)="(/static/[^"#]+)', (await client.get("/")).text):
        answer = await client.get(href)
        assert answer.status_code == 200, href
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("header", ["=" * 9000, "tb_session=\x01", "a=b; ;;;=", "tb_session="])
async def test_odd_cookies_do_no_harm(client, header: str) -> None:
    answer = await client.post("/api/things", headers={"Cookie": header})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a": x}', "is no JSON: it cannot be read from character 7 on"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a": 1' + b"0" * 4500 + b"}", "cannot be read as the JSON"),
    ],
)
async def test_a_body_that_cannot_be_read_is_answered_with_what_is_wrong_with_it(
    body: bytes, why: str
) -> None:
    app = FastAPI()

    @app.post("/api/echo")
    async def echo(what: dict[str, int]) -> dict[str, int]:
        return what

    install(app, WebOptions())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.test") as client:
        answer = await client.post("/api/echo", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert why in answer.json()["detail"]
