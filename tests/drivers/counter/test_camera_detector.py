"""Models become boxes of people: what three kinds of them say, and what is done with anything else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.camera.detector import (
    BOXES_MAX,
    MODEL_BYTES_MAX,
    Detector,
    Floats,
    Layout,
    best,
    filled,
    layout_of,
    read_detector,
)
from drivers.errors import NoDetector

WIDE, HIGH = 416, 256  # what is asked about of a picture of 16 to 9
CELLS = 52 * 32 + 26 * 16 + 13 * 8
AT = 52 * 10 + 20  # the cell of 8 pixels that is the 21st of the 11th row: its corner is 160, 80
WHITE, BLACK = (np.full((360, 640, 3), grey, np.uint8) for grey in (255, 0))


def model(said: Floats, *, takes: tuple[int, ...], bright: float) -> bytes:
    """An ONNX file, byte by byte: says `said` of a white picture, all zeros of a black one.

    `bright`: what white is in it. The numbers of the fields are those of onnx.proto3.
    """

    def varint(number: int) -> bytes:
        return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

    def field(number: int, value: int | str | bytes) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        value = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(value)) + value

    def value(name: str, shape: tuple[int, ...]) -> bytes:
        dims = b"".join(field(1, field(1, size)) for size in shape)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))

    def node(kind: str, given: list[str], made: str, attributes: bytes = b"") -> bytes:
        names = b"".join(field(1, name) for name in given)
        return field(1, names + field(2, made) + field(4, kind) + attributes)

    def tensor(name: str, values: Floats) -> bytes:
        sizes = b"".join(field(1, size) for size in values.shape)
        return field(5, sizes + field(2, 1) + field(8, name) + field(9, values.astype("<f4").tobytes()))

    flat = field(5, field(1, "keepdims") + field(3, 0) + field(20, 2))
    graph = node("GlobalMaxPool", ["images"], "each") + node("ReduceMax", ["each"], "light", flat)
    graph += node("Mul", ["said", "light"], "output") + field(2, "tiny") + tensor("said", said / bright)
    graph += field(11, value("images", takes)) + field(12, value("output", said.shape))
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)


def said_of(layout: Layout, *, cells: int = CELLS, things: int = 2) -> Floats:
    """One person: in the middle 168, 88, 40 wide and 80 high, as sure as 0.63."""
    if layout == "yolov8":
        said = np.zeros((1, 4 + things, cells), np.float32)
        said[0, :5, AT] = 168, 88, 40, 80, 0.63
        return said
    said = np.zeros((1, cells * (3 if layout == "yolov5" else 1), 5 + things), np.float32)
    said[0, AT, :6] = 168, 88, 40, 80, 0.9, 0.7
    if layout == "yolox":
        said[0, AT, :4] = 1.0, 1.0, np.log(5), np.log(10)
    return said


def detector(
    layout: Layout, said: Floats | None = None, takes: tuple[int, ...] = (1, 3, HIGH, WIDE)
) -> Detector:
    bright = 255.0 if layout == "yolox" else 1.0
    return Detector(
        model(said_of(layout) if said is None else said, takes=takes, bright=bright), 0.3, "it.onnx"
    )


@pytest.mark.parametrize("layout", ["yolox", "yolov5", "yolov8"])
def test_each_kind_of_model_tells_where_in_the_picture_somebody_is(layout: Layout) -> None:
    (body,) = detector(layout).people(WHITE)
    # 640 pixels were made 416, so the picture fills 416 × 234 of what the model looks at.
    assert body == pytest.approx((168 / 416, 88 / 234, 40 / 416, 80 / 234, 0.63), rel=1e-4)


@pytest.mark.parametrize("layout", ["yolox", "yolov5", "yolov8"])
def test_a_picture_in_which_nobody_is_has_nobody(layout: Layout) -> None:
    assert detector(layout).people(BLACK) == []


def test_a_model_that_takes_squares_only_is_given_squares() -> None:
    cells = 52 * 52 + 26 * 26 + 13 * 13
    (body,) = detector("yolov8", said_of("yolov8", cells=cells)).people(WHITE)
    assert (body.x, body.w) == pytest.approx((168 / 416, 40 / 416))


def test_pictures_of_another_size_are_fitted_anew() -> None:
    one = detector("yolox")
    (small,), (large,) = one.people(WHITE), one.people(np.full((1080, 1920, 3), 255, np.uint8))
    assert small == pytest.approx(large, rel=0.01)


def test_of_boxes_around_one_person_the_surest_stays() -> None:
    person, again, other = (100, 100, 40, 80, 0.6), (104, 98, 42, 80, 0.9), (150, 100, 40, 80, 0.5)
    nobody = (300, 100, 40, 80, 0.1)
    assert best(np.array([person, again, other, nobody], np.float32), 0.3) == pytest.approx(
        np.array([again, other], np.float32)
    )


def test_none_is_left_of_none() -> None:
    assert best(np.zeros((0, 5), np.float32), 0.3).shape == (0, 5)


@given(st.lists(st.floats(width=32), min_size=5, max_size=60), st.floats(0.05, 0.95))
def test_whatever_a_model_says_boxes_are_sure_and_have_a_place(said: list[float], least: float) -> None:
    rows = np.array(said[: len(said) // 5 * 5], np.float32).reshape(-1, 5)
    kept = best(rows, least)
    assert len(kept) <= len(rows)
    assert np.isfinite(kept).all()
    assert (kept[:, 4] >= np.float32(least)).all()


def test_no_more_than_the_surest_boxes_are_looked_at() -> None:
    crowd = np.array([(100 * x, 100 * y, 40, 80, 0.5) for x in range(40) for y in range(40)], np.float32)
    assert len(best(crowd, 0.3)) == BOXES_MAX


def test_a_picture_is_filled_up_with_grey() -> None:
    made = filled(WHITE, 0.65, WIDE, HIGH)
    assert made.shape == (HIGH, WIDE, 3)
    assert made[233, 415].tolist() == [255, 255, 255]
    assert made[234, 0].tolist() == [114, 114, 114]


@pytest.mark.parametrize(
    "shape",
    [(1, 100, 85), (1, CELLS, 5), (1, 4, CELLS), (2, CELLS, 85), (CELLS, 85), (1, 300, 6)],
    ids=["cells", "no thing", "no thing in columns", "two pictures", "flat", "boxes already chosen"],
)
def test_models_of_other_kinds_are_refused(shape: tuple[int, ...]) -> None:
    assert layout_of(np.zeros(shape, np.float32), WIDE, HIGH) is None


def test_one_that_is_not_understood_says_so_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(model(np.zeros((1, 100, 85), np.float32), takes=(1, 3, HIGH, WIDE), bright=1.0))
    assert refused(path) == "layout"


def test_yolox_with_its_boxes_in_pixels_is_no_yolox_that_we_read(tmp_path: Path) -> None:
    path = tmp_path / "pixels.onnx"
    said = np.full((1, CELLS, 85), 200.0, np.float32)
    path.write_bytes(model(said, takes=(1, 3, HIGH, WIDE), bright=114.0))
    assert refused(path) == "layout"


def test_a_file_that_is_of_no_use_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "half.onnx").write_bytes(
        model(said_of("yolox"), takes=(1, 3, HIGH, WIDE), bright=255)[:20_000]
    )
    with (tmp_path / "large.onnx").open("wb") as large:
        large.truncate(MODEL_BYTES_MAX + 1)
    names = ("nowhere", "text", "empty", "half", "large")
    whys = {name: refused(tmp_path / f"{name}.onnx") for name in names}
    assert whys == {
        "nowhere": "missing",
        "text": "not_onnx",
        "empty": "not_onnx",
        "half": "not_onnx",
        "large": "large",
    }
    os.mkfifo(tmp_path / "pipe.onnx")
    assert [refused(path) for path in (tmp_path, tmp_path / "pipe.onnx", Path("a\0.onnx"))] == [
        "unreadable"
    ] * 3


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(model(said_of("yolox"), takes=(1, 3, HIGH, WIDE), bright=255.0))
    assert len(read_detector(path, 0.3).people(WHITE)) == 1


def refused(path: Path) -> str:
    with pytest.raises(NoDetector) as error:
        read_detector(path, 0.3)
    assert error.value.path == str(path)
    return error.value.why
