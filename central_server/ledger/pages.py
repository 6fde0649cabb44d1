"""The desk for people: one router of its rooms."""

from __future__ import annotations

from fastapi import APIRouter

from central_server.ledger import approval_pages, lease_pages, programme_pages

router = APIRouter(include_in_schema=False)
for part in (programme_pages, lease_pages, approval_pages):
    router.include_router(part.router)
