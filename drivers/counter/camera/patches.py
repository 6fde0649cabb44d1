"""What somebody looked like a moment ago, found again among others whom they touch.

Where two people are one blob, the blob does not say who is where; their clothes do.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from drivers.counter.camera.shapes import Picture

PART = 0.8  # of a person: the rest of the box is mostly floor
PART_LEAST_PX = 5
SEARCHED = 0.45  # persons around where they should be
NEARER = 0.5  # of likeness, what a person's distance costs
LIKE = 0.45  # correlation: less is somebody else


class Found(NamedTuple):
    """Where somebody's middle is, in pixels of the small picture."""

    x: float
    y: float
    likeness: float  # 1 the same, 0 no relation


def cut(small: Picture, x: float, y: float, w: float, h: float) -> Picture | None:
    """The middle of somebody at x, y who is w × h pixels; None where it leaves the picture."""
    width, height = max(PART_LEAST_PX, round(PART * w)), max(PART_LEAST_PX, round(PART * h))
    left, top = round(x - width / 2), round(y - height / 2)
    if left < 0 or top < 0 or left + width > small.shape[1] or top + height > small.shape[0]:
        return None
    return small[top : top + height, left : left + width].copy()


def find(small: Picture, patch: Picture, x: float, y: float, w: float, h: float) -> Found | None:
    """The place near x, y that looks most like `patch`; None when nothing does."""
    height, width = patch.shape[:2]
    reach_x, reach_y = max(2, round(SEARCHED * w)), max(2, round(SEARCHED * h))
    left, top = round(x - width / 2) - reach_x, round(y - height / 2) - reach_y
    x0, y0 = max(0, left), max(0, top)
    x1 = min(small.shape[1], left + width + 2 * reach_x)
    y1 = min(small.shape[0], top + height + 2 * reach_y)
    if x1 - x0 < width or y1 - y0 < height:
        return None
    like = cv2.matchTemplate(small[y0:y1, x0:x1], patch, cv2.TM_CCOEFF_NORMED)
    aside = (np.arange(like.shape[1], dtype=np.float32) + (x0 + width / 2 - x)) / w
    ahead = (np.arange(like.shape[0], dtype=np.float32) + (y0 + height / 2 - y)) / h
    weighed = like - NEARER * (ahead[:, None] ** 2 + aside[None, :] ** 2)
    _, _, _, (column, row) = cv2.minMaxLoc(weighed)
    likeness = float(like[row, column])
    return Found(column + x0 + width / 2, row + y0 + height / 2, likeness) if likeness >= LIKE else None
