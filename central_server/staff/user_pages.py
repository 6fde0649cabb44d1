"""The list of users, and one user."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import Conflict, Invalid
from central_server.staff import service
from central_server.staff.doors import UserForm, passwords_of
from central_server.staff.models import User
from central_server.staff.rights import ROLES
from central_server.web.deps import Db, ReadDb, Viewer, database_of, needs, now_ms, options_of
from central_server.web.forms import Filled, filled
from central_server.web.render import page
from central_server.web.tables import csv_response
from central_server.web.text import LANGUAGE_NAMES, words

router = APIRouter(include_in_schema=False)
Reader = Annotated[Viewer, Depends(needs("staff.read"))]
Writer = Annotated[Viewer, Depends(needs("staff.write"))]
Exporter = Annotated[Viewer, Depends(needs("staff.read", "export"))]
_CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


@router.get("/staff")
async def users(request: Request, viewer: Reader, db: ReadDb) -> Response:
    return page(request, viewer, "staff/users.html", users=await service.users(db), roles=ROLES)


@router.get("/staff.csv")
async def users_csv(request: Request, viewer: Exporter, db: ReadDb) -> Response:
    _ = words(viewer.lang).gettext

    async def rows() -> AsyncIterator[list[object]]:
        for user in await service.users(db):
            stores = "*" if user.stores is None else " ".join(user.stores)
            yield [user.login, user.name, " ".join(user.roles), stores, user.lang, user.active]

    header = [_("Login"), _("Name"), _("Roles"), _("Stores"), _("Language"), _("Active")]
    limit = options_of(request).export_rows_max
    return csv_response("staff.csv", header, rows(), rows_max=limit, lang=viewer.lang)


@router.get("/staff/new")
async def new_user(request: Request, viewer: Writer) -> Response:
    values = {"lang": options_of(request).language, "active": True, "password": _first_password()}
    return _form(request, viewer, Filled(values=values), None)


@router.post("/staff/new")
async def add_user(request: Request, viewer: Writer) -> Response:
    form = await filled(request, UserForm, viewer.lang)
    if form.model is None:
        return _form(request, viewer, form, None, 422)
    try:
        await service.add_user(
            database_of(request),
            passwords_of(request),
            viewer,
            form.model.user(),
            form.model.password,
            now_ms=now_ms(request),
        )
    except Invalid as error:
        form.refused(error, viewer.lang)
        return _form(request, viewer, form, None, 422)
    except Conflict as error:
        form.wrong("login", words(viewer.lang).gettext(error.msgid).format(**error.values))
        return _form(request, viewer, form, None, 409)
    return RedirectResponse("/staff", 303)


@router.get("/staff/{user_id}")
async def user_page(request: Request, viewer: Reader, db: ReadDb, user_id: int) -> Response:
    user = await service.user_with(db, user_id)
    values = service.seen_by_audit(user) | {"stores": " ".join(user.stores or [])}
    return _form(request, viewer, Filled(values=values), user)


@router.post("/staff/{user_id}")
async def change_user(request: Request, viewer: Writer, db: Db, user_id: int) -> Response:
    user = await service.user_with(db, user_id)
    form = await filled(request, UserForm, viewer.lang)
    if form.model is None:
        return _form(request, viewer, form, user, 422)
    try:
        await service.change_user(db, viewer, user_id, form.model.user(), now_ms=now_ms(request))
    except Invalid as error:
        form.refused(error, viewer.lang)
        return _form(request, viewer, form, user, 422)
    return RedirectResponse("/staff", 303)


@router.post("/staff/{user_id}/password")
async def set_password(request: Request, viewer: Writer, user_id: int) -> Response:
    password = _first_password()
    await service.set_password(
        database_of(request), passwords_of(request), viewer, user_id, password, now_ms=now_ms(request)
    )
    return page(request, viewer, "staff/password.html", password=password, user_id=user_id)


def _form(
    request: Request, viewer: Viewer, form: Filled[Any], user: User | None, status: int = 200
) -> Response:
    return page(
        request,
        viewer,
        "staff/user.html",
        status,
        form=form,
        user=user,
        roles=[(role, label) for role, (label, _) in ROLES.items()],
        languages_offered=list(LANGUAGE_NAMES.items()),
        may_write=viewer.may("staff.write"),
    )


def _first_password() -> str:
    """Something to read out on the telephone: 60 bits; it must be changed at the first sign-in."""
    letters = [secrets.choice(_CODE_LETTERS) for _ in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))
