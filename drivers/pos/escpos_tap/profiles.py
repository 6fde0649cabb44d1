"""A till model's layout as YAML: read, filled up from the default, compiled.

Raises `BadProfile`, which names the field and what is wrong with it. Expressions come from technicians, so
they are bounded: in number, in length, and none that repeats a repeated group, which takes for ever on some
line; the lines they see are at most `grammar.LINE_MAX` characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drivers.errors import DriverError
from drivers.pos import codepages

FOLDER = Path(__file__).with_name("profiles")
FILE_MAX_BYTES = 64 * 1024
EXPRESSION_MAX = 600  # characters
EXPRESSIONS_MAX = 400  # in one list
_NESTED_REPEAT = re.compile(r"(?<!\\)[+*}]\??\)(?:[+*]|\{\d*,\d*\})")

TENDERS = ("cash", "mobile", "card", "value", "other")


class BadProfile(DriverError):
    """A till profile that cannot be used; says which field, and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Heading(_Part):
    name: list[str] = []
    qty: list[str] = []
    unit: list[str] = []
    amount: list[str] = []
    sku: list[str] = []


class Labels(_Part):
    due: list[str] = []
    total: list[str] = []
    subtotal: list[str] = []
    tax: list[str] = []
    discount: list[str] = []
    change: list[str] = []
    cash: list[str] = []
    mobile: list[str] = []
    card: list[str] = []
    value: list[str] = []
    other: list[str] = []
    received: list[str] = []
    count: list[str] = []


class Numbers(_Part):
    refers_to: list[str] = []
    receipt: list[str] = []
    cashier: list[str] = []
    till: list[str] = []


class Marks(_Part):
    return_: list[str] = Field([], alias="return")
    reprint: list[str] = []
    report: list[str] = []


class Profile(_Part):
    """The layout of one till model's receipts; see profiles/default.yaml for what each field means."""

    name: str
    items: list[str]
    details: list[str]
    name_line: Literal["auto", "before", "after"] = "auto"
    heading: Heading
    labels: Labels
    qualifiers: list[str]
    numbers: Numbers
    marks: Marks
    code_pages: dict[int, str] = {}

    @field_validator("code_pages")
    @classmethod
    def _known_codecs(cls, pages: dict[int, str]) -> dict[int, str]:
        for number, codec in pages.items():
            if not 0 <= number <= 255 or not codepages.known(codec):
                raise ValueError(f"{number}: {codec!r} is no code page that Python knows, as cp437")
        return pages


def load(profile: str) -> Profile:
    """The profile of that name under profiles/, or in the YAML file of that path. Raises BadProfile."""
    default = _default()
    own = {} if profile == "default" else _read(_path(profile))
    try:
        merged = Profile.model_validate(_laid_over(default, own))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise BadProfile(f"profile {profile}: {'; '.join(faults)}") from error
    for path, expressions in _expressions(merged.model_dump(by_alias=True)):
        _check(profile, path, expressions)
    return merged


@lru_cache(maxsize=1)
def _default() -> dict[str, object]:
    return _read(FOLDER / "default.yaml")


def names() -> list[str]:
    """The profiles that come with the driver."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _path(profile: str) -> Path:
    named = FOLDER / f"{profile}.yaml"
    if re.fullmatch(r"[a-z0-9_-]+", profile):
        if not named.is_file():
            raise BadProfile(f"no profile called {profile!r}; there are {', '.join(names())}, or give a path")
        return named
    return Path(profile)


def _read(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise BadProfile(f"{path} is over {FILE_MAX_BYTES} bytes")
        loaded = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadProfile(f"cannot read {path}: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadProfile(f"{path} is no YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise BadProfile(f"{path} is no mapping of fields")
    return loaded


def _laid_over(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = (
            _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return merged


def _expressions(fields: dict[str, object], path: str = "") -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for key, value in fields.items():
        if isinstance(value, dict):
            found += _expressions(value, f"{path}{key}.")
        elif isinstance(value, list):
            found.append((f"{path}{key}", [str(each) for each in value]))
    return found


def _check(profile: str, path: str, expressions: list[str]) -> None:
    where = f"profile {profile}: {path}"
    if len(expressions) > EXPRESSIONS_MAX:
        raise BadProfile(f"{where} has over {EXPRESSIONS_MAX} expressions")
    for expression in expressions:
        if len(expression) > EXPRESSION_MAX:
            raise BadProfile(f"{where} has an expression of over {EXPRESSION_MAX} characters")
        if _NESTED_REPEAT.search(expression):
            raise BadProfile(f"{where}: {expression!r} repeats a repeated group, which can take for ever")
        if path.startswith("numbers.") and "(?P<value>" not in expression:
            raise BadProfile(f"{where}: {expression!r} has no group (?P<value>…)")
        if path.startswith(("labels.", "marks.", "heading.", "qualifiers")) and re.search(
            r"\((?!\?)", expression
        ):
            raise BadProfile(f"{where}: {expression!r} has a group; write (?:…)")
        if path.startswith(("items", "details")):
            continue  # compiled, with what stands for {name} and so on, by the grammar
        try:
            re.compile(expression)
        except re.error as error:
            raise BadProfile(f"{where}: {expression!r} is no regular expression: {error}") from error
