"""Signing in and out, one's own account, and the language."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from central_server.errors import Invalid, NotSignedIn, TooMany
from central_server.staff import audit_pages, service, user_pages
from central_server.staff.doors import (
    LoginForm,
    PasswordForm,
    TokenForm,
    address_of,
    our_path,
    passwords_of,
    token_of,
)
from central_server.staff.rights import RIGHTS, ROLES, rights_of
from central_server.web.deps import (
    Db,
    MaybeViewer,
    ReadDb,
    Viewer,
    anyone,
    database_of,
    now_ms,
    options_of,
)
from central_server.web.forms import Filled, filled
from central_server.web.nav import home_of
from central_server.web.render import page
from central_server.web.security import session_cookie, set_cookie
from central_server.web.text import LANGUAGE_COOKIE, WISH_COOKIE, language_of, words
from config.text import LANGUAGES

router = APIRouter(include_in_schema=False)
router.include_router(user_pages.router)
router.include_router(audit_pages.router)
Anyone = Annotated[Viewer, Depends(anyone)]
_YEAR_S = 365 * 24 * 3600
_WISH_S = 600  # from choosing a language on the login page to signing in


@router.get("/login")
async def login_page(request: Request, viewer: MaybeViewer, next: str = "/") -> Response:
    if viewer is not None:
        return RedirectResponse(_back_to(next, viewer.rights), 303)
    return page(request, None, "staff/login.html", form=Filled(values={"next": our_path(next)}))


@router.post("/login")
async def login(request: Request) -> Response:
    form = await filled(request, LoginForm, language_of(request))
    if form.model is None:
        return page(request, None, "staff/login.html", 422, form=form)
    who = service.SignIn(
        form.model.login, form.model.password, address_of(request), request.headers.get("user-agent", "")
    )
    tries = options_of(request).sign_in_tries
    try:
        token, user = await service.sign_in(
            database_of(request), passwords_of(request), who, now_ms=now_ms(request), tries=tries
        )
    except (NotSignedIn, TooMany) as error:
        return _refused(request, form, error)
    back = "/me" if user.must_change else _back_to(form.model.next, rights_of(user.roles))
    response = RedirectResponse(back, 303)
    set_cookie(response, request.scope, session_cookie(request.scope), token)
    wish = request.cookies.get(WISH_COOKIE, "")
    if wish in LANGUAGES:
        async with database_of(request).transaction() as session:
            await service.change_language(session, user.id, wish)
        set_cookie(response, request.scope, WISH_COOKIE, "", 0)
    return response


def _back_to(path: str, rights: frozenset[str]) -> str:
    back = our_path(path)
    return home_of(rights) if back == "/" else back


def _refused(request: Request, form: Filled[LoginForm], error: NotSignedIn | TooMany) -> Response:
    say = words(language_of(request)).gettext
    form.wrong("", say(error.msgid).format(**error.values))
    if isinstance(error, NotSignedIn):
        return page(request, None, "staff/login.html", 401, form=form)
    response = page(request, None, "staff/login.html", 429, form=form)
    response.headers["Retry-After"] = str(math.ceil(error.after_s))
    return response


@router.post("/logout")
async def logout(request: Request, db: Db) -> Response:
    await service.sign_out(db, token_of(request))
    response = RedirectResponse("/login", 303)
    name = session_cookie(request.scope)
    response.delete_cookie(name, path="/", secure=name.startswith("__Host-"), httponly=True)
    return response


@router.post("/language")
async def language(request: Request, viewer: MaybeViewer, db: Db) -> Response:
    async with request.form() as form:
        lang, back = str(form.get("lang", "")), our_path(str(form.get("next", "/")))
    response = RedirectResponse(back, 303)
    if lang in LANGUAGES:
        set_cookie(response, request.scope, LANGUAGE_COOKIE, lang, _YEAR_S)
        if viewer is None:
            set_cookie(response, request.scope, WISH_COOKIE, lang, _WISH_S)
        else:
            await service.change_language(db, viewer.user_id, lang)
    return response


@router.get("/me")
async def me(request: Request, viewer: Anyone, db: ReadDb) -> Response:
    return await _me(request, viewer, db)


@router.post("/me/password")
async def change_password(request: Request, viewer: Anyone, db: ReadDb) -> Response:
    form = await filled(request, PasswordForm, viewer.lang)
    if form.model is not None and form.model.new != form.model.again:
        form.wrong("again", words(viewer.lang).gettext("is not the same"))
    if form.model is None:
        return await _me(request, viewer, db, password_form=form)
    try:
        await service.change_own_password(
            database_of(request),
            passwords_of(request),
            viewer,
            form.model.old,
            form.model.new,
            token=token_of(request),
            now_ms=now_ms(request),
        )
    except Invalid as error:
        form.refused(error, viewer.lang)
        return await _me(request, viewer, db, password_form=form)
    return RedirectResponse("/me?changed=1", 303)


@router.post("/me/tokens")
async def add_token(request: Request, viewer: Anyone, db: Db) -> Response:
    form = await filled(request, TokenForm, viewer.lang)
    if form.model is None:
        return await _me(request, viewer, db, token_form=form)
    given = form.model
    try:
        _, text = await service.add_token(
            db, viewer, given.name, given.rights, given.days, now_ms=now_ms(request)
        )
    except Invalid as error:
        form.refused(error, viewer.lang)
        return await _me(request, viewer, db, token_form=form)
    return await _me(request, viewer, db, told=text)


@router.post("/me/tokens/{token_id}/revoke")
async def revoke_token(request: Request, viewer: Anyone, db: Db, token_id: int) -> Response:
    await service.revoke_token(db, viewer, token_id, now_ms=now_ms(request))
    return RedirectResponse("/me", 303)


async def _me(request: Request, viewer: Viewer, db: Any, **more: Any) -> Response:
    wrong = any(isinstance(form, Filled) for form in more.values())
    context = {
        "user": await service.user_with(db, viewer.user_id),
        "tokens": await service.tokens(db, viewer.user_id),
        "rights": [(right, label) for right, label in RIGHTS.items() if viewer.may(right)],
        "roles": ROLES,
        "password_form": Filled(),
        "token_form": Filled(values={"days": 90}),
        "told": "",
        "changed": "changed" in request.query_params,
    }
    return page(request, viewer, "staff/me.html", 422 if wrong else 200, **(context | more))
