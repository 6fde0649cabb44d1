"""What is drawn into a camera's picture, written with a slip of the pen."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.counter.camera.options import CameraOptions

RIGHT = [[0, 0], [1, 0], [1, 1]]
HIGH = {"a": [0, 0.1], "b": [1, 0.1], "in": "up"}


def found(options: dict[str, Any]) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as bad:
        CameraOptions.model_validate(options)
    return [(error["loc"], error["type"]) for error in bad.value.errors()]


@pytest.mark.parametrize(
    ("options", "place", "kind"),
    [
        ({"persons": [0.4, 0.4, 0.14, 0.18]}, ("persons",), "boxes_written"),
        ({"persons": ["0.4", "0.4", "0.14", "0.18"]}, ("persons",), "boxes_written"),
        ({"persons": 0.4}, ("persons",), "boxes_written"),
        ({"persons": [[0.4, 0.4, 0.1]]}, ("persons", 0), "box_written"),
        ({"persons": [[0.4, 0.4, 0.1, 0.2, 0.3]]}, ("persons", 0), "box_written"),
        ({"persons": [None]}, ("persons", 0), "box_written"),
        ({"lines": {"x": HIGH | {"a": 0.1}}}, ("lines", "x", "a"), "place_written"),
        ({"lines": {"x": HIGH | {"a": [0, 0, 1]}}}, ("lines", "x", "a"), "place_written"),
        ({"lines": {"by the door": HIGH}}, ("lines", "by the door", "[key]"), "name_written"),
        ({"zones": {"x": [0, 0.5, 1, 0.5]}}, ("zones", "x"), "corners_written"),
        ({"zones": {"x": [0, 0, 1, 0, 1, 1]}}, ("zones", "x"), "corners_written"),
        ({"zones": {"x": None}}, ("zones", "x"), "corners_written"),
        ({"zones": {"x": [*RIGHT, [1]]}}, ("zones", "x", 3), "place_written"),
        ({"zones": {"x": RIGHT[:2]}}, ("zones", "x"), "too_short"),
        ({"masks": RIGHT}, ("masks",), "masks_written"),
        ({"masks": [0, 0, 1, 0, 1, 1]}, ("masks",), "masks_written"),
        ({"masks": [RIGHT, [0, 0, 1, 0, 1, 1]]}, ("masks", 1), "corners_written"),
        ({"hours": "08:00-22:00\n"}, ("hours",), "hours_written"),
        ({"hours": 8}, ("hours",), "string_type"),
        ({"detector": "yolox.pt"}, ("detector",), "detector_written"),
    ],
)
def test_a_slip_of_the_pen_is_one_mistake(options: dict[str, Any], place: tuple[int | str, ...], kind: str):
    assert found(options) == [(place, kind)]


@pytest.mark.parametrize(
    "area", [{"zones": {"x": [[0, 0], [1.5, 0], [1, 1]]}}, {"masks": [[[0, 0], [1.5, 0], [1, 1]]]}]
)
def test_a_corner_outside_of_the_picture_does_not_make_the_corners_too_few(area: dict[str, Any]):
    ((place, kind),) = found(area)
    assert (place[-2:], kind) == ((1, 0), "less_than_equal")


def test_what_is_rightly_written_is_taken():
    options = CameraOptions.model_validate(
        {
            "lines": {"门": HIGH},
            "zones": {"x": RIGHT},
            "masks": [RIGHT, [[0, 0], (0.1, 0), (0, 0.1)]],
            "persons": [[0.4, 0.4, 0.1, 0.2]],
            "hours": "08:00-12:00,14:00-01:00",
            "detector": "/opt/yolox.onnx",
        }
    )
    assert options.zones["x"][1].x == 1
    assert CameraOptions.model_validate(options.model_dump(by_alias=True)) == options
    assert CameraOptions.model_validate({"masks": [], "persons": [], "zones": {}}) == CameraOptions()


def test_the_schema_for_editors_says_how_many_corners_there_are():
    masks = CameraOptions.model_json_schema()["properties"]["masks"]
    assert (masks["items"]["minItems"], masks["items"]["maxItems"]) == (3, 32)
