"""The desk as JSON: programmes, cards, value, points, leases and what needs a second person."""

from __future__ import annotations

from fastapi import APIRouter

from central_server.ledger.desk import (
    approvals_api,
    cards_api,
    leases_api,
    points_api,
    programmes_api,
    purses_api,
    value_api,
    verify_api,
)
from central_server.ledger.desk.doors import PROBLEMS
from central_server.ledger.reports import reports_api, statements_api

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
