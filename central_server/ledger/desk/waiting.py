"""A request that waits for a second person, or no longer does, as JSON says it."""

from __future__ import annotations

from pydantic import Field

from central_server.ledger.desk import approvals
from central_server.ledger.desk.doors import Out
from central_server.ledger.models.approvals import Approval


class ApprovalOut(Out):
    """Something that one person asked for and another must allow."""

    id: str
    kind: str
    state: str = Field(description="waiting, done, refused or expired")
    about: str
    store: str
    amount: int
    unit: str
    why: str
    asked_name: str
    asked_ms: int
    expires_ms: int
    decided_name: str
    decided_ms: int | None
    note: str


def approval_out(row: Approval, at_ms: int) -> ApprovalOut:
    """A request as JSON says it."""
    return ApprovalOut.model_validate(row).model_copy(update={"state": approvals.state_of(row, at_ms)})
