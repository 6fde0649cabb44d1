"""Members for people at head office: find, see, enrol, change, merge, archive and erase them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from central_server.calendar import calendar_of
from central_server.errors import CentreError, Conflict, Invalid
from central_server.membership import service
from central_server.membership.doors import (
    PERSONAL,
    Exporter,
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
from central_server.membership.models import PERSONAL_FIELDS, STATUSES
from central_server.membership.person import FIELDS, SEXES, age
from central_server.web.deps import Db, ReadDb, Viewer, database_of, keys_of, now_ms, options_of
from central_server.web.formats import in_zone
from central_server.web.forms import Filled, filled
from central_server.web.render import page
from central_server.web.tables import Page, csv_response, query_with, rows_wanted
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
MemberId = Annotated[str, Path(max_length=32)]
FormText = Annotated[str, Form(max_length=120)]

LABELS = {
    "name": N_("Name"),
    "phone": N_("Telephone"),
    "email": N_("E-mail"),
    "address": N_("Address"),
    "birthday": N_("Birthday"),
    "note": N_("Note"),
    "sex": N_("Sex"),
    "tier": N_("Tier"),
    "consent": N_("May be written to"),
    "joined": N_("Joined"),
    "joined_as": N_("Joined again as"),
    "status": N_("Status"),
    "merged": N_("Merged"),
    "card_added": N_("Card added"),
    "card_lost": N_("Card lost"),
    "card_replaced": N_("Card replaced"),
    "card_gone": N_("Card gone"),
    "card_refused": N_("Card of somebody else"),
}
TECHNOLOGIES = {  # drivers/cardreader/README.md has them all
    "magstripe": N_("magnetic stripe"),
    "rfid125": N_("125 kHz tag"),
    "iso14443": N_("contactless card (ISO 14443)"),
    "felica": N_("FeliCa"),
    "iso15693": N_("contactless tag (ISO 15693)"),
    "chip": N_("chip card"),
    "wiegand": N_("Wiegand reader"),
    "barcode": N_("barcode"),
    "keyboard": N_("typed in"),
    "phone": N_("mobile phone"),
}
STATUS_LABELS = {
    "active": N_("Active"),
    "archived": N_("Archived"),
    "merged": N_("Merged"),
    "erased": N_("Erased"),
    "lost": N_("Lost"),
    "replaced": N_("Replaced"),
}
SEX_LABELS = {"female": N_("female"), "male": N_("male"), "other": N_("other")}


class PersonForm(PersonIn):
    """The form; an empty field empties it."""

    version: int | None = None


@router.get("/members")
async def members(
    request: Request,
    viewer: Reader,
    db: ReadDb,
    q: Annotated[str, Query(max_length=80)] = "",
    status: Annotated[str, Query(max_length=16)] = "active",
    after: Annotated[str, Query(max_length=60)] = "",
    rows: int | None = None,
) -> Response:
    wanted = rows_wanted(rows or options_of(request).page_rows)
    chosen = status if status in (*STATUSES, "") else "active"
    found, cursor = await service.find(
        db,
        keys=keys_of(request),
        query=q,
        status=chosen,
        limit=wanted,
        after=after,
        country=country_of(request),
    )
    counts = await service.counts(db)
    shown = Page([seen(one, viewer) for one in found], cursor, counts.get(chosen) if not q else None)
    return page(
        request,
        viewer,
        "membership/list.html",
        members=shown,
        cursor=cursor,
        next_href=query_with(request.query_params, after=cursor) if cursor else "",
        form=Filled(values={"q": q, "status": chosen}),
        counts=counts,
        status_labels=STATUS_LABELS,
    )


@router.get("/members.csv")
async def members_csv(
    request: Request, viewer: Exporter, db: ReadDb, q: str = "", status: str = "active"
) -> Response:
    say = words(viewer.lang).gettext
    options, keys = options_of(request), keys_of(request)
    chosen = status if status in (*STATUSES, "") else "active"
    async with database_of(request).transaction() as session:
        await note(
            session,
            viewer,
            N_("exported"),
            "*",
            now_ms(request),
            status=chosen,
            searched=bool(q.strip()),  # not for what: that is somebody's name or number
            masked=not viewer.may(PERSONAL),
        )

    async def lines() -> AsyncIterator[list[object]]:
        async for one in service.all_profiles(
            db, keys=keys, query=q, status=chosen, country=country_of(request)
        ):
            profile = seen(one, viewer)
            joined = in_zone(profile.joined_ms, options.timezone).isoformat(timespec="seconds")
            texts = [profile.fields[name] for name in PERSONAL_FIELDS]
            yield [
                profile.id,
                say(STATUS_LABELS[profile.status]),
                *texts,
                profile.sex,
                profile.tier,
                joined,
                profile.store,
            ]

    header = [
        "id",
        say("Status"),
        *(say(LABELS[name]) for name in (*PERSONAL_FIELDS, "sex", "tier", "joined")),
    ]
    header.append(say("Store"))
    return csv_response("members.csv", header, lines(), rows_max=options.export_rows_max, lang=viewer.lang)


@router.get("/members/new")
async def new_member(request: Request, viewer: Keeper) -> Response:
    return _form(request, viewer, Filled(), None)


@router.post("/members/new")
async def enrol_member(request: Request, viewer: Keeper, db: Db) -> Response:
    form = await filled(request, PersonForm, viewer.lang)
    if form.model is None:
        return _form(request, viewer, form, None, 422)
    at_ms = now_ms(request)
    try:
        made = await service.enrol(
            db,
            keys=keys_of(request),
            member=fresh_id(),
            person=form.model.given(),
            required=required_of(request),
            country=country_of(request),
            by=viewer.name,
            at_ms=at_ms,
        )
    except (Invalid, Conflict) as error:
        return _refused(request, viewer, form, error, None)
    await note(db, viewer, N_("created"), made.id, at_ms)
    return RedirectResponse(f"/members/{made.id}", 303)


@router.get("/members/{member}")
async def member_page(request: Request, viewer: Reader, db: ReadDb, member: MemberId) -> Response:
    keys = keys_of(request)
    profile = await service.profile(db, keys=keys, member=member)
    family = await service.family_of(db, member)
    history = await service.history(db, keys=keys, members=family, personal=viewer.may(PERSONAL))
    today = calendar_of(options_of(request).timezone).day(now_ms(request))
    return page(
        request,
        viewer,
        "membership/member.html",
        member=seen(profile, viewer),
        age=age(profile.fields["birthday"], today),
        merged=family[1:],
        history=history,
        labels=LABELS,
        status_labels=STATUS_LABELS,
        sex_labels=SEX_LABELS,
        personal_fields=PERSONAL_FIELDS,
        technology_labels=TECHNOLOGIES,
        may_write=viewer.may("members.write"),
        may_keep=viewer.may("members.write") and viewer.may(PERSONAL),
    )


@router.get("/members/{member}/edit")
async def edit_member(request: Request, viewer: Keeper, db: ReadDb, member: MemberId) -> Response:
    profile = await service.profile(db, keys=keys_of(request), member=member)
    values: dict[str, Any] = {**profile.fields, "sex": profile.sex, "tier": profile.tier}
    return _form(
        request,
        viewer,
        Filled(values={**values, "consent": profile.consent, "version": profile.version}),
        profile.id,
    )


@router.post("/members/{member}/edit")
async def change_member(request: Request, viewer: Keeper, db: Db, member: MemberId) -> Response:
    form = await filled(request, PersonForm, viewer.lang)
    if form.model is None:
        return _form(request, viewer, form, member, 422)
    at_ms = now_ms(request)
    person = dict.fromkeys(FIELDS, "") | form.model.given()
    try:
        await service.change(
            db,
            keys=keys_of(request),
            member=member,
            person=person,
            required=required_of(request),
            country=country_of(request),
            by=viewer.name,
            at_ms=at_ms,
            version=form.model.version,
        )
    except (Invalid, Conflict) as error:
        return _refused(request, viewer, form, error, member)
    await note(db, viewer, N_("changed"), member, at_ms, fields=names_of(form.model.given()))
    return RedirectResponse(f"/members/{member}", 303)


@router.post("/members/{member}/archive")
async def archive_member(
    request: Request, viewer: Writer, db: Db, member: MemberId, archived: FormText = "1"
) -> Response:
    how = _how(request, viewer)
    await service.set_archived(db, member=member, archived=archived == "1", **how)
    await note(db, viewer, N_("archived") if archived == "1" else "restored", member, how["at_ms"])
    return RedirectResponse(f"/members/{member}", 303)


@router.post("/members/{member}/merge")
async def merge_members(
    request: Request, viewer: Keeper, db: Db, member: MemberId, gone: FormText
) -> Response:
    how = _how(request, viewer)
    await service.merge(db, keep=member, gone=gone.strip().upper(), **how)
    await note(db, viewer, N_("merged"), member, how["at_ms"], gone=gone)
    return RedirectResponse(f"/members/{member}", 303)


@router.post("/members/{member}/erase")
async def erase_member(request: Request, viewer: Keeper, db: Db, member: MemberId) -> Response:
    how = _how(request, viewer)
    await service.erase(db, member=member, **how)
    await note(db, viewer, N_("erased"), member, how["at_ms"])
    return RedirectResponse(f"/members/{member}", 303)


@router.post("/members/{member}/cards")
async def add_card(
    request: Request,
    viewer: Writer,
    db: Db,
    member: MemberId,
    number: FormText,
    technology: FormText = "magstripe",
    replaces: FormText = "",
) -> Response:
    how = _how(request, viewer) | {"number": number, "technology": technology}
    if replaces:
        await service.replace_card(db, member=member, token=replaces, **how)
    else:
        await service.add_card(db, member=member, **how)
    await note(db, viewer, N_("card added"), member, how["at_ms"], card=number[-4:])
    return RedirectResponse(f"/members/{member}", 303)


@router.post("/members/{member}/cards/{token}/lose")
async def lose_card(request: Request, viewer: Writer, db: Db, member: MemberId, token: MemberId) -> Response:
    how = _how(request, viewer)
    await service.lose_card(db, member=member, token=token, **how)
    await note(db, viewer, N_("card lost"), member, how["at_ms"])
    return RedirectResponse(f"/members/{member}", 303)


def _how(request: Request, viewer: Viewer) -> dict[str, Any]:
    return {"keys": keys_of(request), "by": viewer.name, "at_ms": now_ms(request)}


def _form(
    request: Request, viewer: Viewer, form: Filled[Any], member: str | None, status: int = 200
) -> Response:
    return page(
        request,
        viewer,
        "membership/form.html",
        status,
        form=form,
        member=member,
        required=required_of(request),
        country=country_of(request),
        labels=LABELS,
        sexes=[(sex, SEX_LABELS[sex]) for sex in SEXES if sex],
    )


def _refused(
    request: Request, viewer: Viewer, form: Filled[Any], error: CentreError, member: str | None
) -> Response:
    say = words(viewer.lang).gettext
    if isinstance(error, Invalid):
        for name, why in error.fields.items():
            form.wrong(name, say(why))
        return _form(request, viewer, form, member, 422)
    form.wrong("", say(error.msgid).format(**error.values))
    return _form(request, viewer, form, member, 409)
