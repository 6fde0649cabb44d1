"""The desk for people: one router of its rooms."""

from __future__ import annotations

from fastapi import APIRouter

from central_server.ledger.desk import (
    approval_pages,
    batch_pages,
    card_pages,
    catalogue_pages,
    lease_pages,
    programme_pages,
    purse_pages,
    verify_pages,
)
from central_server.ledger.reports import reports_pages, statement_pages

router = APIRouter(include_in_schema=False)
for part in (
    statement_pages,
    verify_pages,  # /cards/reports/verify is no report
    reports_pages,
    programme_pages,
    lease_pages,
    batch_pages,
    catalogue_pages,
    purse_pages,
    approval_pages,
    card_pages,  # the last: /cards/{card} would be any of the above
):
    router.include_router(part.router)
