"""Puts the web's shell around an application: limits, headers, error pages and the static files."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from central_server.errors import CentreError
from central_server.web.deps import WebOptions
from central_server.web.exports import Exports
from central_server.web.mishaps import LastHandler, centre_error, http_error, invalid_request, refusal
from central_server.web.render import STATIC
from central_server.web.security import Shield

_FOR_EVER = "public, max-age=31536000, immutable"


def install(app: FastAPI, options: WebOptions) -> None:
    """Called once by app.py, after `app.state` has been filled (deps.py) and before the first request."""
    app.state.web = options
    app.mount("/static", Static(directory=STATIC), name="static")
    app.add_exception_handler(CentreError, centre_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_middleware(Exports)
    # The last added stands outermost: the Shield's headers are on the last handler's answers too.
    app.add_middleware(LastHandler)
    app.add_middleware(
        Shield,
        body_max_bytes=options.body_max_bytes,
        refusal=refusal,
        secure=options.secure_cookies,
    )


class Static(StaticFiles):
    """Files whose address changes with their content (render.asset) may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope.get("query_string", b""):
            response.headers["Cache-Control"] = _FOR_EVER
        return response
