"""What waits for a second person, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request

from central_server.ledger.desk import approvals
from central_server.ledger.desk.deeds import decide, theirs
from central_server.ledger.desk.doors import ApprovalReader, Approver, Body, Why
from central_server.ledger.desk.waiting import ApprovalOut, approval_out
from central_server.web.deps import ReadDb, now_ms

router = APIRouter(prefix="/approvals", tags=["approvals"])
ApprovalId = Annotated[str, Path(pattern=r"^A[0-9a-f]{24}$", description="A and 24 hex digits")]


class DecisionIn(Body):
    approve: bool
    note: Why = ""


@router.get("")
async def list_approvals(
    request: Request,
    viewer: ApprovalReader,
    db: ReadDb,
    state: Literal["waiting", "done", "refused", "expired", ""] = "waiting",
    limit: Annotated[int, Query(ge=1, le=approvals.LIST_MAX)] = 50,
) -> list[ApprovalOut]:
    """The newest first; people of some stores see what concerns these."""
    at_ms = now_ms(request)
    rows = await approvals.approvals(db, state=state, stores=viewer.stores, now_ms=at_ms, limit=limit)
    return [approval_out(row, at_ms) for row in rows]


@router.get("/{id}")
async def get_approval(request: Request, viewer: ApprovalReader, db: ReadDb, id: ApprovalId) -> ApprovalOut:
    """One request."""
    return approval_out(theirs(await approvals.approval(db, id), viewer), now_ms(request))


@router.post("/{id}/decide")
async def decide_approval(
    request: Request, viewer: Approver, id: ApprovalId, decision: DecisionIn
) -> ApprovalOut:
    """Say yes or no, for good. A yes does what was asked for. 403 for whoever asked."""
    row = await decide(request, viewer, id, approve=decision.approve, note=decision.note)
    return approval_out(row, now_ms(request))
