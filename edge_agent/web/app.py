"""The store's pages as one small ASGI application: Starlette, because the box has 64 MiB to live in.

Everything it shows comes from the `Till` and from a `Status`; it keeps nothing of its own, so it works the
same with the line down.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from config.text import LANGUAGES
from drivers.base import Decoder
from edge_agent.health import Status
from edge_agent.joining import JoinRefused
from edge_agent.shift import Shifts
from edge_agent.till import Till
from edge_agent.web import asked, render, words
from edge_agent.web.cameras import DRIVER as CAMERA
from edge_agent.web.cameras import CameraPages, Cameras
from edge_agent.web.events import held, till_events
from edge_agent.web.money import MoneyPages, Past
from edge_agent.web.security import Guard
from edge_agent.web.shifts import ShiftPages
from edge_agent.web.typed import TYPED_MAX_CHARS, read_typed
from sync.contract.questions import MemberKnown

RECENT_SHOWN = 8
YEAR_S = 365 * 86400


class LookUp(msgspec.Struct, forbid_unknown_fields=True):
    """What the page's one input box sends."""

    till: str
    text: str


class Join(msgspec.Struct, forbid_unknown_fields=True):
    """What the quick-join form sends."""

    till: str
    name: str
    phone: str
    card: str = ""
    consent: bool = False


