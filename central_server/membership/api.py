"""Members as JSON. Names and numbers are masked for whoever lacks `members.personal`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.membership import service
from central_server.membership.doors import (
    PERSONAL,
    Keeper,
    PersonIn,
    Reader,
    Writer,
    country_of,
    fresh_id,
    names_of,
    note,
    required_of,
    seen,
)
from central_server.membership.profile import Profile
from central_server.web.deps import Db, ReadDb, Viewer, keys_of, now_ms
from central_server.web.tables import PAGE_ROWS, PAGE_ROWS_MAX
from central_server.web.text import N_

router = APIRouter(
    prefix="/api/members",
    tags=["members"],
    responses={
        400: {"description": "the request cannot be read"},
        401: {"description": "nobody is signed in"},
        403: {"description": "a right is missing"},
        404: {"description": "there is no such member or card"},
        409: {"description": "it belongs to somebody else, or has changed meanwhile"},
    },
)
MemberId = Annotated[str, Path(pattern=r"^M[0-9A-Z]{12}$", description="M and twelve letters or digits")]
Token = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="the token of a card")]
Status = Literal["active", "archived", "merged", "erased", ""]


class CardOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    token: str
    last4: str
    technology: str
    state: str
    replaced_by: str
    added_ms: int


class MemberOut(BaseModel):
    """A member. `masked` says whether names and numbers are shown in part only."""

    id: str
    status: str
    merged_into: str
    name: str
    phone: str
    email: str
    address: str
    birthday: str
    note: str
    sex: str
    tier: str
    consent: bool
    store: str = Field(description="where they joined; empty: at head office")
    joined_ms: int
    seen_ms: int | None
    version: int
    masked: bool
    cards: list[CardOut] = []


class MembersOut(BaseModel):
    items: list[MemberOut]
    next: str | None = Field(description="give it as `after` for those that follow")


class ChangeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    member: str
    at_ms: int
    by: str
    field: str
    old: str
    new: str


class EditIn(PersonIn):
    version: int | None = Field(default=None, ge=1, le=2**53, description="refused if it changed meanwhile")


class ArchiveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    archived: bool = True


class MergeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    gone: str = Field(pattern=r"^M[0-9A-Z]{12}$", description="who becomes a part of this member")


class CardIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: str = Field(min_length=4, max_length=80)
    technology: str = Field(default="magstripe", max_length=32)


class CardAdded(BaseModel):
    token: str


@router.get("")
async def find_members(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    q: Annotated[str, Query(max_length=80, description="a name, telephone number, card or id")] = "",
    status: Status = "active",
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS,
) -> MembersOut:
    """Members that fit, the newest first."""
    found, cursor = await service.find(
        db,
        keys=keys_of(request),
        query=q,
        status=status,
        limit=limit,
        after=after,
        country=country_of(request),
    )
    return MembersOut(items=[out(seen(one, viewer)) for one in found], next=cursor)


@router.post("", status_code=201)
async def enrol_member(request: Request, viewer: Writer, db: Db, person: PersonIn) -> MemberOut:
    """Enrol somebody. 422 says which fields are wrong or missing, 409 whose the telephone number is."""
    at_ms = now_ms(request)
    made = await service.enrol(
        db,
        keys=keys_of(request),
        member=fresh_id(),
        person=person.given(),
        required=required_of(request),
        country=country_of(request),
        by=viewer.name,
        at_ms=at_ms,
    )
    await note(db, viewer, N_("created"), made.id, at_ms)
    return out(seen(made, viewer))


@router.get("/{member}")
async def get_member(request: Request, viewer: Reader, db: ReadDb, member: MemberId) -> MemberOut:
    """One member with their cards."""
    return out(seen(await service.profile(db, keys=keys_of(request), member=member), viewer))


@router.patch("/{member}")
async def change_member(
    request: Request, viewer: Writer, db: Db, member: MemberId, edit: EditIn
) -> MemberOut:
    """Change the fields that are given."""
    at_ms = now_ms(request)
    changed = await service.change(
        db,
        keys=keys_of(request),
        member=member,
        person=edit.given(),
        required=required_of(request),
        country=country_of(request),
        by=viewer.name,
        at_ms=at_ms,
        version=edit.version,
    )
    await note(db, viewer, N_("changed"), member, at_ms, fields=names_of(edit.given()))
    return out(seen(changed, viewer))


@router.get("/{member}/history")
async def member_history(request: Request, viewer: Reader, db: ReadDb, member: MemberId) -> list[ChangeOut]:
    """Who changed what, when, from what to what; the newest first."""
    keys = keys_of(request)
    await service.profile(db, keys=keys, member=member)
    family = await service.family_of(db, member)
    lines = await service.history(db, keys=keys, members=family, personal=viewer.may(PERSONAL))
    return [ChangeOut.model_validate(line) for line in lines]


@router.post("/{member}/archive")
async def archive_member(
    request: Request, viewer: Writer, db: Db, member: MemberId, wanted: ArchiveIn
) -> MemberOut:
    """Put them into the archive, or take them out."""
    how = _how(request, viewer)
    await service.set_archived(db, member=member, archived=wanted.archived, **how)
    await note(db, viewer, N_("archived") if wanted.archived else "restored", member, how["at_ms"])
    return out(seen(await service.profile(db, keys=how["keys"], member=member), viewer))


@router.post("/{member}/merge")
async def merge_members(
    request: Request, viewer: Keeper, db: Db, member: MemberId, other: MergeIn
) -> MemberOut:
    """Make another member a part of this one; nothing of either is lost."""
    at_ms = now_ms(request)
    kept = await service.merge(
        db, keys=keys_of(request), keep=member, gone=other.gone, by=viewer.name, at_ms=at_ms
    )
    await note(db, viewer, N_("merged"), member, at_ms, gone=other.gone)
    return out(seen(kept, viewer))


@router.post("/{member}/erase", status_code=204)
async def erase_member(request: Request, viewer: Keeper, db: Db, member: MemberId) -> None:
    """Forget the person for good; the id stays, so that sums still add up."""
    at_ms = now_ms(request)
    await service.erase(db, keys=keys_of(request), member=member, by=viewer.name, at_ms=at_ms)
    await note(db, viewer, N_("erased"), member, at_ms)


@router.post("/{member}/cards", status_code=201)
async def add_card(request: Request, viewer: Writer, db: Db, member: MemberId, card: CardIn) -> CardAdded:
    """Give them a card. 409 when it is somebody else's."""
    token = await service.add_card(db, member=member, **_how(request, viewer), **card.model_dump())
    await note(db, viewer, N_("card added"), member, now_ms(request), card=card.number[-4:])
    return CardAdded(token=token)


