"""What a technician says about a camera: what to look at, and where people are counted in its picture."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from drivers.base import Options

LINES_MAX = 16
ZONES_MAX = 32
CORNERS_MAX = 32
NAME_PATTERN = r"^[^\s:=;,]{1,40}$"

Part = Annotated[float, Field(ge=0.0, le=1.0)]  # of the picture's width or height, from its top left corner
Way = Literal["up", "down", "left", "right"]
Anchor = Literal["centroid", "foot"]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class Point(NamedTuple):
    """A place in the picture: fractions of its width and height, from the top left corner."""

    x: Part
    y: Part


class Box(NamedTuple):
    """An upright rectangle, in fractions of the picture: its left and top edge, its width and height."""

    x: Part
    y: Part
    w: Part
    h: Part


Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=CORNERS_MAX)]


class Line(BaseModel):
    """A line that people cross, and which way is in."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    a: Point
    b: Point
    inward: Way = Field(alias="in")


class CameraOptions(Options):
    """Where people are counted; every place is a fraction of the picture, from its top left corner."""

    lines: dict[Name, Line] = Field(
        default={},
        max_length=LINES_MAX,
        description="Lines that people cross, by name: `{door: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}}`; "
        "`in` is where somebody moves to in the picture who comes in: `up`, `down`, `left`, `right`.",
    )
    zones: dict[Name, Polygon] = Field(
        default={},
        max_length=ZONES_MAX,
        description="Sales areas, by name, each by its corners: "
        "`{shoes: [[0, 0], [0.4, 0], [0.4, 1], [0, 1]]}`.",
    )
    masks: Annotated[tuple[Polygon, ...], Field(max_length=ZONES_MAX)] = Field(
        default=(), description="Places that are not looked at: a screen, a fan, a street behind glass."
    )
    anchor: Anchor = Field(
        default="centroid",
        description="What of a person crosses a line: `centroid` under a camera that looks straight down, "
        "`foot` when it looks from the side.",
    )
    persons: Annotated[tuple[Box, ...], Field(max_length=2)] = Field(
        default=(),
        description="One or two boxes, `[x, y, width, height]`, each drawn around one person, near and far; "
        "without them the size of people is learned from those who walk alone.",
    )
