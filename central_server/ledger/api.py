"""The desk as JSON: programmes, cards, value, points, leases and what needs a second person."""

from __future__ import annotations

from fastapi import APIRouter

from central_server.ledger import approvals_api, programmes_api
from central_server.ledger.doors import PROBLEMS

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
for part in (programmes_api, approvals_api):
    router.include_router(part.router)
