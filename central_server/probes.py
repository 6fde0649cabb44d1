"""What machines ask of the centre: is it alive, is it ready, and its figures."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from central_server.errors import NotSignedIn, Refused
from central_server.web.deps import MaybeViewer
from central_server.web.text import N_

router = APIRouter(include_in_schema=False)
_HERE = ("127.0.0.1", "::1")


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers; whether it can do its work, /readyz says."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when the database and the broker can be reached, else 503; either way which of them."""
    parts = cast("dict[str, bool]", await request.app.state.centre.ready())
    return JSONResponse(parts, 200 if all(parts.values()) else 503)


@router.get("/metrics")
async def metrics(request: Request, viewer: MaybeViewer) -> Response:
    """For Prometheus on this machine, or elsewhere with the key of a user who may see the stores."""
    direct = request.client is not None and request.client.host in _HERE
    if not direct or "x-forwarded-for" in request.headers:
        if viewer is None:
            raise NotSignedIn(N_("please sign in"))
        if not viewer.may("stores.read"):
            raise Refused(N_("this needs the right {right}, which you do not have"), right="stores.read")
    return Response(generate_latest(request.app.state.centre.registry), media_type=CONTENT_TYPE_LATEST)
