"""The fleet, a store, and the forms behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from central_server.errors import Conflict, Invalid
from central_server.staff.service import record_change
from central_server.stores import service
from central_server.stores.alarm_words import ALARMS
from central_server.stores.charts import health_charts
from central_server.stores.fleet import STATES
from central_server.stores.hierarchy import FORMATS, KINDS
from central_server.stores.models import Org, Store
from central_server.web.deps import Db, ReadDb, Viewer, database_of, keys_of, needs, now_ms, options_of
from central_server.web.formats import in_zone
from central_server.web.forms import Filled, filled
from central_server.web.render import page
from central_server.web.tables import Page, csv_response, query_with, rows_wanted
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
Reader = Annotated[Viewer, Depends(needs("stores.read"))]
Writer = Annotated[Viewer, Depends(needs("stores.write"))]
Exporter = Annotated[Viewer, Depends(needs("stores.read", "export"))]
_WEEK_MS = 7 * 24 * 3_600_000
_HAPPENINGS = 100


class StoreForm(BaseModel):
    id: str = Field(default="", max_length=32)
    name: str = Field(max_length=80)
    timezone: str = Field(default="Asia/Shanghai", max_length=64)
    currency: str = Field(default="CNY", max_length=3)
    region: str = Field(default="", max_length=80)
    format: str = "supermarket"
    opened: str | None = Field(default=None, max_length=10)
    org_id: int | None = None


class OrgForm(BaseModel):
    kind: str
    name: str = Field(max_length=80)
    parent_id: int | None = None


@router.get("/fleet")
async def fleet(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    after: Annotated[int, Query(ge=0, le=100_000)] = 0,
    state: str = "",
    q: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    every = await service.fleet(db, viewer, now_ms=now_ms(request))
    counts = {one: sum(row.state == one for row in every) for one in STATES}
    attention = sum(bool(row.reasons) for row in every)
    chosen = [
        row
        for row in every
        if (not state or row.state == state)
        and (q.lower() in row.store.id or q.lower() in row.store.name.lower())
    ]
    wanted = rows_wanted(options_of(request).page_rows)
    more = str(after + wanted) if after + wanted < len(chosen) else None
    rows = Page(chosen[after : after + wanted], more, len(chosen))
    return page(
        request,
        viewer,
        "stores/fleet.html",
        rows=rows,
        states=STATES,
        counts=counts,
        attention=attention,
        form=Filled(values=dict(request.query_params)),
        next_href=query_with(request.query_params, after=rows.next),
    )


@router.get("/fleet.csv")
async def fleet_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    _ = words(viewer.lang).gettext

    async def rows() -> AsyncIterator[list[object]]:
        for row in await service.fleet(db, viewer, now_ms=now_ms(request)):
            health, store = row.health, row.store
            known = (
                [
                    in_zone(health.heard_ms, store.timezone).isoformat(timespec="seconds"),
                    health.outbox_rows,
                    health.oldest_s,
                    health.clock_skew_ms,
                    health.disk_free_mib,
                    health.devices_up,
                    health.devices_down,
                    health.version,
                ]
                if health
                else [None] * 8
            )
            reasons = "; ".join(_(reason) for reason in row.reasons)
            yield [store.id, store.name, store.region, _(STATES[row.state][0]), *known, row.alarms, reasons]

    header = [
        _("Store"),
        _("Store name"),
        _("Region"),
        _("State"),
        _("Last heard"),
        _("Events waiting"),
        _("Oldest, s"),
        _("Clock skew, ms"),
        _("Disk free, MiB"),
        _("Devices up"),
        _("Devices down"),
        _("Version"),
        _("Alarms"),
        _("Why"),
    ]
    limit = options_of(request).export_rows_max
    return csv_response("fleet.csv", header, rows(), rows_max=limit, lang=viewer.lang)


@router.get("/fleet/new")
async def new_store(request: Request, viewer: Writer, db: ReadDb) -> Response:
    values = {"timezone": options_of(request).timezone, "currency": "CNY", "format": "supermarket"}
    return await _form(request, viewer, db, Filled(values=values), None)


@router.post("/fleet/new")
async def add_store(request: Request, viewer: Writer, db: Db) -> Response:
    form = await filled(request, StoreForm, viewer.lang)
    if form.model is not None:
        try:
            new = service.NewStore(**form.model.model_dump())
            await service.add_store(db, viewer, new, now_ms=now_ms(request))
        except Invalid as error:
            form.refused(error, viewer.lang)
        except Conflict as error:
            form.wrong("id", words(viewer.lang).gettext(error.msgid).format(**error.values))
        else:
            return RedirectResponse(f"/fleet/{new.id}", 303)
    return await _form(request, viewer, db, form, None, 422)


@router.get("/fleet/orgs")
async def orgs(request: Request, viewer: Reader, db: ReadDb) -> Response:
    return await _orgs(request, viewer, db, Filled())


@router.post("/fleet/orgs")
async def add_org(request: Request, viewer: Writer, db: Db) -> Response:
    form = await filled(request, OrgForm, viewer.lang)
    if form.model is not None:
        given = form.model
        try:
            await service.add_org(db, viewer, given.kind, given.name, given.parent_id, now_ms=now_ms(request))
        except Invalid as error:
            form.refused(error, viewer.lang)
        else:
            return RedirectResponse("/fleet/orgs", 303)
    return await _orgs(request, viewer, db, form, 422)


@router.get("/fleet/orgs.csv")  # before the stores' own: no store is called that
async def orgs_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    _ = words(viewer.lang).gettext
    async with database_of(request).transaction() as session:
        await record_change(session, viewer, N_("exported"), "organisation", "*", None, None, now_ms(request))

    async def rows() -> AsyncIterator[list[object]]:
        for path, org in _paths(await service.orgs(db)):
            yield [org.id, " / ".join(path), org.name, _(KINDS[org.kind]), org.parent_id]

    header = ["id", _("Group or company"), _("Name of the group or company"), _("Kind"), _("Belongs to")]
    limit = options_of(request).export_rows_max
    return csv_response("orgs.csv", header, rows(), rows_max=limit, lang=viewer.lang)


@router.get("/fleet/{store}.csv")
async def store_csv(request: Request, viewer: Exporter, db: ReadDb, store: str) -> Response:
    _ = words(viewer.lang).gettext
    found = await service.store_with(db, store, viewer)
    limit = options_of(request).export_rows_max

    async def rows() -> AsyncIterator[list[object]]:
        for one in await service.happenings(db, store, limit + 1):
            when = in_zone(one.at_ms, found.timezone).isoformat(timespec="milliseconds")
            yield [when, one.device, one.alarm, one.state, one.detail]

    header = [_("When"), _("Device"), _("Alarm"), _("State"), _("Detail")]
    return csv_response(f"{store}.csv", header, rows(), rows_max=limit, lang=viewer.lang)


@router.get("/fleet/{store}")
async def store_page(request: Request, viewer: Reader, db: ReadDb, store: str) -> Response:
    return await _store(request, viewer, db, store)


@router.get("/fleet/{store}/edit")
async def edit_store(request: Request, viewer: Writer, db: ReadDb, store: str) -> Response:
    found = await service.store_with(db, store, viewer)
    values = {name: getattr(found, name) for name in StoreForm.model_fields}
    return await _form(request, viewer, db, Filled(values=_written(values)), found)


@router.post("/fleet/{store}/edit")
async def change_store(request: Request, viewer: Writer, db: Db, store: str) -> Response:
    found = await service.store_with(db, store, viewer)
    form = await filled(request, StoreForm, viewer.lang)
    if form.model is not None:
        try:
            new = service.NewStore(**(form.model.model_dump() | {"id": store}))
            await service.change_store(db, viewer, new, now_ms=now_ms(request))
        except Invalid as error:
            form.refused(error, viewer.lang)
        else:
            return RedirectResponse(f"/fleet/{store}", 303)
    return await _form(request, viewer, db, form, found, 422)


@router.post("/fleet/{store}/code")
async def new_code(request: Request, viewer: Writer, db: Db, store: str) -> Response:
    await service.store_with(db, store, viewer)
    code = await service.new_code(db, keys_of(request), viewer, store, now_ms=now_ms(request))
    return await _store(request, viewer, db, store, code=code)


@router.post("/fleet/{store}/revoke")
async def revoke(request: Request, viewer: Writer, db: Db, store: str) -> Response:
    await service.store_with(db, store, viewer)
    await service.revoke(db, viewer, store, now_ms=now_ms(request))
    return RedirectResponse(f"/fleet/{store}", 303)


async def _store(request: Request, viewer: Viewer, db: Any, store: str, code: str = "") -> Response:
    found = await service.store_with(db, store, viewer)
    hours = await service.hours(db, store, now_ms(request) - _WEEK_MS)
    orgs_by_id = {org.id: org for org in await service.orgs(db)}
    return page(
        request,
        viewer,
        "stores/store.html",
        store=found,
        row=await service.row_of_store(db, found, now_ms=now_ms(request)),
        path=service.path_of(orgs_by_id, found.org_id),
        devices=await service.devices(db, store),
        alarms=await service.open_alarms(db, store),
        alarm_labels=ALARMS,
        happenings=await service.happenings(db, store, _HAPPENINGS),
        charts=health_charts(hours, found.timezone, words(viewer.lang).gettext),
        states=STATES,
        formats=FORMATS,
        code=code,
        centre_url=request.app.state.settings.web.public_url or str(request.base_url).rstrip("/"),
    )


async def _form(
    request: Request, viewer: Viewer, db: Any, form: Filled[Any], store: Store | None, status: int = 200
) -> Response:
    return page(
        request,
        viewer,
        "stores/store_form.html",
        status,
        form=form,
        store=store,
        formats=list(FORMATS.items()),
        orgs=[(org.id, org.name) for org in await service.orgs(db)],
    )


async def _orgs(request: Request, viewer: Viewer, db: Any, form: Filled[Any], status: int = 200) -> Response:
    known = await service.orgs(db)
    return page(
        request,
        viewer,
        "stores/orgs.html",
        status,
        form=form,
        paths=_paths(known),
        kinds=list(KINDS.items()),
        orgs=[(org.id, org.name) for org in known],
    )


def _paths(known: Sequence[Org]) -> list[tuple[list[str], Org]]:
    """Each with the names that lead to it from the top, in their order."""
    by_id = {org.id: org for org in known}
    paths = [([one.name for one in service.path_of(by_id, org.id)], org) for org in known]
    return sorted(paths, key=lambda one: (one[0], one[1].id))  # two may have one name


def _written(values: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in values.items()}
