"""The shape of settings models: which model, and so which names and descriptions, stand at a path."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.fields import FieldInfo

from config.mistakes import Steps


class Section(BaseModel):
    """A group of settings. Every field has a description: it becomes the manual, in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    # The parts that a running program takes over on SIGHUP; the others wait for a restart.
    LIVE: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def model_of(cls, field: str, beside: Mapping[str, Any]) -> type[BaseModel] | None:
        """The model of a field whose shape another field decides (a device's options), if it is one."""
        return None


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a path leads: the steps as they stand in the file, and the models that may stand there."""

    steps: Steps
    models: list[type[BaseModel]]


def follow(model: type[BaseModel], location: Steps, values: Any) -> Stand:
    """Follow pydantic's path through a model; `values` are the file's plain values, which may decide a shape.

    Pydantic also names the member of a union that it tried; that is no step in the file and is left out.
    """
    steps: Steps = ()
    shapes: list[Any] = [model]
    for step in location:
        tagged = [shape for shape in shapes if step in _tags(shape)]
        inner = [part for shape in shapes for part in _step(shape, step, values)]
        if _inside(values, step) or inner:
            values = values[step] if _inside(values, step) else None
            shapes = inner
            steps = (*steps, step)
        elif tagged:
            shapes = tagged
    return Stand(steps, [shape for shape in shapes if _is_model(shape)])


def fields_of(models: list[type[BaseModel]]) -> dict[str, FieldInfo]:
    """The fields of the models, by name."""
    return {info.alias or name: info for model in models for name, info in model.model_fields.items()}


def is_secret(info: FieldInfo | None) -> bool:
    """Whether a field may hold what nobody is to read."""
    return info is not None and any(part is SecretStr for part in _parts(info.annotation))


def member_models(info: FieldInfo) -> list[type[BaseModel]]:
    """The models that a field holds: itself, as members of a union, or as items of a list."""
    parts = [part for outer in _parts(info.annotation) for part in (*get_args(outer), outer)]
    return [part for part in parts if _is_model(part)]


def every_path(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every setting, lists left out: ("centre", "url")."""
    for name, info in fields_of([model]).items():
        yield (*above, name)
        for shape in _parts(info.annotation):
            if _is_model(shape) and len(above) < 4:
                yield from every_path(shape, (*above, name))


def _step(shape: Any, step: str | int, values: Any) -> list[Any]:
    if _is_model(shape):
        info = fields_of([shape]).get(str(step))
        if info is None:
            return []
        if issubclass(shape, Section) and isinstance(values, Mapping):
            decided = shape.model_of(str(step), values)
            if decided is not None:
                return [decided]
        return list(_parts(info.annotation))
    if get_origin(shape) in (list, tuple, set, frozenset):
        return [part for inner in get_args(shape) for part in _parts(inner)]
    if get_origin(shape) in (dict, Mapping) and len(get_args(shape)) == 2:
        return list(_parts(get_args(shape)[1]))
    return []


def _parts(annotation: Any) -> Iterator[Any]:
    """A type without its annotations and None; each member of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _parts(member)
    elif annotation is not type(None):
        yield annotation


def _tags(shape: Any) -> tuple[str, ...]:
    """The kinds by which a model can be chosen among others: those of its literal `kind`."""
    kind = shape.model_fields.get("kind") if _is_model(shape) else None
    return get_args(kind.annotation) if kind is not None and get_origin(kind.annotation) is Literal else ()


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _inside(values: Any, step: str | int) -> bool:
    if isinstance(values, Mapping):
        return step in values
    return isinstance(values, list) and isinstance(step, int) and step < len(values)
