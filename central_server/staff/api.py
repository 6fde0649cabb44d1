"""Staff as JSON. Programs sign in with a key in `Authorization: Bearer …`; see /me for making one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.staff import service
from central_server.staff.audit import Filter, changes
from central_server.staff.doors import passwords_of
from central_server.staff.rights import RIGHTS, ROLES
from central_server.staff.tokens import TOKEN_DAYS_MAX
from central_server.web.deps import Db, ReadDb, Viewer, anyone, database_of, needs, now_ms
from central_server.web.tables import PAGE_ROWS, PAGE_ROWS_MAX

router = APIRouter(prefix="/api/v1", tags=["staff"])
Anyone = Annotated[Viewer, Depends(anyone)]
Reader = Annotated[Viewer, Depends(needs("staff.read"))]
Writer = Annotated[Viewer, Depends(needs("staff.write"))]
Auditor = Annotated[Viewer, Depends(needs("audit.read"))]
RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MeOut(BaseModel):
    user_id: int
    name: str
    rights: list[str]
    roles: list[str]
    lang: str
    stores: list[str] | None = Field(description="null: every store")


class RoleOut(BaseModel):
    role: str
    label: str
    rights: list[str]


class UserOut(Row):
    id: int
    login: str
    name: str
    roles: list[str]
    stores: list[str] | None
    lang: str
    active: bool
    must_change: bool
    created_ms: int


class UserIn(BaseModel):
    name: str = Field(max_length=80)
    roles: list[str] = Field(max_length=len(ROLES))
    stores: list[str] | None = Field(default=None, max_length=10_000)
    lang: str = "zh_CN"
    active: bool = True


class NewUserIn(UserIn):
    login: str = Field(max_length=64)
    password: str = Field(max_length=256, description="must be changed at the first sign-in")


class PasswordIn(BaseModel):
    password: str = Field(max_length=256)


class TokenOut(Row):
    id: int
    name: str
    rights: list[str]
    created_ms: int
    expires_ms: int
    seen_ms: int | None
    revoked_ms: int | None


class NewTokenOut(TokenOut):
    token: str = Field(description="told once, here")


class TokenIn(BaseModel):
    name: str = Field(max_length=80)
    rights: list[str] = Field(max_length=len(RIGHTS))
    days: int = Field(default=90, ge=1, le=TOKEN_DAYS_MAX)


class ChangeOut(Row):
    id: int
    at_ms: int
    actor_id: int | None
    actor: str
    action: str
    subject_kind: str
    subject_id: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class AuditOut(BaseModel):
    items: list[ChangeOut]
    next: int | None = Field(description="give it as `after` for older changes; null: these are the last")


@router.get("/me")
async def me(viewer: Anyone) -> MeOut:
    stores = None if viewer.stores is None else sorted(viewer.stores)
    return MeOut(
        user_id=viewer.user_id,
        name=viewer.name,
        rights=sorted(viewer.rights),
        roles=sorted(viewer.roles),
        lang=viewer.lang,
        stores=stores,
    )


@router.get("/me/tokens")
async def my_tokens(viewer: Anyone, db: ReadDb) -> list[TokenOut]:
    return [TokenOut.model_validate(one) for one in await service.tokens(db, viewer.user_id)]


@router.post("/me/tokens", status_code=201)
async def add_token(request: Request, viewer: Anyone, db: Db, given: TokenIn) -> NewTokenOut:
    token, text = await service.add_token(
        db, viewer, given.name, given.rights, given.days, now_ms=now_ms(request)
    )
    return NewTokenOut(**TokenOut.model_validate(token).model_dump(), token=text)


@router.delete("/me/tokens/{token_id}", status_code=204)
async def revoke_token(request: Request, viewer: Anyone, db: Db, token_id: RowId) -> None:
    await service.revoke_token(db, viewer, token_id, now_ms=now_ms(request))


@router.get("/staff/roles")
async def roles(_viewer: Reader) -> list[RoleOut]:
    return [RoleOut(role=role, label=label, rights=sorted(may)) for role, (label, may) in ROLES.items()]


@router.get("/staff/users")
async def users(_viewer: Reader, db: ReadDb) -> list[UserOut]:
    return [UserOut.model_validate(user) for user in await service.users(db)]


@router.post("/staff/users", status_code=201)
async def add_user(request: Request, viewer: Writer, given: NewUserIn) -> UserOut:
    user_id = await service.add_user(
        database_of(request),
        passwords_of(request),
        viewer,
        service.NewUser(**given.model_dump(exclude={"password"})),
        given.password,
        now_ms=now_ms(request),
    )
    async with database_of(request).reading() as db:
        return UserOut.model_validate(await service.user_with(db, user_id))


@router.get("/staff/users/{user_id}")
async def user(_viewer: Reader, db: ReadDb, user_id: RowId) -> UserOut:
    return UserOut.model_validate(await service.user_with(db, user_id))


@router.put("/staff/users/{user_id}")
async def change_user(request: Request, viewer: Writer, db: Db, user_id: RowId, given: UserIn) -> UserOut:
    new = service.NewUser(login="", **given.model_dump())
    return UserOut.model_validate(await service.change_user(db, viewer, user_id, new, now_ms=now_ms(request)))


@router.put("/staff/users/{user_id}/password", status_code=204)
async def set_password(request: Request, viewer: Writer, user_id: RowId, given: PasswordIn) -> None:
    await service.set_password(
        database_of(request), passwords_of(request), viewer, user_id, given.password, now_ms=now_ms(request)
    )


@router.get("/audit")
async def audit(
    _viewer: Auditor,
    db: ReadDb,
    actor: Annotated[str, Query(max_length=80)] = "",
    action: Annotated[str, Query(max_length=80)] = "",
    kind: Annotated[str, Query(max_length=80)] = "",
    which: Annotated[str, Query(max_length=80)] = "",
    after: RowId | None = None,
    rows: Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS,
) -> AuditOut:
    found = await changes(db, Filter(actor, action, kind, which), before_id=after, rows_max=rows + 1)
    shown = found[:rows]
    more = shown[-1].id if len(found) > rows else None
    return AuditOut(items=[ChangeOut.model_validate(one) for one in shown], next=more)
