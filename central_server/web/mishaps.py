"""What goes wrong becomes an answer: a page for people, problem+json (RFC 9457) for programs.

Only here is `except Exception` at home in the web: whatever nobody expected is logged under a short id, and
the answer holds the id and nothing else of it.
"""

from __future__ import annotations

import logging
import math
import secrets
from typing import Any, Final
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central_server import errors
from central_server.db import will_pass
from central_server.web.deps import Viewer
from central_server.web.forms import finding
from central_server.web.nav import home_of
from central_server.web.render import page
from central_server.web.security import is_api
from central_server.web.text import N_, language_of, words

log = logging.getLogger(__name__)

LOGIN: Final = "/login"
_STATUS: Final = {
    errors.NotSignedIn: 401,
    errors.Refused: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.TooMany: 429,
    errors.Busy: 503,
}
_TITLES: Final = {
    400: N_("This request cannot be read"),
    401: N_("Please sign in"),
    403: N_("You may not do this"),
    404: N_("There is nothing here"),
    405: N_("This cannot be done here"),
    409: N_("This has changed meanwhile"),
    413: N_("This is too large"),
    422: N_("Some of this is not right"),
    429: N_("Too many attempts"),
    500: N_("Something went wrong"),
    503: N_("Busy just now"),
}
_DETAILS: Final = {
    400: N_("What was sent cannot be read as the JSON or the form that it says it is."),
    403: N_("The page has been open too long, or came from elsewhere. Go back, reload it and try again."),
    413: N_("The server does not take so much at once."),
    500: N_("It has been noted under the number below. Nothing was changed."),
    503: N_("Please try again in a moment."),
}

_UNREADABLE: Final[dict[type, str]] = {  # what FastAPI's 400 was raised from
    UnicodeDecodeError: N_("What was sent is not UTF-8 text."),
    RecursionError: N_("What was sent is nested too deeply."),
}


def status_of(error: errors.CentreError) -> int:
    """The HTTP status of that branch of the tree in errors.py."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


async def centre_error(request: Request, error: Exception) -> Response:
    """Handles errors.CentreError."""
    assert isinstance(error, errors.CentreError)
    status = status_of(error)
    if status == 401 and not is_api(request.url.path):
        return _to_login(request)
    if status == 403 and (home := _elsewhere(request)):
        return RedirectResponse(home, 303)
    if status == 500:
        return _unexpected(request, error)
    say = words(_language(request)).gettext
    detail = say(error.msgid).format(**error.values) if error.values else say(error.msgid)
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, errors.Invalid):
        more["fields"] = {field: errors.in_language(why, say) for field, why in error.fields.items()}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(math.ceil(error.after_s))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(request, status, detail, headers=headers, **more)


async def http_error(request: Request, error: Exception) -> Response:
    """Handles Starlette's own: no such route, wrong method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    why = _UNREADABLE.get(type(error.__cause__)) if error.status_code == 400 else None
    detail = words(_language(request)).gettext(why) if why else None
    return answer(request, error.status_code, detail, headers=dict(error.headers or {}))


async def invalid_request(request: Request, error: Exception) -> Response:
    """Handles what FastAPI's models refuse; says the place and what is wrong, never what was sent."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    say = words(_language(request)).gettext
    if first["type"] == "json_invalid":
        detail = say(N_("What was sent is no JSON: it cannot be read from character {at} on."))
        return answer(request, 400, detail.format(at=int(first["loc"][-1]) + 1))
    fields = {
        ".".join(str(part) for part in one["loc"]): errors.in_language(finding(one), say)
        for one in error.errors()[:50]
    }
    return answer(request, 422, fields=fields)


def answer(
    request: Request,
    status: int,
    detail: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """An error as a page or as problem+json, in the reader's language."""
    say = words(_language(request)).gettext
    title = say(_TITLES.get(status, _TITLES[400 if status < 500 else 500]))
    if detail is None and status in _DETAILS:
        detail = say(_DETAILS[status])
    if is_api(request.url.path):
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail or title, **more}
        return JSONResponse(problem, status, headers, media_type="application/problem+json")
    fields = more.get("fields", {})
    response = page(
        request,
        _viewer(request),
        "web/error.html",
        status,
        title=title,
        detail=detail,
        fields=fields,
        incident=more.get("incident"),
    )
    response.headers.update(headers or {})
    return response


def refusal(request: Request, status: int) -> Response:
    """What security.Shield answers with."""
    return answer(request, status)


class LastHandler:
    """ASGI middleware just inside the Shield: nothing that nobody expected gets past it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            response = _unexpected(Request(scope), error)
            if begun:
                raise  # half an answer is out: only cutting the connection tells the reader so
            await response(scope, receive, send)


def _unexpected(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError | TimeoutError | ConnectionError) and will_pass(error):
        why = error.orig if isinstance(error, DBAPIError) else error
        log.warning("%s %s: the database was busy: %s", request.method, request.url.path, why)
        return answer(request, 503, headers={"Retry-After": "1"})
    incident = secrets.token_hex(4)
    log.error("%s %s failed, incident %s", request.method, request.url.path, incident, exc_info=error)
    return answer(request, 500, incident=incident)


def _to_login(request: Request) -> Response:
    if "hx-request" in request.headers:  # a redirect would put the login form into a corner of the page
        return Response(status_code=401, headers={"HX-Redirect": LOGIN})
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(login_address(back) if request.method == "GET" else LOGIN, 303)


def _elsewhere(request: Request) -> str:
    """Where somebody begins who asked for the first page and may not see it; empty: for any other page."""
    viewer = _viewer(request)
    if viewer is None or (request.method, request.url.path) != ("GET", "/"):
        return ""
    home = home_of(viewer.rights)
    return "" if home == "/" else home


def login_address(back: str) -> str:
    """The login page, from which the reader is brought back to `back`."""
    return f"{LOGIN}?next={quote(back, safe='')}" if back != "/" else LOGIN


def _viewer(request: Request) -> Viewer | None:
    viewer = getattr(request.state, "viewer", None)
    return viewer if isinstance(viewer, Viewer) else None


def _language(request: Request) -> str:
    viewer = _viewer(request)
    return viewer.lang if viewer else language_of(request)
