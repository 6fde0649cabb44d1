"""What the page of a camera sends and is sent: the drawing, as the settings have it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from drivers.counter.camera.eye import (
    LineDrawn,
    Lines,
    Masks,
    Named,
    Persons,
    Recount,
    Spot,
    Zones,
)
from drivers.counter.camera.options import LINES_MAX, Anchor, CameraOptions, Way


class LineAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A line, by the names that it has in the settings."""

    a: Spot
    b: Spot
    inward: Way = msgspec.field(name="in")


LinesAsked = Annotated[dict[Named, LineAsked], msgspec.Meta(max_length=LINES_MAX)]


class Drawing(msgspec.Struct, forbid_unknown_fields=True):
    """All that is drawn over a picture, in fractions of it."""

    lines: LinesAsked
    zones: Zones
    masks: Masks
    persons: Persons
    anchor: Anchor

    def plain(self) -> dict[str, Any]:
        """As it stands in YAML: dicts, lists, numbers, texts."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {name: _lists(value) for name, value in found.items()}


class SaveAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The drawing, for the file as it was when it had that revision."""

    revision: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    drawing: Drawing


class UndoAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The last save is to be taken back, in the file of that revision."""

    revision: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class RecountAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Who would have been counted by this drawing between two moments of the worker's clock."""

    lines: LinesAsked
    zones: Zones
    masks: Masks
    persons: Persons
    anchor: Anchor
    from_s: float
    until_s: float

    def question(self) -> Recount:
        lines: Lines = {
            name: LineDrawn(a=one.a, b=one.b, inward=one.inward) for name, one in self.lines.items()
        }
        return Recount(
            lines=lines,
            zones=self.zones,
            masks=self.masks,
            persons=self.persons,
            anchor=self.anchor,
            from_s=self.from_s,
            until_s=self.until_s,
        )


def drawing_of(options: CameraOptions) -> dict[str, Any]:
    """What stands in the settings, in the page's form."""
    wanted = set(Drawing.__struct_fields__)
    found: dict[str, Any] = options.model_dump(mode="json", by_alias=True, include=wanted)
    return found


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value
