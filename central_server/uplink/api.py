"""`/api/v1/aside`: events that were set aside."""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.uplink import aside
from central_server.uplink.handlers import Handlers
from central_server.web.deps import Db, ReadDb, Viewer, needs, now_ms
from central_server.web.text import N_

router = APIRouter(prefix="/api/v1/aside", tags=["aside"])

Reader = Annotated[Viewer, Depends(needs("aside.read"))]
Writer = Annotated[Viewer, Depends(needs("aside.write"))]
ID_MAX = 2**63 - 1
AsideId = Annotated[int, Path(ge=1, le=ID_MAX)]


class EventAside(BaseModel):
    """An event that could not be read or applied."""

    id: int
    event: str = Field(description="store/epoch/lane/number")
    store: str
    type: str
    why: str
    aside_ms: int
    tries: int
    envelope: Any = Field(description="[wall_ms, sure, boot, mono_ms, event], or the text if it is no JSON")


class EventsAside(BaseModel):
    """Some of them, oldest first; ask again with `after` = `next` for more."""

    items: list[EventAside]
    next: int | None
    total: int


class Replayed(BaseModel):
    """Whether the event has had its effect now, and if not, why."""

    done: bool
    why: str = ""


class Reason(BaseModel):
    """Why an event may be discarded."""

    reason: str = Field(min_length=3, max_length=1000)


@router.get("")
async def list_aside(
    db: ReadDb,
    viewer: Reader,
    after: Annotated[int, Query(ge=0, le=ID_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=aside.ROWS_MAX)] = 50,
) -> EventsAside:
    """Events that wait for a person."""
    found = await aside.waiting(db, after_id=after, limit=limit + 1, stores=viewer.stores)
    follows = found[limit - 1].id if len(found) > limit else None
    total = await aside.waiting_count(db, viewer.stores)
    return EventsAside(items=[_shown(each) for each in found[:limit]], next=follows, total=total)


@router.get("/{aside_id}")
async def get_aside(db: ReadDb, viewer: Reader, aside_id: AsideId) -> EventAside:
    """One of them."""
    return _shown(await seen_by(db, viewer, aside_id))


@router.post("/{aside_id}/replay")
async def replay_aside(request: Request, db: Db, viewer: Writer, aside_id: AsideId) -> Replayed:
    """Hand it to its module again."""
    await seen_by(db, viewer, aside_id)
    done = await aside.replay(db, handlers_of(request), aside_id, by=viewer, now_ms=now_ms(request))
    return Replayed(done=done, why="" if done else (await aside.one(db, aside_id)).why)


@router.post("/{aside_id}/discard", status_code=204)
async def discard_aside(request: Request, db: Db, viewer: Writer, aside_id: AsideId, reason: Reason) -> None:
    """Decide that it shall have no effect."""
    await seen_by(db, viewer, aside_id)
    await aside.discard(db, aside_id, reason=reason.reason, by=viewer, now_ms=now_ms(request))


def handlers_of(request: Request) -> Handlers:
    """The switchboard that app.py hung on the application."""
    return cast(Handlers, request.app.state.handlers)


async def seen_by(db: AsyncSession, viewer: Viewer, aside_id: int) -> aside.SetAside:
    """That event, if the viewer may see its store. Raises NotFound."""
    found = await aside.one(db, aside_id)
    if not viewer.may_see(found.event.store):
        raise NotFound(N_("nothing of that number was set aside"))
    return found


def _shown(each: aside.SetAside) -> EventAside:
    try:
        envelope = msgspec.json.decode(each.envelope)
    except (msgspec.DecodeError, RecursionError):
        envelope = each.envelope
    return EventAside(
        id=each.id,
        event=str(each.event),
        store=each.event.store,
        type=each.type,
        why=each.why,
        aside_ms=each.aside_ms,
        tries=each.tries,
        envelope=envelope,
    )
