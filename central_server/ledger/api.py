"""The desk as JSON: programmes, cards, value, points, leases and what needs a second person."""

from __future__ import annotations

from fastapi import APIRouter

from central_server.ledger import (
    approvals_api,
    cards_api,
    leases_api,
    points_api,
    programmes_api,
    purses_api,
    reports_api,
    statements_api,
    value_api,
    verify_api,
)
from central_server.ledger.doors import PROBLEMS

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
for part in (
    programmes_api,
    cards_api,
    purses_api,
    value_api,
    points_api,
    leases_api,
    approvals_api,
    reports_api,
    statements_api,
    verify_api,
):
    router.include_router(part.router)
