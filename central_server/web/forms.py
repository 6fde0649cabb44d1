"""A form as it was filled in: either a model, or what is wrong with each field, to be shown beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from central_server.errors import Invalid, Said, in_language
from central_server.web.security import CSRF_FIELD
from central_server.web.text import N_, words

M = TypeVar("M", bound=BaseModel)
_FIELDS_MAX: Final = 200

# What pydantic calls it, in words for people.
_WORDS: Final = {
    "missing": N_("is needed"),
    "string_too_short": N_("needs at least {min_length} characters"),
    "string_too_long": N_("holds at most {max_length} characters"),
    "string_pattern_mismatch": N_("is not written as it should be"),
    "int_parsing": N_("must be a whole number"),
    "int_from_float": N_("must be a whole number"),
    "float_parsing": N_("must be a number"),
    "decimal_parsing": N_("must be a number"),
    "bool_parsing": N_("must be yes or no"),
    "greater_than": N_("must be more than {gt}"),
    "greater_than_equal": N_("must be at least {ge}"),
    "less_than": N_("must be less than {lt}"),
    "less_than_equal": N_("must be at most {le}"),
    "date_from_datetime_parsing": N_("must be a date, as 2026-11-22"),
    "date_parsing": N_("must be a date, as 2026-11-22"),
    "literal_error": N_("is none of the choices"),
    "enum": N_("is none of the choices"),
    "extra_forbidden": N_("there is nothing called {name}"),
}
_OTHERWISE: Final = N_("is not right")


class Disagree(ValueError):
    """What a validator of ours finds wrong, as a msgid and what stands in it."""

    def __init__(self, msgid: str, **values: object) -> None:
        self.said = Said(msgid, **values)
        super().__init__(msgid.format(**values))


@dataclass
class Filled(Generic[M]):
    """`model` is None exactly when something is wrong. Templates take the whole: ``ui.field(form, …)``."""

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # translated
    model: M | None = None

    def value(self, name: str) -> Any:
        """What stands in that field now."""
        return self.values.get(name, "")

    def wrong(self, name: str, message: str) -> None:
        """Something that only the service could know is wrong with `name`; `message` is translated."""
        self.errors[name] = message
        self.model = None

    def refused(self, error: Invalid, lang: str) -> None:
        """What the service found wrong, each beside its field."""
        for name, why in error.fields.items():
            self.wrong(name, in_language(why, words(lang).gettext))


async def filled(request: Request, model: type[M], lang: str) -> Filled[M]:
    """The form in this request's body, read as `model`. Empty fields count as not given."""
    say = words(lang).gettext
    given = await _given(request, model)
    try:
        return Filled(given, {}, model.model_validate(given))
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for one in error.errors():
            name = str(one["loc"][0]) if one["loc"] else ""
            wrong.setdefault(name, in_language(finding(one), say))
        return Filled(given, wrong, None)


def finding(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in words for people, still to be translated.

    A validator of ours says it in its own words (`Disagree`).
    """
    context: dict[str, Any] = error.get("ctx") or {}
    own = context.get("error")
    if isinstance(own, Disagree):
        return own.said
    name = str(error["loc"][-1]) if error["loc"] else ""
    return Said(_WORDS.get(error["type"], _OTHERWISE), **{**context, "name": name})


async def _given(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    async with request.form(max_fields=_FIELDS_MAX, max_files=0) as form:
        for name in form:
            values = [value for value in form.getlist(name) if not isinstance(value, UploadFile)]
            if name == CSRF_FIELD or not any(values):
                continue
            given[name] = values if _is_list(model, name) else str(values[-1]).strip()
    return given


def _is_list(model: type[BaseModel], name: str) -> bool:
    known = model.model_fields.get(name)
    origin = getattr(known.annotation, "__origin__", None) if known else None
    return origin in (list, set, frozenset, tuple)