@router.post("/{member}/cards/{token}/lose", status_code=204)
async def lose_card(request: Request, viewer: Writer, db: Db, member: MemberId, token: Token) -> None:
    """Say that a card is lost; tills will not take it."""
    await service.lose_card(db, member=member, token=token, **_how(request, viewer))
    await note(db, viewer, N_("card lost"), member, now_ms(request))


@router.post("/{member}/cards/{token}/replace", status_code=201)
async def replace_card(
    request: Request, viewer: Writer, db: Db, member: MemberId, token: Token, card: CardIn
) -> CardAdded:
    """Put a new card in the place of an old one."""
    new = await service.replace_card(
        db, member=member, token=token, **_how(request, viewer), **card.model_dump()
    )
    await note(db, viewer, N_("card replaced"), member, now_ms(request), card=card.number[-4:])
    return CardAdded(token=new)


def out(profile: Profile) -> MemberOut:
    """A profile as JSON says it."""
    return MemberOut(
        id=profile.id,
        status=profile.status,
        merged_into=profile.merged_into,
        **profile.fields,
        sex=profile.sex,
        tier=profile.tier,
        consent=profile.consent,
        store=profile.store,
        joined_ms=profile.joined_ms,
        seen_ms=profile.seen_ms,
        version=profile.version,
        masked=profile.is_masked,
        cards=[CardOut.model_validate(card) for card in profile.cards],
    )


def _how(request: Request, viewer: Viewer) -> dict[str, Any]:
    return {"keys": keys_of(request), "by": viewer.name, "at_ms": now_ms(request)}
