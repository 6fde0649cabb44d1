"""Stores as JSON, and the one call that a new edge makes before it is anybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central_server.stores import service
from central_server.stores.address import broker_address
from central_server.web.deps import Db, ReadDb, Viewer, database_of, keys_of, needs, now_ms

router = APIRouter(tags=["stores"])
Reader = Annotated[Viewer, Depends(needs("stores.read"))]
Writer = Annotated[Viewer, Depends(needs("stores.write"))]
_DAY_MS = 24 * 3_600_000


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class EnrolIn(BaseModel):
    code: str = Field(max_length=40)
    version: str = Field(default="", max_length=80)


class IdentityOut(BaseModel):
    """What an edge writes into its identity file; keys are hex."""

    store: str
    mqtt_url: str
    login: str
    password: str
    token_key: str
    store_key: str
    centre_public_key: str
    ca: str = Field(description="PEM; empty: the system's authorities")


class StoreIn(BaseModel):
    name: str = Field(max_length=80)
    timezone: str = Field(default="Asia/Shanghai", max_length=64)
    currency: str = Field(default="CNY", max_length=3)
    region: str = Field(default="", max_length=80)
    format: str = "supermarket"
    opened: str | None = Field(default=None, max_length=10)
    org_id: int | None = Field(default=None, ge=1, le=2**63 - 1)


class NewStoreIn(StoreIn):
    id: str = Field(max_length=32)


class StoreOut(Out):
    id: str
    name: str
    timezone: str
    currency: str
    region: str
    format: str
    opened: str | None
    org_id: int | None
    created_ms: int


class OrgIn(BaseModel):
    kind: str
    name: str = Field(max_length=80)
    parent_id: int | None = Field(default=None, ge=1, le=2**63 - 1)


class OrgOut(Out):
    id: int
    kind: str
    name: str
    parent_id: int | None


class HealthOut(Out):
    heard_ms: int
    heartbeat_ms: int | None
    version: str | None
    uptime_s: int | None
    outbox_rows: int | None
    oldest_s: int | None
    disk_free_mib: int | None
    clock_skew_ms: int | None
    clock_sure: bool | None
    devices_up: int | None
    devices_down: int | None


class FleetRowOut(BaseModel):
    store: str
    name: str
    state: str
    alarms: int
    reasons: list[str]
    health: HealthOut | None


class DeviceOut(Out):
    name: str
    state: str
    detail: str
    since_ms: int
    changes: int


class AlarmOut(Out):
    device: str
    name: str
    detail: str
    since_ms: int


class HealthHourOut(Out):
    hour_ms: int
    beats: int
    outbox_rows_most: int
    oldest_s_most: int
    disk_free_mib_least: int
    clock_skew_ms_most: int
    devices_down_most: int


class StoreStateOut(BaseModel):
    store: StoreOut
    now: FleetRowOut
    devices: list[DeviceOut]
    alarms: list[AlarmOut]


class CodeOut(BaseModel):
    code: str = Field(description="told once; holds for 24 hours and works once")


@router.post("/api/enrol")
async def enrol(request: Request, given: EnrolIn) -> IdentityOut:
    """Turns a one-time code into a store's identity. Needs no sign-in; slowed after wrong codes."""
    # Before the code is used up: settings that cannot be told must not cost somebody their code.
    url, ca = broker_address(request.app.state.settings, request.url.hostname or "localhost")
    address = request.client.host if request.client else "unknown"
    told = await service.enrol(
        database_of(request),
        keys_of(request),
        given.code,
        address=address,
        version=given.version,
        now_ms=now_ms(request),
    )
    return IdentityOut(
        store=told.store,
        mqtt_url=url,
        login=told.login,
        password=told.password,
        token_key=told.token_key.hex(),
        store_key=told.store_key.hex(),
        centre_public_key=told.centre_public_key.hex(),
        ca=ca,
    )


@router.get("/api/v1/stores")
async def stores(viewer: Reader, db: ReadDb) -> list[StoreOut]:
    return [StoreOut.model_validate(store) for store in await service.stores(db, viewer)]


@router.post("/api/v1/stores", status_code=201)
async def add_store(request: Request, viewer: Writer, db: Db, given: NewStoreIn) -> StoreOut:
    new = service.NewStore(**given.model_dump())
    return StoreOut.model_validate(await service.add_store(db, viewer, new, now_ms=now_ms(request)))


@router.get("/api/v1/stores/{store}")
async def store_state(request: Request, viewer: Reader, db: ReadDb, store: str) -> StoreStateOut:
    found = await service.store_with(db, store, viewer)
    return StoreStateOut(
        store=StoreOut.model_validate(found),
        now=_fleet_row(await service.row_of_store(db, found, now_ms=now_ms(request))),
        devices=[DeviceOut.model_validate(one) for one in await service.devices(db, store)],
        alarms=[AlarmOut.model_validate(one) for one in await service.open_alarms(db, store)],
    )


@router.put("/api/v1/stores/{store}")
async def change_store(request: Request, viewer: Writer, db: Db, store: str, given: StoreIn) -> StoreOut:
    await service.store_with(db, store, viewer)
    new = service.NewStore(id=store, **given.model_dump())
    return StoreOut.model_validate(await service.change_store(db, viewer, new, now_ms=now_ms(request)))


@router.post("/api/v1/stores/{store}/code", status_code=201)
async def new_code(request: Request, viewer: Writer, db: Db, store: str) -> CodeOut:
    await service.store_with(db, store, viewer)
    return CodeOut(code=await service.new_code(db, keys_of(request), viewer, store, now_ms=now_ms(request)))


@router.delete("/api/v1/stores/{store}/edge", status_code=204)
async def revoke(request: Request, viewer: Writer, db: Db, store: str) -> None:
    """Shuts the store's edge out, until another enrols with a new code."""
    await service.store_with(db, store, viewer)
    await service.revoke(db, viewer, store, now_ms=now_ms(request))


@router.get("/api/v1/stores/{store}/health")
async def health(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    store: str,
    days: Annotated[int, Query(ge=1, le=366)] = 7,
) -> list[HealthHourOut]:
    await service.store_with(db, store, viewer)
    rows = await service.hours(db, store, now_ms(request) - days * _DAY_MS)
    return [HealthHourOut.model_validate(row) for row in rows]


@router.get("/api/v1/fleet")
async def fleet(request: Request, viewer: Reader, db: ReadDb) -> list[FleetRowOut]:
    """Every store's state, those that need somebody first."""
    return [_fleet_row(row) for row in await service.fleet(db, viewer, now_ms=now_ms(request))]


@router.get("/api/v1/orgs")
async def orgs(_viewer: Reader, db: ReadDb) -> list[OrgOut]:
    return [OrgOut.model_validate(org) for org in await service.orgs(db)]


@router.post("/api/v1/orgs", status_code=201)
async def add_org(request: Request, viewer: Writer, db: Db, given: OrgIn) -> OrgOut:
    org = await service.add_org(db, viewer, given.kind, given.name, given.parent_id, now_ms=now_ms(request))
    return OrgOut.model_validate(org)


def _fleet_row(row: service.Row) -> FleetRowOut:
    return FleetRowOut(
        store=row.store.id,
        name=row.store.name,
        state=row.state,
        alarms=row.alarms,
        reasons=list(row.reasons),
        health=None if row.health is None else HealthOut.model_validate(row.health),
    )
