"""The counter against PETS 2009's crossroads (S2.L1, view 1), whose every person is known in every picture.

TILLBEAM_CLIPS/pets09/ has the film as OpenCV's samples have it (`vtest.avi`, of whatever size) and the truth
as MOTChallenge has it (`gt.txt`: picture, person, left, top, width, height, in pixels of 768 × 576); neither
is ours to keep. Whose feet go from a third of a width on one side to a third on the other has crossed. The
lines are those across the ways that people walk there; along them nobody knows who crosses.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

FOLDER = Path(os.environ.get("TILLBEAM_CLIPS", "")) / "pets09"
pytestmark = pytest.mark.skipif(
    not os.environ.get("TILLBEAM_CLIPS") or not (FOLDER / "gt.txt").is_file(),
    reason="TILLBEAM_CLIPS does not say where PETS 2009 is",
)
WIDE, HIGH = 768, 576
LINES = (
    (0.15, 0.24, 0.7),
    (0.3, 0.24, 0.7),
    (0.45, 0.24, 0.56),
    (0.6, 0.24, 0.7),
    (0.75, 0.2, 0.75),
    (0.9, 0.2, 0.8),
)
BEYOND = 0.35  # widths of a person
WITHIN_FRAMES = 12
WARMUP_FRAMES = 10


class Truth(NamedTuple):
    frame: int
    way: str
    sure: bool  # well within the line's ends


def people() -> dict[int, dict[int, tuple[float, float, float, float]]]:
    """Of each person, by frame: the middle of their feet, their width and height, in fractions."""
    found: dict[int, dict[int, tuple[float, float, float, float]]] = defaultdict(dict)
    for row in (FOLDER / "gt.txt").read_text().splitlines():
        frame, person, x, y, w, h = (float(value) for value in row.split(",")[:6])
        found[int(person)][int(frame) - 1] = ((x + w / 2) / WIDE, (y + h) / HIGH, w / WIDE, h / HIGH)
    return found


def true_crossings(at: float, top: float, bottom: float) -> list[Truth]:
    found = []
    for steps in people().values():
        side, over, before = 0, Truth(0, "", sure=False), None
        for frame, (x, y, w, _) in sorted(steps.items()):
            across = (x - at) / w
            if before is not None and (before < 0) != (across < 0):
                over = Truth(frame, "in" if across > 0 else "out", sure=top + 0.02 < y < bottom - 0.02)
            before = across
            now = int(np.sign(across)) if abs(across) > BEYOND else 0
            if now and side and now != side and frame > WARMUP_FRAMES:
                found.append(over)
            side = now or side
    return found


def drawn() -> list[tuple[float, float, float, float]]:
    """One person far and one near, as a technician would draw them."""
    boxes = np.array([box for steps in people().values() for box in steps.values()])
    middle = boxes[:, 1] - boxes[:, 3] / 2
    w, h = (np.polyfit(middle, boxes[:, side], 1) for side in (2, 3))
    sizes = [(y, float(np.polyval(w, y)), float(np.polyval(h, y))) for y in (0.3, 0.6)]
    return [(0.5 - w / 2, y - h / 2, w, h) for y, w, h in sizes]


def scored(line: tuple[float, float, float], is_drawn: bool) -> tuple[int, int, int]:
    """True, false and missed ones."""
    from drivers.counter.camera.films import count_film
    from drivers.counter.camera.options import CameraOptions

    at, top, bottom = line
    options = CameraOptions.model_validate(
        {
            "lines": {"line": {"a": (at, top), "b": (at, bottom), "in": "right"}},
            "anchor": "foot",
            "persons": drawn() if is_drawn else [],
        }
    )
    told = [
        each
        for each in count_film(FOLDER / "vtest.avi", options, warmup_frames=WARMUP_FRAMES)
        if "dir" in each
    ]
    truth = true_crossings(*line)
    pairs = sorted(
        (abs(each["frame"] - one.frame), i, j)
        for i, each in enumerate(told)
        for j, one in enumerate(truth)
        if each["dir"] == one.way and abs(each["frame"] - one.frame) <= WITHIN_FRAMES
    )
    theirs: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in theirs and j not in theirs.values():
            theirs[i] = j
    sure = {j for j, one in enumerate(truth) if one.sure}
    found = sure & set(theirs.values())
    return len(found), len(told) - len(theirs), len(sure - found)


@pytest.mark.parametrize("is_drawn", [True, False])
def test_who_crosses_six_lines_of_a_crossroads(is_drawn: bool) -> None:
    # Spawned: cv2 has threads in this process once other tests have used it, and a fork would wait for them.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        said = list(pool.map(scored, LINES, [is_drawn] * len(LINES)))
    tp, false, missed = (sum(each) for each in zip(*said, strict=True))
    assert 2 * tp / (2 * tp + false + missed) >= 0.95, said
