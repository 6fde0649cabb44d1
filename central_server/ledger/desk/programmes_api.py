"""Card programmes as JSON: their rules, as `rules.Rules` has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.ledger.cards import programmes, samples
from central_server.ledger.cards.programmes import Programme
from central_server.ledger.cards.rules import Rules
from central_server.ledger.desk.doors import CardReader, ProgrammeWriter, note
from central_server.web.deps import Db, ReadDb, now_ms
from central_server.web.text import N_

router = APIRouter(prefix="/programmes", tags=["programmes"])
ProgrammeId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class ProgrammeOut(BaseModel):
    """A programme; `version` is to be named when it is changed."""

    id: str
    rules: Rules
    version: int
    stopped: bool


class ProgrammeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rules: Rules
    version: int | None = Field(
        default=None, ge=1, le=2**53, description="of the one it replaces; none: a new one"
    )


class StopIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stopped: bool


@router.get("")
async def list_programmes(_viewer: CardReader, db: ReadDb) -> list[ProgrammeOut]:
    """All of them, by id."""
    return [programme_out(each) for each in (await programmes.programmes(db)).values()]


@router.get("/{programme}")
async def get_programme(_viewer: CardReader, db: ReadDb, programme: ProgrammeId) -> ProgrammeOut:
    """One programme."""
    return programme_out(await programmes.programme(db, programme))


@router.post("/samples")
async def load_sample_programmes(request: Request, viewer: ProgrammeWriter, db: Db) -> list[ProgrammeOut]:
    """Make the sample programmes that are not there yet: stored value, points, gift, joint, coupons."""
    at_ms = now_ms(request)
    made = await samples.load_samples(db, by=viewer.name, at_ms=at_ms)
    await note(db, viewer, N_("created"), N_("programme"), ", ".join(made), at_ms)
    return [programme_out(each) for each in made.values()]


@router.put("/{programme}")
async def put_programme(
    request: Request, viewer: ProgrammeWriter, db: Db, programme: ProgrammeId, given: ProgrammeIn
) -> ProgrammeOut:
    """Make a programme, or change one for what happens from now on. 409 when it has changed meanwhile."""
    at_ms = now_ms(request)
    rules = given.rules.model_dump(mode="json")
    if given.version is None:
        made = await programmes.make_programme(db, programme, rules, by=viewer.name, at_ms=at_ms)
        await note(db, viewer, N_("created"), N_("programme"), programme, at_ms)
        return programme_out(made)
    changed = await programmes.change_programme(
        db, programme, rules, version=given.version, by=viewer.name, at_ms=at_ms
    )
    await note(db, viewer, N_("changed"), N_("programme"), programme, at_ms, version=changed.version)
    return programme_out(changed)


@router.post("/{programme}/stop")
async def stop_programme(
    request: Request, viewer: ProgrammeWriter, db: Db, programme: ProgrammeId, wanted: StopIn
) -> ProgrammeOut:
    """Let nothing out of its purses or into them, or let it again."""
    at_ms = now_ms(request)
    found = await programmes.stop_programme(
        db, programme, stopped=wanted.stopped, by=viewer.name, at_ms=at_ms
    )
    verb = N_("stopped") if wanted.stopped else N_("started again")
    await note(db, viewer, verb, N_("programme"), programme, at_ms)
    return programme_out(found)


def programme_out(programme: Programme) -> ProgrammeOut:
    """A programme as JSON says it."""
    return ProgrammeOut(
        id=programme.id, rules=programme.rules, version=programme.version, stopped=programme.stopped
    )
