"""A small application in the shell, with one page, one form, one API call and one export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from central_server.errors import Conflict, Invalid, TooMany
from central_server.web.charts import Series, bar_line_chart, sparkline
from central_server.web.deps import Db, Viewer, WebOptions, needs
from central_server.web.forms import filled
from central_server.web.render import ModuleLoader, page
from central_server.web.security import csrf_token, session_cookie
from central_server.web.shell import install
from central_server.web.tables import Page

EVERYTHING = frozenset(
    {"overview.read", "members.read", "sales.read", "traffic.read", "stores.read", "staff.read"}
)
May = Annotated[Viewer, Depends(needs("members.read"))]
PAGE = """{% extends "web/base.html" %}{% block title %}t{% endblock %}
{% block scripts %}{{ ui.chart_scripts() }}{% endblock %}{% block content %}
{% call ui.heading("Members <b>", "note") %}{{ ui.csv_link() }}{% endcall %}
{{ ui.kpi("Visitors", 12345|number, change=0.04, spark=spark, href="/") }}{{ ui.chart(chart) }}
{% call ui.table(["Name", ("Total", "number")], "All") %}
<tr><td>{{ ui.moment(now_ms - 200000) }}</td></tr>{% endcall %}
<form method="post" class="stack">{{ ui.csrf_field() }}{{ ui.form_error(form) }}
{{ ui.field(form, "name", "Name", required=true, help="help", more={"autofocus": true}) }}
{{ ui.select(form, "size", "Size", [(1, "one"), (2, "two")]) }}
{{ ui.choices(form, "tags", "Tags", [("a", "A")]) }}
</form>{{ ui.post_button("/x", "Do", confirm="Sure?") }}{{ ui.empty("Nothing") }}{{ ui.chip("up", "good") }}
{{ ui.pager(rows, "?after=2") }}{{ ui.notice("done") }}{% endblock %}"""


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class NoDatabase:
    """Counts what the door did."""

    def __init__(self) -> None:
        self.done: list[str] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[str]:
        try:
            yield "session"
        except BaseException:
            self.done.append("rolled back")
            raise
        self.done.append("committed")

    reading = transaction


class Size(BaseModel):
    name: str = Field(max_length=5)
    size: int | None = Field(default=None, ge=1)
    tags: list[str] = []


async def viewer_of(_database: object, token: str, *, bearer: bool, now_ms: int) -> Viewer | None:
    people = {
        "alice": Viewer(1, "Alice", EVERYTHING, "en", csrf_token("alice")),
        "wang": Viewer(2, "王", EVERYTHING, "zh_CN", csrf_token("wang")),
        "guest": Viewer(3, "Guest", frozenset()),
        "robot": Viewer(4, "Robot", EVERYTHING),
    }
    return people.get(token) if bearer == (token == "robot") else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.database = NoDatabase()
    app.state.clock = clock
    app.state.viewer_of = viewer_of

    def show(request: Request, viewer: Viewer, **more: object) -> Response:
        chart = bar_line_chart(
            "C", ["8", "9"], [Series("in", [1, None])], [Series("last", [2, 3], dashed=True)]
        )
        spark = sparkline([1, None, 2, 3], "trend")
        return page(
            request, viewer, "web/test_page", chart=chart, spark=spark, rows=Page([1], "2", 7), **more
        )

    @app.get("/")
    async def start(request: Request, viewer: May) -> Response:
        return show(request, viewer, form=None)

    @app.get("/secret")
    async def secret(viewer: May) -> None: ...

    @app.post("/")
    async def change(request: Request, viewer: May) -> Response:
        form = await filled(request, Size, viewer.lang)
        return (
            show(request, viewer, form=form) if form.model is None else Response(form.model.model_dump_json())
        )

    @app.post("/api/things")
    async def things(viewer: May, db: Db) -> dict[str, str]:
        return {"by": viewer.name, "db": str(db)}

    @app.post("/api/clash")
    @app.get("/clash")
    async def clash(db: Db) -> None:
        raise Conflict("the card {card} belongs to somebody else", card="…1<b>4")

    @app.get("/api/wrong/{which}")
    async def wrong(which: str) -> None:
        raise {
            "invalid": Invalid({"phone": "is needed"}),
            "often": TooMany("too often", after_s=1.2),
            "bug": KeyError("a secret thing"),
        }[which]

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("a secret thing")

    install(app, WebOptions(body_max_bytes=2000))
    return app


@pytest.fixture
async def client(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    find = ModuleLoader.get_source

    def with_test_page(self: ModuleLoader, environment: object, template: str) -> object:
        if template == "web/test_page":
            return PAGE, None, lambda: True
        return find(self, environment, template)  # type: ignore[arg-type]

    monkeypatch.setattr(ModuleLoader, "get_source", with_test_page)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.test") as client:
        yield client


@pytest.fixture
def as_user(client: httpx.AsyncClient):  # type: ignore[no-untyped-def]
    def sign_in(name: str) -> dict[str, str]:
        client.cookies.set(session_cookie({"scheme": "http"}), name)
        return {"X-CSRF-Token": csrf_token(name)}

    return sign_in
