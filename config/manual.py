"""The settings page of the manual and the schemas for editors, made from the models.

python -m config.manual        writes docs/settings.md and config/schema/*.json
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.central import CentralSettings
from config.edge import EdgeSettings
from config.shape import Section, is_secret, member_models


def settings_manual() -> str:
    """The page, in English."""
    lines = [(Path(__file__).parent / "manual_head.md").read_text("utf-8")]
    for title, model in (("The store's box", EdgeSettings), ("Head office's server", CentralSettings)):
        lines.append(f"## {title}\n")
        live = ", ".join(f"`{name}`" for name in sorted(model.LIVE))
        lines.append(f"Taken over while running: {live}. Everything else needs a restart.\n")
        lines += _section(model, "")
    return "\n".join(lines).rstrip() + "\n"


def _section(model: type[BaseModel], path: str) -> Iterator[str]:
    yield "| setting | default | |"
    yield "|---|---|---|"
    below: list[tuple[str, type[BaseModel], str]] = []
    own = [name for name in model.__annotations__ if name in model.model_fields]
    for name in dict.fromkeys([*own, *model.model_fields]):  # what a group inherits stands last
        info = model.model_fields[name]
        models = member_models(info)
        listed = get_origin(info.annotation) is list
        here = f"{path}{name}" + ("[]" if listed and models else "")
        yield f"| `{here}` | {'' if models else _default(info)} | {_cell(_told(info))} |"
        below += [(here, inner, _kind(inner)) for inner in models]
    yield ""
    for here, inner, kind in below:
        if issubclass(inner, Section):
            yield f"### `{here}`" + (f", kind: {kind}" if kind else "") + "\n"
            yield " ".join((inner.__doc__ or "").split()) + "\n"
            yield from _section(inner, f"{here}.")


def _told(info: FieldInfo) -> str:
    return " ".join(part for part in (info.description or "", _limits(info), _choices(info)) if part)


def _limits(info: FieldInfo) -> str:
    least = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    most = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    return f"From {least} to {most}." if least is not None and most is not None else ""


def _choices(info: FieldInfo) -> str:
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    return "One of " + ", ".join(f"`{choice}`" for choice in choices) + "." if len(choices) > 1 else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**must be given**"
    value: Any = info.default
    if value is PydanticUndefined or value is None or value == []:
        return "secret" if is_secret(info) else ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    return str(get_args(kind.annotation)[0]) if kind is not None else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
