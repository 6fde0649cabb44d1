"""Card programmes for people: the list, one programme's form, and samples to begin with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import CentreError, Conflict, Invalid
from central_server.ledger.cards import programmes, samples
from central_server.ledger.cards.programmes import Programme
from central_server.ledger.desk.doors import CardReader, ProgrammeWriter, note
from central_server.ledger.desk.programme_forms import AMOUNTS, ProgrammeForm, shown
from central_server.ledger.desk.programmes_api import ProgrammeId
from central_server.web.deps import Db, ReadDb, Viewer, now_ms
from central_server.web.forms import Filled, filled
from central_server.web.render import page
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)

KINDS = {"value": N_("Stored value"), "points": N_("Points"), "coupon": N_("Coupon money")}
LABELS = {
    "face": N_("Face value of a card"),
    "load_max": N_("Top-up at once, above it a second person (0: as the settings say)"),
    "balance_max": N_("Balance at most (0: as the law says)"),
    "top_max": N_("One top-up at a till (0: none)"),
    "pay_max": N_("One payment at a till (0: no limit)"),
    "day_max": N_("Payments in 24 hours at head office and online; tills do not know it (0: no limit)"),
}


@router.get("/cards/programmes")
async def programmes_page(request: Request, viewer: CardReader, db: ReadDb) -> Response:
    found = list((await programmes.programmes(db)).values())
    return page(request, viewer, "ledger/programmes.html", programmes=found, kinds=KINDS)


@router.get("/cards/programmes/new")
async def new_programme(request: Request, viewer: ProgrammeWriter) -> Response:
    return _form(
        request, viewer, Filled(values={"reload": True, "refunds_allowed": True, "digits": 16}), None
    )


@router.post("/cards/programmes/new")
async def make_programme(request: Request, viewer: ProgrammeWriter, db: Db) -> Response:
    form = await filled(request, ProgrammeForm, viewer.lang)
    return await _saved(request, viewer, db, form, None)


@router.post("/cards/programmes/samples")
async def load_samples(request: Request, viewer: ProgrammeWriter, db: Db) -> Response:
    at_ms = now_ms(request)
    made = await samples.load_samples(db, by=viewer.name, at_ms=at_ms)
    await note(db, viewer, N_("created"), N_("programme"), ", ".join(made), at_ms)
    return RedirectResponse("/cards/programmes", 303)


@router.get("/cards/programmes/{programme}")
async def programme_page(
    request: Request, viewer: CardReader, db: ReadDb, programme: ProgrammeId
) -> Response:
    found = await programmes.programme(db, programme)
    return _form(request, viewer, Filled(values=shown(found)), found)


@router.post("/cards/programmes/{programme}")
async def change_programme(
    request: Request, viewer: ProgrammeWriter, db: Db, programme: ProgrammeId
) -> Response:
    form = await filled(request, ProgrammeForm, viewer.lang)
    return await _saved(request, viewer, db, form, await programmes.programme(db, programme))


@router.post("/cards/programmes/{programme}/stop")
async def stop_programme(
    request: Request,
    viewer: ProgrammeWriter,
    db: Db,
    programme: ProgrammeId,
    stopped: Annotated[str, Form(max_length=1)] = "1",
) -> Response:
    at_ms = now_ms(request)
    await programmes.stop_programme(db, programme, stopped=stopped == "1", by=viewer.name, at_ms=at_ms)
    verb = N_("stopped") if stopped == "1" else N_("started again")
    await note(db, viewer, verb, N_("programme"), programme, at_ms)
    return RedirectResponse(f"/cards/programmes/{programme}", 303)


async def _saved(
    request: Request, viewer: Viewer, db: Db, form: Filled[ProgrammeForm], known: Programme | None
) -> Response:
    if form.model is None:
        return _form(request, viewer, form, known, 422)
    at_ms, given = now_ms(request), form.model
    try:
        rules = given.rules().model_dump(mode="json")
        if known is None:
            made = await programmes.make_programme(db, given.id, rules, by=viewer.name, at_ms=at_ms)
        else:
            made = await programmes.change_programme(
                db, known.id, rules, version=given.version or 0, by=viewer.name, at_ms=at_ms
            )
    except (Invalid, Conflict) as error:
        return _refused(request, viewer, form, error, known)
    verb = N_("created") if known is None else N_("changed")
    await note(db, viewer, verb, N_("programme"), made.id, at_ms, version=made.version)
    return RedirectResponse("/cards/programmes", 303)


def _refused(
    request: Request, viewer: Viewer, form: Filled[Any], error: CentreError, known: Programme | None
) -> Response:
    if isinstance(error, Invalid):
        form.refused(error, viewer.lang)
        return _form(request, viewer, form, known, 422)
    form.wrong("", words(viewer.lang).gettext(error.msgid).format(**error.values))
    return _form(request, viewer, form, known, 409)


def _form(
    request: Request, viewer: Viewer, form: Filled[Any], known: Programme | None, status: int = 200
) -> Response:
    return page(
        request,
        viewer,
        "ledger/programme.html",
        status,
        form=form,
        programme=known,
        kinds=KINDS,
        amounts=AMOUNTS,
        labels=LABELS,
        may_write=viewer.may("programmes.write"),
    )
