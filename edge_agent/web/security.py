"""What every answer of the store's pages carries, and what every request must bring.

The pages listen on the box itself, but a browser on it also shows other people's pages: a request from one
of those has another Host (DNS rebinding) or lacks our token (CSRF), and is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES = 64 * 1024  # a joiner is under 500 bytes, a camera's drawing at all its limits 50 KiB
TOKEN_HEADER = "x-tillbeam-token"  # noqa: S105  the header's name, not a token
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",  # nobody else's page shows a camera's picture
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware: known hosts only, our token on every change, bodies up to `BODY_MAX_BYTES`."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)
        if refusal:
            status, why = refusal
            await PlainTextResponse(why, status, headers=HEADERS)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, _limited(receive), send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
        if host.lower() not in self._hosts:
            return (
                421,
                f"This page is not served under the name {host!r}. Add it to web.names in the settings.",
            )
        if method in SAFE_METHODS:
            return None
        if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self._token.encode()):
            return 403, "This page is out of date: load it again."
        if int(headers.get("content-length") or 0) > BODY_MAX_BYTES:
            return 413, f"At most {BODY_MAX_BYTES} bytes."
        return None


def _limited(receive: Receive) -> Receive:
    """`receive` for a body of any declared length: past the limit it ends as if the client had gone."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > BODY_MAX_BYTES else message

    return limited
