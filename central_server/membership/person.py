"""A person's fields as typed: made equal, checked, and every mistake said at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date

from central_server.errors import Invalid
from central_server.membership.models import PERSONAL_FIELDS
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.tokens import normal_phone

FIELDS = (*PERSONAL_FIELDS, "sex", "tier", "consent")
SEXES = ("", "female", "male", "other")
LENGTHS_MAX = {
    "name": 80,
    "phone": 24,
    "email": 120,
    "address": 300,
    "birthday": 10,
    "note": 2000,
    "sex": 8,
    "tier": 32,
    "consent": 5,
}
# RFC 5321 lets more pass; this is what an address book needs, and it cannot take long on any input.
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(\.[^@\s.]{1,63}){1,4}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BORN_FIRST = date(1890, 1, 1)


def checked(
    given: Mapping[str, str], *, required: Collection[str], today: date, country: str = "86"
) -> dict[str, str]:
    """The fields of `given` as they are kept: telephone in international form, birthday as 1990-12-31.

    `country` is that of numbers which do not name one. `given` may leave fields out (an edit of some); the
    required ones among those given must not be empty. Consent is "1" or "". Raises Invalid with every field
    that is wrong.
    """
    wrong: dict[str, str] = {name: N_("there is no such field") for name in given if name not in FIELDS}
    kept: dict[str, str] = {}
    for name in FIELDS:
        if name not in given:
            continue
        text = _CONTROL.sub("", given[name]).strip()
        if len(text) > LENGTHS_MAX[name]:
            wrong[name] = N_("this is too long")
        elif not text:
            kept[name] = ""
            if name in required:
                wrong[name] = N_("this is needed")
        else:
            try:
                kept[name] = _kept(name, text, today, country)
            except ValueError as error:
                wrong[name] = str(error)
    if wrong:
        raise Invalid(wrong)
    return kept


def whole(
    given: Mapping[str, str], *, required: Collection[str], today: date, country: str = "86"
) -> dict[str, str]:
    """Like `checked`, for a new member: what is left out is empty, and refused if it is required."""
    complete = dict.fromkeys(FIELDS, "") | dict(given)
    return checked(complete, required=required, today=today, country=country)


def age(birthday: str, today: date) -> int | None:
    """How old somebody born on `birthday` (1990-12-31) is; None when that is not known."""
    try:
        born = date.fromisoformat(birthday)
    except ValueError:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _kept(name: str, text: str, today: date, country: str) -> str:
    if name == "phone":
        try:
            return normal_phone(text, country)
        except BadId:
            raise ValueError(N_("this is no telephone number")) from None
    if name == "email" and not _EMAIL.fullmatch(text):
        raise ValueError(N_("this is no e-mail address"))
    if name == "birthday":
        return _birthday(text, today)
    if name == "sex" and text not in SEXES:
        raise ValueError(N_("this is not one of the choices"))
    if name == "consent":
        return "1" if text.lower() in ("1", "on", "true", "yes") else ""
    return text


def _birthday(text: str, today: date) -> str:
    try:
        born = date.fromisoformat(text)
    except ValueError:
        raise ValueError(N_("this is no date: write it as 1990-12-31")) from None
    if not _BORN_FIRST <= born <= today:
        raise ValueError(N_("nobody alive was born then"))
    return born.isoformat()
