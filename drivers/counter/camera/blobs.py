"""A frame becomes blobs: what moved in front of what always stands there.

    frame ──► gain ──► background (MOG2) ──► light off ──► open, close ──► components

The light of the whole picture is taken out first (a lamp, a cloud, the camera's own exposure), since a model
of each pixel for itself cannot know it from people. Where tracks say that somebody stands, nothing is
learned: who waits for ten minutes stays in front. Sources: Zivkovic 2004 for the model; the numbers were
measured on labelled clips.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.light import Light, Mask
from drivers.counter.camera.shapes import Picture

VARIANCE_THRESHOLD = 16.0
SHADOW_THRESHOLD = 0.62  # the default of 0.5 takes dark clothes for shadows
BACKGROUND_RATIO = 0.7  # what stands for less than a third of what is remembered is not background yet
LEARN_S = 40.0  # how long the background remembers, once it is known …
LEARN_FIRST_S = 2.0  # … and at first
LEARN_EVERY_S = 0.2  # learning costs as much as looking: at 10 pictures a second every other one
FLOOD_SHARE = 0.45  # of the picture in front: no crowd, but the light


class Blob(NamedTuple):
    """A connected piece of the foreground, in pixels of the small picture."""

    label: int
    x: int
    y: int
    w: int
    h: int
    area: int
    cx: float
    cy: float


class Foreground(NamedTuple):
    """What stands before the background in one frame."""

    even: Picture  # in the light of the background
    mask: Mask
    labels: NDArray[np.int32]  # of the shape of the mask: 0, or the label of a blob
    blobs: list[Blob]
    flooded: bool  # the whole picture changed: nobody can be seen in it


def blobs_of(mask: Mask) -> tuple[NDArray[np.int32], list[Blob]]:
    """The label of each pixel, 0 for none, and the connected pieces."""
    _, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    pieces = enumerate(zip(stats.tolist(), middles.tolist(), strict=True))
    blobs = [Blob(label, x, y, w, h, area, cx, cy) for label, ((x, y, w, h, area), (cx, cy)) in pieces]
    return np.asarray(labels, np.int32), blobs[1:]


class Background:
    """What always stands there, learned from frames of one size."""

    def __init__(self, width_px: int, height_px: int, looked: Mask | None = None) -> None:
        """`looked` is 255 where anybody is looked for; None: everywhere."""
        self._model = cv2.createBackgroundSubtractorMOG2(500, VARIANCE_THRESHOLD, True)
        self._model.setShadowThreshold(SHADOW_THRESHOLD)
        self._model.setBackgroundRatio(BACKGROUND_RATIO)
        self._looked = looked
        self._began_s: float | None = None
        self._learned_s = 0.0
        self._gain = Gain()
        self._light = Light()
        self._open = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        self._close = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))

    def look(self, small: Picture, t_s: float, standing: Mask | None) -> Foreground:
        """`standing` is 255 where people are known to be: nothing is learned there."""
        even = self._gain.even(small)
        if self._began_s is None:
            self._began_s = self._learned_s = t_s
            self._model.apply(even, learningRate=1.0)
        mask = self._mask(even)
        flooded = bool(np.count_nonzero(mask) > FLOOD_SHARE * mask.size)
        since_s = t_s - self._learned_s
        if since_s >= LEARN_EVERY_S or flooded:
            memory_s = min(LEARN_S, max(LEARN_FIRST_S, t_s - self._began_s))
            self._learn(even, mask, min(0.5, since_s / memory_s), None if flooded else standing)
            self._learned_s = t_s
        labels, blobs = blobs_of(mask)
        return Foreground(even, mask, labels, blobs, flooded)

    def _mask(self, even: Picture) -> Mask:
        raw = _bytes(self._model.apply(even, learningRate=0))
        mask = self._light.bodies(even, raw)
        if self._looked is not None:
            mask &= self._looked
        opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._open)
        return _bytes(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, self._close))

    def _learn(self, even: Picture, mask: Mask, rate: float, standing: Mask | None) -> None:
        if standing is None:
            self._model.apply(even, learningRate=rate)
        else:
            # By keyword: by place, Python would take it for the output and silently do nothing.
            self._model.apply(even, knownForegroundMask=standing, learningRate=rate)
        bare = _bytes(self._model.getBackgroundImage())
        self._light.learn(bare)
        self._gain.learn(bare, mask)


THUMB_PX = 5  # of the small picture are one: there a shaking camera does not show
GAIN_LEAST = 0.012  # less is noise
GAIN_MIN = 0.1  # with so little of the light nothing can be made even: the picture is black
GAIN_SPREAD = 0.15  # the middle quantiles farther apart: it was no change of the whole picture's light
DARK, BRIGHT = 24, 235  # outside of it a pixel's ratio says nothing
QUANTILES = (0.3, 0.5, 0.7)
ROW_SPREAD = 0.06  # in one row there is less that differs
ROW_SHARE = 0.4  # of its places: with fewer a row does not say how much light it has
BANDS_LEAST = 0.02  # off the whole picture's light …
BANDS_SHARE = 0.6  # … in so many rows, at most: else there are no bands
USABLE_SHARE = 0.15  # of the picture: less says nothing


class Gain:
    """The light of the whole picture against that of the background, taken out."""

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None
        self._empty: NDArray[np.bool_] | None = None

    def even(self, small: Picture) -> Picture:
        """The picture as it would be in the light of the background."""
        if self._reference is None or self._empty is None:
            return small
        thumb = _thumb(small)
        usable = self._empty & (self._reference > DARK) & (self._reference < BRIGHT) & (thumb < 245)
        if np.count_nonzero(usable) < USABLE_SHARE * usable.size:
            return small
        ratio = np.asarray(thumb / np.maximum(self._reference, 1), np.float32)
        low, gain, high = np.quantile(ratio[usable], QUANTILES)
        if gain < GAIN_MIN or high - low > GAIN_SPREAD * gain:
            return small
        rows = _rows(ratio, usable, float(gain))
        if np.quantile(np.abs(rows / gain - 1), BANDS_SHARE) > BANDS_LEAST:
            each = np.asarray(cv2.resize(1 / rows[:, None], (1, len(small))), np.float32)
            spread = np.ascontiguousarray(np.broadcast_to(each[..., None], small.shape))
            return _bytes(cv2.multiply(small, spread, dtype=cv2.CV_8U))
        if abs(gain - 1) < GAIN_LEAST:
            return small
        return _bytes(cv2.convertScaleAbs(small, alpha=1 / float(gain)))

    def learn(self, bare: Picture, mask: Mask) -> None:
        """`bare` is the background as it is known now, `mask` what stands before it."""
        self._reference = _thumb(bare)
        height, width = self._reference.shape
        self._empty = _bytes(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)) < 25


def _rows(ratio: NDArray[np.float32], usable: NDArray[np.bool_], gain: float) -> NDArray[np.float32]:
    """The light of each row, as a rolling shutter sees lamps that flicker; `gain` where none is told."""
    found = np.full(len(ratio), gain, np.float32)
    ordered = np.sort(np.where(usable, ratio, np.inf), axis=1)
    counts = np.count_nonzero(usable, axis=1)
    low, middle, high = (
        np.take_along_axis(ordered, np.rint(np.maximum(counts - 1, 0) * part).astype(int)[:, None], axis=1)[
            :, 0
        ]
        for part in QUANTILES
    )
    says = counts >= ROW_SHARE * ratio.shape[1]
    says[says] = high[says] - low[says] < ROW_SPREAD * middle[says]
    found[says] = middle[says]
    return found


def _thumb(small: Picture) -> NDArray[np.float32]:
    height, width = small.shape[:2]
    few = max(1, width // THUMB_PX), max(1, height // THUMB_PX)
    gray = cv2.cvtColor(cv2.resize(small, few, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(gray, np.float32)


def _bytes(picture: Any) -> NDArray[np.uint8]:
    """What cv2 gives, with the type that it has."""
    return np.asarray(picture, np.uint8)
