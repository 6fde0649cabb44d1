"""The proof of the books as JSON: trial balance, every balance, every lot, the chains."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from central_server.errors import Busy
from central_server.ledger.books.findings import Found
from central_server.ledger.books.verify import verify, written_head
from central_server.ledger.desk.doors import Auditor
from central_server.web.deps import database_of
from central_server.web.text import N_, words

router = APIRouter(prefix="/ledger", tags=["ledger"])


class VerifiedOut(BaseModel):
    """What was looked through, and the first thing that is wrong, if any."""

    right: bool
    wrong: str = Field(description="empty: nothing")
    accounts: int
    transfers: int
    batches: int
    purses: int
    heads: list[str] = Field(description="the ends of the chains, to be kept elsewhere: chain:number:hash")


@router.get("/verify")
async def verify_ledger(request: Request, viewer: Auditor) -> VerifiedOut:
    """Recompute everything, as `tillbeam-central ledger verify` does; once at a time."""
    return verified_out(await look_through(request), viewer.lang)


async def look_through(request: Request) -> Found:
    """What `verify` finds; once at a time in this process. Raises Busy."""
    state = request.app.state
    if getattr(state, "verifying", False):
        raise Busy(N_("the ledger is being proved just now; try again when that is done"))
    state.verifying = True
    try:
        return await verify(database_of(request))
    finally:
        state.verifying = False


def verified_out(found: Found, lang: str) -> VerifiedOut:
    """What was found, in the reader's language."""
    wrong = words(lang).gettext(found.wrong.msgid).format(**found.wrong.values) if found.wrong else ""
    return VerifiedOut(
        right=found.wrong is None,
        wrong=wrong,
        accounts=found.accounts,
        transfers=found.transfers,
        batches=found.batches,
        purses=found.purses,
        heads=[written_head(head) for head in found.heads],
    )
