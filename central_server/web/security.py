"""What stands before every route: limits, headers, and a token that only our own pages know.

Cross-site requests: a browser sends our cookies with a form that somebody else wrote, so every unsafe
request that could be living off a cookie must carry a token derived from that cookie, as the form field
`csrf` or the header `X-CSRF-Token`. A request with an API token in its `Authorization` header, or to the
API with no session cookie at all, lives off nothing that a browser adds by itself and is let through.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BEARER: Final = "bearer "
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
API: Final = "/api/"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_COOKIES_MAX_BYTES: Final = 8192  # ours take 200; more is somebody else's, or an attack on the parser

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_HSTS: Final = "max-age=31536000"

Refusal = Callable[[Request, int], Response]


def is_api(path: str) -> bool:
    """Whether that path answers JSON to programs rather than pages to people."""
    return path.startswith(API)


def session_cookie(scope: Scope) -> str:
    """The session cookie's name; under https the browser guards the `__Host-` prefix."""
    return _cookie_name(scope, "tb_session")


def guest_cookie(scope: Scope) -> str:
    """The cookie that ties the login form to the browser before there is a session."""
    return _cookie_name(scope, "tb_guest")


def set_cookie(response: Response, scope: Scope, name: str, value: str, max_age_s: int | None = None) -> None:
    """A cookie that scripts cannot read and other sites do not send."""
    secure = scope.get("scheme") == "https"
    response.set_cookie(
        name, value, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="lax"
    )


def new_token() -> str:
    """32 random bytes as text: a session, an API token, a guest."""
    return secrets.token_urlsafe(32)


def csrf_token(secret: str) -> str:
    """What a form must repeat when the browser's cookie is `secret`; says nothing about the cookie."""
    return hmac.new(secret.encode(), b"tillbeam csrf 1", hashlib.sha256).hexdigest()[:40]


def csrf_token_of(scope: Scope) -> str:
    """The token that belongs to this request's cookies; empty when it has none."""
    cookies = _cookies(scope)
    secret = cookies.get(session_cookie(scope)) or cookies.get(guest_cookie(scope))
    return csrf_token(secret) if secret else ""


class Shield:
    """ASGI middleware: body size, cross-site requests, and the headers of every answer.

    `refusal(request, status)` makes the answer to what is refused: 403 token, 413 size.
    `secure`: browsers reach us by https, whatever reaches this process.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_max_bytes: int,
        refusal: Refusal,
        secure: bool = False,
    ) -> None:
        self._app = app
        self._body_max_bytes = body_max_bytes
        self._refusal = refusal
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._secure:
            scope["scheme"] = "https"  # as the browser sees it; a proxy may speak plain HTTP to us
        guarded = _with_headers(scope, send)
        status = 0
        if scope["method"] not in _SAFE:
            body = await _body(receive, self._body_max_bytes)
            receive = _replay(body or b"", receive)
            if body is None:
                status = 413
            elif _lives_off_cookies(scope) and not await _carries_token(scope, body):
                status = 403
        if status:
            await self._refusal(Request(scope), status)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)


def _cookie_name(scope: Scope, name: str) -> str:
    return f"__Host-{name}" if scope.get("scheme") == "https" else name


def _cookies(scope: Scope) -> dict[str, str]:
    header = Headers(scope=scope).get("cookie", "")
    if len(header) > _COOKIES_MAX_BYTES:
        return {}
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if scope.get("scheme") == "https":
                headers.setdefault("Strict-Transport-Security", _HSTS)
            if not scope["path"].startswith("/static/"):
                headers.setdefault("Cache-Control", "no-store")  # shared tills' browsers keep nothing
        await send(message)

    return sending


async def _body(receive: Receive, body_max_bytes: int) -> bytes | None:
    """The whole body; None when it is over the limit (what is beyond it is never kept)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(chunks)  # the client went away; the route will see half a body and refuse it
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > body_max_bytes:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _lives_off_cookies(scope: Scope) -> bool:
    if Headers(scope=scope).get("authorization", "")[: len(BEARER)].lower() == BEARER:
        return False
    return not is_api(scope["path"]) or session_cookie(scope) in _cookies(scope)


async def _carries_token(scope: Scope, body: bytes) -> bool:
    expected = csrf_token_of(scope)
    headers = Headers(scope=scope)
    if not expected or headers.get("sec-fetch-site") == "cross-site":
        return False
    given = headers.get(CSRF_HEADER) or await _form_token(scope, body)
    return hmac.compare_digest(given.encode(), expected.encode())


async def _form_token(scope: Scope, body: bytes) -> str:
    async def nothing_more() -> Message:
        return {"type": "http.disconnect"}

    try:
        async with Request(dict(scope), _replay(body, nothing_more)).form() as form:
            given = form.get(CSRF_FIELD, "")
            return given if isinstance(given, str) else ""
    except (MultiPartException, HTTPException, UnicodeDecodeError):
        return ""
