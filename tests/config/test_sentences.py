"""Pydantic's findings in our own words."""

from __future__ import annotations

import string
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args
from uuid import UUID

import pytest
from pydantic import (
    AwareDatetime,
    Field,
    FutureDate,
    HttpUrl,
    NaiveDatetime,
    PastDate,
    TypeAdapter,
    ValidationError,
)
from pydantic_core.core_schema import ErrorType

from config.mistakes import filled
from config.sentences import SENTENCES, sentence
from config.shape import Section
from drivers.counter.camera.options import CameraOptions, Line

# Kinds that pydantic makes in Python, beside those of its core.
IN_PYTHON = {
    "path_type",
    "ip_any_address",
    "ip_any_network",
    "ip_v4_address",
    "ip_v6_address",
    "string_sub_type",
}

OF_DRIVERS = {
    "line_without_length",
    "line_along_its_in",
    "place_written",
    "box_written",
    "boxes_written",
    "corners_written",
    "masks_written",
    "name_written",
    "hours_written",
    "detector_written",
}


class Colour(Enum):
    """Some choices."""

    RED = "red"


class Spot(NamedTuple):
    """Written as a list."""

    x: float
    y: float


class Group(Section):
    """A group with a name that must be given."""

    name: str = Field(description="What it is called.")


EXAMPLES: list[tuple[object, object]] = [
    (int, "x"),
    (int, 1.5),
    (int, []),
    (int, "9" * 5000),
    (float, "x"),
    (float, {}),
    (bool, "x"),
    (bool, []),
    (str, 1),
    (Annotated[str, Field(min_length=3)], "x"),
    (Annotated[str, Field(max_length=3)], "xxxx"),
    (Annotated[str, Field(pattern="^a$")], "b"),
    (Annotated[int, Field(gt=1)], 0),
    (Annotated[int, Field(ge=1)], 0),
    (Annotated[int, Field(lt=1)], 2),
    (Annotated[int, Field(le=1)], 2),
    (Annotated[int, Field(multiple_of=2)], 1),
    (Annotated[float, Field(allow_inf_nan=False)], float("nan")),
    (Annotated[list[int], Field(min_length=2)], [1]),
    (Annotated[list[int], Field(max_length=1)], [1, 2]),
    (Annotated[Decimal, Field(max_digits=2)], "1.234"),
    (Annotated[Decimal, Field(decimal_places=1)], "1.23"),
    (Decimal, "x"),
    (list[int], "x"),
    (tuple[int, ...], "x"),
    (set[int], "x"),
    (frozenset[int], "x"),
    (dict[str, int], "x"),
    (Group, "x"),
    (Group, {}),
    (Group, {"name": "x", "bogus": 1}),
    (Literal["red", "blue"], "rde"),
    (Colour, "rde"),
    (date, "x"),
    (date, []),
    (PastDate, "2999-01-01"),
    (FutureDate, "1999-01-01"),
    (time, "x"),
    (datetime, "x"),
    (AwareDatetime, "2026-03-31T00:00:00"),
    (NaiveDatetime, "2026-03-31T00:00:00Z"),
    (timedelta, "x"),
    (HttpUrl, "x"),
    (HttpUrl, "ftp://x"),
    (UUID, "x"),
    (Path, 1),
    (IPv4Address, "x"),
    (type(None), 1),
    (Spot, [1]),
    (Line, {"a": [0, 0.5], "b": [0, 0.5], "in": "up"}),
    (Line, {"a": [0, 0.5], "b": [1, 0.5], "in": "left"}),
    (Line, {"a": [0.5, 0], "b": [0.5, 1], "in": "up"}),
    (Line, {"a": 0.1, "b": [0.5, 1], "in": "up"}),
    (CameraOptions, {"persons": [0.4, 0.4, 0.1, 0.2]}),
    (CameraOptions, {"persons": [[0.4, 0.4, 0.1]]}),
    (CameraOptions, {"zones": {"x": [0, 0.5, 1, 0.5]}}),
    (CameraOptions, {"zones": {"a b": [[0, 0], [1, 0], [1, 1]]}}),
    (CameraOptions, {"masks": [[0, 0], [1, 1], [0, 1]]}),
    (CameraOptions, {"hours": "8-20"}),
    (CameraOptions, {"detector": "yolox.pt"}),
]


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_each_finding_has_a_sentence_in_both_languages(kind: object, value: object):
    with pytest.raises(ValidationError) as bad:
        TypeAdapter(kind).validate_python(value)
    for error in bad.value.errors():
        assert error["type"] in SENTENCES
        says, hint, args = sentence(error, description="What it is.", secret=False)
        english = [filled(part, args, "en") for part in (says, hint) if part]
        chinese = [filled(part, args, "zh_CN") for part in (says, hint) if part]
        assert all(english)
        assert chinese[0] != english[0]
        assert not any(field in part for part in english + chinese for field in ("{", "}"))


def test_the_table_has_only_kinds_that_pydantic_knows():
    assert set(SENTENCES) - IN_PYTHON - OF_DRIVERS <= set(get_args(ErrorType))


def test_the_table_has_every_kind_that_a_settings_file_can_bring_about():
    # What is left: mistakes of code (attributes, arguments, frozen fields) and of parsers that we do not use.
    never = (
        "json_",
        "argument",
        "positional",
        "keyword",
        "frozen_",
        "attribute",
        "callable",
        "is_",
        "iteration",
        "sentinel",
        "ellipsis",
        "default_factory",
        "exact",
        "named_tuple",
        "needs_python",
        "counter",
        "value_error",
        "assertion",
        "datetime_object",
        "recursion_depth",
    )
    left = {
        kind
        for kind in get_args(ErrorType)
        if kind not in SENTENCES and not any(part in kind for part in never)
    }
    assert left == set()


def test_a_kind_that_nobody_has_put_into_words_is_told_in_pydantics():
    error = {"type": "brand_new", "loc": ("a",), "msg": "It is {odd}.", "input": 1}
    says, _hint, args = sentence(error, description="", secret=False)
    assert filled(says, args, "zh_CN") == "It is {odd}."


def test_what_stands_in_braces_is_a_plain_name():
    for says, hint in SENTENCES.values():
        assert all(
            name is None or name.isidentifier()
            for part in (says, hint)
            for _, name, _, _ in string.Formatter().parse(part)
        )
