"""What a second person's yes does, by the kind of request; and the decision, done once and whole."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.keys import Keys
from central_server.ledger import approvals
from central_server.ledger.approvals import Deed
from central_server.ledger.models.approvals import Approval
from central_server.web.deps import Viewer, database_of, keys_of, now_ms
from central_server.web.text import N_


def deeds_of(keys: Keys) -> Mapping[str, Deed]:
    """The deeds by their kinds."""
    return {}


async def decide(request: Request, viewer: Viewer, id_: str, *, approve: bool, note: str) -> Approval:
    """The viewer's yes or no, and what follows from it, in one transaction (`approvals.decide`)."""
    at_ms, keys = now_ms(request), keys_of(request)

    async def work(session: AsyncSession) -> Approval:
        theirs(await approvals.approval(session, id_), viewer)
        return await approvals.decide(
            session, id_, by=viewer, approve=approve, now_ms=at_ms, deeds=deeds_of(keys), note=note
        )

    return await database_of(request).run(work)


def theirs(row: Approval, viewer: Viewer) -> Approval:
    """The request, if it concerns the viewer's stores. Raises NotFound."""
    if not viewer.may_see(row.store):
        raise NotFound(N_("there is no such request"))
    return row
