"""Who may see a camera's picture and write settings: whoever sits at this box, or has the technician's PIN.

Decision 017. Without `web.technician_pin` the pages open on this machine only; with it, whoever types it may,
here and elsewhere, for half a day. Who has been let in is kept in memory: a restart asks for the PIN again.
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from config.parts import on_this_machine
from edge_agent.web import asked, render, words
from edge_agent.web.money import Html

COOKIE = "tillbeam_technician"
LET_IN_S = 12 * 3600
LET_IN_MAX = 16  # browsers at once; the first goes
TRIES = 10  # wrong PINs of everybody together …
TRIES_S = 600.0  # … in this time; then none is taken until they are so old
# What a proxy says of whom it speaks for: the request comes from elsewhere, though its connection does not.
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

Standing = Literal["in", "pin", "here"]


class DoorAsked(msgspec.Struct, forbid_unknown_fields=True):
    """What was typed at the door."""

    pin: Annotated[str, msgspec.Meta(max_length=64)]

    def __repr__(self) -> str:
        return "DoorAsked()"  # never the PIN


class Technicians:
    """The door, and who has been let in."""

    def __init__(self, *, pin: str, mono_s: Callable[[], float], lang: str, html: Html) -> None:
        self._pin, self._mono_s, self._lang, self._html = pin, mono_s, lang, html
        self._until_s: dict[str, float] = {}
        self._wrong_s: deque[float] = deque(maxlen=TRIES)

    def routes(self) -> list[Route]:
        return [
            Route("/edge/door", self.page),
            Route("/edge/door", self.enter, methods=["POST"]),
            Route("/edge/door/leave", self.leave, methods=["POST"]),
        ]

    def standing(self, request: Request) -> Standing:
        """in: may; pin: may with the PIN; here: may only at the box itself."""
        if not self._pin:
            return "in" if _from_here(request) else "here"
        until_s = self._until_s.get(request.cookies.get(COOKIE, ""), 0.0)
        return "in" if until_s > self._mono_s() else "pin"

    def turned_away(self, request: Request, *, page: bool) -> Response | None:
        """What is answered to whoever may not; None when they may. `page`: a person is to read it."""
        standing = self.standing(request)
        if standing == "in":
            return None
        if page and standing == "pin":
            return RedirectResponse(f"/edge/door?{urlencode({'to': request.url.path})}", 303)
        if page:
            answer = self._html(request, "door.html", open=False, to="/edge")
            answer.status_code = 403
            return answer
        _ = words.translator(render.language(request, self._lang))
        if standing == "pin":
            return PlainTextResponse(_("The PIN is asked for again: load this page again."), 401)
        return PlainTextResponse(_("This page opens on the box itself only."), 403)

    async def page(self, request: Request) -> Response:
        to = request.query_params.get("to", "")
        to = to if to.startswith("/edge/") else "/edge/cameras"
        if self.standing(request) == "in":
            return RedirectResponse(to, 303)
        answer = self._html(request, "door.html", open=bool(self._pin), to=to)
        answer.status_code = 200 if self._pin else 403
        return answer

    async def enter(self, request: Request) -> Response:
        _ = words.translator(render.language(request, self._lang))
        wanted = await asked.body(request, DoorAsked)
        now_s = self._mono_s()
        if not self._pin:
            return PlainTextResponse(_("This page opens on the box itself only."), 403)
        if len(self._wrong_s) == TRIES and now_s - self._wrong_s[0] < TRIES_S:
            return PlainTextResponse(_("Too many wrong PINs. Wait ten minutes."), 429)
        if wanted is None or not hmac.compare_digest(wanted.pin.encode(), self._pin.encode()):
            self._wrong_s.append(now_s)
            return PlainTextResponse(_("This is not the PIN."), 422)
        self._until_s = {key: until for key, until in self._until_s.items() if until > now_s}
        if len(self._until_s) >= LET_IN_MAX:
            del self._until_s[min(self._until_s, key=self._until_s.__getitem__)]
        key = secrets.token_urlsafe(32)
        self._until_s[key] = now_s + LET_IN_S
        answer = Response(status_code=204)
        answer.set_cookie(
            COOKIE,
            key,
            max_age=LET_IN_S,
            path="/edge",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def leave(self, request: Request) -> Response:
        self._until_s.pop(request.cookies.get(COOKIE, ""), None)
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path="/edge")
        return answer


def _from_here(request: Request) -> bool:
    client = request.client.host if request.client else ""
    return (
        on_this_machine(client)
        and on_this_machine(request.url.hostname or "")
        and not any(name in request.headers for name in _PROXIED)
    )
