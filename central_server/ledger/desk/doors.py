"""What the desk's API and pages share: who may pass, whose store it is, and a request that is done once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse

from central_server.errors import Refused
from central_server.keys import Keys
from central_server.ledger.purses import answered
from central_server.ledger.purses.answered import Answer
from central_server.staff import service as staff
from central_server.web.deps import Viewer, database_of, keys_of, needs, now_ms
from central_server.web.text import N_
from config.central import SecondPersonSettings
from config.money import LeaseSettings
from sync.contract.money import MINOR_MAX

CardReader = Annotated[Viewer, Depends(needs("cards.read"))]
CardWriter = Annotated[Viewer, Depends(needs("cards.read", "cards.write"))]
CardMaker = Annotated[Viewer, Depends(needs("cards.read", "cards.make"))]
ProgrammeWriter = Annotated[Viewer, Depends(needs("cards.read", "programmes.write"))]
ValueReader = Annotated[Viewer, Depends(needs("value.read"))]
Asker = Annotated[Viewer, Depends(needs("value.ask"))]
Loader = Annotated[Viewer, Depends(needs("value.load"))]
Spender = Annotated[Viewer, Depends(needs("value.spend"))]
Refunder = Annotated[Viewer, Depends(needs("value.refund"))]
Corrector = Annotated[Viewer, Depends(needs("value.read", "value.correct"))]
PointsWriter = Annotated[Viewer, Depends(needs("points.write"))]
ApprovalReader = Annotated[Viewer, Depends(needs("approvals.read"))]
Approver = Annotated[Viewer, Depends(needs("approvals.read", "approvals.decide"))]
LeaseReader = Annotated[Viewer, Depends(needs("leases.read"))]
LeaseWriter = Annotated[Viewer, Depends(needs("leases.read", "leases.write"))]
Auditor = Annotated[Viewer, Depends(needs("ledger.audit"))]

CENTRE: Final = ""  # the store of what is done at head office
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "the request cannot be read"},
    401: {"description": "nobody is signed in"},
    403: {"description": "a right is missing, or the store is another's"},
    404: {"description": "there is no such card, purse or hold"},
    409: {"description": "it cannot be done now, or the id was used for another request"},
    422: {"description": "some of it is not right"},
}

Amount = Annotated[
    int, Field(strict=True, ge=1, le=MINOR_MAX, description="minor units (fen, cent), or points")
]
StoreId = Annotated[str, Field(max_length=32, description="the store; empty: head office")]
Word = Annotated[str, Field(max_length=64)]
Why = Annotated[str, Field(max_length=400, description="the reason, kept with it")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=80,
        description="made where the fact arose; the same key and body give the first answer again. "
        "May stand in the body as `id` instead.",
    ),
]


class Body(BaseModel):
    """What every request to change something has. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(default=None, max_length=80, description="instead of the header Idempotency-Key")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


@dataclass(frozen=True)
class Desk:
    """One request at the desk: who asks, under which key, when, and what needs two people."""

    viewer: Viewer
    key: str
    now_ms: int
    keys: Keys
    second: SecondPersonSettings
    approver: str = ""  # the second person, when one has said yes

    @property
    def by(self) -> str:
        """Who answers for it, as histories say it."""
        return f"{self.viewer.name} + {self.approver}" if self.approver else self.viewer.name


Deed = Callable[[AsyncSession, Desk], Awaitable[tuple[int, BaseModel]]]


def at_store(viewer: Viewer, store: str) -> str:
    """That store, if the viewer may act there; raises Refused. Head office is for whoever has every store."""
    if viewer.stores is not None and store not in viewer.stores:
        raise Refused(N_("you may not act for this store"))
    return store


def second_person_of(request: Request) -> SecondPersonSettings:
    """What needs two people, as the settings say now."""
    settings = getattr(request.app.state, "settings", None)
    found = getattr(settings, "second_person", None)
    return found if isinstance(found, SecondPersonSettings) else SecondPersonSettings()


def lease_settings_of(request: Request) -> LeaseSettings:
    """The caps and times of leases, as the settings say now."""
    found = getattr(getattr(request.app.state, "settings", None), "leases", None)
    return found if isinstance(found, LeaseSettings) else LeaseSettings()


async def done_once(
    request: Request,
    viewer: Viewer,
    body: Body,
    key: str | None,
    deed: Deed,
    *,
    closed: bool = False,
) -> Answer:
    """What `deed` answered to the first request with this key (`answered.once`, and what that raises).

    `closed`: the answer is kept closed, for it holds what must not lie in the database in clear. What was
    asked is kept as a keyed digest: a PIN in it cannot be guessed from the database.
    """
    chosen = key or body.id or ""
    keys = keys_of(request)
    desk = Desk(viewer, chosen, now_ms(request), keys, second_person_of(request))
    asked = answered.said(request.method, request.url.path, body.model_dump(mode="json", exclude={"id"}))
    said = keys.blind("request", asked.decode())

    async def work(session: AsyncSession) -> Answer:
        status, out = await deed(session, desk)
        if closed:
            return Answer(status, {"closed": keys.encrypt(out.model_dump_json()).hex()})
        return Answer(status, out.model_dump(mode="json"))

    answer = await answered.once(database_of(request), chosen, said, work, now_ms=desk.now_ms)
    if closed:
        return Answer(answer.status, json.loads(keys.decrypt(bytes.fromhex(answer.body["closed"]))))
    return answer


def country_of(request: Request) -> str:
    """The country code of telephone numbers that come without one."""
    return str(getattr(getattr(request.app.state, "settings", None), "country", "86"))


def as_json(answer: Answer) -> JSONResponse:
    """The answer, the same bytes each time."""
    return JSONResponse(answer.body, answer.status)


async def note(
    session: AsyncSession,
    viewer: staff.Who,
    action: str,
    kind: str,
    id_: str,
    at_ms: int,
    **what: Any,
) -> None:
    """Put it in the audit trail; what money does stands in the ledger besides."""
    await staff.record_change(session, viewer, action, kind, id_, None, what or None, at_ms)
