"""Pydantic's findings in our own words, each with what was probably meant.

A finding that is not in the table is shown in pydantic's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from config.mistakes import OUR_OWN, Sentence, _, nearest

_TEXT = _("a text is wanted here")
_WHOLE = _("a whole number is wanted here")
_NUMBER = _("a number is wanted here")
_LIST = _("a list is wanted here")
_GROUP = _("a group of settings is wanted here")
_YES_NO = _("true or false is wanted here")
_DATE = _("a date is wanted here")
_TIME = _("a time of day is wanted here")
_DATE_TIME = _("a date and time are wanted here")
_SPAN = _("a length of time is wanted here")
_ADDRESS = _("an address (URL) is wanted here")
_LISTED = _("begin each item in a new line with '- '")
_GROUPED = _("write 'name: value' lines below it, indented")

# What pydantic calls it → what is wrong, what was probably meant. Names in braces are pydantic's own.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": (_("'{name}' is missing"), _("add '{name}: …' ({description})")),
    "extra_forbidden": (_("there is no setting '{name}' here"), ""),
    "invalid_key": (_("a name must be a text"), ""),
    "none_required": (_("this must stay empty"), ""),
    "greater_than": (_("this must be more than {gt}"), ""),
    "greater_than_equal": (_("this must be {ge} or more"), ""),
    "less_than": (_("this must be less than {lt}"), ""),
    "less_than_equal": (_("this must be {le} or less"), ""),
    "multiple_of": (_("this must be a multiple of {multiple_of}"), ""),
    "finite_number": (_("this must be a finite number"), ""),
    "too_short": (_("this needs at least {min_length} items and has {actual_length}"), ""),
    "too_long": (_("this may have {max_length} items at most"), ""),
    "string_type": (_TEXT, _('put it in quotes: "…"')),
    "string_unicode": (_TEXT, ""),
    "string_sub_type": (_TEXT, ""),
    "string_not_ascii": (_("only letters A to Z, digits and signs may stand here"), ""),
    "string_too_short": (_("this text must have at least {min_length} characters"), ""),
    "string_too_long": (_("this text may have {max_length} characters at most"), ""),
    "string_pattern_mismatch": (_("this text has not the right form"), "{description}"),
    "literal_error": (_("'{value}' is not among the choices"), _("there are {expected}")),
    "enum": (_("'{value}' is not among the choices"), _("there are {expected}")),
    "union_tag_invalid": (_("'{value}' is not among the choices"), _("there are {expected}")),
    "union_tag_not_found": (_("it is not said which kind this is"), _("add '{name}: …'")),
    "bool_type": (_YES_NO, ""),
    "bool_parsing": (_YES_NO, ""),
    "int_type": (_WHOLE, ""),
    "int_parsing": (_WHOLE, ""),
    "int_parsing_size": (_("this number is too large"), ""),
    "int_from_float": (_WHOLE, _("leave out the fraction")),
    "float_type": (_NUMBER, ""),
    "float_parsing": (_NUMBER, ""),
    "decimal_type": (_NUMBER, ""),
    "decimal_parsing": (_NUMBER, ""),
    "decimal_max_digits": (_("this number may have {max_digits} digits at most"), ""),
    "decimal_max_places": (_("this number may have {decimal_places} decimal places at most"), ""),
    "decimal_whole_digits": (_("this number may have {whole_digits} digits before the point at most"), ""),
    "fraction_type": (_NUMBER, ""),
    "fraction_parsing": (_NUMBER, ""),
    "complex_type": (_NUMBER, ""),
    "complex_str_parsing": (_NUMBER, ""),
    "list_type": (_LIST, _LISTED),
    "tuple_type": (_LIST, _LISTED),
    "set_type": (_LIST, _LISTED),
    "frozen_set_type": (_LIST, _LISTED),
    "deque_type": (_LIST, _LISTED),
    "iterable_type": (_LIST, _LISTED),
    "set_item_not_hashable": (_("a single value is wanted here, not a list or a group"), ""),
    "dict_type": (_GROUP, _GROUPED),
    "mapping_type": (_GROUP, _GROUPED),
    "frozen_dict_type": (_GROUP, _GROUPED),
    "ordered_dict_type": (_GROUP, _GROUPED),
    "model_type": (_GROUP, _GROUPED),
    "model_attributes_type": (_GROUP, _GROUPED),
    "dataclass_type": (_GROUP, _GROUPED),
    "path_type": (_("a path of a file or folder is wanted here"), ""),
    "bytes_type": (_TEXT, _('put it in quotes: "…"')),
    "bytes_too_short": (_("this must have at least {min_length} bytes"), ""),
    "bytes_too_long": (_("this may have {max_length} bytes at most"), ""),
    "bytes_invalid_encoding": (_("this text is not encoded as {encoding}"), ""),
    "date_type": (_DATE, "2026-03-31"),
    "date_parsing": (_DATE, "2026-03-31"),
    "date_from_datetime_parsing": (_DATE, "2026-03-31"),
    "date_from_datetime_inexact": (_DATE, _("leave out the time of day")),
    "date_past": (_("this date must be in the past"), ""),
    "date_future": (_("this date must be in the future"), ""),
    "time_type": (_TIME, _('"21:30", in quotes')),
    "time_parsing": (_TIME, _('"21:30", in quotes')),
    "datetime_type": (_DATE_TIME, "2026-03-31T21:30:00+08:00"),
    "datetime_parsing": (_DATE_TIME, "2026-03-31T21:30:00+08:00"),
    "datetime_from_date_parsing": (_DATE_TIME, "2026-03-31T21:30:00+08:00"),
    "datetime_past": (_("this time must be in the past"), ""),
    "datetime_future": (_("this time must be in the future"), ""),
    "timezone_naive": (_("this time must be without a time zone"), ""),
    "timezone_aware": (_("the time zone is missing"), _("add it: +08:00")),
    "timezone_offset": (_("this is in another time zone than it must be"), ""),
    "time_delta_type": (_SPAN, _('seconds, or "00:05:00" in quotes')),
    "time_delta_parsing": (_SPAN, _('seconds, or "00:05:00" in quotes')),
    "url_type": (_ADDRESS, ""),
    "url_parsing": (_ADDRESS, "https://host:port/path"),
    "url_syntax_violation": (_ADDRESS, "https://host:port/path"),
    "url_too_long": (_("this address may have {max_length} characters at most"), ""),
    "url_scheme": (_("this address begins with the wrong word"), _("there are {expected}")),
    "uuid_type": (_("a UUID is wanted here"), ""),
    "uuid_parsing": (_("a UUID is wanted here"), ""),
    "uuid_version": (_("a UUID of version {expected_version} is wanted here"), ""),
    "ip_any_address": (_("an IP address is wanted here"), ""),
    "ip_any_network": (_("a network is wanted here"), "10.0.0.0/8"),
    "ip_v4_address": (_("an IPv4 address is wanted here"), ""),
    "ip_v6_address": (_("an IPv6 address is wanted here"), ""),
    "recursion_loop": (_("this contains itself"), ""),
    # Of our drivers.
    "line_without_length": (_("both ends of this line are in one place"), ""),
    "line_along_its_in": (
        _("nobody crosses this line on the way that is 'in'"),
        _("up or down for a level line, left or right for an upright one"),
    ),
    "place_written": (_("a place is written [x, y]"), ""),
    "box_written": (_("a box is written [x, y, width, height]"), ""),
    "boxes_written": (
        _("a box is [x, y, width, height], and stands in brackets of its own: [[x, y, width, height]]"),
        "",
    ),
    "corners_written": (
        _("an area is a list of its corners, each in brackets of its own: [[x, y], [x, y], [x, y]]"),
        "",
    ),
    "masks_written": (
        _("each mask stands in brackets of its own, also a single one: [[[x, y], [x, y], [x, y]]]"),
        "",
    ),
    "name_written": (_("a name has 1 to 40 characters, without spaces and : = ; ,"), ""),
    "hours_written": (_("hours are written 08:00-22:00, or 08:00-12:00,14:00-01:00"), ""),
    "detector_written": (_("a detector is the path of an .onnx file"), ""),
}

_QUOTED = re.compile(r"'([^']*)'")
_NEEDS_A_TEXT = ("string_type", "bytes_type")


def sentence(
    error: Mapping[str, Any], *, description: str, secret: bool, fetched: bool = False
) -> tuple[str, str, dict[str, object]]:
    """(what is wrong, what was meant, what stands in the braces) for one of pydantic's errors.

    The value itself is told only where it is one of a few words; never when its field is `secret` or it was
    `fetched` by !secret.
    """
    kind = error["type"]
    context: dict[str, Any] = error.get("ctx") or {}
    if kind == OUR_OWN and not (fetched and context["args"]):  # without any, it tells nothing of the value
        return context["says"], context["hint"], context["args"]
    if kind not in SENTENCES and (secret or fetched):
        return _("this value is not right"), "", {}
    if kind not in SENTENCES:
        return "{reason}", "", {"reason": context.get("error", error["msg"])}
    says, hint = SENTENCES[kind]
    name = str(error["loc"][-1]) if error["loc"] else ""
    args: dict[str, object] = {**context, "name": name, "description": Sentence(description)}
    if not description:
        hint = {"missing": _("add '{name}: …'"), "string_pattern_mismatch": _("it must match {pattern}")}.get(
            kind, hint
        )
    if kind == "missing" and error["loc"] and isinstance(error["loc"][-1], int):
        says, hint = _("one number or text is missing at the end of this list"), ""
    if kind == "union_tag_not_found":
        args["name"] = str(context.get("discriminator", "kind")).strip("'")
    if kind in _NEEDS_A_TEXT and isinstance(error["input"], list | dict):
        hint = _("not a list or a group")
    if "{expected}" in hint:
        expected = (
            context.get("expected") or context.get("expected_tags") or context.get("expected_schemes") or ""
        )
        choices = _QUOTED.findall(str(expected))
        value = "…" if secret or fetched else _short(error, context)
        args |= {"expected": ", ".join(choices) or expected, "value": value}
        if meant := nearest(value, choices):
            args["meant"], hint = meant, _("did you mean '{meant}'? There are {expected}")
    return says, hint, args


def _short(error: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    value = context.get("tag", error["input"])
    return str(value)[:40] if isinstance(value, str | int | float) else "…"