class Pages:
    """The handlers; built once by `build`."""

    def __init__(
        self,
        *,
        till: Till,
        status: Callable[[], Status],
        metrics: Callable[[], bytes] | None,
        wedge: Callable[[], Decoder],
        lang: str,
        token: str,
    ) -> None:
        self._till = till
        self._status = status
        self._metrics = metrics
        self._wedge = wedge
        self._lang = lang
        self._token = token

    def routes(self) -> list[Route]:
        return [
            Route("/", lambda _: RedirectResponse("/till")),
            Route("/till", self.till_page),
            Route("/till/display", self.display_page),
            Route("/till/events", self.events),
            Route("/till/lookup", self.look_up, methods=["POST"]),
            Route("/till/join", self.join, methods=["POST"]),
            Route("/till/pin", self.pin, methods=["POST"]),
            Route("/edge", self.edge_page),
            Route("/edge/state", self.edge_state),
            Route("/edge/status", self.edge_status),
            Route("/language", self.language),
            Route("/metrics", self.metrics),
            Route("/healthz", lambda _: PlainTextResponse("ok")),
        ]

    # The cashier

    async def till_page(self, request: Request) -> Response:
        till = asked.till_of(request)
        swipe = self._till.on_page(till)
        return self.html(
            request,
            "till.html",
            till=till,
            status=self._status(),
            swipe=swipe,
            balance=await held(self._till, swipe),
            recent=self._till.recent(till)[:RECENT_SHOWN],
            bearer=self._till.holders.bearer,
            wanted=self._till.waits.wanted(till),
        )

    async def display_page(self, request: Request) -> Response:
        return self.html(
            request, "display.html", till=asked.till_of(request), swipe=None, balance=None, deed=None
        )

    async def events(self, request: Request) -> Response:
        lang = render.language(request, self._lang)
        stream = till_events(
            self._till, asked.till_of(request), self._status, lang, recent_shown=RECENT_SHOWN
        )
        return EventStream(stream, request.app.state.ending)

    async def pin(self, request: Request) -> Response:
        """What the customer typed for a payment terminal that waits; empty: they will not."""
        _ = words.translator(render.language(request, self._lang))
        wanted = await asked.body(request, asked.PinAsked)
        if wanted is None:
            return PlainTextResponse(_("A PIN has four to twelve digits."), 422)
        waits = self._till.waits
        if not wanted.pin:
            waits.refuse(wanted.till, wanted.number)
        elif not waits.give_pin(wanted.till, wanted.number, wanted.pin):
            return PlainTextResponse(_("Nobody waits for a PIN any more."), 409)
        return Response(status_code=204)

    async def look_up(self, request: Request) -> Response:
        _ = words.translator(render.language(request, self._lang))
        wanted = await asked.body(request, LookUp)
        if wanted is None or len(wanted.text) > TYPED_MAX_CHARS:
            return PlainTextResponse(_("Type a card number or a telephone number."), 422)
        try:
            meant = read_typed(wanted.text, self._wedge)
        except ValueError:
            return PlainTextResponse(_("This is neither a card number nor a telephone number."), 422)
        if isinstance(meant, str):
            await self._till.refuse(wanted.till, meant, device="page")
            return Response(status_code=204)
        # Asked without a trace first: only what was meant becomes an event.
        best = meant[0]
        for question in meant:
            if isinstance(await self._till.answer(question), MemberKnown):
                best = question
                break
        await self._till.present(wanted.till, best, device="page")
        return Response(status_code=204)

    async def join(self, request: Request) -> Response:
        lang = render.language(request, self._lang)
        wanted = await asked.body(request, Join)
        if wanted is None:
            return PlainTextResponse(words.translator(lang)("Name and telephone number are needed."), 422)
        try:
            await self._till.join(
                wanted.till, name=wanted.name, phone=wanted.phone, card=wanted.card, consent=wanted.consent
            )
        except JoinRefused as refusal:
            return PlainTextResponse(words.join_refusal(refusal, lang), 422)
        return Response(status_code=204)

    # The technician

    async def edge_page(self, request: Request) -> Response:
        cameras = any(device.driver == CAMERA for device in self._status().devices)
        return self.html(request, "edge.html", cameras=cameras, **self._state(request))

    async def edge_state(self, request: Request) -> Response:
        return self.html(request, "edge_state.html", **self._state(request))

    async def edge_status(self, request: Request) -> Response:
        return Response(msgspec.json.encode(self._status()), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        if self._metrics is None:
            return PlainTextResponse("health.metrics is off in the settings.", 404)
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _state(self, request: Request) -> dict[str, Any]:
        return {"status": self._status(), **words.for_state(render.language(request, self._lang))}

    # Both

    async def language(self, request: Request) -> Response:
        wish, to = request.query_params.get("lang", ""), urlsplit(request.query_params.get("to", "/"))
        path = "/" + to._replace(scheme="", netloc="").geturl().lstrip("/")  # `//` would lead to another host
        answer = RedirectResponse(path, 303)
        if wish in LANGUAGES:
            answer.set_cookie(render.LANGUAGE_COOKIE, wish, max_age=YEAR_S, samesite="strict", httponly=True)
        return answer

    def html(self, request: Request, name: str, **context: Any) -> HTMLResponse:
        """A template in the reader's language."""
        lang = render.language(request, self._lang)
        template = render.templates(lang, self._till.zone).get_template(name)
        return HTMLResponse(
            template.render(lang=lang, token=self._token, **context), headers={"cache-control": "no-store"}
        )


class EventStream(Response):
    """Server-sent events from an async iterator, one write an event (WHATWG HTML, section 9.2).

    It ends when the browser goes, or when `ending` is set: else the last page to be closed would keep the
    agent from ending.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], ending: asyncio.Event) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events, self._ending = events, ending

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        async def pour() -> None:
            async with contextlib.aclosing(self._events) as events:
                async for event in events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        first = [asyncio.ensure_future(work) for work in (pour(), gone(), self._ending.wait())]
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in first:
                each.cancel()
            await asyncio.gather(*first, return_exceptions=True)
        if self._ending.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def build(
    *,
    till: Till,
    status: Callable[[], Status],
    metrics: Callable[[], bytes] | None,
    wedge: Callable[[], Decoder],
    lang: str,
    token: str,
    hosts: Iterable[str] = ("localhost", "127.0.0.1", "::1"),
    currency: str = "CNY",
    history: Past | None = None,
    shifts: Shifts | None = None,
    cameras: Cameras | None = None,
) -> Starlette:
    """The application. `token` is random for each start; `hosts` are the names it may be called by.

    Without `metrics` there is nothing under `/metrics`; without `history` no money moves here, without
    `shifts` none are closed, and without `cameras` nothing is seen or drawn.
    """
    pages = Pages(till=till, status=status, metrics=metrics, wedge=wedge, lang=lang, token=token)
    routes: list[BaseRoute] = [*pages.routes()]
    shared: dict[str, Any] = {"status": status, "currency": currency, "lang": lang, "html": pages.html}
    if history is not None:
        routes += MoneyPages(till=till, history=history, **shared).routes()
    if shifts is not None:
        routes += ShiftPages(shifts=shifts, **shared).routes()
    if cameras is not None:
        routes += CameraPages(cameras, status=status, lang=lang, html=pages.html).routes()
    routes.append(Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")))
    app = Starlette(routes=routes)
    app.state.ending = asyncio.Event()
    app.add_middleware(Guard, token=token, hosts=tuple(hosts))
    return app
