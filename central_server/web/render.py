"""Rows become a page: one door to Jinja, in the viewer's language.

Templates are named `<module>/<file>` and stand in `central_server/<module>/templates/<file>`; what all
pages share is in `web/`. A variable that a template does not know is an error, not an empty place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2.loaders import split_template_path
from starlette.requests import Request
from starlette.responses import HTMLResponse

from central_server.web import formats
from central_server.web.deps import Viewer, now_ms, options_of
from central_server.web.nav import home_of, nav_for
from central_server.web.security import (
    csrf_token,
    csrf_token_of,
    guest_cookie,
    new_token,
    set_cookie,
)
from central_server.web.text import LANGUAGE_NAMES, language_of, words

_PACKAGE: Final = Path(__file__).parent.parent
STATIC: Final = Path(__file__).parent / "static"


def page(
    request: Request, viewer: Viewer | None, template: str, status: int = 200, **context: Any
) -> HTMLResponse:
    """The page that `template` makes of `context`.

    Every template also has: request, viewer (None before login), lang, csrf, nav, home, now_ms, timezone and
    asset(name).
    """
    lang = viewer.lang if viewer else language_of(request)
    csrf = viewer.csrf if viewer and viewer.csrf else csrf_token_of(request.scope)
    guest = "" if csrf else new_token()
    html = (
        environment(lang)
        .get_template(template)
        .render(
            {
                "request": request,
                "viewer": viewer,
                "lang": lang,
                "languages": LANGUAGE_NAMES,
                "csrf": csrf or csrf_token(guest),
                "nav": nav_for(viewer, request.url.path),
                "home": home_of(viewer.rights) if viewer else "/",
                "now_ms": now_ms(request),
                "timezone": options_of(request).timezone,
                "asset": asset,
            }
            | context
        )
    )
    response = HTMLResponse(html, status)
    if guest:
        set_cookie(response, request.scope, guest_cookie(request.scope), guest)
    return response


@lru_cache(maxsize=8)  # one for each language
def environment(lang: str) -> jinja2.Environment:
    """Jinja with that language's catalogue and our filters (`formats.py`)."""
    made = jinja2.Environment(
        loader=ModuleLoader(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_translations(words(lang), newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(formats.FILTERS)
    return made


@lru_cache(maxsize=256)  # as many as there are files in static/
def asset(name: str) -> str:
    """The address of a file in `static/`, changed whenever the file is, so browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class ModuleLoader(jinja2.BaseLoader):
    """Finds ``staff/users.html`` at ``central_server/staff/templates/users.html``."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        module, *rest = split_template_path(template)
        path = _PACKAGE.joinpath(module, "templates", *rest)
        if not rest or not path.is_file():
            raise jinja2.TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), lambda: True
