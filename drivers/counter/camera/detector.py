"""A picture becomes people, by a model that somebody else has trained: an ONNX file which the user supplies.

    picture ──► made as large as the model wants ──► the model ──► rows ──► the best box of each person

Three kinds of models are understood, told by the shape of what comes out. n is the number of the model's
cells, of 8, 16 and 32 pixels each way; C the number of things it knows, of which the first is a person:

    yolox    1 × n × (5 + C)    x, y, width, height, anything there, each thing; in cells, and logarithms
    yolov5   1 × 3n × (5 + C)   the same in pixels
    yolov8   1 × (4 + C) × n    x, y, width, height, each thing; in pixels (YOLO11 too)

The first takes blue, green, red from 0 to 255, the others red, green, blue from 0 to 1. Sources: YOLOX,
`demo/ONNXRuntime` and `demo_utils.py`; Ultralytics, `export.py` and `metrics.py` of YOLOv5 and v8.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.shapes import Picture
from drivers.errors import NoDetector

# A camera's process stays small; models for small machines have 4 to 15 MB.
MODEL_BYTES_MAX = 32 * 1024 * 1024
SIDE_PX = 416  # of the picture that is asked about, when the model takes any …
FIXED_PX = (416, 640, 320)  # … else the first of these squares that it takes
TRIED_PX = (640, 360)  # a picture of nothing, so that it is known at once whether a model is understood
CELLS_PX = (8, 16, 32)
GREY = 114  # where there is no picture
# YOLOX says of an empty picture: cells from a row's own cell, logarithms of cells; not pixels.
RAW_MOST = 30.0
LARGEST = 5.0  # the logarithm of a box in cells: 4700 pixels
OVERLAP = 0.5  # of two boxes that are one person
BOXES_MAX = 300  # the surest, of one picture

Layout = Literal["yolox", "yolov5", "yolov8"]
Floats = NDArray[np.float32]
Rows = Floats  # n × 5: x, y of the middle, width, height, in pixels; how sure it is a person, 0 to 1


class Body(NamedTuple):
    """Somebody whom the model sees, in fractions of the picture."""

    x: float  # of the middle
    y: float
    w: float
    h: float
    sure: float


def read_detector(path: Path, least: float) -> Detector:
    """The model in that file, tried; `least`: how sure it must be of a person, 0 to 1. Raises NoDetector."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NoDetector("unreadable", str(path))  # a pipe would keep us waiting
        with path.open("rb") as file:
            model = file.read(MODEL_BYTES_MAX + 1)
    except FileNotFoundError:
        raise NoDetector("missing", str(path)) from None
    except (OSError, ValueError):  # ValueError: a path that is none
        raise NoDetector("unreadable", str(path)) from None
    if len(model) > MODEL_BYTES_MAX:
        raise NoDetector("large", str(path))
    detector = Detector(model, least, str(path))
    detector.people(np.full((TRIED_PX[1], TRIED_PX[0], 3), GREY, np.uint8))
    return detector


