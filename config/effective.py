"""Settings as they come out, for showing: defaults filled in, secrets masked."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from config.load import Loaded
from config.mistakes import Steps, path_text

MASK = "********"
LINE_MAX_CHARS = 110


def plain(settings: BaseModel) -> dict[str, Any]:
    """The settings as plain values, secrets still wrapped (SecretStr)."""
    dumped = settings.model_dump(mode="python")
    values = _plain(dumped)
    assert isinstance(values, dict)
    return values


def masked(values: Any, secrets: Collection[Steps] = (), steps: Steps = ()) -> Any:
    """The same with MASK for every secret: by its type, or because it came by !secret."""
    if values is not None and (isinstance(values, SecretStr) or steps in secrets):
        return MASK
    if isinstance(values, Mapping):
        return {name: masked(value, secrets, (*steps, name)) for name, value in values.items()}
    if isinstance(values, list):
        return [masked(value, secrets, (*steps, index)) for index, value in enumerate(values)]
    return _LOGIN.sub(f"{MASK}@", values) if isinstance(values, str) else values


def effective_yaml(loaded: Loaded[Any]) -> str:
    """What the program will go by, as YAML; what the file says is marked with its line."""
    values = masked(plain(loaded.settings), loaded.secrets)
    text = io.StringIO()
    writer = YAML(typ="rt", pure=True)
    writer.width = LINE_MAX_CHARS
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(_commented(values, loaded, ()), text)
    return text.getvalue()


def changes(old: Loaded[Any], new: Loaded[Any]) -> list[tuple[str, str, str]]:
    """(path, old, new) for every setting that comes out differently, as text; "" where there is none.

    A secret that changed shows as MASK on both sides.
    """
    before, after = dict(_leaves(plain(old.settings), ())), dict(_leaves(plain(new.settings), ()))
    secrets = old.secrets | new.secrets
    found = []
    for steps in list(dict.fromkeys([*before, *after])):
        one, other = before.get(steps, _ABSENT), after.get(steps, _ABSENT)
        if one != other:
            hidden = steps in secrets or isinstance(one, SecretStr) or isinstance(other, SecretStr)
            found.append((path_text(steps), _shown(one, hidden), _shown(other, hidden)))
    return found


_ABSENT = object()
_LOGIN = re.compile(r"(?<=://)[^/\s]*:[^\s]*@")  # a name and password in an address, as a camera's


def _shown(value: Any, hidden: bool) -> str:
    if value is _ABSENT:
        return ""
    if hidden and value is not None:
        return MASK
    return json.dumps(masked(value), ensure_ascii=False)


def _leaves(values: Any, steps: Steps) -> list[tuple[Steps, Any]]:
    if isinstance(values, Mapping) and values:
        return [leaf for name, value in values.items() for leaf in _leaves(value, (*steps, name))]
    if isinstance(values, list) and values:
        return [leaf for index, value in enumerate(values) for leaf in _leaves(value, (*steps, index))]
    return [(steps, values)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str | SecretStr):
        return value
    return str(value)


def _commented(value: Any, loaded: Loaded[Any], steps: Steps) -> Any:
    if isinstance(value, dict):
        group = CommentedMap()
        for name, inner in value.items():
            below = (*steps, name)
            group[name] = _commented(inner, loaded, below)
            place = loaded.places.get(below)
            if place and not (isinstance(inner, dict | list) and inner):
                group.yaml_add_eol_comment(f"{place.file.name}:{place.line}", name)
        return group
    if isinstance(value, list):
        return CommentedSeq(_commented(inner, loaded, (*steps, index)) for index, inner in enumerate(value))
    return value
