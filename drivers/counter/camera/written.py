"""How what is drawn into a camera's picture is written: a mistake in it is told in one sentence.

Pydantic would tell each number of a list whose brackets were forgotten. Each rule here raises what
`config.sentences` has in both languages; what is of the right form goes on to pydantic, for its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError, PydanticKnownError

CORNERS_LEAST = 3

_SPAN = r"(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)"
HOURS_PATTERN = rf"^(?:{_SPAN}(?:,{_SPAN}){{0,6}})?$"
NAME_PATTERN = r"^[^\s:=;,]{1,40}$"
DETECTOR_PATTERN = r"^(?:.*\.onnx)?$"


def place(given: Any) -> Any:
    """[x, y]"""
    return _right(given, _is_list(given) and len(given) == 2, "place_written", "a place is written [x, y]")


def box(given: Any) -> Any:
    """[x, y, width, height]"""
    says = "a box is written [x, y, width, height]"
    return _right(given, _is_list(given) and len(given) == 4, "box_written", says)


def boxes(given: Any) -> Any:
    """One box without brackets of its own is the likeliest mistake of all."""
    says = "a box is [x, y, width, height], and stands in brackets of its own: [[x, y, width, height]]"
    return _right(given, _holds_lists(given), "boxes_written", says)


def corners(given: Any) -> Any:
    """Counted here: pydantic counts only those that are right, and would tell a wrong one as missing, too."""
    says = "an area is a list of its corners, each in brackets of its own: [[x, y], [x, y], [x, y]]"
    _right(given, _holds_lists(given), "corners_written", says)
    if len(given) < CORNERS_LEAST:
        context = {"field_type": "Tuple", "min_length": CORNERS_LEAST, "actual_length": len(given)}
        raise PydanticKnownError("too_short", context)
    return given


def masks(given: Any) -> Any:
    """One mask without brackets of its own is a list of places, in which no list holds lists."""
    right = _holds_lists(given) and (not given or any(not each or _holds_lists(each) for each in given))
    says = "each mask stands in brackets of its own, also a single one: [[[x, y], [x, y], [x, y]]]"
    return _right(given, right, "masks_written", says)


def matching(pattern: str, kind: str, says: str) -> Callable[[Any], Any]:
    """A text of that form; what is no text, pydantic tells."""
    form = re.compile(pattern)
    return lambda given: _right(given, not isinstance(given, str) or bool(form.fullmatch(given)), kind, says)


name = matching(NAME_PATTERN, "name_written", "a name has 1 to 40 characters, without spaces and : = ; ,")
hours = matching(HOURS_PATTERN, "hours_written", "hours are written 08:00-22:00, or 08:00-12:00,14:00-01:00")
detector = matching(DETECTOR_PATTERN, "detector_written", "a detector is the path of an .onnx file")


def _right(given: Any, right: bool, kind: Any, says: Any) -> Any:
    if not right:
        raise PydanticCustomError(kind, says)
    return given


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple)


def _holds_lists(given: Any) -> bool:
    """Nothing in it is a bare number; empty will do."""
    return _is_list(given) and not any(isinstance(each, int | float | str) for each in given)
