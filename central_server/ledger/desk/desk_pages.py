"""What the desk's pages have in common: forms that are done once, amounts as people write them, mistakes."""

from __future__ import annotations

import secrets
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from central_server.errors import CentreError, Invalid
from central_server.web.deps import Viewer
from central_server.web.forms import Filled
from central_server.web.mishaps import status_of
from central_server.web.render import page
from central_server.web.text import N_, words
from sync.contract.errors import BadId
from sync.contract.money import parse_minor

Form = Filled[Any]
M = TypeVar("M", bound=BaseModel)
_FIELD_OF: Final = {"new": "other", "into": "other", "place": "store", "payee": "buyer"}


class OnceForm(BaseModel):
    """A form with the hidden id that makes two clicks one request."""

    id: str = Field(max_length=80)


def desk_page(request: Request, viewer: Viewer, template: str, status: int = 200, **context: Any) -> Response:
    """A page of the desk; its forms get fresh ids by `fresh_key()`."""
    return page(request, viewer, template, status, fresh_key=fresh_key, **context)


def fresh_key() -> str:
    """An id for a form; sent twice it is one request."""
    return secrets.token_hex(12)


def minor_of(field: str, text: str, unit: str, *, nothing: bool = False) -> int:
    """The amount somebody typed, in minor units or points. Raises Invalid beside `field`.

    `nothing`: 0 is an answer as well.
    """
    try:
        minor = parse_minor(text.replace(",", ""), unit)
    except BadId:
        raise Invalid({field: N_("is no amount")}) from None
    if minor == 0 and not nothing:
        raise Invalid({field: N_("must be more than nothing")})
    return minor


def told(form: Form, error: CentreError, lang: str) -> int:
    """Put what went wrong into the form, in the reader's language; gives the status of the answer."""
    say = words(lang).gettext
    if isinstance(error, Invalid) and error.fields:
        form.refused(error, lang)
    else:
        form.wrong("", say(error.msgid).format(**error.values) if error.values else say(error.msgid))
    return status_of(error)


def checked(model: type[M], **given: Any) -> M:
    """The body that a form says. Raises Invalid, beside the form's own fields."""
    try:
        return model(**given)
    except ValidationError as error:
        places = [str(each["loc"][0]) for each in error.errors()]
        raise Invalid({_FIELD_OF.get(place, place): N_("is not right") for place in places}) from None
