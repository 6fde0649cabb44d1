"""What a technician says about a camera: what to look at, and where people are counted in its picture."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from drivers.base import Options
from drivers.counter.camera import written

LINES_MAX = 16
ZONES_MAX = 32
CORNERS_MAX = 32
PERSONS_MAX = 2

Part = Annotated[float, Field(ge=0.0, le=1.0)]  # of the picture's width or height, from its top left corner
Extent = Annotated[float, Field(gt=0.0, le=1.0)]  # the same, of what has a size
Way = Literal["up", "down", "left", "right"]
Anchor = Literal["centroid", "foot"]
Name = Annotated[str, Field(pattern=written.NAME_PATTERN), BeforeValidator(written.name)]
Hours = Annotated[str, Field(pattern=written.HOURS_PATTERN), BeforeValidator(written.hours)]
Detector = Annotated[
    str, Field(pattern=written.DETECTOR_PATTERN, max_length=400), BeforeValidator(written.detector)
]


class Point(NamedTuple):
    """A place in the picture: fractions of its width and height, from the top left corner."""

    x: Part
    y: Part


class Box(NamedTuple):
    """An upright rectangle, in fractions of the picture: its left and top edge, its width and height."""

    x: Part
    y: Part
    w: Extent
    h: Extent


Place = Annotated[Point, BeforeValidator(written.place)]
Person = Annotated[Box, BeforeValidator(written.box)]
Persons = Annotated[tuple[Person, ...], Field(max_length=PERSONS_MAX), BeforeValidator(written.boxes)]
Polygon = Annotated[
    tuple[Place, ...],
    Field(max_length=CORNERS_MAX, json_schema_extra={"minItems": written.CORNERS_LEAST}),
    BeforeValidator(written.corners),
]
Masks = Annotated[tuple[Polygon, ...], Field(max_length=ZONES_MAX), BeforeValidator(written.masks)]


class Line(BaseModel):
    """A line that people cross, and which way is in."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    a: Place
    b: Place
    inward: Way = Field(alias="in")

    @model_validator(mode="after")
    def _has_two_sides(self) -> Self:
        dx, dy = self.b.x - self.a.x, self.b.y - self.a.y
        if not dx and not dy:
            raise PydanticCustomError("line_without_length", "both ends of this line are in one place")
        if not (dx if self.inward in ("up", "down") else dy):
            raise PydanticCustomError("line_along_its_in", "nobody crosses this line on the way that is 'in'")
        return self


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
    masks: Masks = Field(
        default=(), description="Places that are not looked at: a screen, a fan, a street behind glass."
    )
    anchor: Anchor = Field(
        default="centroid",
        description="What of a person crosses a line: `centroid` under a camera that looks straight down, "
        "`foot` when it looks from the side.",
    )
    persons: Persons = Field(
        default=(),
        description="One or two boxes, `[x, y, width, height]`, each drawn around one person, near and far; "
        "without them the size of people, and how it grows towards the camera, is learned from walkers.",
    )
    frames_per_s: float = Field(
        default=25.0,
        ge=1,
        le=30,
        description="Pictures looked at in a second, at most. 10 costs less than half of 25 and is nearly as "
        "good where people walk one by one; a crowd at a door wants all there are.",
    )
    row_s: int = Field(
        default=60,
        ge=0,
        le=900,
        description="Seconds for which crossings of a line are added up before they are told; 0: none.",
    )
    visit_min_s: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="Seconds that somebody is in a zone before it is a visit; shorter is passing through.",
    )
    occupancy_s: int = Field(
        default=60,
        ge=5,
        le=900,
        description="Seconds between two looks at how many people are in each zone; told only when changed, "
        "and every quarter of an hour.",
    )
    hours: Hours = Field(
        default="",
        description="When it counts, in the store's time: `08:00-22:00`, or `08:00-12:00,14:00-01:00`. "
        "Outside of it the camera is let go. Empty: always.",
    )
    cpus: Annotated[tuple[Annotated[int, Field(ge=0, le=1023)], ...], Field(max_length=64)] = Field(
        default=(), description="Processors that it may use, by number: `[2, 3]`. Empty: any."
    )
    nice: int = Field(
        default=5, ge=0, le=19, description="How much it stands back behind other programs; 0: not at all."
    )
    detector: Detector = Field(
        default="",
        description="A model that knows people, by its path: YOLOX, YOLOv5 or YOLOv8 as `.onnx`, 32 MiB at "
        "most, a person the first thing it knows. It confirms who was never seen apart from others. "
        "Empty: none, and none is needed.",
    )
    detector_least: float = Field(
        default=0.3, ge=0.05, le=0.95, description="How sure the detector must be that it sees a person."
    )
    detector_per_s: float = Field(
        default=2.0,
        gt=0,
        le=10,
        description="How often in a second the detector is asked, at most; it never takes more than a fifth "
        "of the time.",
    )
    detector_refuses: bool = Field(
        default=False,
        description="Who is never seen by the detector does not count: a dog, a trolley, a door. Only for a "
        "camera at which it sees nearly everybody; not for one above a crowd.",
    )