class Detector:
    """A model, which looks at pictures of one size after another; by one thread."""

    def __init__(self, model: bytes, least: float, path: str = "") -> None:
        """Raises NoDetector, which tells `path`."""
        self._least, self.path = least, path
        self._of: tuple[int, ...] = ()  # the height and width of pictures for which these hold:
        self._wide = self._high = 0
        self._layout: Layout = "yolox"
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
        except cv2.error:
            raise NoDetector("not_onnx", path) from None

    def people(self, picture: Picture) -> list[Body]:
        """Whom the model sees. Raises NoDetector: it fails, or what it says is not understood."""
        high, wide = picture.shape[:2]
        if self._of != (high, wide):
            self._fit(high, wide)
            self._of = (high, wide)
        part = min(self._wide / wide, self._high / high)
        said = self._said(filled(picture, part, self._wide, self._high), self._layout)
        if layout_of(said, self._wide, self._high) != self._layout:
            raise NoDetector("failed", self.path)
        rows = best(rows_of(said, self._layout, self._wide, self._high), self._least)
        whole = np.array([wide * part, high * part, wide * part, high * part, 1], np.float32)
        return [Body(*row) for row in (rows / whole).tolist()]

    def _fit(self, high: int, wide: int) -> None:
        """Finds out, by trying, what the model takes for such pictures, and says. Raises NoDetector."""
        part = SIDE_PX / max(high, wide)
        for self._wide, self._high in (
            (_in_cells(part * wide), _in_cells(part * high)),
            *((side, side) for side in FIXED_PX),
        ):
            try:
                said = self._said(np.full((self._high, self._wide, 3), GREY, np.uint8), "yolox")
            except NoDetector:
                continue  # it wants pictures of another size
            layout = layout_of(said, self._wide, self._high)
            if layout == "yolox" and float(np.abs(said[..., :4]).max()) > RAW_MOST:
                continue  # exported with its boxes in pixels
            if layout is not None:
                self._layout = layout
                return
        raise NoDetector("layout", self.path)

    def _said(self, picture: Picture, layout: Layout) -> Floats:
        if layout == "yolox":
            blob = cv2.dnn.blobFromImage(picture)
        else:
            blob = cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True)
        try:
            self._net.setInput(blob)
            # The first: YOLOv5's older exports have what it was made from behind it.
            return np.asarray(self._net.forward(self._net.getUnconnectedOutLayersNames())[0], np.float32)
        except cv2.error:
            raise NoDetector("failed", self.path) from None


def filled(picture: Picture, part: float, wide: int, high: int) -> Picture:
    """The picture at `part` of its size, in the upper left of `wide` × `high`."""
    size = max(1, round(picture.shape[1] * part)), max(1, round(picture.shape[0] * part))
    canvas = np.full((high, wide, 3), GREY, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return canvas


def layout_of(said: Floats, wide: int, high: int) -> Layout | None:
    """Which kind of model says this of a picture of `wide` × `high`; None: none that we know."""
    if said.ndim != 3 or len(said) != 1:
        return None
    cells = sum((wide // cell) * (high // cell) for cell in CELLS_PX)
    _, rows, columns = said.shape
    if rows == cells and columns > 5:
        return "yolox"
    if rows == 3 * cells and columns > 5:
        return "yolov5"
    if columns == cells and rows > 4:
        return "yolov8"
    return None


def rows_of(said: Floats, layout: Layout, wide: int, high: int) -> Rows:
    """What the model says, as boxes in pixels of the picture that it was asked about."""
    if layout == "yolov8":
        return said[0, :5].T
    rows = said[0, :, :5].copy()
    rows[:, 4] *= said[0, :, 5]
    if layout == "yolox":
        at = _cells(wide, high)
        rows[:, :2] = (rows[:, :2] + at[:, :2]) * at[:, 2:]
        rows[:, 2:4] = np.exp(np.minimum(rows[:, 2:4], LARGEST)) * at[:, 2:]
    return rows


def best(rows: Rows, least: float) -> Rows:
    """The surest box of each person, the surest person first: of boxes that overlap, one stays."""
    rows = rows[(rows[:, 4] >= least) & np.isfinite(rows).all(axis=1)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")][:BOXES_MAX]
    boxes = rows[:, :4].copy()
    boxes[:, :2] -= boxes[:, 2:] / 2
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), 0.0, OVERLAP)
    return rows[np.asarray(kept, np.intp).reshape(-1)]


def _cells(wide: int, high: int) -> Floats:
    """n × 3: each cell's column, row and size in pixels, in the order in which YOLOX tells them."""
    grids = []
    for cell in CELLS_PX:
        ys, xs = np.mgrid[: high // cell, : wide // cell]
        grids.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, cell)], axis=1))
    return np.concatenate(grids).astype(np.float32)


def _in_cells(length_px: float) -> int:
    """In whole cells of the coarsest, upwards."""
    return max(1, -(-round(length_px) // CELLS_PX[-1])) * CELLS_PX[-1]
